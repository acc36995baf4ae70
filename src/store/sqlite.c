/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/driver.h"

#define BUSY_MS 5000
#define CHECKPOINT_PAGES 8000
/* The log is checkpointed between commits; inside of one only when it has grown to this regardless. */
#define CHECKPOINT_PAGES_FORCED 16000

/* What brackets operations: prepared once, since there are several of them to each. */
enum bracket {
	BEGIN_READ,
	BEGIN_WRITE,
	COMMIT,
	SAVE,
	KEEP,
	BRACKETS,
};

static const char *const bracket_sql[BRACKETS] = {
    [BEGIN_READ] = "BEGIN",
    [BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [SAVE] = "SAVEPOINT op",
    [KEEP] = "RELEASE op",
};

struct driver_connection {
	sqlite3 *handle;
	sqlite3_stmt *brackets[BRACKETS]; /* NULL until they are used */
	enum driver_failure failure;
	int log_pages;
};

struct driver_statement {
	sqlite3_stmt *handle;
	struct driver_connection *connection;
};

static enum driver_failure classify(int code)
{
	switch (code & 0xff) {
	case SQLITE_CONSTRAINT:
		return DRIVER_CONSTRAINT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return DRIVER_BUSY;
	case SQLITE_FULL:
		return DRIVER_FULL;
	case SQLITE_IOERR:
		return DRIVER_IO;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_READONLY:
		return DRIVER_DENIED;
	case SQLITE_CORRUPT:
		return DRIVER_DAMAGED;
	case SQLITE_NOTADB:
		return DRIVER_FOREIGN;
	default:
		return DRIVER_OTHER;
	}
}

static int fail(struct driver_connection *connection, struct err *err)
{
	int code = sqlite3_extended_errcode(connection->handle);
	int system = sqlite3_system_errno(connection->handle);

	connection->failure = classify(code);
	if (connection->failure == DRIVER_IO && (system == ENOSPC || system == EDQUOT))
		connection->failure = DRIVER_FULL;
	return err_set(err, "%s (SQLite error %d)", sqlite3_errmsg(connection->handle), code);
}

static int script(struct driver_connection *connection, const char *sql, struct err *err)
{
	if (sqlite3_exec(connection->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fail(connection, err);
	return 0;
}

static int on_log(void *arg, sqlite3 *handle, const char *name, int pages)
{
	struct driver_connection *connection = arg;

	connection->log_pages = pages;
	if (pages >= CHECKPOINT_PAGES_FORCED)
		sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return SQLITE_OK;
}

/* Makes the file so that nobody else may read it, and its name durable: it will hold passwords. */
static int file_make(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno == EEXIST ? 0 : err_set(err, "cannot create it: %s", strerror(errno));
	close(fd);

	char *copy = str_dup(str_of(path));
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
	return 0;
}

/* Without the log a reader and the writer would stop each other. */
static int log_enable(struct driver_connection *connection, struct err *err)
{
	sqlite3_stmt *statement;
	bool enabled = false;

	if (sqlite3_prepare_v2(connection->handle, "PRAGMA journal_mode = WAL", -1, &statement, NULL) !=
	    SQLITE_OK)
		return fail(connection, err);
	int rc = sqlite3_step(statement);
	if (rc == SQLITE_ROW)
		enabled = str_is(str_of((const char *)sqlite3_column_text(statement, 0)), "wal");
	else
		fail(connection, err);
	sqlite3_finalize(statement);
	if (rc == SQLITE_ROW && !enabled)
		return err_set(
		    err, "its file system cannot hold SQLite's write-ahead log; put it on a local disk");
	sqlite3_wal_hook(connection->handle, on_log, connection);
	return enabled ? 0 : -1;
}

static int configure(struct driver_connection *connection, enum driver_mode mode, struct err *err)
{
	sqlite3 *handle = connection->handle;

	sqlite3_extended_result_codes(handle, 1);
	sqlite3_busy_timeout(handle, BUSY_MS);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
	if (script(connection,
		"PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY", err) < 0)
		return -1;
	/* Reads the header and the definitions: what is not a database fails here. */
	if (script(connection, "SELECT count(*) FROM sqlite_master", err) < 0)
		return -1;
	/* There may be many of these, and the kernel caches the file anyway. */
	if (mode == DRIVER_READ)
		return script(connection, "PRAGMA query_only = ON; PRAGMA cache_size = -512", err);
	if (mode == DRIVER_INSPECT)
		return 0;
	if (log_enable(connection, err) < 0)
		return -1;
	return script(connection,
	    "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -65536", err);
}

/* --- reading what is in memory only --------------------------------------------------------------------- */

static _Thread_local bool hurried;
static bool can_hurry; /* atomic; since the first connection */

/* What SQLite reads files with. */
static ssize_t hurried_pread(int fd, void *bytes, size_t len, off_t at)
{
	struct iovec part = {bytes, len};
	if (!hurried)
		return pread(fd, bytes, len, at);
	ssize_t n = preadv2(fd, &part, 1, at, RWF_NOWAIT);
	if (n < 0 && errno == EOPNOTSUPP)
		__atomic_store_n(&can_hurry, false, __ATOMIC_RELAXED);
	return n;
}

static void install_pread(void)
{
	static const char *const names[] = {"pread", "pread64"};
	/* Before anything else of SQLite's: nobody asks it how much memory it uses, and counting takes a lock each
	 * time. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	for (size_t i = 0; i < 2 && vfs && vfs->iVersion >= 3; i++)
		if (vfs->xGetSystemCall(vfs, names[i]) &&
		    vfs->xSetSystemCall(vfs, names[i], (sqlite3_syscall_ptr)hurried_pread) == SQLITE_OK)
			can_hurry = true;
}

static bool hurry(struct driver_connection *connection)
{
	if (!__atomic_load_n(&can_hurry, __ATOMIC_RELAXED))
		return false;
	sqlite3_busy_timeout(connection->handle, 0);
	hurried = true;
	return true;
}

static void wait_again(struct driver_connection *connection)
{
	hurried = false;
	sqlite3_busy_timeout(connection->handle, BUSY_MS);
}

static void connection_close(struct driver_connection **connection)
{
	if (!*connection)
		return;
	for (unsigned i = 0; i < BRACKETS; i++)
		sqlite3_finalize((*connection)->brackets[i]);
	sqlite3_close_v2((*connection)->handle);
	free(*connection);
	*connection = NULL;
}

/* On failure *connection_r may be there nevertheless: for failure() and examine(). */
static int connection_open(
    const char *target, enum driver_mode mode, struct driver_connection **connection_r, struct err *err)
{
	int flags =
	    SQLITE_OPEN_NOMUTEX | (mode == DRIVER_INSPECT ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct driver_connection *connection;

	pthread_once(&once, install_pread);
	*connection_r = NULL;
	if (mode == DRIVER_WRITE && file_make(target, err) < 0)
		return -1;
	connection = mem_zalloc(sizeof(*connection));
	*connection_r = connection;
	if (sqlite3_open_v2(target, &connection->handle, flags, NULL) != SQLITE_OK)
		return fail(connection, err);
	return configure(connection, mode, err);
}

static bool exists(const char *target)
{
	return access(target, F_OK) == 0;
}

static enum driver_failure failure(const struct driver_connection *connection)
{
	return connection->failure;
}

static void examine(struct driver_connection *connection, struct strbuf *findings)
{
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v2(connection->handle, "PRAGMA quick_check(3)", -1, &statement, NULL) !=
	    SQLITE_OK)
		return;
	while (sqlite3_step(statement) == SQLITE_ROW) {
		struct str line = str_of((const char *)sqlite3_column_text(statement, 0));
		if (str_is(line, "ok"))
			continue;
		if (findings->len > 0)
			strbuf_cstr(findings, "; ");
		for (size_t i = 0; i < line.len; i++)
			strbuf_char(findings, line.ptr[i] == '\n' ? ' ' : line.ptr[i]);
	}
	sqlite3_finalize(statement);
}

static int run_bracket(struct driver_connection *connection, enum bracket which, struct err *err)
{
	sqlite3_stmt **statement = &connection->brackets[which];

	if (!*statement && sqlite3_prepare_v3(connection->handle, bracket_sql[which], -1,
			       SQLITE_PREPARE_PERSISTENT, statement, NULL) != SQLITE_OK)
		return fail(connection, err);
	int result = sqlite3_step(*statement) == SQLITE_DONE ? 0 : fail(connection, err);
	sqlite3_reset(*statement);
	return result;
}

static int begin(struct driver_connection *connection, bool write, struct err *err)
{
	return run_bracket(connection, write ? BEGIN_WRITE : BEGIN_READ, err);
}

static void rollback(struct driver_connection *connection)
{
	if (!sqlite3_get_autocommit(connection->handle))
		sqlite3_exec(connection->handle, "ROLLBACK", NULL, NULL, NULL);
}

static int commit(struct driver_connection *connection, struct err *err)
{
	if (run_bracket(connection, COMMIT, err) == 0)
		return 0;
	rollback(connection);
	return -1;
}

static int save(struct driver_connection *connection, struct err *err)
{
	return run_bracket(connection, SAVE, err);
}

static int keep(struct driver_connection *connection, struct err *err)
{
	return run_bracket(connection, KEEP, err);
}

static int undo(struct driver_connection *connection, struct err *err)
{
	return script(connection, "ROLLBACK TO op; RELEASE op", err);
}

static bool in_transaction(const struct driver_connection *connection)
{
	return !sqlite3_get_autocommit(connection->handle);
}

static void upkeep(struct driver_connection *connection)
{
	if (connection->log_pages < CHECKPOINT_PAGES)
		return;
	connection->log_pages = 0;
	sqlite3_wal_checkpoint_v2(connection->handle, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static int prepare(struct driver_connection *connection, struct str sql,
    struct driver_statement **statement_r, struct err *err)
{
	sqlite3_stmt *handle;
	const char *rest;

	if (sqlite3_prepare_v3(connection->handle, sql.ptr, (int)sql.len, SQLITE_PREPARE_PERSISTENT, &handle,
		&rest) != SQLITE_OK)
		return fail(connection, err);
	if (!handle || str_trim((struct str){rest, (size_t)(sql.ptr + sql.len - rest)}).len > 0) {
		sqlite3_finalize(handle);
		connection->failure = DRIVER_OTHER;
		return err_set(err, "not exactly one SQL statement");
	}
	*statement_r = mem_zalloc(sizeof(**statement_r));
	**statement_r = (struct driver_statement){handle, connection};
	return 0;
}

static void finish(struct driver_statement **statement)
{
	if (!*statement)
		return;
	sqlite3_finalize((*statement)->handle);
	free(*statement);
	*statement = NULL;
}

static int bind(struct driver_statement *statement, unsigned index, const struct db_param *value, bool copy,
    struct err *err)
{
	int place = (int)index + 1, rc;
	const char *bytes = value->text.ptr ? value->text.ptr : "";
	sqlite3_destructor_type lifetime = copy ? SQLITE_TRANSIENT : SQLITE_STATIC;

	switch (value->kind) {
	case DB_INT:
		rc = sqlite3_bind_int64(statement->handle, place, value->integer);
		break;
	case DB_TEXT:
		rc = sqlite3_bind_text64(
		    statement->handle, place, bytes, value->text.len, lifetime, SQLITE_UTF8);
		break;
	case DB_BLOB:
		rc = sqlite3_bind_blob64(statement->handle, place, bytes, value->text.len, lifetime);
		break;
	default:
		rc = sqlite3_bind_null(statement->handle, place);
	}
	return rc == SQLITE_OK ? 0 : fail(statement->connection, err);
}

static int step(struct driver_statement *statement, struct err *err)
{
	int rc = sqlite3_step(statement->handle);

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : fail(statement->connection, err);
}

static void reset(struct driver_statement *statement)
{
	sqlite3_reset(statement->handle);
	sqlite3_clear_bindings(statement->handle);
}

static struct str text(struct driver_statement *statement, unsigned column)
{
	const void *bytes;

	switch (sqlite3_column_type(statement->handle, (int)column)) {
	case SQLITE_NULL:
		return STR_NULL;
	case SQLITE_BLOB:
		bytes = sqlite3_column_blob(statement->handle, (int)column);
		break;
	default:
		bytes = sqlite3_column_text(statement->handle, (int)column);
	}
	/* An empty blob has no address, but it is not NULL. */
	return (struct str){bytes ? bytes : "", (size_t)sqlite3_column_bytes(statement->handle, (int)column)};
}

static int64_t integer(struct driver_statement *statement, unsigned column)
{
	return sqlite3_column_int64(statement->handle, (int)column);
}

static bool is_null(struct driver_statement *statement, unsigned column)
{
	return sqlite3_column_type(statement->handle, (int)column) == SQLITE_NULL;
}

static int64_t changes(struct driver_statement *statement)
{
	if (sqlite3_stmt_readonly(statement->handle))
		return 0;
	return sqlite3_changes64(statement->connection->handle);
}

static int64_t last_id(const struct driver_connection *connection)
{
	return sqlite3_last_insert_rowid(connection->handle);
}

const struct driver *driver_find(struct str name)
{
	return str_is(name, driver_sqlite.name) ? &driver_sqlite : NULL;
}

const struct driver driver_sqlite = {
    .name = "sqlite",
    .dialect = DIALECT_SQLITE,
    .exists = exists,
    .open = connection_open,
    .close = connection_close,
    .failure = failure,
    .examine = examine,
    .script = script,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .save = save,
    .keep = keep,
    .undo = undo,
    .in_transaction = in_transaction,
    .hurry = hurry,
    .wait = wait_again,
    .upkeep = upkeep,
    .prepare = prepare,
    .finish = finish,
    .bind = bind,
    .step = step,
    .reset = reset,
    .text = text,
    .integer = integer,
    .is_null = is_null,
    .changes = changes,
    .last_id = last_id,
};
