/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/s2s_in.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "conf/access.h"
#include "net/listener.h"
#include "stanzad/log.h"
#include "stream/s2s_in_private.h"

static struct s2s_in *in_of(struct peer *peer)
{
	return list_entry(peer, struct s2s_in, peer);
}

struct str s2s_in_dup(struct str s)
{
	return s.ptr ? (struct str){str_dup(s), s.len} : STR_NULL;
}

bool s2s_in_refused(struct s2s_in *in, const char *what, struct str local, struct str remote, const char *why)
{
	LOG_WARNING("s2s_in.refused", LOG_CSTR("what", what), LOG_STR("local", local),
	    LOG_STR("remote", remote), LOG_CSTR("reason", why),
	    LOG_STR("address", conn_peer_text(in->peer.conn)));
	if (++in->failures < S2S_IN_FAILURES_MAX)
		return true;
	peer_fail(&in->peer, STREAM_policy_violation, "too much was refused on this stream");
	return false;
}

/* --- idle ----------------------------------------------------------------------------------------------- */

static void watch_idle(struct s2s_in *in);

static void on_idle(struct timer *timer)
{
	struct s2s_in *in = list_entry(timer, struct s2s_in, idle);
	uint64_t timeout = (uint64_t)conf_int(conf_current(), in->local, "s2s_timeout");
	if (in->checks || s2s_in_unacked(in) || clock_mono_ms() - in->active_ms < timeout)
		watch_idle(in);
	else
		peer_close(&in->peer);
}

static void watch_idle(struct s2s_in *in)
{
	int64_t timeout = conf_int(conf_current(), in->local, "s2s_timeout");
	uint64_t idle = clock_mono_ms() - in->active_ms;
	if (timeout == OPTION_INFINITE)
		return;
	timer_start(&in->idle, (uint64_t)timeout > idle ? (uint64_t)timeout - idle : 1000, on_idle);
}

void s2s_in_active(struct s2s_in *in)
{
	in->active_ms = clock_mono_ms();
	if (!timer_running(&in->idle) && !in->peer.is_closing)
		watch_idle(in);
}

/* --- incoming ------------------------------------------------------------------------------------------- */

static bool authorized(void *arg, struct str local, struct str remote)
{
	const struct s2s_pair *pair = s2s_pair_find(arg, local, remote);
	return pair && pair->authentication != S2S_AUTH_NONE;
}

static void on_element(struct peer *peer, struct xml_tree *tree)
{
	struct s2s_in *in = in_of(peer);
	const struct xml *root = tree->root;
	if (s2s_in_auth_element(in, root) || s2s_in_dialback_element(in, root) ||
	    s2s_in_mgmt_element(in, root)) {
		xml_tree_unref(&tree);
		return;
	}
	if (!in->valid_count) {
		peer_fail(peer, STREAM_not_authorized,
		    in->secure || !s2s_in_tls_due(in) ? "authenticate first" : "start TLS first");
		xml_tree_unref(&tree);
		return;
	}
	s2s_in_active(in);
	s2s_receive(peer, tree, in->lang, in->mgmt ? &in->mgmt->in : NULL, authorized, in);
	if (in->mgmt && in->mgmt->in.pending >= S2S_MGMT_PENDING_MAX)
		s2s_in_slow_down(in);
}

static void on_errored(struct peer *peer, const struct xml *error)
{
	const struct xml *condition = xml_first_element(error);
	struct strbuf joined = {0};
	LOG_INFO("s2s_in.errored", LOG_STR("local", s2s_in_shown(in_of(peer)->local)),
	    LOG_STR("remote", s2s_in_shown(in_of(peer)->remote)),
	    LOG_STR("condition", condition ? condition->name : STR("")),
	    LOG_STR("text", xml_child_text(error, "text", &joined)),
	    LOG_STR("address", conn_peer_text(peer->conn)));
	strbuf_fini(&joined);
}

/* --- the end -------------------------------------------------------------------------------------------- */

static void on_closing(struct peer *peer)
{
	struct s2s_in *in = in_of(peer);
	timer_stop(&in->idle);
	s2s_in_mgmt_end(in);
	if (in->dane) {
		s2s_in_dane_cancel(in);
		peer_resume(peer);
	}
	for (struct s2s_pair *next, *pair = in->pairs; pair; pair = next) {
		next = pair->next;
		if (pair->authentication == S2S_AUTH_NONE && pair != in->held)
			s2s_pair_free(pair);
	}
}

static void on_gone(struct peer *peer, const char *reason)
{
	struct s2s_in *in = in_of(peer);
	LOG_INFO("s2s_in.closed", LOG_STR("local", s2s_in_shown(in->local)),
	    LOG_STR("remote", s2s_in_shown(in->remote)),
	    LOG_INT("pairs", in->valid_count), LOG_CSTR("reason", reason));
	s2s_in_slow_fini(in);
	timer_stop(&in->idle);
	s2s_in_give_back(in);
	while (in->pairs)
		s2s_pair_free(in->pairs);
	peer_fini(peer);
	free((char *)in->local.ptr);
	free((char *)in->remote.ptr);
	conf_unref(&in->conf);
	free(in);
}

