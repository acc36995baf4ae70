/* SPDX-License-Identifier: Apache-2.0 */
#include "store/module_schema.h"

#include "stanzad/log.h"
#include "store/internal.h"
#include "store/upgrade.h"

enum { NAME_MAX_LEN = 48 };

/* --- is it a description? ------------------------------------------------------------------------------- */

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	return len <= NAME_MAX_LEN && strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789") == len &&
	       !strchr("0123456789", name[0]);
}

static int check_column(const struct db_table *table, const struct db_column *column, struct err *err)
{
	if (!is_name(column->name) || strcmp(column->name, "server_host") == 0)
		return err_set(err, "'%s' cannot be a column of %s", column->name, table->name);
	if (column->type < DB_TYPE_INT || column->type > DB_TYPE_SERIAL)
		return err_set(err, "the column %s of %s has no type", column->name, table->name);
	if (column->def && (column->type == DB_TYPE_BLOB || column->type == DB_TYPE_SERIAL))
		return err_set(err, "the column %s of %s cannot have a default", column->name, table->name);
	return 0;
}

static int check_table(const char *module, const struct db_table *table, struct err *err)
{
	size_t len = strlen(module);

	if (strncmp(table->name, module, len) != 0 || (table->name[len] && table->name[len] != '_'))
		return err_set(err, "the table %s must be called %s, or %s_ and more", table->name, module, module);
	if (!is_name(table->name) || schema_table_find(str_of(table->name)))
		return err_set(err, "'%s' cannot be a table", table->name);
	if (!table->columns || !table->columns->name)
		return err_set(err, "the table %s has no columns", table->name);
	for (const struct db_column *column = table->columns; column->name; column++)
		if (check_column(table, column, err) < 0)
			return -1;
	return 0;
}

static int check(const char *module, const struct db_schema *schema, struct err *err)
{
	if (schema->version < 1 || !schema->tables)
		return err_set(err, "its schema has no version or no tables");
	for (const struct db_table *table = schema->tables; table->name; table++)
		if (check_table(module, table, err) < 0)
			return -1;
	return 0;
}

/* --- the same as the server's own tables ---------------------------------------------------------------- */

static struct schema_column own_column(const struct db_column *column)
{
	static const enum column_type types[] = {
	    [DB_TYPE_INT] = BIG,
	    [DB_TYPE_KEY] = KEY,
	    [DB_TYPE_TEXT] = LONG,
	    [DB_TYPE_BLOB] = BYTES,
	    [DB_TYPE_SERIAL] = SERIAL,
	};
	return (struct schema_column){column->name, types[column->type], column->def, column->nullable, NULL};
}

static const struct schema_index *own_indexes(const struct db_index *indexes, struct arena *arena)
{
	size_t count = 0;

	while (indexes && indexes[count].columns)
		count++;
	struct schema_index *own = arena_zalloc(arena, (count + 1) * sizeof(*own));
	for (size_t i = 0; i < count; i++)
		own[i] = (struct schema_index){indexes[i].unique ? UNIQUE : INDEX, indexes[i].columns};
	return own;
}

static struct schema_table own_table(const struct db_table *table, struct arena *arena)
{
	size_t count = 0;

	while (table->columns[count].name)
		count++;
	struct schema_column *columns = arena_zalloc(arena, (count + 1) * sizeof(*columns));
	for (size_t i = 0; i < count; i++)
		columns[i] = own_column(&table->columns[i]);
	return (struct schema_table){
	    .name = table->name,
	    .multihost = true,
	    .columns = columns,
	    .key = table->key,
	    .indexes = own_indexes(table->indexes, arena),
	};
}

void module_table_sql(const struct db_table *table, enum dialect dialect, bool multihost, struct strbuf *out)
{
	struct arena arena = {0};
	struct schema_table own = own_table(table, &arena);

	schema_table_sql(&own, dialect, multihost, out);
	arena_fini(&arena);
}

/* --- what is there, and what is to be done -------------------------------------------------------------- */

struct work {
	const char *module;
	const struct db_schema *schema;
	struct arena arena;
	struct map found; /* "TABLE" and "TABLE.COLUMN" */
	int version;      /* in the database; 0: none */
	struct strbuf sql;
	struct strbuf summary; /* a line for each change */
};

static bool has(struct work *work, const char *table, const char *column)
{
	return map_get(&work->found, str_of(arena_printf(&work->arena, "%s.%s", table, column)));
}

