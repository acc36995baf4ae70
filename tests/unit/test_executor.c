/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/executor.h"

#include <pthread.h>

#include "base/list.h"
#include "base/mem.h"
#include "tap.h"

enum { THREADS = 3, WORKERS = 2, QUEUES = 4, JOBS = 500 };

struct queue {
	struct job_queue jobs;
	unsigned next; /* not locked: the queue promises one job at a time */
	unsigned inside;
};

struct work {
	struct job job;
	struct queue *queue;
	unsigned number, home;
	bool has_run;
};

static struct queue queues[QUEUES];
static unsigned faults, done_count, expected;

static void check(bool held)
{
	if (!held)
		__atomic_add_fetch(&faults, 1, __ATOMIC_RELAXED);
}

static void begin(unsigned workers)
{
	struct err err;

	faults = done_count = 0;
	for (unsigned q = 0; q < QUEUES; q++)
		queues[q] = (struct queue){0};
	if (workers_init(workers, &err) < 0 || executor_init(THREADS, &err) < 0)
		abort();
}

static void work_run(struct job *job)
{
	struct work *work = list_entry(job, struct work, job);

	check(!worker_self() && executor_thread() >= 0 && executor_thread() < THREADS);
	if (work->queue) {
		check(__atomic_add_fetch(&work->queue->inside, 1, __ATOMIC_RELAXED) == 1);
		check(work->queue->next++ == work->number);
		__atomic_sub_fetch(&work->queue->inside, 1, __ATOMIC_RELAXED);
	}
	work->has_run = true;
}

static void work_done(struct job *job)
{
	struct work *work = list_entry(job, struct work, job);

	check(work->has_run && worker_index(worker_self()) == work->home);
	free(work);
	if (__atomic_add_fetch(&done_count, 1, __ATOMIC_ACQ_REL) == expected)
		workers_stop();
}

static void submit(struct queue *queue, unsigned number)
{
	struct work *work = mem_zalloc(sizeof(*work));

	work->job.run = work_run;
	work->job.done = work_done;
	work->queue = queue;
	work->number = number;
	work->home = worker_index(worker_self());
	executor_submit(&work->job, queue ? &queue->jobs : NULL);
}

/* Each worker has queues of its own, so that the order of submission is known. */
static void submit_all(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < JOBS; i++) {
		for (unsigned q = worker_index(worker_self()); q < QUEUES; q += WORKERS)
			submit(&queues[q], i);
		submit(NULL, i);
	}
}

static void nothing(void *arg)
{
	(void)arg;
}

static void test_queues(void)
{
	begin(WORKERS);
	is_int(executor_threads(), THREADS);
	is_int(executor_thread(), -1);
	expected = (QUEUES + WORKERS) * JOBS;
	workers_each(submit_all, nothing, NULL);
	workers_run();
	executor_fini();
	is_int(done_count, expected);
	is_int(faults, 0);
	for (unsigned q = 0; q < QUEUES; q++)
		is_int(queues[q].next, JOBS);
	is_int(executor_load(), 0);
	workers_fini();
}

/* What was submitted runs to its end, and its done calls come when the worker is emptied. */
static void test_end_with_jobs_waiting(void)
{
	begin(1);
	expected = JOBS + 1;
	for (unsigned i = 0; i < JOBS; i++)
		submit(i % 2 ? &queues[0] : NULL, i / 2);
	is_int(done_count, 0);
	executor_fini();
	is_int(done_count, 0);
	workers_fini();
	is_int(done_count, JOBS);
	is_int(faults, 0);
}

/* --- side by side --------------------------------------------------------------------------------------- */

static pthread_barrier_t meeting;

static void meet_run(struct job *job)
{
	pthread_barrier_wait(&meeting);
	work_run(job);
}

/* None of them would end if they did not run at the same time. */
static void test_jobs_without_queue_run_together(void)
{
	begin(1);
	expected = THREADS;
	pthread_barrier_init(&meeting, NULL, THREADS);
	for (unsigned i = 0; i < THREADS; i++) {
		struct work *work = mem_zalloc(sizeof(*work));
		work->job.run = meet_run;
		work->job.done = work_done;
		executor_submit(&work->job, NULL);
	}
	workers_run();
	is_int(done_count, THREADS);
	executor_fini();
	workers_fini();
	pthread_barrier_destroy(&meeting);
}

int main(void)
{
	run(test_queues);
	run(test_end_with_jobs_waiting);
	run(test_jobs_without_queue_run_together);
	return tap_done();
}
