/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/invite.h"

#define INVITERS_OF(room) ((room)->config.members_only ? ROOM_DEED_INVITE_MEMBERS : ROOM_DEED_INVITE)

static bool refuse(struct stanza_error *error_r, enum stanza_condition condition, const char *text)
{
	*error_r = (struct stanza_error){.condition = condition, .text = text};
	return false;
}

/* --- what the invited get ------------------------------------------------------------------------------- */

static struct str password_of(const struct room *room)
{
	return room->config.password_protected ? room_word(&room->config.password) : STR_NULL;
}

static void put_invite(
    struct xml_writer *writer, const struct room *room, const struct room_invitation *invitation)
{
	struct str password = password_of(room);
	xml_open(writer, "x", NS_MUC_USER);
	xml_open(writer, "invite", NULL);
	xml_put_attr(writer, "from", jid_full(invitation->from));
	if (invitation->reason.len)
		xml_put_element(writer, "reason", NULL, invitation->reason);
	if (invitation->goes_on) {
		xml_open(writer, "continue", NULL);
		xml_put_attr(writer, "thread", invitation->thread);
		xml_close(writer);
	}
	xml_close(writer);
	if (password.len)
		xml_put_element(writer, "password", NULL, password);
	xml_close(writer);
}

/* The same for clients that only know direct ones (XEP-0249). */
static void put_direct(
    struct xml_writer *writer, const struct room *room, const struct room_invitation *invitation)
{
	struct str password = password_of(room);
	xml_open(writer, "x", NS_CONFERENCE);
	xml_put_attr(writer, "jid", jid_full(&room->jid));
	if (password.len)
		xml_put_attr(writer, "password", password);
	if (invitation->reason.len)
		xml_put_attr(writer, "reason", invitation->reason);
	if (invitation->goes_on) {
		xml_put_attr(writer, "continue", STR("true"));
		xml_put_attr(writer, "thread", invitation->thread);
	}
	xml_close(writer);
}

/* For clients that know neither, and for whoever finds it later. */
static void put_body(struct xml_writer *writer, const struct room *room, const struct room_invitation *invitation)
{
	xml_open(writer, "body", NULL);
	xml_put_text(writer, jid_full(invitation->from));
	xml_put_text(writer, STR(" invited you to the room "));
	xml_put_text(writer, jid_full(&room->jid));
	if (invitation->reason.len) {
		xml_put_text(writer, STR(" ("));
		xml_put_text(writer, invitation->reason);
		xml_put_text(writer, STR(")"));
	}
	xml_close(writer);
}

void room_invite(struct room *room, const struct room_invitation *invitation)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "message", NULL);
	xml_put_attr(&writer, "id", invitation->id);
	put_invite(&writer, room, invitation);
	put_direct(&writer, room, invitation);
	put_body(&writer, room, invitation);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	if (stanza)
		route(&room->jid, invitation->to, stanza);
	stanza_unref(&stanza);
	xml_writer_fini(&writer);
}

/* --- invitations: 7.8.2 --------------------------------------------------------------------------------- */

struct invite {
	struct jid to;
	struct str reason;
	bool goes_on;
	struct str thread;
};

struct inviting {
	struct room *room;
	const struct jid *from;
	struct room_standing who;
	struct arena arena;
	struct invite invites[ROOM_INVITES_MAX];
	size_t count;
};

static bool may_invite(const struct inviting *inviting, struct stanza_error *error_r)
{
	const struct room *room = inviting->room;
	bool inside = inviting->who.role > ROOM_NO_ROLE;
	if (!inside && inviting->who.affiliation < ROOM_ADMIN)
		return refuse(error_r, SE_not_acceptable, "you are not in the room");
	if (room->config.allow_user_invites || room_right(INVITERS_OF(room), inviting->who))
		return true;
	return refuse(error_r, SE_forbidden, "you may not invite others to this room");
}

static bool read_invite(struct inviting *inviting, const struct xml *element, struct stanza_error *error_r)
{
	struct invite *invite = &inviting->invites[inviting->count];
	const struct xml *goes_on = xml_child(element, "continue", NULL);
	struct str to = xml_attr(element, "to");
	struct strbuf buf = {0};
	struct str reason = xml_child_text(element, "reason", &buf);
	bool fits = reason.len <= ROOM_REASON_MAX;
	*invite = (struct invite){
	    .goes_on = goes_on != NULL, .thread = goes_on ? xml_attr(goes_on, "thread") : STR_NULL};
	if (fits)
		invite->reason = arena_str(&inviting->arena, reason);
	strbuf_fini(&buf);
	if (!fits || invite->thread.len > ROOM_REASON_MAX)
		return refuse(error_r, SE_policy_violation, "a reason is too long");
	if (!to.len)
		return refuse(error_r, SE_bad_request, "it does not say whom to invite");
	if (jid_parse(to, &inviting->arena, &invite->to, NULL) < 0)
		return refuse(error_r, SE_jid_malformed, "the JID of somebody invited is malformed");
	inviting->count++;
	return true;
}

