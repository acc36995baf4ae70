/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "conf/access.h"
#include "route/host_private.h"
#include "stanzad/log.h"
#include "stream/c2s_private.h"

/* --- resource binding: RFC 6120 7 ----------------------------------------------------------------------- */

static void bind_answer(struct c2s *c2s, const struct jid *jid)
{
	struct xml_writer children = {.default_ns = NS_CLIENT};
	xml_open(&children, "bind", "urn:ietf:params:xml:ns:xmpp-bind");
	xml_put_element(&children, "jid", NULL, jid_full(jid));
	xml_close(&children);
	struct stanza *answer = stanza_make_result(c2s->setup->bind_iq, &children);
	xml_writer_fini(&children);
	struct strbuf out = {0};
	stanza_write(&out, answer, NULL, NULL);
	c2s_send(c2s, strbuf_view(&out));
	strbuf_fini(&out);
	stanza_unref(&answer);
}

void c2s_session_settle(struct c2s *c2s)
{
	timer_stop(&c2s->timer);
	struct access_subject subject = {session_jid(c2s->session), conn_peer(c2s->conn)};
	const struct option_value *shaper = conf_listener_get(c2s->listener, "shaper");
	struct shaper_rate rate = access_shaper(c2s->conf, host_name(c2s->host), shaper, &subject);
	conn_set_shaper(c2s->conn, rate.rate, rate.burst);
	c2s_setup_free(&c2s->setup);
}

void c2s_session_begins(struct c2s *c2s, struct session *session)
{
	c2s->session = session;
	c2s->since_us = clock_real_us();
	LOG_INFO("c2s.bound", LOG_STR("session", jid_full(session_jid(session))),
	    LOG_STR("address", conn_peer_text(c2s->conn)));
}

static void bind_refused(struct c2s *c2s, enum session_bind_result result)
{
	switch (result) {
	case SESSION_CONFLICT:
		c2s_refuse(c2s, c2s->setup->bind_iq, NULL, SE_conflict, "the resource is in use");
		break;
	case SESSION_LIMIT:
		c2s_refuse(
		    c2s, c2s->setup->bind_iq, NULL, SE_resource_constraint, "too many sessions of this user");
		break;
	case SESSION_UNAVAILABLE:
		c2s_refuse(
		    c2s, c2s->setup->bind_iq, NULL, SE_internal_server_error, "storage does not answer");
		break;
	case SESSION_BAD_RESOURCE:
		c2s_refuse(c2s, c2s->setup->bind_iq, NULL, SE_bad_request, "the resource is not acceptable");
		break;
	default:
		c2s_fail(c2s, STREAM_not_authorized, "the account does not exist any more");
	}
}

bool c2s_bind_returned(struct c2s *c2s, enum session_bind_result result, struct session *session)
{
	if (!c2s->gone && c2s->state != C2S_CLOSING)
		return c2s_resume(c2s, result == SESSION_BOUND ? C2S_SESSION : C2S_AUTHENTICATED);
	session_unbind(&session);
	c2s_resume(c2s, C2S_CLOSING);
	return false;
}

static void on_bound(struct session_bind *bind, enum session_bind_result result, struct session *session)
{
	struct c2s *c2s = bind->stream;
	if (!c2s_bind_returned(c2s, result, session))
		return;
	if (result == SESSION_BOUND) {
		c2s_session_begins(c2s, session);
		bind_answer(c2s, session_jid(session));
		c2s_session_settle(c2s);
	} else {
		bind_refused(c2s, result);
		stanza_unref(&c2s->setup->bind_iq);
	}
}

static void on_moved(void *owner)
{
	struct c2s *c2s = owner;
	c2s_arrived(c2s);
	session_bind_start(&c2s->setup->bind);
}