const struct peer_ops s2s_in_peer_ops = {
    .name = "s2s_in",
    .header = s2s_in_header,
    .element = on_element,
    .errored = on_errored,
    .send_header = s2s_in_send_header,
    .drained = s2s_in_drained,
    .emptied = s2s_in_drained,
    .closing = on_closing,
    .gone = on_gone,
};

/* --- the beginning -------------------------------------------------------------------------------------- */

static uint32_t listener_limit(const struct s2s_in *in, const char *option)
{
	int64_t limit = conf_listener_get(in->listener, option)->integer;
	return limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit;
}

struct xml_limits s2s_in_limits(const struct s2s_in *in, bool authenticated)
{
	struct xml_limits limits = xml_limits_default;
	uint32_t elements = listener_limit(
	    in, authenticated ? "max_stanza_elements" : "pre_auth_max_stanza_elements");
	limits.max_bytes = listener_limit(in, authenticated ? "max_stanza_size" : "pre_auth_max_stanza_size");
	if (elements < limits.max_elements)
		limits.max_elements = elements;
	return limits;
}

void s2s_in_accept(struct conn *conn, const struct conf_listener *listener, struct conf *conf)
{
	struct s2s_in *in = mem_zalloc(sizeof(*in));
	struct access_subject subject = {.address = conn_peer(conn)};
	struct shaper_rate rate =
	    access_shaper(conf, STR_NULL, conf_listener_get(listener, "shaper"), &subject);
	in->conf = conf_ref(conf);
	in->listener = listener;
	in->secure = conf_listener_get(listener, "tls")->boolean;
	in->since_ms = in->active_ms = clock_mono_ms();
	struct xml_limits limits = s2s_in_limits(in, false);
	conn_set_shaper(conn, rate.rate, rate.burst);
	peer_init(&in->peer, conn, XNS_SERVER, &limits, &s2s_in_peer_ops);
	in->peer.secured = in->secure;
	int64_t patience = conf_listener_get(listener, "send_timeout")->integer;
	in->peer.stall_ms = patience == OPTION_INFINITE ? 0 : (uint64_t)patience;
	LOG_DEBUG("s2s_in.accepted", LOG_STR("address", conn_peer_text(conn)),
	    LOG_INT("port", conn_peer_port(conn)));
	peer_expect_within(&in->peer, (uint64_t)conf_int(conf, STR_NULL, "negotiation_timeout"),
	    "the stream was not negotiated in time");
}

void s2s_in_init(void)
{
	static const struct listener_kind kind = {"ejabberd_s2s_in", s2s_in_accept, "xmpp-server"};
	listener_register_kind(&kind);
	s2s_in_slow_init();
}

/* --- all of them ---------------------------------------------------------------------------------------- */

static void describe(const struct s2s_in *in, const struct s2s_pair *pair,
    void (*each)(void *arg, const struct s2s_about *about), void *arg)
{
	const struct conn *conn = in->peer.conn;
	struct s2s_about about = {
	    .direction = pair && pair->link ? S2S_BOTH : S2S_IN,
	    .local = pair ? pair->local : s2s_in_shown(in->local),
	    .remote = pair ? pair->remote : s2s_in_shown(in->remote),
	    .authentication = pair ? pair->authentication : S2S_AUTH_NONE,
	    .tls_version = conn_is_tls(conn) ? conn_tls_version(conn) : NULL,
	    .tls_cipher = conn_is_tls(conn) ? conn_tls_cipher(conn) : NULL,
	    .address = conn_peer_text(conn),
	    .port = conn_peer_port(conn),
	    .since_ms = in->since_ms,
	    .queued = pair && pair->link ? s2s_in_unacked(in) : 0,
	    .managed = in->mgmt,
	};
	each(arg, &about);
}

void s2s_in_describe(struct peer *peer, void (*each)(void *arg, const struct s2s_about *about), void *arg)
{
	const struct s2s_in *in = in_of(peer);
	if (!peer->conn)
		return;
	if (!in->pairs)
		describe(in, NULL, each, arg);
	for (const struct s2s_pair *pair = in->pairs; pair; pair = pair->next)
		describe(in, pair, each, arg);
}

void s2s_in_close_gone(struct peer *peer)
{
	const struct s2s_in *in = in_of(peer);
	for (const struct s2s_pair *pair = in->pairs; pair; pair = pair->next) {
		if (!s2s_is_local(pair->local)) {
			peer_fail(peer, STREAM_host_gone, "the domain is not served here any more");
			return;
		}
		if (!s2s_allowed(pair->local, pair->remote)) {
			peer_fail(peer, STREAM_policy_violation, "this server may not talk to that one");
			return;
		}
	}
}
