/* SPDX-License-Identifier: Apache-2.0 */
#include "route/quiet.h"

#include "base/list.h"
#include "loop/executor.h"
#include "store/store_open.h"

#define CHECK_MS 10

static void nothing(void *arg)
{
	(void)arg;
}

/* Nothing waits or runs. *submitted_r: how much had been submitted; read last, so that it counts whatever
 * began and ended in the meantime. */
static bool is_idle(uint64_t *submitted_r)
{
	struct store_stats store;
	bool jobs = executor_load() > 0;
	store_stats(&store);
	bool operations = store.waiting > 0 || store.writing > 0;
	*submitted_r = executor_submitted() + store.operations;
	return !jobs && !operations;
}

static void check(void *arg);

static void on_timer(struct timer *timer)
{
	check(list_entry(timer, struct quiet, timer));
}

static void on_received(void *arg)
{
	struct quiet *quiet = arg;
	uint64_t submitted;
	if (is_idle(&submitted) && submitted == quiet->seen)
		quiet->done(quiet);
	else
		timer_start(&quiet->timer, CHECK_MS, on_timer);
}

static void check(void *arg)
{
	struct quiet *quiet = arg;
	if (is_idle(&quiet->seen))
		workers_each(nothing, on_received, quiet);
	else
		timer_start(&quiet->timer, CHECK_MS, on_timer);
}

void quiet_wait(struct quiet *quiet, void (*done)(struct quiet *quiet))
{
	quiet->done = done;
	workers_each(nothing, check, quiet);
}
