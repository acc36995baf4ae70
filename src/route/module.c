/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/module.h"

#include "route/host_private.h"

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
	for (size_t i = 0; i < tables->instance_count; i++)
		if (strcmp(tables->instances[i]->module->name, name) == 0)
			return tables->instances[i];
	return NULL;
}
