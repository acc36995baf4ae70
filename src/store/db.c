/* SPDX-License-Identifier: Apache-2.0 */
#include "store/db.h"

#include <assert.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/marks.h"

struct db {
	const struct driver *driver;
	struct driver_connection *connection;
	bool multihost;
	struct map statements; /* address of the SQL text -> db_rows */
	struct list open;      /* db_rows between db_query_params and db_end */
};

/* A prepared statement, and its results while it is stepped. */
struct db_rows {
	struct list node; /* in db->open */
	struct db *db;
	struct driver_statement *statement;
	struct marks marks;
	const char *address; /* the key of the map */
	char *sql; /* a copy: an unloaded module's text may be replaced by another one at the same address */
	bool cached, busy;
};

static unsigned fail_at;

void db_fail_at(unsigned statement)
{
	__atomic_store_n(&fail_at, statement, __ATOMIC_SEQ_CST);
}

static int inject(struct err *err)
{
	unsigned left = __atomic_load_n(&fail_at, __ATOMIC_SEQ_CST);

	while (left > 0 && !__atomic_compare_exchange_n(
			       &fail_at, &left, left - 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	return left == 1 ? err_set(err, "injected failure") : 0;
}

int db_explain(struct db *db, const char *target, struct err *err)
{
	struct strbuf findings = {0};
	const char *what = "cannot be used", *advice = "";

	switch (db->connection ? db->driver->failure(db->connection) : DRIVER_OTHER) {
	case DRIVER_DAMAGED:
		what = "is damaged";
		advice = "; keep a copy, then restore a backup or try: sqlite3 FILE .recover | sqlite3 NEW";
		db->driver->examine(db->connection, &findings);
		break;
	case DRIVER_FOREIGN:
		what = "is not a database";
		advice = "; move it away to begin with an empty one, or restore a backup";
		break;
	case DRIVER_FULL:
		advice = "; make room on the disk and start again";
		break;
	case DRIVER_DENIED:
		advice = "; check who owns it and its directory, and that both may be written";
		break;
	case DRIVER_BUSY:
		advice = "; stop the other program that uses it";
		break;
	default:
		break;
	}
	struct err cause = *err;
	err_set(err, "database %s %s: %.200s%s%.150s%s", target, what, cause.text, findings.len ? ": " : "",
	    findings.len ? findings.ptr : "", advice);
	strbuf_fini(&findings);
	return -1;
}

int db_open(
    const struct driver *driver, const char *target, enum driver_mode mode, struct db **db_r, struct err *err)
{
	struct db *db = mem_zalloc(sizeof(*db));

	db->driver = driver;
	list_init(&db->open);
	if (driver->open(target, mode, &db->connection, err) < 0) {
		db_explain(db, target, err);
		db_close(&db);
		return -1;
	}
	*db_r = db;
	return 0;
}

static void rows_free(struct db_rows *rows)
{
	list_remove(&rows->node);
	rows->db->driver->finish(&rows->statement);
	free(rows->sql);
	free(rows);
}

void db_close(struct db **db_ptr)
{
	struct db *db = *db_ptr;
	struct db_rows *rows;
	uint32_t position = 0;
	struct str key;

	if (!db)
		return;
	while ((rows = map_next(&db->statements, &position, &key)))
		rows_free(rows);
	map_fini(&db->statements);
	db->driver->close(&db->connection);
	free(db);
	*db_ptr = NULL;
}

void db_set_multihost(struct db *db, bool multihost)
{
	db->multihost = multihost;
}

bool db_multihost(const struct db *db)
{
	return db->multihost;
}

enum dialect db_dialect(const struct db *db)
{
	return db->driver->dialect;
}

int db_begin(struct db *db, bool write, struct err *err)
{
	return inject(err) < 0 ? -1 : db->driver->begin(db->connection, write, err);
}

/* A failure while the server runs: the one kind that will not pass by itself says what to do. */
static int failed(struct db *db, struct err *err)
{
	enum driver_failure failure = db->driver->failure(db->connection);

	if (failure == DRIVER_DAMAGED || failure == DRIVER_FOREIGN)
		err_prefix(err,
		    "the database is damaged; stop the server, keep a copy of its files, restore a backup");
	return -1;
}

int db_commit(struct db *db, struct err *err)
{
	if (inject(err) < 0) {
		db_rollback(db);
		return -1;
	}
	return db->driver->commit(db->connection, err) < 0 ? failed(db, err) : 0;
}

void db_rollback(struct db *db)
{
	db->driver->rollback(db->connection);
}

int db_script(struct db *db, const char *sql, struct err *err)
{
	return inject(err) < 0 ? -1 : db->driver->script(db->connection, sql, err);
}

void db_upkeep(struct db *db)
{
	db->driver->upkeep(db->connection);
}

static void end_all(struct db *db)
{
	while (!list_empty(&db->open)) {
		struct db_rows *rows = list_entry(db->open.next, struct db_rows, node);
		db_end(&rows);
	}
}

enum db_outcome db_run(struct db *db, db_run_fn run, void *arg, int *result_r, struct err *err)
{
	const struct driver *driver = db->driver;
	struct err undo_err;

	*result_r = -1;
	if (inject(err) < 0)
		return DB_UNDONE;
	if (driver->save(db->connection, err) < 0)
		return driver->in_transaction(db->connection) ? DB_UNDONE : DB_LOST;
	int result = run(arg, db, err);
	end_all(db);
	if (result >= 0 && inject(err) == 0 && driver->keep(db->connection, err) == 0) {
		*result_r = result;
		return DB_KEPT;
	}
	if (result < 0)
		*result_r = result;
	if (driver->in_transaction(db->connection) && driver->undo(db->connection, &undo_err) == 0)
		return DB_UNDONE;
	db_rollback(db);
	return DB_LOST;
}

enum db_outcome db_run_single(struct db *db, db_run_fn run, void *arg, int *result_r, struct err *err)
{
	*result_r = run(arg, db, err);
	end_all(db);
	if (*result_r >= 0)
		return DB_KEPT;
	return db->driver->in_transaction(db->connection) ? DB_UNDONE : DB_LOST;
}

int db_transact(struct db *db, bool write, db_run_fn run, void *arg, struct err *err)
{
	if (db_begin(db, write, err) < 0)
		return -1;
	int result = run(arg, db, err);
	end_all(db);
	if (result < 0)
		db_rollback(db);
	else if (db_commit(db, err) < 0)
		return -1;
	return result;
}

int db_peek(struct db *db, db_run_fn run, void *arg, struct err *err)
{
	/* A failure that a test wants is for an operation that reports it. */
	if (!db->driver->hurry || __atomic_load_n(&fail_at, __ATOMIC_SEQ_CST) > 0)
		return -1;
	if (!db->driver->hurry(db->connection))
		return -1;
	int result = db_transact(db, false, run, arg, err);
	db->driver->wait(db->connection);
	return result;
}

static struct db_rows *rows_prepare(struct db *db, const char *sql, struct err *err)
{
	struct strbuf text = {0};
	struct db_rows *rows = mem_zalloc(sizeof(*rows));
	int rc = marks_rewrite(sql, db->multihost, &text, &rows->marks, err);

	list_init(&rows->node);
	rows->db = db;
	if (rc == 0)
		rc = db->driver->prepare(db->connection, strbuf_view(&text), &rows->statement, err);
	strbuf_fini(&text);
	if (rc < 0) {
		err_prefix(err, "%.100s", sql);
		free(rows);
		return NULL;
	}
	rows->address = sql;
	rows->sql = str_dup(str_of(sql));
	return rows;
}

static struct str address_key(const char *const *address)
{
	return (struct str){(const char *)address, sizeof(*address)};
}

/* A second use of a statement whose results are still open gets a statement of its own. */
static struct db_rows *rows_get(struct db *db, const char *sql, struct err *err)
{
	struct db_rows *rows = map_get(&db->statements, address_key(&sql));

	if (rows && !rows->busy && strcmp(rows->sql, sql) != 0) {
		map_remove(&db->statements, address_key(&sql));
		rows_free(rows);
		rows = NULL;
	}
	if (rows && !rows->busy)
		return rows;
	struct db_rows *fresh = rows_prepare(db, sql, err);
	if (fresh && !rows) {
		fresh->cached = true;
		map_put(&db->statements, address_key(&fresh->address), fresh);
	}
	return fresh;
}

static int bind_all(
    struct db_rows *rows, const struct db_param *params, size_t count, bool copy, struct err *err)
{
	unsigned index = 0;

	if (count != rows->marks.params)
		return err_set(err, "%zu parameters for %u places", count, rows->marks.params);
	for (size_t i = 0; i < count; i++) {
		if (rows->marks.dropped >> i & 1)
			continue;
		if (rows->db->driver->bind(rows->statement, index++, &params[i], copy, err) < 0)
			return -1;
	}
	return 0;
}

static struct db_rows *rows_start(
    struct db *db, const char *sql, const struct db_param *params, size_t count, bool copy, struct err *err)
{
	struct db_rows *rows = inject(err) < 0 ? NULL : rows_get(db, sql, err);

	if (!rows)
		return NULL;
	rows->busy = true;
	list_add_before(&db->open, &rows->node);
	if (bind_all(rows, params, count, copy, err) < 0) {
		err_prefix(err, "%.100s", sql);
		db_end(&rows);
	}
	return rows;
}

struct db_rows *db_query_params(
    struct db *db, const char *sql, const struct db_param *params, size_t count, struct err *err)
{
	return rows_start(db, sql, params, count, true, err);
}

int64_t db_exec_params(
    struct db *db, const char *sql, const struct db_param *params, size_t count, struct err *err)
{
	struct db_rows *rows = rows_start(db, sql, params, count, false, err);
	int rc;

	while ((rc = db_next(rows, err)) > 0)
		;
	int64_t changes = rc < 0 ? -1 : db->driver->changes(rows->statement);
	db_end(&rows);
	return changes;
}

int db_next(struct db_rows *rows, struct err *err)
{
	if (!rows)
		return -1;
	int rc = rows->db->driver->step(rows->statement, err);
	if (rc >= 0)
		return rc;
	err_prefix(err, "%.100s", rows->sql);
	return failed(rows->db, err);
}

struct str db_text(struct db_rows *rows, unsigned column)
{
	return rows->db->driver->text(rows->statement, column);
}

int64_t db_int(struct db_rows *rows, unsigned column)
{
	return rows->db->driver->integer(rows->statement, column);
}

bool db_is_null(struct db_rows *rows, unsigned column)
{
	return rows->db->driver->is_null(rows->statement, column);
}

void db_end(struct db_rows **rows_ptr)
{
	struct db_rows *rows = *rows_ptr;

	*rows_ptr = NULL;
	if (!rows)
		return;
	rows->busy = false;
	if (rows->cached) {
		rows->db->driver->reset(rows->statement);
		list_remove(&rows->node);
	} else {
		rows_free(rows);
	}
}

int64_t db_last_id(struct db *db)
{
	return db->driver->last_id(db->connection);
}
