/* SPDX-License-Identifier: Apache-2.0 */
#include "work.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DRAIN_SECONDS_MAX = 10,
};

static uint64_t on_the_way; /* messages sent and not received */
static bool draining;
static char *tail; /* everything after the id, the same in all messages */
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
}

static void on_ready(struct client *client)
{
	client_sendf(client, "<presence/>");
}

/* Returns false, after counting an error, if this is not one of our messages. */
static bool message_count(struct client *client, const struct frame *frame)
{
	struct load *load = client->load;
	char text[64];

	if (!frame_attribute(frame, "id", text, sizeof(text)) || text[0] != 'm')
		return false;
	on_the_way--;
	uint64_t due = strtoull(text + 1, NULL, 16);
	if (!frame_attribute(frame, "type", text, sizeof(text)) || strcmp(text, "chat") != 0) {
		if (load->result.errors++ == 0)
			fprintf(stderr, "xmppload: came back: %.*s\n", (int)frame->size, frame->bytes);
		return false;
	}
	if (load->measuring) {
		load->result.operations++;
		histogram_add(&load->result.latency, load_now() - due);
	}
	return true;
}

static void closed_on_message(struct client *client, const struct frame *frame)
{
	struct client *sender = &client->load->clients[client->index ^ 1];

	if (message_count(client, frame) && !draining)
		message_send(sender, load_now());
}

static void open_on_message(struct client *client, const struct frame *frame)
{
	message_count(client, frame);
}

static int begin(struct load *load)
{
	load->on_ready = on_ready;
	tail_make(load->options->body);
	if (load_login(load, 0, load->n_clients) < 0)
		return -1;
	/* let the servers' presence traffic pass */
	load_run(load, load_now() + 500000000u);
	return 0;
}

static void run(struct load *load, double seconds)
{
	uint64_t end = load_now() + (uint64_t)(seconds * 1e9);

	while (load_now() < end && !load->failed)
		load_step(load, end);
}

/* Nothing is sent any more: what is still on the way shall not become an offline message of the next run. */
static int end(struct load *load)
{
	uint64_t deadline = load_now() + DRAIN_SECONDS_MAX * 1000000000ull;

	draining = true;
	while (on_the_way > 0 && !load->failed && load_now() < deadline)
		load_step(load, load_now() + 100000000u);
	load->result.lost = on_the_way;
	free(tail);
	return load->failed ? -1 : 0;
}

int work_chat(struct load *load)
{
	if (begin(load) < 0)
		return -1;
	load->on_message = closed_on_message;
	for (unsigned i = 0; i < load->n_clients; i++)
		for (unsigned n = 0; n < load->options->window; n++)
			message_send(&load->clients[i], load_now());
	run(load, load->options->warmup);
	load_measure_begin(load);
	run(load, load->options->seconds);
	load_measure_end(load);
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
	load->on_message = open_on_message;
	uint64_t begun = load_now();
	uint64_t middle = begun + (uint64_t)(load->options->warmup * 1e9);
	run_schedule(load, begun, middle, &n);
	load_measure_begin(load);
	run_schedule(load, begun, middle + (uint64_t)(load->options->seconds * 1e9), &n);
	load_measure_end(load);
	return end(load);
}
