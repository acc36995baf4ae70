/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/rand.h"
#include "stanzad/log.h"
#include "stream/s2s_in_private.h"

static struct s2s_in *in_of(struct peer *peer)
{
	return list_entry(peer, struct s2s_in, peer);
}

/* --- ours ----------------------------------------------------------------------------------------------- */

void s2s_in_send_header(struct peer *peer)
{
	struct s2s_in *in = in_of(peer);
	struct strbuf out = {0};
	rand_id(in->id, S2S_STREAM_ID_LEN);
	struct str local = in->local.ptr ? in->local : conf_host_at(conf_current(), 0);
	struct s2s_header header = {
	    .from = local,
	    .to = in->remote,
	    .id = str_of(in->id),
	    .lang = in->lang.ptr ? in->lang : conf_str(conf_current(), local, "language"),
	    .versioned = in->versioned || !in->greeted,
	};
	s2s_header_write(&out, &header);
	peer_send(peer, strbuf_view(&out));
	strbuf_fini(&out);
	peer->header_sent = true;
}

/* --- features ------------------------------------------------------------------------------------------- */

static void put_starttls(const struct s2s_in *in, struct strbuf *out)
{
	enum s2s_tls tls = s2s_tls_wanted(conf_current(), in->local);
	if (in->secure || in->pair_count || tls == S2S_TLS_NEVER)
		return;
	strbuf_cstr(out, "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>");
	strbuf_cstr(out, tls >= S2S_TLS_REQUIRED ? "<required/></starttls>" : "</starttls>");
}

/* XEP-0220 2.4.2, 0288 2.1, 0198 3 */
static void put_authentication(const struct s2s_in *in, struct strbuf *out)
{
	const struct conf *conf = conf_current();
	bool trusted_only = s2s_tls_wanted(conf, in->local) == S2S_TLS_TRUSTED && !in->external;
	if (in->external && !in->logged_in)
		strbuf_cstr(out, "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
				 "<mechanism>EXTERNAL</mechanism></mechanisms>");
	if (!trusted_only && s2s_dialback_allowed(conf, in->local, in->remote))
		strbuf_cstr(out, "<dialback xmlns='" NS_DIALBACK_FEATURE "'><errors/></dialback>");
	if (s2s_bidi_wanted(conf, in->local) && !in->logged_in)
		strbuf_cstr(out, "<bidi xmlns='" NS_BIDI_FEATURE "'/>");
	strbuf_cstr(out, "<sm xmlns='" NS_S2S_SM "'/>");
}

/* XEP-0478 */
static void put_limits(const struct s2s_in *in, struct strbuf *out)
{
	int64_t timeout = conf_int(conf_current(), in->local, "s2s_timeout");
	strbuf_printf(out, "<limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>%u</max-bytes>",
	    in->peer.limits.max_bytes);
	if (in->valid_count && timeout != OPTION_INFINITE)
		strbuf_printf(out, "<idle-seconds>%u</idle-seconds>", (unsigned)(timeout / 1000));
	strbuf_cstr(out, "</limits>");
}

static void send_features(struct s2s_in *in)
{
	struct strbuf out = {0};
	strbuf_cstr(&out, "<stream:features>");
	put_starttls(in, &out);
	if (!s2s_in_tls_due(in))
		put_authentication(in, &out);
	put_limits(in, &out);
	strbuf_cstr(&out, "</stream:features>");
	peer_send(&in->peer, strbuf_view(&out));
	strbuf_fini(&out);
}

/* --- theirs: RFC 6120 4.7 ------------------------------------------------------------------------------- */

/* Prepares a domain of the header; false: it is none. */
static bool prepare(struct str text, struct str *domain_r)
{
	struct arena arena = {0};
	struct str domain;
	struct err err;
	bool is_domain = jid_prep_domain(text, &arena, &domain, &err) == 0;
	if (is_domain)
		*domain_r = s2s_in_dup(domain);
	arena_fini(&arena);
	return is_domain;
}

