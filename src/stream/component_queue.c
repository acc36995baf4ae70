/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes to a component. When it does not read, its output queue grows: over the soft mark whoever sends
 * to it is slowed down, over the hard mark very much so, and nothing more is read from itself; at the limit
 * stanzas bounce. When the socket has taken nothing for send_timeout the connection is dead.
 */
#include "route/session.h"
#include "stream/component_private.h"

#define QUEUE_SOFT CONN_OUTPUT_HIGH
#define QUEUE_HARD (1024u * 1024)
#define QUEUE_LIMIT (4 * QUEUE_HARD)
#define VERY_SLOW_MS 1000
#define STALL_CHECK_MS 1000

static void on_stall_check(struct timer *timer)
{
	struct component *component = list_entry(timer, struct component, stall_timer);
	struct conn *conn = component->peer.conn;
	backlog_trim(&component->backlog, conn);
	if (!conn_blocked(conn) && !component->choked && conn_output(conn) <= QUEUE_SOFT)
		return;
	if (conn_stalled_ms(conn) > (uint64_t)conf_listener_get(component->listener, "send_timeout")->integer)
		conn_abort(conn, "the component does not read");
	else
		timer_start(timer, STALL_CHECK_MS, on_stall_check);
}

static void watch_stall(struct component *component)
{
	if (!component->peer.is_closing && !timer_running(&component->stall_timer))
		timer_start(&component->stall_timer, STALL_CHECK_MS, on_stall_check);
}

void component_choke(struct component *component)
{
	if (component->choked || component->peer.is_closing ||
	    conn_output(component->peer.conn) <= QUEUE_HARD)
		return;
	component->choked = true;
	peer_pause(&component->peer);
	watch_stall(component);
}

void component_drained(struct peer *peer)
{
	struct component *component = (struct component *)peer;
	if (component->choked)
		peer_unpause(peer);
	component->choked = false;
}

void component_blocked(struct peer *peer)
{
	watch_stall((struct component *)peer);
}

void component_emptied(struct peer *peer)
{
	struct component *component = (struct component *)peer;
	if (peer->is_closing && component->link)
		component_part(component, false);
	else if (component->backlog.first)
		backlog_trim(&component->backlog, peer->conn);
}

static bool on_deliver(void *stream, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct component *component = stream;
	struct conn *conn = component->peer.conn;
	if (component->peer.is_closing) {
		backlog_keep(&component->backlog, from, to, stanza);
		return true;
	}
	size_t queued = conn_output(conn);
	if (queued > QUEUE_SOFT) {
		watch_stall(component);
		session_slow_sender(from, queued < QUEUE_HARD ? SESSION_SLOW_MS : VERY_SLOW_MS);
		if (queued >= QUEUE_LIMIT)
			return false;
	}
	component_announce(component);
	backlog_write(conn, from, to, stanza);
	backlog_add(&component->backlog, conn, from, to, stanza);
	component->sent++;
	return true;
}

void component_part(struct component *component, bool at_last)
{
	struct unsent *unsent;
	struct receipt *before;
	backlog_trim(&component->backlog, component->peer.conn);
	unsent = component->backlog.first;
	if (!at_last && unsent && unsent->end != UINT64_MAX)
		return;
	while ((unsent = backlog_take(&component->backlog))) {
		unsent_enter(unsent, &before);
		component_link_return(component->link, &unsent->from, &unsent->to, unsent->stanza);
		unsent_free(&unsent);
		receipt_leave(before);
	}
	component_link_close(&component->link);
}

const struct component_ops component_link_ops = {
    .opened = component_opened,
    .deliver = on_deliver,
};
