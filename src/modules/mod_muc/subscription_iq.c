/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_muc/feature.h"
#include "modules/mod_muc/subscribers.h"
#include "stanzad/mem.h"
#include "stanzad/route.h"

/* --- whether it may be ---------------------------------------------------------------------------------- */

static bool is_inside(const struct room *room, const struct jid *jid)
{
	for (struct occupant *at = room_first_occupant(room); at; at = occupant_next(at))
		if (jid_bare_eq(&at->real, jid))
			return true;
	return false;
}

static bool nick_is_taken(const struct room *room, const struct subscribing *subscribing)
{
	struct occupant *occupant = room_occupant(room, subscribing->nick);
	return (occupant && !jid_bare_eq(&occupant->real, &subscribing->jid)) ||
	       room_nick_is_reserved(room, subscribing->nick, &subscribing->jid);
}

static bool knows_password(const struct room *room, const struct subscribing *subscribing)
{
	return !room->config.password_protected || subscribing->trusted ||
	       room_privilege(room, &subscribing->jid) == ROOM_OWNER ||
	       str_eq_consttime(subscribing->password, room_word(&room->config.password));
}

/* There is nobody whom a picture could be shown to: they come in first. */
static bool escapes_captcha(const struct room *room, const struct subscribing *subscribing)
{
	return room->config.captcha_protected && !subscribing->trusted &&
	       room_privilege(room, &subscribing->jid) < ROOM_MEMBER && !is_inside(room, &subscribing->jid);
}

/* The rules of entering, in their order. */
static const char *check_new(
    const struct room *room, const struct subscribing *subscribing, enum stanza_condition *condition_r)
{
	enum room_affiliation affiliation = room_privilege(room, &subscribing->jid);
	*condition_r = SE_forbidden;
	if (!muc_allows(room->instance, "access", &subscribing->jid))
		return "they may not use this service";
	if (affiliation == ROOM_OUTCAST)
		return "they are banned from this room";
	*condition_r = SE_item_not_found;
	if (room->ending || (room->locked && affiliation != ROOM_OWNER))
		return "the room is not open yet";
	*condition_r = SE_registration_required;
	if (room->config.members_only && affiliation < ROOM_MEMBER)
		return "this room is for members only";
	*condition_r = SE_conflict;
	if (nick_is_taken(room, subscribing))
		return "somebody else has that nick";
	*condition_r = SE_not_authorized;
	if (!knows_password(room, subscribing))
		return "subscribing takes the right password";
	*condition_r = SE_not_allowed;
	if (escapes_captcha(room, subscribing))
		return "enter the room once before you subscribe to it";
	*condition_r = SE_resource_constraint;
	return room_subscriber_count(room) < SUBSCRIBERS_MAX ? NULL : "the room has too many subscribers";
}

const char *room_subscribe_check(
    const struct room *room, const struct subscribing *subscribing, enum stanza_condition *condition_r)
{
	*condition_r = SE_not_allowed;
	if (!room->config.allow_subscription)
		return "this room has no subscriptions";
	*condition_r = SE_bad_request;
	if (!str_trim(subscribing->nick).len)
		return "a nick is missing";
	*condition_r = SE_conflict;
	if (room_subscriber(room, &subscribing->jid))
		return nick_is_taken(room, subscribing) ? "somebody else has that nick" : NULL;
	return check_new(room, subscribing, condition_r);
}

/* Lists of people whom nobody wants are asked as when they enter. */
static bool others_let_in(const struct room *room, const struct subscribing *subscribing, struct iq *iq)
{
	struct hook_room_enter event = {.room = (struct room *)room,
	    .from = &subscribing->jid,
	    .nick = subscribing->nick,
	    .affiliation = room_privilege(room, &subscribing->jid),
	    .error = {.condition = SE_forbidden}};
	if (room->config.captcha_protected || room_subscriber(room, &subscribing->jid) ||
	    hook_run_room_enter(module_host(room->instance), &event) == HOOK_PASS)
		return true;
	iq->error = event.error;
	return false;
}

