/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Privacy lists in the database: ejabberd's tables privacy_default_list, privacy_list and privacy_list_data.
 * On a storage thread.
 */
#pragma once

#include "modules/mod_privacy/list.h"
#include "stanzad/store.h"

struct privacy_row_list {
	int64_t id;
	struct str name;
	struct privacy_item *items;
	uint32_t count, room;
	bool standard;
};

/* What was read; everything lives in the arena that it was read into. */
struct privacy_rows {
	struct privacy_row_list *lists;
	uint32_t count, room;
};

/* *rows_r is NULL when there are none. An item that nobody can read is left out and logged. */
int privacy_rows_read(struct db *db, struct str host, struct str user, struct arena *arena,
    struct privacy_rows **rows_r, struct err *err);
/* Makes of what is stored as 'before' what is 'after'; either may be NULL: there is none. */
int privacy_list_write(struct db *db, const struct jid *user, const struct privacy_list *before,
    const struct privacy_list *after, struct err *err);
/* name empty: none. */
int privacy_standard_write(struct db *db, const struct jid *user, struct str name, struct err *err);
int privacy_delete(struct db *db, struct str host, struct str user, struct err *err);
