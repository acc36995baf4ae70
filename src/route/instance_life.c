/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/timer.h"
#include "loop/worker.h"
#include "route/instance.h"
#include "route/iq_owed.h"
#include "route/iq_request.h"
#include "route/module_timer.h"
#include "route/offered.h"
#include "stanzad/log.h"
#include "store/module_schema.h"

#define STOP_CHECK_MS 10

static void instance_free(struct module_instance *instance)
{
	instance_unregister(instance);
	module_timers_free(instance);
	conf_unref(&instance->conf);
	free(instance->metrics);
	free(instance);
}

/* --- starting ------------------------------------------------------------------------------------------- */

static struct module_instance *instance_new(
    const struct module *module, struct host *host, const struct conf_module *options, struct conf *conf)
{
	struct module_instance *instance = mem_zalloc(sizeof(*instance));
	size_t metrics = 0;
	while (module->metrics && module->metrics[metrics].name)
		metrics++;
	instance->module = module;
	instance->host = host;
	instance->options = options;
	instance->conf = conf_ref(conf);
	instance->jobs.width = JOB_QUEUE_WIDE;
	list_init(&instance->timers);
	pthread_mutex_init(&instance->timers_lock, NULL);
	instance->metrics = mem_zalloc((metrics + 1) * sizeof(*instance->metrics));
	return instance;
}

struct module_instance *instance_start(const struct module *module, struct host *host,
    const struct conf_module *options, struct conf *conf, struct err *err)
{
	struct module_instance *instance = instance_new(module, host, options, conf);
	if (module_use(module, err) < 0) {
		err_prefix(err, "module %s", module->name);
		instance_free(instance);
		return NULL;
	}
	if ((module->schema && module_schema_apply(module->name, module->schema, err) < 0) ||
	    instance_register(instance, err) < 0 || (module->start && module->start(instance, err) < 0)) {
		err_prefix(err, "module %s on %.*s", module->name, STR_FMT(host_name(host)));
		instance->failed = true;
		instance_discard(instance);
		return NULL;
	}
	LOG_DEBUG("module.started", LOG_CSTR("module", module->name), LOG_STR("host", host_name(host)));
	return instance;
}

int instance_reload(struct module_instance *instance, const struct conf_module *options, struct conf *conf,
    struct conf **conf_r, struct err *err)
{
	bool same = conf_module_same(instance->options, options);
	struct conf *old = instance->conf;
	instance->before = instance->options;
	__atomic_store_n(&instance->options, options, __ATOMIC_RELEASE);
	instance->conf = conf_ref(conf);
	instance->reloading = true;
	int result = same ? 0 : instance->module->reload(instance, err);
	instance->reloading = false;
	*conf_r = old;
	if (result < 0) {
		__atomic_store_n(&instance->options, instance->before, __ATOMIC_RELEASE);
		*conf_r = instance->conf;
		instance->conf = old;
	}
	instance->before = NULL;
	return result;
}

/* --- stopping ------------------------------------------------------------------------------------------- */

/* Those that wait until no call on another thread and no owed answer is left. Worker 0. */
struct leaving {
	struct timer timer;
	struct list link;
	struct module_instance *instance;
	uint64_t grace_ends_ms; /* 0: it is over */
};

static struct list all_leaving = {&all_leaving, &all_leaving};

void instance_stop(struct module_instance *instance)
{
	if (!instance->left)
		module_leave(instance->module);
	if (!instance->timers_ended) {
		if (worker_self())
			iq_requests_end_here(instance);
		module_timers_end_here(instance);
	}
	owed_silence(instance);
	if (instance->module->stop && !instance->failed)
		instance->module->stop(instance);
	owed_reclaim(instance);
	LOG_DEBUG("module.stopped", LOG_CSTR("module", instance->module->name),
	    LOG_STR("host", host_name(instance->host)));
	const struct module *module = instance->module;
	struct instance_watcher *watcher = instance->watcher;
	instance_free(instance);
	module_unuse(module);
	if (watcher) {
		watcher->instance = NULL;
		watcher->stopped(watcher);
	}
}

/* --- who looks on --------------------------------------------------------------------------------------- */

unsigned instance_calls(const struct module_instance *instance)
{
	int calls = __atomic_load_n(&instance->calls, __ATOMIC_ACQUIRE);
	return calls > 0 ? (unsigned)calls : 0;
}

void instance_watch(struct module_instance *instance, struct instance_watcher *watcher)
{
	watcher->instance = instance;
	instance->watcher = watcher;
}

void instance_unwatch(struct instance_watcher *watcher)
{
	if (watcher->instance)
		watcher->instance->watcher = NULL;
	watcher->instance = NULL;
}

void instances_each_left(void (*each)(void *arg, const struct module_instance *instance), void *arg)
{
	for (struct list *link = all_leaving.next; link != &all_leaving; link = link->next)
		each(arg, list_entry(link, struct leaving, link)->instance);
}

/* --- waiting to stop ------------------------------------------------------------------------------------ */

static bool is_called(const struct module_instance *instance)
{
	return __atomic_load_n(&instance->calls, __ATOMIC_ACQUIRE) > 0 || module_is_called(instance->module);
}

static void leaving_end(struct leaving *leaving)
{
	struct module_instance *instance = leaving->instance;
	list_remove(&leaving->link);
	free(leaving);
	instance_stop(instance);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void on_stop_check(struct timer *timer);

/* Whoever gave the last answer may still be on the way out of the module: each worker has passed its loop since. */
static void on_passed(void *arg)
{
	struct leaving *leaving = arg;
	if (is_called(leaving->instance))
		timer_start(&leaving->timer, STOP_CHECK_MS, on_stop_check);
	else
		leaving_end(leaving);
}

static void on_stop_check(struct timer *timer)
{
	struct leaving *leaving = list_entry(timer, struct leaving, timer);
	if (leaving->grace_ends_ms && clock_mono_ms() >= leaving->grace_ends_ms) {
		leaving->grace_ends_ms = 0;
		owed_abandon(leaving->instance);
	}
	if (is_called(leaving->instance))
		timer_start(timer, STOP_CHECK_MS, on_stop_check);
	else
		workers_each(nothing, on_passed, leaving);
}

void instance_leave(struct module_instance *instance)
{
	struct leaving *leaving = mem_zalloc(sizeof(*leaving));
	leaving->instance = instance;
	leaving->grace_ends_ms = clock_mono_ms() + IQ_LEAVE_MS;
	list_init(&leaving->link);
	list_add_before(&all_leaving, &leaving->link);
	instance->left = true;
	module_leave(instance->module);
	if (instance->module->leave && !instance->failed)
		instance->module->leave(instance);
	on_stop_check(&leaving->timer);
}

static void end_timers(void *arg)
{
	iq_requests_end_here(arg);
	module_timers_end_here(arg);
}

static void on_timers_ended(void *arg)
{
	instance_leave(arg);
}

/* What .start began elsewhere ends first. */
void instance_discard(struct module_instance *instance)
{
	if (!is_called(instance) && module_timers_are_here(instance))
		instance_stop(instance);
	else
		workers_each(end_timers, on_timers_ended, instance);
}

void instances_fini(void)
{
	while (!list_empty(&all_leaving))
		leaving_end(list_entry(all_leaving.next, struct leaving, link));
}
