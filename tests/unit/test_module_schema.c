/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of a module's own. */
#include "store/module_schema.h"

#include "test_store.h"

static const struct db_column visits_1[] = {
    {.name = "username", .type = DB_TYPE_KEY},
    {.name = "visits", .type = DB_TYPE_INT, .def = "0"},
    {.name = NULL},
};
static const struct db_column visits_2[] = {
    {.name = "username", .type = DB_TYPE_KEY},
    {.name = "visits", .type = DB_TYPE_INT, .def = "0"},
    {.name = "words", .type = DB_TYPE_TEXT, .def = "'none'"},
    {.name = "picture", .type = DB_TYPE_BLOB, .nullable = true},
    {.name = NULL},
};
static const struct db_column visits_bad[] = {
    {.name = "username", .type = DB_TYPE_KEY},
    {.name = "must", .type = DB_TYPE_INT},
    {.name = NULL},
};
static const struct db_column notes[] = {
    {.name = "id", .type = DB_TYPE_SERIAL},
    {.name = "author", .type = DB_TYPE_KEY},
    {.name = NULL},
};
static const struct db_index notes_indexes[] = {{"{host,} author", true}, {NULL}};

#define VISITS(columns_)                                                                                     \
	{                                                                                                    \
		.name = "mod_hello", .columns = columns_, .key = "{host,} username"                          \
	}
static const struct db_table tables_1[] = {VISITS(visits_1), {NULL}};
static const struct db_table tables_2[] = {
    VISITS(visits_2), {.name = "mod_hello_notes", .columns = notes, .indexes = notes_indexes}, {NULL}};
static const struct db_table tables_bad[] = {VISITS(visits_bad), {NULL}};

static int upgraded_from;

static int upgrade(struct db *db, int from, struct err *err)
{
	upgraded_from = from;
	return DB_EXEC(db, err, "UPDATE mod_hello SET words = ? WHERE {host=} username = ?", DB_P_TEXT(STR("new")),
		   DB_P_TEXT(STR("x")), DB_P_TEXT(STR("ann"))) < 0
		   ? -1
		   : 0;
}

static int upgrade_fails(struct db *db, int from, struct err *err)
{
	is_int(db_exec_params(db, "DELETE FROM mod_hello", NULL, 0, err), 1);
	return err_set(err, "no");
}

static const struct db_schema schema_1 = {.version = 1, .tables = tables_1};
static const struct db_schema schema_2 = {.version = 2, .tables = tables_2, .upgrade = upgrade};

static void apply(const struct db_schema *schema)
{
	struct err err = {""};

	is_int(module_schema_apply("mod_hello", schema, &err), 0);
	is_cstr(err.text, "");
}

static void refused(const struct db_schema *schema, const char *why)
{
	struct err err = {""};

	ok(module_schema_apply("mod_hello", schema, &err) < 0);
	is_cstr(err.text, why);
}

static void opened(enum schema_variant variant)
{
	struct err err = {""};

	is_int(test_open(variant, &err), 0);
	is_cstr(err.text, "");
}

#define INSERT_ANN "INSERT INTO mod_hello (username, server_host, visits) VALUES ('ann', 'x', 7)"
#define VERSION "SELECT version FROM schema_version WHERE module = 'mod_hello'"

static void tables_are_made_once(void)
{
	fresh_dir();
	opened(VARIANT_MULTIHOST);
	apply(&schema_1);
	raw_sql(INSERT_ANN);
	apply(&schema_1);
	is_int(raw_int("SELECT visits FROM mod_hello WHERE username = 'ann'"), 7);
	is_int(raw_int(VERSION), 1);
	/* The server's own look at its tables does not mind. */
	store_close();
	opened(VARIANT_ANY);
	apply(&schema_1);
	store_close();
	remove_dir();
}

static void tables_grow(void)
{
	fresh_dir();
	opened(VARIANT_MULTIHOST);
	apply(&schema_1);
	raw_sql(INSERT_ANN);
	upgraded_from = 0;
	apply(&schema_2);
	is_int(upgraded_from, 1);
	is_int(raw_int(VERSION), 2);
	is_int(raw_int("SELECT count(*) FROM mod_hello WHERE visits = 7 AND words = 'new' AND picture IS NULL"),
	    1);
	is_int(raw_int("SELECT count(*) FROM mod_hello_notes"), 0);
	refused(&schema_1, "its tables in the database are version 2 and this module knows up to version 1; load "
			   "the newer module");
	store_close();
	remove_dir();
}

