/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/c2s.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "conf/access.h"
#include "loop/worker.h"
#include "net/listener.h"
#include "route/host_private.h"
#include "stanzad/log.h"
#include "stream/c2s_private.h"
#include "stream/lang.h"
#include "stream/mgmt.h"

#define C2S_LINGER_MS 3000 /* for our last bytes and the client's own closing tag */

static struct list streams[256]; /* one a worker */

static struct list *streams_here(void)
{
	struct list *list = &streams[worker_index(worker_self())];
	if (!list->next)
		list_init(list);
	return list;
}

/* --- sending -------------------------------------------------------------------------------------------- */

void c2s_send(struct c2s *c2s, struct str bytes)
{
	if (!c2s->gone)
		conn_write(c2s->conn, bytes);
}

void c2s_send_writer(struct c2s *c2s, struct xml_writer *writer)
{
	c2s_send(c2s, strbuf_view(&writer->buf));
	strbuf_reset(&writer->buf);
}

void c2s_answer(struct c2s *c2s, struct stanza *answer, const struct jid *from)
{
	const struct jid *to = c2s->session ? session_jid(c2s->session) : NULL;
	struct strbuf out = {0};
	if (c2s->mgmt) {
		mgmt_send(c2s->mgmt, from, to, answer);
		return;
	}
	stanza_write(&out, answer, from, to);
	c2s_send(c2s, strbuf_view(&out));
	strbuf_fini(&out);
}

void c2s_refuse(struct c2s *c2s, struct stanza *stanza, const struct jid *from,
    enum stanza_condition condition, const char *text)
{
	c2s_refuse_with(c2s, stanza, from, &(struct stanza_error){.condition = condition, .text = text});
}

void c2s_refuse_with(
    struct c2s *c2s, struct stanza *stanza, const struct jid *from, const struct stanza_error *error)
{
	struct stanza *answer = stanza_make_error(stanza, error, NULL);
	if (!answer)
		return;
	c2s_answer(c2s, answer, from ? from : host_jid(c2s->host));
	stanza_unref(&answer);
}

/* --- the end -------------------------------------------------------------------------------------------- */

void c2s_leaves(struct c2s *c2s)
{
	c2s->setup->time_left_ms = timer_left(&c2s->timer);
	timer_stop(&c2s->timer);
	list_remove(&c2s->link);
}

static void on_negotiation_timeout(struct timer *timer);

void c2s_arrived(struct c2s *c2s)
{
	list_add_before(streams_here(), &c2s->link);
	timer_start(&c2s->timer, c2s->setup->time_left_ms, on_negotiation_timeout);
}

void c2s_setup_free(struct c2s_setup **setup_ptr)
{
	struct c2s_setup *setup = *setup_ptr;
	*setup_ptr = NULL;
	if (!setup)
		return;
	sasl_free(&setup->sasl);
	auth_credentials_fini(&setup->auth.credentials);
	strbuf_fini(&setup->mechanisms);
	strbuf_fini(&setup->mechanisms2);
	strbuf_fini(&setup->bindings);
	c2s_sasl2_free(&setup->sasl2);
	stanza_unref(&setup->bind_iq);
	arena_fini(&setup->arena);
	free(setup);
}

static void c2s_free(struct c2s *c2s)
{
	assert(c2s->magic == C2S_MAGIC && !c2s->session && !c2s->mgmt && !c2s->backlog.first);
	timer_stop(&c2s->timer);
	timer_stop(&c2s->slow_timer);
	list_remove(&c2s->link);
	xml_stream_free(&c2s->xml);
	c2s_setup_free(&c2s->setup);
	conf_unref(&c2s->conf);
	free((char *)c2s->jid.text);
	free(c2s->client_id);
	c2s->magic = 0;
	free(c2s);
}

/* Once for each stream, while its session is there. */
static void tell_closed(struct c2s *c2s, const char *condition, const char *reason)
{
	if (!c2s->host || !host_hooks(c2s->host, HOOK_c2s_closed)->count)
		return;
	struct hook_c2s_closed event = {
	    .host = c2s->host,
	    .user = c2s->jid.text ? &c2s->jid : NULL,
	    .session = c2s->session,
	    .address = conn_peer(c2s->conn),
	    .condition = condition,
	    .reason = reason ? reason : "",
	};
	hook_run_c2s_closed(c2s->host, &event);
}

