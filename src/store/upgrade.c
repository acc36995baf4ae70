/* SPDX-License-Identifier: Apache-2.0 */
#include "store/upgrade.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "store/marks.h"
#include "store/schema.h"

/* It serves as the index that ejabberd has of the same columns without the time. */
#define ARCHIVE_PEER_INDEX                                                                                   \
	"CREATE INDEX i_archive_username_bare_peer_timestamp ON archive ({host,} username, bare_peer, "      \
	"timestamp); "
/* A change of a table that is there: needed when it lacks the column, or wanted when it lacks the index. SQL:
 * several statements, with marks. */
static const struct step {
	const char *table;
	const char *column, *owner; /* with the version of the owner */
	const char *index;          /* without it all is right, but slower */
	int version;
	const char *summary;
	struct {
		const char *before;
		bool make_anew; /* the table, as it is today, between before and after */
		const char *after;
	} sql[DIALECT_COUNT];
} steps[] = {
    {
	.table = "users",
	.column = "type",
	.owner = "ejabberd_auth_sql",
	.version = 2,
	.summary =
	    "one password of each kind per account; today's become type 0, which is told by their prefix",
	.sql[DIALECT_SQLITE] = {"ALTER TABLE users RENAME TO users_before;", true,
	    "INSERT INTO users "
	    "({host,} username, type, password, serverkey, salt, iterationcount, created_at) "
	    "SELECT {host,} username, 0, password, serverkey, salt, iterationcount, created_at "
	    "FROM users_before; "
	    "DROP TABLE users_before;"},
	.sql[DIALECT_PGSQL] = {"ALTER TABLE users ADD COLUMN type smallint NOT NULL DEFAULT 0; "
			       "ALTER TABLE users DROP CONSTRAINT users_pkey; "
			       "ALTER TABLE users ADD PRIMARY KEY ({host,} username, type);"},
	.sql[DIALECT_MYSQL] = {"ALTER TABLE users ADD COLUMN type smallint NOT NULL DEFAULT 0, "
			       "DROP PRIMARY KEY, ADD PRIMARY KEY ({host,} username, type);"},
    },
    {
	.table = "rosterusers",
	.column = "approved",
	.owner = "mod_roster_sql",
	.version = 2,
	.summary = "remembers subscriptions that were approved in advance",
	.sql[DIALECT_SQLITE] =
	    {"ALTER TABLE rosterusers ADD COLUMN approved boolean NOT NULL DEFAULT false;"},
	.sql[DIALECT_PGSQL] = {"ALTER TABLE rosterusers ADD COLUMN approved boolean NOT NULL DEFAULT false;"},
	.sql[DIALECT_MYSQL] = {"ALTER TABLE rosterusers ADD COLUMN approved boolean NOT NULL DEFAULT false;"},
    },
    {
	.table = "archive",
	.column = "origin_id",
	.owner = "mod_mam_sql",
	.version = 2,
	.summary = "remembers the id that the sender gave a message",
	.sql[DIALECT_SQLITE] = {"ALTER TABLE archive ADD COLUMN origin_id text NOT NULL DEFAULT '';"},
	.sql[DIALECT_PGSQL] = {"ALTER TABLE archive ADD COLUMN origin_id text NOT NULL DEFAULT '';"},
	.sql[DIALECT_MYSQL] = {"ALTER TABLE archive ADD COLUMN origin_id varchar(191) NOT NULL DEFAULT '';"},
    },
    {
	.table = "invite_token",
	.column = "account_name",
	.owner = "mod_invites_sql",
	.version = 3,
	.summary = "remembers which account an invitation made",
	.sql[DIALECT_SQLITE] = {"ALTER TABLE invite_token ADD COLUMN account_name text NOT NULL DEFAULT '';"},
	.sql[DIALECT_PGSQL] = {"ALTER TABLE invite_token ADD COLUMN account_name text NOT NULL DEFAULT '';"},
	.sql[DIALECT_MYSQL] = {"ALTER TABLE invite_token ADD COLUMN account_name text NOT NULL;"},
    },
    {
	.table = "archive",
	.index = "i_archive_username_bare_peer_timestamp",
	.summary = "finds what was said with somebody, in order of time",
	.sql[DIALECT_SQLITE] = {ARCHIVE_PEER_INDEX "DROP INDEX IF EXISTS i_archive_username_bare_peer; "
						   "DROP INDEX IF EXISTS i_archive_sh_username_bare_peer;"},
	.sql[DIALECT_PGSQL] = {ARCHIVE_PEER_INDEX "DROP INDEX IF EXISTS i_archive_username_bare_peer; "
						  "DROP INDEX IF EXISTS i_archive_sh_username_bare_peer;"},
	.sql[DIALECT_MYSQL] = {ARCHIVE_PEER_INDEX},
    },
};

