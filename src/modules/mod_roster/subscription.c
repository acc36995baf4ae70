/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_roster/subscription.h"

#include <assert.h>

struct rule {
	enum subscription_state next : 8;
	unsigned actions : 8;
	bool approves : 1; /* is kept as approval in advance */
};

static const struct rule outbound[SUB_EVENTS][SUB_STATES] =
    {
	[SUB_SUBSCRIBE] =
	    {
		/* A.2.1 */
		[SUB_NONE] = {SUB_NONE_OUT, SUB_PASS},
		[SUB_NONE_OUT] = {SUB_NONE_OUT, SUB_PASS},
		[SUB_NONE_IN] = {SUB_NONE_OUT_IN, SUB_PASS},
		[SUB_NONE_OUT_IN] = {SUB_NONE_OUT_IN, SUB_PASS},
		[SUB_TO] = {SUB_TO, SUB_PASS},
		[SUB_TO_IN] = {SUB_TO_IN, SUB_PASS},
		[SUB_FROM] = {SUB_FROM_OUT, SUB_PASS},
		[SUB_FROM_OUT] = {SUB_FROM_OUT, SUB_PASS},
		[SUB_BOTH] = {SUB_BOTH, SUB_PASS},
	    },
	[SUB_UNSUBSCRIBE] =
	    {
		/* A.2.2 */
		[SUB_NONE] = {SUB_NONE, SUB_PASS},
		[SUB_NONE_OUT] = {SUB_NONE, SUB_PASS},
		[SUB_NONE_IN] = {SUB_NONE_IN, SUB_PASS},
		[SUB_NONE_OUT_IN] = {SUB_NONE_IN, SUB_PASS},
		[SUB_TO] = {SUB_NONE, SUB_PASS},
		[SUB_TO_IN] = {SUB_NONE_IN, SUB_PASS},
		[SUB_FROM] = {SUB_FROM, SUB_PASS},
		[SUB_FROM_OUT] = {SUB_FROM, SUB_PASS},
		[SUB_BOTH] = {SUB_FROM, SUB_PASS},
	    },
	[SUB_SUBSCRIBED] =
	    {
		/* A.2.3 */
		[SUB_NONE] = {SUB_NONE, .approves = true},
		[SUB_NONE_OUT] = {SUB_NONE_OUT, .approves = true},
		[SUB_NONE_IN] = {SUB_FROM, SUB_PASS | SUB_PRESENCE},
		[SUB_NONE_OUT_IN] = {SUB_FROM_OUT, SUB_PASS | SUB_PRESENCE},
		[SUB_TO] = {SUB_TO, .approves = true},
		[SUB_TO_IN] = {SUB_BOTH, SUB_PASS | SUB_PRESENCE},
		[SUB_FROM] = {SUB_FROM},
		[SUB_FROM_OUT] = {SUB_FROM_OUT},
		[SUB_BOTH] = {SUB_BOTH},
	    },
	[SUB_UNSUBSCRIBED] =
	    {
		/* A.2.4 */
		[SUB_NONE] = {SUB_NONE},
		[SUB_NONE_OUT] = {SUB_NONE_OUT},
		[SUB_NONE_IN] = {SUB_NONE, SUB_PASS},
		[SUB_NONE_OUT_IN] = {SUB_NONE_OUT, SUB_PASS},
		[SUB_TO] = {SUB_TO},
		[SUB_TO_IN] = {SUB_TO, SUB_PASS},
		[SUB_FROM] = {SUB_NONE, SUB_PASS | SUB_UNAVAILABLE},
		[SUB_FROM_OUT] = {SUB_NONE_OUT, SUB_PASS | SUB_UNAVAILABLE},
		[SUB_BOTH] = {SUB_TO, SUB_PASS | SUB_UNAVAILABLE},
	    },
};

static const struct rule inbound[SUB_EVENTS][SUB_STATES] =
    {
	[SUB_SUBSCRIBE] =
	    {
		/* A.3.1 */
		[SUB_NONE] = {SUB_NONE_IN, SUB_PASS},
		[SUB_NONE_OUT] = {SUB_NONE_OUT_IN, SUB_PASS},
		[SUB_NONE_IN] = {SUB_NONE_IN},
		[SUB_NONE_OUT_IN] = {SUB_NONE_OUT_IN},
		[SUB_TO] = {SUB_TO_IN, SUB_PASS},
		[SUB_TO_IN] = {SUB_TO_IN},
		[SUB_FROM] = {SUB_FROM, SUB_REPLY},
		[SUB_FROM_OUT] = {SUB_FROM_OUT, SUB_REPLY},
		[SUB_BOTH] = {SUB_BOTH, SUB_REPLY},
	    },
	[SUB_UNSUBSCRIBE] =
	    {
		/* A.3.2 */
		[SUB_NONE] = {SUB_NONE},
		[SUB_NONE_OUT] = {SUB_NONE_OUT},
		[SUB_NONE_IN] = {SUB_NONE, SUB_PASS},
		[SUB_NONE_OUT_IN] = {SUB_NONE_OUT, SUB_PASS},
		[SUB_TO] = {SUB_TO},
		[SUB_TO_IN] = {SUB_TO, SUB_PASS},
		[SUB_FROM] = {SUB_NONE, SUB_PASS | SUB_UNAVAILABLE},
		[SUB_FROM_OUT] = {SUB_NONE_OUT, SUB_PASS | SUB_UNAVAILABLE},
		[SUB_BOTH] = {SUB_TO, SUB_PASS | SUB_UNAVAILABLE},
	    },
	[SUB_SUBSCRIBED] =
	    {
		/* A.3.3 */
		[SUB_NONE] = {SUB_NONE},
		[SUB_NONE_OUT] = {SUB_TO, SUB_PASS},
		[SUB_NONE_IN] = {SUB_NONE_IN},
		[SUB_NONE_OUT_IN] = {SUB_TO_IN, SUB_PASS},
		[SUB_TO] = {SUB_TO},
		[SUB_TO_IN] = {SUB_TO_IN},
		[SUB_FROM] = {SUB_FROM},
		[SUB_FROM_OUT] = {SUB_BOTH, SUB_PASS},
		[SUB_BOTH] = {SUB_BOTH},
	    },
	[SUB_UNSUBSCRIBED] =
	    {
		/* A.3.4 */
		[SUB_NONE] = {SUB_NONE},
		[SUB_NONE_OUT] = {SUB_NONE, SUB_PASS},
		[SUB_NONE_IN] = {SUB_NONE_IN},
		[SUB_NONE_OUT_IN] = {SUB_NONE_IN, SUB_PASS},
		[SUB_TO] = {SUB_NONE, SUB_PASS},
		[SUB_TO_IN] = {SUB_NONE_IN, SUB_PASS},
		[SUB_FROM] = {SUB_FROM},
		[SUB_FROM_OUT] = {SUB_FROM, SUB_PASS},
		[SUB_BOTH] = {SUB_FROM, SUB_PASS},
	    },
};