static void session_ends(struct c2s *c2s)
{
	if (c2s->mgmt)
		mgmt_end(c2s->mgmt);
	else
		session_unbind(&c2s->session);
}

static void say_goodbye(struct c2s *c2s, const char *condition, const char *reason)
{
	c2s_send(c2s, STR("</stream:stream>"));
	c2s->state = C2S_CLOSING;
	timer_stop(&c2s->timer);
	timer_stop(&c2s->slow_timer);
	conn_close(c2s->conn, C2S_LINGER_MS);
	tell_closed(c2s, condition, reason);
	session_ends(c2s);
}

void c2s_fail(struct c2s *c2s, enum stream_condition condition, const char *text)
{
	c2s_fail_with(c2s, condition, text, STR_NULL);
}

void c2s_fail_with(
    struct c2s *c2s, enum stream_condition condition, const char *text, struct str application)
{
	if (c2s->gone || c2s->state == C2S_CLOSING)
		return;
	LOG_INFO("c2s.error", LOG_CSTR("condition", stream_condition_name(condition)), LOG_CSTR("text", text),
	    LOG_STR("session", c2s->session ? jid_full(session_jid(c2s->session)) : STR("")),
	    LOG_STR("address", conn_peer_text(c2s->conn)));
	c2s_header_send(c2s);
	struct strbuf out = {0};
	stream_error_write_with(&out, condition, text, application);
	c2s_send(c2s, strbuf_view(&out));
	strbuf_fini(&out);
	say_goodbye(c2s, stream_condition_name(condition), text);
}

void c2s_close(struct c2s *c2s)
{
	if (c2s->gone || c2s->state == C2S_CLOSING)
		return;
	c2s_header_send(c2s);
	say_goodbye(c2s, NULL, "the client closed it");
}

void c2s_restart(struct c2s *c2s)
{
	c2s->state = C2S_WAIT_HEADER;
	c2s->header_sent = false;
	c2s->restarted = true;
	xml_stream_reset(c2s->xml);
}

/* --- waiting -------------------------------------------------------------------------------------------- */

void c2s_wait(struct c2s *c2s)
{
	assert(!c2s->waiting);
	c2s->waiting = true;
	if (c2s->state != C2S_CLOSING)
		c2s->state = C2S_WAITING;
	conn_pause(c2s->conn);
}

bool c2s_resume(struct c2s *c2s, enum c2s_state state)
{
	assert(c2s->waiting);
	c2s->waiting = false;
	if (c2s->gone) {
		c2s_free(c2s);
		return false;
	}
	conn_resume(c2s->conn);
	if (c2s->state == C2S_CLOSING)
		return false;
	c2s->state = state;
	return true;
}

/* --- incoming ------------------------------------------------------------------------------------------- */

static bool a_module_takes(struct c2s *c2s, const struct xml *elem)
{
	if (!host_hooks(c2s->host, HOOK_c2s_element)->count)
		return false;
	struct xml_writer answer = {.default_ns = NS_CLIENT};
	struct hook_c2s_element event = {elem, c2s->host, &c2s->jid, c2s->session, &answer};
	bool taken = hook_run_c2s_element(c2s->host, &event) == HOOK_STOP;
	if (c2s->state != C2S_CLOSING)
		c2s_send_writer(c2s, &answer);
	xml_writer_fini(&answer);
	return taken;
}

static void not_a_stanza(struct c2s *c2s, const struct xml *elem)
{
	bool before_login = c2s->state != C2S_SESSION && c2s->state != C2S_AUTHENTICATED;
	if (c2s_mgmt_element(c2s, elem))
		return;
	if (elem->ns_token == XNS_STREAM && elem->name_token == XN_error)
		c2s_close(c2s); /* RFC 6120 4.9.1.1: whoever says it ends the stream */
	else if (elem->ns_token == XNS_SASL || elem->ns_token == XNS_TLS)
		c2s_fail(c2s, STREAM_unsupported_stanza_type,
		    "this is not expected in the present state of the stream");
	else if (before_login)
		c2s_fail(c2s, STREAM_not_authorized, "authenticate first");
	else if (!a_module_takes(c2s, elem))
		c2s_fail(c2s, STREAM_unsupported_stanza_type, NULL);
}