enum { STEP_COUNT = sizeof(steps) / sizeof(steps[0]) };

const char *const upgrade_columns_sql[DIALECT_COUNT] = {
    [DIALECT_SQLITE] = "SELECT t.name, c.name FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c "
		       "WHERE t.type = 'table'",
    [DIALECT_PGSQL] = "SELECT table_name, column_name FROM information_schema.columns "
		      "WHERE table_schema = current_schema()",
    [DIALECT_MYSQL] = "SELECT table_name, column_name FROM information_schema.columns "
		      "WHERE table_schema = database()",
};

static const char *const indexes_sql[DIALECT_COUNT] = {
    [DIALECT_SQLITE] = "SELECT name FROM sqlite_master WHERE type = 'index'",
    [DIALECT_PGSQL] = "SELECT indexname FROM pg_indexes WHERE schemaname = current_schema()",
    [DIALECT_MYSQL] = ("SELECT DISTINCT index_name FROM information_schema.statistics "
		       "WHERE table_schema = database()"),
};

struct upgrade {
	struct arena arena;
	struct map found;     /* "TABLE" and "TABLE.COLUMN" */
	struct map indexes;   /* their names */
	struct map versions;  /* owner -> its version, as text */
	bool multihost, made; /* made: some of our tables are there */
	unsigned tables_missing;
	bool step_needed[STEP_COUNT];
	unsigned steps_needed, indexes_wanted;
	bool record;
};

static bool has(const struct upgrade *upgrade, const char *table, const char *column)
{
	char name[128];
	int len = snprintf(name, sizeof(name), "%s%s%s", table, column ? "." : "", column ? column : "");

	return map_get(&upgrade->found, (struct str){name, (size_t)len});
}

static void remember(struct upgrade *upgrade, struct map *map, struct str name, struct str value)
{
	map_put(map, arena_str(&upgrade->arena, name), (char *)arena_str(&upgrade->arena, value).ptr);
}

static int find_columns(struct upgrade *upgrade, struct db *db, struct err *err)
{
	struct db_rows *rows = db_query_params(db, upgrade_columns_sql[db_dialect(db)], NULL, 0, err);
	int rc;

	while ((rc = db_next(rows, err)) > 0) {
		struct str table = db_text(rows, 0), column = db_text(rows, 1);
		char *both = arena_printf(&upgrade->arena, "%.*s.%.*s", STR_FMT(table), STR_FMT(column));
		if (!schema_table_find(table))
			continue;
		remember(upgrade, &upgrade->found, table, table);
		map_put(&upgrade->found, str_of(both), both);
		upgrade->made = true;
	}
	db_end(&rows);
	return rc;
}

static int find_indexes(struct upgrade *upgrade, struct db *db, struct err *err)
{
	struct db_rows *rows = db_query_params(db, indexes_sql[db_dialect(db)], NULL, 0, err);
	int rc;

	while ((rc = db_next(rows, err)) > 0)
		remember(upgrade, &upgrade->indexes, db_text(rows, 0), db_text(rows, 0));
	db_end(&rows);
	return rc;
}

static int find_versions(struct upgrade *upgrade, struct db *db, struct err *err)
{
	if (!has(upgrade, "schema_version", "version"))
		return 0;
	struct db_rows *rows =
	    db_query_params(db, "SELECT module, version FROM schema_version", NULL, 0, err);
	int rc;

	while ((rc = db_next(rows, err)) > 0) {
		struct str owner = db_text(rows, 0);
		int known = schema_version(owner);
		if (known && db_int(rows, 1) > known) {
			rc = err_set(err,
			    "its schema is version %lld of %.*s and this server knows up to version %d; "
			    "start the newer server, or restore a backup from before its upgrade",
			    (long long)db_int(rows, 1), STR_FMT(owner), known);
			break;
		}
		remember(upgrade, &upgrade->versions, owner, db_text(rows, 1));
	}
	db_end(&rows);
	return rc;
}

