/* SPDX-License-Identifier: Apache-2.0 */
/* What a client asks for together with its log-in: XEP-0386, and inside of it XEP-0198. */
#include <openssl/crypto.h>
#include <stdio.h>

#include "auth/digest.h"
#include "auth/secret.h"
#include "base/map.h"
#include "base/rand.h"
#include "conf/access.h"
#include "route/host_private.h"
#include "stanzad/log.h"
#include "stream/c2s_sasl2.h"
#include "stream/mgmt.h"

#define NS_STANZA_ERRORS "urn:ietf:params:xml:ns:xmpp-stanzas"
#define MADE_LEN 16 /* characters of a resource that the server makes */
#define TAG_MAX 512 /* bytes */

/* --- offer ---------------------------------------------------------------------------------------------- */

static void put_feature(struct xml_writer *features, const char *name)
{
	xml_open(features, "feature", NULL);
	xml_put_attr(features, "var", str_of(name));
	xml_close(features);
}

void c2s_inline_features(struct c2s *c2s, struct xml_writer *features)
{
	struct xml_writer inner = {.default_ns = STR(NS_BIND2)};
	const struct jid *user = c2s->setup->from.text ? &c2s->setup->from : NULL;
	bool managed = mgmt_options(c2s->host);
	if (managed)
		put_feature(&inner, NS_SM);
	hook_run_bind2_features(
	    c2s->host, &(struct hook_bind2_features){.host = c2s->host, .user = user, .features = &inner});
	xml_open(features, "bind", NS_BIND2);
	if (inner.buf.len) {
		xml_open(features, "inline", NULL);
		xml_put_raw(features, strbuf_view(&inner.buf));
		xml_close(features);
	}
	xml_close(features);
	if (managed)
		xml_put_element(features, "sm", NS_SM, STR_NULL);
	xml_writer_fini(&inner);
}

/* --- request -------------------------------------------------------------------------------------------- */

static const struct xml *bind_request(const struct c2s *c2s)
{
	return xml_child(c2s->setup->sasl2->request->root, "bind", NS_BIND2);
}

static const struct xml *resume_request(const struct c2s *c2s)
{
	return mgmt_options(c2s->host) ? xml_child(c2s->setup->sasl2->request->root, "resume", NS_SM) : NULL;
}

bool c2s_inline_wanted(const struct c2s *c2s)
{
	return bind_request(c2s) || resume_request(c2s);
}

bool c2s_inline_allowed(struct c2s *c2s)
{
	struct access_subject subject = {&c2s->jid, conn_peer(c2s->conn)};
	const struct option_value *access = conf_listener_get(c2s->listener, "access");
	if (!c2s_inline_wanted(c2s) ||
	    access_allowed(c2s->conf, host_name(c2s->host), access->access, &subject))
		return true;
	c2s_auth_failed(c2s, SASL_NOT_AUTHORIZED, "this account may not log in here");
	return false;
}

/* --- the resource: XEP-0386 3.2.1 ----------------------------------------------------------------------- */

