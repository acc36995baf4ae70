/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/mem.h"
#include "route/host_private.h"

struct sorting {
	struct hook_slot *from; /* by stage and name */
	bool *placed;
	unsigned count;
};

static const char *name_of(const struct hook_slot *slot)
{
	return slot->instance->module->name;
}

static bool waits_for(const struct hook_slot *slot, const struct hook_slot *other)
{
	return slot->entry.stage == other->entry.stage && slot->entry.after &&
	       strcmp(slot->entry.after, name_of(other)) == 0;
}

static int by_stage_and_name(const struct hook_slot *a, const struct hook_slot *b)
{
	if (a->entry.stage != b->entry.stage)
		return a->entry.stage < b->entry.stage ? -1 : 1;
	return strcmp(name_of(a), name_of(b));
}

/* Keeps the order in which one module listed two functions. */
static void sort_plainly(struct hook_table *table)
{
	for (unsigned i = 1; i < table->count; i++) {
		struct hook_slot slot = table->slots[i];
		unsigned at = i;
		for (; at > 0 && by_stage_and_name(&slot, &table->slots[at - 1]) < 0; at--)
			table->slots[at] = table->slots[at - 1];
		table->slots[at] = slot;
	}
}

/* The first that a slot waits for and that has no place yet; count when there is none. */
static unsigned obstacle(const struct sorting *sorting, unsigned slot)
{
	unsigned i = 0;
	while (i < sorting->count &&
	       (sorting->placed[i] || !waits_for(&sorting->from[slot], &sorting->from[i])))
		i++;
	return i;
}

/* The first that can have the next place; count when they all wait. The stages before it are complete, for
 * nobody waits for another stage. */
static unsigned next_free(const struct sorting *sorting)
{
	unsigned i = 0;
	while (i < sorting->count && (sorting->placed[i] || obstacle(sorting, i) < sorting->count))
		i++;
	return i;
}

/* Whoever waits, waits for another that waits: following them ends in the circle. */
static int tell_circle(const struct sorting *sorting, struct err *err)
{
	unsigned at = 0;
	while (sorting->placed[at])
		at++;
	for (unsigned i = 0; i < sorting->count; i++)
		at = obstacle(sorting, at);
	struct strbuf text = {0};
	unsigned start = at;
	do {
		strbuf_printf(&text, "%s after ", name_of(&sorting->from[at]));
		at = obstacle(sorting, at);
	} while (at != start);
	int result = err_set(err, "%s%s goes round in a circle", text.ptr, name_of(&sorting->from[start]));
	strbuf_fini(&text);
	return result;
}

static int sort(struct sorting *sorting, struct hook_slot *into, struct err *err)
{
	for (unsigned done = 0; done < sorting->count; done++) {
		unsigned next = next_free(sorting);
		if (next == sorting->count)
			return tell_circle(sorting, err);
		into[done] = sorting->from[next];
		sorting->placed[next] = true;
	}
	return 0;
}

int hook_table_sort(struct hook_table *table, struct err *err)
{
	if (!table->count)
		return 0;
	sort_plainly(table);
	struct sorting sorting = {
	    .from = mem_dup(table->slots, table->count * sizeof(*table->slots)),
	    .placed = mem_zalloc(table->count * sizeof(bool)),
	    .count = table->count,
	};
	int result = sort(&sorting, table->slots, err);
	if (result < 0)
		memcpy(table->slots, sorting.from, table->count * sizeof(*table->slots));
	free(sorting.from);
	free(sorting.placed);
	return result;
}
