/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/feature.h"
#include "modules/mod_muc/hats.h"
#include "modules/mod_muc/page.h"
#include "modules/mod_muc/subscribers.h"
#include "stanzad/form.h"

#define NODE_NICK "x-roomuser-item"
#define NODE_TRAFFIC NS_MUC "#traffic"
#define ITEMS_MAX 1000 /* in one answer */

/* Somebody to whom nothing of the room is hidden. */
static bool is_inside(const struct room *room, const struct jid *jid)
{
	return room_client(room, jid) || room_privilege(room, jid) >= ROOM_MEMBER ||
	       muc_allows(room->instance, "access_admin", jid);
}

static struct str name_of(const struct room *room)
{
	struct str title = room_word(&room->config.title);
	return title.len ? title : jid_local(&room->jid);
}

/* --- 6.4: what the room is ------------------------------------------------------------------------------ */

static void put_feature_if(struct xml_writer *reply, bool is, const char *yes, const char *no)
{
	disco_put_feature(reply, is ? yes : no);
}

/* 16.3 */
static void put_nature(struct xml_writer *reply, const struct room_config *config)
{
	put_feature_if(reply, config->public, "muc_public", "muc_hidden");
	put_feature_if(reply, config->persistent, "muc_persistent", "muc_temporary");
	put_feature_if(reply, config->members_only, "muc_membersonly", "muc_open");
	put_feature_if(
	    reply, config->anonymous == ROOM_WHOIS_ANYONE, "muc_nonanonymous", "muc_semianonymous");
	put_feature_if(reply, config->moderated, "muc_moderated", "muc_unmoderated");
	put_feature_if(reply, config->password_protected, "muc_passwordprotected", "muc_unsecured");
}

/* What is answered here, but for what the one who asks would be refused. */
struct announcing {
	struct xml_writer *reply;
	bool may_register;
};

static void announce(void *arg, const char *feature)
{
	struct announcing *announcing = arg;
	if (announcing->may_register || strcmp(feature, NS_REGISTER) != 0)
		disco_put_feature(announcing->reply, feature);
}

static void put_each(struct xml_writer *reply, const char *const *names)
{
	for (; names && *names; names++)
		disco_put_feature(reply, *names);
}

static void put_features(struct room *room, const struct jid *from, struct xml_writer *reply)
{
	static const char *const always[] = {
	    NS_MUC, NS_MUC "#stable_id", NS_MUC "#self-ping-optimization", NS_OCCUPANT_ID, NULL};
	struct announcing announcing = {reply, muc_allows(room->instance, "access_register", from)};
	put_each(reply, always);
	put_nature(reply, &room->config);
	room_announce_iqs(announce, &announcing);
	for (const struct room_feature *const *feature = room_features; *feature; feature++) {
		put_each(reply, (*feature)->features);
		if ((*feature)->disco)
			(*feature)->disco(room, reply);
	}
}

static void put_number(struct xml_writer *form, const char *var, uint64_t number)
{
	struct strbuf text = {0};
	strbuf_u64(&text, number);
	form_put1(form, var, "text-single", strbuf_view(&text));
	strbuf_fini(&text);
}

static void put_owners(struct xml_writer *form, const struct room *room)
{
	static const struct form_field field = {"muc#roominfo_contactjid", "jid-multi", "Contact addresses", false};
	struct str owners[16];
	size_t count = 0;
	uint32_t position = 0;
	const struct room_affiliate *affiliate;
	while (count < sizeof(owners) / sizeof(owners[0]) &&
	       (affiliate = map_next(&room->affiliates, &position, NULL)))
		if (affiliate->affiliation == ROOM_OWNER)
			owners[count++] = jid_bare(&affiliate->jid);
	if (count)
		form_put(form, &field, owners, count);
}

/* What is said in the room, and who is behind it, is not for those who could not come in. */
static bool tells_everybody(const struct room *room)
{
	return room->config.public && !room->config.members_only && !room->config.password_protected;
}

static void put_form(struct room *room, const struct jid *from, struct xml_writer *reply, struct str others)
{
	int64_t history = module_option(room->instance, "history_size")->integer;
	form_open(reply, FORM_RESULT, NS_MUC "#roominfo");
	room_config_put_info(reply, &room->config);
	put_number(reply, "muc#roominfo_occupants", room->occupant_count);
	put_number(reply, "muc#maxhistoryfetch", (uint64_t)history);
	if (tells_everybody(room) || is_inside(room, from)) {
		form_put1(reply, "muc#roominfo_subject", "text-single", room_word(&room->subject.text));
		put_owners(reply, room);
	}
	for (const struct room_feature *const *feature = room_features; *feature; feature++)
		if ((*feature)->info)
			(*feature)->info(room, reply);
	xml_put_raw(reply, others);
	xml_close(reply);
}

