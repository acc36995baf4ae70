/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/mem.h"
#include "route/host_private.h"
#include "route/iq_request.h"
#include "route/privacy.h"
#include "route/router.h"
#include "route/user_private.h"
#include "store/store_open.h"

#define STORE_BACKLOG_MAX 5000 /* operations */

static void bounce(
    const struct jid *from, const struct jid *to, struct stanza *stanza, enum stanza_condition condition)
{
	struct stanza_error error = {.condition = condition};
	route_error(from, to, stanza, &error);
}

/* --- messages: RFC 6121 8.5, table in 8.5.4 ------------------------------------------------------------- */

void session_set_takes_all(struct session *session, bool takes_all)
{
	session->takes_all = takes_all;
}

#define NO_PRIORITY (INT8_MAX + 1) /* sessions that take all, and no other */

static bool takes_all(const struct session *session)
{
	return session->takes_all && session->presence;
}

static bool anybody_takes_all(const struct user *user)
{
	for (const struct session *session = user->sessions; session; session = session->next)
		if (takes_all(session))
			return true;
	return false;
}

static bool names_one(const struct stanza *stanza)
{
	return xml_child(stanza->root, "im-ng", "urn:xmpp:im-ng:0") != NULL;
}

/* XEP-0409 4: for the sessions that take all, though it is addressed to one resource. */
static bool is_for_all(const struct user *user, const struct stanza *stanza)
{
	return anybody_takes_all(user) && stanza->type != MESSAGE_GROUPCHAT &&
	       stanza->type != MESSAGE_HEADLINE && !names_one(stanza);
}

static int best_priority(const struct user *user)
{
	int best = -1;
	for (const struct session *session = user->sessions; session; session = session->next)
		if (session->presence && session->priority > best)
			best = session->priority;
	return best;
}

static void tell_delivered(struct user *user, const struct jid *from, const struct jid *to,
    struct stanza *stanza, const struct session *session, int priority)
{
	struct hook_message_delivered event = {user, from, to, stanza, session, priority};
	if (!trace_on() && stanza->kind == STANZA_MESSAGE)
		hook_run_message_delivered(user->host, &event);
}

/*
 * To every available session of at least that priority. Each can have a list of its own; when all of them
 * refuse it the sender hears of it once.
 */
static void deliver_from_priority(
    struct user *user, int least, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct hook_stanza event = {.from = from, .to = to, .stanza = stanza, .user = user, .direction = HOOK_IN};
	bool taken = false, bounced = false;
	struct session *next;
	event.error.condition = SE_service_unavailable;
	for (struct session *session = user->sessions; session; session = next) {
		next = session->next;
		if (!session->presence || (session->priority < least && !session->takes_all))
			continue;
		event.session = session;
		enum hook_verdict verdict = privacy_check(&event);
		if (verdict == HOOK_PASS)
			session_hand_over(session, from, to, stanza);
		taken |= verdict == HOOK_PASS;
		bounced |= verdict == HOOK_BOUNCE;
	}
	if (bounced && !taken)
		route_error(from, to, stanza, &event.error);
	if (taken)
		tell_delivered(user, from, to, stanza, NULL, least);
}

bool storage_has_room(const struct jid *from)
{
	struct store_stats store;
	store_stats(&store);
	if (store.waiting <= STORE_BACKLOG_MAX)
		return true;
	session_slow_sender(from, SESSION_SLOW_MS);
	return !session_cannot_slow(from);
}

static void message_offline(
    struct user *user, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	TRACE(
	    STAGE_OFFLINE, "%.*s has no available resource of non-negative priority", STR_FMT(jid_bare(to)));
	if (!privacy_lets_in(user, NULL, from, to, stanza))
		return;
	struct hook_stanza event = {
	    .from = from,
	    .to = to,
	    .stanza = stanza,
	    .user = user,
	    .error = {.condition = SE_resource_constraint},
	};
	enum hook_verdict verdict = HOOK_BOUNCE;
	if (trace_on() || storage_has_room(from)) {
		event.error.condition = SE_service_unavailable;
		verdict = hook_run_message_offline(user->host, &event);
	}
	if (verdict != HOOK_STOP && !event.unasked)
		route_error(from, to, stanza, &event.error);
	hook_stanza_fini(&event, stanza);
}

