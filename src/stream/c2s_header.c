/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/rand.h"
#include "route/host_private.h"
#include "stream/c2s_private.h"
#include "stream/lang.h"

#define STREAM_ID_LEN 26 /* 130 random bits: RFC 6120 4.7.3 */

/* --- our header ----------------------------------------------------------------------------------------- */

static void header_send(struct c2s *c2s, struct str to)
{
	if (c2s->header_sent)
		return;
	c2s->header_sent = true;
	char id[STREAM_ID_LEN + 1];
	rand_id(id, STREAM_ID_LEN);
	struct str from = c2s->host ? host_name(c2s->host) : conf_host_at(c2s->conf, 0);
	struct strbuf out = {0};
	strbuf_cstr(&out, "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
			  "xmlns:stream='http://etherx.jabber.org/streams' version='1.0' id='");
	strbuf_cstr(&out, id);
	strbuf_cstr(&out, "' from='");
	xml_escape(&out, from);
	if (to.len) {
		strbuf_cstr(&out, "' to='");
		xml_escape(&out, to);
	}
	strbuf_cstr(&out, "' xml:lang='");
	strbuf_str(&out, c2s->lang.ptr ? c2s->lang : conf_str(c2s->conf, from, "language"));
	strbuf_cstr(&out, "'>");
	c2s_send(c2s, strbuf_view(&out));
	strbuf_fini(&out);
}

void c2s_header_send(struct c2s *c2s)
{
	header_send(c2s, STR_NULL);
}

/* RFC 6120 4.7.2: who said who they are is addressed in the answer. */
static void header_answer(struct c2s *c2s, const struct xml *root)
{
	struct str from = xml_attr(root, "from");
	struct arena arena = {0};
	struct jid jid;
	struct err err;
	bool known = from.len && jid_parse(from, &arena, &jid, &err) == 0 && jid.local_len;
	header_send(c2s, known ? jid_bare(&jid) : STR_NULL);
	arena_fini(&arena);
}

/* --- features ------------------------------------------------------------------------------------------- */

static void put_starttls(struct c2s *c2s, struct xml_writer *features)
{
	xml_open(features, "starttls", "urn:ietf:params:xml:ns:xmpp-tls");
	if (conf_listener_get(c2s->listener, "starttls_required")->boolean)
		xml_put_element(features, "required", NULL, STR_NULL);
	xml_close(features);
}

static void put_mechanisms(struct c2s *c2s, struct xml_writer *features)
{
	const char *names[SASL_NAMES_MAX];
	c2s_auth_offer(c2s, names);
	if (names[0]) {
		xml_open(features, "mechanisms", "urn:ietf:params:xml:ns:xmpp-sasl");
		for (unsigned i = 0; names[i]; i++)
			xml_put_element(features, "mechanism", NULL, str_of(names[i]));
		xml_close(features);
	}
	c2s_sasl2_features(c2s, features);
	if (!c2s->secure || (!names[0] && !c2s->setup->offer2[0]))
		return;
	/* XEP-0440 */
	xml_open(features, "sasl-channel-binding", "urn:xmpp:sasl-cb:0");
	for (int i = 0; i < SASL_BINDINGS; i++) {
		if (!c2s_binding_offered(c2s, (enum sasl_binding)i))
			continue;
		xml_open(features, "channel-binding", NULL);
		xml_put_attr(features, "type", str_of(sasl_binding_text((enum sasl_binding)i)));
		xml_close(features);
	}
	xml_close(features);
}

static void put_bind(struct xml_writer *features)
{
	xml_put_element(features, "bind", "urn:ietf:params:xml:ns:xmpp-bind", STR_NULL);
	xml_open(features, "session", "urn:ietf:params:xml:ns:xmpp-session");
	xml_put_element(features, "optional", NULL, STR_NULL);
	xml_close(features);
}

/* XEP-0478. */
static void put_limits(struct c2s *c2s, struct xml_writer *features)
{
	xml_open(features, "limits", "urn:xmpp:stream-limits:0");
	xml_open(features, "max-bytes", NULL);
	struct strbuf number = {0};
	strbuf_u64(&number, c2s->limits.max_bytes);
	xml_put_text(features, strbuf_view(&number));
	strbuf_fini(&number);
	xml_close(features);
	xml_close(features);
}

