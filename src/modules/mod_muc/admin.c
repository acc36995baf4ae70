/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/admin.h"

#include "modules/mod_muc/invite.h"
#include "modules/mod_muc/reserve.h"

/* A set, all or nothing: it is read and checked whole before anything is done. */
struct request {
	struct room *room;
	struct iq *iq;
	struct room_standing who;
	struct arena arena;
	struct admin_item *items;
	size_t count;
	struct stanza_error error;
};

static bool refuse(struct request *request, enum stanza_condition condition, const char *text)
{
	request->error = (struct stanza_error){.condition = condition, .text = text};
	return false;
}

/* --- reading -------------------------------------------------------------------------------------------- */

static size_t count_items(const struct xml *query)
{
	size_t count = 0;
	for (const struct xml *item = xml_child(query, "item", NULL); item;
	     item = xml_next(item, "item", NULL))
		count++;
	return count;
}

static bool read_items(struct request *request)
{
	const struct xml *query = request->iq->payload;
	size_t count = count_items(query);
	if (count == 0)
		return refuse(request, SE_bad_request, "there is no item in it");
	if (count > ADMIN_ITEMS_MAX)
		return refuse(request, SE_policy_violation, "there are too many items in it");
	request->items = arena_alloc(&request->arena, count * sizeof(*request->items));
	for (const struct xml *item = xml_child(query, "item", NULL); item;
	     item = xml_next(item, "item", NULL))
		if (!admin_item_read(request->room, item, &request->arena, &request->items[request->count++],
			&request->error))
			return false;
	return true;
}

/* What is asked of one person is asked once: otherwise it would depend on an order that there is not. */
static bool check_once(struct request *request)
{
	struct map seen = {0};
	bool once = true;
	for (size_t i = 0; i < request->count && once; i++) {
		const struct admin_item *item = &request->items[i];
		/* A nick stands behind a slash, which no bare JID has. */
		const char *key =
		    item->is_role ? arena_printf(&request->arena, "/%.*s", STR_FMT(item->nick)) : NULL;
		once = !map_put(&seen, key ? str_of(key) : jid_full(&item->jid), request);
	}
	map_fini(&seen);
	return once || refuse(request, SE_bad_request, "somebody is in it twice");
}

/* --- checking ------------------------------------------------------------------------------------------- */

static bool allow(struct request *request, enum room_verdict verdict)
{
	switch (verdict) {
	case ROOM_MAY:
		return true;
	case ROOM_FORBIDDEN:
		return refuse(request, SE_forbidden, NULL);
	case ROOM_NOT_ALLOWED:
		return refuse(request, SE_not_allowed, NULL);
	case ROOM_CONFLICT:
		break;
	}
	return refuse(request, SE_conflict, "you cannot ban yourself");
}

static bool check_role(struct request *request, const struct admin_item *item)
{
	const struct occupant *occupant = room_occupant(request->room, item->nick);
	struct room_standing whom = {occupant->role, occupant->affiliation};
	bool self = jid_bare_eq(&occupant->real, request->iq->from);
	return allow(request, room_right_to_role(request->who, whom, item->role, self));
}

static enum room_affiliation own_affiliation(const struct room *room, const struct jid *bare)
{
	const struct room_affiliate *affiliate = room_affiliate(room, jid_full(bare));
	return affiliate ? affiliate->affiliation : ROOM_NONE;
}

static bool is_anothers(const struct room *room, const struct admin_item *item)
{
	const struct occupant *occupant = room_occupant(room, item->nick);
	return (occupant && !jid_bare_eq(&occupant->real, &item->jid)) ||
	       room_nick_is_reserved(room, item->nick, &item->jid);
}

static bool check_affiliation(struct request *request, const struct admin_item *item)
{
	struct room *room = request->room;
	bool self = jid_bare_eq(&item->jid, request->iq->from);
	enum room_affiliation before = own_affiliation(room, &item->jid);
	if (!allow(request, room_right_to_affiliation(request->who, before, item->affiliation, self)))
		return false;
	if (item->affiliation == ROOM_OUTCAST && muc_allows(room->instance, "access_admin", &item->jid))
		return refuse(request, SE_not_allowed, "administrators of the service cannot be banned");
	if (item->nick.len && is_anothers(room, item))
		return refuse(request, SE_conflict, "somebody else has that nick");
	return true;
}

