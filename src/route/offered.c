/* SPDX-License-Identifier: Apache-2.0 */
#include "route/offered.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "route/module_file.h"

#define SLOTS_MAX 32
#define SLOTS_SPARE 4 /* of each kind, for modules that come while users are in memory */

struct offered {
	const struct module *module;
	unsigned running;  /* instances */
	bool has_commands; /* its commands are those that are registered */
};

struct slots {
	const struct module *owners[SLOTS_MAX]; /* NULL: free */
	unsigned count;
};

/* Built-in ones first; of two versions of one module the newer one is behind the older one. */
static struct offered *offered;
static size_t offered_count;
static struct slots user_slots, session_slots;

/* --- slots ---------------------------------------------------------------------------------------------- */

static int slot_of(const struct slots *slots, const struct module *module)
{
	for (unsigned i = 0; i < slots->count; i++)
		if (slots->owners[i] == module)
			return (int)i;
	return -1;
}

static void slot_give_back(struct slots *slots, const struct module *module)
{
	int slot = slot_of(slots, module);
	if (slot >= 0)
		slots->owners[slot] = NULL;
}

static int slots_take(const struct module *module, struct err *err)
{
	int user = module->user_slot ? slot_of(&user_slots, NULL) : 0;
	int session = module->session_slot ? slot_of(&session_slots, NULL) : 0;
	if (user < 0 || session < 0)
		return err_set(err,
		    "no more than %d modules with state in users or sessions can be added to those that are "
		    "built in",
		    SLOTS_SPARE);
	if (module->user_slot)
		user_slots.owners[user] = module;
	if (module->session_slot)
		session_slots.owners[session] = module;
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

/* --- which modules there are ---------------------------------------------------------------------------- */

static struct offered *offered_of(const struct module *module)
{
	size_t i = 0;
	while (offered[i].module != module)
		i++;
	return &offered[i];
}

static void add(const struct module *module)
{
	offered = mem_realloc_array(offered, offered_count + 1, sizeof(*offered));
	offered[offered_count++] = (struct offered){.module = module};
}

void modules_offer(const struct module *const *modules)
{
	for (size_t i = 0; modules[i]; i++) {
		assert(modules[i]->abi == STANZAD_MODULE_ABI && modules[i]->size == sizeof(struct module));
		add(modules[i]);
		if (modules[i]->user_slot)
			user_slots.owners[user_slots.count++] = modules[i];
		if (modules[i]->session_slot)
			session_slots.owners[session_slots.count++] = modules[i];
		assert(
		    user_slots.count + SLOTS_SPARE < SLOTS_MAX && session_slots.count + SLOTS_SPARE < SLOTS_MAX);
	}
	user_slots.count += SLOTS_SPARE;
	session_slots.count += SLOTS_SPARE;
}

int module_offer(const struct module *module, struct err *err)
{
	if (slots_take(module, err) < 0)
		return -1;
	add(module);
	return 0;
}

void module_withdraw(const struct module *module)
{
	struct offered *gone = offered_of(module);
	slot_give_back(&user_slots, module);
	slot_give_back(&session_slots, module);
	memmove(gone, gone + 1, (size_t)(offered + --offered_count - gone) * sizeof(*gone));
}

const struct module *module_configured(const struct conf_module *options)
{
	uint64_t edition = conf_module_edition(options);
	if (edition)
		return module_file_module(edition);
	for (size_t i = 0; i < offered_count; i++)
		if (strcmp(offered[i].module->name, conf_module_name(options)) == 0 &&
		    !module_file_of(offered[i].module))
			return offered[i].module;
	return NULL;
}

void modules_offer_end(void)
{
	free(offered);
	offered = NULL;
	offered_count = 0;
	user_slots = session_slots = (struct slots){0};
}

/* --- which of them run ---------------------------------------------------------------------------------- */

static void commands_end(struct offered *of)
{
	if (of && of->has_commands)
		command_unregister(of->module->commands);
	if (of)
		of->has_commands = false;
}

static int commands_begin(struct offered *of, struct err *err)
{
	if (!of || !of->module->commands)
		return 0;
	if (command_register(of->module->commands, err) < 0)
		return -1;
	of->has_commands = true;
	return 0;
}

/* Another version of the same module: the newest that runs; NULL. */
static struct offered *other_version(const struct offered *of)
{
	for (size_t i = offered_count; i > 0; i--) {
		struct offered *other = &offered[i - 1];
		if (other != of && other->running && strcmp(other->module->name, of->module->name) == 0)
			return other;
	}
	return NULL;
}

/* The commands of the version before make room, and come back when this one's names are taken. */
static int commands_take_over(struct offered *of, struct err *err)
{
	struct offered *other = other_version(of);
	commands_end(other);
	if (commands_begin(of, err) == 0)
		return 0;
	commands_begin(other, NULL);
	return -1;
}

int module_use(const struct module *module, struct err *err)
{
	struct offered *of = offered_of(module);
	if (of->running == 0 && commands_take_over(of, err) < 0)
		return -1;
	of->running++;
	module_file_ref(module_file_of(module));
	return 0;
}

void module_unuse(const struct module *module)
{
	struct offered *of = offered_of(module);
	if (--of->running == 0 && (of->has_commands || !module->commands)) {
		commands_end(of);
		struct offered *other = other_version(of);
		if (other && !other->has_commands)
			commands_begin(other, NULL);
	}
	module_file_unref(module_file_of(module));
}
