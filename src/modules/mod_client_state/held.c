/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_client_state/client_state.h"
#include "stanzad/clock.h"
#include "stanzad/datetime.h"
#include "stanzad/mem.h"
#include "stanzad/receipt.h"

struct held_stanza {
	struct list list;
	char *key;
	size_t bytes;
	int64_t since_us;
	struct jid from, to; /* heap */
	struct stanza *stanza;
};

/* --- keeping -------------------------------------------------------------------------------------------- */

static void drop(struct client_state *state, struct held_stanza *held)
{
	list_remove(&held->list);
	state->count--;
	state->bytes -= held->bytes;
	free(held->key);
	free((char *)held->from.text);
	free((char *)held->to.text);
	stanza_unref(&held->stanza);
	free(held);
}

static struct held_stanza *first(const struct client_state *state)
{
	return list_entry(state->held.next, struct held_stanza, list);
}

static struct held_stanza *find(const struct client_state *state, struct str key)
{
	for (struct list *at = state->held.next; at != &state->held; at = at->next) {
		struct held_stanza *held = list_entry(at, struct held_stanza, list);
		if (str_is(key, held->key))
			return held;
	}
	return NULL;
}

static size_t size_of(const struct hook_stanza *event, struct str key)
{
	return sizeof(struct held_stanza) + key.len + jid_full(event->from).len + jid_full(event->to).len +
	       event->stanza->root->inner.len + event->stanza->tail.len;
}

static void add(struct client_state *state, const struct hook_stanza *event, struct str key)
{
	struct held_stanza *held = mem_zalloc(sizeof(*held));
	held->key = str_dup(key);
	held->bytes = size_of(event, key);
	held->since_us = clock_real_us();
	held->from = jid_dup_heap(event->from);
	held->to = jid_dup_heap(event->to);
	held->stanza = stanza_ref(event->stanza);
	list_add_before(&state->held, &held->list);
	state->count++;
	state->bytes += held->bytes;
}

bool client_state_hold(struct module_instance *instance, struct client_state *state,
    const struct hook_stanza *event, struct str key)
{
	struct held_stanza *earlier = find(state, key);
	size_t bytes = state->bytes + size_of(event, key) - (earlier ? earlier->bytes : 0);
	if (bytes > CLIENT_STATE_BYTES || (!earlier && state->count >= CLIENT_STATE_STANZAS))
		return false;
	if (earlier)
		drop(state, earlier);
	add(state, event, key);
	metric_add(instance, earlier ? CLIENT_STATE_METRIC_FOLDED : CLIENT_STATE_METRIC_HELD, 1);
	return true;
}

void client_state_free(struct client_state **state_ptr)
{
	struct client_state *state = *state_ptr;
	*state_ptr = NULL;
	if (!state)
		return;
	while (!list_empty(&state->held))
		drop(state, first(state));
	free(state);
}

/* --- letting go ----------------------------------------------------------------------------------------- */

static bool has_stamp(const struct held_stanza *held)
{
	const struct xml *delay = xml_child_token(held->stanza->root, XN_delay, XNS_DELAY);
	for (; delay; delay = xml_next(delay, "delay", "urn:xmpp:delay"))
		if (str_eq(xml_attr(delay, "from"), jid_domain(&held->to)))
			return true;
	return false;
}

/* XEP-0203: by the server, when it held it back. */
static struct stanza *stamped(const struct held_stanza *held)
{
	if (has_stamp(held))
		return stanza_ref(held->stanza);
	struct strbuf tail = {0};
	datetime_delay(&tail, jid_domain(&held->to), held->since_us, STR_NULL);
	struct stanza *stanza = stanza_with_tail(held->stanza, strbuf_view(&tail));
	strbuf_fini(&tail);
	return stanza;
}

static bool is_still_there(const struct user *user, const struct session *session)
{
	const struct session *at = user_first_session(user);
	while (at && at != session)
		at = session_next(at);
	return at != NULL;
}

/* To deliver may end the session, and with it everything that is held. */
static bool deliver_first(struct user *user, struct session *session, struct client_state *state)
{
	struct held_stanza *held = first(state);
	struct stanza *stanza = stamped(held);
	struct jid from = held->from, to = held->to;
	held->from = held->to = (struct jid){0};
	drop(state, held);
	session_deliver(session, &from, &to, stanza);
	stanza_unref(&stanza);
	free((char *)from.text);
	free((char *)to.text);
	return is_still_there(user, session) && client_state_of(session) == state;
}

bool client_state_flush(struct session *session)
{
	struct client_state *state = client_state_of(session);
	struct user *user = session_user(session);
	struct receipt *before;
	bool there = true;
	if (!state || state->flushing)
		return true;
	user_hold(user);
	receipt_enter(NULL, &before);
	state->flushing = true;
	while (there && !list_empty(&state->held))
		there = deliver_first(user, session, state);
	if (there)
		state->flushing = false;
	else
		there = is_still_there(user, session);
	receipt_leave(before);
	user_release(user);
	return there;
}
