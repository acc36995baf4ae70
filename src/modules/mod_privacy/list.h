/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One privacy list (XEP-0016 2.1): a name and items in their order. Immutable after it is made, one
 * allocation. The counter belongs to the user's home worker; storage threads may read a list while somebody
 * there holds it.
 */
#pragma once

#include "stanzad/hooks.h"
#include "stanzad/roster.h"
#include "stanzad/user.h"

enum privacy_type { PRIVACY_ANY, PRIVACY_JID, PRIVACY_GROUP, PRIVACY_SUBSCRIPTION };

/* What an item is about; a stanza is one of the first four, or none of them, and then only PRIVACY_ALL is. */
enum privacy_kind {
	PRIVACY_OTHER = 0, /* subscriptions, probes, and all but presence that goes out */
	PRIVACY_MESSAGE = 1,
	PRIVACY_IQ = 2,
	PRIVACY_PRESENCE_IN = 4,
	PRIVACY_PRESENCE_OUT = 8,
	PRIVACY_EACH = 15,
	PRIVACY_ALL = 16,
};

struct privacy_item {
	struct jid jid;   /* PRIVACY_JID */
	struct str group; /* PRIVACY_GROUP */
	uint32_t order;
	uint8_t kinds; /* of enum privacy_kind */
	enum privacy_type type : 8;
	enum roster_subscription subscription : 8; /* PRIVACY_SUBSCRIPTION; ROSTER_NONE: strangers, too */
	bool deny;
};

struct privacy_list {
	uint32_t refs; /* private */
	uint32_t count;
	bool loose; /* two items have the same order: another program wrote it */
	struct str name;
	struct privacy_item items[];
};

/* Copies everything; the items are in order. Unref it. */
struct privacy_list *privacy_list_new(struct str name, const struct privacy_item *items, uint32_t count);
struct privacy_list *privacy_list_ref(struct privacy_list *list);
/* *list may be NULL. */
void privacy_list_unref(struct privacy_list **list);
/* Bytes of its allocation. */
size_t privacy_list_size(const struct privacy_list *list);

/* By the order of items, for qsort. */
int privacy_item_by_order(const void *a, const void *b);
/* All that is stored of them is the same. */
bool privacy_item_eq(const struct privacy_item *a, const struct privacy_item *b);
/* The address, group or subscription of an item as it is stored and shown; empty for PRIVACY_ANY. */
struct str privacy_item_value(const struct privacy_item *item);
/* The item is one of a block list: denies everything to an address (XEP-0191 5). */
bool privacy_item_is_block(const struct privacy_item *item);
/* XEP-0016 2.1, XEP-0191 6: whether an address is one of those that pattern stands for. */
bool privacy_jid_matches(const struct jid *pattern, const struct jid *jid);

/* The item that denies the user a stanza of that kind from or to jid; NULL: it may pass. list may be NULL. */
const struct privacy_item *privacy_list_denies(
    const struct privacy_list *list, struct user *user, enum privacy_kind kind, const struct jid *jid);
