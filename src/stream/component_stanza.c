/* SPDX-License-Identifier: Apache-2.0 */
/* What a component sends: XEP-0114 3, RFC 6120 8.1. */
#include "base/map.h"
#include "loop/worker.h"
#include "route/session.h"
#include "stanzad/route.h"
#include "stream/component_private.h"

#define BACKLOG_MAX 10000 /* pieces of mail for a worker; above it reading pauses for a while */

bool component_serves(const struct component *component, struct str domain)
{
	for (size_t i = 0; i < component->domain_count; i++)
		if (str_eq(component->domains[i], domain))
			return true;
	return false;
}

/* A stanza error straight to the component. */
static void refuse(struct component *component, struct stanza *stanza, const struct jid *from,
    const struct jid *to, const struct stanza_error *error)
{
	struct stanza *answer = stanza_make_error(stanza, error, NULL);
	if (answer && !component->peer.is_closing)
		backlog_write(component->peer.conn, from, to, answer);
	stanza_unref(&answer);
}

static bool read_from(
    struct component *component, const struct stanza *stanza, struct arena *arena, struct jid *from_r)
{
	struct str given = xml_attr(stanza->root, "from");
	struct err err;
	if (!given.len)
		peer_fail(&component->peer, STREAM_improper_addressing, "a stanza has no 'from'");
	else if (jid_parse(given, arena, from_r, &err) < 0)
		peer_fail(&component->peer, STREAM_invalid_from, "the 'from' of a stanza is no JID");
	else if (conf_listener_get(component->listener, "check_from")->boolean &&
		 !component_serves(component, jid_domain(from_r)))
		peer_fail(&component->peer, STREAM_invalid_from,
		    "the 'from' of a stanza is not in the component's domain");
	return !component->peer.is_closing;
}

static bool read_to(struct component *component, struct stanza *stanza, const struct jid *from,
    struct arena *arena, struct jid *to_r)
{
	static const struct stanza_error malformed = {
	    .condition = SE_jid_malformed, .text = "the address in 'to' is no JID"};
	const struct jid own = {component->domain.ptr, 0, (uint16_t)component->domain.len, 0};
	struct str given = xml_attr(stanza->root, "to");
	struct err err;
	if (!given.len) {
		peer_fail(&component->peer, STREAM_improper_addressing, "a stanza has no 'to'");
		return false;
	}
	if (jid_parse(given, arena, to_r, &err) == 0)
		return true;
	/* Gateways hand on what their users wrote: no reason to end the stream. */
	refuse(component, stanza, &own, from, &malformed);
	return false;
}

/* Why it cannot be routed: RFC 6120 8.2.3, RFC 6121 4.7.1. NULL. */
static const char *what_is_wrong(const struct stanza *stanza)
{
	if (stanza->type == STANZA_TYPE_INVALID)
		return stanza->kind == STANZA_IQ ? "an IQ has type get, set, result or error"
						 : "there is no such type of presence";
	if (stanza->kind != STANZA_IQ)
		return NULL;
	if (!stanza->id.ptr)
		return "an IQ has an id";
	if (stanza_is_request(stanza) && !stanza_payload(stanza))
		return "an IQ get or set has exactly one child element";
	return NULL;
}

static void on_slow_over(struct timer *timer)
{
	struct component *component = list_entry(timer, struct component, slow_timer);
	component->slowed = false;
	peer_unpause(&component->peer);
}

/* Mail is not bounded, so who fills the mailbox of a worker waits. */
static void slow_down(struct component *component, const struct jid *to)
{
	if (component->slowed || worker_backlog(worker_home(map_hash(jid_bare(to)))) <= BACKLOG_MAX)
		return;
	component->slowed = true;
	peer_pause(&component->peer);
	timer_start(&component->slow_timer, SESSION_SLOW_MS, on_slow_over);
}

static void dispatch(
    struct component *component, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct stanza_error error = {.condition = SE_bad_request, .text = what_is_wrong(stanza)};
	if (error.text) {
		refuse(component, stanza, to, from, &error);
		return;
	}
	route(from, to, stanza);
	slow_down(component, to);
}

void component_stanza(struct component *component, struct stanza *stanza)
{
	struct arena arena = {0};
	struct jid from, to;
	if (read_from(component, stanza, &arena, &from) &&
	    read_to(component, stanza, &from, &arena, &to))
		dispatch(component, &from, &to, stanza);
	arena_fini(&arena);
}
