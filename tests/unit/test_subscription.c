/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_roster/roster_data.h"
#include "modules/mod_roster/subscription.h"
#include "tap.h"

/* RFC 6121 Appendix A, row by row, in the words of its tables. */
struct row {
	const char *state;
	bool passes; /* "MUST" or "SHOULD" route, or deliver */
	const char *next;
};

#define ROWS 9

static const struct row out_subscribe[ROWS] = {
    /* A.2.1 */
    {"None", true, "None + Pending Out"},
    {"None + Pending Out", true, "None + Pending Out"},
    {"None + Pending In", true, "None + Pending Out+In"},
    {"None + Pending Out+In", true, "None + Pending Out+In"},
    {"To", true, "To"},
    {"To + Pending In", true, "To + Pending In"},
    {"From", true, "From + Pending Out"},
    {"From + Pending Out", true, "From + Pending Out"},
    {"Both", true, "Both"},
};

static const struct row out_unsubscribe[ROWS] = {
    /* A.2.2 */
    {"None", true, "None"},
    {"None + Pending Out", true, "None"},
    {"None + Pending In", true, "None + Pending In"},
    {"None + Pending Out+In", true, "None + Pending In"},
    {"To", true, "None"},
    {"To + Pending In", true, "None + Pending In"},
    {"From", true, "From"},
    {"From + Pending Out", true, "From"},
    {"Both", true, "From"},
};

static const struct row out_subscribed[ROWS] = {
    /* A.2.3 */
    {"None", false, "None"},
    {"None + Pending Out", false, "None + Pending Out"},
    {"None + Pending In", true, "From"},
    {"None + Pending Out+In", true, "From + Pending Out"},
    {"To", false, "To"},
    {"To + Pending In", true, "Both"},
    {"From", false, "From"},
    {"From + Pending Out", false, "From + Pending Out"},
    {"Both", false, "Both"},
};

static const struct row out_unsubscribed[ROWS] = {
    /* A.2.4 */
    {"None", false, "None"},
    {"None + Pending Out", false, "None + Pending Out"},
    {"None + Pending In", true, "None"},
    {"None + Pending Out+In", true, "None + Pending Out"},
    {"To", false, "To"},
    {"To + Pending In", true, "To"},
    {"From", true, "None"},
    {"From + Pending Out", true, "None + Pending Out"},
    {"Both", true, "To"},
};

static const struct row in_subscribe[ROWS] = {
    /* A.3.1 */
    {"None", true, "None + Pending In"},
    {"None + Pending Out", true, "None + Pending Out+In"},
    {"None + Pending In", false, "None + Pending In"},
    {"None + Pending Out+In", false, "None + Pending Out+In"},
    {"To", true, "To + Pending In"},
    {"To + Pending In", false, "To + Pending In"},
    {"From", false, "From"},
    {"From + Pending Out", false, "From + Pending Out"},
    {"Both", false, "Both"},
};

static const struct row in_unsubscribe[ROWS] = {
    /* A.3.2 */
    {"None", false, "None"},
    {"None + Pending Out", false, "None + Pending Out"},
    {"None + Pending In", true, "None"},
    {"None + Pending Out+In", true, "None + Pending Out"},
    {"To", false, "To"},
    {"To + Pending In", true, "To"},
    {"From", true, "None"},
    {"From + Pending Out", true, "None + Pending Out"},
    {"Both", true, "To"},
};

static const struct row in_subscribed[ROWS] = {
    /* A.3.3 */
    {"None", false, "None"},
    {"None + Pending Out", true, "To"},
    {"None + Pending In", false, "None + Pending In"},
    {"None + Pending Out+In", true, "To + Pending In"},
    {"To", false, "To"},
    {"To + Pending In", false, "To + Pending In"},
    {"From", false, "From"},
    {"From + Pending Out", true, "Both"},
    {"Both", false, "Both"},
};

static const struct row in_unsubscribed[ROWS] = {
    /* A.3.4 */
    {"None", false, "None"},
    {"None + Pending Out", true, "None"},
    {"None + Pending In", false, "None + Pending In"},
    {"None + Pending Out+In", true, "None + Pending In"},
    {"To", true, "None"},
    {"To + Pending In", true, "None + Pending In"},
    {"From", false, "From"},
    {"From + Pending Out", true, "From"},
    {"Both", true, "From"},
};

static const char *const state_words[SUB_STATES] = {
    [SUB_NONE] = "None",
    [SUB_NONE_OUT] = "None + Pending Out",
    [SUB_NONE_IN] = "None + Pending In",
    [SUB_NONE_OUT_IN] = "None + Pending Out+In",
    [SUB_TO] = "To",
    [SUB_TO_IN] = "To + Pending In",
    [SUB_FROM] = "From",
    [SUB_FROM_OUT] = "From + Pending Out",
    [SUB_BOTH] = "Both",
};

static enum subscription_state state_of(const char *word)
{
	for (unsigned i = 0; i < SUB_STATES; i++)
		if (strcmp(state_words[i], word) == 0)
			return (enum subscription_state)i;
	abort();
}

static void table_holds(const char *table, const struct row *rows,
    struct subscription_step (*step)(enum subscription_state, bool, enum subscription_event),
    enum subscription_event event)
{
	for (unsigned i = 0; i < ROWS; i++) {
		struct subscription_step got = step(state_of(rows[i].state), false, event);
		printf("# %s %s\n", table, rows[i].state);
		is_int((got.actions & SUB_PASS) != 0, rows[i].passes);
		is_cstr(state_words[got.next], rows[i].next);
	}
}

