/* SPDX-License-Identifier: Apache-2.0 */
/* XEP-0425, XEP-0424 5: what was said is taken back, by a moderator or by who said it. */
#include <stdlib.h>

#include "modules/mod_mam/room.h"
#include "modules/mod_muc/feature.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/rand.h"

#define NS_MODERATE "urn:xmpp:message-moderate:1"
#define NS_RETRACT "urn:xmpp:message-retract:1"

struct moderation {
	struct store_op op;
	struct room *room; /* held */
	struct iq *iq;
	struct str host;
	int64_t id;
	struct arena arena;
};

/* The ids are those of the archive. */
static bool can_moderate(const struct room *room)
{
	return room->config.mam && host_module(module_host(room->instance), "mod_mam");
}

static const struct occupant *moderator_of(const struct room *room, const struct jid *from)
{
	const struct occupant *occupant = room_occupant_of(room, from);
	return occupant && occupant->role == ROOM_MODERATOR ? occupant : NULL;
}

/* --- the message: 3.1 ----------------------------------------------------------------------------------- */

static void put_moderated(struct xml_writer *writer, const struct occupant *by)
{
	struct strbuf occupant_id = {0};
	room_put_occupant_id(&occupant_id, by);
	xml_open(writer, "moderated", NS_MODERATE);
	xml_put_attr(writer, "by", jid_full(&by->jid));
	xml_put_raw(writer, strbuf_view(&occupant_id));
	xml_close(writer);
	strbuf_fini(&occupant_id);
}

static struct stanza *message_of(const struct xml *request, const struct occupant *by)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	struct strbuf buf = {0};
	struct str reason = xml_child_text(request, "reason", &buf);
	char id[27];
	rand_id(id, sizeof(id) - 1);
	xml_open(&writer, "message", NULL);
	xml_put_attr(&writer, "type", STR("groupchat"));
	xml_put_attr(&writer, "id", str_of(id));
	xml_open(&writer, "retract", NS_RETRACT);
	xml_put_attr(&writer, "id", xml_attr(request, "id"));
	put_moderated(&writer, by);
	if (reason.len)
		xml_put_element(&writer, "reason", NULL, reason);
	xml_close(&writer);
	xml_close(&writer);
	struct stanza *message = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	strbuf_fini(&buf);
	return message;
}

/* --- the request ---------------------------------------------------------------------------------------- */

static int look(struct store_op *op, struct db *db, struct err *err)
{
	struct moderation *moderation = list_entry(op, struct moderation, op);
	return mam_room_has(db, moderation->host, op->key, moderation->id, err);
}

static enum iq_verdict moderate(struct moderation *moderation)
{
	struct room *room = moderation->room;
	struct iq *iq = moderation->iq;
	const struct occupant *by = moderator_of(room, iq->from);
	if (!by || room->ended)
		return iq_refuse(iq, SE_forbidden, "only moderators may do that");
	struct stanza *message = message_of(iq->payload, by);
	bool sent = message && room_say(room, &room->jid, iq->from, message);
	stanza_unref(&message);
	if (!sent)
		return iq_refuse(iq, SE_resource_constraint, "it cannot be told to all now");
	room_history_forget(room, xml_attr_s(iq->payload, "id"));
	return IQ_ANSWER;
}

static void looked(struct store_op *op, int result, const struct err *err)
{
	struct moderation *moderation = list_entry(op, struct moderation, op);
	if (result < 0)
		LOG_ERROR("muc.moderation_failed", LOG_STR("room", op->key), LOG_CSTR("reason", err->text));
	enum iq_verdict verdict =
	    result > 0    ? moderate(moderation)
	    : result == 0 ? iq_refuse(moderation->iq, SE_item_not_found, "there is no message of that id")
			  : iq_refuse(moderation->iq, SE_internal_server_error, NULL);
	struct module_instance *instance = moderation->room->instance;
	iq_finish(&moderation->iq, verdict);
	room_release(moderation->room);
	module_release(instance);
	arena_fini(&moderation->arena);
	free(moderation);
}

static enum iq_verdict begin(struct room *room, struct iq *iq, int64_t id)
{
	struct moderation *moderation = mem_zalloc(sizeof(*moderation));
	moderation->room = room;
	room_hold(room);
	moderation->iq = iq_later(iq);
	moderation->id = id;
	moderation->host = arena_str(&moderation->arena, host_name(module_host(room->instance)));
	moderation->op.kind = STORE_READ;
	moderation->op.key = arena_str(&moderation->arena, jid_full(&room->jid));
	moderation->op.run = look;
	moderation->op.done = looked;
	module_hold(room->instance);
	store_submit(&moderation->op);
	return IQ_LATER;
}

static bool is_long(const struct xml *request)
{
	const struct xml *reason = xml_child(request, "reason", NULL);
	return reason && reason->inner.len > ROOM_REASON_MAX;
}

static enum iq_verdict on_moderate(struct room *room, struct iq *iq)
{
	int64_t id;
	if (!can_moderate(room))
		return iq_refuse(iq, SE_feature_not_implemented, NULL);
	if (iq->type != IQ_SET || !xml_child(iq->payload, "retract", NS_RETRACT) || !xml_attr_s(iq->payload, "id").len)
		return iq_refuse(iq, SE_bad_request, NULL);
	if (!moderator_of(room, iq->from))
		return iq_refuse(iq, SE_forbidden, "only moderators may do that");
	if (is_long(iq->payload))
		return iq_refuse(iq, SE_not_acceptable, "the reason is too long");
	if (!str_to_i64(xml_attr_s(iq->payload, "id"), &id) || id <= 0)
		return iq_refuse(iq, SE_item_not_found, "there is no message of that id");
	return begin(room, iq, id);
}

static void on_disco(struct room *room, struct xml_writer *reply)
{
	if (can_moderate(room))
		disco_put_feature(reply, NS_MODERATE);
}

/* XEP-0424 5: what somebody takes back themselves is not told to those who come. */
static void on_said(struct room *room, const struct jid *as, struct stanza *sent)
{
	const struct xml *retract = as->resource_len ? xml_child(sent->root, "retract", NS_RETRACT) : NULL;
	const struct occupant *occupant = retract ? room_occupant(room, jid_resource(as)) : NULL;
	if (occupant)
		room_history_forget_of(room, xml_attr_s(retract, "id"), occupant->id);
}

static const struct room_iq iqs[] = {
    {.ns = NS_MODERATE, .name = "moderate", .handler = on_moderate},
    {0},
};

const struct room_feature room_feature_moderation = {
    .name = "moderation",
    .iqs = iqs,
    .disco = on_disco,
    .said = on_said,
};