static void on_element(struct c2s *c2s, struct xml_tree *tree)
{
	c2s->active_us = clock_real_us();
	if (c2s->state != C2S_SESSION && c2s_auth_element(c2s, tree)) {
		xml_tree_unref(&tree);
		return;
	}
	const struct xml *root = tree->root;
	if (root->ns_token != XNS_CLIENT ||
	    (root->name_token != XN_message && root->name_token != XN_presence &&
		root->name_token != XN_iq)) {
		not_a_stanza(c2s, root);
		xml_tree_unref(&tree);
		return;
	}
	struct stanza *stanza = stanza_take(&tree);
	if (!stanza->lang.ptr)
		stanza->lang = c2s->lang; /* nobody else has it yet; RFC 6120 8.1.5 */
	if (c2s->mgmt)
		mgmt_receive(c2s->mgmt, stanza);
	else if (c2s->state == C2S_SESSION)
		c2s_stanza(c2s, stanza);
	else
		c2s_presession_stanza(c2s, stanza);
	stanza_unref(&stanza);
}

static void on_opened(struct c2s *c2s, struct xml_tree *tree)
{
	if (c2s->state == C2S_WAIT_HEADER)
		c2s_header(c2s, tree->root);
	else
		c2s_fail(c2s, STREAM_bad_format, "a stream header is not expected here");
	xml_tree_unref(&tree);
}

static bool can_read(const struct c2s *c2s)
{
	return c2s->state != C2S_CLOSING && !c2s->waiting && !c2s->slowed && !c2s->choked;
}

/* What a client sends behind its last element of the old stream is no part of the new one's prolog. */
static const char *skip_space(struct c2s *c2s, const char *next, const char *end)
{
	while (c2s->restarted && next < end) {
		c2s->restarted = *next == ' ' || *next == '\t' || *next == '\r' || *next == '\n';
		next += c2s->restarted;
	}
	return next;
}

static size_t on_received(void *owner, const char *bytes, size_t len)
{
	struct c2s *c2s = owner;
	const char *next = bytes, *end = bytes + len;
	bool opened = false; /* by a tag that may have closed the stream, too */
	while (((next = skip_space(c2s, next, end)) < end || opened) && can_read(c2s)) {
		struct xml_tree *tree;
		bool was_secure = c2s->secure;
		int result = xml_stream_next(c2s->xml, &next, end, stanza_head_room, &tree);
		opened = result == XML_STREAM_OPENED;
		if (result == XML_STREAM_ELEMENT)
			on_element(c2s, tree);
		else if (result == XML_STREAM_OPENED)
			on_opened(c2s, tree);
		else if (result == XML_STREAM_CLOSED)
			c2s_close(c2s);
		else if (result < 0)
			c2s_fail(c2s, stream_condition_of_xml(result), xml_stream_strerror(result));
		/* RFC 6120 5.4.3.3: what was sent in the clear behind <starttls/> does not count. */
		if (c2s->secure != was_secure)
			return len;
		c2s_choke(c2s);
	}
	return c2s->state == C2S_CLOSING ? len : (size_t)(next - bytes);
}

static void on_ended(void *owner)
{
	struct c2s *c2s = owner;
	/* XEP-0198 7: without a closing tag the stream is unfinished. */
	if (c2s->mgmt)
		mgmt_lost(c2s->mgmt);
	c2s_close(c2s);
}

static void on_gone(void *owner, const char *reason)
{
	struct c2s *c2s = owner;
	if (c2s->state != C2S_CLOSING)
		tell_closed(c2s, NULL, reason);
	LOG_INFO("c2s.closed",
	    LOG_STR("session", c2s->session ? jid_full(session_jid(c2s->session)) : STR("")),
	    LOG_STR("address", conn_peer_text(c2s->conn)), LOG_CSTR("reason", reason));
	c2s->gone = true;
	if (c2s->mgmt)
		mgmt_lost(c2s->mgmt);
	session_unbind(&c2s->session);
	c2s_backlog_give_back(c2s);
	c2s->conn = NULL;
	timer_stop(&c2s->timer);
	timer_stop(&c2s->slow_timer);
	if (!c2s->waiting)
		c2s_free(c2s);
}

