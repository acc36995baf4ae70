/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_privacy/list.h"

#include <stdlib.h>

#include "modules/mod_roster/roster.h"
#include "stanzad/mem.h"

/* --- making one ----------------------------------------------------------------------------------------- */

static size_t text_of(const struct privacy_item *item)
{
	return jid_full(&item->jid).len + item->group.len;
}

static const char *copy(char **place, struct str text)
{
	const char *copied = *place;
	if (text.len)
		memcpy(*place, text.ptr, text.len);
	*place += text.len;
	return copied;
}

struct privacy_list *privacy_list_new(struct str name, const struct privacy_item *items, uint32_t count)
{
	size_t text = name.len, head = sizeof(struct privacy_list) + count * sizeof(struct privacy_item);
	for (uint32_t i = 0; i < count; i++)
		text += text_of(&items[i]);
	struct privacy_list *list = mem_alloc(head + text);
	char *place = (char *)list + head;
	*list = (struct privacy_list){.refs = 1, .count = count};
	list->name = (struct str){copy(&place, name), name.len};
	for (uint32_t i = 0; i < count; i++) {
		struct privacy_item *item = &list->items[i];
		*item = items[i];
		item->jid.text = copy(&place, jid_full(&items[i].jid));
		item->group.ptr = copy(&place, items[i].group);
		list->loose |= i > 0 && item->order == list->items[i - 1].order;
	}
	return list;
}

struct privacy_list *privacy_list_ref(struct privacy_list *list)
{
	list->refs++;
	return list;
}

void privacy_list_unref(struct privacy_list **list)
{
	if (*list && --(*list)->refs == 0)
		free(*list);
	*list = NULL;
}

size_t privacy_list_size(const struct privacy_list *list)
{
	size_t size = sizeof(*list) + list->name.len + list->count * sizeof(list->items[0]);
	for (uint32_t i = 0; i < list->count; i++)
		size += text_of(&list->items[i]);
	return size;
}

/* --- items ---------------------------------------------------------------------------------------------- */

int privacy_item_by_order(const void *a, const void *b)
{
	uint32_t one = ((const struct privacy_item *)a)->order,
		 other = ((const struct privacy_item *)b)->order;
	return (one > other) - (one < other);
}

struct str privacy_item_value(const struct privacy_item *item)
{
	switch (item->type) {
	case PRIVACY_JID:
		return jid_full(&item->jid);
	case PRIVACY_GROUP:
		return item->group;
	case PRIVACY_SUBSCRIPTION:
		return str_of(roster_subscription_text(item->subscription));
	case PRIVACY_ANY:
		break;
	}
	return STR("");
}

bool privacy_item_eq(const struct privacy_item *a, const struct privacy_item *b)
{
	return a->order == b->order && a->type == b->type && a->deny == b->deny && a->kinds == b->kinds &&
	       str_eq(privacy_item_value(a), privacy_item_value(b));
}

bool privacy_item_is_block(const struct privacy_item *item)
{
	return item->type == PRIVACY_JID && item->deny &&
	       (item->kinds & PRIVACY_ALL || (item->kinds & PRIVACY_EACH) == PRIVACY_EACH);
}

bool privacy_jid_matches(const struct jid *pattern, const struct jid *jid)
{
	if (pattern->resource_len)
		return jid_eq(pattern, jid);
	if (pattern->local_len)
		return jid_bare_eq(pattern, jid);
	return str_eq(jid_domain(pattern), jid_domain(jid));
}

/* --- asking --------------------------------------------------------------------------------------------- */

struct group_of {
	struct hook_roster_get event; /* first: the hook hands it back */
	struct str group;
	struct str contact;
	bool found;
};

static bool is_in(const struct roster_item *item, struct str group)
{
	for (uint32_t i = 0; i < item->group_count; i++)
		if (str_eq(item->groups[i], group))
			return true;
	return false;
}

static void look_at(struct hook_roster_get *event, const struct roster_item *item)
{
	struct group_of *search = (struct group_of *)event;
	search->found |= str_eq(item->jid, search->contact) && is_in(item, search->group);
}

static bool group_matches(struct user *user, struct str group, const struct jid *jid)
{
	const struct roster_item *item = roster_find(user, jid_bare(jid));
	if (item && is_in(item, group))
		return true;
	if (!hook_is_used(user_host(user), HOOK_roster_get))
		return false;
	struct group_of search = {{.user = user, .add = look_at}, group, jid_bare(jid), false};
	hook_run_roster_get(user_host(user), &search.event);
	return search.found;
}

static bool item_matches(const struct privacy_item *item, struct user *user, const struct jid *jid)
{
	switch (item->type) {
	case PRIVACY_JID:
		return privacy_jid_matches(&item->jid, jid);
	case PRIVACY_GROUP:
		return group_matches(user, item->group, jid);
	case PRIVACY_SUBSCRIPTION:
		return roster_subscription_of(user, jid) == item->subscription;
	case PRIVACY_ANY:
		break;
	}
	return true;
}

const struct privacy_item *privacy_list_denies(
    const struct privacy_list *list, struct user *user, enum privacy_kind kind, const struct jid *jid)
{
	for (uint32_t i = 0; list && i < list->count; i++) {
		const struct privacy_item *item = &list->items[i];
		if (item->kinds & (PRIVACY_ALL | kind) && item_matches(item, user, jid))
			return item->deny ? item : NULL;
	}
	return NULL;
}
