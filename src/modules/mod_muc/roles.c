/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/room.h"

#include <stdlib.h>

#include "modules/mod_muc/feature.h"
#include "modules/mod_muc/reserve.h"
#include "modules/mod_muc/subscribers.h"
#include "modules/mod_muc/versions.h"

/* Who changes what somebody is to the room. */
struct change {
	const struct jid *jid; /* bare, or a domain */
	enum room_affiliation before, now;
	const struct jid *by; /* NULL: a command */
	struct str reason;
	struct str extra; /* serialised, for <x/> */
};

void room_set_role(struct room *room, struct occupant *occupant, enum room_role role,
    const struct occupant *by, struct str reason)
{
	if (role == ROOM_NO_ROLE) {
		struct room_leaving leaving = {.why = ROOM_LEFT_KICKED,
		    .status = 307,
		    .by = by,
		    .by_jid = by ? &by->real : NULL,
		    .reason = reason};
		room_occupant_leaves(room, occupant, &leaving);
	} else if (occupant->role != role) {
		occupant->role = role;
		room_tell_change(room, occupant, by, reason);
	}
}

/* --- those who are in the room -------------------------------------------------------------------------- */

static bool concerns(const struct jid *jid, const struct jid *real)
{
	return jid_bare_eq(jid, real) || (!jid->local_len && str_eq(jid_domain(jid), jid_domain(real)));
}

/* The first one whose affiliation is not what it has become by that. */
static struct occupant *find_changed(const struct room *room, const struct jid *jid)
{
	for (struct list *at = room->occupants.next; at != &room->occupants; at = at->next) {
		struct occupant *occupant = list_entry(at, struct occupant, node);
		if (concerns(jid, &occupant->real) &&
		    room_privilege(room, &occupant->real) != occupant->affiliation)
			return occupant;
	}
	return NULL;
}

/* 5.1.3: what is gained with an affiliation is fixed; with what made somebody a moderator goes the role, too.
 */
static enum room_role role_after(
    const struct room *room, const struct occupant *occupant, enum room_affiliation now)
{
	enum room_role role = room_default_role(room, now);
	if (now < occupant->affiliation && (occupant->affiliation < ROOM_ADMIN || now >= ROOM_ADMIN))
		return occupant->role;
	if (now > occupant->affiliation && role < occupant->role)
		return occupant->role;
	return role;
}

static void tell_affiliation(
    struct room *room, struct occupant *occupant, const struct change *change, const struct occupant *by)
{
	struct room_telling telling;
	room_telling_init(&telling, occupant);
	telling.standing = true;
	telling.by = by;
	telling.by_jid = change->by;
	telling.reason = change->reason;
	telling.extra = change->extra;
	for (struct room_client *client = occupant->clients; client; client = client->next)
		room_client_dirty(room, client);
	room_tell(room, &telling);
}

static void send_away(
    struct room *room, struct occupant *occupant, const struct change *change, const struct occupant *by)
{
	bool banned = occupant->affiliation == ROOM_OUTCAST;
	struct room_leaving leaving = {.why = banned ? ROOM_LEFT_BANNED : ROOM_LEFT_NO_MEMBER,
	    .status = banned ? 301 : 321,
	    .by = by,
	    .by_jid = change->by,
	    .reason = change->reason,
	    .extra = change->extra};
	room_occupant_leaves(room, occupant, &leaving);
}

static void change_occupant(struct room *room, struct occupant *occupant, const struct change *change)
{
	const struct occupant *by =
	    change->by && change->by->resource_len ? room_occupant_of(room, change->by) : NULL;
	enum room_affiliation now = room_privilege(room, &occupant->real);
	enum room_role role = role_after(room, occupant, now);
	occupant->affiliation = now;
	if (now == ROOM_OUTCAST || (now < ROOM_MEMBER && room->config.members_only)) {
		send_away(room, occupant, change, by);
	} else {
		occupant->role = role;
		tell_affiliation(room, occupant, change, by);
	}
}

/* --- those who are not ---------------------------------------------------------------------------------- */

static bool may_know(const struct room_client *client, void *arg)
{
	const struct room *room = arg;
	return room_shows_jids_to(room, client->occupant);
}

/* 10.3 and the like: a message instead of presence. */
static void tell_of_absent(struct room *room, const struct change *change)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "message", NULL);
	xml_open(&writer, "x", NS_MUC_USER);
	if (change->extra.len)
		xml_put_raw(&writer, change->extra);
	xml_open(&writer, "item", NULL);
	xml_put_attr(&writer, "affiliation", str_of(room_affiliation_text(change->now)));
	xml_put_attr(&writer, "jid", jid_full(change->jid));
	xml_put_attr(&writer, "role", str_of(room_role_text(ROOM_NO_ROLE)));
	if (change->reason.len)
		xml_put_element(&writer, "reason", NULL, change->reason);
	xml_close(&writer);
	xml_close(&writer);
	xml_put_element(&writer, "no-store", "urn:xmpp:hints", STR_NULL);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	room_broadcast(room, &room->jid, stanza, may_know, room);
	subscription_tell(room, SUBSCRIPTION_AFFILIATIONS, &room->jid, stanza, NULL);
	stanza_unref(&stanza);
	xml_writer_fini(&writer);
}

/* --- all of it ------------------------------------------------------------------------------------------ */

static void announce(struct room *room, const struct change *change)
{
	struct hook_room_affiliation event = {.room = room,
	    .jid = change->jid,
	    .before = change->before,
	    .now = change->now,
	    .by = change->by,
	    .reason = change->reason};
	for (const struct room_feature *const *feature = room_features; *feature; feature++)
		if ((*feature)->affiliation)
			(*feature)->affiliation(room, change->jid, change->now);
	hook_run_room_affiliation(module_host(room->instance), &event);
}

static void change_all(struct room *room, const struct change *change)
{
	struct occupant *occupant = find_changed(room, change->jid);
	if (!occupant || !change->jid->local_len)
		tell_of_absent(room, change);
	for (; occupant; occupant = find_changed(room, change->jid))
		change_occupant(room, occupant, change);
}

void room_set_affiliation(struct room *room, const struct jid *jid, enum room_affiliation affiliation,
    const struct jid *by, struct str reason)
{
	struct jid borrowed = jid_to_bare(jid), bare = jid_dup_heap(&borrowed);
	const struct room_affiliate *known = room_affiliate(room, jid_full(&bare));
	struct change change = {.jid = &bare,
	    .before = known ? known->affiliation : ROOM_NONE,
	    .now = affiliation,
	    .by = by,
	    .reason = reason};
	struct strbuf extra = {0};
	room_hold(room);
	room_affiliate_put(room, &bare, affiliation, reason);
	if (change.before != affiliation) {
		room_versions_next(room, &bare, &extra);
		change.extra = strbuf_view(&extra);
		change_all(room, &change);
		announce(room, &change);
	}
	if (affiliation == ROOM_OUTCAST)
		room_reserve_nick(room, &bare, STR_NULL);
	room_changed(room);
	room_release(room);
	strbuf_fini(&extra);
	free((char *)bare.text);
}
