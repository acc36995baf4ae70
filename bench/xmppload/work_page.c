/* SPDX-License-Identifier: Apache-2.0 */
#include "work.h"

#include <inttypes.h>
#include <stdio.h>

#define NS_MAM "urn:xmpp:mam:2"
#define NS_RSM "http://jabber.org/protocol/rsm"

enum {
	STRIDE = 7919, /* a prime: pages that follow each other lie far apart */
};

static uint64_t n_asked;
static bool stopping;

static void page_ask(struct client *client)
{
	const struct options *options = client->load->options;
	const struct id_range *after = &options->after;
	char where[64] = "<before/>";

	if (after->count)
		snprintf(where, sizeof(where), "<after>%" PRIu64 "</after>",
		    after->first + after->step * (n_asked * STRIDE % after->count));
	client_sendf(client,
	    "<iq type='set' id='p%" PRIu64 "'><query xmlns='" NS_MAM "' queryid='p'><set xmlns='" NS_RSM
	    "'><max>%u</max>%s</set></query></iq>",
	    n_asked++, options->page, where);
	sm_sent(client, 0);
	client->asked_ns = load_now();
	client->messages = 0;
}

static void on_message(struct client *client, const struct frame *frame)
{
	if (frame_has(frame, "<result"))
		client->messages++;
}

static void on_answer(struct client *client, const struct frame *frame)
{
	struct load *load = client->load;

	if (!frame_has(frame, "<fin") || client->messages != load->options->page) {
		client_fail(client, "%u messages, then %.*s", client->messages,
		    (int)(frame->size < 300 ? frame->size : 300), frame->bytes);
		return;
	}
	if (load->measuring) {
		load->result.operations++;
		histogram_add(&load->result.latency, load_now() - client->asked_ns);
	}
	if (!stopping)
		page_ask(client);
}

static void run(struct load *load, double seconds)
{
	uint64_t end = load_now() + (uint64_t)(seconds * 1e9);

	while (load_now() < end && !load->failed)
		load_step(load, end);
}

int work_page(struct load *load)
{
	if (load_login(load, 0, load->n_clients) < 0)
		return -1;
	load->on_message = on_message;
	load->on_answer = on_answer;
	for (unsigned i = 0; i < load->n_clients; i++)
		page_ask(&load->clients[i]);
	run(load, load->options->warmup);
	load_measure_begin(load);
	run(load, load->options->seconds);
	load_measure_end(load);
	stopping = true;
	return load->failed ? -1 : 0;
}
