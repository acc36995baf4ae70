/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/s2s_common.h"

#include "conf/access.h"
#include "net/dns.h"
#include "route/local_route.h"
#include "route/router.h"
#include "stanzad/log.h"
#include "stanzad/route.h"
#include "stream/dialback.h"
#include "stream/lang.h"

#define NS_TLS "urn:ietf:params:xml:ns:xmpp-tls"
#define NS_SASL "urn:ietf:params:xml:ns:xmpp-sasl"

/* --- what the options want ------------------------------------------------------------------------------ */

enum s2s_tls s2s_tls_wanted(const struct conf *conf, struct str local)
{
	return (enum s2s_tls)conf_int(conf, local, "s2s_use_starttls");
}

/* The host whose options count for a domain: the domain itself, or the host it belongs to. */
static const struct conf_module *module_for(const struct conf *conf, struct str local, const char *name)
{
	struct str domain = local, rest = local;
	while (rest.len && !conf_is_host(conf, domain)) {
		str_cut(domain, '.', &rest);
		domain = rest;
	}
	return conf_module_find(conf, domain.len ? domain : conf_host_at(conf, 0), name);
}

bool s2s_dialback_allowed(const struct conf *conf, struct str local, struct str remote)
{
	const struct conf_module *module = module_for(conf, local, "mod_s2s_dialback");
	struct jid jid = {remote.ptr, 0, (uint16_t)remote.len, 0};
	const struct access_subject subject = {.jid = &jid};
	return module && access_allowed(conf, local, conf_module_get(module, "access")->access, &subject);
}

bool s2s_bidi_wanted(const struct conf *conf, struct str local)
{
	return module_for(conf, local, "mod_s2s_bidi") != NULL;
}

bool s2s_domain_is(struct str text, struct str domain)
{
	struct arena arena = {0};
	struct str prepared;
	struct err err;
	bool same = str_eq(text, domain) ||
		    (jid_prep_domain(text, &arena, &prepared, &err) == 0 && str_eq(prepared, domain));
	arena_fini(&arena);
	return same;
}

bool s2s_is_local(struct str domain)
{
	return host_find(domain) || local_route_serves(domain);
}

/* --- stream headers ------------------------------------------------------------------------------------- */

static void put_attr(struct strbuf *out, const char *name, struct str value)
{
	if (!value.ptr)
		return;
	strbuf_printf(out, " %s='", name);
	xml_escape(out, value);
	strbuf_char(out, '\'');
}

void s2s_header_write(struct strbuf *out, const struct s2s_header *header)
{
	strbuf_cstr(out, "<?xml version='1.0'?><stream:stream xmlns='jabber:server' "
			 "xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='" NS_DIALBACK "'");
	put_attr(out, "from", header->from);
	put_attr(out, "to", header->to);
	put_attr(out, "id", header->id);
	put_attr(out, "xml:lang", header->lang);
	put_attr(out, "version", header->versioned ? STR("1.0") : STR_NULL);
	strbuf_char(out, '>');
}

static bool is_versioned(struct str version)
{
	struct str minor;
	uint64_t major;
	return version.ptr && str_to_u64(str_cut(version, '.', &minor), &major) && major >= 1;
}

bool s2s_header_read(struct peer *peer, const struct xml *root, struct s2s_header *header_r)
{
	if (root->ns_token != XNS_STREAM) {
		peer_fail(peer, STREAM_invalid_namespace, NULL);
		return false;
	}
	if (root->name_token != XN_stream) {
		peer_fail(peer, STREAM_bad_format, "the stream's root element is not <stream:stream/>");
		return false;
	}
	if (!str_is(xml_stream_namespace(peer->xml, ""), "jabber:server")) {
		peer_fail(peer, STREAM_invalid_namespace, "the content namespace must be jabber:server");
		return false;
	}
	*header_r = (struct s2s_header){
	    .from = xml_attr(root, "from"),
	    .to = xml_attr(root, "to"),
	    .id = xml_attr(root, "id"),
	    .lang = lang_intern(xml_lang(root)),
	    .versioned = is_versioned(xml_attr(root, "version")),
	    .dialback = str_is(xml_stream_namespace(peer->xml, "db"), NS_DIALBACK),
	};
	return true;
}