/* 3.4.2: 'subscribe' from a contact who was approved in advance. */
static const struct rule inbound_approved[SUB_STATES] = {
    [SUB_NONE] = {SUB_FROM, SUB_REPLY | SUB_PRESENCE},
    [SUB_NONE_OUT] = {SUB_FROM_OUT, SUB_REPLY | SUB_PRESENCE},
    [SUB_NONE_IN] = {SUB_FROM, SUB_REPLY | SUB_PRESENCE},
    [SUB_NONE_OUT_IN] = {SUB_FROM_OUT, SUB_REPLY | SUB_PRESENCE},
    [SUB_TO] = {SUB_BOTH, SUB_REPLY | SUB_PRESENCE},
    [SUB_TO_IN] = {SUB_BOTH, SUB_REPLY | SUB_PRESENCE},
    [SUB_FROM] = {SUB_FROM, SUB_REPLY},
    [SUB_FROM_OUT] = {SUB_FROM_OUT, SUB_REPLY},
    [SUB_BOTH] = {SUB_BOTH, SUB_REPLY},
};

/* What the roster shows of a state: the contact's pending request is no part of it. */
static const struct shown {
	enum roster_subscription subscription : 8;
	bool ask, pending_in;
} shown[SUB_STATES] = {
    [SUB_NONE] = {ROSTER_NONE, false, false},
    [SUB_NONE_OUT] = {ROSTER_NONE, true, false},
    [SUB_NONE_IN] = {ROSTER_NONE, false, true},
    [SUB_NONE_OUT_IN] = {ROSTER_NONE, true, true},
    [SUB_TO] = {ROSTER_TO, false, false},
    [SUB_TO_IN] = {ROSTER_TO, false, true},
    [SUB_FROM] = {ROSTER_FROM, false, false},
    [SUB_FROM_OUT] = {ROSTER_FROM, true, false},
    [SUB_BOTH] = {ROSTER_BOTH, false, false},
};

static struct subscription_step step_by(
    const struct rule *rule, enum subscription_state state, bool was_approved, bool approved)
{
	const struct shown *before = &shown[state], *after = &shown[rule->next];
	struct subscription_step step = {rule->next, approved, rule->actions};
	if (before->subscription != after->subscription || before->ask != after->ask ||
	    was_approved != approved)
		step.actions |= SUB_PUSH;
	return step;
}

struct subscription_step subscription_outbound(
    enum subscription_state state, bool approved, enum subscription_event event)
{
	const struct rule *rule = &outbound[event][state];
	/* 3.4.2: 'unsubscribed' takes an approval back. */
	bool after = event != SUB_UNSUBSCRIBED && (approved || rule->approves);
	return step_by(rule, state, approved, after);
}

struct subscription_step subscription_inbound(
    enum subscription_state state, bool approved, enum subscription_event event)
{
	bool at_once = approved && event == SUB_SUBSCRIBE;
	return step_by(
	    at_once ? &inbound_approved[state] : &inbound[event][state], state, approved, approved);
}

enum subscription_event subscription_event_of(enum stanza_type type)
{
	switch (type) {
	case PRESENCE_SUBSCRIBE:
		return SUB_SUBSCRIBE;
	case PRESENCE_UNSUBSCRIBE:
		return SUB_UNSUBSCRIBE;
	case PRESENCE_SUBSCRIBED:
		return SUB_SUBSCRIBED;
	default:
		assert(type == PRESENCE_UNSUBSCRIBED);
		return SUB_UNSUBSCRIBED;
	}
}

enum subscription_state subscription_state_of(const struct roster_item *item)
{
	if (!item)
		return SUB_NONE;
	switch (item->subscription) {
	case ROSTER_TO:
		return item->pending_in ? SUB_TO_IN : SUB_TO;
	case ROSTER_FROM:
		return item->ask ? SUB_FROM_OUT : SUB_FROM;
	case ROSTER_BOTH:
		return SUB_BOTH;
	default:
		if (item->ask)
			return item->pending_in ? SUB_NONE_OUT_IN : SUB_NONE_OUT;
		return item->pending_in ? SUB_NONE_IN : SUB_NONE;
	}
}

void subscription_state_put(struct roster_item *draft, enum subscription_state state)
{
	draft->subscription = shown[state].subscription;
	draft->ask = shown[state].ask;
	draft->pending_in = shown[state].pending_in;
}
