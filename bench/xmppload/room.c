/* SPDX-License-Identifier: Apache-2.0 */
#include "room.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_MUC "http://jabber.org/protocol/muc"
#define NS_DATA "jabber:x:data"

enum {
	QUIET_NS = 200000000,
	TURN_NS = 100000000,
};

static struct room *the_room; /* whose clients report */
static bool configured;
static char *tail; /* everything after a message's id, the same in all of them */
static size_t tail_size;

static void tail_make(unsigned body)
{
	static const char open[] = "'><body>";
	static const char close[] = "</body></message>";

	tail_size = strlen(open) + body + strlen(close);
	tail = malloc(tail_size + 1);
	if (!tail)
		abort();
	memcpy(tail, open, strlen(open));
	memset(tail + strlen(open), 'x', body);
	memcpy(tail + strlen(open) + body, close, sizeof(close));
}

static void fail(struct client *client, const struct frame *frame)
{
	client_fail(
	    client, "room: unexpected %.*s", (int)(frame->size < 400 ? frame->size : 400), frame->bytes);
}

static bool is_error(const struct frame *frame)
{
	char type[16];

	return frame_attribute(frame, "type", type, sizeof(type)) && strcmp(type, "error") == 0;
}

static void on_ready(struct client *client)
{
	client_sendf(client, "<presence/>");
	sm_sent(client, 0);
}

static void join(struct client *client)
{
	client->asked_ns = load_now();
	client_sendf(client,
	    "<presence to='%s/n%u'><x xmlns='" NS_MUC "'><history maxstanzas='0'/></x></presence>",
	    the_room->address, client->index);
	sm_sent(client, 0);
}

static void on_presence(struct client *client, const struct frame *frame)
{
	char from[256];

	if (!frame_attribute(frame, "from", from, sizeof(from)) ||
	    strncmp(from, the_room->address, strlen(the_room->address)) != 0)
		return;
	if (is_error(frame)) {
		fail(client, frame);
		return;
	}
	the_room->presences++;
	if (!client->present && (frame_has(frame, "'110'") || frame_has(frame, "\"110\"")))
		client->present = true;
}

/* Without fields it is what makes a room instantly usable where it is locked until then (XEP-0045 10.1.2). */
static void configure(struct client *client)
{
	const char *role = client->load->options->broadcast;
	char field[512] = "";

	if (role)
		snprintf(field, sizeof(field),
		    "<field var='FORM_TYPE' type='hidden'><value>" NS_MUC "#roomconfig</value></field>"
		    "<field var='muc#roomconfig_presencebroadcast'><value>%s</value></field>",
		    role);
	client_sendf(client,
	    "<iq type='set' id='form' to='%s'><query xmlns='" NS_MUC "#owner'><x xmlns='" NS_DATA
	    "' type='submit'>%s</x></query></iq>",
	    the_room->address, field);
	sm_sent(client, 0);
}

static void on_answer(struct client *client, const struct frame *frame)
{
	if (is_error(frame))
		fail(client, frame);
	else
		configured = true;
}

static void subject_take(struct client *client)
{
	if (client->joined || !client->present)
		return;
	client->joined = true;
	if (the_room->joined++ == 0)
		configure(client);
	if (client->load->measuring)
		histogram_add(&client->load->result.latency, load_now() - client->asked_ns);
}

/* The id says which message it is, and when it was due. */
static void copy_take(struct client *client, uint64_t number, uint64_t due)
{
	struct load *load = client->load;
	struct room *room = the_room;
	struct room_slot *slot = &room->slots[number % room->n_slots];

	if (slot->number != number || slot->left == 0) {
		load->result.errors++;
		return;
	}
	room->copies--;
	if (load->measuring) {
		load->result.operations++;
		histogram_add(&load->result.latency, load_now() - due);
	}
	if (--slot->left == 0 && room->on_done)
		room->on_done(slot->sender, slot);
}

static void on_message(struct client *client, const struct frame *frame)
{
	char id[64];
	uint64_t number, due;

	if (is_error(frame))
		fail(client, frame);
	else if (frame_attribute(frame, "id", id, sizeof(id)) &&
		 sscanf(id, "m%" SCNx64 "-%" SCNx64, &number, &due) == 2)
		copy_take(client, number, due);
	else if (frame_has(frame, "<subject"))
		subject_take(client);
}

void room_init(struct room *room, struct load *load, unsigned n_slots)
{
	const struct options *options = load->options;

	*room = (struct room){
	    .n_slots = n_slots,
	    .slots = calloc(n_slots, sizeof(*room->slots)),
	};
	if (!room->slots)
		abort();
	for (unsigned i = 0; i < n_slots; i++)
		room->slots[i].number = i;
	if (options->room)
		snprintf(room->address, sizeof(room->address), "%s", options->room);
	else
		snprintf(room->address, sizeof(room->address), "bench-%d@conference.%s", (int)getpid(),
		    options->domain);
	the_room = room;
	tail_make(options->body);
	load->on_ready = on_ready;
	load->on_presence = on_presence;
	load->on_message = on_message;
	load->on_answer = on_answer;
}

void room_fini(struct room *room)
{
	free(room->slots);
	free(tail);
	tail = NULL;
	room->slots = NULL;
}

int room_enter(struct room *room, struct load *load, unsigned from, unsigned end, uint64_t deadline)
{
	unsigned before = room->joined;
	unsigned next = from;

	while (room->joined - before < end - from && !load->failed) {
		unsigned under_way = next - from - (room->joined - before);
		unsigned most = configured ? load->options->concurrency : next == from;
		for (; next < end && under_way < most; under_way++)
			join(&load->clients[next++]);
		if (load_now() >= deadline)
			return 1;
		load_step(load, load_now() + TURN_NS);
	}
	return load->failed ? -1 : 0;
}

void room_settle(const struct room *room, struct load *load, uint64_t deadline)
{
	uint64_t before;

	do {
		before = room->presences;
		load_run(load, load_now() + QUIET_NS);
	} while (room->presences != before && !load->failed && load_now() < deadline);
}

void room_send(struct room *room, struct room_slot *slot, struct client *sender)
{
	char head[320];

	slot->number += room->n_slots;
	slot->sender = sender;
	slot->left = room->joined;
	room->copies += room->joined;
	int size = snprintf(head, sizeof(head), "<message to='%s' type='groupchat' id='m%" PRIx64 "-%" PRIx64,
	    room->address, slot->number, load_now());
	client_send(sender, head, (size_t)size);
	client_send(sender, tail, tail_size);
	sm_sent(sender, 0);
}

void room_drain(const struct room *room, struct load *load, uint64_t deadline)
{
	while (room->copies > 0 && !load->failed && load_now() < deadline)
		load_step(load, load_now() + TURN_NS);
}
