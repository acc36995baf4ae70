/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that commands run on. They are not the executor's: a command may wait for a user to be loaded,
 * which the executor does, and as many commands as the executor has threads would wait for each other.
 * Threads are made when they are needed and end when they have been idle for a while.
 */
#pragma once

#include "loop/worker.h"

#define COMMAND_THREADS_MAX 64

struct command_job {
	void (*run)(struct command_job *job);  /* on a thread of its own; may block */
	void (*done)(struct command_job *job); /* on the submitting worker; frees the job */
	struct command_job *next;              /* private */
	struct mail mail;                      /* private */
	struct worker *home;                   /* private */
};

/* On a worker. Jobs are taken in order. */
void command_threads_submit(struct command_job *job);
/* How many jobs wait or run. Any thread. */
unsigned command_threads_load(void);
/*
 * Waits until every job has run and every thread has ended; done calls are posted. Submitting again
 * afterwards is fine. False when that takes longer than a few seconds: a job waits for a worker that does not
 * turn any more.
 */
bool command_threads_fini(void);