static enum iq_verdict answer_info(struct room *room, struct iq *iq)
{
	struct xml_writer info = {.default_ns = STR(NS_DATA)};
	struct hook_room_disco event = {.room = room, .from = iq->from, .reply = iq->reply, .info = &info};
	xml_open(iq->reply, "query", NS_DISCO_INFO);
	disco_put_identity(iq->reply, "conference", "text", name_of(room));
	put_features(room, iq->from, iq->reply);
	hook_run_room_disco(module_host(room->instance), &event);
	put_form(room, iq->from, iq->reply, strbuf_view(&info.buf));
	xml_close(iq->reply);
	xml_writer_fini(&info);
	return IQ_ANSWER;
}

/* --- 7.12: the reserved nick of the one who asks -------------------------------------------------------- */

static enum iq_verdict answer_nick(struct room *room, struct iq *iq)
{
	struct arena arena = {0};
	struct str bare = jid_bare(iq->from);
	const struct subscriber *subscriber = room_subscriber(room, iq->from);
	struct str nick = subscriber ? room_word(&subscriber->nick)
				     : muc_nicks_of(room->muc, jid_bare(&room->jid), bare, &arena);
	if (!nick.ptr)
		nick = muc_nicks_of(room->muc, jid_domain(&room->jid), bare, &arena);
	xml_open(iq->reply, "query", NS_DISCO_INFO);
	xml_put_attr(iq->reply, "node", STR(NODE_NICK));
	if (nick.ptr)
		disco_put_identity(iq->reply, "conference", "text", nick);
	xml_close(iq->reply);
	arena_fini(&arena);
	return IQ_ANSWER;
}

enum iq_verdict room_disco_info_on_iq(struct room *room, struct iq *iq)
{
	struct str node = xml_attr_s(iq->payload, "node");
	if (iq->type == IQ_SET)
		return iq_refuse(iq, SE_not_allowed, NULL);
	if (!node.len)
		return answer_info(room, iq);
	if (str_is(node, NODE_NICK))
		return answer_nick(room, iq);
	/* 18.1.1: whatever is sent is let through */
	if (str_is(node, NODE_TRAFFIC))
		return iq_refuse(iq, SE_service_unavailable, "all namespaces may be sent here");
	if (room_hats_put_info(room, iq->from, node, iq->reply))
		return IQ_ANSWER;
	return iq_refuse(iq, SE_item_not_found, "there is no such node");
}

/* --- 6.5: who is in it ---------------------------------------------------------------------------------- */

static const struct occupant *next_of(const struct room *room, const struct occupant *occupant)
{
	return occupant ? occupant_next(occupant) : room_first_occupant(room);
}

/* How many come before the occupant of that JID, or < 0: there is none. */
static ssize_t place_of(const struct room *room, struct str id)
{
	ssize_t place = 0;
	for (const struct occupant *at = room_first_occupant(room); at; at = occupant_next(at), place++)
		if (str_eq(jid_full(&at->jid), id))
			return place;
	return -1;
}

static void put_occupants(
    const struct room *room, const struct rsm *rsm, const struct page *page, struct xml_writer *reply)
{
	struct rsm_page given = {.index = (int64_t)page->begin, .count = room->occupant_count};
	const struct occupant *at = NULL;
	for (size_t place = 0; place < page->end && (at = next_of(room, at)); place++) {
		if (place < page->begin)
			continue;
		disco_put_item(reply, jid_full(&at->jid), STR_NULL, jid_resource(&at->jid));
		given.last = jid_full(&at->jid);
		if (!given.first.ptr)
			given.first = given.last;
	}
	if (rsm->wanted || page->begin > 0 || page->end < room->occupant_count)
		rsm_write(reply, &given);
}

static enum iq_verdict answer_items(const struct room *room, struct iq *iq)
{
	struct rsm rsm;
	if (rsm_parse(iq->payload, &rsm, NULL) < 0)
		return iq_refuse(iq, SE_bad_request, "malformed result set");
	ssize_t after = rsm.after.len ? place_of(room, rsm.after) : 0;
	ssize_t before = rsm.before.len ? place_of(room, rsm.before) : (ssize_t)room->occupant_count;
	if (after < 0 || before < 0)
		return iq_refuse(iq, SE_item_not_found, "no item of this list has that id");
	struct page page = page_of(&rsm, room->occupant_count, (size_t)after + (rsm.after.len > 0),
	    (size_t)before, page_max(&rsm, ITEMS_MAX));
	xml_open(iq->reply, "query", NS_DISCO_ITEMS);
	put_occupants(room, &rsm, &page, iq->reply);
	xml_close(iq->reply);
	return IQ_ANSWER;
}

enum iq_verdict room_disco_items_on_iq(struct room *room, struct iq *iq)
{
	if (iq->type == IQ_SET)
		return iq_refuse(iq, SE_not_allowed, NULL);
	if (str_is(xml_attr_s(iq->payload, "node"), NS_COMMANDS) &&
	    room_hats_put_items(room, iq->from, iq->reply))
		return IQ_ANSWER;
	if (xml_attr_s(iq->payload, "node").len)
		return iq_refuse(iq, SE_item_not_found, "there is no such node");
	if (room->config.public_list || is_inside(room, iq->from))
		return answer_items(room, iq);
	/* 6.5: a private list is an empty one */
	xml_put_element(iq->reply, "query", NS_DISCO_ITEMS, STR_NULL);
	return IQ_ANSWER;
}
