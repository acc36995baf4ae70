/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "modules/mod_muc/subscribers.h"

#define NS_PING "urn:xmpp:ping"
#define NS_VCARD "vcard-temp"
#define MARK "r"
#define MARK_LEN (1 + 16 + 16 + 1) /* of the id of a request that was handed on */

/* --- private messages: 7.5 ------------------------------------------------------------------------------ */

static bool is_moderator(const struct occupant *occupant)
{
	return occupant->role == ROOM_MODERATOR;
}

static bool may_whisper(const struct room *room, const struct occupant *from, const struct occupant *to)
{
	const struct room_config *config = &room->config;
	if (from == to)
		return true;
	if (from->role == ROOM_VISITOR &&
	    (config->allow_private_messages_from_visitors == ROOM_VISITOR_PM_NOBODY ||
		(config->allow_private_messages_from_visitors == ROOM_VISITOR_PM_MODERATORS && !is_moderator(to))))
		return false;
	switch (config->allowpm) {
	case ROOM_PM_NONE:
		return false;
	case ROOM_PM_MODERATORS:
		return is_moderator(from);
	case ROOM_PM_PARTICIPANTS:
		return from->role >= ROOM_PARTICIPANT;
	default:
		return true;
	}
}

/* NULL: nothing is against it. */
static const char *what_is_against(const struct room *room, const struct occupant *from, const struct occupant *to,
    const struct stanza *stanza, enum stanza_condition *condition_r)
{
	*condition_r = SE_not_acceptable;
	if (!from)
		return "you are not in the room";
	*condition_r = SE_bad_request;
	if (stanza->type == MESSAGE_GROUPCHAT)
		return "a message to all goes to the room";
	*condition_r = SE_item_not_found;
	if (!to)
		return "nobody here has that nick";
	*condition_r = SE_forbidden;
	return may_whisper(room, from, to) ? NULL : "you may not send private messages here";
}

static void whisper(struct room *room, const struct occupant *from, const struct occupant *to, struct stanza *stanza)
{
	struct stanza *bare = room_without_claims(room, stanza);
	struct strbuf tail = {0};
	room_put_occupant_id(&tail, from);
	strbuf_str(&tail, STR("<x xmlns='" NS_MUC_USER "'/>"));
	struct stanza *sent = room_with_elements(bare, strbuf_view(&tail));
	for (const struct room_client *client = to->clients; client; client = client->next)
		route(&from->jid, &client->jid, sent);
	strbuf_fini(&tail);
	stanza_unref(&sent);
	stanza_unref(&bare);
}

static void pass_on(struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza,
    struct occupant *sender, struct occupant *recipient)
{
	enum stanza_condition condition;
	const char *against = what_is_against(room, sender, recipient, stanza, &condition);
	if (!against) {
		condition = SE_resource_constraint;
		against = room_pace_message(room, sender, stanza);
	}
	if (!against)
		whisper(room, sender, recipient, stanza);
	else if (stanza->type != STANZA_ERROR)
		muc_refuse(from, to, stanza, condition, against);
}

/* Subscribers who are not inside write and are written to by their nick, too. */
void room_private_message(struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct occupant *sender = room_occupant_of(room, from);
	struct occupant *recipient = room_occupant(room, jid_resource(to));
	struct subscriber *by = sender ? NULL : room_subscriber(room, from);
	struct subscriber *whom = recipient ? NULL : room_subscriber_by_nick(room, jid_resource(to));
	struct room_guest guests[2];
	if (by)
		room_guest_init(&guests[0], room, by, from);
	if (whom)
		room_guest_init(&guests[1], room, whom, &whom->jid);
	pass_on(room, from, to, stanza, by ? &guests[0].occupant : sender, whom ? &guests[1].occupant : recipient);
	if (whom)
		arena_fini(&guests[1].arena);
	if (by)
		room_guest_fini(&guests[0]);
}

/* --- IQs between occupants: 17.4 --------------------------------------------------------------------------
 *
 * A request is handed to one client of the occupant, or, when it is about the person (vCard), to their account. Its
 * answer goes to whoever asked: the id says which client that was, and whom it was for.
 */

