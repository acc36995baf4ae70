/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/component.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "conf/access.h"
#include "net/listener.h"
#include "route/host_private.h"
#include "route/local_route.h"
#include "stanzad/log.h"
#include "stream/component_private.h"

/* --- hooks ---------------------------------------------------------------------------------------------- */

typedef enum hook_verdict run_hook(struct host *host, struct hook_component *event);

static void run_hooks(const struct component *component, run_hook *run, const char *reason)
{
	for (size_t i = 0; i < component->domain_count; i++) {
		struct str domain = component->domains[i];
		struct host *host = host_above(domain);
		if (!host)
			host = host_find(conf_host_at(conf_current(), 0));
		struct hook_component event = {domain, conn_peer(component->peer.conn), reason};
		if (host)
			run(host, &event);
	}
}

/* --- what it serves is known ---------------------------------------------------------------------------- */

static void set_limits(struct component *component, bool before_login)
{
	const struct conf_listener *listener = component->listener;
	struct xml_limits limits = xml_limits_default;
	int64_t bytes =
	    conf_listener_get(listener, before_login ? "pre_auth_max_stanza_size" : "max_stanza_size")
		->integer;
	int64_t elements = conf_listener_get(
	    listener, before_login ? "pre_auth_max_stanza_elements" : "max_stanza_elements")
			       ->integer;
	limits.max_bytes = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
	if (elements < limits.max_elements)
		limits.max_elements = (uint32_t)elements;
	peer_set_limits(&component->peer, &limits);
}

static void set_shaper(struct component *component)
{
	const struct option_value *rule = conf_listener_get(component->listener, "shaper_rule");
	struct jid jid = {component->domain.ptr, 0, (uint16_t)component->domain.len, 0};
	struct access_subject subject = {
	    .jid = component->domain.len ? &jid : NULL,
	    .address = conn_peer(component->peer.conn),
	};
	if (!rule->present)
		rule = conf_listener_get(component->listener, "shaper");
	struct shaper_rate rate = access_shaper(component->conf, STR_NULL, rule, &subject);
	conn_set_shaper(component->peer.conn, rate.rate, rate.burst);
}

void component_opened(void *stream, const struct str *domains, size_t count, const char *refused)
{
	struct component *component = stream;
	if (component->peer.is_closing)
		return;
	if (refused) {
		peer_fail(&component->peer, STREAM_conflict, refused);
		return;
	}
	component->state = COMPONENT_OPEN;
	component->domains = domains;
	component->domain_count = count;
	component->since_us = clock_real_us();
	component_announce(component);
	set_limits(component, false);
	set_shaper(component);
	peer_expect_within(&component->peer, 0, NULL);
	LOG_INFO("component.connected", LOG_STR("domain", component->domain), LOG_INT("domains", count),
	    LOG_STR("address", conn_peer_text(component->peer.conn)));
	run_hooks(component, hook_run_component_connected, NULL);
	peer_unpause(&component->peer);
}

/* --- what its stream says ------------------------------------------------------------------------------- */

static bool is_stanza(const struct xml *elem)
{
	return elem->ns_token == XNS_CLIENT &&
	       (elem->name_token == XN_message || elem->name_token == XN_presence ||
		   elem->name_token == XN_iq);
}

static void on_element(struct peer *peer, struct xml_tree *tree)
{
	struct component *component = (struct component *)peer;
	if (component->state != COMPONENT_OPEN) {
		component_handshake(component, tree->root);
		xml_tree_unref(&tree);
		return;
	}
	if (!is_stanza(tree->root)) {
		xml_tree_unref(&tree);
		peer_fail(peer, STREAM_unsupported_stanza_type, NULL);
		return;
	}
	struct stanza *stanza = stanza_take(&tree);
	if (!stanza->lang.ptr)
		stanza->lang = component->lang; /* nobody else has it yet; RFC 6120 8.1.5 */
	component->received++;
	component_stanza(component, stanza);
	stanza_unref(&stanza);
	component_choke(component);
}