/* --- features ------------------------------------------------------------------------------------------- */

static bool has_external(const struct xml *features)
{
	const struct xml *mechanisms = xml_child(features, "mechanisms", NS_SASL);
	struct strbuf joined = {0};
	bool found = false;
	const struct xml *each = mechanisms ? xml_child(mechanisms, "mechanism", NULL) : NULL;
	for (; each && !found; each = xml_next(each, "mechanism", NS_SASL))
		found = str_is(str_trim(xml_text(each, &joined)), "EXTERNAL");
	strbuf_fini(&joined);
	return found;
}

void s2s_features_read(const struct xml *features, struct s2s_features *features_r)
{
	const struct xml *starttls = xml_child(features, "starttls", NS_TLS);
	const struct xml *dialback = xml_child(features, "dialback", NS_DIALBACK_FEATURE);
	*features_r = (struct s2s_features){
	    .starttls = starttls,
	    .starttls_required = starttls && xml_child(starttls, "required", NULL),
	    .external = has_external(features),
	    .dialback = dialback,
	    .dialback_errors = dialback && xml_child(dialback, "errors", NULL),
	    .bidi = xml_child(features, "bidi", NS_BIDI_FEATURE),
	    .sm = xml_child(features, "sm", NS_S2S_SM),
	};
}

/* --- certificates --------------------------------------------------------------------------------------- */

static int matches(
    const struct conn *conn, struct str domain, const struct s2s_vouching *vouching, struct err *why)
{
	struct err ignored;
	if (vouching->host_is_secure && vouching->host.len &&
	    conn_peer_matches(conn, vouching->host, &ignored) == 0)
		return 0;
	return conn_peer_matches(conn, domain, why);
}

enum s2s_certificate s2s_certificate_check(
    const struct conn *conn, struct str domain, const struct s2s_vouching *vouching, struct err *why)
{
	int dane = vouching->tlsa_count ? conn_peer_dane(conn, vouching->tlsa, vouching->tlsa_count,
					      vouching->host, domain, why)
					: 1;
	if (dane <= 0)
		return dane < 0 ? S2S_CERTIFICATE_REFUSED : S2S_CERTIFICATE_DANE;
	if (conn_peer_chain(conn, why) < 0 || matches(conn, domain, vouching, why) < 0)
		return S2S_CERTIFICATE_BAD;
	return S2S_CERTIFICATE_GOOD;
}

/* --- dialback ------------------------------------------------------------------------------------------- */

void s2s_dialback_write(struct strbuf *out, const struct s2s_dialback *dialback)
{
	strbuf_printf(out, "<db:%s", dialback->name);
	put_attr(out, "from", dialback->from);
	put_attr(out, "to", dialback->to);
	put_attr(out, "id", dialback->id);
	put_attr(out, "type", dialback->type);
	if (!dialback->condition && !dialback->text.len) {
		strbuf_cstr(out, "/>");
		return;
	}
	strbuf_char(out, '>');
	if (dialback->condition)
		strbuf_printf(out,
		    "<error type='cancel'><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
		    dialback->condition);
	xml_escape(out, dialback->text);
	strbuf_printf(out, "</db:%s>", dialback->name);
}

bool s2s_is_dialback(const struct xml *elem, const char *name)
{
	return xml_is(elem, name, NS_DIALBACK);
}