static void message_to_bare(
    struct user *user, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	int best = best_priority(user);
	bool all = anybody_takes_all(user);
	switch (stanza->type) {
	case MESSAGE_GROUPCHAT:
		if (all)
			deliver_from_priority(user, NO_PRIORITY, from, to, stanza);
		else
			bounce(from, to, stanza, SE_service_unavailable);
		break;
	case MESSAGE_HEADLINE:
		TRACE(STAGE_CHOSEN, "a headline goes to every resource of non-negative priority");
		deliver_from_priority(user, 0, from, to, stanza);
		break;
	case STANZA_ERROR:
		TRACE(STAGE_DROPPED, "an error to a bare JID is ignored");
		break;
	default:
		if (best < 0 && !all) {
			message_offline(user, from, to, stanza);
			break;
		}
		TRACE(STAGE_CHOSEN, "the resources of the highest priority, %d%s", best,
		    all ? ", and those that take all" : "");
		deliver_from_priority(user, best < 0 ? NO_PRIORITY : best, from, to, stanza);
	}
}

/* RFC 6121 8.5.3.2.1: no session has that resource. */
static void message_to_absent(
    struct user *user, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (is_for_all(user, stanza)) {
		TRACE(STAGE_CHOSEN, "nobody has this resource: the message goes to those that take all");
		if (stanza->type == STANZA_ERROR)
			deliver_from_priority(user, NO_PRIORITY, from, to, stanza);
		else
			message_to_bare(user, from, to, stanza);
		return;
	}
	if (stanza->type == MESSAGE_CHAT && names_one(stanza)) {
		bounce(from, to, stanza, SE_service_unavailable);
		return;
	}
	switch (stanza->type) {
	case MESSAGE_CHAT:
		TRACE(STAGE_CHOSEN, "nobody has this resource: a chat message goes to the bare JID");
		message_to_bare(user, from, to, stanza);
		break;
	case MESSAGE_HEADLINE:
	case STANZA_ERROR:
		TRACE(STAGE_DROPPED, "nobody has this resource");
		break;
	default:
		bounce(from, to, stanza, SE_service_unavailable);
	}
}

static void message_to_others(struct user *user, const struct jid *from, const struct jid *to,
    struct stanza *stanza)
{
	struct session *next;
	for (struct session *session = user->sessions; session; session = next) {
		next = session->next;
		if (takes_all(session) && !str_eq(jid_resource(&session->jid), jid_resource(to)))
			session_deliver(session, from, to, stanza);
	}
}

static void sm_message(struct user *user, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct session *session = to->resource_len ? user_session(user, jid_resource(to)) : NULL;
	if (session) {
		TRACE(STAGE_CHOSEN, "the resource that is addressed");
		session_deliver(session, from, to, stanza);
		if (is_for_all(user, stanza))
			message_to_others(user, from, to, stanza);
		if ((session = user_session(user, jid_resource(to))))
			tell_delivered(user, from, to, stanza, session, 0);
	} else if (!user_exists(user) && stanza->type != MESSAGE_HEADLINE) {
		bounce(from, to, stanza, SE_service_unavailable);
	} else if (to->resource_len) {
		message_to_absent(user, from, to, stanza);
	} else {
		message_to_bare(user, from, to, stanza);
	}
}

/* --- presence: RFC 6121 3, 4, 8.5.1 to 8.5.3 ------------------------------------------------------------ */

static void subscription_in(
    struct user *user, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct jid bare_from = jid_to_bare(from), bare_to = jid_to_bare(to);
	struct hook_stanza event = {
	    .from = &bare_from,
	    .to = &bare_to,
	    .stanza = stanza,
	    .user = user,
	    .error = {.condition = SE_service_unavailable},
	};
	if (!privacy_lets_in(user, NULL, from, to, stanza))
		return;
	TRACE(STAGE_HANDLED, "as a subscription stanza, by hook subscription_in");
	if (hook_run_subscription_in(user->host, &event) == HOOK_BOUNCE)
		route_error(from, to, stanza, &event.error);
	hook_stanza_fini(&event, stanza);
}

