/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/lane.h"

#include <pthread.h>

#include "base/list.h"
#include "tap.h"

enum { THREADS = 2, LIMIT = 3 };

struct work {
	struct job job;
	bool has_run, is_done;
};

static struct err err;
static struct lane *lane;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static unsigned running;

static void work_run(struct job *job)
{
	__atomic_add_fetch(&running, 1, __ATOMIC_ACQ_REL);
	pthread_mutex_lock(&gate);
	list_entry(job, struct work, job)->has_run = !worker_self() && executor_thread() < 0;
	pthread_mutex_unlock(&gate);
}

static void work_done(struct job *job)
{
	struct work *work = list_entry(job, struct work, job);

	work->is_done = work->has_run && worker_self();
}

static void begin(void)
{
	running = 0;
	if (workers_init(1, &err) < 0 || !(lane = lane_new(THREADS, LIMIT, &err)))
		abort();
}

static void prepare(struct work *works, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		works[i] = (struct work){.job = {.run = work_run, .done = work_done}};
}

static void test_runs_and_is_done(void)
{
	struct work works[LIMIT];

	begin();
	prepare(works, LIMIT);
	for (unsigned i = 0; i < LIMIT; i++)
		ok(lane_submit(lane, &works[i].job));
	lane_free(&lane);
	ok(!lane);
	is_int(executor_load(), 0);
	for (unsigned i = 0; i < LIMIT; i++)
		ok(works[i].has_run && !works[i].is_done);
	workers_fini();
	for (unsigned i = 0; i < LIMIT; i++)
		ok(works[i].is_done);
}

/* As many run as there are threads, as many wait as may wait; the next is refused. */
static void test_limit(void)
{
	struct work works[THREADS + LIMIT + 1];

	begin();
	prepare(works, THREADS + LIMIT + 1);
	pthread_mutex_lock(&gate);
	for (unsigned i = 0; i < THREADS; i++)
		ok(lane_submit(lane, &works[i].job));
	while (__atomic_load_n(&running, __ATOMIC_ACQUIRE) < THREADS)
		;
	for (unsigned i = THREADS; i < THREADS + LIMIT; i++)
		ok(lane_submit(lane, &works[i].job));
	ok(!lane_submit(lane, &works[THREADS + LIMIT].job));
	is_int(lane_load(lane), THREADS + LIMIT);
	is_int(executor_load(), THREADS + LIMIT);
	pthread_mutex_unlock(&gate);
	lane_free(&lane);
	workers_fini();
	for (unsigned i = 0; i < THREADS + LIMIT; i++)
		ok(works[i].is_done);
	ok(!works[THREADS + LIMIT].has_run && !works[THREADS + LIMIT].is_done);
}

static void test_nothing_to_free(void)
{
	struct lane *none = NULL;

	lane_free(&none);
	ok(!none);
}

int main(void)
{
	run(test_runs_and_is_done);
	run(test_limit);
	run(test_nothing_to_free);
	return tap_done();
}
