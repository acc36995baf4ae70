/* SPDX-License-Identifier: Apache-2.0 */
#include "route/host_tables.h"

#include <stdlib.h>

#include "base/mem.h"
#include "stanzad/log.h"

static bool slot_before(const struct hook_slot *a, const struct hook_slot *b)
{
	if (a->entry->stage != b->entry->stage)
		return a->entry->stage < b->entry->stage;
	if (b->entry->after && strcmp(b->entry->after, a->instance->module->name) == 0)
		return true;
	if (a->entry->after && strcmp(a->entry->after, b->instance->module->name) == 0)
		return false;
	return strcmp(a->instance->module->name, b->instance->module->name) < 0;
}

static void hook_add(struct hook_table *table, struct hook_slot slot)
{
	table->slots = mem_realloc_array(table->slots, table->count + 1, sizeof(*table->slots));
	unsigned at = table->count++;
	for (; at > 0 && slot_before(&slot, &table->slots[at - 1]); at--)
		table->slots[at] = table->slots[at - 1];
	table->slots[at] = slot;
}

static void iq_add(struct host_tables *tables, struct module_instance *instance, size_t row)
{
	const struct module_iq *iq = &instance->module->iqs[row];
	struct map *map = &tables->iqs[iq->component];
	const struct iq_entry *present = map_get(map, str_of(iq->ns));
	if (present) {
		LOG_WARNING("module.namespace_taken", LOG_CSTR("namespace", iq->ns),
		    LOG_CSTR("module", instance->module->name),
		    LOG_CSTR("taken_by", present->instance->module->name));
		return;
	}
	struct iq_entry *entry = mem_zalloc(sizeof(*entry));
	*entry =
	    (struct iq_entry){iq, instance, iq->discipline == IQ_ONE_QUEUE ? &instance->queues[row] : NULL};
	map_put(map, str_of(iq->ns), entry);
}

struct host_tables *host_tables_build(struct module_instance **instances, size_t count)
{
	struct host_tables *tables = mem_zalloc(sizeof(*tables));
	tables->refs = 1;
	tables->instances = mem_zalloc((count + 1) * sizeof(*tables->instances));
	tables->instance_count = count;
	for (size_t i = 0; i < count; i++)
		tables->instances[i] = instances[i];
	for (size_t i = 0; i < count; i++) {
		const struct module *module = instances[i]->module;
		for (const struct hook_entry *entry = module->hooks; entry && entry->used; entry++)
			hook_add(&tables->hooks[entry->hook], (struct hook_slot){instances[i], entry});
		for (size_t row = 0; module->iqs && module->iqs[row].ns; row++)
			iq_add(tables, instances[i], row);
	}
	return tables;
}

bool host_tables_have(const struct host_tables *tables, const struct module_instance *instance)
{
	for (size_t i = 0; tables && i < tables->instance_count; i++)
		if (tables->instances[i] == instance)
			return true;
	return false;
}

struct host_tables *host_tables_ref(struct host *host)
{
	struct host_tables *tables = __atomic_load_n(&host->tables, __ATOMIC_ACQUIRE);
	__atomic_add_fetch(&tables->refs, 1, __ATOMIC_RELAXED);
	return tables;
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
		while ((entry = map_next(&tables->iqs[i], &position, NULL)))
			free(entry);
		map_fini(&tables->iqs[i]);
	}
	free(tables->instances);
	free(tables);
}

const struct iq_entry *host_iq(const struct host *host, enum iq_component component, struct str ns)
{
	return map_get(&__atomic_load_n(&host->tables, __ATOMIC_ACQUIRE)->iqs[component], ns);
}