void s2s_verify_answer(struct peer *peer, const struct xml *verify)
{
	struct str from = xml_attr(verify, "from"), to = xml_attr(verify, "to"), id = xml_attr(verify, "id");
	struct str receiving = STR_NULL, originating = STR_NULL;
	struct strbuf joined = {0}, out = {0};
	struct arena arena = {0};
	struct err err;
	if (jid_prep_domain(from, &arena, &receiving, &err) < 0 ||
	    jid_prep_domain(to, &arena, &originating, &err) < 0 || !id.ptr) {
		peer_fail(peer, STREAM_improper_addressing, "a dialback request has from, to and id");
		arena_fini(&arena);
		return;
	}
	struct s2s_dialback answer = {.name = "verify", .from = to, .to = from, .id = id};
	struct str key = str_trim(xml_text(verify, &joined));
	if (!s2s_is_local(originating)) {
		answer.type = STR("error");
		answer.condition = "item-not-found";
	} else {
		answer.type =
		    dialback_key_is(key, receiving, originating, id) ? STR("valid") : STR("invalid");
	}
	s2s_dialback_write(&out, &answer);
	peer_send(peer, strbuf_view(&out));
	strbuf_fini(&out);
	strbuf_fini(&joined);
	arena_fini(&arena);
}

/* --- stanzas -------------------------------------------------------------------------------------------- */

static const char *iq_fault(const struct stanza *stanza)
{
	if (stanza->type == STANZA_TYPE_INVALID)
		return "there is no such type";
	if (stanza->kind != STANZA_IQ)
		return NULL;
	if (!stanza->id.ptr)
		return "an IQ has an id";
	if (stanza_is_request(stanza) && !stanza_payload(stanza))
		return "an IQ get or set has exactly one child element";
	return NULL;
}

/* By the modules of the host it is for; a service has none. */
static void hooked(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct host *host = host_find(jid_domain(to));
	struct hook_stanza event = {.from = from, .to = to, .stanza = stanza_ref(stanza)};
	enum hook_verdict verdict = host ? hook_run_s2s_receive(host, &event) : HOOK_PASS;
	if (verdict == HOOK_PASS)
		route(event.from, event.to, event.stanza);
	else if (verdict == HOOK_BOUNCE)
		route_error(from, to, stanza, &event.error);
	stanza_unref(&event.stanza);
}

static void on_its_way(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct stanza_error error = {.condition = SE_bad_request, .text = iq_fault(stanza)};
	if (error.text)
		route_error(from, to, stanza, &error);
	else
		hooked(from, to, stanza);
}

/* Where an address has a bad local part or resource, the domain can still be told. */
static int parse_domain(struct str text, struct arena *arena, struct jid *jid_r)
{
	struct str resource, domain, bare = str_cut(text, '/', &resource);
	struct err err;
	if (memchr(bare.ptr, '@', bare.len))
		str_cut(bare, '@', &domain);
	else
		domain = bare;
	return jid_make(STR(""), domain, STR(""), arena, jid_r, &err);
}

enum address_fault { ADDRESS_FINE, ADDRESS_BAD, ADDRESS_HOPELESS };

static enum address_fault read_address(struct str text, struct arena *arena, struct jid *jid_r)
{
	struct err err;
	if (jid_parse(text, arena, jid_r, &err) == 0)
		return ADDRESS_FINE;
	return parse_domain(text, arena, jid_r) == 0 ? ADDRESS_BAD : ADDRESS_HOPELESS;
}

struct addresses {
	struct jid from, to;
	enum address_fault from_fault, to_fault;
};

/* The addresses of a stanza between servers; false: the stream failed. RFC 6120 8.1.1.2, 8.1.2.2 */
static bool read_addresses(
    struct peer *peer, const struct xml *root, struct arena *arena, struct addresses *addresses)
{
	struct str from = xml_attr(root, "from"), to = xml_attr(root, "to");
	if (!from.len || !to.len) {
		peer_fail(peer, STREAM_improper_addressing, "a stanza between servers has from and to");
		return false;
	}
	addresses->from_fault = read_address(from, arena, &addresses->from);
	addresses->to_fault = read_address(to, arena, &addresses->to);
	if (addresses->from_fault == ADDRESS_HOPELESS)
		peer_fail(peer, STREAM_invalid_from, "the address in 'from' is no JID");
	else if (addresses->to_fault == ADDRESS_HOPELESS)
		peer_fail(peer, STREAM_improper_addressing, "the address in 'to' is no JID");
	else
		return true;
	return false;
}

