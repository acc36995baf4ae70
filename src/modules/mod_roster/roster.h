/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other modules may ask about a user's roster (RFC 6121 2). On the user's home worker.
 */
#pragma once

#include "stanzad/user.h"

enum roster_subscription { ROSTER_NONE, ROSTER_TO, ROSTER_FROM, ROSTER_BOTH, ROSTER_REMOVE };

/* Immutable: a change puts a new one in its place. All text lives as long as the item. */
struct roster_item {
	struct str jid; /* bare (or full) JID text of the contact */
	struct str name;
	const struct str *groups;
	struct str request; /* what the contact's pending request holds: XML under jabber:client */
	uint32_t group_count;
	enum roster_subscription subscription : 8;
	bool listed;   /* in the roster that clients see; false: only a request of the contact is kept here */
	bool ask;      /* an own request is pending: ask='subscribe' */
	bool approved; /* pre-approved */
	bool pending_in; /* the contact's request waits for an answer */
};

/* NULL when nothing is known of the contact. Valid until the roster may change: for the calling function. */
const struct roster_item *roster_find(const struct user *user, struct str contact_bare);
/* Who may see presence: the user themselves, and contacts with subscription from or both. */
bool roster_may_see(const struct user *user, const struct jid *contact);