static void a_single_host_has_no_column_for_it(void)
{
	fresh_dir();
	opened(VARIANT_SINGLE);
	apply(&schema_2);
	is_int(raw_int("SELECT count(*) FROM pragma_table_info('mod_hello')"), 4);
	store_close();
	remove_dir();
}

static void a_failed_upgrade_changes_nothing(void)
{
	struct db_schema failing = schema_2;

	fresh_dir();
	opened(VARIANT_MULTIHOST);
	apply(&schema_1);
	raw_sql(INSERT_ANN);
	failing.upgrade = upgrade_fails;
	refused(&failing, "no");
	is_int(raw_int(VERSION), 1);
	is_int(raw_int("SELECT visits FROM mod_hello WHERE username = 'ann'"), 7);
	is_int(raw_int("SELECT count(*) FROM pragma_table_info('mod_hello')"), 3);
	store_close();
	remove_dir();
}

static void what_cannot_be_is_refused(void)
{
	static const struct db_table foreign[] = {{.name = "roster", .columns = notes}, {NULL}};
	static const struct db_table near[] = {{.name = "mod_hellos", .columns = notes}, {NULL}};
	static const struct db_table quoted[] = {{.name = "mod_hello_a b", .columns = notes}, {NULL}};
	static const struct db_table bare[] = {{.name = "mod_hello"}, {NULL}};
	static const struct db_column host[] = {{.name = "server_host", .type = DB_TYPE_KEY}, {NULL}};
	static const struct db_table with_host[] = {{.name = "mod_hello", .columns = host}, {NULL}};

	fresh_dir();
	opened(VARIANT_MULTIHOST);
	refused(&(struct db_schema){.tables = tables_1}, "its schema has no version or no tables");
	refused(&(struct db_schema){1, foreign}, "the table roster must be called mod_hello, or mod_hello_ and more");
	refused(
	    &(struct db_schema){1, near}, "the table mod_hellos must be called mod_hello, or mod_hello_ and more");
	refused(&(struct db_schema){1, quoted}, "'mod_hello_a b' cannot be a table");
	refused(&(struct db_schema){1, bare}, "the table mod_hello has no columns");
	refused(&(struct db_schema){1, with_host}, "'server_host' cannot be a column of mod_hello");
	apply(&schema_1);
	refused(&(struct db_schema){2, tables_bad},
	    "the column must is new in the table mod_hello: it needs a default, or must be nullable");
	store_close();
	struct store_settings settings = test_settings(VARIANT_ANY);
	settings.may_upgrade = false;
	is_int(store_open_settings(&settings, NULL), 0);
	apply(&schema_1);
	refused(&schema_2, "its tables are not in the database as it needs them, and update_sql_schema is false");
	store_close();
	refused(&schema_1, "the store is closed");
	remove_dir();
}

static void sql_is(const struct db_table *table, enum dialect dialect, bool multihost, const char *want)
{
	struct strbuf sql = {0};

	module_table_sql(table, dialect, multihost, &sql);
	is_text(strbuf_view(&sql), want);
	strbuf_fini(&sql);
}

static void every_driver_gets_its_own_sql(void)
{
	sql_is(&tables_2[0], DIALECT_MYSQL, true,
	    "CREATE TABLE mod_hello (\n\tusername varchar(191) NOT NULL,\n\tserver_host varchar(191) NOT NULL,\n\t"
	    "visits bigint NOT NULL DEFAULT 0,\n\twords mediumtext NOT NULL,\n\tpicture blob,\n\t"
	    "PRIMARY KEY (server_host, username)\n) CHARACTER SET utf8mb4;\n");
	sql_is(&tables_2[1], DIALECT_PGSQL, false,
	    "CREATE TABLE mod_hello_notes (\n\tid bigserial primary key,\n\tauthor text NOT NULL\n);\n"
	    "CREATE UNIQUE INDEX i_mod_hello_notes_author ON mod_hello_notes (author);\n");
}

int main(void)
{
	run(tables_are_made_once);
	run(tables_grow);
	run(a_single_host_has_no_column_for_it);
	run(a_failed_upgrade_changes_nothing);
	run(what_cannot_be_is_refused);
	run(every_driver_gets_its_own_sql);
	return tap_done();
}