static void on_errored(struct peer *peer, const struct xml *error)
{
	struct component *component = (struct component *)peer;
	const struct xml *condition = xml_first_element(error);
	LOG_WARNING("component.error", LOG_STR("domain", component->domain),
	    LOG_STR("condition", condition ? condition->name : STR("")));
}

static void on_closing(struct peer *peer)
{
	struct component *component = (struct component *)peer;
	timer_stop(&component->stall_timer);
	timer_stop(&component->slow_timer);
	if (component->state == COMPONENT_OPEN)
		run_hooks(component, hook_run_component_disconnected, "its stream ended");
	if (component->link)
		component_part(component, false);
}

static void on_gone(struct peer *peer, const char *reason)
{
	struct component *component = (struct component *)peer;
	LOG_INFO("component.closed", LOG_STR("domain", component->domain),
	    LOG_STR("address", conn_peer_text(peer->conn)), LOG_CSTR("reason", reason));
	if (component->link)
		component_part(component, true);
	assert(!component->link && !component->backlog.first);
	timer_stop(&component->stall_timer);
	peer_fini(peer);
	conf_unref(&component->conf);
	free((char *)component->domain.ptr);
	free(component);
}

static const struct peer_ops ops = {
    .name = "component",
    .header = component_header,
    .element = on_element,
    .errored = on_errored,
    .send_header = component_send_header,
    .drained = component_drained,
    .emptied = component_emptied,
    .blocked = component_blocked,
    .closing = on_closing,
    .gone = on_gone,
};

/* --- the beginning -------------------------------------------------------------------------------------- */

void component_accept(struct conn *conn, const struct conf_listener *listener, struct conf *conf)
{
	struct component *component = mem_zalloc(sizeof(*component));
	component->conf = conf_ref(conf);
	component->listener = listener;
	peer_init(&component->peer, conn, XNS_COMPONENT, &xml_limits_default, &ops);
	component->peer.stall_ms = 0; /* component_queue.c watches it, by the listener's send_timeout */
	set_limits(component, true);
	set_shaper(component);
	peer_expect_within(&component->peer, (uint64_t)conf_int(conf, STR_NULL, "negotiation_timeout"),
	    "the stream was not negotiated in time");
}

void component_init(void)
{
	static const struct listener_kind kind = {.module = "ejabberd_service", .accepted = component_accept};
	listener_register_kind(&kind);
}

/* --- all of them ---------------------------------------------------------------------------------------- */

static bool is_gone(const struct component *component)
{
	const struct conf *conf = conf_current();
	bool gone = !conf_component_allowed(conf, component->domain);
	for (size_t i = 0; i < component->domain_count; i++)
		gone |= !conf_component_allowed(conf, component->domains[i]);
	return gone;
}

static void close_if_gone(void *arg, struct peer *peer)
{
	struct component *component = (struct component *)peer;
	(void)arg;
	if (peer->ops != &ops || component->state < COMPONENT_JOINING)
		return;
	if (host_find(component->domain))
		peer_fail(peer, STREAM_conflict, "the domain is a host of this server now");
	else if (is_gone(component))
		peer_fail(peer, STREAM_host_gone, "a domain of this component is not a component's any more");
}

void components_close_gone(void)
{
	peers_each(close_if_gone, NULL);
}

struct tell {
	void (*each)(void *arg, const struct component_about *about);
	void *arg;
};

static void tell_one(void *arg, struct peer *peer)
{
	const struct tell *tell = arg;
	const struct component *component = (const struct component *)peer;
	if (peer->ops != &ops || component->state != COMPONENT_OPEN || peer->is_closing)
		return;
	struct component_about about = {
	    .domains = component->domains,
	    .domain_count = component->domain_count,
	    .address = conn_peer_text(peer->conn),
	    .port = conn_peer_port(peer->conn),
	    .connection = conn_is_tls(peer->conn) ? "component_tls" : "component",
	    .since_us = component->since_us,
	    .received = component->received,
	    .sent = component->sent,
	    .queued = conn_output(peer->conn),
	};
	tell->each(tell->arg, &about);
}

void components_each(void (*each)(void *arg, const struct component_about *about), void *arg)
{
	struct tell tell = {each, arg};
	peers_each(tell_one, &tell);
}
