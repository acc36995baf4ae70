/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/configure.h"
#include "modules/mod_muc/subscribers.h"
#include "stanzad/metric.h"
#include "stanzad/rand.h"
#include "stanzad/receipt.h"

#define NS_EVENT "http://jabber.org/protocol/pubsub#event"
#define NS_HINTS "urn:xmpp:hints"
#define NS_SID "urn:xmpp:sid:0"
#define RANDOM_ID 26

/* Something that is told to many: a stanza, or who subscribed. */
struct event {
	struct room *room;
	enum subscription_node node;
	struct str id;
	const struct jid *as;
	struct stanza *stanza; /* NULL: an element of that name */
	const char *name;
	struct str jid, nick; /* of the element; jid ptr NULL: it is not told */
};

/* --- one message ---------------------------------------------------------------------------------------- */

static void put_stanza(struct xml_writer *writer, const struct event *event, const struct jid *to)
{
	const struct stanza *stanza = event->stanza;
	const char *type = stanza_type_text(stanza->type);
	xml_open(writer, stanza_kind_text(stanza->kind), "jabber:client");
	xml_put_attr(writer, "from", jid_full(event->as));
	xml_put_attr(writer, "to", jid_full(to));
	if (*type)
		xml_put_attr(writer, "type", str_of(type));
	xml_put_attr(writer, "id", stanza->id);
	xml_put_attr(writer, "xml:lang", stanza->lang);
	xml_put_raw(writer, stanza->root->inner);
	xml_put_raw(writer, stanza->tail);
	xml_close(writer);
}

static void put_change(struct xml_writer *writer, const struct event *event)
{
	xml_open(writer, event->name, NS_MUCSUB);
	xml_put_attr(writer, "jid", event->jid);
	xml_put_attr(writer, "nick", event->nick);
	xml_close(writer);
}

/* Presence is of no use to those who come later. */
static bool is_momentary(const struct event *event)
{
	return event->stanza && event->stanza->kind == STANZA_PRESENCE;
}

static struct stanza *wrap(const struct event *event, const struct jid *to)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "message", NULL);
	xml_put_attr(&writer, "id", event->id);
	xml_open(&writer, "event", NS_EVENT);
	xml_open(&writer, "items", NULL);
	xml_put_attr(&writer, "node", str_of(subscription_node_text(event->node)));
	xml_open(&writer, "item", NULL);
	xml_put_attr(&writer, "id", event->id);
	if (event->stanza)
		put_stanza(&writer, event, to);
	else
		put_change(&writer, event);
	xml_close(&writer);
	xml_close(&writer);
	xml_close(&writer);
	if (is_momentary(event))
		xml_put_element(&writer, "no-store", NS_HINTS, STR_NULL);
	xml_close(&writer);
	struct stanza *wrapped = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return wrapped;
}

static void send_to(const struct event *event, const struct subscriber *to)
{
	struct stanza *wrapped = wrap(event, &to->jid);
	if (wrapped)
		route(&event->room->jid, &to->jid, wrapped);
	stanza_unref(&wrapped);
}

/* --- to all who are to hear of it ----------------------------------------------------------------------- */

/* They have no role: it is what they would be inside. */
static bool sees_jids(const struct room *room, const struct subscriber *subscriber)
{
	return room->config.anonymous == ROOM_WHOIS_ANYONE ||
	       room_default_role(room, room_privilege(room, &subscriber->jid)) == ROOM_MODERATOR;
}

static bool anybody_wants(const struct room *room, unsigned nodes)
{
	for (struct subscriber *at = room_first_subscriber(room); at; at = subscriber_next(room, at))
		if (at->nodes & nodes)
			return true;
	return false;
}

/* Whoever is inside hears it there. */
static void send_all(struct event *event, void (*adapt)(struct event *event, bool jids, void *arg), void *arg)
{
	struct room *room = event->room;
	struct receipt *before;
	char id[RANDOM_ID + 1];
	int64_t copies = 0;
	if (!event->id.len) {
		rand_id(id, RANDOM_ID);
		event->id = str_of(id);
	}
	uint64_t round = subscribers_mark(room);
	receipt_enter(NULL, &before);
	room_walk_begin(room);
	for (struct subscriber *at = room_first_subscriber(room); at; at = subscriber_next(room, at)) {
		if (at->round == round || !(at->nodes & (1u << event->node)))
			continue;
		if (adapt)
			adapt(event, sees_jids(room, at), arg);
		if (event->stanza || event->name) {
			send_to(event, at);
			copies++;
		}
	}
	room_walk_end(room);
	receipt_leave(before);
	metric_add(room->instance, MUC_METRIC_COPIES, copies);
}

/* --- messages ------------------------------------------------------------------------------------------- */

