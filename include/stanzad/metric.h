/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers that a module keeps for its administrators: rows of its struct module, one value for each host it
 * runs on, which begins with 0 when the module starts there. 'stanzactl metrics' prints them.
 */
#pragma once

#include <stdint.h>

struct module_instance;

enum metric_kind {
	METRIC_COUNTER, /* only grows: how often something happened */
	METRIC_GAUGE,   /* how much there is now */
};

struct metric {
	const char
	    *name; /* lower case and underscores, the unit last: "echoed_stanzas"; NULL ends the list */
	enum metric_kind kind;
	const char *doc; /* one sentence */
};

/* Any thread, no lock. row: the place in the module's table. */
void metric_add(struct module_instance *instance, unsigned row, int64_t by);
void metric_set(struct module_instance *instance, unsigned row, int64_t value);
int64_t metric_value(const struct module_instance *instance, unsigned row);
