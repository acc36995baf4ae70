/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_privacy/blocks.h"

#include <stdio.h>
#include <stdlib.h>

#include "modules/mod_privacy/query.h"
#include "stanzad/mem.h"

#define BLOCKS_NAME "Blocked contacts" /* of a default list that is made by blocking somebody */
#define NAMES_TRIED 1000

/* --- looking at it -------------------------------------------------------------------------------------- */

const struct jid *privacy_next_blocked(const struct user *user, uint32_t *position)
{
	const struct privacy_lists *lists = privacy_lists_of(user);
	const struct privacy_list *list = lists ? lists->standard : NULL;
	while (list && *position < list->count) {
		const struct privacy_item *item = &list->items[(*position)++];
		if (privacy_item_is_block(item))
			return &item->jid;
	}
	return NULL;
}

static bool blocks(const struct privacy_list *list, const struct jid *jid)
{
	for (uint32_t i = 0; list && i < list->count; i++)
		if (privacy_item_is_block(&list->items[i]) && jid_eq(&list->items[i].jid, jid))
			return true;
	return false;
}

static bool is_among(const struct jid *jids, size_t count, const struct jid *jid)
{
	for (size_t i = 0; i < count; i++)
		if (jid_eq(&jids[i], jid))
			return true;
	return false;
}

/* --- what a change of the default list means for it ----------------------------------------------------- */

static privacy_blocks_changed *watcher; /* atomic */

void privacy_watch_blocks(privacy_blocks_changed *changed)
{
	__atomic_store_n(&watcher, changed, __ATOMIC_RELEASE);
}

struct privacy_blocks_diff {
	struct arena arena;
	struct jid *blocked, *unblocked;
	size_t blocked_count, unblocked_count;
};

/* Those that are in one and not in the other. */
static struct jid *only_in(
    const struct privacy_list *one, const struct privacy_list *other, struct arena *arena, size_t *count_r)
{
	size_t count = 0;
	struct jid *found = arena_alloc(arena, (one ? one->count : 0) * sizeof(*found) + 1);
	for (uint32_t i = 0; one && i < one->count; i++) {
		const struct privacy_item *item = &one->items[i];
		if (privacy_item_is_block(item) && !blocks(other, &item->jid))
			found[count++] = jid_dup(&item->jid, arena);
	}
	*count_r = count;
	return found;
}

struct privacy_blocks_diff *privacy_blocks_diff(
    const struct privacy_list *before, const struct privacy_list *after)
{
	if (before == after || !__atomic_load_n(&watcher, __ATOMIC_ACQUIRE))
		return NULL;
	struct privacy_blocks_diff *diff = mem_zalloc(sizeof(*diff));
	diff->blocked = only_in(after, before, &diff->arena, &diff->blocked_count);
	diff->unblocked = only_in(before, after, &diff->arena, &diff->unblocked_count);
	return diff;
}

void privacy_blocks_diff_tell(struct user *user, const struct privacy_blocks_diff *diff)
{
	privacy_blocks_changed *changed = __atomic_load_n(&watcher, __ATOMIC_ACQUIRE);
	if (!diff || !changed)
		return;
	if (diff->unblocked_count)
		changed(user, false, diff->unblocked, diff->unblocked_count);
	if (diff->blocked_count)
		changed(user, true, diff->blocked, diff->blocked_count);
}

void privacy_blocks_diff_free(struct privacy_blocks_diff **diff)
{
	if (*diff)
		arena_fini(&(*diff)->arena);
	free(*diff);
	*diff = NULL;
}

/* --- changing it ---------------------------------------------------------------------------------------- */

struct saving {
	char *name; /* heap */
	privacy_saved *saved;
	void *arg;
};

static void on_saved(void *arg, struct user *user, int result)
{
	struct saving *saving = arg;
	if (user && result >= 0)
		privacy_push(user, str_of(saving->name), false);
	saving->saved(saving->arg, user, result);
	free(saving->name);
	free(saving);
}

static void apply(struct user *user, struct privacy_edit *edit, privacy_saved *saved, void *arg)
{
	struct saving *saving = mem_zalloc(sizeof(*saving));
	*saving = (struct saving){str_dup(edit->after->name), saved, arg};
	privacy_edit_apply(user, edit, on_saved, saving);
}

