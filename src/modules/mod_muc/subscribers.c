/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/subscribers.h"

#include <stdlib.h>

#include "modules/mod_muc/feature.h"
#include "stanzad/mem.h"

struct subscribers {
	struct map by_jid, by_nick;
	struct list list;
	uint64_t round;
};

static const char *const nodes[SUBSCRIPTION_NODES] = {
    [SUBSCRIPTION_PRESENCE] = NS_MUCSUB_NODES "presence",
    [SUBSCRIPTION_MESSAGES] = NS_MUCSUB_NODES "messages",
    [SUBSCRIPTION_AFFILIATIONS] = NS_MUCSUB_NODES "affiliations",
    [SUBSCRIPTION_SUBSCRIBERS] = NS_MUCSUB_NODES "subscribers",
    [SUBSCRIPTION_CONFIG] = NS_MUCSUB_NODES "config",
    [SUBSCRIPTION_SUBJECT] = NS_MUCSUB_NODES "subject",
    [SUBSCRIPTION_SYSTEM] = NS_MUCSUB_NODES "system",
};

const char *subscription_node_text(enum subscription_node node)
{
	return nodes[node];
}

unsigned subscription_node_read(struct str text)
{
	struct str prefix = STR(NS_MUCSUB_NODES);
	for (unsigned node = 0; node < SUBSCRIPTION_NODES; node++) {
		struct str full = str_of(nodes[node]);
		if (str_eq(text, full) ||
		    str_eq(text, (struct str){full.ptr + prefix.len, full.len - prefix.len}))
			return 1u << node;
	}
	return 0;
}

/* --- who they are --------------------------------------------------------------------------------------- */

static struct subscribers *subscribers_of(const struct room *room)
{
	return room_slot(room, ROOM_FEATURE_subscribers);
}

static struct subscribers *subscribers_begin(struct room *room)
{
	struct subscribers *subscribers = subscribers_of(room);
	if (!subscribers) {
		subscribers = mem_zalloc(sizeof(*subscribers));
		list_init(&subscribers->list);
		room_set_slot(room, ROOM_FEATURE_subscribers, subscribers);
	}
	return subscribers;
}

struct subscriber *room_subscriber(const struct room *room, const struct jid *jid)
{
	const struct subscribers *subscribers = subscribers_of(room);
	return subscribers ? map_get(&subscribers->by_jid, jid_bare(jid)) : NULL;
}

struct subscriber *room_subscriber_by_nick(const struct room *room, struct str nick)
{
	const struct subscribers *subscribers = subscribers_of(room);
	return subscribers ? map_get(&subscribers->by_nick, nick) : NULL;
}

static struct subscriber *subscriber_at(const struct subscribers *subscribers, const struct list *node)
{
	return node == &subscribers->list ? NULL : list_entry(node, struct subscriber, in_room);
}

struct subscriber *room_first_subscriber(const struct room *room)
{
	const struct subscribers *subscribers = subscribers_of(room);
	return subscribers ? subscriber_at(subscribers, subscribers->list.next) : NULL;
}

struct subscriber *subscriber_next(const struct room *room, const struct subscriber *subscriber)
{
	return subscriber_at(subscribers_of(room), subscriber->in_room.next);
}

unsigned room_subscriber_count(const struct room *room)
{
	const struct subscribers *subscribers = subscribers_of(room);
	return subscribers ? subscribers->by_jid.count : 0;
}

/* --- coming and going ----------------------------------------------------------------------------------- */

/* Where two have the same nick, which only others can have written, the first one has it. */
static void keep_nick(struct subscribers *subscribers, struct subscriber *subscriber, struct str nick)
{
	if (map_get(&subscribers->by_nick, room_word(&subscriber->nick)) == subscriber)
		map_remove(&subscribers->by_nick, room_word(&subscriber->nick));
	room_word_set(&subscriber->nick, nick);
	if (nick.len && !map_get(&subscribers->by_nick, nick))
		map_put(&subscribers->by_nick, room_word(&subscriber->nick), subscriber);
}

struct subscriber *room_subscriber_put(
    struct room *room, const struct jid *jid, struct str nick, unsigned wanted)
{
	struct subscribers *subscribers = subscribers_begin(room);
	struct subscriber *subscriber = room_subscriber(room, jid);
	struct jid bare = jid_to_bare(jid);
	if (!subscriber) {
		if (subscribers->by_jid.count >= SUBSCRIBERS_MAX)
			return NULL;
		subscriber = mem_zalloc(sizeof(*subscriber));
		subscriber->jid = jid_dup_heap(&bare);
		map_put(&subscribers->by_jid, jid_full(&subscriber->jid), subscriber);
		list_add_before(&subscribers->list, &subscriber->in_room);
	}
	if (!str_eq(room_word(&subscriber->nick), nick))
		keep_nick(subscribers, subscriber, nick);
	subscriber->nodes = wanted;
	return subscriber;
}

