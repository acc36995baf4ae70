/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/message.h"
#include "modules/mod_muc/feature.h"
#include "modules/mod_muc/subscribers.h"
#include "stanzad/clock.h"
#include "stanzad/metric.h"
#include "stanzad/receipt.h"

/* --- to all --------------------------------------------------------------------------------------------- */

void room_broadcast(struct room *room, const struct jid *as, struct stanza *stanza,
    bool (*to)(const struct room_client *client, void *arg), void *arg)
{
	struct receipt *before;
	int64_t copies = 0;
	receipt_enter(NULL, &before);
	room_walk_begin(room);
	for (struct list *at = room->clients.next; at != &room->clients; at = at->next) {
		struct room_client *client = list_entry(at, struct room_client, in_room);
		if (to && !to(client, arg))
			continue;
		route(as, &client->jid, stanza);
		copies++;
	}
	room_walk_end(room);
	receipt_leave(before);
	metric_add(room->instance, MUC_METRIC_COPIES, copies);
}

struct stanza *room_status_message(const int *codes)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "message", NULL);
	xml_put_attr(&writer, "type", STR("groupchat"));
	xml_open(&writer, "x", NS_MUC_USER);
	for (; *codes; codes++) {
		xml_open(&writer, "status", NULL);
		xml_put_attr_u64(&writer, "code", (uint64_t)*codes);
		xml_close(&writer);
	}
	xml_close(&writer);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return stanza;
}

void room_broadcast_status(struct room *room, const int *codes)
{
	struct stanza *stanza = room_status_message(codes);
	if (stanza)
		room_broadcast(room, &room->jid, stanza, NULL, NULL);
	stanza_unref(&stanza);
}

/* --- one message ---------------------------------------------------------------------------------------- */

struct saying {
	struct room *room;
	struct occupant *occupant; /* NULL: the service */
	const struct jid *from, *as;
	struct stanza *stanza; /* as it came */
	struct stanza *bare;   /* without claims */
	bool subject;
};

/* True: it may be sent, and tail is what it gets. */
static bool ask_others(const struct saying *saying, struct strbuf *tail)
{
	struct hook_room_message event = {.room = saying->room,
	    .occupant = saying->occupant,
	    .from = saying->from,
	    .as = saying->as,
	    .stanza = saying->bare,
	    .tail = tail,
	    .subject = saying->subject,
	    .error = {.condition = SE_forbidden}};
	switch (hook_run_room_message(module_host(saying->room->instance), &event)) {
	case HOOK_PASS:
		return true;
	case HOOK_BOUNCE:
		if (saying->occupant)
			muc_refuse_with(saying->from, &saying->room->jid, saying->stanza, &event.error);
		return false;
	default:
		return false;
	}
}

static void send_to_all(const struct saying *saying, struct str tail)
{
	struct room *room = saying->room;
	struct stanza *sent = stanza_with_tail(saying->bare, tail);
	if (saying->subject)
		room_subject_set(room, saying->occupant, sent);
	else if (message_has_body(sent) && !message_has_hint(sent, "no-store"))
		room_history_add(room, saying->as, sent, clock_real_us());
	metric_add(room->instance, MUC_METRIC_MESSAGES, 1);
	room_broadcast(room, saying->as, sent, NULL, NULL);
	for (const struct room_feature *const *feature = room_features; *feature; feature++)
		if ((*feature)->said)
			(*feature)->said(room, saying->as, sent);
	stanza_unref(&sent);
}

static bool say(struct saying *saying)
{
	struct strbuf tail = {0};
	saying->bare = room_without_claims(saying->room, saying->stanza);
	saying->subject = room_is_subject(saying->bare);
	if (saying->occupant)
		room_put_occupant_id(&tail, saying->occupant);
	bool allowed = ask_others(saying, &tail);
	if (allowed)
		send_to_all(saying, strbuf_view(&tail));
	stanza_unref(&saying->bare);
	strbuf_fini(&tail);
	return allowed;
}

bool room_say(struct room *room, const struct jid *as, const struct jid *by, struct stanza *stanza)
{
	struct saying saying = {.room = room, .from = by, .as = as, .stanza = stanza};
	return say(&saying);
}

/* --- by an occupant: 7.4 -------------------------------------------------------------------------------- */

static bool has_voice(const struct room *room, const struct occupant *occupant)
{
	return !room->config.moderated || occupant->role > ROOM_VISITOR;
}

static void say_as_service(struct room *room, const struct jid *from, struct stanza *stanza)
{
	if (!muc_allows(room->instance, "access_admin", from))
		muc_refuse(from, &room->jid, stanza, SE_not_acceptable, "you are not in the room");
	else
		room_say(room, &room->jid, from, stanza);
}

static void speak(struct room *room, struct occupant *occupant, const struct jid *from, struct stanza *stanza)
{
	bool subject = room_is_subject(stanza);
	const char *too_fast = NULL;
	if (subject && !room_may_set_subject(room, occupant))
		muc_refuse(from, &room->jid, stanza, SE_forbidden, "you may not change the subject");
	else if (!has_voice(room, occupant))
		muc_refuse(from, &room->jid, stanza, SE_forbidden, "only those with voice may talk to all");
	else if ((too_fast = room_pace_message(room, occupant, stanza)))
		muc_refuse(from, &room->jid, stanza, SE_resource_constraint, too_fast);
	else
		say(&(struct saying){
		    .room = room, .occupant = occupant, .from = from, .as = &occupant->jid, .stanza = stanza});
}

/* They need not be inside. */
static void speak_as_subscriber(
    struct room *room, struct subscriber *subscriber, const struct jid *from, struct stanza *stanza)
{
	struct room_guest guest;
	room_guest_init(&guest, room, subscriber, from);
	speak(room, &guest.occupant, from, stanza);
	room_guest_fini(&guest);
}

void room_groupchat(struct room *room, const struct jid *from, struct stanza *stanza)
{
	struct room_client *client = room_client(room, from);
	struct subscriber *subscriber = client ? NULL : room_subscriber(room, from);
	if (client)
		speak(room, client->occupant, from, stanza);
	else if (subscriber)
		speak_as_subscriber(room, subscriber, from, stanza);
	else
		say_as_service(room, from, stanza);
}
