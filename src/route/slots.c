/* SPDX-License-Identifier: Apache-2.0 */
#include "route/slots.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "loop/worker.h"

struct late_slot {
	struct late_slot *next; /* of the same owner */
	const void *owner;      /* the key of the first one */
	const struct module *module;
	void *state;
};

static struct map late[256]; /* one a worker; owner -> its first slot */

static struct map *late_here(void)
{
	return &late[worker_index(worker_self())];
}

static struct str key_of(const void *const *owner)
{
	return (struct str){(const char *)owner, sizeof(*owner)};
}

static struct late_slot *first_of(const void *owner)
{
	struct map *here = late_here();
	return here->count ? map_get(here, key_of(&owner)) : NULL;
}

static struct late_slot *find(const void *owner, const struct module *module)
{
	struct late_slot *slot = first_of(owner);
	while (slot && slot->module != module)
		slot = slot->next;
	return slot;
}

void *late_slot(const void *owner, const struct module *module)
{
	const struct late_slot *slot = find(owner, module);
	return slot ? slot->state : NULL;
}

static void add(const void *owner, const struct module *module, void *state)
{
	struct late_slot *slot = mem_zalloc(sizeof(*slot));
	*slot = (struct late_slot){first_of(owner), owner, module, state};
	map_put(late_here(), key_of(&slot->owner), slot);
}

static void remove_slot(struct late_slot *slot)
{
	struct late_slot *first = first_of(slot->owner), *before = first;
	if (first != slot) {
		while (before->next != slot)
			before = before->next;
		before->next = slot->next;
	} else if (slot->next) {
		map_put(late_here(), key_of(&slot->next->owner), slot->next);
	} else {
		map_remove(late_here(), key_of(&slot->owner));
	}
	free(slot);
}

void late_slot_set(const void *owner, const struct module *module, void *state)
{
	struct late_slot *slot = find(owner, module);
	if (slot && !state)
		remove_slot(slot);
	else if (slot)
		slot->state = state;
	else if (state)
		add(owner, module, state);
}

void late_slots_forget(const void *owner)
{
	struct late_slot *slot;
	while ((slot = first_of(owner)))
		remove_slot(slot);
}

void late_slots_fini(void)
{
	uint32_t position = 0;
	struct late_slot *slot;
	while ((slot = map_next(late_here(), &position, NULL)))
		late_slots_forget(slot->owner);
	map_fini(late_here());
}
