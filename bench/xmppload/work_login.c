/* SPDX-License-Identifier: Apache-2.0 */
#include "work.h"

static unsigned next_user;
static bool stopping;

static void start_next(struct client *client)
{
	client->user = next_user++ % client->load->options->users;
	client_start(client);
}

static void on_ready(struct client *client)
{
	if (client->load->measuring)
		histogram_add(&client->load->result.latency, load_now() - client->started_ns);
	client_leave(client);
}

static void on_closed(struct client *client)
{
	if (client->load->measuring)
		client->load->result.operations++;
	if (!stopping)
		start_next(client);
}

static void run(struct load *load, double seconds)
{
	uint64_t end = load_now() + (uint64_t)(seconds * 1e9);

	while (load_now() < end && !load->failed)
		load_step(load, end);
}

int work_login(struct load *load)
{
	load->on_ready = on_ready;
	load->on_closed = on_closed;
	for (unsigned i = 0; i < load->n_clients; i++)
		start_next(&load->clients[i]);
	run(load, load->options->warmup);
	load_measure_begin(load);
	run(load, load->options->seconds);
	load_measure_end(load);
	stopping = true;
	return load->failed ? -1 : 0;
}