/* A default list that was declined is the user's: it is left alone, and the new one has another name. */
static struct str free_name(const struct privacy_lists *lists, char *buf, size_t size)
{
	snprintf(buf, size, "%s", BLOCKS_NAME);
	for (int i = 2; privacy_list_find(lists, str_of(buf)) && i < NAMES_TRIED; i++)
		snprintf(buf, size, "%s (%d)", BLOCKS_NAME, i);
	return str_of(buf);
}

/* Numbers rise from item to item; one that does is left as it is. False: there are no numbers left. */
static bool number(struct privacy_item *items, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++) {
		if (items[i].order > items[i - 1].order)
			continue;
		if (items[i - 1].order == UINT32_MAX)
			return false;
		items[i].order = items[i - 1].order + 1;
	}
	return true;
}

/*
 * XEP-0191 5: blocked addresses come first. New ones are put behind those at the head of the list, where as a
 * rule nothing has to be numbered anew; what denies them further behind is no longer needed.
 */
static struct privacy_list *with_blocks(
    struct str name, const struct privacy_list *old, const struct jid *jids, size_t count)
{
	uint32_t head = 0, made, room = (old ? old->count : 0) + (uint32_t)count;
	struct privacy_item *items = mem_alloc((room + 1) * sizeof(*items));
	while (old && head < old->count && privacy_item_is_block(&old->items[head])) {
		items[head] = old->items[head];
		head++;
	}
	made = head;
	for (size_t i = 0; i < count; i++) {
		bool there = is_among(jids, i, &jids[i]);
		for (uint32_t k = 0; !there && k < head; k++)
			there = jid_eq(&items[k].jid, &jids[i]);
		if (!there)
			items[made++] = (struct privacy_item){
			    .jid = jids[i], .kinds = PRIVACY_ALL, .type = PRIVACY_JID, .deny = true};
	}
	for (uint32_t i = head; old && i < old->count; i++)
		if (!privacy_item_is_block(&old->items[i]) || !is_among(jids, count, &old->items[i].jid))
			items[made++] = old->items[i];
	if (!number(items, made))
		for (uint32_t i = 0; i < made; i++)
			items[i].order = i;
	struct privacy_list *list = privacy_list_new(name, items, made);
	free(items);
	return list;
}

int privacy_block(struct user *user, const struct jid *jids, size_t count, privacy_saved *saved, void *arg)
{
	const struct privacy_lists *lists = privacy_lists_make(user);
	struct module_instance *instance = host_module(user_host(user), "mod_privacy");
	int64_t most = module_option(instance, "max_items")->integer;
	char buf[sizeof(BLOCKS_NAME) + 16];
	struct privacy_list *old = lists->standard;
	if (count > (uint64_t)most)
		return PRIVACY_FULL;
	struct privacy_edit edit = {
	    .before = old,
	    .after = with_blocks(old ? old->name : free_name(lists, buf, sizeof(buf)), old, jids, count),
	    .standard = old ? STANDARD_STAYS : STANDARD_IS_AFTER,
	    .only = jids,
	    .only_count = count,
	};
	if (edit.after->count > most ||
	    (!old && lists->count >= module_option(instance, "max_lists")->integer) ||
	    !privacy_edit_fits(lists, &edit)) {
		privacy_list_unref(&edit.after);
		return PRIVACY_FULL;
	}
	apply(user, &edit, saved, arg);
	return 0;
}

int privacy_unblock(struct user *user, const struct jid *jids, size_t count, privacy_saved *saved, void *arg)
{
	const struct privacy_lists *lists = privacy_lists_of(user);
	struct privacy_list *old = lists ? lists->standard : NULL;
	uint32_t made = 0, gone = 0;
	if (!old) {
		saved(arg, user, 0);
		return 0;
	}
	struct privacy_item *items = mem_alloc((old->count + 1) * sizeof(*items));
	struct jid *only = mem_alloc((old->count + 1) * sizeof(*only));
	for (uint32_t i = 0; i < old->count; i++) {
		const struct privacy_item *item = &old->items[i];
		if (privacy_item_is_block(item) && (!count || is_among(jids, count, &item->jid)))
			only[gone++] = item->jid;
		else
			items[made++] = *item;
	}
	struct privacy_edit edit = {.before = old, .only = only, .only_count = gone};
	if (gone) {
		edit.after = privacy_list_new(old->name, items, made);
		apply(user, &edit, saved, arg);
	} else {
		saved(arg, user, 0);
	}
	free(items);
	free(only);
	return 0;
}
