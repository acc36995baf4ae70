/* SPDX-License-Identifier: Apache-2.0 */
#include "base/codec.h"
#include "conf/conf.h"
#include "net/tls.h"
#include "stanzad/log.h"
#include "stream/dialback.h"
#include "stream/s2s_out.h"

#define NS_TLS "urn:ietf:params:xml:ns:xmpp-tls"
#define NS_SASL "urn:ietf:params:xml:ns:xmpp-sasl"

static bool is_secure(const struct s2s_out *out)
{
	return conn_is_tls(out->peer.conn);
}

static void finish(struct s2s_out *out)
{
	peer_expect_within(&out->peer, 0, NULL);
	peer_set_limits(&out->peer, &xml_limits_default);
	out->state = S2S_OUT_READY;
	s2s_attempt_succeed(out->attempt);
}

/* --- TLS: RFC 6120 5 ------------------------------------------------------------------------------------ */

static void ask_for_tls(struct s2s_out *out)
{
	peer_send(&out->peer, STR("<starttls xmlns='" NS_TLS "'/>"));
	s2s_out_step(out, "STARTTLS is offered, asking for it");
	s2s_out_expect(out, S2S_OUT_PROCEED, "the other server does not answer to STARTTLS");
}

void s2s_out_start_tls(struct s2s_out *out, const char *alpn)
{
	struct err err;
	struct tls_context *context = tls_outgoing_context_get(conf_current(), out->local, &err);
	if (!context) {
		s2s_out_fail(out, STREAM_CONDITIONS, SE_internal_server_error, true, "%s", err.text);
		return;
	}
	s2s_out_expect(out, S2S_OUT_TLS, "the TLS handshake takes too long");
	out->peer.secured = true;
	peer_restart(&out->peer);
	conn_set_tls_name(out->peer.conn, out->local);
	conn_start_tls_client(out->peer.conn, context, out->remote, alpn);
}

/* Whether a certificate that proves nothing is accepted: dialback must be able to stand in for it. */
static bool bad_is_accepted(const struct s2s_out *out)
{
	return out->tls != S2S_TLS_TRUSTED && s2s_dialback_allowed(conf_current(), out->local, out->remote);
}

static bool certificate_will_do(struct s2s_out *out)
{
	struct err why = {0};
	out->certificate = s2s_certificate_check(out->peer.conn, out->remote, &out->vouching, &why);
	switch (out->certificate) {
	case S2S_CERTIFICATE_GOOD:
		s2s_out_step(out, "the certificate is good for %.*s", STR_FMT(out->remote));
		return true;
	case S2S_CERTIFICATE_DANE:
		s2s_out_step(out, "a TLSA record vouches for the certificate");
		return true;
	case S2S_CERTIFICATE_REFUSED:
		s2s_out_fail(out, STREAM_policy_violation, SE_remote_server_timeout, false,
		    "the certificate is not the one of the TLSA records: %s", why.text);
		return false;
	case S2S_CERTIFICATE_BAD:
		break;
	}
	s2s_out_step(
	    out, "the certificate does not prove that it is %.*s: %s", STR_FMT(out->remote), why.text);
	LOG_INFO("s2s_out.certificate", LOG_STR("local", out->local), LOG_STR("remote", out->remote),
	    LOG_BOOL("accepted", bad_is_accepted(out)), LOG_CSTR("reason", why.text));
	if (bad_is_accepted(out))
		return true;
	s2s_out_fail(out, STREAM_policy_violation, SE_remote_server_timeout, false,
	    "the other server's certificate is not accepted: %s", why.text);
	return false;
}

void s2s_out_secured(struct s2s_out *out)
{
	s2s_out_step(out, "TLS: %s, %s", conn_tls_version(out->peer.conn), conn_tls_cipher(out->peer.conn));
	if (out->tls == S2S_TLS_NEVER || certificate_will_do(out))
		s2s_out_header(out);
}

/* --- SASL EXTERNAL: RFC 6120 6, XEP-0178 3 -------------------------------------------------------------- */

static void ask_for_external(struct s2s_out *out)
{
	struct strbuf bytes = {0};
	strbuf_cstr(&bytes, "<auth xmlns='" NS_SASL "' mechanism='EXTERNAL'>");
	base64_encode(&bytes, out->local.ptr, out->local.len);
	strbuf_cstr(&bytes, "</auth>");
	peer_send(&out->peer, strbuf_view(&bytes));
	strbuf_fini(&bytes);
	s2s_out_step(out, "our certificate is accepted: SASL EXTERNAL");
	s2s_out_expect(out, S2S_OUT_SASL, "the other server does not answer to SASL");
}

static void external_succeeded(struct s2s_out *out)
{
	out->authentication = out->certificate == S2S_CERTIFICATE_DANE ? S2S_AUTH_DANE : S2S_AUTH_EXTERNAL;
	s2s_out_step(out, "authenticated by certificate");
	peer_restart(&out->peer);
	s2s_out_header(out);
}

/* --- dialback: XEP-0220 2.1.1 --------------------------------------------------------------------------- */

static bool dialback_possible(const struct s2s_out *out)
{
	return (out->features.dialback || out->dialback_declared) && out->stream_id &&
	       s2s_dialback_allowed(conf_current(), out->local, out->remote);
}

