/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A roster in memory: items in the order of their JIDs, each one allocation. An empty roster needs no struct
 * at all: where a roster is only read, NULL stands for it.
 */
#pragma once

#include "modules/mod_roster/roster.h"

#define ROSTER_VERSION_LEN 40

struct reread;

struct roster {
	struct roster_item **items;
	uint32_t count, room;
	uint32_t listed;                      /* how many of them clients see */
	uint32_t changes;                     /* grows with every change */
	struct reread *reread;                /* private to roster_save.c */
	bool memory_only;                     /* of a user without an account: nothing is written */
	char version[ROSTER_VERSION_LEN + 1]; /* as stored (store_current_id); empty: none */
};

struct roster *roster_new(void);
/* *roster may be NULL. */
void roster_free(struct roster **roster);
void roster_clear(struct roster *roster);

const struct roster_item *roster_get(const struct roster *roster, struct str jid);
/* The first item behind jid in the order; jid empty: the first of all; NULL at the end. */
const struct roster_item *roster_after(const struct roster *roster, struct str jid);
/* Puts a copy of draft in, in place of what was there under its JID. draft may borrow from that. */
const struct roster_item *roster_put(struct roster *roster, const struct roster_item *draft);
void roster_remove(struct roster *roster, struct str jid);

struct roster_item *roster_item_new(const struct roster_item *draft);
/* Whether clients see the same. Either may be NULL: nothing is seen. */
bool roster_item_same(const struct roster_item *a, const struct roster_item *b);

/* The version that follows from what clients see: RFC 6121 2.6.1. */
void roster_hash(const struct roster *roster, char version_r[ROSTER_VERSION_LEN + 1]);

/*
 * A walk over a roster that may change at every step. Zeroed at the beginning; fini at the end.
 *
 *   while (roster_walk_next(roster, &walk)) route(from, &walk.jid, stanza);
 */
struct roster_walk {
	const struct roster_item *item; /* good until the roster changes */
	struct jid jid;                 /* of the item; good for the whole step */
	struct strbuf at;               /* private */
};
bool roster_walk_next(const struct roster *roster, struct roster_walk *walk);
void roster_walk_fini(struct roster_walk *walk);

/* The parts of a text that is a prepared JID. Borrows it. */
struct jid jid_of_prepared(struct str text);
