/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_mam/room_archive.h"

#include <stdlib.h>

#include "modules/message.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

/* A message that is being written. */
struct room_row {
	struct store_op op;
	struct stanza *said;   /* as it came */
	struct stanza *kept;   /* with what the room added, but for the id */
	struct jid from, as;   /* the real JID; the occupant's, or the room's */
	struct str host;
	int64_t id;
	bool by_occupant, packed;
	char text[];
};

/* --- on a storage thread -------------------------------------------------------------------------------- */

static int insert(const struct room_row *row, struct db *db, struct str xml, struct str text, struct str origin_id,
    struct err *err)
{
	struct mam_new new = {
	    .host = row->host,
	    .username = jid_bare(&row->as),
	    .id = row->id,
	    .peer = &row->from,
	    .xml = xml,
	    .text = text,
	    .kind = STR("groupchat"),
	    .nick = jid_resource(&row->as),
	    .origin_id = origin_id,
	};
	return mam_insert(db, &new, err);
}

/* XEP-0424 5.1: the id is the one that the room gave it. */
static int retract(const struct room_row *row, struct db *db, struct str retracted, struct err *err)
{
	const struct xml *element = xml_child(row->said->root, "retract", NS_RETRACT);
	struct mam_room_retraction retraction = {
	    .host = row->host,
	    .room = jid_bare(&row->as),
	    .from = &row->from,
	    .by = row->said->id,
	    .at = row->id,
	};
	if (!str_to_i64(retracted, &retraction.id))
		return 0;
	if (!row->by_occupant && xml_child(element, "moderated", NS_MODERATE))
		retraction.moderation = element;
	return mam_retract_in_room(db, &retraction, err);
}

static int row_run(struct store_op *op, struct db *db, struct err *err)
{
	const struct room_row *row = list_entry(op, struct room_row, op);
	struct mam_content content = mam_content_of(row->said);
	struct strbuf xml = {0}, shorter = {0}, buf = {0};
	stanza_write(&xml, row->kept, &row->as, NULL);
	struct str text = xml_child_text(row->said->root, "body", &buf);
	bool packed = row->packed && mam_pack(strbuf_view(&xml), &shorter);
	int result = insert(row, db, strbuf_view(packed ? &shorter : &xml), text, content.origin_id, err);
	if (result == 0 && content.retracted.len)
		result = retract(row, db, content.retracted, err);
	strbuf_fini(&buf);
	strbuf_fini(&shorter);
	strbuf_fini(&xml);
	return result;
}

/* --- on the room's worker ------------------------------------------------------------------------------- */

static void count(const struct room_row *row, unsigned metric)
{
	const struct host *host = host_find(row->host);
	struct module_instance *instance = host ? host_module(host, "mod_mam") : NULL;
	if (instance) /* NULL: the module left meanwhile */
		metric_add(instance, metric, 1);
}

static void row_failed(const struct room_row *row, const struct err *err)
{
	struct jid room = jid_to_bare(&row->as);
	struct stanza_error error = {
	    .condition = SE_service_unavailable, .text = "the message could not be archived"};
	LOG_ERROR("mam.not_archived", LOG_STR("room", jid_full(&room)), LOG_CSTR("reason", err->text));
	count(row, MAM_METRIC_FAILED);
	if (row->by_occupant)
		route_error(&row->from, &room, row->said, &error);
}

static void row_done(struct store_op *op, int result, const struct err *err)
{
	struct room_row *row = list_entry(op, struct room_row, op);
	if (result < 0)
		row_failed(row, err);
	else
		count(row, MAM_METRIC_ARCHIVED);
	if (result > 0)
		count(row, MAM_METRIC_RETRACTED);
	stanza_unref(&row->kept);
	stanza_unref(&row->said);
	free(row);
}

/* XEP-0313 6.1.2: what the sender was to the room; the JID is not among it. */
static void put_sender(struct strbuf *out, const struct occupant *occupant)
{
	if (occupant)
		strbuf_printf(out, "<x xmlns='" NS_MUC_USER "'><item affiliation='%s' role='%s'/></x>",
		    room_affiliation_text(occupant_affiliation(occupant)), room_role_text(occupant_role(occupant)));
}

static struct stanza *kept_of(const struct hook_room_message *event)
{
	struct strbuf tail = {0};
	strbuf_str(&tail, strbuf_view(event->tail));
	put_sender(&tail, event->occupant);
	struct stanza *kept = stanza_with_tail(event->stanza, strbuf_view(&tail));
	strbuf_fini(&tail);
	return kept;
}

static char *put_jid(char *at, const struct jid *jid, struct jid *copy)
{
	struct str text = jid_full(jid);
	memcpy(at, text.ptr, text.len);
	*copy = *jid;
	copy->text = at;
	return at + text.len;
}

static void archive(struct module_instance *instance, const struct hook_room_message *event)
{
	struct str host = host_name(module_host(instance));
	size_t size = jid_full(event->from).len + jid_full(event->as).len + host.len;
	struct room_row *row = mem_alloc(sizeof(*row) + size);
	*row = (struct room_row){.id = event->id, .by_occupant = event->occupant != NULL};
	char *at = put_jid(put_jid(row->text, event->from, &row->from), event->as, &row->as);
	memcpy(at, host.ptr, host.len);
	row->host = (struct str){at, host.len};
	row->said = stanza_ref(event->stanza);
	row->kept = kept_of(event);
	row->packed = module_option(instance, "compress_xml")->boolean;
	row->op.kind = STORE_WRITE;
	row->op.key = jid_bare(&row->as);
	row->op.single = !xml_child(event->stanza->root, "retract", NS_RETRACT);
	row->op.run = row_run;
	row->op.done = row_done;
	store_submit(&row->op);
}

/* XEP-0313 6.1.2, XEP-0334 4 */
static bool counts(const struct hook_room_message *event)
{
	struct mam_content content = mam_content_of(event->stanza);
	if (content.no_store)
		return false;
	return content.store || content.body || event->subject || message_is_encrypted(event->stanza);
}

enum hook_verdict mam_room_on_message(struct module_instance *instance, struct hook_room_message *event)
{
	char stanza_id[MAM_STANZA_ID_MAX];
	if (!room_flag(event->room, "mam") || !counts(event))
		return HOOK_PASS;
	if (!storage_has_room(event->from)) {
		event->error = (struct stanza_error){.condition = SE_resource_constraint};
		return HOOK_BOUNCE;
	}
	event->id = mam_room_next_id(mam_room_of(instance, event->room));
	archive(instance, event);
	size_t len = mam_stanza_id_write(stanza_id, jid_bare(room_jid(event->room)), event->id);
	strbuf_add(event->tail, stanza_id, len);
	return HOOK_PASS;
}
