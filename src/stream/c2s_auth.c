/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/codec.h"
#include "base/mem.h"
#include "net/tls.h"
#include "route/host_private.h"
#include "stanzad/log.h"
#include "stream/c2s_private.h"
#include "stream/c2s_sasl2.h"

#define AUTH_FAILURES_MAX 5 /* RFC 6120 6.4.5: at least 2, not more than 5 */
#define CERTIFICATE_JIDS_MAX 16
#define NS_SASL "urn:ietf:params:xml:ns:xmpp-sasl"

_Static_assert((int)SASL_TLS_EXPORTER == (int)CONN_TLS_EXPORTER &&
		   (int)SASL_TLS_SERVER_END_POINT == (int)CONN_TLS_SERVER_END_POINT &&
		   (int)SASL_TLS_UNIQUE == (int)CONN_TLS_UNIQUE,
    "channel bindings are numbered alike");

/* --- what may be offered -------------------------------------------------------------------------------- */

/* XEP-0178 2: an xmppAddr that is an account of this host. */
static void on_identity(void *arg, const char *kind, struct str value)
{
	struct c2s *c2s = arg;
	struct c2s_setup *setup = c2s->setup;
	struct jid jid;
	struct err err;
	if (strcmp(kind, "xmpp") != 0 || setup->certificate_jid_count == CERTIFICATE_JIDS_MAX)
		return;
	if (jid_parse(arena_str(&setup->arena, value), &setup->arena, &jid, &err) < 0 || !jid.local_len)
		return;
	if (!str_eq(jid_domain(&jid), host_name(c2s->host)))
		return;
	if (!setup->certificate_jids)
		setup->certificate_jids = arena_zalloc(&setup->arena, CERTIFICATE_JIDS_MAX * sizeof(jid));
	setup->certificate_jids[setup->certificate_jid_count++] = jid;
}

static void fill_context(struct c2s *c2s)
{
	struct c2s_setup *setup = c2s->setup;
	struct str host = host_name(c2s->host);
	auth_methods(host, &setup->methods);
	setup->context = (struct sasl_context){
	    .host = host,
	    .tls = c2s->secure,
	    .allow_plain_text = conf_listener_get(c2s->listener, "allow_unencrypted_plain")->boolean,
	    .methods = &setup->methods,
	    .downgrade_protection = !conf_bool(c2s->conf, host, "disable_sasl_scram_downgrade_protection"),
	};
	if (!c2s->secure)
		return;
	for (int i = 0; i < SASL_BINDINGS; i++)
		setup->context.bindings[i] = (struct str){(char *)setup->binding_bytes[i],
		    conn_channel_binding(c2s->conn, (enum conn_binding)i, NULL)};
	setup->certificate_jid_count = 0;
	setup->certificate_jids = NULL;
	conn_peer_identities(c2s->conn, on_identity, c2s);
	setup->context.certificate_jids = setup->certificate_jids;
	setup->context.certificate_jid_count = setup->certificate_jid_count;
}

/* tls-unique is not defined for TLS 1.3 (RFC 9266 1): it is accepted there, but not offered. */
bool c2s_binding_offered(const struct c2s *c2s, enum sasl_binding binding)
{
	if (!c2s->setup->context.bindings[binding].len)
		return false;
	return binding != SASL_TLS_UNIQUE || strcmp(conn_tls_version(c2s->conn), "TLSv1.3") != 0;
}

void c2s_auth_offer(struct c2s *c2s, const char **names_r)
{
	struct c2s_setup *setup = c2s->setup;
	fill_context(c2s);
	const struct option_value *disabled =
	    conf_get(c2s->conf, host_name(c2s->host), "disable_sasl_mechanisms");
	sasl_offer(&setup->context, disabled->strings, disabled->string_count, names_r);
	const char *bindings[SASL_BINDINGS + 1];
	unsigned count = 0;
	for (int i = 0; i < SASL_BINDINGS; i++)
		if (c2s_binding_offered(c2s, (enum sasl_binding)i))
			bindings[count++] = sasl_binding_text((enum sasl_binding)i);
	bindings[count] = NULL;
	c2s_sasl2_methods(c2s, &setup->methods2);
	setup->context.methods = &setup->methods2;
	sasl_offer(&setup->context, disabled->strings, disabled->string_count, setup->offer2);
	setup->context.methods = &setup->methods;
	strbuf_reset(&setup->mechanisms);
	strbuf_reset(&setup->mechanisms2);
	strbuf_reset(&setup->bindings);
	sasl_join_names(names_r, &setup->mechanisms);
	sasl_join_names(setup->offer2, &setup->mechanisms2);
	sasl_join_names(bindings, &setup->bindings);
	setup->context.offered_bindings = strbuf_view(&setup->bindings);
}

