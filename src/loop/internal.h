/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share: the worker's body. */
#pragma once

#include <pthread.h>
#include <uv.h>

#include "loop/timer.h"
#include "loop/worker.h"

struct worker {
	unsigned index;
	uv_loop_t loop;
	uv_async_t wake;     /* mail has arrived, or stop */
	uv_timer_t alarm;    /* the earliest timer of the heap */
	uv_check_t turn_end; /* runs deferred work after I/O */
	uv_prepare_t turn_start;
	pthread_t thread;
	struct mail *inbox; /* newest first; pushed by any thread, taken whole by the owner */
	unsigned backlog;   /* pieces of mail in the inbox, or being received */
	bool sleeping;      /* it waits, or is about to: mail must wake it */
	struct deferred *deferred, **deferred_end;
	struct timer **timers; /* min-heap, [1..timer_count] */
	uint32_t timer_count, timer_room;
	bool stopping;
};

struct job;
/* Posts the job's done call to where it was submitted; the job may be gone afterwards. */
void job_post_done(struct job *job);
/* So many more (less) jobs wait or run on threads that are not the executor's. */
void executor_count(int by);

void timers_init(struct worker *worker);
void timers_fini(struct worker *worker);
/* Fires what is due. */
void timers_run(struct worker *worker);