void room_subscriber_drop(struct room *room, struct subscriber **subscriber)
{
	struct subscribers *subscribers = subscribers_of(room);
	struct subscriber *gone = *subscriber;
	*subscriber = NULL;
	keep_nick(subscribers, gone, STR_NULL);
	map_remove(&subscribers->by_jid, jid_full(&gone->jid));
	list_remove(&gone->in_room);
	room_pace_free(&gone->pace);
	free(gone->nick.ptr);
	free((char *)gone->jid.text);
	free(gone);
}

static void on_unload(struct room *room)
{
	struct subscribers *subscribers = subscribers_of(room);
	struct subscriber *subscriber;
	if (!subscribers)
		return;
	while ((subscriber = room_first_subscriber(room)))
		room_subscriber_drop(room, &subscriber);
	map_fini(&subscribers->by_jid);
	map_fini(&subscribers->by_nick);
	free(subscribers);
	room_set_slot(room, ROOM_FEATURE_subscribers, NULL);
}

uint64_t subscribers_mark(struct room *room)
{
	struct subscribers *subscribers = subscribers_begin(room);
	subscribers->round++;
	for (struct occupant *at = room_first_occupant(room); at; at = occupant_next(at)) {
		struct subscriber *subscriber = room_subscriber(room, &at->real);
		if (subscriber)
			subscriber->round = subscribers->round;
	}
	return subscribers->round;
}

/* --- as somebody who speaks ----------------------------------------------------------------------------- */

void room_guest_init(
    struct room_guest *guest_r, struct room *room, struct subscriber *subscriber, const struct jid *jid)
{
	enum room_affiliation affiliation = room_privilege(room, &subscriber->jid);
	*guest_r = (struct room_guest){.subscriber = subscriber};
	guest_r->client = (struct room_client){.occupant = &guest_r->occupant, .jid = *jid};
	guest_r->occupant = (struct occupant){
	    .room = room,
	    .jid = jid_with_resource(&room->jid, room_word(&subscriber->nick), &guest_r->arena),
	    .real = subscriber->jid,
	    .role = room_default_role(room, affiliation),
	    .affiliation = affiliation,
	    .clients = &guest_r->client,
	    .pace = subscriber->pace,
	};
	list_init(&guest_r->occupant.node);
	list_init(&guest_r->client.in_room);
	occupant_make_id(&guest_r->occupant);
}

void room_guest_fini(struct room_guest *guest)
{
	guest->subscriber->pace = guest->occupant.pace;
	arena_fini(&guest->arena);
}

/* --- what follows from what happens --------------------------------------------------------------------- */

/* Whoever may not enter any more hears no more. */
static bool may_stay(const struct room *room, const struct subscriber *subscriber)
{
	enum room_affiliation now = room_privilege(room, &subscriber->jid);
	return room->config.allow_subscription && now > ROOM_OUTCAST &&
	       (now >= ROOM_MEMBER || !room->config.members_only);
}

static struct subscriber *find_unwanted(const struct room *room)
{
	struct subscriber *at = room_first_subscriber(room);
	while (at && may_stay(room, at))
		at = subscriber_next(room, at);
	return at;
}

static void send_away_unwanted(struct room *room)
{
	struct subscriber *subscriber;
	while ((subscriber = find_unwanted(room)))
		room_unsubscribe(room, &subscriber->jid, NULL, NULL);
}

static void on_affiliation(struct room *room, const struct jid *jid, enum room_affiliation now)
{
	(void)jid;
	if (now < ROOM_MEMBER)
		send_away_unwanted(room);
}

static void on_configured(struct room *room, const struct room_config *before)
{
	subscription_tell_configured(room, before);
	send_away_unwanted(room);
	if (room->config.persistent && !before->persistent)
		subscriptions_write_all(room);
}

static void on_disco(struct room *room, struct xml_writer *reply)
{
	if (room->config.allow_subscription)
		disco_put_feature(reply, NS_MUCSUB);
}

/* A temporary room stays for those who follow it. */
static bool is_busy(const struct room *room)
{
	return !room->config.persistent && room_subscriber_count(room) > 0;
}

static const struct room_iq iqs[] = {
    {NS_MUCSUB, "subscribe", room_subscribe_on_iq, false},
    {NS_MUCSUB, "unsubscribe", room_unsubscribe_on_iq, false},
    {NS_MUCSUB, "subscriptions", room_subscriptions_on_iq, false},
    {0},
};

const struct room_feature room_feature_subscribers = {
    .name = "subscribers",
    .iqs = iqs,
    .said = subscription_tell_said,
    .affiliation = on_affiliation,
    .configured = on_configured,
    .disco = on_disco,
    .load_db = subscriptions_load_db,
    .loaded = subscriptions_loaded,
    .remove_db = subscriptions_remove_db,
    .unload = on_unload,
    .busy = is_busy,
};
