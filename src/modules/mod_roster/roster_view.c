/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_roster/roster_view.h"

#include <stdlib.h>

#include "modules/mod_roster/roster_save.h"
#include "stanzad/hooks.h"
#include "stanzad/mem.h"

static bool has_group(const struct roster_item *item, struct str group)
{
	for (uint32_t i = 0; i < item->group_count; i++)
		if (str_eq(item->groups[i], group))
			return true;
	return false;
}

static enum roster_subscription joined(enum roster_subscription a, enum roster_subscription b)
{
	bool to = a == ROSTER_TO || a == ROSTER_BOTH || b == ROSTER_TO || b == ROSTER_BOTH;
	bool from = a == ROSTER_FROM || a == ROSTER_BOTH || b == ROSTER_FROM || b == ROSTER_BOTH;
	return to && from ? ROSTER_BOTH : to ? ROSTER_TO : from ? ROSTER_FROM : ROSTER_NONE;
}

static void add(struct hook_roster_get *event, const struct roster_item *item)
{
	const struct roster_item *own = roster_get(event->roster, item->jid);
	struct roster_item draft = own ? *own : *item;
	struct str *groups = NULL;
	draft.listed = true;
	if (own) {
		groups = mem_alloc((own->group_count + item->group_count + 1) * sizeof(*groups));
		if (own->group_count)
			memcpy(groups, own->groups, own->group_count * sizeof(*groups));
		for (uint32_t i = 0; i < item->group_count; i++)
			if (!has_group(own, item->groups[i]))
				groups[draft.group_count++] = item->groups[i];
		draft.groups = groups;
		draft.subscription = joined(own->subscription, item->subscription);
		if (!draft.name.len)
			draft.name = item->name;
	}
	roster_put(event->roster, &draft);
	free(groups);
}

void roster_view_open(struct user *user, struct roster_view *view_r)
{
	const struct roster *own = roster_of(user);
	*view_r = (struct roster_view){.roster = own};
	if (!hook_is_used(user_host(user), HOOK_roster_get))
		return;
	view_r->roster = view_r->made = roster_new();
	for (uint32_t i = 0; own && i < own->count; i++)
		roster_put(view_r->made, own->items[i]);
	struct hook_roster_get event = {.user = user, .add = add, .roster = view_r->made};
	hook_run_roster_get(user_host(user), &event);
}

void roster_view_close(struct roster_view *view)
{
	roster_free(&view->made);
}
