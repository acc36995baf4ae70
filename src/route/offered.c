/* SPDX-License-Identifier: Apache-2.0 */
#include "route/offered.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

#define SLOTS_MAX 32

static const struct module *const *offered;
static unsigned *running; /* instances of each module in 'offered' */
static const struct module *user_slots[SLOTS_MAX], *session_slots[SLOTS_MAX];
static unsigned user_slot_count, session_slot_count;
void modules_offer(const struct module *const *modules)
{
	offered = modules;
	size_t count = 0;
	while (modules[count])
		count++;
	running = mem_zalloc((count + 1) * sizeof(*running));
	for (size_t i = 0; modules[i]; i++) {
		assert(modules[i]->abi == STANZAD_MODULE_ABI && modules[i]->size == sizeof(struct module));
		if (modules[i]->user_slot)
			user_slots[user_slot_count++] = modules[i];
		if (modules[i]->session_slot)
			session_slots[session_slot_count++] = modules[i];
		assert(user_slot_count < SLOTS_MAX && session_slot_count < SLOTS_MAX);
	}
}

const struct module *module_named(const char *name)
{
	for (size_t i = 0; offered && offered[i]; i++)
		if (strcmp(offered[i]->name, name) == 0)
			return offered[i];
	return NULL;
}

static int slot_of(const struct module *const *slots, unsigned count, const struct module *module)
{
	for (unsigned i = 0; i < count; i++)
		if (slots[i] == module)
			return (int)i;
	return -1;
}

int module_user_slot(const struct module *module)
{
	return slot_of(user_slots, user_slot_count, module);
}

int module_session_slot(const struct module *module)
{
	return slot_of(session_slots, session_slot_count, module);
}

unsigned modules_user_slots(void)
{
	return user_slot_count;
}

unsigned modules_session_slots(void)
{
	return session_slot_count;
}

static unsigned *running_of(const struct module *module)
{
	size_t i = 0;
	while (offered[i] != module)
		i++;
	return &running[i];
}

int module_use(const struct module *module, struct err *err)
{
	unsigned *count = running_of(module);
	if (module->commands && *count == 0 && command_register(module->commands, err) < 0)
		return -1;
	(*count)++;
	return 0;
}

void module_unuse(const struct module *module)
{
	unsigned *count = running_of(module);
	if (--*count == 0 && module->commands)
		command_unregister(module->commands);
}

void modules_offer_end(void)
{
	user_slot_count = session_slot_count = 0;
	free(running);
	running = NULL;
}
