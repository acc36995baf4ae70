/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/feature.h"
#include "modules/mod_muc/subscribers.h"

#define STATUS_NONANONYMOUS 100
#define STATUS_SELF 110

enum view { VIEW_ANONYMOUS, VIEW_JIDS, VIEW_OWN };

/* --- one presence --------------------------------------------------------------------------------------- */

static void put_status(struct xml_writer *writer, int code)
{
	xml_open(writer, "status", NULL);
	xml_put_attr_u64(writer, "code", (uint64_t)code);
	xml_close(writer);
}

static void put_actor(struct xml_writer *writer, const struct room_telling *telling, bool jids)
{
	if (!telling->by && !(telling->by_jid && jids))
		return;
	xml_open(writer, "actor", NULL);
	if (telling->by)
		xml_put_attr(writer, "nick", jid_resource(&telling->by->jid));
	if (telling->by_jid && jids)
		xml_put_attr(writer, "jid", jid_bare(telling->by_jid));
	xml_close(writer);
}

/* One's own JID is no secret, that of who acted may be one. */
static bool shows_actor(const struct room_telling *telling, enum view view)
{
	return view == VIEW_JIDS ||
	       (view == VIEW_OWN && room_shows_jids_to(telling->occupant->room, telling->occupant));
}

static void put_item(struct xml_writer *writer, const struct room_telling *telling, enum view view)
{
	const struct room_client *client = telling->client ? telling->client : telling->occupant->clients;
	bool jids = view != VIEW_ANONYMOUS;
	xml_open(writer, "item", NULL);
	xml_put_attr(writer, "affiliation", str_of(room_affiliation_text(telling->affiliation)));
	xml_put_attr(writer, "role", str_of(room_role_text(telling->role)));
	if (jids && client)
		xml_put_attr(writer, "jid", jid_full(&client->jid));
	xml_put_attr(writer, "nick", telling->nick);
	put_actor(writer, telling, shows_actor(telling, view));
	if (telling->reason.len)
		xml_put_element(writer, "reason", NULL, telling->reason);
	xml_close(writer);
}

static void put_x(struct xml_writer *writer, const struct room_telling *telling, enum view view)
{
	const struct room *room = telling->occupant->room;
	xml_open(writer, "x", NS_MUC_USER);
	put_item(writer, telling, view);
	for (const int *code = telling->status; *code; code++)
		put_status(writer, *code);
	if (view == VIEW_OWN) {
		for (const int *code = telling->own_status; *code; code++)
			put_status(writer, *code);
		if (room->config.anonymous == ROOM_WHOIS_ANYONE && !telling->unavailable)
			put_status(writer, STATUS_NONANONYMOUS);
		put_status(writer, STATUS_SELF);
	}
	if (telling->extra.len)
		xml_put_raw(writer, telling->extra);
	if (view == VIEW_OWN && telling->own_extra.len)
		xml_put_raw(writer, telling->own_extra);
	xml_close(writer);
}

/* What features say of the occupant. */
static void put_features(struct xml_writer *writer, const struct occupant *occupant)
{
	struct strbuf tail = {0};
	room_put_occupant_id(&tail, occupant);
	for (const struct room_feature *const *feature = room_features; *feature; feature++)
		if ((*feature)->presence)
			(*feature)->presence(occupant->room, occupant, &tail);
	xml_put_raw(writer, strbuf_view(&tail));
	strbuf_fini(&tail);
}

static struct stanza *make(const struct room_telling *telling, enum view view, struct str id)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "presence", NULL);
	if (telling->unavailable)
		xml_put_attr(&writer, "type", STR("unavailable"));
	xml_put_attr(&writer, "id", id);
	if (telling->presence && telling->presence->lang.ptr)
		xml_put_attr(&writer, "xml:lang", telling->presence->lang);
	if (telling->presence) {
		xml_put_raw(&writer, telling->presence->root->inner);
		xml_put_raw(&writer, telling->presence->tail);
	}
	put_features(&writer, telling->occupant);
	put_x(&writer, telling, view);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return stanza;
}

/* --- who is told ---------------------------------------------------------------------------------------- */

void room_telling_init(struct room_telling *telling, struct occupant *occupant)
{
	*telling = (struct room_telling){.occupant = occupant,
	    .presence = occupant->clients ? occupant->clients->presence : NULL,
	    .affiliation = occupant->affiliation,
	    .role = occupant->role};
}

bool room_is_crowded(const struct room *room)
{
	return room->occupant_count > module_option(room->instance, "max_users_presence")->integer;
}

static bool may_be_shown(const struct room *room, const struct room_telling *telling)
{
	return (room->config.presence_broadcast & ROOM_BROADCAST(telling->role)) != 0 &&
	       (telling->occupant->shown || !room_is_crowded(room));
}

/* What most see is made once, and kept for those who enter later. */
static struct stanza *view_for(const struct room_telling *telling, struct stanza **made, enum view view)
{
	if (!made[view])
		made[view] = make(telling, view, STR_NULL);
	return made[view];
}

