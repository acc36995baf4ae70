/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The subscription state machine, RFC 6121 Appendix A and 3.4, as data: no storage, no routing.
 * subscription_flow.c does what it says. Any thread.
 */
#pragma once

#include "modules/mod_roster/roster.h"

/* RFC 6121 A.1. "Out": our request is pending at the contact; "in": the contact's request waits for our
 * answer. */
enum subscription_state {
	SUB_NONE,
	SUB_NONE_OUT,
	SUB_NONE_IN,
	SUB_NONE_OUT_IN,
	SUB_TO,
	SUB_TO_IN,
	SUB_FROM,
	SUB_FROM_OUT,
	SUB_BOTH,
	SUB_STATES
};

enum subscription_event { SUB_SUBSCRIBE, SUB_UNSUBSCRIBE, SUB_SUBSCRIBED, SUB_UNSUBSCRIBED, SUB_EVENTS };

enum subscription_action {
	SUB_PASS = 1,     /* outbound: route it to the contact; inbound: deliver it to the user's resources */
	SUB_REPLY = 2,    /* answer 'subscribed' for the user */
	SUB_PUSH = 4,     /* what the roster shows has changed */
	SUB_PRESENCE = 8, /* the contact may see presence from now on: send it, afterwards */
	SUB_UNAVAILABLE = 16, /* the contact may see it no longer: send unavailable, before */
};

struct subscription_step {
	enum subscription_state next;
	bool approved;    /* of the item, from now on */
	unsigned actions; /* enum subscription_action */
};

/* The user sends it to the contact: A.2. approved: the item is pre-approved. */
struct subscription_step subscription_outbound(
    enum subscription_state state, bool approved, enum subscription_event event);
/* It comes from the contact: A.3. */
struct subscription_step subscription_inbound(
    enum subscription_state state, bool approved, enum subscription_event event);

/* The event that a presence type is. */
enum subscription_event subscription_event_of(enum stanza_type type);
/* item NULL: none. */
enum subscription_state subscription_state_of(const struct roster_item *item);
void subscription_state_put(struct roster_item *draft, enum subscription_state state);