/* One bad address is the fault of one user: the stream goes on for all the others. */
static void accepted(const struct addresses *addresses, struct stanza *stanza)
{
	struct stanza_error error = {SE_jid_malformed, .text = "the address in 'to' is no JID"};
	if (addresses->from_fault)
		LOG_DEBUG("s2s.dropped", LOG_STR("from", xml_attr_s(stanza->root, "from")),
		    LOG_CSTR("reason", "the address in 'from' is no JID"));
	else if (addresses->to_fault)
		route_error(&addresses->from, &addresses->to, stanza, &error);
	else
		on_its_way(&addresses->from, &addresses->to, stanza);
}

static bool is_authorized(
    struct peer *peer, const struct jid *from, const struct jid *to, s2s_authorized *authorized, void *arg)
{
	struct str local = jid_domain(to), remote = jid_domain(from);
	if (authorized(arg, local, remote))
		return true;
	LOG_WARNING("s2s.refused", LOG_CSTR("stream", peer->ops->name), LOG_STR("from", jid_full(from)),
	    LOG_STR("to", jid_full(to)), LOG_STR("address", conn_peer_text(peer->conn)));
	if (s2s_is_local(local))
		peer_fail(peer, STREAM_invalid_from, "this stream may not speak for that domain");
	else
		peer_fail(peer, STREAM_host_unknown, "this server does not serve the domain");
	return false;
}

static void counted(const struct addresses *addresses, struct stanza *stanza, struct inbound *inbound)
{
	struct inbound_visit visit;
	if (!inbound) {
		accepted(addresses, stanza);
	} else if (inbound_enter(inbound, stanza, &visit)) {
		accepted(addresses, stanza);
		inbound_leave(stanza, &visit);
	}
}

void s2s_receive(struct peer *peer, struct xml_tree *tree, struct str lang, struct inbound *inbound,
    s2s_authorized *authorized, void *arg)
{
	struct arena arena = {0};
	struct addresses addresses;
	struct stanza *stanza = stanza_take(&tree);
	if (!stanza) {
		peer_fail(peer, STREAM_unsupported_stanza_type, NULL);
		return;
	}
	if (read_addresses(peer, stanza->root, &arena, &addresses) &&
	    is_authorized(peer, &addresses.from, &addresses.to, authorized, arg)) {
		if (!stanza->lang.ptr)
			stanza->lang = lang; /* nobody else has it yet; RFC 6120 8.1.5 */
		counted(&addresses, stanza, inbound);
	}
	stanza_unref(&stanza);
	arena_fini(&arena);
}

/* Children that declare jabber:client themselves are written as belonging to the stanza. */
static void write_anew(
    struct strbuf *out, const struct stanza *stanza, const struct jid *from, const struct jid *to)
{
	struct strbuf inner = {0};
	struct xml root = *stanza->root;
	/* Not copied as a whole: others may be counting its references. */
	struct stanza other = {.kind = stanza->kind,
	    .type = stanza->type,
	    .id = stanza->id,
	    .lang = stanza->lang,
	    .tail = stanza->tail,
	    .root = &root};
	for (const struct xml *child = root.children; child; child = child->next) {
		if (child->kind == XML_TEXT)
			xml_escape(&inner, child->name);
		else
			xml_write(&inner, child, NS_CLIENT);
	}
	root.inner = strbuf_view(&inner);
	stanza_write(out, &other, from, to);
	strbuf_fini(&inner);
}

void s2s_stanza_write(
    struct strbuf *out, const struct stanza *stanza, const struct jid *from, const struct jid *to)
{
	struct str inner = stanza->root->inner;
	if (inner.len && memmem(inner.ptr, inner.len, "jabber:client", 13))
		write_anew(out, stanza, from, to);
	else
		stanza_write(out, stanza, from, to);
}
