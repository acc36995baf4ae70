/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_roster/roster_iq.h"

#include "modules/mod_roster/roster_push.h"
#include "modules/mod_roster/roster_save.h"
#include "modules/mod_roster/roster_view.h"
#include "modules/mod_roster/subscription_flow.h"

/* --- get: RFC 6121 2.1.3, 2.6.2 ------------------------------------------------------------------------- */

static void put_roster(struct xml_writer *reply, const struct roster *roster, const char *version)
{
	xml_open(reply, "query", "jabber:iq:roster");
	if (version)
		xml_put_attr(reply, "ver", str_of(version));
	for (uint32_t i = 0; roster && i < roster->count; i++)
		if (roster->items[i]->listed)
			roster_put_item(reply, roster->items[i]);
	xml_close(reply);
}

static enum iq_verdict on_get(struct iq *iq)
{
	struct session *session = user_session(iq->user, jid_resource(iq->from));
	struct str asked = xml_attr(iq->payload, "ver");
	char version[ROSTER_VERSION_LEN + 1];
	/* RFC 6121 2.1.3: what is asked for is the roster, not an item. */
	if (xml_first_element(iq->payload))
		return iq_refuse(iq, SE_bad_request, "a roster get is empty");
	bool versions = asked.ptr && roster_version(iq->user, version);
	if (session)
		session_set_interested(session);
	if (!versions || !str_is(asked, version)) {
		struct roster_view view;
		roster_view_open(iq->user, &view);
		put_roster(iq->reply, view.roster, versions ? version : NULL);
		roster_view_close(&view);
	}
	return IQ_ANSWER;
}

/* --- set: RFC 6121 2.3, 2.4, 2.5 ------------------------------------------------------------------------ */

struct set {
	struct iq *iq;
	struct arena arena;
	struct roster_item item; /* as the client wants it */
	bool remove;
};

static int64_t limit(const struct iq *iq, const char *option)
{
	return module_option(iq->instance, option)->integer;
}

static bool has_group(const struct roster_item *item, struct str name)
{
	for (uint32_t i = 0; i < item->group_count; i++)
		if (str_eq(item->groups[i], name))
			return true;
	return false;
}

static enum iq_verdict read_group(struct set *set, const struct xml *group, struct str *groups)
{
	struct strbuf joined = {0};
	struct str name = arena_str(&set->arena, xml_text(group, &joined));
	strbuf_fini(&joined);
	if (!name.len)
		return iq_refuse(set->iq, SE_not_acceptable, "a group has a name");
	if ((int64_t)name.len > limit(set->iq, "max_name_length"))
		return iq_refuse(set->iq, SE_not_acceptable, "the name of the group is too long");
	if (has_group(&set->item, name))
		return iq_refuse(set->iq, SE_bad_request, "the same group is there twice");
	if (set->item.group_count >= limit(set->iq, "max_groups"))
		return iq_refuse(set->iq, SE_not_acceptable, "the item is in too many groups");
	groups[set->item.group_count++] = name;
	return IQ_ANSWER;
}

static enum iq_verdict read_groups(struct set *set, const struct xml *item)
{
	size_t count = 0;
	for (const struct xml *group = xml_child(item, "group", NULL); group;
	     group = xml_next(group, "group", NULL))
		count++;
	struct str *groups = arena_alloc(&set->arena, (count + 1) * sizeof(*groups));
	set->item.groups = groups;
	enum iq_verdict verdict = IQ_ANSWER;
	for (const struct xml *group = xml_child(item, "group", NULL); group && verdict == IQ_ANSWER;
	     group = xml_next(group, "group", NULL))
		verdict = read_group(set, group, groups);
	return verdict;
}

/* IQ_ANSWER: set->item is good. */
static enum iq_verdict read_item(struct set *set)
{
	struct iq *iq = set->iq;
	const struct xml *item = xml_child(iq->payload, "item", NULL);
	struct str address = item ? xml_attr(item, "jid") : STR_NULL;
	struct jid jid;
	struct err err;
	if (!item || xml_next(item, "item", NULL))
		return iq_refuse(iq, SE_bad_request, "a roster set has exactly one item");
	if (!address.len)
		return iq_refuse(iq, SE_bad_request, "an item has a jid");
	if (jid_parse(address, &set->arena, &jid, &err) < 0)
		return iq_refuse(iq, SE_jid_malformed, NULL);
	set->item.jid = jid_bare(&jid);
	set->item.name = xml_attr(item, "name");
	set->remove = str_is(xml_attr(item, "subscription"), "remove");
	if (set->remove)
		return IQ_ANSWER;
	if ((int64_t)set->item.name.len > limit(iq, "max_name_length"))
		return iq_refuse(iq, SE_not_acceptable, "the name is too long");
	return read_groups(set, item);
}

static void on_saved(void *arg, int result)
{
	struct iq *later = arg;
	enum iq_verdict verdict = IQ_ANSWER;
	if (result < 0)
		verdict = iq_refuse(later, SE_internal_server_error, "the change could not be stored");
	iq_finish(&later, verdict);
}

static enum iq_verdict remove_item(struct set *set)
{
	const struct roster_item *item = roster_get(roster_of(set->iq->user), set->item.jid);
	struct roster_item gone = {.jid = set->item.jid, .subscription = ROSTER_REMOVE};
	if (!item || !item->listed)
		return iq_refuse(set->iq, SE_item_not_found, NULL);
	if (roster_check(set->iq->user, &gone, &set->arena, &set->iq->error) < 0)
		return IQ_REFUSE;
	struct iq *later = iq_later(set->iq);
	if (!subscription_forget(set->iq->user, item, on_saved, later))
		on_saved(later, 0);
	return IQ_LATER;
}

static enum iq_verdict put_item(struct set *set)
{
	struct user *user = set->iq->user;
	const struct roster *roster = roster_of(user);
	const struct roster_item *item = roster_get(roster, set->item.jid);
	if (!(item && item->listed) && roster && roster->listed >= limit(set->iq, "max_items"))
		return iq_refuse(set->iq, SE_resource_constraint, "the roster is full");
	/* The subscription is not the client's to set: 2.1.2.5. */
	struct roster_item draft = item ? *item : set->item;
	draft.name = set->item.name;
	draft.groups = set->item.groups;
	draft.group_count = set->item.group_count;
	draft.listed = true;
	if (roster_check(user, &draft, &set->arena, &set->iq->error) < 0)
		return IQ_REFUSE;
	struct iq *later = iq_later(set->iq);
	bool written = roster_save(user, &draft, on_saved, later);
	roster_push(user, roster_get(roster_of(user), set->item.jid));
	if (!written)
		on_saved(later, 0);
	return IQ_LATER;
}

static enum iq_verdict on_set(struct iq *iq)
{
	struct set set = {.iq = iq};
	enum iq_verdict verdict;
	if (!subscription_allowed(iq->instance, iq->user))
		verdict = iq_refuse(iq, SE_not_allowed, "this account may not change its roster");
	else
		verdict = read_item(&set);
	if (verdict == IQ_ANSWER)
		verdict = set.remove ? remove_item(&set) : put_item(&set);
	arena_fini(&set.arena);
	return verdict;
}

enum iq_verdict roster_on_iq(struct iq *iq)
{
	if (!xml_is(iq->payload, "query", "jabber:iq:roster"))
		return iq_refuse(iq, SE_bad_request, NULL);
	return iq->type == IQ_SET ? on_set(iq) : on_get(iq);
}
