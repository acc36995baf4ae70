/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/metric.h"

#include <stdlib.h>

#include "base/mem.h"
#include "route/host_private.h"
#include "route/module_metrics.h"

void metric_add(struct module_instance *instance, unsigned row, int64_t by)
{
	__atomic_add_fetch(&instance->metrics[row], by, __ATOMIC_RELAXED);
}

void metric_set(struct module_instance *instance, unsigned row, int64_t value)
{
	__atomic_store_n(&instance->metrics[row], value, __ATOMIC_RELAXED);
}

int64_t metric_value(const struct module_instance *instance, unsigned row)
{
	return __atomic_load_n(&instance->metrics[row], __ATOMIC_RELAXED);
}

static int by_name(const void *a, const void *b)
{
	const struct module_instance *const *left = a, *const *right = b;
	return strcmp((*left)->module->name, (*right)->module->name);
}

static void each_metric(const struct module_instance *instance,
    void (*each)(void *arg, const struct module_metric *row), void *arg)
{
	const struct metric *metrics = instance->module->metrics;
	for (unsigned i = 0; metrics && metrics[i].name; i++)
		each(arg, &(struct module_metric){
			      .host = host_name(instance->host),
			      .module = instance->module->name,
			      .metric = &metrics[i],
			      .value = metric_value(instance, i),
			  });
}

void host_each_metric(
    const struct host *host, void (*each)(void *arg, const struct module_metric *row), void *arg)
{
	size_t count = host->instances.count;
	struct module_instance **sorted = mem_zalloc((count + 1) * sizeof(struct module_instance *));
	for (size_t i = 0; i < count; i++)
		sorted[i] = host->instances.list[i];
	qsort(sorted, count, sizeof(struct module_instance *), by_name);
	for (size_t i = 0; i < count; i++)
		each_metric(sorted[i], each, arg);
	free(sorted);
}
