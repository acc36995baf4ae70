/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/module.h"

#include <stdlib.h>

#include "base/mem.h"
#include "route/host_private.h"

int module_reload_nothing(struct module_instance *instance, struct err *err)
{
	return 0;
}

const struct module *module_of(const struct module_instance *instance)
{
	return instance->module;
}

struct host *module_host(const struct module_instance *instance)
{
	return instance->host;
}

const struct option_value *module_option(const struct module_instance *instance, const char *name)
{
	return conf_module_get(__atomic_load_n(&instance->options, __ATOMIC_ACQUIRE), name);
}

const struct option_value *module_option_before(const struct module_instance *instance, const char *name)
{
	return conf_module_get(instance->before, name);
}

void *module_state(const struct module_instance *instance)
{
	return instance->state;
}

void module_set_state(struct module_instance *instance, void *state)
{
	instance->state = state;
}

struct str host_name(const struct host *host)
{
	return jid_domain(&host->jid);
}

const struct jid *host_jid(const struct host *host)
{
	return &host->jid;
}

struct module_instance *host_module(const struct host *host, const char *name)
{
	const struct host_tables *tables = __atomic_load_n(&host->tables, __ATOMIC_ACQUIRE);
	return instances_named(&tables->own, name);
}

/* --- features: derived from what the modules registered ------------------------------------------------- */

struct features {
	const char **names;
	size_t count;
};

static void feature_add(struct features *features, const char *name)
{
	for (size_t i = 0; i < features->count; i++)
		if (strcmp(features->names[i], name) == 0)
			return;
	features->names = mem_realloc_array(features->names, features->count + 1, sizeof(*features->names));
	features->names[features->count++] = name;
}

static void features_of(
    struct features *features, const struct host_tables *tables, enum iq_component component)
{
	const struct iq_entry *entry;
	uint32_t position = 0;
	while ((entry = map_next(&tables->iqs[component], &position, NULL)))
		if (entry->iq.announce && !map_get(&tables->replacing[component], str_of(entry->ns)))
			feature_add(features, entry->ns);
	position = 0;
	while ((entry = map_next(&tables->replacing[component], &position, NULL)))
		if (entry->iq.announce)
			feature_add(features, entry->ns);
	for (size_t i = 0; i < tables->own.count; i++) {
		const struct module *module = tables->own.list[i]->module;
		const char *const *name = component == IQ_LOCAL ? module->features : module->user_features;
		for (; name && *name; name++)
			feature_add(features, *name);
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void host_each_feature(const struct host *host, enum iq_component component,
    void (*each)(void *arg, const char *feature), void *arg)
{
	const struct host_tables *tables = __atomic_load_n(&host->tables, __ATOMIC_ACQUIRE);
	struct features features = {0};
	features_of(&features, tables, component);
	if (features.count)
		qsort(features.names, features.count, sizeof(*features.names), by_name);
	for (size_t i = 0; i < features.count; i++)
		each(arg, features.names[i]);
	free(features.names);
}
