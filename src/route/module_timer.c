/* SPDX-License-Identifier: Apache-2.0 */
#include "route/module_timer.h"

#include <assert.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "loop/timer.h"
#include "loop/worker.h"
#include "route/host_private.h"

struct module_timer {
	struct timer timer;
	struct list link; /* with the lock of the instance */
	struct module_instance *instance;
	struct worker *home;
	module_timer_fire *fire;
	void *arg;
	uint64_t every_ms; /* 0: once */
	bool ended;
};

struct module_timer *module_timer_new(struct module_instance *instance, module_timer_fire *fire, void *arg)
{
	struct module_timer *timer = mem_zalloc(sizeof(*timer));
	assert(worker_self());
	timer->instance = instance;
	timer->home = worker_self();
	timer->fire = fire;
	timer->arg = arg;
	list_init(&timer->link);
	pthread_mutex_lock(&instance->timers_lock);
	timer->ended = instance->timers_ended;
	list_add_before(&instance->timers, &timer->link);
	pthread_mutex_unlock(&instance->timers_lock);
	return timer;
}

static void on_fire(struct timer *loop_timer)
{
	struct module_timer *timer = list_entry(loop_timer, struct module_timer, timer);
	if (timer->every_ms)
		timer_start(loop_timer, timer->every_ms, on_fire);
	timer->fire(timer->instance, timer->arg);
}

static void start(struct module_timer *timer, uint64_t ms, uint64_t every_ms)
{
	if (timer->ended)
		return;
	assert(worker_self() == timer->home);
	timer->every_ms = every_ms;
	timer_start(&timer->timer, ms, on_fire);
}

void module_timer_start(struct module_timer *timer, uint64_t ms)
{
	start(timer, ms, 0);
}

void module_timer_repeat(struct module_timer *timer, uint64_t ms)
{
	assert(ms);
	start(timer, ms, ms);
}

void module_timer_stop(struct module_timer *timer)
{
	if (timer->ended)
		return;
	assert(worker_self() == timer->home);
	timer_stop(&timer->timer);
}

bool module_timer_is_running(const struct module_timer *timer)
{
	return !timer->ended && timer_running(&timer->timer);
}

void module_timer_free(struct module_timer **timer_ptr)
{
	struct module_timer *timer = *timer_ptr;
	*timer_ptr = NULL;
	if (!timer)
		return;
	module_timer_stop(timer);
	pthread_mutex_lock(&timer->instance->timers_lock);
	list_remove(&timer->link);
	pthread_mutex_unlock(&timer->instance->timers_lock);
	free(timer);
}

/* After workers_fini there are no workers, and nothing runs. */
void module_timers_end_here(struct module_instance *instance)
{
	const struct worker *self = worker_self();
	pthread_mutex_lock(&instance->timers_lock);
	instance->timers_ended = true;
	for (struct list *at = instance->timers.next; at != &instance->timers; at = at->next) {
		struct module_timer *timer = list_entry(at, struct module_timer, link);
		if (self && timer->home != self)
			continue;
		if (self)
			timer_stop(&timer->timer);
		timer->ended = true;
	}
	pthread_mutex_unlock(&instance->timers_lock);
}

bool module_timers_are_here(struct module_instance *instance)
{
	bool here = true;
	pthread_mutex_lock(&instance->timers_lock);
	for (struct list *at = instance->timers.next; at != &instance->timers; at = at->next)
		here &= list_entry(at, struct module_timer, link)->home == worker_self();
	pthread_mutex_unlock(&instance->timers_lock);
	return here;
}

void module_timers_free(struct module_instance *instance)
{
	while (!list_empty(&instance->timers)) {
		struct module_timer *timer = list_entry(instance->timers.next, struct module_timer, link);
		list_remove(&timer->link);
		free(timer);
	}
	pthread_mutex_destroy(&instance->timers_lock);
}
