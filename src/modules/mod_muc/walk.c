/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_muc/deliver.h"
#include "stanzad/mem.h"
#include "stanzad/receipt.h"

struct room_pending {
	struct room_pending *next;
	struct jid from, to; /* on the heap */
	struct stanza *stanza;
	struct receipt *receipt;
};

static void pending_free(struct room_pending *pending)
{
	receipt_drop(&pending->receipt);
	stanza_unref(&pending->stanza);
	free((char *)pending->from.text);
	free((char *)pending->to.text);
	free(pending);
}

void room_pending_fini(struct room *room)
{
	while (room->pending) {
		struct room_pending *pending = room->pending;
		room->pending = pending->next;
		pending_free(pending);
	}
}

static void deliver_one(struct room *room, struct room_pending *pending)
{
	struct receipt *before;
	receipt_enter(pending->receipt, &before);
	pending->receipt = NULL;
	if (room->ended)
		rooms_deliver(room->instance, &pending->from, &pending->to, pending->stanza);
	else
		room_deliver_now(room, &pending->from, &pending->to, pending->stanza, false);
	receipt_leave(before);
}

/* What a room that has ended meanwhile would have got is for the next one of that name. */
static void deliver_all(struct room *room)
{
	while (room->pending) {
		struct room_pending *pending = room->pending;
		room->pending = pending->next;
		if (!room->pending)
			room->pending_end = NULL;
		deliver_one(room, pending);
		pending_free(pending);
	}
}

static void on_posted(struct module_instance *instance, void *arg)
{
	struct room *room = arg;
	(void)instance;
	room->posted = false;
	room->draining = true;
	deliver_all(room);
	room->draining = false;
	room_release(room);
}

void room_walk_begin(struct room *room)
{
	room->walking++;
}

void room_walk_end(struct room *room)
{
	if (--room->walking || !room->pending || room->draining || room->posted)
		return;
	room->posted = true;
	room_hold(room);
	module_post(room->instance, jid_full(&room->jid), on_posted, room);
}

bool room_has_to_wait(const struct room *room)
{
	return room->walking > 0 || (room->pending && !room->draining);
}

void room_pend(struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct room_pending *pending = mem_zalloc(sizeof(*pending));
	pending->from = jid_dup_heap(from);
	pending->to = jid_dup_heap(to);
	pending->stanza = stanza_ref(stanza);
	pending->receipt = receipt_carry();
	if (room->pending)
		room->pending_end->next = pending;
	else
		room->pending = pending;
	room->pending_end = pending;
}
