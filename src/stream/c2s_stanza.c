/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/access.h"
#include "route/host_private.h"
#include "route/router.h"
#include "stream/c2s_private.h"

/* --- presence: RFC 6121 3, 4 ---------------------------------------------------------------------------- */

static void presence_undirected(struct c2s *c2s, struct stanza *stanza)
{
	bool broadcast = stanza->type == PRESENCE_AVAILABLE || stanza->type == PRESENCE_UNAVAILABLE;
	struct stanza_error error = {.condition = SE_bad_request};
	if (!broadcast || session_set_presence(c2s->session, stanza, &error) < 0)
		c2s_refuse_with(c2s, stanza, &c2s->jid, &error);
}

static void presence_subscription(struct c2s *c2s, const struct jid *to, struct stanza *stanza)
{
	struct user *user = session_user(c2s->session);
	struct jid bare = jid_to_bare(to);
	struct hook_stanza event = {
	    .from = user_jid(user),
	    .to = &bare,
	    .stanza = stanza,
	    .session = c2s->session,
	    .user = user,
	    .error = {.condition = SE_service_unavailable},
	};
	enum hook_verdict verdict = hook_run_subscription_out(c2s->host, &event);
	/* RFC 6121 3.1.2: from the bare JID to the bare JID. */
	if (verdict == HOOK_PASS)
		route(user_jid(user), &bare, event.stanza);
	else if (verdict == HOOK_BOUNCE)
		c2s_refuse_with(c2s, stanza, &bare, &event.error);
	hook_stanza_fini(&event, stanza);
}

static void presence_directed(struct c2s *c2s, const struct jid *to, struct stanza *stanza)
{
	struct hook_stanza event = {
	    .from = session_jid(c2s->session),
	    .to = to,
	    .stanza = stanza,
	    .session = c2s->session,
	    .user = session_user(c2s->session),
	    .error = {.condition = SE_service_unavailable},
	};
	enum hook_verdict verdict = hook_run_presence_directed(c2s->host, &event);
	if (verdict == HOOK_PASS)
		route(session_jid(c2s->session), to, event.stanza);
	else if (verdict == HOOK_BOUNCE)
		c2s_refuse_with(c2s, stanza, to, &event.error);
	hook_stanza_fini(&event, stanza);
}

static void presence_out(struct c2s *c2s, const struct jid *to, struct stanza *stanza)
{
	switch (stanza->type) {
	case PRESENCE_SUBSCRIBE:
	case PRESENCE_SUBSCRIBED:
	case PRESENCE_UNSUBSCRIBE:
	case PRESENCE_UNSUBSCRIBED:
		presence_subscription(c2s, to, stanza);
		break;
	case PRESENCE_AVAILABLE:
	case PRESENCE_UNAVAILABLE:
		presence_directed(c2s, to, stanza);
		break;
	case STANZA_TYPE_INVALID:
		c2s_refuse(c2s, stanza, to, SE_bad_request, "there is no such type of presence");
		break;
	default:
		route(session_jid(c2s->session), to, stanza);
	}
}

/* --- IQ ------------------------------------------------------------------------------------------------- */

/* RFC 6120 8.2.3; true: it may go on. */
static bool iq_is_sane(struct c2s *c2s, const struct jid *to, struct stanza *stanza)
{
	const char *why = NULL;
	if (stanza->type == STANZA_TYPE_INVALID)
		why = "an IQ has type get, set, result or error";
	else if (!stanza->id.ptr)
		why = "an IQ has an id";
	else if (stanza_is_request(stanza) && !stanza_payload(stanza))
		why = "an IQ get or set has exactly one child element";
	if (why)
		c2s_refuse(c2s, stanza, to, SE_bad_request, why);
	return !why;
}

/* Of the stream, not of the account: RFC 6120 7, RFC 3921 3. */
static bool is_for_stream(struct c2s *c2s, const struct jid *to, const struct stanza *stanza, enum xml_ns ns)
{
	const struct xml *payload = stanza->type == IQ_SET ? stanza_payload(stanza) : NULL;
	return payload && payload->ns_token == ns &&
	       (jid_eq(to, &c2s->jid) || jid_eq(to, host_jid(c2s->host)));
}

/* Clients of old ask for a session; there is nothing to do. */
static void session_answer(struct c2s *c2s, struct stanza *stanza)
{
	struct stanza *answer = stanza_make_result(stanza, NULL);
	c2s_answer(c2s, answer, host_jid(c2s->host));
	stanza_unref(&answer);
}

/* --- any stanza ----------------------------------------------------------------------------------------- */

/* RFC 6120 8.1.2.1: only the full or the bare JID of this very session. */
static bool from_is_own(struct c2s *c2s, const struct stanza *stanza)
{
	struct str from = xml_attr(stanza->root, "from");
	if (!from.ptr || str_eq(from, jid_full(session_jid(c2s->session))) ||
	    str_eq(from, jid_bare(&c2s->jid)))
		return true;
	struct arena arena = {0};
	struct jid jid;
	struct err err;
	bool own = jid_parse(from, &arena, &jid, &err) == 0 &&
		   (jid_eq(&jid, session_jid(c2s->session)) || jid_eq(&jid, &c2s->jid));
	arena_fini(&arena);
	return own;
}

static void dispatch(struct c2s *c2s, const struct jid *to, bool directed, struct stanza *stanza)
{
	if (stanza->kind == STANZA_PRESENCE && !directed)
		presence_undirected(c2s, stanza);
	else if (stanza->kind == STANZA_PRESENCE)
		presence_out(c2s, to, stanza);
	else if (stanza->kind == STANZA_IQ && !iq_is_sane(c2s, to, stanza))
		return;
	else if (stanza->kind == STANZA_IQ && is_for_stream(c2s, to, stanza, XNS_SESSION))
		session_answer(c2s, stanza);
	else if (stanza->kind == STANZA_IQ && is_for_stream(c2s, to, stanza, XNS_BIND))
		c2s_refuse(c2s, stanza, to, SE_not_allowed, "this stream has a resource already");
	else
		route(session_jid(c2s->session), to, stanza);
}

static void stanza_to(struct c2s *c2s, const struct jid *to, bool directed, struct stanza *stanza)
{
	struct stanza *clean = c2s_without_forged_delay(stanza);
	struct hook_stanza event = {.from = session_jid(c2s->session), .to = to, .stanza = clean};
	enum hook_verdict verdict = session_sends(c2s->session, &event);
	/* A module may have ended the session. */
	if (verdict == HOOK_PASS && c2s->session)
		dispatch(c2s, event.to, directed, event.stanza);
	else if (verdict == HOOK_BOUNCE)
		c2s_refuse_with(c2s, stanza, to, &event.error);
	hook_stanza_fini(&event, clean);
	stanza_unref(&clean);
}

void c2s_stanza(struct c2s *c2s, struct stanza *stanza)
{
	if (!from_is_own(c2s, stanza)) {
		c2s_fail(c2s, STREAM_invalid_from, "from is not the JID of this session");
		return;
	}
	struct str address = xml_attr(stanza->root, "to");
	struct arena arena = {0};
	/* RFC 6120 10.3: without an address a message or IQ is for the sender's own account. */
	struct jid to = jid_to_bare(&c2s->jid);
	struct err err;
	if (address.ptr && jid_parse(address, &arena, &to, &err) < 0)
		c2s_refuse(c2s, stanza, NULL, SE_jid_malformed, "the address in 'to' is no JID");
	else
		stanza_to(c2s, &to, address.ptr != NULL, stanza);
	arena_fini(&arena);
}
