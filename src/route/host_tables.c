/* SPDX-License-Identifier: Apache-2.0 */
#include "route/host_tables.h"

#include <stdlib.h>

#include "base/mem.h"

void instances_add(struct instances *instances, struct module_instance *instance)
{
	instances->list =
	    mem_realloc_array(instances->list, instances->count + 1, sizeof(struct module_instance *));
	instances->list[instances->count++] = instance;
}

struct module_instance *instances_named(const struct instances *instances, const char *module)
{
	for (size_t i = 0; i < instances->count; i++)
		if (strcmp(instances->list[i]->module->name, module) == 0)
			return instances->list[i];
	return NULL;
}

bool instances_have(const struct instances *instances, const struct module_instance *instance)
{
	for (size_t i = 0; i < instances->count; i++)
		if (instances->list[i] == instance)
			return true;
	return false;
}

static void hook_add(struct hook_table *table, struct hook_slot slot)
{
	table->slots = mem_realloc_array(table->slots, table->count + 1, sizeof(*table->slots));
	table->slots[table->count++] = slot;
}

static void add_own(struct host_tables *tables, struct module_instance *instance)
{
	instances_add(&tables->own, instance);
	for (size_t i = 0; i < instance->hook_count; i++)
		if (!instance->hooks[i].global)
			hook_add(&tables->hooks[instance->hooks[i].hook],
			    (struct hook_slot){instance, instance->hooks[i]});
	for (size_t i = 0; i < instance->iq_count; i++) {
		struct iq_entry *entry = iq_entry_ref(instance->iqs[i]);
		map_put(&tables->iqs[entry->iq.component], str_of(entry->ns), entry);
	}
}

static void add_global(struct host_tables *tables, struct module_instance *instance)
{
	bool any = false;
	for (size_t i = 0; i < instance->hook_count; i++) {
		if (!instance->hooks[i].global)
			continue;
		hook_add(&tables->hooks[instance->hooks[i].hook],
		    (struct hook_slot){instance, instance->hooks[i]});
		any = true;
	}
	if (any && !instances_have(&tables->own, instance))
		instances_add(&tables->visitors, instance);
}

static int sort_hooks(struct host_tables *tables, struct err *err)
{
	int result = 0;
	for (unsigned i = 0; i < HOOK_COUNT; i++)
		if (hook_table_sort(&tables->hooks[i], err) < 0)
			result = err_prefix(err, "hook %s", hook_about(i)->name);
	return result;
}

static struct host_tables *build(
    const struct instances *own, const struct instances *visitors, int *sorted_r, struct err *err)
{
	struct host_tables *tables = mem_zalloc(sizeof(*tables));
	tables->refs = 1;
	for (size_t i = 0; own && i < own->count; i++)
		add_own(tables, own->list[i]);
	for (size_t i = 0; visitors && i < visitors->count; i++)
		add_global(tables, visitors->list[i]);
	*sorted_r = sort_hooks(tables, err);
	return tables;
}

struct host_tables *host_tables_build(const struct instances *own, const struct instances *visitors)
{
	static uint64_t generations;
	struct err err;
	int sorted;
	struct host_tables *tables = build(own, visitors, &sorted, &err);
	tables->generation = ++generations;
	return tables;
}

int host_tables_check(const struct instances *own, const struct instances *visitors, struct err *err)
{
	int sorted;
	struct host_tables *tables = build(own, visitors, &sorted, err);
	host_tables_unref(tables);
	return sorted;
}

bool host_tables_have(const struct host_tables *tables, const struct module_instance *instance)
{
	return tables &&
	       (instances_have(&tables->own, instance) || instances_have(&tables->visitors, instance));
}

struct host_tables *host_tables_ref(struct host *host)
{
	struct host_tables *tables = __atomic_load_n(&host->tables, __ATOMIC_ACQUIRE);
	__atomic_add_fetch(&tables->refs, 1, __ATOMIC_RELAXED);
	return tables;
}

void host_tables_hold(const struct host_tables *tables, int by)
{
	for (size_t i = 0; i < tables->own.count; i++)
		__atomic_add_fetch(&tables->own.list[i]->calls, by, __ATOMIC_ACQ_REL);
	for (size_t i = 0; i < tables->visitors.count; i++)
		__atomic_add_fetch(&tables->visitors.list[i]->calls, by, __ATOMIC_ACQ_REL);
}

void host_tables_unref(struct host_tables *tables)
{
	if (__atomic_sub_fetch(&tables->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	for (unsigned i = 0; i < HOOK_COUNT; i++)
		free(tables->hooks[i].slots);
	for (unsigned i = 0; i < 2; i++) {
		struct iq_entry *entry;
		uint32_t position = 0;
		while ((entry = map_next(&tables->iqs[i], &position, NULL))) {
			map_remove(&tables->iqs[i], str_of(entry->ns));
			iq_entry_unref(entry);
		}
		map_fini(&tables->iqs[i]);
	}
	free(tables->own.list);
	free(tables->visitors.list);
	free(tables);
}

struct iq_entry *host_iq(const struct host *host, enum iq_component component, struct str ns)
{
	return map_get(&__atomic_load_n(&host->tables, __ATOMIC_ACQUIRE)->iqs[component], ns);
}
