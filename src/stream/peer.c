/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/peer.h"

#include <assert.h>

#include "loop/worker.h"
#include "stanzad/log.h"
#include "stanzad/stanza.h"

#define PEER_LINGER_MS 3000 /* for our last bytes and the other side's closing tag */

#define PEER_STALL_MS 15000
#define PEER_STALL_CHECK_MS 1000
/*
 * Owners stop sending stanzas at CONN_OUTPUT_HIGH. More than this comes of answers to a side that asks and
 * does not read. It is not less, lest two servers that send each other much stop reading at the same time.
 */
#define PEER_CHOKE (CONN_OUTPUT_HIGH + 1024 * 1024)

static struct list peers[256]; /* one a worker */

static struct list *peers_here(void)
{
	struct list *list = &peers[worker_index(worker_self())];
	if (!list->next)
		list_init(list);
	return list;
}

/* --- sending -------------------------------------------------------------------------------------------- */

static void on_stall_check(struct timer *timer)
{
	struct peer *peer = list_entry(timer, struct peer, stall);
	if (!conn_output(peer->conn) || !peer->stall_ms)
		return;
	if (conn_stalled_ms(peer->conn) > peer->stall_ms)
		conn_abort(peer->conn, "the other side does not read");
	else
		timer_start(timer, PEER_STALL_CHECK_MS, on_stall_check);
}

void peer_send(struct peer *peer, struct str bytes)
{
	if (peer->is_gone || peer->is_closing)
		return;
	conn_write(peer->conn, bytes);
	if (!timer_running(&peer->stall))
		timer_start(&peer->stall, PEER_STALL_CHECK_MS, on_stall_check);
}

void peer_send_writer(struct peer *peer, struct xml_writer *writer)
{
	peer_send(peer, strbuf_view(&writer->buf));
	xml_writer_reset(writer);
}

/* --- the end -------------------------------------------------------------------------------------------- */

static void header_first(struct peer *peer)
{
	if (!peer->header_sent)
		peer->ops->send_header(peer);
	peer->header_sent = true;
}

static void say_goodbye(struct peer *peer)
{
	peer_send(peer, STR("</stream:stream>"));
	peer->is_closing = true;
	timer_stop(&peer->timer);
	timer_stop(&peer->stall);
	conn_close(peer->conn, PEER_LINGER_MS);
	if (peer->ops->closing)
		peer->ops->closing(peer);
}

void peer_fail(struct peer *peer, enum stream_condition condition, const char *text)
{
	peer_fail_with(peer, condition, text, STR_NULL);
}

void peer_fail_with(
    struct peer *peer, enum stream_condition condition, const char *text, struct str application)
{
	if (peer->is_gone || peer->is_closing)
		return;
	LOG_INFO("stream.error", LOG_CSTR("stream", peer->ops->name),
	    LOG_CSTR("condition", stream_condition_name(condition)), LOG_CSTR("text", text),
	    LOG_STR("address", conn_peer_text(peer->conn)));
	header_first(peer);
	struct strbuf out = {0};
	stream_error_write_with(&out, condition, text, application);
	peer_send(peer, strbuf_view(&out));
	strbuf_fini(&out);
	say_goodbye(peer);
}

void peer_close(struct peer *peer)
{
	if (peer->is_gone || peer->is_closing)
		return;
	header_first(peer);
	say_goodbye(peer);
}

static void on_late(struct timer *timer)
{
	struct peer *peer = list_entry(timer, struct peer, timer);
	peer_fail(peer, STREAM_connection_timeout, peer->late);
}

void peer_expect_within(struct peer *peer, uint64_t ms, const char *text)
{
	peer->late = text;
	if (ms && !peer->is_closing && !peer->is_gone)
		timer_start(&peer->timer, ms, on_late);
	else
		timer_stop(&peer->timer);
}

/* --- waiting, restarting -------------------------------------------------------------------------------- */

void peer_wait(struct peer *peer)
{
	assert(!peer->waiting);
	peer->waiting = true;
	if (!peer->is_gone)
		conn_pause(peer->conn);
}

bool peer_resume(struct peer *peer)
{
	assert(peer->waiting);
	peer->waiting = false;
	if (!peer->is_gone)
		conn_resume(peer->conn);
	return !peer->is_closing && !peer->is_gone;
}

void peer_pause(struct peer *peer)
{
	peer->pauses++;
	if (!peer->is_gone)
		conn_pause(peer->conn);
}

void peer_unpause(struct peer *peer)
{
	assert(peer->pauses);
	peer->pauses--;
	if (!peer->is_gone)
		conn_resume(peer->conn);
}

void peer_restart(struct peer *peer)
{
	peer->header_sent = false;
	peer->header_due = true;
	peer->restarted = true;
	xml_stream_reset(peer->xml);
}

/* --- incoming ------------------------------------------------------------------------------------------- */

static void on_element(struct peer *peer, struct xml_tree *tree)
{
	if (tree->root->ns_token == XNS_STREAM && tree->root->name_token == XN_error) {
		if (peer->ops->errored)
			peer->ops->errored(peer, tree->root);
		xml_tree_unref(&tree);
		peer_close(peer); /* RFC 6120 4.9.1.1: whoever says it ends the stream */
		return;
	}
	peer->ops->element(peer, tree);
}

static void on_opened(struct peer *peer, struct xml_tree *tree)
{
	if (peer->header_due) {
		peer->header_due = false;
		peer->ops->header(peer, tree->root);
	} else {
		peer_fail(peer, STREAM_bad_format, "a stream header is not expected here");
	}
	xml_tree_unref(&tree);
}

