/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection with its prepared statements: what run() of an operation is handed. One thread at a time. The
 * statement functions are in stanzad/store.h; here are those of the threads that call run().
 */
#pragma once

#include "store/driver.h"

/*
 * Opens target. On failure the text is for the administrator: what is wrong with the database and what to do
 * next. The variant of the schema is the single-host one until db_set_multihost.
 */
int db_open(const struct driver *driver, const char *target, enum driver_mode mode, struct db **db_r,
    struct err *err);
void db_close(struct db **db);
/* Only before the first statement that has marks. */
void db_set_multihost(struct db *db, bool multihost);
enum dialect db_dialect(const struct db *db);

int db_begin(struct db *db, bool write, struct err *err);
int db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db);
int db_script(struct db *db, const char *sql, struct err *err);
void db_upkeep(struct db *db);
/* Explains a failure of opening or of a first look: damaged, foreign, denied, ... and what to do. */
int db_explain(struct db *db, const char *target, struct err *err);

enum db_outcome {
	DB_KEPT,   /* the effects are in the transaction */
	DB_UNDONE, /* this operation failed and left nothing behind */
	DB_LOST,   /* the whole transaction is gone, with everything before this operation */
};

/*
 * Calls run inside the open transaction so that its failure takes back its own effects only. *result_r is
 * what it returned, or < 0. Results that it forgot to end are ended.
 */
typedef int (*db_run_fn)(void *arg, struct db *db, struct err *err);
enum db_outcome db_run(struct db *db, db_run_fn run, void *arg, int *result_r, struct err *err);
/* The same for a run of one statement that changes anything, at most: without a savepoint. */
enum db_outcome db_run_single(struct db *db, db_run_fn run, void *arg, int *result_r, struct err *err);

/* The same with a transaction of its own, committed. Returns what run returned, or < 0. */
int db_transact(struct db *db, bool write, db_run_fn run, void *arg, struct err *err);

/*
 * The same for a read on a thread that must not wait: < 0 also when the answer is not in memory. Nothing is
 * changed by having tried.
 */
int db_peek(struct db *db, db_run_fn run, void *arg, struct err *err);

/* The n-th statement from now on fails, in any connection; 0: none. */
void db_fail_at(unsigned statement);