/* --- doing it ------------------------------------------------------------------------------------------- */

void room_subscribe(
    struct room *room, const struct subscribing *subscribing, subscription_done *done, void *arg)
{
	const struct subscriber *before = room_subscriber(room, &subscribing->jid);
	bool is_new = !before || !str_eq(room_word(&before->nick), subscribing->nick);
	struct subscriber *subscriber =
	    room_subscriber_put(room, &subscribing->jid, subscribing->nick, subscribing->nodes);
	if (!subscriber) {
		if (done)
			done(arg, -1);
		return;
	}
	subscription_write(room, subscriber, done, arg);
	if (is_new)
		subscription_tell_change(room, &subscriber->jid, subscribing->nick, "subscribe");
}

void room_unsubscribe(struct room *room, const struct jid *jid, subscription_done *done, void *arg)
{
	struct subscriber *subscriber = room_subscriber(room, jid);
	struct arena arena = {0};
	if (!subscriber) {
		if (done)
			done(arg, 0);
		return;
	}
	struct jid bare = jid_dup(&subscriber->jid, &arena);
	struct str nick = arena_str(&arena, room_word(&subscriber->nick));
	room_subscriber_drop(room, &subscriber);
	subscription_remove(room, &bare, done, arg);
	subscription_tell_change(room, &bare, nick, "unsubscribe");
	arena_fini(&arena);
}

/* --- requests ------------------------------------------------------------------------------------------- */

static bool is_moderator(const struct room *room, const struct jid *jid)
{
	struct room_standing standing = room_standing_of(room, jid);
	return standing.role == ROOM_MODERATOR || standing.affiliation >= ROOM_ADMIN;
}

static unsigned read_events(const struct xml *payload)
{
	unsigned nodes = 0;
	for (const struct xml *at = xml_child(payload, "event", NULL); at; at = xml_next(at, "event", NULL)) {
		struct str node = xml_attr_s(at, "node");
		nodes |= str_starts(node, NS_MUCSUB_NODES) ? subscription_node_read(node) : 0;
	}
	return nodes;
}

void subscription_put_events(struct xml_writer *writer, unsigned nodes)
{
	for (unsigned node = 0; node < SUBSCRIPTION_NODES; node++) {
		if (!(nodes & (1u << node)))
			continue;
		xml_open(writer, "event", NULL);
		xml_put_attr(writer, "node", str_of(subscription_node_text(node)));
		xml_close(writer);
	}
}

/* Whom it is about: the attribute jid is for moderators. IQ_ANSWER: whom_r is filled in. */
static enum iq_verdict read_whom(struct room *room, struct iq *iq, struct arena *arena, struct jid *whom_r)
{
	struct str jid = xml_attr(iq->payload, "jid");
	if (iq->type != IQ_SET)
		return iq_refuse(iq, SE_not_allowed, NULL);
	if (!room->config.allow_subscription)
		return iq_refuse(iq, SE_not_allowed, "this room has no subscriptions");
	if (!storage_has_room(iq->from))
		return iq_refuse(iq, SE_resource_constraint, "too much waits for storage");
	*whom_r = jid_to_bare(iq->from);
	if (!jid.ptr)
		return IQ_ANSWER;
	if (jid_parse(jid, arena, whom_r, NULL) < 0)
		return iq_refuse(iq, SE_bad_request, "that is no JID");
	*whom_r = jid_to_bare(whom_r);
	if (!jid_bare_eq(whom_r, iq->from) && !is_moderator(room, iq->from))
		return iq_refuse(iq, SE_forbidden, "only moderators may do that for others");
	return IQ_ANSWER;
}

/* A request whose answer waits until storage has it. */
struct answering {
	struct iq *iq;
	struct arena arena;
	struct str nick; /* ptr NULL: there is nothing to tell */
	unsigned nodes;
};

