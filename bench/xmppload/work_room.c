/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "room.h"
#include "work.h"

enum {
	ENTER_SECONDS_MAX = 120,
	DRAIN_SECONDS_MAX = 10,
};

static struct room room;
static bool stopping;

static void on_done(struct client *sender, struct room_slot *slot)
{
	if (!stopping)
		room_send(&room, slot, sender);
}

static uint64_t in_seconds(double seconds)
{
	return load_now() + (uint64_t)(seconds * 1e9);
}

static int begin(struct load *load)
{
	if (load_login(load, 0, load->n_clients) < 0)
		return -1;
	if (room_enter(&room, load, 0, load->n_clients, in_seconds(ENTER_SECONDS_MAX)) != 0) {
		fprintf(stderr, "xmppload: %u of %u entered the room\n", room.joined, load->n_clients);
		return -1;
	}
	room_settle(&room, load, in_seconds(ENTER_SECONDS_MAX));
	return load->failed ? -1 : 0;
}

static void run(struct load *load, double seconds)
{
	uint64_t end = in_seconds(seconds);

	while (load_now() < end && !load->failed)
		load_step(load, end);
}

/* Senders are spread over the room: who came early has no advantage. */
static void fill(struct load *load)
{
	unsigned senders = load->options->senders;

	for (unsigned i = 0; i < room.n_slots; i++)
		room_send(&room, &room.slots[i], &load->clients[i % senders * (load->n_clients / senders)]);
}

static void measure(struct load *load)
{
	fill(load);
	run(load, load->options->warmup);
	load_measure_begin(load);
	run(load, load->options->seconds);
	load_measure_end(load);
	stopping = true;
	room_drain(&room, load, in_seconds(DRAIN_SECONDS_MAX));
	load->result.lost = room.copies;
}

int work_room(struct load *load)
{
	room_init(&room, load, load->options->window * load->options->senders);
	room.on_done = on_done;
	int outcome = begin(load);
	if (outcome == 0)
		measure(load);
	room_fini(&room);
	return load->failed ? -1 : outcome;
}