/* What is sent behind the last element of the old stream is no part of the new one's prolog. */
static const char *skip_space(struct peer *peer, const char *next, const char *end)
{
	while (peer->restarted && next < end) {
		peer->restarted = *next == ' ' || *next == '\t' || *next == '\r' || *next == '\n';
		next += peer->restarted;
	}
	return next;
}

static void choke(struct peer *peer)
{
	if (peer->choked || peer->is_closing || conn_output(peer->conn) <= PEER_CHOKE)
		return;
	peer->choked = true;
	peer_pause(peer);
}

static bool can_read(const struct peer *peer)
{
	return !peer->is_closing && !peer->waiting && !peer->pauses;
}

static size_t on_received(void *owner, const char *bytes, size_t len)
{
	struct peer *peer = owner;
	const char *next = bytes, *end = bytes + len;
	bool opened = false; /* by a tag that may have closed the stream, too */
	while (((next = skip_space(peer, next, end)) < end || opened) && can_read(peer)) {
		struct xml_tree *tree;
		bool was_secured = peer->secured;
		int result = xml_stream_next(peer->xml, &next, end, stanza_head_room, &tree);
		opened = result == XML_STREAM_OPENED;
		if (result == XML_STREAM_ELEMENT)
			on_element(peer, tree);
		else if (result == XML_STREAM_OPENED)
			on_opened(peer, tree);
		else if (result == XML_STREAM_CLOSED)
			peer_close(peer);
		else if (result < 0)
			peer_fail(peer, stream_condition_of_xml(result), xml_stream_strerror(result));
		if (peer->secured != was_secured)
			return len;
		choke(peer);
	}
	return peer->is_closing ? len : (size_t)(next - bytes);
}

static void on_secured(void *owner)
{
	struct peer *peer = owner;
	if (peer->ops->secured)
		peer->ops->secured(peer);
}

static void on_drained(void *owner)
{
	struct peer *peer = owner;
	if (peer->choked)
		peer_unpause(peer);
	peer->choked = false;
	if (peer->ops->drained && !peer->is_closing)
		peer->ops->drained(peer);
}

static void on_emptied(void *owner)
{
	struct peer *peer = owner;
	if (peer->ops->emptied)
		peer->ops->emptied(peer);
}

static void on_blocked(void *owner)
{
	struct peer *peer = owner;
	if (peer->ops->blocked)
		peer->ops->blocked(peer);
}

static void on_ended(void *owner)
{
	struct peer *peer = owner;
	peer->cut = !peer->is_closing;
	peer_close(peer);
}

static void on_gone(void *owner, const char *reason)
{
	struct peer *peer = owner;
	bool was_closing = peer->is_closing;
	peer->is_closing = peer->is_gone = true;
	peer->bytes_out = conn_traffic(peer->conn).bytes_out;
	timer_stop(&peer->timer);
	timer_stop(&peer->stall);
	list_remove(&peer->link);
	if (!was_closing && peer->ops->closing)
		peer->ops->closing(peer);
	peer->ops->gone(peer, reason);
}

static const struct conn_ops peer_conn_ops = {
    .received = on_received,
    .secured = on_secured,
    .ended = on_ended,
    .drained = on_drained,
    .emptied = on_emptied,
    .blocked = on_blocked,
    .gone = on_gone,
};

/* --- life ----------------------------------------------------------------------------------------------- */

void peer_init(struct peer *peer, struct conn *conn, enum xml_ns content_ns, const struct xml_limits *limits,
    const struct peer_ops *ops)
{
	peer->ops = ops;
	peer->conn = conn;
	peer->limits = *limits;
	peer->stall_ms = PEER_STALL_MS;
	peer->xml = xml_stream_new(content_ns, &peer->limits);
	peer->header_due = true;
	list_add_before(peers_here(), &peer->link);
	conn_set_owner(conn, &peer_conn_ops, peer);
}

void peer_fini(struct peer *peer)
{
	assert(peer->is_gone && !peer->waiting);
	xml_stream_free(&peer->xml);
}

void peer_set_limits(struct peer *peer, const struct xml_limits *limits)
{
	peer->limits = *limits;
	xml_stream_set_limits(peer->xml, &peer->limits);
}

void peer_leaves(struct peer *peer)
{
	timer_stop(&peer->timer);
	timer_stop(&peer->stall);
	list_remove(&peer->link);
}

void peer_arrived(struct peer *peer)
{
	list_add_before(peers_here(), &peer->link);
	timer_start(&peer->stall, PEER_STALL_CHECK_MS, on_stall_check);
}

/* --- all of them ---------------------------------------------------------------------------------------- */

void peers_each(void (*each)(void *arg, struct peer *peer), void *arg)
{
	struct list *next;
	for (struct list *at = peers_here()->next; at != peers_here(); at = next) {
		next = at->next;
		each(arg, list_entry(at, struct peer, link));
	}
}

static void count_one(void *arg, struct peer *peer)
{
	(*(unsigned *)arg)++;
}

unsigned peers_count(void)
{
	unsigned count = 0;
	peers_each(count_one, &count);
	return count;
}

struct farewell {
	enum stream_condition condition;
	const char *text;
};

static void close_one(void *arg, struct peer *peer)
{
	const struct farewell *farewell = arg;
	peer_fail(peer, farewell->condition, farewell->text);
}

void peers_close(enum stream_condition condition, const char *text)
{
	struct farewell farewell = {condition, text};
	peers_each(close_one, &farewell);
}
