/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the worker's body. */
#pragma once

#include <pthread.h>

#include "loop/timer.h"
#include "loop/worker.h"

struct io;

struct worker {
	unsigned index;
	int poller; /* epoll */
	int wake;   /* eventfd: mail has arrived, or stop */
	pthread_t thread;
	struct mail *inbox; /* newest first; pushed by any thread, taken whole by the owner */
	unsigned backlog;   /* pieces of mail in the inbox, or being received */
	bool sleeping;      /* it waits, or is about to: mail must wake it */
	struct deferred *deferred, **deferred_end;
	struct timer **timers; /* min-heap, [1..timer_count] */
	uint32_t timer_count, timer_room;
	struct io *freed; /* of which an event may be at hand still */
	bool stopping;
};

struct job;
/* Posts the job's done call to where it was submitted; the job may be gone afterwards. */
void job_post_done(struct job *job);
/* So many more (less) jobs wait or run on threads that are not the executor's. */
void executor_count(int by);

void timers_fini(struct worker *worker);
/* Fires what is due. */
void timers_run(struct worker *worker);
/* How long until one is due; -1: there is none. */
int timers_wait_ms(const struct worker *worker);

/* Waits for events, for ms milliseconds at most (-1: for ever), and tells whom they concern. */
void io_poll(struct worker *worker, int ms);
/* Frees what io_free has put aside. */
void io_reap(struct worker *worker);