static const struct conn_ops c2s_conn_ops = {
    .received = on_received,
    .ended = on_ended,
    .drained = c2s_drained,
    .emptied = c2s_emptied,
    .blocked = c2s_blocked,
    .gone = on_gone,
};

/* --- the beginning -------------------------------------------------------------------------------------- */

static void on_negotiation_timeout(struct timer *timer)
{
	struct c2s *c2s = list_entry(timer, struct c2s, timer);
	c2s_fail(c2s, STREAM_connection_timeout, "the stream was not negotiated in time");
}

static uint32_t listener_limit(const struct c2s *c2s, const char *option)
{
	int64_t limit = conf_listener_get(c2s->listener, option)->integer;
	return limit > UINT32_MAX ? UINT32_MAX : (uint32_t)limit;
}

void c2s_limit_size(struct c2s *c2s, bool before_login)
{
	c2s->limits = xml_limits_default;
	c2s->limits.max_bytes =
	    listener_limit(c2s, before_login ? "pre_auth_max_stanza_size" : "max_stanza_size");
	uint32_t elements =
	    listener_limit(c2s, before_login ? "pre_auth_max_stanza_elements" : "max_stanza_elements");
	if (elements < c2s->limits.max_elements)
		c2s->limits.max_elements = elements;
}

void c2s_accept(struct conn *conn, const struct conf_listener *listener, struct conf *conf)
{
	struct c2s *c2s = mem_zalloc(sizeof(*c2s));
	c2s->magic = C2S_MAGIC;
	c2s->conn = conn;
	c2s->listener = listener;
	c2s->conf = conf_ref(conf);
	c2s->secure = conf_listener_get(listener, "tls")->boolean;
	c2s_limit_size(c2s, true);
	c2s->xml = xml_stream_new(XNS_CLIENT, &c2s->limits);
	c2s->setup = mem_zalloc(sizeof(*c2s->setup));
	list_add_before(streams_here(), &c2s->link);
	struct access_subject subject = {.address = conn_peer(conn)};
	struct shaper_rate rate =
	    access_shaper(c2s->conf, STR_NULL, conf_listener_get(listener, "shaper"), &subject);
	conn_set_shaper(conn, rate.rate, rate.burst);
	conn_set_owner(conn, &c2s_conn_ops, c2s);
	LOG_DEBUG(
	    "c2s.accepted", LOG_STR("address", conn_peer_text(conn)), LOG_INT("port", conn_peer_port(conn)));
	timer_start(&c2s->timer, (uint64_t)conf_int(c2s->conf, STR_NULL, "negotiation_timeout"),
	    on_negotiation_timeout);
}

void c2s_init(void)
{
	static const struct listener_kind kind = {"ejabberd_c2s", c2s_accept, "xmpp-client"};
	listener_register_kind(&kind);
}

/* --- all of them ---------------------------------------------------------------------------------------- */

void c2s_close_all(const char *stream_condition, const char *text)
{
	struct list *next;
	for (struct list *at = streams_here()->next; at != streams_here(); at = next) {
		next = at->next;
		struct c2s *c2s = list_entry(at, struct c2s, link);
		if (c2s->mgmt)
			mgmt_park(c2s->mgmt);
		c2s_fail(c2s, stream_condition_of(stream_condition), text);
	}
	mgmt_park_all();
}

void c2s_close_gone_hosts(void)
{
	struct list *next;
	for (struct list *at = streams_here()->next; at != streams_here(); at = next) {
		next = at->next;
		struct c2s *c2s = list_entry(at, struct c2s, link);
		if (c2s->host && host_find(host_name(c2s->host)) != c2s->host)
			c2s_fail(c2s, STREAM_host_gone, "this server does not serve the domain any more");
	}
}

unsigned c2s_count(void)
{
	unsigned count = 0;
	for (struct list *at = streams_here()->next; at != streams_here(); at = at->next)
		count++;
	return count;
}

void c2s_fini(void)
{
	backlog_fini();
	mgmt_in_fini();
	mgmt_gone_fini();
	lang_fini();
}