static void test_outbound(void)
{
	table_holds("A.2.1", out_subscribe, subscription_outbound, SUB_SUBSCRIBE);
	table_holds("A.2.2", out_unsubscribe, subscription_outbound, SUB_UNSUBSCRIBE);
	table_holds("A.2.3", out_subscribed, subscription_outbound, SUB_SUBSCRIBED);
	table_holds("A.2.4", out_unsubscribed, subscription_outbound, SUB_UNSUBSCRIBED);
}

static void test_inbound(void)
{
	table_holds("A.3.1", in_subscribe, subscription_inbound, SUB_SUBSCRIBE);
	table_holds("A.3.2", in_unsubscribe, subscription_inbound, SUB_UNSUBSCRIBE);
	table_holds("A.3.3", in_subscribed, subscription_inbound, SUB_SUBSCRIBED);
	table_holds("A.3.4", in_unsubscribed, subscription_inbound, SUB_UNSUBSCRIBED);
}

static bool contact_sees(enum subscription_state state)
{
	return state == SUB_FROM || state == SUB_FROM_OUT || state == SUB_BOTH;
}

static struct roster_item shown(enum subscription_state state, bool approved)
{
	struct roster_item item = {.jid = STR("a@b"), .listed = true, .approved = approved};

	subscription_state_put(&item, state);
	return item;
}

/* What follows from any step: presence begins and ends with the subscription, and what is seen is pushed. */
static void consequences_hold(
    struct subscription_step (*step)(enum subscription_state, bool, enum subscription_event))
{
	unsigned wrong = 0;

	for (unsigned i = 0; i < SUB_STATES * SUB_EVENTS * 2; i++) {
		enum subscription_state state = (enum subscription_state)(i % SUB_STATES);
		enum subscription_event event = (enum subscription_event)(i / SUB_STATES % SUB_EVENTS);
		bool approved = i / SUB_STATES / SUB_EVENTS;
		struct subscription_step got = step(state, approved, event);
		struct roster_item before = shown(state, approved), after = shown(got.next, got.approved);
		bool begins = !contact_sees(state) && contact_sees(got.next);
		bool ends = contact_sees(state) && !contact_sees(got.next);

		wrong += begins != ((got.actions & SUB_PRESENCE) != 0);
		wrong += ends != ((got.actions & SUB_UNAVAILABLE) != 0);
		wrong += !roster_item_same(&before, &after) != ((got.actions & SUB_PUSH) != 0);
		wrong += subscription_state_of(&after) != got.next;
	}
	is_int(wrong, 0);
}

static void test_consequences(void)
{
	consequences_hold(subscription_outbound);
	consequences_hold(subscription_inbound);
}

/* A.3.1: the contact is subscribed already, the server answers for the user. */
static void test_reply(void)
{
	for (unsigned i = 0; i < SUB_STATES; i++) {
		enum subscription_state state = (enum subscription_state)i;
		struct subscription_step got = subscription_inbound(state, false, SUB_SUBSCRIBE);

		is_int((got.actions & SUB_REPLY) != 0, contact_sees(state));
	}
}

/* 3.4.2 */
static void test_approval_in_advance(void)
{
	static const struct {
		const char *state, *after_request;
		bool approves;
	} rows[] = {
	    {"None", "From", true},
	    {"None + Pending Out", "From + Pending Out", true},
	    {"To", "Both", true},
	    {"None + Pending In", "From", false},
	    {"None + Pending Out+In", "From + Pending Out", false},
	    {"To + Pending In", "Both", false},
	    {"From", "From", false},
	    {"From + Pending Out", "From + Pending Out", false},
	    {"Both", "Both", false},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum subscription_state state = state_of(rows[i].state);
		struct subscription_step given = subscription_outbound(state, false, SUB_SUBSCRIBED);
		printf("# %s\n", rows[i].state);
		is_int(given.approved, rows[i].approves);
		if (rows[i].approves)
			is_int(given.next, state);

		struct subscription_step asked = subscription_inbound(state, true, SUB_SUBSCRIBE);
		is_cstr(state_words[asked.next], rows[i].after_request);
		ok(asked.actions & SUB_REPLY);
		ok(!(asked.actions & SUB_PASS));

		struct subscription_step taken = subscription_outbound(state, true, SUB_UNSUBSCRIBED);
		ok(!taken.approved);
		ok(taken.actions & SUB_PUSH);
	}
	ok(subscription_inbound(SUB_FROM, true, SUB_UNSUBSCRIBE).approved);
}

static void test_states_of_items(void)
{
	for (unsigned i = 0; i < SUB_STATES; i++) {
		struct roster_item item = {.jid = STR("a@b")};

		subscription_state_put(&item, (enum subscription_state)i);
		is_int(subscription_state_of(&item), i);
	}
	is_int(subscription_state_of(NULL), SUB_NONE);
	struct roster_item odd = {.subscription = ROSTER_BOTH, .ask = true, .pending_in = true};
	is_int(subscription_state_of(&odd), SUB_BOTH);
}

int main(void)
{
	run(test_outbound);
	run(test_inbound);
	run(test_consequences);
	run(test_reply);
	run(test_approval_in_advance);
	run(test_states_of_items);
	return tap_done();
}
