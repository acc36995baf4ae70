/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "client.h"
#include "histogram.h"
#include "options.h"
#include "proc.h"

/* What a step of a work took: nanoseconds. */
struct cost {
	uint64_t wall_ns;
	uint64_t cpu_ns;
};

/* What a large room costs; of what is done several times, the medians. */
struct crowd {
	unsigned joined;
	uint64_t presences; /* that all got while they joined, their own included */
	struct cost all_join;
	struct cost message; /* from the sender to the last occupant */
	struct cost one_joins;
};

/* What one run measured. */
struct result {
	uint64_t operations; /* log-ins, pages, or messages delivered (and acknowledged), while measured;
				room: copies of messages */
	uint64_t errors;
	uint64_t lost; /* messages sent but not delivered (and acknowledged) within a grace time after the end */
	double seconds;
	uint64_t cpu_ns;
	unsigned processes;
	struct histogram latency; /* nanoseconds */
	struct histogram acked;	  /* the same until the server acknowledged */
	unsigned resumed;	  /* resume: streams that went on */
	unsigned sessions;        /* idle: held between the two readings of memory */
	uint64_t pss_before;
	uint64_t pss_after;
	struct crowd crowd;
	const char *given_up; /* what took more than its time; NULL: nothing */
};

/*
 * All clients and the one loop that drives them. A work (work.h) is straight code that calls load_step() and
 * load_login(), and is told of events through the functions; those may start, leave or send.
 */
struct load {
	const struct options *options;
	int epoll;
	SSL_CTX *tls;
	struct client *clients;
	unsigned n_clients;
	unsigned n_ready;
	struct client **dirty; /* clients with something to write */
	size_t n_dirty;
	void (*on_ready)(struct client *client);
	void (*on_message)(struct client *client, const struct frame *frame);
	void (*on_presence)(struct client *client, const struct frame *frame);
	void (*on_answer)(struct client *client, const struct frame *frame); /* an iq of type result or error */
	void (*on_acked)(struct client *client, uint64_t due_ns);	     /* see sm.h */
	void (*on_flush)(struct client *client);			     /* before what is queued leaves */
	pid_t pids[OPTIONS_PIDS_MAX]; /* whose CPU time and memory count */
	unsigned n_pids;
	bool measuring;
	bool failed; /* a client could not log in or was thrown out */
	struct proc_cpu cpu;
	uint64_t begun_ns;
	struct result result;
};

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t load_now(void);

/* Makes n clients, all closed. Aborts without memory or descriptors for epoll. */
void load_init(struct load *load, const struct options *options, unsigned n_clients);

/* Drops all connections and frees everything. */
void load_fini(struct load *load);

/* Waits for events, at the longest until the given time, handles them and writes what was queued. */
void load_step(struct load *load, uint64_t until_ns);

/* Steps until the given time. */
void load_run(struct load *load, uint64_t until_ns);

/* Logs in clients from (inclusive) to end (exclusive), each as the user of its index. < 0 if one could not.
 */
int load_login(struct load *load, unsigned from, unsigned end);

/* Closes all streams in order, waiting a few seconds for the server to do the same. */
void load_leave(struct load *load);

/* Marks the measured time: reads the server's CPU time; between the two, events count into the result. */
void load_measure_begin(struct load *load);
void load_measure_end(struct load *load);

/* Reports from the clients. */
void load_client_ready(struct load *load, struct client *client);
void load_client_closed(struct load *load, struct client *client);
void load_client_failed(struct load *load, struct client *client, const char *reason);
