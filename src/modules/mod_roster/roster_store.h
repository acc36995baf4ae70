/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rosters in the database: the tables rosterusers, rostergroups and roster_version in ejabberd's columns.
 */
#pragma once

#include "modules/mod_roster/roster_data.h"
#include "stanzad/store.h"

/* What was read; everything lives in the arena that it was read into. */
struct roster_rows {
	struct roster_item *items;
	size_t count;
	struct str version; /* as stored; empty: none */
};

/* On a storage thread. with_version: read the stored version too. */
int roster_rows_read(struct db *db, const struct jid *user, bool with_version, struct arena *arena,
    struct roster_rows **rows_r, struct err *err);
/* Replaces what the roster holds. */
void roster_fill(struct roster *roster, const struct roster_rows *rows);

/* On a storage thread: writes one item, or with subscription ROSTER_REMOVE deletes it. version NULL: none is
 * kept. */
int roster_item_write(struct db *db, const struct jid *user, const struct roster_item *item,
    const char *version, struct err *err);
int roster_delete(struct db *db, struct str host, struct str user, struct err *err);
