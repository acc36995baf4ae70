/* SPDX-License-Identifier: Apache-2.0 */
#include "work.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DRAIN_SECONDS_MAX = 10,
	DRAIN_WHOLE_SECONDS_MAX = 300, /* a server may sync a disk several times for each message */
};

static uint64_t on_the_way; /* messages sent and not done */
static bool draining;
static bool closed; /* whatever is done makes room for the next message */
static char *tail;  /* everything after the id, the same in all messages */
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

/* The id says when the message was due, so that whoever receives it knows how long it took. */
static void message_send(struct client *client, uint64_t due_ns)
{
	const struct client *partner = &client->load->clients[client->index ^ 1];
	char head[256];

	int size = snprintf(
	    head, sizeof(head), "<message to='%s' type='chat' id='m%016" PRIx64, partner->jid, due_ns);
	client_send(client, head, (size_t)size);
	client_send(client, tail, tail_size);
	on_the_way++;
	sm_sent(client, due_ns);
	if (client->sm.on && client->sm.out - client->sm.asked >= client->load->options->ask_every)
		sm_ask(client);
}

static void on_ready(struct client *client)
{
	client_sendf(client, "<presence/>");
	sm_sent(client, 0);
}

static void messages_done(struct client *sender, uint64_t count)
{
	struct load *load = sender->load;

	on_the_way -= count;
	if (load->measuring)
		load->result.operations += count;
	for (uint64_t i = 0; closed && !draining && i < count; i++)
		message_send(sender, load_now());
}

/* Messages between two clients arrive in order and are acknowledged in order: the n-th is done when both are. */
static void pair_check(struct client *sender)
{
	uint64_t both =
	    sender->delivered < sender->acknowledged ? sender->delivered : sender->acknowledged;
	uint64_t count = both - sender->done;

	sender->done = both;
	messages_done(sender, count);
}

static void on_message(struct client *client, const struct frame *frame)
{
	struct load *load = client->load;
	struct client *sender = &load->clients[client->index ^ 1];
	char text[64];

	if (!frame_attribute(frame, "id", text, sizeof(text)) || text[0] != 'm')
		return;
	uint64_t due = strtoull(text + 1, NULL, 16);
	if (!frame_attribute(frame, "type", text, sizeof(text)) || strcmp(text, "chat") != 0) {
		if (load->result.errors++ == 0)
			fprintf(stderr, "xmppload: came back: %.*s\n", (int)frame->size, frame->bytes);
		on_the_way--;
		return;
	}
	if (load->measuring)
		histogram_add(&load->result.latency, load_now() - due);
	if (!sender->sm.on) {
		messages_done(sender, 1);
		return;
	}
	sender->delivered++;
	pair_check(sender);
}

static void on_acked(struct client *client, uint64_t due)
{
	struct load *load = client->load;

	if (load->measuring)
		histogram_add(&load->result.acked, load_now() - due);
	client->acknowledged++;
	pair_check(client);
	client_mark(client);
}

/* The window is full now, or this is all that was due: asks for what is left, one question at a time. */
static void on_flush(struct client *client)
{
	if (sm_should_ask(&client->sm))
		sm_ask(client);
}

static int begin(struct load *load)
{
	load->on_ready = on_ready;
	load->on_acked = on_acked;
	load->on_flush = on_flush;
	tail_make(load->options->body);
	if (load_login(load, 0, load->n_clients) < 0)
		return -1;
	/* let the servers' presence traffic pass */
	load_run(load, load_now() + 500000000u);
	load->on_message = on_message;
	return 0;
}

static void run(struct load *load, double seconds)
{
	uint64_t end = load_now() + (uint64_t)(seconds * 1e9);

	while (load_now() < end && !load->failed)
		load_step(load, end);
}

/* Nothing is sent any more, until all that is on the way is done. */
static void drain(struct load *load)
{
	unsigned seconds = load->options->whole ? DRAIN_WHOLE_SECONDS_MAX : DRAIN_SECONDS_MAX;
	uint64_t deadline = load_now() + seconds * 1000000000ull;

	draining = true;
	while (on_the_way > 0 && !load->failed && load_now() < deadline)
		load_step(load, load_now() + 100000000u);
	draining = false;
}

/* What is still on the way shall not become an offline message of the next run. */
static int end(struct load *load)
{
	drain(load);
	load->result.lost = on_the_way;
	free(tail);
	return load->failed ? -1 : 0;
}

/* Each client sends that many messages; what is done makes room for the next. */
static void fill(struct load *load, unsigned window)
{
	for (unsigned i = 0; i < load->n_clients; i++)
		for (unsigned n = 0; n < window; n++)
			message_send(&load->clients[i], load_now());
}

static void chat(struct load *load)
{
	fill(load, load->options->window);
	run(load, load->options->warmup);
	load_measure_begin(load);
	run(load, load->options->seconds);
	load_measure_end(load);
}

static void chat_whole(struct load *load)
{
	fill(load, 1);
	drain(load);
	load_measure_begin(load);
	fill(load, load->options->window);
	run(load, load->options->seconds);
	drain(load);
	load_measure_end(load);
}

int work_chat(struct load *load)
{
	if (begin(load) < 0)
		return -1;
	closed = true;
	if (load->options->whole)
		chat_whole(load);
	else
		chat(load);
	return end(load);
}

/* When message number n falls due: evenly spaced, or as many at a time as a burst has. */
static uint64_t due_at(const struct options *options, uint64_t begun, uint64_t n)
{
	return begun + (uint64_t)((double)(n - n % options->burst) * 1e9 / options->rate);
}

/* Sends on schedule until the given time; *n_r counts the messages of the whole run. */
static void run_schedule(struct load *load, uint64_t begun, uint64_t end, uint64_t *n_r)
{
	uint64_t due = due_at(load->options, begun, *n_r);

	while (load_now() < end && !load->failed) {
		while (due <= load_now() && due < end) {
			message_send(&load->clients[*n_r % load->n_clients], due);
			due = due_at(load->options, begun, ++*n_r);
		}
		load_step(load, due < end ? due : end);
	}
}

int work_open(struct load *load)
{
	uint64_t n = 0;

	if (begin(load) < 0)
		return -1;
	uint64_t begun = load_now();
	uint64_t middle = begun + (uint64_t)(load->options->warmup * 1e9);
	run_schedule(load, begun, middle, &n);
	load_measure_begin(load);
	run_schedule(load, begun, middle + (uint64_t)(load->options->seconds * 1e9), &n);
	load_measure_end(load);
	return end(load);
}
