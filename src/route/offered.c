/* SPDX-License-Identifier: Apache-2.0 */
#include "route/offered.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

#define SLOTS_MAX 32

static struct offered {
	const struct module *module;
	unsigned running;   /* instances */
	unsigned instances; /* with those that are stopping */
} * offered;
static size_t offered_count;

/* What users and sessions have room for: fixed at the start. A module that is gone leaves its place empty. */
struct slots {
	const struct module *modules[SLOTS_MAX]; /* atomic */
	unsigned count;
};
static struct slots user_slots, session_slots;

static void offer(const struct module *module)
{
	assert(module->abi == STANZAD_MODULE_ABI && module->size == sizeof(struct module));
	offered = mem_realloc_array(offered, offered_count + 1, sizeof(*offered));
	offered[offered_count++] = (struct offered){.module = module};
}

static void slot_add(struct slots *slots, const struct module *module)
{
	assert(slots->count < SLOTS_MAX);
	slots->modules[slots->count++] = module;
}

void modules_offer(const struct module *const *modules)
{
	for (size_t i = 0; modules[i]; i++) {
		offer(modules[i]);
		if (modules[i]->user_slot)
			slot_add(&user_slots, modules[i]);
		if (modules[i]->session_slot)
			slot_add(&session_slots, modules[i]);
	}
}

const struct module *module_named(const char *name)
{
	for (size_t i = 0; i < offered_count; i++)
		if (strcmp(offered[i].module->name, name) == 0)
			return offered[i].module;
	return NULL;
}

int offered_add(const struct module *module, struct err *err)
{
	if (module_named(module->name))
		return err_set(err, "there is a module %s already", module->name);
	offer(module);
	return 0;
}

static struct offered *offered_of(const struct module *module)
{
	size_t i = 0;
	while (i < offered_count && offered[i].module != module)
		i++;
	assert(i < offered_count);
	return &offered[i];
}

static int slot_of(const struct slots *slots, const struct module *module)
{
	for (unsigned i = 0; i < slots->count; i++)
		if (__atomic_load_n(&slots->modules[i], __ATOMIC_RELAXED) == module)
			return (int)i;
	return -1;
}

static void slot_leave(struct slots *slots, const struct module *module)
{
	int place = slot_of(slots, module);
	if (place >= 0)
		__atomic_store_n(&slots->modules[place], NULL, __ATOMIC_RELAXED);
}

int offered_remove(const struct module *module, struct err *err)
{
	struct offered *row = offered_of(module);
	if (row->instances)
		return err_set(err, "module %s still runs on %u host%s", module->name, row->instances,
		    row->instances == 1 ? "" : "s");
	if (command_is_running(module->commands))
		return err_set(err, "a command of module %s is still running", module->name);
	slot_leave(&user_slots, module);
	slot_leave(&session_slots, module);
	*row = offered[--offered_count];
	return 0;
}

int module_user_slot(const struct module *module)
{
	return slot_of(&user_slots, module);
}

int module_session_slot(const struct module *module)
{
	return slot_of(&session_slots, module);
}

unsigned modules_user_slots(void)
{
	return user_slots.count;
}

unsigned modules_session_slots(void)
{
	return session_slots.count;
}

int module_use(const struct module *module, struct err *err)
{
	struct offered *row = offered_of(module);
	if (module->commands && row->running == 0 && command_register(module->commands, err) < 0)
		return -1;
	row->running++;
	row->instances++;
	return 0;
}

void module_leave(const struct module *module)
{
	struct offered *row = offered_of(module);
	if (--row->running == 0 && module->commands)
		command_unregister(module->commands);
}

bool module_is_called(const struct module *module)
{
	return offered_of(module)->running == 0 && command_is_running(module->commands);
}

void module_unuse(const struct module *module)
{
	offered_of(module)->instances--;
}

void modules_offer_end(void)
{
	user_slots.count = session_slots.count = 0;
	free(offered);
	offered = NULL;
	offered_count = 0;
}
