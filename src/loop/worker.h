/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers: one thread with one event loop each, sharing nothing on the hot path. What belongs to a worker is
 * touched by its thread only; to reach another worker, post mail. Mail from one thread to one worker arrives
 * in the order it was posted.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "stanzad/err.h"

struct worker;

/* One piece of mail, embedded in what it carries. */
struct mail {
	struct mail *next;              /* private */
	void (*receive)(struct mail *); /* called once on the receiving worker; frees what it came with */
};

/* Something to do once at the end of the present loop turn, before the loop waits: flushing output. */
struct deferred {
	struct deferred *next; /* private */
	bool queued;           /* private */
	void (*run)(struct deferred *);
};

/* Makes count workers (1 to 256); worker 0 runs on the calling thread inside workers_run, the others get
 * threads. */
int workers_init(unsigned count, struct err *err);
/* Starts the threads and runs worker 0's loop until workers_stop. */
void workers_run(void);
/* Any thread: every loop ends after its present turn. */
void workers_stop(void);
/* After workers_run: receives what mail is left and calls fn(arg), as each worker in turn, on the calling
 * thread. */
void workers_visit(void (*fn)(void *arg), void *arg);
/* After workers_run: frees. Mail that was not received is received on the calling thread first. */
void workers_fini(void);

unsigned worker_count(void);
struct worker *worker_at(unsigned index);
/* The worker whose thread is calling; NULL on any other thread. */
struct worker *worker_self(void);
unsigned worker_index(const struct worker *worker);
/* The home of a key: hash mod count (DESIGN 4). */
struct worker *worker_home(uint64_t hash);

/* Any thread. */
void worker_post(struct worker *worker, struct mail *mail);
/* How many pieces of mail wait there. Any thread. */
unsigned worker_backlog(const struct worker *worker);
/* On the own worker only; a queued one is not queued twice. */
void worker_defer(struct deferred *deferred);
/*
 * Runs fn(arg) once on each worker, then done(arg) on the calling worker. For reload and for counting.
 */
void workers_each(void (*fn)(void *arg), void (*done)(void *arg), void *arg);

/* Tests: one turn of the calling thread's worker without waiting; true when anything happened. */
bool worker_turn(void);