/* --- STARTTLS: RFC 6120 5 ------------------------------------------------------------------------------- */

static void starttls(struct c2s *c2s)
{
	struct err err = {0};
	struct tls_context *context = NULL;
	if (!c2s->secure && conf_listener_get(c2s->listener, "starttls")->boolean)
		context = tls_context_get(c2s->conf, c2s->listener, NULL, &err);
	if (!context) {
		LOG_WARNING("c2s.starttls_refused", LOG_CSTR("reason", err.text));
		c2s_send(c2s, STR("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
		c2s_close(c2s);
		return;
	}
	c2s_send(c2s, STR("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
	c2s->secure = true;
	c2s_restart(c2s);
	conn_set_tls_name(c2s->conn, host_name(c2s->host));
	conn_start_tls(c2s->conn, context);
}

/* --- SASL: RFC 6120 6 ----------------------------------------------------------------------------------- */

static const char *protocol_ns(const struct c2s *c2s)
{
	return c2s->setup->sasl2 ? "urn:xmpp:sasl:2" : NS_SASL;
}

static void send_sasl(struct c2s *c2s, const char *name, struct str data)
{
	struct strbuf out = {0};
	strbuf_printf(&out, "<%s xmlns='%s'", name, protocol_ns(c2s));
	if (data.len) {
		strbuf_char(&out, '>');
		base64_encode(&out, data.ptr, data.len);
		strbuf_printf(&out, "</%s>", name);
	} else {
		strbuf_cstr(&out, "/>");
	}
	c2s_send(c2s, strbuf_view(&out));
	strbuf_fini(&out);
}

static void send_failure(struct c2s *c2s, enum sasl_condition condition, const char *text)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "failure", protocol_ns(c2s));
	xml_put_element(&writer, sasl_condition_text(condition), NS_SASL, STR_NULL);
	if (text) {
		xml_open(&writer, "text", NULL);
		xml_put_attr(&writer, "xml:lang", STR("en"));
		xml_put_text(&writer, str_of(text));
		xml_close(&writer);
	}
	xml_close(&writer);
	c2s_send_writer(c2s, &writer);
	xml_writer_fini(&writer);
}

/* Tells modules and the log. True when a module wants the stream closed. */
static bool report(struct c2s *c2s, bool success, const char *reason)
{
	struct sasl *sasl = c2s->setup->sasl;
	const struct c2s_sasl2 *sasl2 = c2s->setup->sasl2;
	struct hook_c2s_auth_result event = {
	    .user = sasl ? sasl_user(sasl) : STR_NULL,
	    .mechanism = sasl ? sasl_mechanism(sasl) : "",
	    .success = success,
	    .address = conn_peer(c2s->conn),
	    .client_id = sasl2 ? str_of(sasl2->client_id) : STR_NULL,
	    .client_software = sasl2 ? sasl2->software : STR_NULL,
	    .client_device = sasl2 ? sasl2->device : STR_NULL,
	};
	LOG_INFO(success ? "c2s.authenticated" : "c2s.auth_failed", LOG_STR("user", event.user),
	    LOG_STR("host", host_name(c2s->host)), LOG_CSTR("mechanism", event.mechanism),
	    LOG_STR("address", conn_peer_text(c2s->conn)), LOG_BOOL("tls", c2s->secure),
	    LOG_CSTR("reason", reason));
	hook_run_c2s_auth_result(c2s->host, &event);
	return event.disconnect;
}

static void forget_jid(struct c2s *c2s)
{
	free((char *)c2s->jid.text);
	c2s->jid = (struct jid){0};
}

void c2s_auth_failed(struct c2s *c2s, enum sasl_condition condition, const char *text)
{
	bool disconnect = report(c2s, false, sasl_condition_text(condition));
	sasl_free(&c2s->setup->sasl);
	send_failure(c2s, condition, text);
	c2s_sasl2_free(&c2s->setup->sasl2);
	forget_jid(c2s);
	c2s->state = C2S_NEGOTIATING;
	if (disconnect)
		c2s_fail(c2s, STREAM_policy_violation,
		    "too many failed attempts from this address; try again later");
	else if (++c2s->setup->failures >= AUTH_FAILURES_MAX)
		c2s_fail(c2s, STREAM_policy_violation, "too many failed attempts to authenticate");
}

void c2s_auth_accepted(struct c2s *c2s)
{
	struct c2s_setup *setup = c2s->setup;
	report(c2s, true, NULL);
	setup->anonymous = strcmp(sasl_mechanism(setup->sasl), "ANONYMOUS") == 0;
	setup->authenticated = true;
	c2s_limit_size(c2s, false);
	sasl_free(&setup->sasl);
}

static void auth_succeeded(struct c2s *c2s, struct str data)
{
	struct c2s_setup *setup = c2s->setup;
	struct arena arena = {0};
	struct jid jid;
	struct err err;
	if (jid_make(sasl_user(setup->sasl), host_name(c2s->host), STR_NULL, &arena, &jid, &err) < 0) {
		arena_fini(&arena);
		c2s_auth_failed(c2s, SASL_NOT_AUTHORIZED, NULL);
		return;
	}
	forget_jid(c2s);
	c2s->jid = jid_dup_heap(&jid);
	arena_fini(&arena);
	if (setup->sasl2) {
		c2s_sasl2_exchanged(c2s, data);
		return;
	}
	c2s_auth_accepted(c2s);
	send_sasl(c2s, "success", data);
	c2s_restart(c2s);
}

static void on_auth_done(struct auth_request *request);

static void ask(struct c2s *c2s, bool password)
{
	struct c2s_setup *setup = c2s->setup;
	auth_credentials_fini(&setup->auth.credentials);
	memset(&setup->auth, 0, sizeof(setup->auth));
	setup->auth.host = host_name(c2s->host);
	setup->auth.user = sasl_user(setup->sasl);
	setup->auth.kind = password ? AUTH_CHECK_PASSWORD : AUTH_GET_CREDENTIALS;
	if (password)
		setup->auth.password = sasl_password(setup->sasl);
	else if ((setup->auth.hash = sasl_hash(setup->sasl)) == AUTH_HASHES)
		setup->auth.kind = AUTH_USER_EXISTS;
	setup->auth.owner = c2s;
	setup->auth.done = on_auth_done;
	c2s_wait(c2s);
	auth_submit(&setup->auth);
}

void c2s_auth_proceed(struct c2s *c2s, enum sasl_result result, struct strbuf *output)
{
	struct sasl *sasl = c2s->setup->sasl;
	switch (result) {
	case SASL_CHALLENGE:
		send_sasl(c2s, "challenge", strbuf_view(output));
		c2s->state = C2S_SASL;
		break;
	case SASL_WANT_CREDENTIALS:
		ask(c2s, false);
		break;
	case SASL_WANT_PASSWORD:
		ask(c2s, true);
		break;
	case SASL_WANT_TOKENS:
		c2s_fast_ask(c2s);
		break;
	case SASL_SUCCESS:
		auth_succeeded(c2s, strbuf_view(output));
		break;
	case SASL_FAILURE:
		c2s_auth_failed(c2s, sasl_condition(sasl), sasl_failure_text(sasl));
		break;
	}
}

static void on_auth_done(struct auth_request *request)
{
	struct c2s *c2s = request->owner;
	struct c2s_setup *setup = c2s->setup;
	if (request->outcome == AUTH_UNAVAILABLE)
		LOG_ERROR("c2s.auth_unavailable", LOG_STR("user", request->user),
		    LOG_CSTR("reason", request->err.text));
	if (!c2s_resume(c2s, C2S_SASL))
		return;
	struct strbuf output = {0};
	enum sasl_result result;
	bool unavailable = request->outcome == AUTH_UNAVAILABLE;
	if (request->kind == AUTH_CHECK_PASSWORD)
		result = sasl_password_checked(setup->sasl, request->outcome, &output);
	else
		result = sasl_credentials(setup->sasl,
		    request->outcome == AUTH_OK ? &request->credentials : NULL, unavailable, &output);
	c2s_auth_proceed(c2s, result, &output);
	strbuf_fini(&output);
}

/* The data of an element; < 0: not base64. By RFC 6120 6.4.2 "=" is data of length 0, and an empty element has none;
 * by XEP-0388 2.2 an empty element has data of length 0. */
static int sasl_data(const struct c2s *c2s, const struct xml *elem, struct strbuf *data, bool *has_r)
{
	struct strbuf joined = {0};
	struct str text = elem ? str_trim(xml_text(elem, &joined)) : STR_NULL;
	bool sasl2 = c2s->setup->sasl2;
	*has_r = sasl2 ? elem != NULL : text.len > 0;
	int rc = !sasl2 && str_is(text, "=") ? 0 : base64_decode(data, text);
	if (joined.ptr)
		OPENSSL_cleanse(joined.ptr, joined.cap);
	strbuf_fini(&joined);
	return rc;
}

void c2s_auth_step(struct c2s *c2s, const struct xml *elem)
{
	struct strbuf input = {0}, output = {0};
	bool has_input;
	if (sasl_data(c2s, elem, &input, &has_input) < 0) {
		c2s_auth_failed(c2s, SASL_INCORRECT_ENCODING, NULL);
	} else {
		enum sasl_result result =
		    sasl_step(c2s->setup->sasl, strbuf_view(&input), has_input, &output);
		c2s_auth_proceed(c2s, result, &output);
	}
	if (input.ptr)
		OPENSSL_cleanse(input.ptr, input.cap);
	strbuf_fini(&input);
	strbuf_fini(&output);
}

/* Deriving them costs as much as the rest of a log-in's arithmetic: only for who wants to bind. */
static void derive_bindings(struct c2s *c2s)
{
	struct c2s_setup *setup = c2s->setup;
	for (int i = 0; i < SASL_BINDINGS; i++)
		setup->context.bindings[i].len =
		    conn_channel_binding(c2s->conn, (enum conn_binding)i, setup->binding_bytes[i]);
}

static void new_exchange(struct c2s *c2s, struct str mechanism)
{
	struct c2s_setup *setup = c2s->setup;
	struct sasl_context *context = &setup->context;
	const char *names[SASL_NAMES_MAX];
	context->methods = setup->sasl2 ? &setup->methods2 : &setup->methods;
	context->offered_mechanisms = strbuf_view(setup->sasl2 ? &setup->mechanisms2 : &setup->mechanisms);
	if (setup->sasl2) {
		c2s_fast_offer(c2s, names);
		if (sasl_offered_token(names, mechanism)) {
			setup->sasl = sasl_new_token(mechanism, context);
			return;
		}
	}
	setup->sasl = sasl_new(mechanism, context);
}

void c2s_auth_begin(struct c2s *c2s, struct str mechanism, const struct xml *data)
{
	struct c2s_setup *setup = c2s->setup;
	sasl_free(&setup->sasl);
	if (!c2s->secure && conf_listener_get(c2s->listener, "starttls_required")->boolean) {
		c2s_auth_failed(c2s, SASL_ENCRYPTION_REQUIRED, NULL);
		return;
	}
	if (c2s->secure && (str_ends(mechanism, "-PLUS") || str_starts(mechanism, "HT-")))
		derive_bindings(c2s);
	new_exchange(c2s, mechanism);
	if (!setup->sasl)
		c2s_auth_failed(c2s, sasl_refusal(mechanism, &setup->context), NULL);
	else
		c2s_auth_step(c2s, data);
}

bool c2s_auth_element(struct c2s *c2s, struct xml_tree *tree)
{
	const struct xml *elem = tree->root;
	if (c2s_sasl2_element(c2s, tree))
		return true;
	if (c2s->setup && c2s->setup->authenticated)
		return false;
	if (elem->ns_token == XNS_TLS && elem->name_token == XN_starttls && c2s->state == C2S_NEGOTIATING) {
		starttls(c2s);
		return true;
	}
	if (elem->ns_token != XNS_SASL)
		return false;
	if (elem->name_token == XN_auth && (c2s->state == C2S_NEGOTIATING || c2s->state == C2S_SASL))
		c2s_auth_begin(c2s, xml_attr(elem, "mechanism"), elem);
	else if (elem->name_token == XN_response && c2s->state == C2S_SASL)
		c2s_auth_step(c2s, elem);
	else if (elem->name_token == XN_abort)
		c2s_auth_failed(c2s, SASL_ABORTED, NULL);
	else
		c2s_auth_failed(c2s, SASL_MALFORMED_REQUEST, NULL);
	return true;
}
