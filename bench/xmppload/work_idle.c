/* SPDX-License-Identifier: Apache-2.0 */
#include "work.h"

static void on_ready(struct client *client)
{
	client_sendf(client, "<presence/>");
}

static void hold(struct load *load, double seconds)
{
	load_run(load, load_now() + (uint64_t)(seconds * 1e9));
}

int work_idle(struct load *load)
{
	const struct options *options = load->options;
	unsigned first = load->n_clients - options->users;

	load->on_ready = on_ready;
	/* the first sessions pay for what a server sets up once */
	if (load_login(load, 0, first) < 0)
		return -1;
	hold(load, options->warmup);
	uint64_t before = proc_pss_read(options->pids, options->n_pids);
	if (load_login(load, first, load->n_clients) < 0)
		return -1;
	hold(load, options->warmup);
	load_measure_begin(load);
	hold(load, options->seconds);
	load_measure_end(load);
	load->result.pss_before = before;
	load->result.pss_after = proc_pss_read(options->pids, options->n_pids);
	load->result.sessions = options->users;
	return load->failed ? -1 : 0;
}
