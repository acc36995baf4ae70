/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing the store: main's side of stanzad/store.h. */
#pragma once

#include "conf/conf.h"
#include "stanzad/err.h"
#include "stanzad/store.h"

/*
 * Opens (or makes) the database that conf names: by default SQLite, DATA_DIR/stanzad.db, WAL, durable commits; brings
 * the schema to this version. Locks the data directory against a second server. Fails with words for a person:
 * not a database / corrupt ("run ... integrity check, restore a backup"), schema newer than this server (its version and
 * ours), disk full, directory not writable, directory in use by pid N.
 */
int store_open(const struct conf *conf, const char *data_dir, struct err *err);
/* Runs everything that was submitted, posts its done calls, closes. */
void store_close(void);
/* What an upgrade of the schema would do, one line each, without doing it. */
int store_explain_upgrade(const struct conf *conf, const char *data_dir, struct strbuf *out, struct err *err);
/* Failure injection for tests: the n-th statement from now on fails (0: off); also STANZAD_FAIL_DB=n from the environment
 * in sanitizer builds. */
void store_fail_at(unsigned statement);

struct store_stats {
	uint64_t commits, operations, failures;
	unsigned waiting;
};
void store_stats(struct store_stats *stats_r);