static int find_columns(struct work *work, struct db *db, struct err *err)
{
	struct db_rows *rows = db_query_params(db, upgrade_columns_sql[db_dialect(db)], NULL, 0, err);
	int rc = -1;

	while (rows && (rc = db_next(rows, err)) > 0) {
		struct str table = db_text(rows, 0), column = db_text(rows, 1);
		if (!str_starts(table, work->module))
			continue;
		char *both = arena_printf(&work->arena, "%.*s.%.*s", STR_FMT(table), STR_FMT(column));
		map_put(&work->found, str_of(both), both);
	}
	db_end(&rows);
	return rc;
}

static int find_version(struct work *work, struct db *db, struct err *err)
{
	struct db_rows *rows = DB_QUERY(
	    db, err, "SELECT version FROM schema_version WHERE module = ?", DB_P_TEXT(str_of(work->module)));
	int rc = rows ? db_next(rows, err) : -1;

	work->version = rc > 0 ? (int)db_int(rows, 0) : 0;
	db_end(&rows);
	if (work->version > work->schema->version)
		return err_set(err,
		    "its tables in the database are version %d and this module knows up to version %d; "
		    "load the newer module",
		    work->version, work->schema->version);
	return rc < 0 ? -1 : 0;
}

static int plan_columns(
    struct work *work, const struct db_table *table, enum dialect dialect, struct err *err)
{
	struct schema_table own = own_table(table, &work->arena);

	for (const struct db_column *column = table->columns; column->name; column++) {
		if (has(work, table->name, column->name))
			continue;
		if (column->type == DB_TYPE_SERIAL || (!column->nullable && !column->def))
			return err_set(err,
			    "the column %s is new in the table %s: it needs a default, or must be nullable",
			    column->name, table->name);
		struct schema_column added = own_column(column);
		schema_column_sql(&own, &added, dialect, &work->sql);
		strbuf_printf(&work->summary, "add column %s to table %s\n", column->name, table->name);
	}
	return 0;
}

static int plan(void *arg, struct db *db, struct err *err)
{
	struct work *work = arg;

	if (find_columns(work, db, err) < 0 || find_version(work, db, err) < 0)
		return -1;
	for (const struct db_table *table = work->schema->tables; table->name; table++) {
		if (has(work, table->name, table->columns->name)) {
			if (plan_columns(work, table, db_dialect(db), err) < 0)
				return -1;
			continue;
		}
		module_table_sql(table, db_dialect(db), store.multihost, &work->sql);
		strbuf_printf(&work->summary, "make table %s\n", table->name);
	}
	return 0;
}

static int enact(void *arg, struct db *db, struct err *err)
{
	struct work *work = arg;
	const struct db_schema *schema = work->schema;

	if (work->sql.len && db_script(db, work->sql.ptr, err) < 0)
		return -1;
	if (work->version && work->version < schema->version && schema->upgrade &&
	    schema->upgrade(db, work->version, err) < 0)
		return -1;
	return upgrade_record(db, work->module, schema->version, err);
}

static int apply(struct work *work, struct db *db, struct err *err)
{
	if (db_transact(db, false, plan, work, err) < 0)
		return -1;
	if (!work->sql.len && work->version == work->schema->version)
		return 0;
	if (work->sql.len && !store.settings.may_upgrade)
		return err_set(err, "its tables are not in the database as it needs them, and update_sql_schema is "
				    "false");
	if (db_transact(db, true, enact, work, err) < 0)
		return -1;
	for (struct str rest = strbuf_view(&work->summary); rest.len > 0;) {
		struct str line = str_cut(rest, '\n', &rest);
		LOG_INFO("store.upgraded", LOG_CSTR("module", work->module), LOG_STR("change", line));
	}
	return 0;
}

int module_schema_apply(const char *module, const struct db_schema *schema, struct err *err)
{
	struct work work = {.module = module, .schema = schema};
	struct db *db = NULL;

	if (check(module, schema, err) < 0)
		return -1;
	if (!store.writer_db)
		return err_set(err, "the store is closed");
	int rc = db_open(store.settings.driver, store.settings.target, DRIVER_WRITE, &db, err);
	if (rc == 0) {
		db_set_multihost(db, store.multihost);
		rc = apply(&work, db, err);
		db_close(&db);
	}
	strbuf_fini(&work.sql);
	strbuf_fini(&work.summary);
	map_fini(&work.found);
	arena_fini(&work.arena);
	return rc;
}
