/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "load.h"

/* The one room that a run works in, and its messages. */
struct room {
	char address[192];
	unsigned joined;
	uint64_t presences; /* that all clients got, their own included */
	uint64_t copies;    /* of messages, that are on their way */
	unsigned n_slots;
	struct room_slot *slots;                                        /* a message on its way in each */
	void (*on_done)(struct client *sender, struct room_slot *slot); /* all have the message */
};

/* Place for one message on its way. */
struct room_slot {
	struct client *sender;
	uint64_t number; /* of the message; the next in this slot has n_slots more */
	unsigned left;   /* occupants that do not have it yet */
};

/* Has all clients announce their presence as they log in. n_slots: messages on their way at most. */
void room_init(struct room *room, struct load *load, unsigned n_slots);
void room_fini(struct room *room);

/*
 * Clients from (inclusive) to end (exclusive) enter, options.concurrency at a time. Returns 0 when all are
 * in, > 0 when the time was over before, < 0 if one could not. The first of all sends the room's form when it
 * is in.
 */
int room_enter(struct room *room, struct load *load, unsigned from, unsigned end, uint64_t deadline_ns);

/* Steps until no presence has arrived for a while, or the deadline. */
void room_settle(const struct room *room, struct load *load, uint64_t deadline_ns);

/* Queues a message with options.body bytes, due now; its copies count from then on. */
void room_send(struct room *room, struct room_slot *slot, struct client *sender);

/* Steps until no copy is on its way, or the deadline. */
void room_drain(const struct room *room, struct load *load, uint64_t deadline_ns);
