/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/admin.h"

static bool refuse(struct stanza_error *error_r, enum stanza_condition condition, const char *text)
{
	*error_r = (struct stanza_error){.condition = condition, .text = text};
	return false;
}

static bool read_reason(
    const struct xml *element, struct arena *arena, struct admin_item *item, struct stanza_error *error_r)
{
	struct strbuf buf = {0};
	struct str reason = xml_child_text(element, "reason", &buf);
	bool fits = reason.len <= ROOM_REASON_MAX;
	item->reason = fits ? arena_str(arena, reason) : (struct str){"", 0};
	strbuf_fini(&buf);
	return fits || refuse(error_r, SE_policy_violation, "a reason is too long");
}

/* Somebody in the room, by the attribute nick. */
static struct occupant *find_nick(
    const struct room *room, struct str text, struct arena *arena, struct stanza_error *error_r)
{
	struct str nick;
	struct occupant *occupant = NULL;
	if (jid_prep_resource(text, arena, &nick, NULL) == 0)
		occupant = room_occupant(room, nick);
	if (!occupant)
		refuse(error_r, SE_item_not_found, "nobody of that nick is in the room");
	return occupant;
}

/* Somebody in the room, by a JID: the full one, or the bare one of whoever came first with it. */
static struct occupant *find_jid(
    const struct room *room, struct str text, struct arena *arena, struct stanza_error *error_r)
{
	struct jid jid;
	struct occupant *occupant = NULL;
	if (jid_parse(text, arena, &jid, NULL) < 0) {
		refuse(error_r, SE_jid_malformed, "a JID is malformed");
		return NULL;
	}
	if (jid.resource_len)
		occupant = room_occupant_of(room, &jid);
	else
		for (occupant = room_first_occupant(room); occupant && !jid_eq(&occupant->real, &jid);)
			occupant = occupant_next(occupant);
	if (!occupant)
		refuse(error_r, SE_item_not_found, "nobody of that JID is in the room");
	return occupant;
}

/* 8.5: a role is somebody's in the room. */
static bool read_role(const struct room *room, const struct xml *element, struct arena *arena,
    struct admin_item *item, struct stanza_error *error_r)
{
	struct str nick = xml_attr(element, "nick"), jid = xml_attr(element, "jid");
	struct occupant *occupant;
	if (room_role_read(xml_attr(element, "role"), &item->role) < 0)
		return refuse(error_r, SE_bad_request, "there is no such role");
	if (!nick.ptr && !jid.ptr)
		return refuse(error_r, SE_bad_request, "a role wants a nick");
	occupant = nick.ptr ? find_nick(room, nick, arena, error_r) : find_jid(room, jid, arena, error_r);
	if (!occupant)
		return false;
	item->is_role = true;
	item->nick = arena_str(arena, jid_resource(&occupant->jid));
	return true;
}

/* 9.3, 9.5: the nick that the member is to have; empty: none. */
static bool read_reserved(
    struct str nick, struct arena *arena, struct admin_item *item, struct stanza_error *error_r)
{
	item->nick = nick;
	if (nick.len && jid_prep_resource(nick, arena, &item->nick, NULL) < 0)
		return refuse(error_r, SE_not_acceptable, "this can be nobody's nick");
	return true;
}

/* Without a JID it is somebody in the room, whose JID may be unknown to who asks. */
static bool read_jid(const struct room *room, const struct xml *element, struct arena *arena,
    struct admin_item *item, struct stanza_error *error_r)
{
	struct str text = xml_attr(element, "jid"), nick = xml_attr(element, "nick");
	struct jid jid;
	if (!text.ptr && !nick.ptr)
		return refuse(error_r, SE_bad_request, "an affiliation wants a JID");
	if (!text.ptr) {
		struct occupant *occupant = find_nick(room, nick, arena, error_r);
		if (occupant)
			item->jid = jid_dup(&occupant->real, arena);
		return occupant;
	}
	if (jid_parse(text, arena, &jid, NULL) < 0)
		return refuse(error_r, SE_jid_malformed, "a JID is malformed");
	item->jid = jid_to_bare(&jid);
	if (item->affiliation == ROOM_MEMBER && jid.local_len)
		return read_reserved(nick, arena, item, error_r);
	return true;
}

static bool read_affiliation(const struct room *room, const struct xml *element, struct arena *arena,
    struct admin_item *item, struct stanza_error *error_r)
{
	if (room_affiliation_read(xml_attr(element, "affiliation"), &item->affiliation) < 0)
		return refuse(error_r, SE_bad_request, "there is no such affiliation");
	if (!read_jid(room, element, arena, item, error_r))
		return false;
	if (!item->jid.local_len && item->affiliation >= ROOM_ADMIN)
		return refuse(error_r, SE_not_acceptable, "a whole domain cannot be that");
	return true;
}

bool admin_item_read(const struct room *room, const struct xml *element, struct arena *arena,
    struct admin_item *item_r, struct stanza_error *error_r)
{
	bool role = xml_attr(element, "role").ptr, affiliation = xml_attr(element, "affiliation").ptr;
	struct admin_item item = {0};
	if (role == affiliation)
		return refuse(error_r, SE_bad_request, "an item wants either a role or an affiliation");
	if (!read_reason(element, arena, &item, error_r))
		return false;
	if (!(role ? read_role : read_affiliation)(room, element, arena, &item, error_r))
		return false;
	*item_r = item;
	return true;
}
