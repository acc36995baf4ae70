/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sasl.h"
#include "base/codec.h"
#include "net/tls.h"
#include "stanzad/log.h"
#include "stream/s2s_in_private.h"

#define NS_SASL "urn:ietf:params:xml:ns:xmpp-sasl"
#define FAILURE_WEIGHT 4 /* RFC 6120 6.4.5: no more than five attempts */
#define AUTHZID_MAX 4096 /* bytes of base64: more than any domain has */

bool s2s_in_tls_due(const struct s2s_in *in)
{
	return !in->secure && s2s_tls_wanted(conf_current(), in->local) >= S2S_TLS_REQUIRED;
}

enum s2s_certificate s2s_in_certificate(struct s2s_in *in, struct str remote, struct err *why)
{
	static const struct s2s_vouching nobody;
	if (in->certificate == S2S_CERTIFICATE_DANE && str_eq(remote, in->remote))
		return S2S_CERTIFICATE_DANE;
	if (in->secure)
		return s2s_certificate_check(in->peer.conn, remote, &nobody, why);
	err_set(why, "there is no TLS");
	return S2S_CERTIFICATE_BAD;
}

/* --- STARTTLS: RFC 6120 5 ------------------------------------------------------------------------------- */

static void starttls(struct s2s_in *in)
{
	struct err err = {0};
	struct tls_context *context = NULL;
	if (in->secure || in->pair_count || s2s_tls_wanted(conf_current(), in->local) == S2S_TLS_NEVER)
		err_set(&err, "it was not offered");
	else
		context = tls_context_get(in->conf, in->listener, NULL, &err);
	if (!context) {
		LOG_WARNING("s2s_in.starttls_refused", LOG_CSTR("reason", err.text),
		    LOG_STR("address", conn_peer_text(in->peer.conn)));
		peer_send(&in->peer, STR("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
		peer_close(&in->peer);
		return;
	}
	peer_send(&in->peer, STR("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
	in->secure = in->peer.secured = true;
	in->bidi = false;
	peer_restart(&in->peer);
	conn_set_tls_name(in->peer.conn, in->local);
	conn_start_tls(in->peer.conn, context);
}

/* --- SASL EXTERNAL: RFC 6120 6, XEP-0178 3 -------------------------------------------------------------- */

static void sasl_failed(struct s2s_in *in, enum sasl_condition condition, const char *why)
{
	struct strbuf out = {0};
	in->challenged = false;
	in->failures += FAILURE_WEIGHT - 1;
	strbuf_printf(
	    &out, "<failure xmlns='" NS_SASL "'><%s/></failure>", sasl_condition_text(condition));
	peer_send(&in->peer, strbuf_view(&out));
	strbuf_fini(&out);
	s2s_in_refused(in, "sasl", in->local, s2s_in_shown(in->remote), why);
}

/* The decoded authorization identity; < 0: not base64. */
static int authzid(const struct xml *elem, struct strbuf *out, bool *given_r)
{
	struct strbuf joined = {0};
	struct str text = str_trim(xml_text(elem, &joined));
	int rc = 0;
	*given_r = text.len > 0;
	if (!str_is(text, "="))
		rc = text.len > AUTHZID_MAX ? -1 : base64_decode(out, text);
	strbuf_fini(&joined);
	return rc;
}

static void external(struct s2s_in *in, const struct xml *elem)
{
	struct strbuf identity = {0};
	bool given;
	if (authzid(elem, &identity, &given) < 0) {
		sasl_failed(in, SASL_INCORRECT_ENCODING, "the data are not base64");
	} else if (!given && !in->challenged) {
		in->challenged = true;
		peer_send(&in->peer, STR("<challenge xmlns='" NS_SASL "'/>"));
	} else if (identity.len && !s2s_domain_is(strbuf_view(&identity), in->remote)) {
		sasl_failed(in, SASL_INVALID_AUTHZID, "another identity than the stream's 'from'");
	} else {
		struct s2s_pair *pair = s2s_pair_new(in, in->local, in->remote);
		pair->by_sasl = true;
		s2s_pair_authenticated(pair,
		    in->certificate == S2S_CERTIFICATE_DANE ? S2S_AUTH_DANE : S2S_AUTH_EXTERNAL);
	}
	strbuf_fini(&identity);
}

void s2s_in_external_succeeded(struct s2s_in *in)
{
	in->logged_in = true;
	in->challenged = false;
	peer_send(&in->peer, STR("<success xmlns='" NS_SASL "'/>"));
	peer_restart(&in->peer);
}

static void auth(struct s2s_in *in, const struct xml *elem)
{
	in->challenged = false;
	if (s2s_in_tls_due(in))
		sasl_failed(in, SASL_ENCRYPTION_REQUIRED, "without TLS");
	else if (!str_is(xml_attr_s(elem, "mechanism"), "EXTERNAL"))
		sasl_failed(in, SASL_INVALID_MECHANISM, "another mechanism than EXTERNAL");
	else if (!in->external)
		sasl_failed(in, SASL_NOT_AUTHORIZED, "the certificate is not good for the domain");
	else
		external(in, elem);
}

static void sasl_element(struct s2s_in *in, const struct xml *elem)
{
	if (in->pair_count)
		peer_fail(&in->peer, STREAM_policy_violation, "this stream is authenticated already");
	else if (xml_is(elem, "auth", NS_SASL))
		auth(in, elem);
	else if (xml_is(elem, "response", NS_SASL) && in->challenged)
		external(in, elem);
	else if (xml_is(elem, "abort", NS_SASL))
		sasl_failed(in, SASL_ABORTED, "given up by the other server");
	else
		sasl_failed(in, SASL_MALFORMED_REQUEST, "not expected now");
}

/* --- all of it ------------------------------------------------------------------------------------------ */

bool s2s_in_auth_element(struct s2s_in *in, const struct xml *elem)
{
	if (elem->ns_token == XNS_TLS && elem->name_token == XN_starttls) {
		starttls(in);
		return true;
	}
	if (elem->ns_token == XNS_SASL) {
		sasl_element(in, elem);
		return true;
	}
	if (!xml_is(elem, "bidi", NS_BIDI))
		return false;
	/* XEP-0288 2.2: before the authentication; later it is for the pairs that follow. */
	if (!s2s_in_tls_due(in) && s2s_bidi_wanted(conf_current(), in->local))
		in->bidi = true;
	return true;
}