static void write_id(char *out, const struct room_client *asker, const struct occupant *asked)
{
	snprintf(out, MARK_LEN + 1, MARK "%016" PRIx64 "%016" PRIx64 "-", map_hash(jid_full(&asker->jid)),
	    map_hash(jid_full(&asked->jid)));
}

static bool is_about_the_person(const struct stanza *iq)
{
	const struct xml *payload = stanza_payload(iq);
	return payload && str_is(payload->ns, NS_VCARD);
}

static void hand_on(const struct room_client *asker, const struct occupant *asked, struct stanza *iq)
{
	struct jid to = is_about_the_person(iq) ? asked->real : asked->clients->jid;
	struct strbuf id = {0};
	char mark[MARK_LEN + 1];
	write_id(mark, asker, asked);
	strbuf_cstr(&id, mark);
	strbuf_str(&id, iq->id);
	struct stanza *sent = stanza_with_type(iq, iq->type, strbuf_view(&id));
	route(&asker->occupant->jid, &to, sent);
	stanza_unref(&sent);
	strbuf_fini(&id);
}

/* XEP-0410 3.3: whoever pings themself hears whether they are in the room. */
static bool answer_self_ping(const struct jid *from, const struct jid *to, const struct occupant *asker,
    const struct occupant *asked, struct stanza *iq)
{
	const struct xml *payload = stanza_payload(iq);
	if (asker != asked || iq->type != IQ_GET || !payload || !str_is(payload->ns, NS_PING))
		return false;
	struct stanza *result = stanza_make_result(iq, NULL);
	if (result)
		route(to, from, result);
	stanza_unref(&result);
	return true;
}

static void ask(struct room *room, const struct jid *from, const struct jid *to, struct stanza *iq)
{
	struct room_client *asker = room_client(room, from);
	struct occupant *asked = room_occupant(room, jid_resource(to));
	if (!asker)
		muc_refuse(from, to, iq, SE_not_acceptable, "you are not in the room");
	else if (!asked)
		muc_refuse(from, to, iq, SE_item_not_found, "nobody here has that nick");
	else if (answer_self_ping(from, to, asker->occupant, asked, iq))
		return;
	else if (!room->config.allow_query_users && asker->occupant != asked)
		muc_refuse(from, to, iq, SE_not_allowed, "occupants may not ask each other here");
	else
		hand_on(asker, asked, iq);
}

static const struct room_client *asker_of(const struct occupant *occupant, const char *mark)
{
	for (const struct room_client *client = occupant->clients; client; client = client->next) {
		char id[17];
		snprintf(id, sizeof(id), "%016" PRIx64, map_hash(jid_full(&client->jid)));
		if (memcmp(id, mark + 1, 16) == 0)
			return client;
	}
	return NULL;
}

/* By a full JID in the room, or the bare JID of somebody there. */
static const struct occupant *asked_of(const struct room *room, const struct jid *from, const char *mark)
{
	for (const struct occupant *occupant = room_first_occupant(room); occupant;
	     occupant = occupant_next(occupant)) {
		char id[17];
		if (!jid_bare_eq(&occupant->real, from))
			continue;
		snprintf(id, sizeof(id), "%016" PRIx64, map_hash(jid_full(&occupant->jid)));
		if (memcmp(id, mark + 17, 16) == 0)
			return occupant;
	}
	return NULL;
}

/* An answer that nobody waits for is nobody's. */
static void answered(struct room *room, const struct jid *from, const struct jid *to, struct stanza *iq)
{
	const struct occupant *to_occupant = room_occupant(room, jid_resource(to));
	if (!to_occupant || iq->id.len < MARK_LEN || iq->id.ptr[0] != MARK[0])
		return;
	struct room_client *client = room_client(room, from);
	const struct occupant *by = client ? client->occupant : asked_of(room, from, iq->id.ptr);
	const struct room_client *asker = asker_of(to_occupant, iq->id.ptr);
	if (!by || !asker)
		return;
	struct str id = {iq->id.ptr + MARK_LEN, iq->id.len - MARK_LEN};
	struct stanza *sent = stanza_with_type(iq, iq->type, id);
	route(&by->jid, &asker->jid, sent);
	stanza_unref(&sent);
}

void room_occupant_iq(struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (stanza_is_request(stanza))
		ask(room, from, to, stanza);
	else
		answered(room, from, to, stanza);
}
