/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Storage: SQL, behind operations that run elsewhere and come back. One layer for all drivers; statements are
 * written once, in the common subset, with ? for parameters.
 *
 * An operation is one struct, embedded in what it needs: run() on a storage thread, inside one transaction,
 * plain top-to-bottom code; done() back on the worker that submitted it: exactly once, never inline, also at
 * shutdown. Two steps that belong together are one run(). An operation of a key (a user's bare JID) sees the
 * effects of all operations with that key that the same worker submitted before it.
 */
#pragma once

#include "stanzad/arena.h"
#include "stanzad/err.h"
#include "stanzad/str.h"

struct db;

enum store_kind {
	STORE_READ,  /* runs beside other reads */
	STORE_WRITE, /* runs on the writer, which commits many at once; done() comes after the commit is
			durable */
};

struct store_op {
	enum store_kind kind;
	bool single; /* a write that changes things by one statement at most: that is undone as a whole */
	struct str key; /* orders operations; empty: no order. Borrowed until done */
	/* < 0 with err set: the operation's effects are rolled back (others in the same commit are not). */
	int (*run)(struct store_op *op, struct db *db, struct err *err);
	/* result: what run returned, or < 0 when the commit failed; err says why. Frees the op. */
	void (*done)(struct store_op *op, int result, const struct err *err);
	struct {
		void *words[11];
		struct err err;
	} own; /* private */
};

/* On a worker. */
void store_submit(struct store_op *op);

/*
 * The same as a blocking call, on the thread of a 'parallel' or 'one_queue' IQ handler or of a command:
 * waits until it is durable. Never on a worker.
 */
int store_call(enum store_kind kind, struct str key, int (*run)(void *arg, struct db *db, struct err *err),
    void *arg, struct err *err);

/* --- inside run() --------------------------------------------------------------------------------------- */

struct db_param {
	enum { DB_NULL, DB_INT, DB_TEXT, DB_BLOB } kind;
	int64_t integer;
	struct str text;
};

#define DB_P_INT(value) ((struct db_param){.kind = DB_INT, .integer = (value)})
#define DB_P_TEXT(value) ((struct db_param){.kind = DB_TEXT, .text = (value)})
#define DB_P_BLOB(value) ((struct db_param){.kind = DB_BLOB, .text = (value)})
#define DB_P_NULL ((struct db_param){.kind = DB_NULL})

/*
 * sql is a literal (it is the key of the cache of prepared statements), one statement. Returns the number of
 * rows that were changed, or < 0.
 */
int64_t db_exec_params(
    struct db *db, const char *sql, const struct db_param *params, size_t count, struct err *err);
#define DB_EXEC(db, err, sql, ...)                                                                           \
	db_exec_params((db), (sql), (const struct db_param[]){__VA_ARGS__},                                  \
	    sizeof((const struct db_param[]){__VA_ARGS__}) / sizeof(struct db_param), (err))

/*
 * A query: db_query_params starts it, db_next steps (1 a row, 0 the end, < 0 an error), db_end ends it early
 * or late (always call it). Column values live until the next db_next or db_end. What failed to start is NULL:
 * db_next says < 0 to that, and db_end nothing.
 */
struct db_rows;
struct db_rows *db_query_params(
    struct db *db, const char *sql, const struct db_param *params, size_t count, struct err *err);
#define DB_QUERY(db, err, sql, ...)                                                                          \
	db_query_params((db), (sql), (const struct db_param[]){__VA_ARGS__},                                 \
	    sizeof((const struct db_param[]){__VA_ARGS__}) / sizeof(struct db_param), (err))
int db_next(struct db_rows *rows, struct err *err);
struct str db_text(struct db_rows *rows, unsigned column); /* ptr NULL for NULL */
int64_t db_int(struct db_rows *rows, unsigned column);     /* 0 for NULL */
bool db_is_null(struct db_rows *rows, unsigned column);
void db_end(struct db_rows **rows);
int64_t db_last_id(struct db *db);

/*
 * The schema has two variants (sql_schema_multihost): with and without a server_host column. Statements are
 * written for the multihost variant with the marks below, and the layer strips them for the single-host one:
 *
 *   "SELECT password FROM users WHERE {host=} username = ?"  parameters: host, user
 *   "INSERT INTO last ({host,} username, seconds, state) VALUES ({?,} ?, ?, ?)"
 *
 * {host=} is "server_host = ? AND", {host,} is "server_host,", {?,} is "?,". A parameter that stands for a
 * stripped mark is dropped: always pass the host. {excluded} and ON CONFLICT upserts are written in SQLite's
 * and PostgreSQL's syntax.
 */
bool db_multihost(const struct db *db);

/* --- the words of archived messages --------------------------------------------------------------------- */

/*
 * One index for the texts of the table archive, made when it is first wanted. It holds no texts: they are found in
 * the table by the key that they were put in with, a number that also orders them. Tags are words that are looked
 * for as they are: whose text it is. The mark is the id of the last row of the archive that was put in; what puts
 * texts in keeps it. Inside run() all of these.
 */
enum db_text_state {
	DB_TEXT_NEVER,  /* this database has none, or update_sql_schema forbids to make it */
	DB_TEXT_CAN_BE, /* db_text_make would make it */
	DB_TEXT_THERE,
};
int db_text_state(struct db *db, enum db_text_state *state_r, struct err *err);
/* In a write. The mark is 0. Harmless when it is there. */
int db_text_make(struct db *db, struct err *err);
int db_text_mark(struct db *db, int64_t *id_r, struct err *err);
int db_text_set_mark(struct db *db, int64_t id, struct err *err);
/* In a write. tags: letters and digits, with spaces between them. What is taken out must be exactly what was put in.
 */
int db_text_put(struct db *db, int64_t key, struct str tags, struct str text, struct err *err);
int db_text_remove(struct db *db, int64_t key, struct str tags, struct str text, struct err *err);

struct db_text_range {
	int64_t from, to; /* keys, both inclusive */
	bool backwards;   /* the largest first */
};
/*
 * The keys, in order, of the texts that have all of the tags and all of the words, as rows with one column: for
 * db_next and db_end. words is what a person wrote: capitals and accents do not matter, a word that ends in * stands
 * for all that begin so, words in quotation marks stand side by side. When there is no word in it, nothing is found.
 */
struct db_rows *db_text_find(struct db *db, struct str tags, struct str words, const struct db_text_range *range,
    struct err *err);

/* --- tables of a module's own --------------------------------------------------------------------------- */

/*
 * A struct module names them in .schema. Before the module starts, the server makes
 * the tables that the database does not have, adds the columns that a table does not have, and writes the
 * version into the table schema_version. It never drops anything. The description is the same for all drivers;
 * in the multihost variant each table gets the column server_host, so all statements on it want the marks above.
 * Data of one's own for a user goes in the hook user_removed.
 */
enum db_type {
	DB_TYPE_INT = 1, /* 64 bits */
	DB_TYPE_KEY,     /* text that is part of a key or an index: 191 characters at most */
	DB_TYPE_TEXT,
	DB_TYPE_BLOB,
	DB_TYPE_SERIAL, /* numbered by the database; the primary key */
};

/* Names of tables and columns are lower-case letters, digits and underscores, and no words of SQL. */
struct db_column {
	const char *name; /* NULL ends a list */
	enum db_type type;
	const char *def; /* SQL, "0" or "''": for rows that do not say; NULL: each row says. Not for blobs */
	bool nullable;
};

struct db_index {
	const char *columns; /* "{host,} jid"; NULL ends a list */
	bool unique;
};

struct db_table {
	const char *name; /* the module's name, or that, an underscore and more; NULL ends a list */
	const struct db_column *columns;
	const char *key;                /* primary key: "{host,} username"; NULL: a serial column, or none */
	const struct db_index *indexes; /* made together with the table; may be NULL */
};

struct db_schema {
	int version; /* from 1; one more with each change. A database with a later one is refused */
	const struct db_table *tables;
	/*
	 * From an earlier version to this one, after columns were added: for what goes beyond that. In the same
	 * transaction where the database can do that, so it must bear being called again. < 0 with err: the
	 * module is not started. May be NULL. On worker 0.
	 */
	int (*upgrade)(struct db *db, int from, struct err *err);
};