static int version_of(const struct upgrade *upgrade, const char *owner)
{
	const char *text = map_get(&upgrade->versions, str_of(owner));

	return text ? atoi(text) : 0;
}

static int find_variant(struct upgrade *upgrade, enum schema_variant wanted, struct err *err)
{
	const char *single = NULL, *multihost = NULL;

	for (const struct schema_table *table = schema_tables; table->name; table++) {
		if (!table->multihost || !has(upgrade, table->name, NULL))
			continue;
		*(has(upgrade, table->name, "server_host") ? &multihost : &single) = table->name;
	}
	if (single && multihost)
		return err_set(err,
		    "its tables are of both schemas: %s has a column server_host and %s has none", multihost,
		    single);
	if (single && wanted == VARIANT_MULTIHOST)
		return err_set(err, "it has the single-host schema (no column server_host); "
				    "set sql_schema_multihost to false, or convert it");
	if (multihost && wanted == VARIANT_SINGLE)
		return err_set(err,
		    "it has the multihost schema (columns server_host); set sql_schema_multihost to true");
	upgrade->multihost = !single && wanted != VARIANT_SINGLE;
	return 0;
}

static bool lacks(const struct upgrade *upgrade, const struct step *step)
{
	if (!has(upgrade, step->table, NULL))
		return false;
	return step->index ? !map_get(&upgrade->indexes, str_of(step->index))
			   : !has(upgrade, step->table, step->column);
}

static void find_work(struct upgrade *upgrade)
{
	for (const struct schema_table *table = schema_tables; table->name; table++)
		upgrade->tables_missing += !has(upgrade, table->name, NULL);
	for (int i = 0; i < STEP_COUNT; i++) {
		upgrade->step_needed[i] = lacks(upgrade, &steps[i]);
		*(steps[i].index ? &upgrade->indexes_wanted : &upgrade->steps_needed) +=
		    upgrade->step_needed[i];
	}
	for (const struct schema_owner *owner = schema_owners; owner->name; owner++)
		upgrade->record |= version_of(upgrade, owner->name) < owner->version;
}

int upgrade_plan(struct db *db, enum schema_variant wanted, struct upgrade **upgrade_r, struct err *err)
{
	struct upgrade *upgrade = mem_zalloc(sizeof(*upgrade));

	if (find_columns(upgrade, db, err) < 0 || find_indexes(upgrade, db, err) < 0 ||
	    find_versions(upgrade, db, err) < 0 || find_variant(upgrade, wanted, err) < 0) {
		upgrade_free(&upgrade);
		return -1;
	}
	find_work(upgrade);
	db_set_multihost(db, upgrade->multihost);
	*upgrade_r = upgrade;
	return 0;
}

void upgrade_free(struct upgrade **upgrade)
{
	if (!*upgrade)
		return;
	map_fini(&(*upgrade)->found);
	map_fini(&(*upgrade)->indexes);
	map_fini(&(*upgrade)->versions);
	arena_fini(&(*upgrade)->arena);
	free(*upgrade);
	*upgrade = NULL;
}

bool upgrade_empty(const struct upgrade *upgrade)
{
	return !upgrade->tables_missing && !upgrade->steps_needed && !upgrade->indexes_wanted &&
	       !upgrade->record;
}

bool upgrade_alters(const struct upgrade *upgrade)
{
	return upgrade->made && (upgrade->tables_missing || upgrade->steps_needed);
}

void upgrade_forgo_indexes(struct upgrade *upgrade)
{
	for (int i = 0; i < STEP_COUNT; i++)
		upgrade->step_needed[i] &= !steps[i].index;
	upgrade->indexes_wanted = 0;
}

