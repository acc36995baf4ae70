/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the store share: a fresh directory, opening without a configuration, a raw look. */
#pragma once

#include <sqlite3.h>
#include <unistd.h>

#include "store/settings.h"
#include "store/store_open.h"
#include "tap.h"

static char test_dir[64], test_file[80];

static inline void fresh_dir(void)
{
	snprintf(test_dir, sizeof(test_dir), "/tmp/stanzad-store-XXXXXX");
	if (!mkdtemp(test_dir))
		abort();
	snprintf(test_file, sizeof(test_file), "%s/stanzad.db", test_dir);
}

static inline void remove_dir(void)
{
	static const char *const names[] = {"stanzad.db", "stanzad.db-wal", "stanzad.db-shm", "lock"};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", test_dir, names[i]);
		unlink(path);
	}
	rmdir(test_dir);
}

static inline struct store_settings test_settings(enum schema_variant variant)
{
	return (struct store_settings){
	    .driver = &driver_sqlite,
	    .target = str_dup(str_of(test_file)),
	    .data_dir = str_dup(str_of(test_dir)),
	    .variant = variant,
	    .hosts = 1,
	    .may_upgrade = true,
	};
}

static inline int test_open(enum schema_variant variant, struct err *err)
{
	struct store_settings settings = test_settings(variant);

	return store_open_settings(&settings, err);
}

/* Runs SQL on the file, past the store. */
static inline void raw_sql(const char *sql)
{
	sqlite3 *handle;
	char *message = NULL;

	if (sqlite3_open(test_file, &handle) != SQLITE_OK ||
	    sqlite3_exec(handle, sql, NULL, NULL, &message) != SQLITE_OK) {
		printf("# raw_sql: %s: %s\n", sql, message ? message : sqlite3_errmsg(handle));
		abort();
	}
	sqlite3_close(handle);
}

/* The first column of the first row, -1 when there is none or the statement fails. */
static inline int64_t raw_int(const char *sql)
{
	sqlite3 *handle;
	sqlite3_stmt *statement;
	int64_t value = -1;

	sqlite3_open(test_file, &handle);
	if (sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) == SQLITE_OK) {
		if (sqlite3_step(statement) == SQLITE_ROW)
			value = sqlite3_column_int64(statement, 0);
		sqlite3_finalize(statement);
	}
	sqlite3_close(handle);
	return value;
}
