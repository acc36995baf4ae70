/* SPDX-License-Identifier: Apache-2.0 */
#include "work.h"

static unsigned next;      /* whose turn it is */
static unsigned under_way; /* connected or connecting, and not ready yet */
static bool stopping;

/*
 * Keeps the wished number of log-ins under way. Those who leave do not count: a server may take its time to
 * close (ejabberd 23.01 waits 100 ms), and that shall not hold up the others.
 */
static void fill(struct load *load)
{
	while (!stopping && !load->failed && under_way < load->options->concurrency) {
		struct client *client = &load->clients[next];
		if (client->state != CLIENT_CLOSED)
			return;
		next = (next + 1) % load->n_clients;
		under_way++;
		client_start(client);
	}
}

static void on_ready(struct client *client)
{
	struct load *load = client->load;

	if (load->measuring) {
		load->result.operations++;
		histogram_add(&load->result.latency, load_now() - client->started_ns);
	}
	under_way--;
	client_leave(client);
}

static void run(struct load *load, double seconds)
{
	uint64_t end = load_now() + (uint64_t)(seconds * 1e9);

	while (load_now() < end && !load->failed) {
		fill(load);
		load_step(load, end);
	}
}

int work_login(struct load *load)
{
	load->on_ready = on_ready;
	run(load, load->options->warmup);
	load_measure_begin(load);
	run(load, load->options->seconds);
	load_measure_end(load);
	stopping = true;
	return load->failed ? -1 : 0;
}