static bool take_to(struct s2s_in *in, struct str to)
{
	struct str local = STR_NULL;
	if (!to.len) {
		peer_fail(&in->peer, STREAM_improper_addressing,
		    "the stream header must say to which domain it is (to='...')");
		return false;
	}
	if (!prepare(to, &local) || !s2s_is_local(local)) {
		free((char *)local.ptr);
		peer_fail(&in->peer, STREAM_host_unknown, "this server does not serve the domain");
		return false;
	}
	if (in->logged_in && !str_eq(local, in->local)) {
		free((char *)local.ptr);
		peer_fail(&in->peer, STREAM_host_unknown, "the domain changed within the connection");
		return false;
	}
	free((char *)in->local.ptr);
	in->local = local;
	return true;
}

static bool take_from(struct s2s_in *in, struct str from)
{
	struct str remote = STR_NULL;
	const char *fault = NULL;
	enum stream_condition condition = STREAM_invalid_from;
	if (from.len && !prepare(from, &remote))
		fault = "the address in 'from' is no domain";
	else if (remote.ptr && s2s_is_local(remote))
		fault = "this domain is served here";
	else if (in->logged_in && (!remote.ptr || !str_eq(remote, in->remote)))
		fault = "the domain is not the authenticated one";
	if (!fault && remote.ptr && !s2s_allowed(in->local, remote)) {
		condition = STREAM_policy_violation;
		fault = "this server may not talk to that one";
	}
	if (fault) {
		s2s_in_refused(in, "stream", in->local, from.len ? from : STR(""), fault);
		peer_fail(&in->peer, condition, fault);
	}
	if (fault) {
		free((char *)remote.ptr);
		return false;
	}
	free((char *)in->remote.ptr);
	in->remote = remote;
	return true;
}

void s2s_in_header_judged(struct s2s_in *in)
{
	in->external = in->certificate == S2S_CERTIFICATE_GOOD || in->certificate == S2S_CERTIFICATE_DANE;
	s2s_in_send_header(&in->peer);
	if (in->versioned)
		send_features(in);
	if (in->logged_in && in->pairs)
		s2s_pair_offer(in->pairs);
}

static void judge_certificate(struct s2s_in *in)
{
	struct err why = {0};
	in->certificate = S2S_CERTIFICATE_BAD;
	if (in->secure && in->remote.ptr)
		in->certificate = s2s_in_certificate(in, in->remote, &why);
	if (in->certificate != S2S_CERTIFICATE_BAD || !conn_peer_shown(in->peer.conn)) {
		s2s_in_header_judged(in);
		return;
	}
	LOG_INFO("s2s_in.certificate", LOG_STR("local", in->local),
	    LOG_STR("remote", s2s_in_shown(in->remote)), LOG_CSTR("reason", why.text),
	    LOG_STR("address", conn_peer_text(in->peer.conn)));
	if (in->remote.ptr && !str_is(conf_str(conf_current(), STR_NULL, "s2s_dnssec"), "false"))
		s2s_in_dane_start(in);
	else
		s2s_in_header_judged(in);
}

void s2s_in_header(struct peer *peer, const struct xml *root)
{
	struct s2s_in *in = in_of(peer);
	struct s2s_header header;
	peer->header_sent = false;
	if (!s2s_header_read(peer, root, &header))
		return;
	if (header.lang.ptr)
		in->lang = header.lang;
	in->versioned = header.versioned;
	in->greeted = true;
	if (!take_to(in, header.to) || !take_from(in, header.from))
		return;
	if (!in->versioned && s2s_in_tls_due(in))
		peer_fail(peer, STREAM_unsupported_version, "XMPP 1.0 is needed, and TLS");
	else if (in->logged_in)
		s2s_in_header_judged(in);
	else
		judge_certificate(in);
}
