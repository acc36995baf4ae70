/* SPDX-License-Identifier: Apache-2.0 */
/* XEP-0114 3: the stream header and the handshake. */
#include "auth/digest.h"
#include "base/codec.h"
#include "base/mem.h"
#include "base/rand.h"
#include "conf/access.h"
#include "route/local_route.h"
#include "stanzad/log.h"
#include "stanzad/module.h"
#include "stream/component_private.h"
#include "stream/lang.h"

#define NS_ACCEPT "jabber:component:accept"

/* --- headers -------------------------------------------------------------------------------------------- */

void component_send_header(struct peer *peer)
{
	struct component *component = (struct component *)peer;
	struct strbuf out = {0};
	rand_id(component->id, COMPONENT_ID_LEN);
	strbuf_cstr(&out, "<?xml version='1.0'?><stream:stream xmlns='" NS_ACCEPT
			  "' xmlns:stream='http://etherx.jabber.org/streams' id='");
	strbuf_cstr(&out, component->id);
	strbuf_cstr(&out, "' from='");
	xml_escape(&out, component->domain.len ? component->domain : conf_host_at(component->conf, 0));
	strbuf_cstr(&out, "'>");
	peer_send(peer, strbuf_view(&out));
	strbuf_fini(&out);
}

static bool is_stream(struct component *component, const struct xml *root)
{
	struct peer *peer = &component->peer;
	if (root->ns_token != XNS_STREAM)
		peer_fail(peer, STREAM_invalid_namespace, NULL);
	else if (root->name_token != XN_stream)
		peer_fail(peer, STREAM_bad_format, "the stream's root element is not <stream:stream/>");
	else if (!str_is(xml_stream_namespace(peer->xml, ""), NS_ACCEPT))
		peer_fail(peer, STREAM_invalid_namespace, "the content namespace must be " NS_ACCEPT);
	return !peer->is_closing;
}

/* Sets component->domain. */
static bool read_domain(struct component *component, const struct xml *root)
{
	struct str to = xml_attr(root, "to"), domain;
	struct arena arena = {0};
	struct err err;
	if (!to.len)
		peer_fail(&component->peer, STREAM_improper_addressing,
		    "the stream header must say which domain the component serves (to='...')");
	else if (jid_prep_domain(to, &arena, &domain, &err) < 0)
		peer_fail(&component->peer, STREAM_host_unknown, "'to' is no domain");
	else
		component->domain = (struct str){str_dup(domain), domain.len};
	arena_fini(&arena);
	return component->domain.len;
}

static bool is_allowed(const struct component *component)
{
	const struct jid jid = {component->domain.ptr, 0, (uint16_t)component->domain.len, 0};
	const struct access_subject subject = {.jid = &jid, .address = conn_peer(component->peer.conn)};
	const struct access *access = conf_listener_get(component->listener, "access")->access;
	return access_allowed(component->conf, STR_NULL, access, &subject);
}

static bool is_taken(struct str domain)
{
	const struct local_route *local = local_route_of(domain);
	return host_find(domain) || (local && !component_route_is(local));
}

void component_header(struct peer *peer, const struct xml *root)
{
	struct component *component = (struct component *)peer;
	if (!is_stream(component, root) || !read_domain(component, root))
		return;
	component->lang = lang_intern(xml_lang(root));
	if (is_taken(component->domain)) {
		peer_fail(peer, STREAM_conflict, "this server serves the domain itself");
	} else if (!conf_component_password(component->listener, component->domain).ptr) {
		peer_fail(peer, STREAM_host_unknown, "no component may serve the domain here");
	} else if (!is_allowed(component)) {
		peer_fail(peer, STREAM_not_authorized, "the option 'access' does not allow this component");
	} else {
		component_send_header(peer);
		peer->header_sent = true;
		component->state = COMPONENT_HANDSHAKE;
	}
}

/* --- the handshake -------------------------------------------------------------------------------------- */

static bool is_right(const struct component *component, struct str password, struct str given)
{
	unsigned char hash[DIGEST_SIZE_MAX];
	struct digest digest;
	struct strbuf hex = {0};
	digest_init(&digest, AUTH_SHA1);
	digest_update(&digest, component->id, COMPONENT_ID_LEN);
	digest_update(&digest, password.ptr, password.len);
	digest_final(&digest, hash);
	hex_encode(&hex, hash, auth_hash_size(AUTH_SHA1));
	bool right = str_eq_consttime(strbuf_view(&hex), given);
	strbuf_fini(&hex);
	return right;
}

static void add_domain(struct str *domains, size_t *count, struct str domain)
{
	for (size_t i = 0; i < *count; i++)
		if (str_eq(domains[i], domain))
			return;
	domains[(*count)++] = domain;
}

/* Its own domain and, with global_routes, the others of the listener whose password it has shown to know. */
static void join(struct component *component, struct str password)
{
	const struct conf_listener *listener = component->listener;
	bool global = conf_listener_get(listener, "global_routes")->boolean;
	const struct component_host *host;
	size_t count = 0, room = 1;
	while (conf_component_host(listener, room - 1))
		room++;
	struct str *domains = mem_zalloc(room * sizeof(*domains));
	add_domain(domains, &count, component->domain);
	for (size_t i = 0; global && (host = conf_component_host(listener, i)); i++)
		if (str_eq_consttime(host->password, password))
			add_domain(domains, &count, host->domain);
	component->state = COMPONENT_JOINING;
	peer_pause(&component->peer);
	component->link = component_link_open(domains, count, &component_link_ops, component);
	free(domains);
}

void component_handshake(struct component *component, const struct xml *elem)
{
	struct peer *peer = &component->peer;
	struct str password = conf_component_password(component->listener, component->domain);
	struct strbuf joined = {0};
	if (!xml_is(elem, "handshake", "jabber:client")) {
		peer_fail(peer, STREAM_not_authorized, "authenticate first");
	} else if (!is_right(component, password, str_trim(xml_text(elem, &joined)))) {
		LOG_WARNING("component.auth_failed", LOG_STR("domain", component->domain),
		    LOG_STR("address", conn_peer_text(peer->conn)));
		peer_fail(peer, STREAM_not_authorized, "the handshake is not that of the right password");
	} else {
		join(component, password);
	}
	strbuf_fini(&joined);
}

void component_announce(struct component *component)
{
	if (!component->announced)
		peer_send(&component->peer, STR("<handshake/>"));
	component->announced = true;
}
