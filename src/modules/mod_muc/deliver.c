/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/deliver.h"
#include "modules/mod_muc/door.h"
#include "modules/mod_muc/feature.h"
#include "modules/mod_muc/invite.h"

#define NS_PING "urn:xmpp:ping"

/* --- people who are not there any more ------------------------------------------------------------------ */

/* RFC 6120 8.3.3: conditions that say that this address is not to be had any more; 17.3 of XEP-0045: ghosts. */
static bool means_gone(const struct stanza *stanza)
{
	static const char *const words[] = {"gone", "item-not-found", "jid-malformed", "recipient-unavailable",
	    "redirect", "remote-server-not-found", "remote-server-timeout", "service-unavailable", NULL};
	const struct xml *error = xml_child(stanza->root, "error", NULL);
	for (const char *const *word = words; error && *word; word++)
		if (xml_child(error, *word, "urn:ietf:params:xml:ns:xmpp-stanzas"))
			return true;
	return false;
}

static void on_error(struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct room_client *client = room_client(room, from);
	if (client && stanza->kind != STANZA_IQ && means_gone(stanza))
		room_client_leaves(room, client,
		    &(struct room_leaving){.why = ROOM_LEFT_ERROR,
			.status = 333,
			.reason = STR("messages do not reach them any more")});
	else if (client && stanza->kind == STANZA_MESSAGE && to->resource_len)
		room_private_message(room, from, to, stanza);
	else if (!client && stanza->kind == STANZA_MESSAGE && !to->resource_len)
		room_invitation_failed(room, from, stanza);
}

/* --- IQs to the room itself ----------------------------------------------------------------------------- */

static const struct room_iq *find_iq(const struct room_iq *rows, const struct xml *payload)
{
	for (; rows && rows->ns; rows++)
		if (str_is(payload->ns, rows->ns) && (!rows->name || str_is(payload->name, rows->name)))
			return rows;
	return NULL;
}

static enum iq_verdict on_ping(struct room *room, struct iq *iq)
{
	(void)room;
	return iq->type == IQ_GET ? IQ_ANSWER : iq_refuse(iq, SE_bad_request, NULL);
}

static const struct room_iq own_iqs[] = {
    {NS_DISCO_INFO, "query", room_disco_info_on_iq, true},
    {NS_DISCO_ITEMS, "query", room_disco_items_on_iq, true},
    {NS_MUC_ADMIN, "query", room_admin_on_iq, false},
    {NS_MUC_OWNER, "query", room_owner_on_iq, false},
    {NS_REGISTER, "query", room_register_on_iq, true},
    {NS_PING, "ping", on_ping, true},
    {0},
};

static enum iq_verdict ask_others(struct room *room, struct iq *iq)
{
	struct hook_room_iq event = {.room = room,
	    .occupant = room_occupant_of(room, iq->from),
	    .iq = iq,
	    .verdict = IQ_PASS};
	return hook_run_room_iq(module_host(room->instance), &event) == HOOK_STOP ? event.verdict : IQ_PASS;
}

static enum iq_verdict answer(struct room *room, struct iq *iq)
{
	const struct room_iq *row = find_iq(own_iqs, iq->payload);
	for (const struct room_feature *const *feature = room_features; !row && *feature; feature++)
		row = find_iq((*feature)->iqs, iq->payload);
	return row ? row->handler(room, iq) : ask_others(room, iq);
}

static void on_iq(struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct xml_writer reply = {.default_ns = NS_CLIENT};
	struct iq iq;
	if (!stanza_is_request(stanza))
		return;
	if (!stanza_payload(stanza)) {
		muc_refuse(from, to, stanza, SE_bad_request, NULL);
		return;
	}
	muc_iq_begin(&iq, room->instance, from, to, stanza, &reply);
	muc_iq_end(&iq, answer(room, &iq));
	xml_writer_fini(&reply);
}

void room_announce_iqs(void (*each)(void *arg, const char *feature), void *arg)
{
	for (const struct room_iq *row = own_iqs; row->ns; row++)
		if (row->announce)
			each(arg, row->ns);
	for (const struct room_feature *const *feature = room_features; *feature; feature++)
		for (const struct room_iq *row = (*feature)->iqs; row && row->ns; row++)
			if (row->announce)
				each(arg, row->ns);
}

/* --- messages ------------------------------------------------------------------------------------------- */

static void on_message(struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (to->resource_len)
		room_private_message(room, from, to, stanza);
	else if (stanza->type == MESSAGE_GROUPCHAT)
		room_groupchat(room, from, stanza);
	else
		room_request(room, from, to, stanza);
}

/* --- presence ------------------------------------------------------------------------------------------- */

static void on_unavailable(struct room *room, struct room_client *client, struct stanza *stanza)
{
	struct strbuf buf = {0};
	room_client_leaves(room, client,
	    &(struct room_leaving){.why = ROOM_LEFT,
		.presence = stanza,
		.reason = xml_child_text(stanza->root, "status", &buf)});
	strbuf_fini(&buf);
}

/* Whoever is in the room may ask how somebody in it is (RFC 6121 4.3). */
static void on_probe(struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct room_client *client = room_client(room, from);
	struct occupant *occupant = room_occupant(room, jid_resource(to));
	struct room_telling telling = {0};
	if (!client) {
		muc_refuse(from, to, stanza, SE_not_acceptable, "you are not in the room");
	} else if (!to->resource_len) {
		room_tell_all_to(room, client);
	} else if (occupant) {
		room_telling_init(&telling, occupant);
		room_tell_one(room, &telling, client);
	} else {
		room_tell_nobody(to, from, (const int[]){0}, STR_NULL);
	}
}

static void on_presence(
    struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza, bool made)
{
	struct room_client *client = room_client(room, from);
	switch (stanza->type) {
	case PRESENCE_AVAILABLE:
		if (client && to->resource_len)
			room_update(room, client, to, stanza);
		else if (!to->resource_len || room_knows_way_in(room->instance, stanza))
			room_enter(room, from, to, stanza, made);
		else
			room_not_in(from, to);
		break;
	case PRESENCE_UNAVAILABLE:
		if (client)
			on_unavailable(room, client, stanza);
		else
			room_door_leave(room, from);
		break;
	case PRESENCE_PROBE:
		on_probe(room, from, to, stanza);
		break;
	default:
		break;
	}
}

void room_deliver_now(
    struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza, bool made)
{
	room_hold(room);
	room_walk_begin(room);
	if (stanza->kind == STANZA_IQ && to->resource_len)
		room_occupant_iq(room, from, to, stanza);
	else if (stanza->type == STANZA_ERROR)
		on_error(room, from, to, stanza);
	else if (stanza->kind == STANZA_IQ)
		on_iq(room, from, to, stanza);
	else if (stanza->kind == STANZA_MESSAGE)
		on_message(room, from, to, stanza);
	else
		on_presence(room, from, to, stanza, made);
	room_walk_end(room);
	room_release(room);
}

void room_deliver(
    struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza, bool made)
{
	if (room_has_to_wait(room))
		room_pend(room, from, to, stanza);
	else
		room_deliver_now(room, from, to, stanza, made);
}
