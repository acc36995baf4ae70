/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads for work that blocks: SQL, password hashing, scripts (DESIGN 4). A job is run on one of them and
 * then done on the worker that submitted it: exactly once, never from inside the call that submits, also at
 * shutdown.
 */
#pragma once

#include <stdbool.h>

#include "loop/worker.h"

struct job {
	void (*run)(struct job *);  /* on an executor thread; may block */
	void (*done)(struct job *); /* on the submitting worker; frees the job */
	struct job *next;           /* private */
	struct mail mail;           /* private */
	struct worker *home;        /* private */
	struct job_queue *queue;    /* private */
};

/* Jobs in one queue start in order, and no more than width run at the same time. A zeroed one is ready; it must
 * outlive its jobs. */
struct job_queue {
	struct job *first, *last;
	unsigned running;
	unsigned width; /* 0: one after another */
};
/* The width that leaves a thread to others, however long the jobs take. */
#define JOB_QUEUE_WIDE UINT32_MAX

int executor_init(unsigned threads, struct err *err);
/* Any worker. queue NULL: in parallel with all others. */
void executor_submit(struct job *job, struct job_queue *queue);
/* For a job that has nothing left to run: done comes as from executor_submit. */
void executor_skip(struct job *job);
/* Waits until every submitted job has run; their done calls are posted. No submission may follow. */
void executor_fini(void);
/* 0 to threads-1 on an executor thread, -1 elsewhere: for resources kept per thread. */
int executor_thread(void);
unsigned executor_threads(void);
/* How many jobs wait or run, here and on lanes; 0: every done call is posted. */
unsigned executor_load(void);
/* How many jobs were ever submitted. */
uint64_t executor_submitted(void);
