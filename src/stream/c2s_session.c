/* SPDX-License-Identifier: Apache-2.0 */
#include "base/list.h"
#include "route/host_private.h"
#include "stream/c2s_private.h"

/*
 * When a client does not read, its output queue grows. Over the soft mark nothing more is read from it, and
 * whoever sends to it is slowed down, over the hard mark very much so; at the limit stanzas are kept for
 * later or bounced instead of queued, and kept ones follow when the queue is short again. When the socket has
 * taken nothing for send_timeout the connection is dead, and what it did not take is delivered elsewhere or
 * kept.
 */
#define QUEUE_SOFT CONN_OUTPUT_HIGH
#define QUEUE_HARD (1024u * 1024)
#define QUEUE_LIMIT (4 * QUEUE_HARD)
#define VERY_SLOW_MS 1000
#define STALL_CHECK_MS 1000

static void on_stall_check(struct timer *timer)
{
	struct c2s *c2s = list_entry(timer, struct c2s, timer);
	c2s_backlog_trim(c2s);
	if (!conn_blocked(c2s->conn) && !c2s->choked && conn_output(c2s->conn) <= QUEUE_SOFT)
		return;
	if (conn_stalled_ms(c2s->conn) > (uint64_t)conf_listener_get(c2s->listener, "send_timeout")->integer)
		conn_abort(c2s->conn, "the client does not read");
	else
		timer_start(timer, STALL_CHECK_MS, on_stall_check);
}

static void watch_stall(struct c2s *c2s)
{
	if (c2s->state == C2S_SESSION && !timer_running(&c2s->timer))
		timer_start(&c2s->timer, STALL_CHECK_MS, on_stall_check);
}

void c2s_choke(struct c2s *c2s)
{
	if (c2s->choked || c2s->gone || c2s->state == C2S_CLOSING || conn_output(c2s->conn) <= QUEUE_SOFT)
		return;
	c2s->choked = true;
	conn_pause(c2s->conn);
	watch_stall(c2s);
}

void c2s_drained(void *owner)
{
	struct c2s *c2s = owner;
	if (c2s->choked) {
		c2s->choked = false;
		conn_resume(c2s->conn);
	}
	if (c2s->refused && c2s->session)
		session_drained(c2s->session);
	c2s->refused = false;
}

void c2s_emptied(void *owner)
{
	struct c2s *c2s = owner;
	if (c2s->backlog.first)
		c2s_backlog_trim(c2s);
}

void c2s_blocked(void *owner)
{
	watch_stall(owner);
}

bool c2s_has_room(struct c2s *c2s, const struct jid *from)
{
	size_t queued = conn_output(c2s->conn);
	if (queued <= QUEUE_SOFT)
		return true;
	watch_stall(c2s);
	session_slow_sender(from, queued < QUEUE_HARD ? SESSION_SLOW_MS : VERY_SLOW_MS);
	c2s->refused |= queued >= QUEUE_LIMIT;
	return queued < QUEUE_LIMIT;
}

static bool on_deliver(void *stream, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct c2s *c2s = stream;
	if (!c2s_has_room(c2s, from))
		return false;
	backlog_write(c2s->conn, from, to, stanza);
	c2s_backlog_add(c2s, from, to, stanza);
	return true;
}

static void on_close(void *stream, const char *stream_condition, const char *text)
{
	c2s_fail(stream, stream_condition_of(stream_condition), text);
}

static void on_about(void *stream, struct session_about *about_r)
{
	struct c2s *c2s = stream;
	*about_r = (struct session_about){
	    .address = conn_peer_text(c2s->conn),
	    .port = conn_peer_port(c2s->conn),
	    .connection = c2s->secure ? "c2s_tls" : "c2s",
	    .since_us = c2s->since_us,
	    .tls = c2s->secure,
	    .client_id = str_of(c2s->client_id),
	};
}

static int64_t on_active(void *stream)
{
	return ((struct c2s *)stream)->active_us;
}

static void on_slow_over(struct timer *timer)
{
	struct c2s *c2s = list_entry(timer, struct c2s, slow_timer);
	c2s->slowed = false;
	conn_resume(c2s->conn);
}

static void on_slow_down(void *stream, unsigned ms)
{
	struct c2s *c2s = stream;
	if (c2s->slowed || c2s->state != C2S_SESSION)
		return;
	c2s->slowed = true;
	conn_pause(c2s->conn);
	timer_start(&c2s->slow_timer, ms, on_slow_over);
}

const struct session_ops c2s_session_ops = {
    .deliver = on_deliver,
    .close = on_close,
    .about = on_about,
    .active_us = on_active,
    .slow_down = on_slow_down,
};