void upgrade_explain(const struct upgrade *upgrade, struct strbuf *out)
{
	if (!upgrade->made) {
		strbuf_printf(out, "make %u tables, %s schema\n", upgrade->tables_missing,
		    upgrade->multihost ? "multihost" : "single-host");
		return;
	}
	for (const struct schema_table *table = schema_tables; table->name; table++)
		if (!has(upgrade, table->name, NULL))
			strbuf_printf(out, "make table %s\n", table->name);
	for (int i = 0; i < STEP_COUNT; i++)
		if (upgrade->step_needed[i])
			strbuf_printf(out, "change table %s: %s\n", steps[i].table, steps[i].summary);
	for (const struct schema_owner *owner = schema_owners; owner->name; owner++) {
		int version = version_of(upgrade, owner->name);
		if (version < owner->version)
			strbuf_printf(
			    out, "record version %d of %s (is %d)\n", owner->version, owner->name, version);
	}
}

struct work {
	const struct upgrade *upgrade;
	const struct step *step;
};

int upgrade_record(struct db *db, const char *owner, int version, struct err *err)
{
	int64_t rows = DB_EXEC(db, err, "UPDATE schema_version SET version = ? WHERE module = ?",
	    DB_P_INT(version), DB_P_TEXT(str_of(owner)));
	if (rows == 0)
		rows = DB_EXEC(db, err, "INSERT INTO schema_version (module, version) VALUES (?, ?)",
		    DB_P_TEXT(str_of(owner)), DB_P_INT(version));
	return rows < 0 ? -1 : 0;
}

static int run_tables(void *arg, struct db *db, struct err *err)
{
	const struct upgrade *upgrade = ((struct work *)arg)->upgrade;
	struct strbuf sql = {0};

	for (const struct schema_table *table = schema_tables; table->name; table++)
		if (!has(upgrade, table->name, NULL))
			schema_table_sql(table, db_dialect(db), upgrade->multihost, &sql);
	int rc = db_script(db, sql.ptr, err);
	strbuf_fini(&sql);
	return rc;
}

static int run_step(void *arg, struct db *db, struct err *err)
{
	const struct work *work = arg;
	const struct step *step = work->step;
	enum dialect dialect = db_dialect(db);
	struct strbuf sql = {0};
	struct marks marks;

	marks_rewrite(step->sql[dialect].before, work->upgrade->multihost, &sql, &marks, err);
	if (step->sql[dialect].make_anew)
		schema_table_sql(
		    schema_table_find(str_of(step->table)), dialect, work->upgrade->multihost, &sql);
	if (step->sql[dialect].after)
		marks_rewrite(step->sql[dialect].after, work->upgrade->multihost, &sql, &marks, err);
	int rc = db_script(db, sql.ptr, err);
	strbuf_fini(&sql);
	if (rc < 0 || step->index)
		return rc;
	return upgrade_record(db, step->owner, step->version, err);
}

static int run_record(void *arg, struct db *db, struct err *err)
{
	const struct upgrade *upgrade = ((struct work *)arg)->upgrade;

	for (const struct schema_owner *owner = schema_owners; owner->name; owner++)
		if (version_of(upgrade, owner->name) < owner->version &&
		    upgrade_record(db, owner->name, owner->version, err) < 0)
			return -1;
	return 0;
}

int upgrade_run(const struct upgrade *upgrade, struct db *db, struct err *err)
{
	struct work work = {.upgrade = upgrade};

	if (upgrade->tables_missing && db_transact(db, true, run_tables, &work, err) < 0)
		return err_prefix(err, "making its tables");
	for (int i = 0; i < STEP_COUNT; i++) {
		work.step = &steps[i];
		if (upgrade->step_needed[i] && db_transact(db, true, run_step, &work, err) < 0)
			return err_prefix(err, "changing its table %s", steps[i].table);
	}
	if (upgrade->record && db_transact(db, true, run_record, &work, err) < 0)
		return err_prefix(err, "recording its version");
	return 0;
}

int upgrade_probe(struct db *db, struct err *err)
{
	struct strbuf sql = {0};

	for (const struct schema_table *table = schema_tables; table->name; table++)
		strbuf_printf(&sql, "SELECT * FROM %s LIMIT 1;", table->name);
	int rc = db_script(db, sql.ptr, err);
	strbuf_fini(&sql);
	return rc;
}
