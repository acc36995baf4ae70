/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/metric.h"

#include "route/host_private.h"

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
