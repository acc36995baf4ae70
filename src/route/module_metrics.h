/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what modules count (stanzad/metric.h). */
#pragma once

#include "stanzad/module.h"

struct module_metric {
	struct str host;
	const char *module;
	const struct metric *metric;
	int64_t value;
};
/* Calls each for every row of every module on the host, in the order of names. Worker 0. */
void host_each_metric(
    const struct host *host, void (*each)(void *arg, const struct module_metric *row), void *arg);