static void presence_to_sessions(
    struct user *user, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (to->resource_len) {
		struct session *session = user_session(user, jid_resource(to));
		TRACE(STAGE_CHOSEN, "%s",
		    session ? "the resource that is addressed" : "nobody has this resource");
		if (session)
			session_deliver(session, from, to, stanza);
		return;
	}
	TRACE(STAGE_CHOSEN, "every available resource");
	deliver_from_priority(user, INT8_MIN, from, to, stanza);
}

/* A probe is for the user as a whole; the rest is for resources, and those are asked one by one. */
static void presence_in(
    struct user *user, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	bool probe = stanza->type == PRESENCE_PROBE;
	struct hook_stanza event = {
	    .from = from,
	    .to = to,
	    .stanza = stanza,
	    .user = user,
	    .error = {.condition = SE_service_unavailable},
	};
	if (probe && !privacy_lets_in(user, NULL, from, to, stanza))
		return;
	enum hook_verdict verdict = hook_run_presence_in(user->host, &event);
	if (verdict == HOOK_BOUNCE)
		route_error(from, to, stanza, &event.error);
	else if (verdict == HOOK_PASS && !probe)
		presence_to_sessions(user, from, to, event.stanza);
	hook_stanza_fini(&event, stanza);
}

static void sm_presence(
    struct user *user, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	switch (stanza->type) {
	case PRESENCE_SUBSCRIBE:
	case PRESENCE_SUBSCRIBED:
	case PRESENCE_UNSUBSCRIBE:
	case PRESENCE_UNSUBSCRIBED:
		subscription_in(user, from, to, stanza);
		break;
	case STANZA_TYPE_INVALID:
		bounce(from, to, stanza, SE_bad_request);
		break;
	default:
		presence_in(user, from, to, stanza);
	}
}

/* --- IQs: RFC 6121 8.5.2.1.3, 8.5.2.2.3, 8.5.3 ---------------------------------------------------------- */

static void sm_iq(struct user *user, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (stanza->type == STANZA_TYPE_INVALID) {
		bounce(from, to, stanza, SE_bad_request);
	} else if (to->resource_len) {
		struct session *session = user_session(user, jid_resource(to));
		TRACE(STAGE_CHOSEN, "%s",
		    session ? "the resource that is addressed" : "nobody has this resource");
		if (session)
			session_deliver(session, from, to, stanza);
		else
			bounce(from, to, stanza, SE_service_unavailable);
	} else if (!stanza_is_request(stanza)) {
		iq_request_answered(from, to, stanza);
	} else if (privacy_lets_in(user, NULL, from, to, stanza)) {
		iq_dispatch(user->host, IQ_SM, user, from, to, stanza);
	}
}

/* --- arriving ------------------------------------------------------------------------------------------- */

static void choose(struct user *user, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	switch (stanza->kind) {
	case STANZA_MESSAGE:
		sm_message(user, from, to, stanza);
		break;
	case STANZA_PRESENCE:
		if (user_exists(user) || stanza->type == PRESENCE_SUBSCRIBE || stanza->type == PRESENCE_PROBE)
			sm_presence(user, from, to, stanza);
		else
			TRACE(STAGE_DROPPED, "presence to a user that does not exist");
		break;
	case STANZA_IQ:
		sm_iq(user, from, to, stanza);
		break;
	}
}

static void deliver_to(struct user *user, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct hook_stanza event = {
	    .from = from,
	    .to = to,
	    .stanza = stanza,
	    .user = user,
	    .error = {.condition = SE_service_unavailable},
	};
	enum hook_verdict verdict =
	    user_exists(user) ? hook_run_user_inbound(user->host, &event) : HOOK_PASS;
	if (verdict == HOOK_PASS)
		choose(user, from, to, event.stanza);
	else if (verdict == HOOK_BOUNCE)
		route_error(from, to, stanza, &event.error);
	hook_stanza_fini(&event, stanza);
}

struct delivery {
	struct user_waiter waiter;
	struct envelope *envelope;
};