/* 10: every room has an owner; and there is a bound of all. */
static bool check_totals(struct request *request)
{
	unsigned owners = room_affiliates_count(request->room, ROOM_OWNER);
	int64_t owners_after = owners, all = request->room->affiliates.count;
	for (size_t i = 0; i < request->count; i++) {
		const struct admin_item *item = &request->items[i];
		if (item->is_role)
			continue;
		enum room_affiliation before = own_affiliation(request->room, &item->jid);
		owners_after += (item->affiliation == ROOM_OWNER) - (before == ROOM_OWNER);
		all += (before == ROOM_NONE) - (item->affiliation == ROOM_NONE);
	}
	if (owners && owners_after <= 0)
		return refuse(request, SE_conflict, "a room has at least one owner");
	if (all > ROOM_AFFILIATES_MAX && all > request->room->affiliates.count)
		return refuse(request, SE_resource_constraint, "the room has too many affiliations");
	return true;
}

static bool check(struct request *request)
{
	for (size_t i = 0; i < request->count; i++) {
		const struct admin_item *item = &request->items[i];
		if (!(item->is_role ? check_role : check_affiliation)(request, item))
			return false;
	}
	return check_totals(request);
}

/* --- doing ---------------------------------------------------------------------------------------------- */

static void do_role(struct request *request, const struct admin_item *item)
{
	struct room *room = request->room;
	const struct jid *from = request->iq->from;
	struct occupant *occupant = room_occupant(room, item->nick);
	const struct occupant *by = from->resource_len ? room_occupant_of(room, from) : NULL;
	if (occupant)
		room_set_role(room, occupant, item->role, by, item->reason);
}

/* 9.5: whoever was nothing to a room for members only is invited to it. */
static bool wants_invitation(const struct room *room, const struct admin_item *item)
{
	if (!room->config.members_only || item->affiliation != ROOM_MEMBER || !item->jid.local_len)
		return false;
	return own_affiliation(room, &item->jid) == ROOM_NONE;
}

static void do_affiliation(struct request *request, const struct admin_item *item)
{
	struct room *room = request->room;
	bool invite = wants_invitation(room, item);
	room_set_affiliation(room, &item->jid, item->affiliation, request->iq->from, item->reason);
	if (item->nick.ptr)
		room_reserve_nick(room, &item->jid, item->nick);
	if (invite)
		room_invite(room, &(struct room_invitation){
				      .from = request->iq->from, .to = &item->jid, .reason = item->reason});
}

static void apply(struct request *request)
{
	for (size_t i = 0; i < request->count; i++) {
		const struct admin_item *item = &request->items[i];
		(item->is_role ? do_role : do_affiliation)(request, item);
	}
}

/* --- the handler ---------------------------------------------------------------------------------------- */

static bool is_right(struct request *request)
{
	if (!room_right(ROOM_DEED_MANAGE_VOICE, request->who))
		return refuse(request, SE_forbidden, NULL);
	return read_items(request) && check_once(request) && check(request);
}

static enum iq_verdict on_set(struct room *room, struct iq *iq)
{
	struct request request = {.room = room, .iq = iq, .who = room_standing_of(room, iq->from)};
	enum iq_verdict verdict = IQ_ANSWER;
	room_hold(room);
	if (is_right(&request)) {
		apply(&request);
	} else {
		iq->error = request.error;
		verdict = IQ_REFUSE;
	}
	arena_fini(&request.arena);
	room_release(room);
	return verdict;
}

enum iq_verdict room_admin_on_iq(struct room *room, struct iq *iq)
{
	if (!xml_is(iq->payload, "query", NS_MUC_ADMIN))
		return iq_refuse(iq, SE_bad_request, NULL);
	return iq->type == IQ_GET ? admin_list(room, iq) : on_set(room, iq);
}
