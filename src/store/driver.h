/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a database has to offer to be used by the store: one table of functions per kind of database. A
 * connection is used by one thread at a time and may move between threads. Functions that return int: < 0
 * failure with err set, 0 done; the connection then knows the class of the failure.
 */
#pragma once

#include "stanzad/store.h"

enum dialect { DIALECT_SQLITE, DIALECT_PGSQL, DIALECT_MYSQL, DIALECT_COUNT };

enum driver_mode {
	DRIVER_WRITE,   /* makes the database when there is none */
	DRIVER_READ,    /* refuses to change anything */
	DRIVER_INSPECT, /* reads without leaving a trace; fails when there is no database */
};

enum driver_failure {
	DRIVER_OTHER,
	DRIVER_CONSTRAINT, /* unique, not null, ... */
	DRIVER_BUSY,       /* another process holds it, longer than we wait */
	DRIVER_FULL,       /* no room on the disk */
	DRIVER_IO,
	DRIVER_DENIED,  /* not allowed to read or write the files */
	DRIVER_DAMAGED, /* is a database, but its contents contradict each other */
	DRIVER_FOREIGN, /* is no database at all */
};

struct driver_connection;
struct driver_statement;

struct driver {
	const char *name; /* as in the option sql_type */
	enum dialect dialect;

	bool (*exists)(const char *target);
	/*
	 * target: the path of a file, or a connection string. Checks that it really is a database. After a
	 * failure *connection_r may be there, for failure() and examine(): always close.
	 */
	int (*open)(const char *target, enum driver_mode mode, struct driver_connection **connection_r,
	    struct err *err);
	void (*close)(struct driver_connection **connection);
	enum driver_failure (*failure)(const struct driver_connection *connection);
	/* Looks at everything, which takes long; says in words what is wrong, or leaves findings empty. */
	void (*examine)(struct driver_connection *connection, struct strbuf *findings);

	/* Any number of statements without parameters; rows are thrown away. */
	int (*script)(struct driver_connection *connection, const char *sql, struct err *err);
	int (*begin)(struct driver_connection *connection, bool write, struct err *err);
	/* When it returns 0 the transaction survives a power failure; when not, nothing of it was done. */
	int (*commit)(struct driver_connection *connection, struct err *err);
	void (*rollback)(struct driver_connection *connection);
	/* One level only. undo drops what was done since save and the mark; keep drops the mark. */
	int (*save)(struct driver_connection *connection, struct err *err);
	int (*keep)(struct driver_connection *connection, struct err *err);
	int (*undo)(struct driver_connection *connection, struct err *err);
	/* False after a failure that ended the transaction by itself. */
	bool (*in_transaction)(const struct driver_connection *connection);
	/*
	 * From now on (until wait) whatever would have to wait for a disk or for somebody else fails instead,
	 * when this thread does it. False: it cannot promise that. NULL: it never can.
	 */
	bool (*hurry)(struct driver_connection *connection);
	void (*wait)(struct driver_connection *connection);
	/* After a commit was reported: time for upkeep that nobody waits for. */
	void (*upkeep)(struct driver_connection *connection);

	/* sql has ? for parameters. */
	int (*prepare)(struct driver_connection *connection, struct str sql,
	    struct driver_statement **statement_r, struct err *err);
	void (*finish)(struct driver_statement **statement);
	/* index from 0. copy: the value's bytes go away before the statement is reset. */
	int (*bind)(struct driver_statement *statement, unsigned index, const struct db_param *value,
	    bool copy, struct err *err);
	/* 1 a row, 0 the end, < 0 failure. */
	int (*step)(struct driver_statement *statement, struct err *err);
	void (*reset)(struct driver_statement *statement);
	struct str (*text)(struct driver_statement *statement, unsigned column);
	int64_t (*integer)(struct driver_statement *statement, unsigned column);
	bool (*is_null)(struct driver_statement *statement, unsigned column);
	/* Rows that it inserted, changed or deleted, once it was stepped to its end. */
	int64_t (*changes)(struct driver_statement *statement);
	int64_t (*last_id)(const struct driver_connection *connection);
};

extern const struct driver driver_sqlite;

/* NULL: no driver of that name in this build. */
const struct driver *driver_find(struct str name);
