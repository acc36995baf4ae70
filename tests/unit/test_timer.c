/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/timer.h"

#include "base/clock.h"
#include "base/list.h"
#include "loop/worker.h"
#include "tap.h"

enum { TIMERS = 200, START_US = 1000000 };

struct alarm {
	struct timer timer;
	unsigned fired;
	unsigned order; /* when it fired among all others, from 1 */
};

static struct alarm alarms[TIMERS];
static unsigned fired_count;

static void on_fire(struct timer *timer)
{
	struct alarm *alarm = list_entry(timer, struct alarm, timer);

	alarm->fired++;
	alarm->order = ++fired_count;
}

static void begin(void)
{
	struct err err;

	for (unsigned i = 0; i < TIMERS; i++)
		alarms[i] = (struct alarm){0};
	fired_count = 0;
	if (workers_init(1, &err) < 0)
		abort();
}

static void advance(uint64_t ms)
{
	clock_fake_advance(ms);
	worker_turn();
}

static void test_when(void)
{
	begin();
	timer_start(&alarms[0].timer, 1000, on_fire);
	ok(timer_running(&alarms[0].timer));
	advance(999);
	is_int(alarms[0].fired, 0);
	advance(1);
	is_int(alarms[0].fired, 1);
	ok(!timer_running(&alarms[0].timer));
	advance(100000);
	is_int(alarms[0].fired, 1);
	workers_fini();
}

static void test_moved_and_stopped(void)
{
	begin();
	timer_start(&alarms[0].timer, 1000, on_fire);
	timer_start(&alarms[1].timer, 500, on_fire);
	timer_start(&alarms[0].timer, 3000, on_fire);
	timer_stop(&alarms[1].timer);
	timer_stop(&alarms[1].timer);
	timer_stop(&alarms[2].timer);
	advance(2999);
	is_int(fired_count, 0);
	advance(1);
	is_int(alarms[0].fired, 1);
	is_int(fired_count, 1);
	workers_fini();
}

static void test_clock_of_people_does_not_matter(void)
{
	begin();
	timer_start(&alarms[0].timer, 1000, on_fire);
	clock_fake(START_US + 3600LL * 1000000);
	worker_turn();
	is_int(alarms[0].fired, 0);
	clock_fake(START_US - 500000);
	advance(1000);
	is_int(alarms[0].fired, 1);
	workers_fini();
}

/* A fixed sequence of odd lengths, some of them moved and some stopped again. */
static void test_order_of_many(void)
{
	uint64_t due[TIMERS];
	unsigned wrong = 0, expected = 0;
	uint32_t random = 12345;

	begin();
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = round; i < TIMERS; i += round + 1) {
			random = random * 1103515245u + 12345u;
			due[i] = random / 65536 % 1000 + 1;
			timer_start(&alarms[i].timer, due[i], on_fire);
		}
	}
	for (unsigned i = 0; i < TIMERS; i += 7)
		timer_stop(&alarms[i].timer);
	advance(2000);
	for (unsigned i = 0; i < TIMERS; i++) {
		expected += i % 7 != 0;
		wrong += alarms[i].fired != (i % 7 != 0);
		for (unsigned j = 0; j < i && alarms[i].fired; j++)
			wrong += alarms[j].fired && due[i] != due[j] &&
				 (due[i] < due[j]) != (alarms[i].order < alarms[j].order);
	}
	is_int(wrong, 0);
	is_int(fired_count, expected);
	workers_fini();
}

static void on_fire_other(struct timer *timer)
{
	on_fire(timer);
	timer_stop(&alarms[1].timer);
	timer_start(&alarms[2].timer, 0, on_fire);
	timer_start(timer, 10, on_fire);
}

static void test_changes_while_firing(void)
{
	begin();
	timer_start(&alarms[0].timer, 5, on_fire_other);
	timer_start(&alarms[1].timer, 6, on_fire);
	advance(10);
	is_int(alarms[0].fired, 1);
	is_int(alarms[1].fired, 0);
	worker_turn();
	is_int(alarms[2].fired, 1);
	advance(10);
	is_int(alarms[0].fired, 2);
	workers_fini();
}

static void on_fire_stop(struct timer *timer)
{
	on_fire(timer);
	workers_stop();
}

/* The running loop wakes up by itself. */
static void test_running_loop(void)
{
	begin();
	timer_start(&alarms[0].timer, 20, on_fire_stop);
	timer_start(&alarms[1].timer, 5, on_fire);
	timer_start(&alarms[2].timer, 1, on_fire);
	timer_stop(&alarms[2].timer);
	uint64_t before = clock_mono_ms();
	workers_run();
	ok(clock_mono_ms() - before >= 20);
	is_int(alarms[0].fired, 1);
	is_int(alarms[1].fired, 1);
	is_int(alarms[2].fired, 0);
	workers_fini();
}

int main(void)
{
	run(test_running_loop); /* the only one by the real clock: a fake one stays */
	clock_fake(START_US);
	run(test_when);
	run(test_moved_and_stopped);
	run(test_clock_of_people_does_not_matter);
	run(test_order_of_many);
	run(test_changes_while_firing);
	return tap_done();
}
