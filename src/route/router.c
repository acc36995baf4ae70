/* SPDX-License-Identifier: Apache-2.0 */
#include "route/router.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "route/host_private.h"
#include "route/session.h"

/* How deep the routing of one stanza may cause that of others before these wait for the next turn of the loop: two
 * services that answer each other must not use up the stack. */
#define DEPTH_MAX 20
/* Pieces of mail for a worker: above the first number clients that send more are slowed down, above the second what
 * comes from senders that cannot be slowed down is not taken any more; of answers, above the third. */
#define BACKLOG_MAX 10000
#define BACKLOG_FULL 50000
#define BACKLOG_FULL_ANSWERS 200000

struct envelope *envelope_new(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct str from_text = jid_full(from), to_text = jid_full(to);
	struct envelope *envelope = mem_alloc(sizeof(*envelope) + from_text.len + to_text.len);
	memcpy(envelope->text, from_text.ptr, from_text.len);
	memcpy(envelope->text + from_text.len, to_text.ptr, to_text.len);
	envelope->from = *from;
	envelope->from.text = envelope->text;
	envelope->to = *to;
	envelope->to.text = envelope->text + from_text.len;
	envelope->stanza = stanza ? stanza_ref(stanza) : NULL;
	envelope->trace = trace_carry();
	envelope->receipt = receipt_carry();
	return envelope;
}

void envelope_enter(struct envelope *envelope, struct envelope_before *before_r)
{
	trace_enter(envelope->trace, &before_r->trace);
	receipt_enter(envelope->receipt, &before_r->receipt);
	envelope->receipt = NULL;
}

void envelope_leave(const struct envelope_before *before)
{
	receipt_leave(before->receipt);
	trace_leave(before->trace);
}

void envelope_free(struct envelope *envelope)
{
	receipt_drop(&envelope->receipt);
	stanza_unref(&envelope->stanza);
	free(envelope);
}

/* On the recipient's home worker. */
static void deliver_home(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct host *host = host_find(jid_domain(to));
	if (host)
		sm_deliver(host, from, to, stanza);
	else if (!local_route_deliver(from, to, stanza))
		s2s_deliver(from, to, stanza);
}

static void on_home(struct mail *mail)
{
	struct envelope *envelope = (struct envelope *)mail;
	struct envelope_before before;
	envelope_enter(envelope, &before);
	deliver_home(&envelope->from, &envelope->to, envelope->stanza);
	envelope_free(envelope);
	envelope_leave(&before);
}

static bool has_room(struct worker *home, const struct jid *from, const struct stanza *stanza)
{
	unsigned backlog = worker_backlog(home);
	if (backlog <= BACKLOG_MAX)
		return true;
	session_slow_sender(from, SESSION_SLOW_MS);
	bool answer = stanza->type == STANZA_ERROR || stanza->type == IQ_RESULT;
	return backlog <= (answer ? BACKLOG_FULL_ANSWERS : BACKLOG_FULL) || !session_cannot_slow(from);
}

static void send_home(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct worker *self = worker_self();
	struct worker *home = worker_count() == 1 ? self : worker_home(map_hash(jid_bare(to)));
	TRACE(STAGE_HOMED, "worker %u", worker_index(home));
	if (home == self) {
		deliver_home(from, to, stanza);
		return;
	}
	if (!has_room(home, from, stanza)) {
		struct stanza_error error = {.condition = SE_resource_constraint};
		route_error(from, to, stanza, &error);
		return;
	}
	struct envelope *envelope = envelope_new(from, to, stanza);
	envelope->mail.receive = on_home;
	worker_post(home, &envelope->mail);
}

static void route_unfiltered(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct str domain = jid_domain(to);
	struct host *host = host_find(domain);
	if (host && !to->local_len) {
		TRACE(STAGE_ROUTED, "%.*s is a host of this server: local router", STR_FMT(domain));
		local_deliver(host, from, to, stanza);
	} else if (host) {
		TRACE(STAGE_ROUTED, "%.*s is a host of this server: session manager", STR_FMT(domain));
		send_home(from, to, stanza);
	} else if (local_route_serves(domain)) {
		TRACE(STAGE_ROUTED, "%.*s is a service of this server", STR_FMT(domain));
		send_home(from, to, stanza);
	} else {
		TRACE(STAGE_ROUTED, "%.*s is not served here: S2S manager", STR_FMT(domain));
		s2s_deliver(from, to, stanza);
	}
}

/* The hook runs for the sender's host, or for the recipient's when the sender is from elsewhere. */
static struct host *filter_host(const struct jid *from, const struct jid *to)
{
	struct host *host = host_find(jid_domain(from));
	if (!host)
		host = host_find(jid_domain(to));
	return host && host_hooks(host, HOOK_filter)->count ? host : NULL;
}

static void on_post(struct mail *mail)
{
	struct envelope *envelope = (struct envelope *)mail;
	struct envelope_before before;
	envelope_enter(envelope, &before);
	route(&envelope->from, &envelope->to, envelope->stanza);
	envelope_free(envelope);
	envelope_leave(&before);
}

static void post(
    struct worker *worker, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct envelope *envelope = envelope_new(from, to, stanza);
	envelope->mail.receive = on_post;
	worker_post(worker, &envelope->mail);
}

static void route_now(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct host *host = filter_host(from, to);
	if (!host) {
		route_unfiltered(from, to, stanza);
		return;
	}
	struct hook_stanza event = {
	    .from = from, .to = to, .stanza = stanza, .error = {.condition = SE_service_unavailable}};
	enum hook_verdict verdict = hook_run_filter(host, &event);
	if (verdict == HOOK_PASS)
		route_unfiltered(event.from, event.to, event.stanza);
	else if (verdict == HOOK_BOUNCE)
		route_error(from, to, stanza, &event.error);
	hook_stanza_fini(&event, stanza);
}

static _Thread_local unsigned depth;

void route(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (depth >= DEPTH_MAX) {
		post(worker_self(), from, to, stanza);
		return;
	}
	depth++;
	route_now(from, to, stanza);
	depth--;
}

void route_post(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	post(worker_home(map_hash(jid_bare(from))), from, to, stanza);
}

void route_error(
    const struct jid *from, const struct jid *to, struct stanza *original, const struct stanza_error *error)
{
	struct stanza *answer = stanza_make_error(original, error, NULL);
	if (!answer) {
		TRACE(STAGE_DROPPED, "%s, and this stanza may not be answered",
		    stanza_condition_text(error->condition));
		return;
	}
	TRACE(STAGE_BOUNCED, "%s%s%s", stanza_condition_text(error->condition), error->text ? ": " : "",
	    error->text ? error->text : "");
	if (!trace_on())
		route(to, from, answer);
	stanza_unref(&answer);
}
