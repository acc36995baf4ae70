/* SPDX-License-Identifier: Apache-2.0 */
#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
	ERRORS_SHOWN = 5,
	LOGIN_SECONDS_MAX = 300,
	LEAVE_SECONDS_MAX = 10,
};

uint64_t load_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void nothing(struct client *client)
{
	(void)client;
}

static void no_message(struct client *client, const struct frame *frame)
{
	(void)client;
	(void)frame;
}

static void no_ack(struct client *client, uint64_t due_ns)
{
	(void)client;
	(void)due_ns;
}

static SSL_CTX *tls_new(void)
{
	static const unsigned char alpn[] = "\x0bxmpp-client";
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

	if (!tls)
		abort();
	/* every handshake is a full one, and the certificate is the run's own */
	SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(tls,
	    SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_alpn_protos(tls, alpn, sizeof(alpn) - 1);
	return tls;
}

static void allow_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

void load_init(struct load *load, const struct options *options, unsigned n_clients)
{
	allow_files();
	*load = (struct load){
	    .options = options,
	    .epoll = epoll_create1(EPOLL_CLOEXEC),
	    .tls = options->tls == TLS_NONE ? NULL : tls_new(),
	    .n_clients = n_clients,
	    .clients = calloc(n_clients, sizeof(*load->clients)),
	    .dirty = calloc(n_clients, sizeof(struct client *)),
	    .on_ready = nothing,
	    .on_message = no_message,
	    .on_presence = no_message,
	    .on_answer = no_message,
	    .on_acked = no_ack,
	    .on_flush = nothing,
	    .n_pids = options->n_pids,
	};
	if (load->epoll < 0 || !load->clients || !load->dirty)
		abort();
	memcpy(load->pids, options->pids, sizeof(load->pids));
	for (unsigned i = 0; i < n_clients; i++) {
		struct client *client = &load->clients[i];
		client->load = load;
		client->index = i;
		client->user = options->first + i;
		client->fd = -1;
		snprintf(client->resource, sizeof(client->resource), "bench");
	}
}

void load_fini(struct load *load)
{
	for (unsigned i = 0; i < load->n_clients; i++) {
		client_close(&load->clients[i]);
		buffer_fini(&load->clients[i].in);
		buffer_fini(&load->clients[i].out);
		sm_fini(&load->clients[i].sm);
	}
	free(load->clients);
	free(load->dirty);
	SSL_CTX_free(load->tls);
	close(load->epoll);
}

static void flush(struct load *load)
{
	for (size_t i = 0; i < load->n_dirty; i++) {
		load->on_flush(load->dirty[i]);
		load->dirty[i]->dirty = false;
		client_flush(load->dirty[i]);
	}
	load->n_dirty = 0;
}

void load_step(struct load *load, uint64_t until_ns)
{
	struct epoll_event events[256];
	uint64_t now = load_now();
	uint64_t wait = until_ns > now ? until_ns - now : 0;
	struct timespec timeout = {(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};

	flush(load);
	int n = epoll_pwait2(load->epoll, events, 256, &timeout, NULL);
	for (int i = 0; i < n; i++)
		client_event(events[i].data.ptr, events[i].events);
	flush(load);
}

void load_run(struct load *load, uint64_t until_ns)
{
	while (load_now() < until_ns)
		load_step(load, until_ns);
}

int load_login(struct load *load, unsigned from, unsigned end)
{
	uint64_t deadline = load_now() + LOGIN_SECONDS_MAX * 1000000000ull;
	unsigned ready_before = load->n_ready;
	unsigned started = from;

	while (load->n_ready - ready_before < end - from && !load->failed && load_now() < deadline) {
		unsigned under_way = started - from - (load->n_ready - ready_before);
		for (; started < end && under_way < load->options->concurrency; under_way++)
			client_start(&load->clients[started++]);
		load_step(load, load_now() + 100000000u);
	}
	return load->n_ready - ready_before == end - from && !load->failed ? 0 : -1;
}

void load_leave(struct load *load)
{
	uint64_t deadline = load_now() + LEAVE_SECONDS_MAX * 1000000000ull;

	for (unsigned i = 0; i < load->n_clients; i++)
		if (load->clients[i].state == CLIENT_READY)
			client_leave(&load->clients[i]);
	while (load->n_ready > 0 && load_now() < deadline)
		load_step(load, load_now() + 100000000u);
}

void load_measure_begin(struct load *load)
{
	load->result = (struct result){0};
	proc_cpu_read(load->pids, load->n_pids, &load->cpu);
	load->begun_ns = load_now();
	load->measuring = true;
}

void load_measure_end(struct load *load)
{
	struct proc_cpu cpu;

	load->measuring = false;
	load->result.seconds = (double)(load_now() - load->begun_ns) / 1e9;
	proc_cpu_read(load->pids, load->n_pids, &cpu);
	load->result.cpu_ns = proc_cpu_between(&load->cpu, &cpu);
	load->result.processes = cpu.processes;
}

void load_client_ready(struct load *load, struct client *client)
{
	client->state = CLIENT_READY;
	load->n_ready++;
	load->on_ready(client);
}

void load_client_closed(struct load *load, struct client *client)
{
	if (client->state != CLIENT_LEAVING) {
		client_fail(client, "the server closed the stream");
		return;
	}
	load->n_ready--;
	client_close(client);
}

void load_client_failed(struct load *load, struct client *client, const char *reason)
{
	static unsigned shown;

	load->failed = true;
	load->result.errors++;
	if (shown++ < ERRORS_SHOWN)
		fprintf(stderr, "xmppload: %s%u: %s\n", load->options->user_prefix, client->user, reason);
}