static void ask_for_dialback(struct s2s_out *out)
{
	char key[DIALBACK_KEY_SIZE];
	struct strbuf bytes = {0};
	dialback_key(key, out->remote, out->local, str_of(out->stream_id));
	struct s2s_dialback request = {"result", out->local, out->remote, .text = str_of(key)};
	s2s_dialback_write(&bytes, &request);
	peer_send(&out->peer, strbuf_view(&bytes));
	strbuf_fini(&bytes);
	s2s_out_step(out, "asking for dialback");
	s2s_out_expect(out, S2S_OUT_DIALBACK, "the other server does not answer to dialback");
}

static void dialback_error(struct s2s_out *out, const struct xml *result)
{
	const struct xml *error = xml_child(result, "error", "jabber:client");
	const struct xml *condition = error ? xml_first_element(error) : NULL;
	struct str name = condition ? condition->name : STR("no reason given");
	bool unknown = str_is(name, "item-not-found");
	s2s_out_fail(out, STREAM_CONDITIONS, unknown ? SE_remote_server_not_found : SE_remote_server_timeout,
	    true, "the other server could not check who we are: %.*s", STR_FMT(name));
}

static void dialback_result(struct s2s_out *out, const struct xml *result)
{
	struct str type = xml_attr(result, "type");
	if (!s2s_domain_is(xml_attr_s(result, "from"), out->remote) ||
	    !s2s_domain_is(xml_attr_s(result, "to"), out->local))
		return; /* not what was asked */
	if (str_is(type, "valid")) {
		out->authentication = S2S_AUTH_DIALBACK;
		s2s_out_step(out, "authenticated by dialback");
		finish(out);
	} else if (str_is(type, "error")) {
		dialback_error(out, result);
	} else if (type.ptr) {
		s2s_out_fail(out, STREAM_CONDITIONS, SE_internal_server_error, true,
		    "the other server takes us for an impostor: dialback is invalid");
	}
}

/* --- which one ------------------------------------------------------------------------------------------ */

static void authenticate(struct s2s_out *out)
{
	bool external = is_secure(out) && out->features.external && !out->external_failed;
	if (!external && !dialback_possible(out)) {
		s2s_out_fail(out, STREAM_CONDITIONS, SE_remote_server_timeout, false,
		    out->external_failed
			? "the other server does not accept our certificate, and dialback is "
			  "not possible"
			: "the other server offers no way to authenticate that may be used");
		return;
	}
	if (out->features.bidi && !out->bidi && s2s_bidi_wanted(conf_current(), out->local)) {
		out->bidi = true;
		peer_send(&out->peer, STR("<bidi xmlns='" NS_BIDI "'/>"));
		s2s_out_step(out, "the stream will be used in both directions");
	}
	if (external)
		ask_for_external(out);
	else
		ask_for_dialback(out);
}

/* Why it may not go on without TLS; NULL. */
static const char *tls_is_missing(const struct s2s_out *out)
{
	if (is_secure(out))
		return NULL;
	if (out->tls >= S2S_TLS_REQUIRED)
		return "the other server offers no TLS, which s2s_use_starttls demands";
	if (out->tls == S2S_TLS_NEVER && out->features.starttls_required)
		return "the other server insists on TLS, which s2s_use_starttls forbids";
	if (out->tls != S2S_TLS_NEVER && out->vouching.tlsa_count)
		return "the other server offers no TLS, although it has TLSA records";
	return NULL;
}

void s2s_out_negotiate(struct s2s_out *out)
{
	const char *missing = NULL;
	bool start = !is_secure(out) && out->features.starttls && out->tls != S2S_TLS_NEVER;
	if (out->authentication != S2S_AUTH_NONE)
		finish(out);
	else if (start)
		ask_for_tls(out);
	else if ((missing = tls_is_missing(out)))
		s2s_out_fail(out, STREAM_policy_violation, SE_remote_server_timeout, false, "%s", missing);
	else if (s2s_attempt_ops(out->attempt)->unauthenticated)
		finish(out);
	else
		authenticate(out);
}

bool s2s_out_auth_element(struct s2s_out *out, const struct xml *elem)
{
	if (out->state == S2S_OUT_PROCEED && xml_is(elem, "proceed", NS_TLS)) {
		s2s_out_start_tls(out, NULL);
	} else if (out->state == S2S_OUT_PROCEED && xml_is(elem, "failure", NS_TLS)) {
		s2s_out_fail(out, STREAM_CONDITIONS, SE_remote_server_timeout, false,
		    "the other server refuses TLS, which it offered");
	} else if (out->state == S2S_OUT_SASL && xml_is(elem, "success", NS_SASL)) {
		external_succeeded(out);
	} else if (out->state == S2S_OUT_SASL && xml_is(elem, "failure", NS_SASL)) {
		const struct xml *condition = xml_first_element(elem);
		s2s_out_step(out, "SASL EXTERNAL failed: %.*s",
		    STR_FMT(condition ? condition->name : STR("no reason given")));
		out->external_failed = true;
		authenticate(out);
	} else if (out->state == S2S_OUT_DIALBACK && s2s_is_dialback(elem, "result")) {
		dialback_result(out, elem);
	} else {
		return false;
	}
	return true;
}