void c2s_features_send(struct c2s *c2s)
{
	struct xml_writer features = {.default_ns = NS_CLIENT};
	bool authenticated = c2s->setup->authenticated;
	bool starttls = !c2s->secure && conf_listener_get(c2s->listener, "starttls")->boolean;
	bool tls_first = starttls && conf_listener_get(c2s->listener, "starttls_required")->boolean;
	strbuf_cstr(&features.buf, "<stream:features>");
	if (starttls && !authenticated)
		put_starttls(c2s, &features);
	if (authenticated && !c2s->session)
		put_bind(&features);
	else if (!authenticated && !tls_first)
		put_mechanisms(c2s, &features);
	put_limits(c2s, &features);
	if (!tls_first) {
		struct hook_c2s_stream_features event = {
		    &features, c2s->secure, authenticated, conn_peer(c2s->conn)};
		hook_run_c2s_stream_features(c2s->host, &event);
	}
	strbuf_cstr(&features.buf, "</stream:features>");
	c2s_send_writer(c2s, &features);
	xml_writer_fini(&features);
	if (!c2s->session)
		c2s->state = authenticated ? C2S_AUTHENTICATED : C2S_NEGOTIATING;
}

/* --- the client's header: RFC 6120 4.7, 4.8 ------------------------------------------------------------- */

static bool version_supported(struct str version)
{
	struct str minor;
	uint64_t major;
	return version.ptr && str_to_u64(str_cut(version, '.', &minor), &major) && major >= 1;
}

/* Sets c2s->host; false: the stream failed. */
static bool find_host(struct c2s *c2s, const struct xml *root)
{
	struct str to = xml_attr(root, "to"), domain;
	struct arena arena = {0};
	struct host *host = NULL;
	struct err err;
	if (!to.ptr) {
		c2s_fail(c2s, STREAM_improper_addressing,
		    "the stream header must say to which domain it is (to='...')");
		return false;
	}
	if (jid_prep_domain(to, &arena, &domain, &err) == 0)
		host = host_find(domain);
	arena_fini(&arena);
	if (!host) {
		c2s_fail(c2s, STREAM_host_unknown, "this server does not serve the domain");
		return false;
	}
	if (c2s->host && c2s->host != host) {
		c2s_fail(c2s, STREAM_host_unknown, "the domain changed within the connection");
		return false;
	}
	c2s->host = host;
	return true;
}

/* False: a module does not want this client, and the stream failed. */
static bool may_connect(struct c2s *c2s)
{
	struct hook_c2s_connect event = {.address = conn_peer(c2s->conn)};
	if (c2s->setup->authenticated || hook_run_c2s_connect(c2s->host, &event) != HOOK_STOP)
		return true;
	c2s_fail(c2s, STREAM_policy_violation, event.refuse_text);
	return false;
}

void c2s_header(struct c2s *c2s, const struct xml *root)
{
	c2s->header_sent = false;
	struct str lang = lang_intern(xml_lang(root));
	if (lang.ptr)
		c2s->lang = lang;
	if (root->ns_token != XNS_STREAM) {
		c2s_fail(c2s, STREAM_invalid_namespace, NULL);
		return;
	}
	if (root->name_token != XN_stream) {
		c2s_fail(c2s, STREAM_bad_format, "the stream's root element is not <stream:stream/>");
		return;
	}
	if (!str_is(xml_stream_namespace(c2s->xml, ""), "jabber:client")) {
		c2s_fail(c2s, STREAM_invalid_namespace, "the content namespace must be jabber:client");
		return;
	}
	if (!find_host(c2s, root) || !may_connect(c2s))
		return;
	if (!version_supported(xml_attr(root, "version"))) {
		c2s_fail(c2s, STREAM_unsupported_version, "XMPP 1.0 or later is needed");
		return;
	}
	header_answer(c2s, root);
	if (!c2s_sasl2_look_up(c2s, xml_attr_s(root, "from")))
		c2s_features_send(c2s);
}