static struct answering *answering_new(const struct iq *iq, struct str nick, unsigned nodes)
{
	struct answering *answering = mem_zalloc(sizeof(*answering));
	answering->iq = iq_later(iq);
	if (nick.ptr)
		answering->nick = arena_str(&answering->arena, nick);
	answering->nodes = nodes;
	return answering;
}

static void answer(void *arg, int result)
{
	struct answering *answering = arg;
	struct iq *iq = answering->iq;
	enum iq_verdict verdict =
	    result < 0 ? iq_refuse(iq, SE_internal_server_error, NULL) : IQ_ANSWER;
	if (verdict == IQ_ANSWER && answering->nick.ptr) {
		xml_open(iq->reply, "subscribe", NS_MUCSUB);
		xml_put_attr(iq->reply, "nick", answering->nick);
		subscription_put_events(iq->reply, answering->nodes);
		xml_close(iq->reply);
	}
	iq_finish(&answering->iq, verdict);
	arena_fini(&answering->arena);
	free(answering);
}

static enum iq_verdict subscribe(
    struct room *room, struct iq *iq, struct subscribing *subscribing, struct arena *arena)
{
	enum stanza_condition condition;
	struct str nick = xml_attr_s(iq->payload, "nick");
	if (nick.len && jid_prep_resource(nick, arena, &subscribing->nick, NULL) < 0)
		return iq_refuse(iq, SE_jid_malformed, "that is no nick");
	const char *against = room_subscribe_check(room, subscribing, &condition);
	if (against)
		return iq_refuse(iq, condition, against);
	if (!others_let_in(room, subscribing, iq))
		return IQ_REFUSE;
	room_subscribe(
	    room, subscribing, answer, answering_new(iq, subscribing->nick, subscribing->nodes));
	return IQ_LATER;
}

enum iq_verdict room_subscribe_on_iq(struct room *room, struct iq *iq)
{
	struct arena arena = {0};
	struct subscribing subscribing = {.nick = STR(""),
	    .nodes = read_events(iq->payload),
	    .password = xml_attr_s(iq->payload, "password")};
	enum iq_verdict verdict = read_whom(room, iq, &arena, &subscribing.jid);
	if (verdict == IQ_ANSWER)
		verdict = subscribe(room, iq, &subscribing, &arena);
	arena_fini(&arena);
	return verdict;
}

enum iq_verdict room_unsubscribe_on_iq(struct room *room, struct iq *iq)
{
	struct arena arena = {0};
	struct jid whom;
	enum iq_verdict verdict = read_whom(room, iq, &arena, &whom);
	if (verdict == IQ_ANSWER) {
		room_unsubscribe(room, &whom, answer, answering_new(iq, STR_NULL, 0));
		verdict = IQ_LATER;
	}
	arena_fini(&arena);
	return verdict;
}

enum iq_verdict room_subscriptions_on_iq(struct room *room, struct iq *iq)
{
	bool moderator = is_moderator(room, iq->from);
	bool jids = moderator || room->config.anonymous == ROOM_WHOIS_ANYONE;
	if (!room->config.allow_subscription)
		return iq_refuse(iq, SE_not_allowed, "this room has no subscriptions");
	if (iq->type != IQ_GET)
		return iq_refuse(iq, SE_bad_request, NULL);
	if (!moderator && !room_subscriber(room, iq->from))
		return iq_refuse(iq, SE_forbidden, "only moderators and subscribers may ask that");
	xml_open(iq->reply, "subscriptions", NS_MUCSUB);
	for (struct subscriber *at = room_first_subscriber(room); at; at = subscriber_next(room, at)) {
		xml_open(iq->reply, "subscription", NULL);
		if (jids)
			xml_put_attr(iq->reply, "jid", jid_full(&at->jid));
		xml_put_attr(iq->reply, "nick", room_word(&at->nick));
		subscription_put_events(iq->reply, at->nodes);
		xml_close(iq->reply);
	}
	xml_close(iq->reply);
	return IQ_ANSWER;
}
