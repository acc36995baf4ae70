/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of their own for jobs that wait for something that may be slow or never come, so that the executor
 * is left to everybody else. A job is run on one of them and then done on the worker that submitted it:
 * exactly once, never from inside the call that submits, also at shutdown.
 */
#pragma once

#include "loop/executor.h"

struct lane;

/* threads is at least 1; limit is how many jobs may wait. NULL when a thread cannot be started. */
struct lane *lane_new(unsigned threads, unsigned limit, struct err *err);
/* Any worker. False: too many wait already, and nothing has happened to the job. */
bool lane_submit(struct lane *lane, struct job *job);
/* How many jobs wait or run; 0: every done call is posted. Any thread; executor_load counts them too. */
unsigned lane_load(struct lane *lane);
/* Waits until every job has run; their done calls are posted. No submission may follow. NULL is harmless. */
void lane_free(struct lane **lane);