/* The id that the archive gave it, in what the room added to it. */
static struct str archived_id(const struct room *room, const struct stanza *sent, struct arena *arena)
{
	struct strbuf text = {0};
	struct str id = STR_NULL;
	strbuf_cstr(&text, "<tail xmlns='jabber:client'>");
	strbuf_str(&text, sent->tail);
	strbuf_cstr(&text, "</tail>");
	struct xml_tree *tree = xml_parse(strbuf_view(&text), NS_CLIENT, &xml_limits_default, NULL, NULL);
	for (const struct xml *at = tree ? xml_child(tree->root, "stanza-id", NS_SID) : NULL; at;
	     at = xml_next(at, "stanza-id", NS_SID))
		if (str_eq(xml_attr_s(at, "by"), jid_full(&room->jid)))
			id = arena_str(arena, xml_attr_s(at, "id"));
	xml_tree_unref(&tree);
	strbuf_fini(&text);
	return id;
}

void subscription_tell_said(struct room *room, const struct jid *as, struct stanza *sent)
{
	enum subscription_node node =
	    room_is_subject(sent) ? SUBSCRIPTION_SUBJECT : SUBSCRIPTION_MESSAGES;
	struct arena arena = {0};
	if (!anybody_wants(room, 1u << node))
		return;
	struct event event = {.room = room, .node = node, .as = as, .stanza = sent};
	event.id = archived_id(room, sent, &arena);
	send_all(&event, NULL, NULL);
	arena_fini(&arena);
}

/* --- what is not the same for all ----------------------------------------------------------------------- */

struct views {
	struct stanza *open, *hidden;
};

static void choose_view(struct event *event, bool jids, void *arg)
{
	const struct views *views = arg;
	event->stanza = jids ? views->open : views->hidden;
}

void subscription_tell(struct room *room, enum subscription_node node, const struct jid *as,
    struct stanza *open, struct stanza *hidden)
{
	struct views views = {open, hidden};
	struct event event = {.room = room, .node = node, .as = as};
	if (anybody_wants(room, 1u << node))
		send_all(&event, choose_view, &views);
}

static void hide_jid(struct event *event, bool jids, void *arg)
{
	const struct jid *jid = arg;
	event->jid = jids ? jid_bare(jid) : STR_NULL;
}

void subscription_tell_change(struct room *room, const struct jid *jid, struct str nick, const char *name)
{
	struct event event = {
	    .room = room, .node = SUBSCRIPTION_SUBSCRIBERS, .as = &room->jid, .name = name, .nick = nick};
	if (anybody_wants(room, SUBSCRIPTION(SUBSCRIBERS)))
		send_all(&event, hide_jid, (void *)jid);
}

/* --- the room ------------------------------------------------------------------------------------------- */

void subscription_tell_configured(struct room *room, const struct room_config *before)
{
	int codes[ROOM_CONFIG_CODES];
	room_config_codes(before, &room->config, codes);
	if (!codes[0] || !anybody_wants(room, SUBSCRIPTION(CONFIG)))
		return;
	struct stanza *stanza = room_status_message(codes);
	subscription_tell(room, SUBSCRIPTION_CONFIG, &room->jid, stanza, stanza);
	stanza_unref(&stanza);
}

static struct stanza *end_presence(struct str destroy)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "presence", NULL);
	xml_put_attr(&writer, "type", STR("unavailable"));
	xml_open(&writer, "x", NS_MUC_USER);
	xml_open(&writer, "item", NULL);
	xml_put_attr(&writer, "affiliation", STR("none"));
	xml_put_attr(&writer, "role", STR("none"));
	xml_close(&writer);
	xml_put_raw(&writer, destroy);
	xml_close(&writer);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return stanza;
}

/* It is news of the system; those who want none of these get it as a change of the room. */
void subscription_tell_end(struct room *room, struct str destroy)
{
	static const enum subscription_node nodes[] = {SUBSCRIPTION_SYSTEM, SUBSCRIPTION_CONFIG};
	if (!anybody_wants(room, SUBSCRIPTION(SYSTEM) | SUBSCRIPTION(CONFIG)))
		return;
	struct stanza *stanza = end_presence(destroy);
	uint64_t round = subscribers_mark(room);
	char id[RANDOM_ID + 1];
	rand_id(id, RANDOM_ID);
	room_walk_begin(room);
	for (struct subscriber *at = room_first_subscriber(room); at && stanza; at = subscriber_next(room, at)) {
		struct arena arena = {0};
		struct jid as = jid_with_resource(&room->jid, room_word(&at->nick), &arena);
		enum subscription_node node = nodes[at->nodes & SUBSCRIPTION(SYSTEM) ? 0 : 1];
		struct event event = {.room = room, .node = node, .id = str_of(id), .as = &as, .stanza = stanza};
		if (at->round != round && (at->nodes & (1u << node)))
			send_to(&event, at);
		arena_fini(&arena);
	}
	room_walk_end(room);
	stanza_unref(&stanza);
}