/* 9.5: whoever is invited to a room for members only becomes one. */
static bool may_become_member(
    const struct inviting *inviting, const struct jid *to, struct stanza_error *error_r)
{
	const struct room *room = inviting->room;
	if (room_affiliation_of(room, to) == ROOM_OUTCAST && inviting->who.affiliation < ROOM_ADMIN)
		return refuse(error_r, SE_not_allowed, "somebody invited is banned from this room");
	if (room->affiliates.count + inviting->count > ROOM_AFFILIATES_MAX)
		return refuse(error_r, SE_resource_constraint, "the room has too many members");
	return true;
}

static bool read_invites(struct inviting *inviting, const struct xml *x, struct stanza_error *error_r)
{
	const struct xml *element = xml_child(x, "invite", NULL);
	for (; element; element = xml_next(element, "invite", NULL)) {
		if (inviting->count == ROOM_INVITES_MAX)
			return refuse(error_r, SE_policy_violation, "there are too many invitations in it");
		if (!read_invite(inviting, element, error_r))
			return false;
	}
	for (size_t i = 0; i < inviting->count && inviting->room->config.members_only; i++)
		if (!may_become_member(inviting, &inviting->invites[i].to, error_r))
			return false;
	return true;
}

static void invite_one(struct inviting *inviting, const struct invite *invite, struct str id)
{
	struct room *room = inviting->room;
	room_note_invited(room, &invite->to);
	if (room->config.members_only && room_affiliation_of(room, &invite->to) < ROOM_MEMBER)
		room_set_affiliation(room, &invite->to, ROOM_MEMBER, inviting->from, STR_NULL);
	room_invite(room, &(struct room_invitation){.from = inviting->from,
			      .to = &invite->to,
			      .id = id,
			      .reason = invite->reason,
			      .goes_on = invite->goes_on,
			      .thread = invite->thread});
}

bool room_take_invites(struct room *room, const struct jid *from, const struct stanza *stanza,
    const struct xml *x, struct stanza_error *error_r)
{
	struct inviting inviting = {.room = room, .from = from, .who = room_standing_of(room, from)};
	bool taken = may_invite(&inviting, error_r) && read_invites(&inviting, x, error_r);
	for (size_t i = 0; i < inviting.count && taken; i++)
		invite_one(&inviting, &inviting.invites[i], stanza->id);
	arena_fini(&inviting.arena);
	return taken;
}

/* --- declines ------------------------------------------------------------------------------------------- */

static struct stanza *make_decline(const struct stanza *stanza, const struct jid *from, struct str reason)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "message", NULL);
	xml_put_attr(&writer, "id", stanza->id);
	xml_open(&writer, "x", NS_MUC_USER);
	xml_open(&writer, "decline", NULL);
	xml_put_attr(&writer, "from", jid_bare(from));
	if (reason.len)
		xml_put_element(&writer, "reason", NULL, reason);
	xml_close(&writer);
	xml_close(&writer);
	xml_close(&writer);
	struct stanza *made = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return made;
}

/* To the clients of theirs that are here. False: there is none. */
static bool tell_occupants(const struct room *room, const struct jid *to, struct stanza *stanza)
{
	bool here = jid_bare_eq(to, &room->jid), told = false;
	for (struct list *at = room->clients.next; at != &room->clients; at = at->next) {
		const struct room_client *client = list_entry(at, struct room_client, in_room);
		if (here ? !jid_eq(to, &client->occupant->jid) : !jid_bare_eq(to, &client->jid))
			continue;
		if (!here && to->resource_len && !jid_eq(to, &client->jid))
			continue;
		route(&room->jid, &client->jid, stanza);
		told = true;
	}
	return told;
}

/*
 * Whoever invited is in the room, or belongs to it: nobody can have the room tell something to others. Who
 * has left with the very client that invited is told by the account.
 */
static bool tell_inviter(const struct room *room, const struct jid *to, struct stanza *stanza)
{
	struct jid bare = jid_to_bare(to);
	if (tell_occupants(room, to, stanza) || (to->resource_len && tell_occupants(room, &bare, stanza)))
		return true;
	if (jid_bare_eq(to, &room->jid) || room_affiliation_of(room, to) < ROOM_MEMBER)
		return false;
	route(&room->jid, &bare, stanza);
	return true;
}

bool room_take_decline(struct room *room, const struct jid *from, const struct stanza *stanza,
    const struct xml *decline, struct stanza_error *error_r)
{
	struct arena arena = {0};
	struct strbuf buf = {0};
	struct jid to;
	struct str text = xml_attr(decline, "to"), reason = xml_child_text(decline, "reason", &buf);
	bool taken = false;
	if (room_affiliation_of(room, from) == ROOM_OUTCAST) {
		refuse(error_r, SE_forbidden, "you are banned from this room");
	} else if (reason.len > ROOM_REASON_MAX) {
		refuse(error_r, SE_policy_violation, "the reason is too long");
	} else if (!text.len) {
		refuse(error_r, SE_bad_request, "it does not say who invited");
	} else if (jid_parse(text, &arena, &to, NULL) < 0) {
		refuse(error_r, SE_jid_malformed, "the JID of who invited is malformed");
	} else {
		struct stanza *made = make_decline(stanza, from, reason);
		taken = tell_inviter(room, &to, made) ||
			refuse(error_r, SE_item_not_found, "nobody of that JID is in the room");
		stanza_unref(&made);
	}
	strbuf_fini(&buf);
	arena_fini(&arena);
	return taken;
}
