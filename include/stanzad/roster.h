/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rosters (RFC 6121 2) for other modules than the one that keeps them. On the user's home worker.
 */
#pragma once

#include "stanzad/jid.h"

struct user;

enum roster_subscription { ROSTER_NONE, ROSTER_TO, ROSTER_FROM, ROSTER_BOTH, ROSTER_REMOVE };

/* Immutable where it is lent; all text lives as long as the item. */
struct roster_item {
	struct str jid; /* bare (or full) JID text of the contact */
	struct str name;
	const struct str *groups;
	struct str request; /* what the contact's pending request holds: XML under jabber:client */
	uint32_t group_count;
	enum roster_subscription subscription : 8; /* ROSTER_REMOVE: the item is taken out */
	bool listed;   /* in the roster that clients see; false: only a request of the contact is kept here */
	bool ask;      /* an own request is pending: ask='subscribe' */
	bool approved; /* pre-approved */
	bool pending_in; /* the contact's request waits for an answer */
};

/* "none", "to", "from", "both", "remove". */
const char *roster_subscription_text(enum roster_subscription subscription);

/* What is there between a user and a contact, by the bare JIDs: hook roster_subscription. ROSTER_NONE when
 * nobody knows. */
enum roster_subscription roster_subscription_of(const struct user *user, const struct jid *contact);
/* Who may see presence: the user themselves, and contacts with subscription from or both. */
bool roster_may_see(const struct user *user, const struct jid *contact);
