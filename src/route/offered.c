/* SPDX-License-Identifier: Apache-2.0 */
#include "route/offered.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "route/module_file.h"

#define SLOTS_MAX 32

static struct offered {
	const struct module *module;
	unsigned running;   /* instances */
	unsigned instances; /* with those that are stopping */
	bool has_commands;  /* its commands are those that are registered */
} * offered;
static size_t offered_count; /* of two versions of a module the newer one is behind the older one */

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
		if (strcmp(offered[i].module->name, name) == 0 && !module_file_of(offered[i].module))
			return offered[i].module;
	return NULL;
}

const struct module *module_configured(const struct conf_module *options)
{
	uint64_t edition = conf_module_edition(options);
	return edition ? module_file_module(edition) : module_named(conf_module_name(options));
}

void offered_add(const struct module *module)
{
	offer(module);
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
	memmove(row, row + 1, (size_t)(offered + --offered_count - row) * sizeof(*row));
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

static void commands_end(struct offered *row)
{
	if (row && row->has_commands) {
		command_unregister(row->module->commands);
		row->has_commands = false;
	}
}

static int commands_begin(struct offered *row, struct err *err)
{
	if (!row || !row->module->commands || row->has_commands)
		return 0;
	if (command_register(row->module->commands, err) < 0)
		return -1;
	row->has_commands = true;
	return 0;
}

/* Another version of the same module: the newest that runs; NULL. */
static struct offered *other_version(const struct offered *row)
{
	for (size_t i = offered_count; i > 0; i--) {
		struct offered *other = &offered[i - 1];
		if (other != row && other->running && strcmp(other->module->name, row->module->name) == 0)
			return other;
	}
	return NULL;
}

int module_use(const struct module *module, struct err *err)
{
	struct offered *row = offered_of(module);
	struct offered *other = row->running ? NULL : other_version(row);
	commands_end(other);
	if (commands_begin(row, err) < 0) {
		commands_begin(other, NULL);
		return -1;
	}
	row->running++;
	row->instances++;
	module_file_ref(module_file_of(module));
	return 0;
}

void module_leave(const struct module *module)
{
	struct offered *row = offered_of(module);
	if (--row->running > 0)
		return;
	commands_end(row);
	commands_begin(other_version(row), NULL);
}

bool module_is_called(const struct module *module)
{
	return offered_of(module)->running == 0 && command_is_running(module->commands);
}

void module_unuse(const struct module *module)
{
	offered_of(module)->instances--;
	module_file_unref(module_file_of(module));
}

void modules_offer_end(void)
{
	user_slots.count = session_slots.count = 0;
	free(offered);
	offered = NULL;
	offered_count = 0;
}