/* Always the same for the same client, which cannot be told from it. */
static void stable_part(const struct c2s *c2s, struct str tag, char *out)
{
	unsigned char digest[DIGEST_SIZE_MAX];
	struct str parts[] = {
	    STR("XEP-0386"), jid_bare(&c2s->jid), str_of(c2s->setup->sasl2->client_id), tag};
	struct hmac hmac;
	if (!parts[2].len) {
		rand_id(out, MADE_LEN);
		return;
	}
	hmac_init(&hmac, AUTH_SHA256, auth_secret(), AUTH_SECRET_LEN);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		hmac_update(&hmac, parts[i].ptr, parts[i].len);
		hmac_update(&hmac, "", 1);
	}
	hmac_final(&hmac, digest);
	for (unsigned i = 0; i < MADE_LEN / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

/* A tag that cannot be part of a resource is left out. */
static struct str make_resource(struct c2s *c2s, const struct xml *request)
{
	struct arena *arena = &c2s->setup->arena;
	struct strbuf joined = {0}, whole = {0};
	struct str tag = str_trim(xml_child_text(request, "tag", &joined)), resource;
	char made[MADE_LEN + 1];
	struct err err;
	stable_part(c2s, tag, made);
	strbuf_str(&whole, tag);
	strbuf_printf(&whole, "/%s", made);
	if (!tag.len || tag.len > TAG_MAX ||
	    jid_prep_resource(strbuf_view(&whole), arena, &resource, &err) < 0)
		resource = str_of(made);
	resource = arena_str(arena, resource);
	strbuf_fini(&joined);
	strbuf_fini(&whole);
	return resource;
}

/* --- the bind ------------------------------------------------------------------------------------------- */

static void answer_bound(struct c2s *c2s)
{
	struct c2s_sasl2 *sasl2 = c2s->setup->sasl2;
	struct xml_writer inner = {.default_ns = STR(NS_BIND2)};
	const struct xml *request = bind_request(c2s), *enable;
	struct strbuf enabled = {0};
	struct hook_bind2_request event = {.session = c2s->session, .request = request, .answer = &inner};
	hook_run_bind2_request(c2s->host, &event);
	enable = xml_child(request, "enable", NS_SM);
	if (enable && c2s->session && mgmt_options(c2s->host))
		c2s_mgmt_enable(c2s, enable, NS_SM, &enabled);
	xml_open(&sasl2->answer, "bound", NS_BIND2);
	xml_put_raw(&sasl2->answer, strbuf_view(&inner.buf));
	xml_put_raw(&sasl2->answer, strbuf_view(&enabled));
	xml_close(&sasl2->answer);
	xml_writer_fini(&inner);
	strbuf_fini(&enabled);
}

/* The client is who it is all the same, and may bind as RFC 6120 7 has it. */
static void answer_failed(struct c2s *c2s, enum session_bind_result result)
{
	static const enum stanza_condition conditions[] = {
	    [SESSION_CONFLICT] = SE_conflict,
	    [SESSION_LIMIT] = SE_resource_constraint,
	    [SESSION_UNAVAILABLE] = SE_internal_server_error,
	    [SESSION_BAD_RESOURCE] = SE_bad_request,
	};
	struct xml_writer *answer = &c2s->setup->sasl2->answer;
	xml_open(answer, "failed", NS_BIND2);
	xml_put_element(answer, stanza_condition_text(conditions[result]), NS_STANZA_ERRORS, STR_NULL);
	xml_close(answer);
}

static void on_bound(struct session_bind *bind, enum session_bind_result result, struct session *session)
{
	struct c2s *c2s = bind->stream;
	if (!c2s_bind_returned(c2s, result, session))
		return;
	if (result == SESSION_GONE) {
		c2s_fail(c2s, STREAM_not_authorized, "the account does not exist any more");
	} else if (result == SESSION_BOUND) {
		c2s_session_begins(c2s, session);
		answer_bound(c2s);
	} else {
		answer_failed(c2s, result);
	}
	/* A module may have ended the session. */
	if (c2s->state == C2S_CLOSING)
		return;
	c2s_sasl2_success(c2s);
	if (c2s->session)
		c2s_session_settle(c2s);
}

/* XEP-0386 3.2: what is left of the same client's earlier connections goes. */
static void end_earlier(struct c2s *c2s)
{
	struct user *user = user_find(jid_bare(&c2s->jid));
	struct session *next, *session = user && c2s->client_id ? user_first_session(user) : NULL;
	if (!session)
		return;
	user_hold(user);
	for (; session; session = next) {
		struct session_about about;
		next = session_next(session);
		session_about(session, &about);
		if (str_eq(about.client_id, str_of(c2s->client_id)))
			session_close(session, "conflict", "replaced by a new connection of the same client");
	}
	user_release(user);
}

static void start_bind(struct c2s *c2s)
{
	struct c2s_setup *setup = c2s->setup;
	end_earlier(c2s);
	setup->resource = make_resource(c2s, bind_request(c2s));
	setup->bind = (struct session_bind){
	    .user = &c2s->jid,
	    .resource = setup->resource,
	    .anonymous = setup->anonymous,
	    .ops = &c2s_session_ops,
	    .stream = c2s,
	    .done = on_bound,
	};
	session_bind_start(&setup->bind);
}

/* --- resumption: XEP-0198 5 ----------------------------------------------------------------------------- */

static void bind_or_end(struct c2s *c2s);

static void on_resumed(struct c2s *c2s, struct str element)
{
	xml_put_raw(&c2s->setup->sasl2->answer, element);
	c2s_sasl2_success(c2s);
}

/* XEP-0386 3.2: then a new session, if one was asked for. */
static void put_failed(struct c2s *c2s, enum stanza_condition condition, const uint64_t *h)
{
	struct xml_writer *answer = &c2s->setup->sasl2->answer;
	xml_open(answer, "failed", NS_SM);
	if (h)
		xml_put_attr_u64(answer, "h", (uint32_t)*h);
	xml_put_element(answer, stanza_condition_text(condition), NS_STANZA_ERRORS, STR_NULL);
	xml_close(answer);
	bind_or_end(c2s);
}

static void resume(struct c2s *c2s, const struct xml *request)
{
	struct c2s_resumption resumption;
	if (!c2s_mgmt_read_resume(request, &resumption)) {
		put_failed(c2s, SE_bad_request, NULL);
		return;
	}
	resumption.ns = NS_SM;
	resumption.done = on_resumed;
	resumption.failed = put_failed;
	c2s_mgmt_resume(c2s, &resumption);
}

/* --- all of it ------------------------------------------------------------------------------------------ */

static void on_moved(void *owner)
{
	struct c2s *c2s = owner;
	c2s_arrived(c2s);
	start_bind(c2s);
}

static void bind_or_end(struct c2s *c2s)
{
	struct worker *home = worker_home(map_hash(jid_bare(&c2s->jid)));
	if (!bind_request(c2s)) {
		c2s_sasl2_success(c2s);
		return;
	}
	c2s_wait(c2s);
	if (home == worker_self()) {
		start_bind(c2s);
		return;
	}
	c2s_leaves(c2s);
	conn_move(c2s->conn, home, on_moved);
}

void c2s_inline_start(struct c2s *c2s)
{
	const struct xml *request = resume_request(c2s);
	if (!conn_is_open(c2s->conn)) /* it has broken, and gone is on its way */
		c2s->state = C2S_AUTHENTICATED;
	else if (request)
		resume(c2s, request);
	else
		bind_or_end(c2s);
}
