/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/timer.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/internal.h"

static void place(struct worker *worker, uint32_t at, struct timer *timer)
{
	worker->timers[at] = timer;
	timer->place = at;
}

static void sift_up(struct worker *worker, uint32_t at, struct timer *timer)
{
	while (at > 1 && worker->timers[at / 2]->due > timer->due) {
		place(worker, at, worker->timers[at / 2]);
		at /= 2;
	}
	place(worker, at, timer);
}

static void sift_down(struct worker *worker, uint32_t at, struct timer *timer)
{
	for (;;) {
		uint32_t child = at * 2;
		if (child > worker->timer_count)
			break;
		if (child < worker->timer_count &&
		    worker->timers[child + 1]->due < worker->timers[child]->due)
			child++;
		if (worker->timers[child]->due >= timer->due)
			break;
		place(worker, at, worker->timers[child]);
		at = child;
	}
	place(worker, at, timer);
}

int timers_wait_ms(const struct worker *worker)
{
	if (worker->timer_count == 0)
		return -1;
	uint64_t now = clock_mono_ms(), due = worker->timers[1]->due;
	uint64_t wait = due > now ? due - now : 0;
	return wait < INT_MAX ? (int)wait : INT_MAX;
}

void timers_fini(struct worker *worker)
{
	free(worker->timers);
	worker->timers = NULL;
}

static void heap_remove(struct worker *worker, struct timer *timer)
{
	uint32_t at = timer->place;
	timer->place = 0;
	struct timer *last = worker->timers[worker->timer_count--];
	if (last == timer)
		return;
	if (at > 1 && worker->timers[at / 2]->due > last->due)
		sift_up(worker, at, last);
	else
		sift_down(worker, at, last);
}

void timer_start(struct timer *timer, uint64_t ms, void (*fire)(struct timer *))
{
	struct worker *worker = worker_self();
	assert(worker);
	if (timer->place)
		heap_remove(worker, timer);
	if (worker->timer_count + 2 > worker->timer_room) {
		worker->timer_room = worker->timer_room ? worker->timer_room * 2 : 64;
		worker->timers =
		    mem_realloc_array(worker->timers, worker->timer_room, sizeof(struct timer *));
	}
	timer->fire = fire;
	timer->due = clock_mono_ms() + ms;
	sift_up(worker, ++worker->timer_count, timer);
}

uint64_t timer_left(const struct timer *timer)
{
	uint64_t now = clock_mono_ms();
	return timer->place && timer->due > now ? timer->due - now : 0;
}

void timer_stop(struct timer *timer)
{
	if (timer->place)
		heap_remove(worker_self(), timer);
}

void timers_run(struct worker *worker)
{
	if (worker->timer_count == 0)
		return;
	uint64_t now = clock_mono_ms();
	while (worker->timer_count && worker->timers[1]->due <= now) {
		struct timer *timer = worker->timers[1];
		heap_remove(worker, timer);
		timer->fire(timer);
	}
}
