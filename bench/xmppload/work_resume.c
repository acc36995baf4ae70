/* SPDX-License-Identifier: Apache-2.0 */
#include "work.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	START_SECONDS_MAX = 120,
	TRY_EVERY_NS = 2000000,
};

static void on_first(struct client *client)
{
	client_sendf(client, "<presence/>");
	sm_sent(client, 0);
}

static void on_back(struct client *client)
{
	struct load *load = client->load;

	load->result.operations++;
	histogram_add(&load->result.latency, load_now() - load->begun_ns);
	if (client->sm.resumed)
		load->result.resumed++;
	else
		on_first(client);
}

static bool server_listens(const struct options *options)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options->port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, options->host, &address.sin_addr);
	bool listens = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	if (fd >= 0)
		close(fd);
	return listens;
}

static bool server_wait(const struct options *options)
{
	uint64_t deadline = load_now() + START_SECONDS_MAX * 1000000000ull;
	const struct timespec nap = {.tv_nsec = TRY_EVERY_NS};

	while (!server_listens(options)) {
		if (load_now() > deadline) {
			fputs("xmppload: the server does not come back\n", stderr);
			return false;
		}
		nanosleep(&nap, NULL);
	}
	return true;
}

/* Tells that all are there, and waits for the new server's process. */
static bool server_exchange(struct load *load)
{
	char line[32];

	puts("ready");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin) || atoi(line) <= 0) {
		fputs("xmppload: no process of a new server on stdin\n", stderr);
		return false;
	}
	load->pids[0] = (pid_t)atoi(line);
	load->n_pids = 1;
	return true;
}

int work_resume(struct load *load)
{
	load->on_ready = on_first;
	if (load_login(load, 0, load->n_clients) < 0)
		return -1;
	load_run(load, load_now() + (uint64_t)(load->options->warmup * 1e9));
	if (load->failed || !server_exchange(load))
		return -1;
	load_measure_begin(load);
	for (unsigned i = 0; i < load->n_clients; i++)
		client_close(&load->clients[i]);
	load->n_ready = 0;
	load->on_ready = on_back;
	if (!server_wait(load->options) || load_login(load, 0, load->n_clients) < 0)
		return -1;
	load_measure_end(load);
	return 0;
}