static void bind_start(struct c2s *c2s, struct stanza *stanza, struct str resource)
{
	struct c2s_setup *setup = c2s->setup;
	setup->bind_iq = stanza_ref(stanza);
	setup->resource = arena_str(&setup->arena, resource);
	setup->bind = (struct session_bind){
	    .user = &c2s->jid,
	    .resource = setup->resource,
	    .anonymous = setup->anonymous,
	    .ops = &c2s_session_ops,
	    .stream = c2s,
	    .done = on_bound,
	};
	c2s_wait(c2s);
	struct worker *home = worker_home(map_hash(jid_bare(&c2s->jid)));
	if (home == worker_self()) {
		session_bind_start(&setup->bind);
		return;
	}
	c2s_leaves(c2s);
	conn_move(c2s->conn, home, on_moved);
}

static void bind_requested(struct c2s *c2s, struct stanza *stanza, const struct xml *bind)
{
	struct strbuf joined = {0};
	struct str wanted = xml_child_text(bind, "resource", &joined), resource = STR_NULL;
	struct err err;
	struct access_subject subject = {&c2s->jid, conn_peer(c2s->conn)};
	const struct option_value *access = conf_listener_get(c2s->listener, "access");
	if (!stanza->id.ptr)
		c2s_refuse(c2s, stanza, NULL, SE_bad_request, "an IQ has an id");
	else if (!access_allowed(c2s->conf, host_name(c2s->host), access->access, &subject))
		c2s_refuse(c2s, stanza, NULL, SE_not_allowed, "this account may not log in here");
	else if (wanted.len && jid_prep_resource(wanted, &c2s->setup->arena, &resource, &err) < 0)
		c2s_refuse(c2s, stanza, NULL, SE_bad_request, "the resource is not acceptable");
	else
		bind_start(c2s, stanza, resource);
	strbuf_fini(&joined);
}

/* --- IQs before authentication -------------------------------------------------------------------------- */

struct stream_hold {
	struct c2s *c2s;
};

static void on_hold_answer(struct stream_hold *hold, struct stanza *answer)
{
	struct c2s *c2s = hold->c2s;
	free(hold);
	if (!c2s_resume(c2s, C2S_NEGOTIATING))
		return;
	if (!answer)
		return;
	struct strbuf out = {0};
	stanza_write(&out, answer, host_jid(c2s->host), NULL);
	c2s_send(c2s, strbuf_view(&out));
	strbuf_fini(&out);
}

static void unauthenticated(struct c2s *c2s, struct stanza *stanza)
{
	bool tls_first = !c2s->secure && conf_listener_get(c2s->listener, "starttls_required")->boolean;
	if (c2s->state != C2S_NEGOTIATING || tls_first || stanza->kind != STANZA_IQ ||
	    !stanza_is_request(stanza)) {
		c2s_fail(c2s, STREAM_not_authorized, tls_first ? "start TLS first" : "authenticate first");
		return;
	}
	struct stream_hold *hold = mem_zalloc(sizeof(*hold));
	hold->c2s = c2s;
	c2s_wait(c2s);
	struct hook_c2s_unauthenticated_iq event = {
	    .stanza = stanza,
	    .host = c2s->host,
	    .address = conn_peer(c2s->conn),
	    .tls = c2s->secure,
	    .hold = hold,
	    .reply = on_hold_answer,
	};
	if (hook_run_c2s_unauthenticated_iq(c2s->host, &event) == HOOK_STOP)
		return;
	free(hold);
	if (c2s_resume(c2s, C2S_NEGOTIATING))
		c2s_fail(c2s, STREAM_not_authorized, "authenticate first");
}

void c2s_presession_stanza(struct c2s *c2s, struct stanza *stanza)
{
	if (c2s->state != C2S_AUTHENTICATED) {
		unauthenticated(c2s, stanza);
		return;
	}
	const struct xml *payload = stanza->kind == STANZA_IQ ? stanza_payload(stanza) : NULL;
	if (payload && stanza->type == IQ_SET && payload->ns_token == XNS_BIND &&
	    payload->name_token == XN_bind)
		bind_requested(c2s, stanza, payload);
	else
		c2s_fail(c2s, STREAM_not_authorized, "bind a resource first");
}
