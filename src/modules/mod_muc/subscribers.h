/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MUC/Sub, ejabberd's way to follow a room without being in it: people who are told what happens there in messages to
 * their account, and who may speak. Who they are is in subscribers.c, storage (table muc_room_subscribers) in
 * subscription_store.c, requests in subscription_iq.c, what they are told in subscription_events.c. On the home of the
 * room, unless said otherwise.
 */
#pragma once

#include "modules/mod_muc/room.h"
#include "stanzad/hooks.h"

#define NS_MUCSUB "urn:xmpp:mucsub:0"
#define NS_MUCSUB_NODES "urn:xmpp:mucsub:nodes:"
#define SUBSCRIBERS_MAX 20000 /* of one room */

/* What is told: bits of a subscription. */
enum subscription_node {
	SUBSCRIPTION_PRESENCE,
	SUBSCRIPTION_MESSAGES,
	SUBSCRIPTION_AFFILIATIONS,
	SUBSCRIPTION_SUBSCRIBERS,
	SUBSCRIPTION_CONFIG,
	SUBSCRIPTION_SUBJECT,
	SUBSCRIPTION_SYSTEM,
	SUBSCRIPTION_NODES,
};
#define SUBSCRIPTION(node) (1u << SUBSCRIPTION_##node)
/* "urn:xmpp:mucsub:nodes:presence", ... */
const char *subscription_node_text(enum subscription_node node);
/* The bit of such a name, or of what stands behind its last colon; 0: there is no such node. */
unsigned subscription_node_read(struct str text);

struct subscriber {
	struct jid jid; /* bare; on the heap */
	struct room_word nick;
	unsigned nodes;
	struct room_pace *pace;
	struct list in_room; /* in the order of their coming */
	uint64_t round;      /* subscribers_mark: the latest one in which they were in the room */
};

/* --- subscribers.c --- */
/* By the bare JID of any JID; NULL. */
struct subscriber *room_subscriber(const struct room *room, const struct jid *jid);
struct subscriber *room_subscriber_by_nick(const struct room *room, struct str nick);
/* In the order of their coming. */
struct subscriber *room_first_subscriber(const struct room *room);
struct subscriber *subscriber_next(const struct room *room, const struct subscriber *subscriber);
unsigned room_subscriber_count(const struct room *room);
/* In memory alone, and nobody is told. NULL: there are too many. */
struct subscriber *room_subscriber_put(struct room *room, const struct jid *jid, struct str nick, unsigned nodes);
void room_subscriber_drop(struct room *room, struct subscriber **subscriber);
/* Of those who are in the room now round is what this returns: they are told as occupants. */
uint64_t subscribers_mark(struct room *room);

/*
 * A subscriber as if they were an occupant with one client, for what is asked of somebody who speaks or is spoken to.
 * It is on the stack, and no part of the room; its role is what they would have inside.
 */
struct room_guest {
	struct occupant occupant;
	struct room_client client;
	struct subscriber *subscriber;
	struct arena arena;
};
void room_guest_init(
    struct room_guest *guest_r, struct room *room, struct subscriber *subscriber, const struct jid *jid);
void room_guest_fini(struct room_guest *guest);

/* --- subscription_store.c --- */
/* Calls done(arg, result) when it is durable what the subscription is now, or that there is none any more: later, or at
 * once when the room is temporary. result < 0: it could not be written, which is in the log. done may be NULL. */
typedef void subscription_done(void *arg, int result);
void subscription_write(struct room *room, const struct subscriber *subscriber, subscription_done *done, void *arg);
void subscription_remove(struct room *room, const struct jid *jid, subscription_done *done, void *arg);
/* The room is persistent from now on. */
void subscriptions_write_all(struct room *room);
int subscriptions_load_db(
    struct muc *muc, struct db *db, const struct jid *room, struct arena *arena, void **word, struct err *err);
void subscriptions_loaded(struct room *room, void *word);
int subscriptions_remove_db(struct muc *muc, struct db *db, const struct jid *room, struct err *err);
/* The account is removed: nobody who has its name later hears what it followed. Functions of hooks. */
enum hook_verdict subscriptions_on_removed(struct module_instance *instance, struct hook_user_removed *event);
enum hook_verdict subscriptions_on_gone(struct module_instance *instance, struct hook_user *event);
/* On a storage thread: calls each for every room whose subscriber that bare JID is. service empty: those of all. */
struct subscription_row {
	struct str room, service, nick;
	unsigned nodes;
};
int subscriptions_of(struct db *db, struct str jid, struct str service,
    void (*each)(void *arg, const struct subscription_row *row), void *arg, struct err *err);

/* --- subscription_iq.c --- */
/* A new subscription, or what is to be another about one: nick is prepared. */
struct subscribing {
	struct jid jid; /* bare or full */
	struct str nick;
	unsigned nodes;
	struct str password;
	bool trusted; /* a command: no password is asked for */
};
/* Whether that may be: NULL, or what is against it, a literal. */
const char *room_subscribe_check(
    const struct room *room, const struct subscribing *subscribing, enum stanza_condition *condition_r);
/* Does it, tells, and writes it. */
void room_subscribe(struct room *room, const struct subscribing *subscribing, subscription_done *done, void *arg);
void room_unsubscribe(struct room *room, const struct jid *jid, subscription_done *done, void *arg);
enum iq_verdict room_subscribe_on_iq(struct room *room, struct iq *iq);
enum iq_verdict room_unsubscribe_on_iq(struct room *room, struct iq *iq);
enum iq_verdict room_subscriptions_on_iq(struct room *room, struct iq *iq);
/* subscription_list.c: one's own in all rooms of the service. */
enum iq_verdict muc_subscriptions_on_iq(struct iq *iq);
void subscription_put_events(struct xml_writer *writer, unsigned nodes);

/* --- subscription_events.c --- */
void subscription_tell_said(struct room *room, const struct jid *as, struct stanza *sent);
/* what: presence or message as they see it who see real JIDs, and as the others do; each may be NULL. */
void subscription_tell(struct room *room, enum subscription_node node, const struct jid *as, struct stanza *open,
    struct stanza *hidden);
/* name: "subscribe" or "unsubscribe". */
void subscription_tell_change(struct room *room, const struct jid *jid, struct str nick, const char *name);
void subscription_tell_configured(struct room *room, const struct room_config *before);
/* 10.9 */
void subscription_tell_end(struct room *room, struct str destroy);