static void hand(const struct room_telling *telling, struct stanza *stanza, const struct room_client *to)
{
	if (stanza)
		route(&telling->occupant->jid, &to->jid, stanza);
}

/* What makes somebody go, and what they may do, is news of their affiliation. */
static enum subscription_node node_of(const struct room_telling *telling)
{
	bool sent_away = telling->unavailable && telling->status[0] && !telling->nick.ptr;
	return telling->standing || sent_away ? SUBSCRIPTION_AFFILIATIONS : SUBSCRIPTION_PRESENCE;
}

static void tell_others(struct room *room, const struct room_telling *telling)
{
	struct stanza *made[3] = {0};
	for (struct list *at = room->clients.next; at != &room->clients; at = at->next) {
		struct room_client *client = list_entry(at, struct room_client, in_room);
		if (client->occupant == telling->occupant)
			continue;
		bool jids = room_shows_jids_to(room, client->occupant);
		hand(telling, view_for(telling, made, jids ? VIEW_JIDS : VIEW_ANONYMOUS), client);
	}
	if (room_subscriber_count(room))
		subscription_tell(room, node_of(telling), &telling->occupant->jid,
		    view_for(telling, made, VIEW_JIDS), view_for(telling, made, VIEW_ANONYMOUS));
	for (int i = 0; i < 3; i++)
		stanza_unref(&made[i]);
}

static void tell_own(const struct room_telling *telling)
{
	for (const struct room_client *client = telling->occupant->clients; client; client = client->next)
		if (!telling->unavailable || !telling->client || telling->client == client)
			room_tell_one(telling->occupant->room, telling, client);
}

/* They were told that the occupant is here, and the role is one now that they do not hear of (7.2.2). */
static void hide(struct room *room, const struct room_telling *telling)
{
	struct room_telling gone = *telling;
	gone.unavailable = true;
	gone.presence = NULL;
	gone.role = ROOM_NO_ROLE;
	gone.client = NULL;
	tell_others(room, &gone);
	telling->occupant->shown = false;
}

void room_tell(struct room *room, const struct room_telling *telling)
{
	struct occupant *occupant = telling->occupant;
	bool some_stay = telling->unavailable && telling->client &&
	                 (occupant->clients != telling->client || telling->client->next);
	room_walk_begin(room);
	occupant_forget_told(occupant);
	if (telling->unavailable) {
		if (occupant->shown && !some_stay)
			tell_others(room, telling);
		occupant->shown = occupant->shown && some_stay;
	} else if (may_be_shown(room, telling)) {
		tell_others(room, telling);
		occupant->shown = true;
	} else if (occupant->shown) {
		hide(room, telling);
	}
	tell_own(telling);
	room_walk_end(room);
}

void room_tell_one(struct room *room, const struct room_telling *telling, const struct room_client *to)
{
	bool own = to->occupant == telling->occupant;
	enum view view = own                                      ? VIEW_OWN
	                 : room_shows_jids_to(room, to->occupant) ? VIEW_JIDS
	                                                          : VIEW_ANONYMOUS;
	struct str id = own && telling->answers ? telling->answers->id : STR_NULL;
	struct room_telling one = *telling;
	if (own && !one.client)
		one.client = to;
	struct stanza *stanza = make(&one, view, id);
	hand(telling, stanza, to);
	stanza_unref(&stanza);
}

void room_tell_all_to(struct room *room, const struct room_client *to)
{
	bool jids = room_shows_jids_to(room, to->occupant);
	if (room_is_crowded(room))
		return;
	room_walk_begin(room);
	for (struct occupant *other = room_first_occupant(room); other; other = occupant_next(other)) {
		struct room_telling telling;
		if (other == to->occupant || !(room->config.presence_broadcast & ROOM_BROADCAST(other->role)))
			continue;
		room_telling_init(&telling, other);
		if (!other->told[jids])
			other->told[jids] = make(&telling, jids ? VIEW_JIDS : VIEW_ANONYMOUS, STR_NULL);
		hand(&telling, other->told[jids], to);
	}
	room_walk_end(room);
}

void room_tell_nobody(const struct jid *as, const struct jid *to, const int *codes, struct str reason)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "presence", NULL);
	xml_put_attr(&writer, "type", STR("unavailable"));
	xml_open(&writer, "x", NS_MUC_USER);
	xml_open(&writer, "item", NULL);
	xml_put_attr(&writer, "affiliation", STR("none"));
	xml_put_attr(&writer, "role", STR("none"));
	if (reason.len)
		xml_put_element(&writer, "reason", NULL, reason);
	xml_close(&writer);
	for (; *codes; codes++)
		put_status(&writer, *codes);
	xml_close(&writer);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	if (stanza)
		route(as, to, stanza);
	stanza_unref(&stanza);
	xml_writer_fini(&writer);
}

void room_tell_change(struct room *room, struct occupant *occupant, const struct occupant *by, struct str reason)
{
	struct room_telling telling;
	room_telling_init(&telling, occupant);
	telling.standing = true;
	telling.by = by;
	telling.reason = reason;
	for (struct room_client *client = occupant->clients; client; client = client->next)
		room_client_dirty(room, client);
	room_tell(room, &telling);
}
