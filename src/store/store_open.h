/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing the store: main's side of stanzad/store.h. */
#pragma once

#include "conf/conf.h"
#include "stanzad/err.h"
#include "stanzad/store.h"

/*
 * Opens or makes the database that conf names: by default SQLite, DATA_DIR/stanzad.db, durable commits;
 * brings the schema to this version. Locks the data directory against a second server. Call it after
 * workers_init and executor_init; store_call works without them. Fails with words for a person
 * that say what to do next: not a database, damaged, schema newer than this server (both versions), of the
 * wrong variant, disk full, directory not writable, directory in use by pid N.
 */
int store_open(const struct conf *conf, const char *data_dir, struct err *err);
/*
 * Runs everything that was submitted, posts its done calls, closes; operations submitted later are refused
 * (done with < 0). After workers_run and executor_fini, whose jobs may still call; before workers_fini, which
 * delivers the done calls. Harmless when it is not open.
 */
void store_close(void);
/* What store_open would do to the database, one line each, without doing it; empty: nothing. */
int store_explain_upgrade(const struct conf *conf, const char *data_dir, struct strbuf *out, struct err *err);
/*
 * Failure injection for tests: the n-th statement from now on fails, begin and commit included (0: off). In
 * sanitizer builds also STANZAD_FAIL_DB=n in the environment, counted from the end of store_open.
 */
void store_fail_at(unsigned statement);

struct store_stats {
	uint64_t commits, operations, failures;
	unsigned waiting; /* operations that nobody has begun */
	unsigned writing; /* writes that are begun and whose done call is not posted yet */
};
void store_stats(struct store_stats *stats_r);
