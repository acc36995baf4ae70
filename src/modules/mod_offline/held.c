/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_offline/offline.h"
#include "stanzad/mem.h"
#include "stanzad/receipt.h"

/* What is held for one session; beyond that stanzas are delivered at once, before the offline messages. */
#define HELD_MAX 1000
#define HELD_BYTES (1024u * 1024)

struct offline_held_stanza {
	struct offline_held_stanza *next;
	struct jid from, to; /* heap */
	struct stanza *stanza;
	struct receipt *receipt;
};

static void add(struct offline_held *held, const struct hook_stanza *event)
{
	struct offline_held_stanza *one = mem_zalloc(sizeof(*one));
	one->from = jid_dup_heap(event->from);
	one->to = jid_dup_heap(event->to);
	one->stanza = stanza_ref(event->stanza);
	one->receipt = receipt_carry();
	if (!held->first)
		held->end = &held->first;
	*held->end = one;
	held->end = &one->next;
	held->count++;
	held->bytes += event->stanza->root->inner.len + event->stanza->tail.len;
}

enum hook_verdict offline_on_receive(struct module_instance *instance, struct hook_stanza *event)
{
	struct offline_held *held = offline_held_for(event->session);
	if (!held || event->explain || held->count >= HELD_MAX || held->bytes >= HELD_BYTES)
		return HOOK_PASS;
	add(held, event);
	event->reason = "held until the offline messages before it are delivered";
	return HOOK_STOP;
}

static struct offline_held_stanza *take(struct offline_held *held)
{
	struct offline_held_stanza *one = held->first;
	held->first = one->next;
	return one;
}

static void free_one(struct offline_held_stanza *one)
{
	free((char *)one->from.text);
	free((char *)one->to.text);
	stanza_unref(&one->stanza);
	receipt_drop(&one->receipt);
	free(one);
}

/* RFC 6121 8.5.3.2: as if it arrived now. Presence and answers were for that session alone. */
static void route_anew(const struct offline_held_stanza *one)
{
	if (one->stanza->kind == STANZA_MESSAGE || stanza_is_request(one->stanza))
		route(&one->from, &one->to, one->stanza);
}

void offline_held_release(struct offline_held *held, struct session *session)
{
	struct user *user = session ? session_user(session) : NULL;
	struct jid to = session ? jid_dup_heap(session_jid(session)) : (struct jid){0};
	while (held->first) {
		struct offline_held_stanza *one = take(held);
		struct receipt *before;
		receipt_enter(one->receipt, &before);
		one->receipt = NULL;
		/* Delivering may end the session. */
		session = user ? user_session(user, jid_resource(&to)) : NULL;
		if (session)
			session_deliver(session, &one->from, &one->to, one->stanza);
		else
			route_anew(one);
		free_one(one);
		receipt_leave(before);
	}
	free((char *)to.text);
	*held = (struct offline_held){0};
}

void offline_held_fini(struct offline_held *held)
{
	while (held->first)
		free_one(take(held));
	*held = (struct offline_held){0};
}

enum hook_verdict offline_on_closed(struct module_instance *instance, struct hook_session *event)
{
	struct offline_held *held = offline_held_for(event->session);
	if (!held)
		return HOOK_PASS;
	struct offline_held all = *held;
	*held = (struct offline_held){0};
	offline_held_release(&all, NULL);
	return HOOK_PASS;
}