static void on_user(struct user_waiter *waiter, struct user *user)
{
	struct delivery *delivery = (struct delivery *)waiter;
	struct envelope *envelope = delivery->envelope;
	struct envelope_before before;
	envelope_enter(envelope, &before);
	if (user) {
		TRACE(STAGE_LOADED, "read from storage");
		deliver_to(user, &envelope->from, &envelope->to, envelope->stanza);
	} else {
		bounce(&envelope->from, &envelope->to, envelope->stanza, SE_internal_server_error);
	}
	envelope_free(envelope);
	free(delivery);
	envelope_leave(&before);
}

void sm_deliver(struct host *host, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct user *user = user_find(jid_bare(to));
	if (user) {
		TRACE(STAGE_LOADED, "in memory, %u sessions", user_session_count(user));
		user->holds++;
		deliver_to(user, from, to, stanza);
		if (--user->holds == 0 && !user->sessions)
			user_settle(user);
		return;
	}
	/* Presence is for sessions, and a user who is not in memory has none: no need to read anybody from
	 * storage. */
	bool only_for_sessions = stanza->kind == STANZA_PRESENCE &&
				 (stanza->type == PRESENCE_AVAILABLE || stanza->type == PRESENCE_UNAVAILABLE);
	if (only_for_sessions && !user_in_memory(jid_bare(to))) {
		TRACE(STAGE_DROPPED, "the user has no session");
		return;
	}
	struct delivery *delivery = mem_zalloc(sizeof(*delivery));
	delivery->waiter.ready = on_user;
	delivery->envelope = envelope_new(from, to, stanza);
	user_wait(to, host, &delivery->waiter);
}

/* --- what a session did not pass on to its client ------------------------------------------------------- */

struct undelivered {
	struct user_waiter waiter;
	struct envelope *envelope;
	int priority;
	uint64_t delivered_ms;
};

/* RFC 6121 8.5.2.1.1: a message to the bare JID went to all resources of the highest priority. */
static bool has_it(const struct session *session, const struct undelivered *undelivered, bool for_all)
{
	bool bare = !undelivered->envelope->to.resource_len;
	if (!session->presence || session->bound_ms >= undelivered->delivered_ms)
		return false;
	return (bare && session->priority >= undelivered->priority) || (for_all && session->takes_all);
}

static bool others_have_it(struct user *user, const struct undelivered *undelivered)
{
	const struct envelope *envelope = undelivered->envelope;
	bool for_all = !envelope->to.resource_len || is_for_all(user, envelope->stanza);
	struct hook_message_undelivered event = {
	    user, &envelope->from, &envelope->to, envelope->stanza, undelivered->delivered_ms};
	for (const struct session *session = user->sessions; session; session = session->next)
		if (has_it(session, undelivered, for_all))
			return true;
	return hook_run_message_undelivered(user->host, &event) == HOOK_STOP;
}

static void on_undelivered(struct user_waiter *waiter, struct user *user)
{
	struct undelivered *undelivered = (struct undelivered *)waiter;
	struct envelope *envelope = undelivered->envelope;
	struct envelope_before before;
	envelope_enter(envelope, &before);
	if (!user)
		bounce(&envelope->from, &envelope->to, envelope->stanza, SE_internal_server_error);
	else if (envelope->stanza->kind == STANZA_IQ)
		bounce(&envelope->from, &envelope->to, envelope->stanza, SE_service_unavailable);
	else if (!others_have_it(user, undelivered))
		sm_message(user, &envelope->from, &envelope->to, envelope->stanza);
	envelope_free(envelope);
	free(undelivered);
	envelope_leave(&before);
}

void session_undelivered(const struct jid *user, const struct jid *from, const struct jid *to,
    struct stanza *stanza, int priority, uint64_t delivered_ms)
{
	struct host *host = host_find(jid_domain(user));
	if (!host) {
		bounce(from, to, stanza, SE_service_unavailable);
		return;
	}
	struct undelivered *undelivered = mem_zalloc(sizeof(*undelivered));
	undelivered->waiter.ready = on_undelivered;
	undelivered->envelope = envelope_new(from, to, stanza);
	undelivered->priority = priority;
	undelivered->delivered_ms = delivered_ms;
	user_wait(user, host, &undelivered->waiter);
}
