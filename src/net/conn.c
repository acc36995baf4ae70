/* SPDX-License-Identifier: Apache-2.0 */
#include "net/conn.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/internal.h"

#define WORKERS_MAX 256

static struct net_worker *net_workers[WORKERS_MAX];

struct net_worker *net_worker(void)
{
	struct net_worker **slot = &net_workers[worker_index(worker_self())];
	if (!*slot) {
		*slot = mem_zalloc(sizeof(**slot));
		list_init(&(*slot)->proxies);
	}
	return *slot;
}

void conn_pools_fini(void)
{
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		if (net_workers[i])
			net_worker_fini(net_workers[i]);
		net_workers[i] = NULL;
	}
}

static void conn_free(struct conn *conn)
{
	timer_stop(&conn->timer);
	conn_input_fini(conn);
	conn_output_fini(conn);
	conn_proxy_fini(conn);
	conn_tls_fini(conn);
	listener_forget(conn);
	close(conn->fd);
	free(conn->reason);
	conn->magic = 0;
	free(conn);
}

static void conn_finish(struct conn *conn)
{
	if (conn->ops)
		conn->ops->gone(conn->owner, conn->reason);
	conn_free(conn);
}

static void conn_turn(struct deferred *turn)
{
	struct conn *conn = (struct conn *)((char *)turn - offsetof(struct conn, turn));
	assert(conn->magic == CONN_MAGIC);
	if (conn->state == CONN_MOVING) {
		conn_move_post(conn);
		return;
	}
	if (conn->input_due)
		conn_input_kept(conn);
	conn_flush(conn);
	if (turn->queued)
		return; /* what was done just now asked for another turn, which may be the last */
	if (conn->state == CONN_DEAD)
		conn_finish(conn);
	else
		conn_update(conn);
}

void conn_schedule(struct conn *conn)
{
	worker_defer(&conn->turn);
}

void conn_fail(struct conn *conn, const char *reason)
{
	if (conn->state == CONN_DEAD)
		return;
	assert(conn->state != CONN_MOVING);
	conn->state = CONN_DEAD;
	conn->reason = str_dup(str_of(reason));
	timer_stop(&conn->timer);
	shaper_stop(conn);
	io_free(&conn->io);
	conn_schedule(conn);
}

void conn_fail_errno(struct conn *conn, const char *what, int error)
{
	char reason[128];
	if (error == ECONNRESET || error == EPIPE)
		snprintf(reason, sizeof(reason), "reset by peer");
	else
		snprintf(reason, sizeof(reason), "%s: %s", what, strerror(error));
	conn_fail(conn, reason);
}

void conn_abort(struct conn *conn, const char *reason)
{
	conn_fail(conn, reason);
}

static unsigned wanted_events(const struct conn *conn)
{
	if (conn->tls_state == CONN_TLS_HANDSHAKE && conn->state == CONN_OPEN)
		return conn->tls_wants_write ? IO_WRITE : IO_READ;
	unsigned events = conn->blocked_ms ? IO_WRITE : 0;
	if (conn->state == CONN_OPEN ? conn_may_read(conn) : !conn->eof)
		events |= conn->tls_wants_write ? IO_READ | IO_WRITE : IO_READ;
	return events;
}

void conn_update(struct conn *conn)
{
	if (conn->io)
		io_want(conn->io, wanted_events(conn));
}

static void conn_ready_open(struct conn *conn, unsigned events)
{
	if (conn->tls_state == CONN_TLS_HANDSHAKE) {
		conn_tls_handshake(conn);
		return;
	}
	if (events & IO_WRITE)
		conn_flush(conn);
	if ((events & IO_READ) || conn->tls_wants_write)
		conn_input(conn);
}

static void conn_ready(void *arg, unsigned events)
{
	struct conn *conn = arg;
	assert(conn->magic == CONN_MAGIC);
	conn->dry = false;
	/* The loop has stopped watching when the socket is in error: ask again, or learn the error by using
	 * it. */
	if (events == (IO_READ | IO_WRITE))
		io_want(conn->io, 0);
	switch (conn->state) {
	case CONN_OPEN:
		conn_ready_open(conn, events);
		break;
	case CONN_PROXY:
		conn_proxy_ready(conn);
		break;
	case CONN_CLOSING:
	case CONN_LINGER:
		conn_flush(conn);
		if (conn->state != CONN_DEAD)
			conn_discard(conn);
		break;
	default:
		break;
	}
	conn_update(conn);
}

void conn_watch(struct conn *conn)
{
	conn->worker = worker_self();
	conn->io = io_new(conn->fd, conn_ready, conn);
}

void conn_set_peer(struct conn *conn, const struct sockaddr *peer)
{
	memset(&conn->peer, 0, sizeof(conn->peer));
	conn->peer.any.sa_family = AF_UNIX;
	if (peer->sa_family == AF_INET) {
		memcpy(&conn->peer.in4, peer, sizeof(conn->peer.in4));
	} else if (peer->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)peer;
		if (!IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
			memcpy(&conn->peer.in6, in6, sizeof(conn->peer.in6));
			return;
		}
		conn->peer.in4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = in6->sin6_port};
		memcpy(&conn->peer.in4.sin_addr, in6->sin6_addr.s6_addr + 12, 4);
	}
}

struct conn *conn_adopt(int fd, const struct sockaddr *peer)
{
	struct conn *conn = mem_zalloc(sizeof(*conn));
	struct sockaddr_storage name = {.ss_family = AF_UNIX};
	socklen_t len = sizeof(name);
	conn->magic = CONN_MAGIC;
	conn->fd = fd;
	conn->turn.run = conn_turn;
	if (!peer)
		getpeername(fd, (struct sockaddr *)&name, &len);
	conn_set_peer(conn, peer ? peer : (struct sockaddr *)&name);
	conn_watch(conn);
	conn_schedule(conn);
	return conn;
}

struct conn *conn_new(int fd, const struct sockaddr *peer)
{
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &(int){NET_NOT_SENT_MAX}, sizeof(int));
	return conn_adopt(fd, peer);
}

void conn_set_owner(struct conn *conn, const struct conn_ops *ops, void *owner)
{
	conn->ops = ops;
	conn->owner = owner;
}

static void on_linger(struct timer *timer)
{
	struct conn *conn = (struct conn *)((char *)timer - offsetof(struct conn, timer));
	conn_fail(conn, conn->state == CONN_LINGER ? "closed" : "closed with output unsent");
}

/* Closing a socket with unread input resets it, and the reset can overtake our last bytes: so wait for the
 * peer's FIN. */
void conn_linger_begin(struct conn *conn)
{
	conn->state = CONN_LINGER;
	conn_tls_shutdown(conn);
	/* A peer that has closed already needs no half-close. */
	conn_discard(conn);
	if (conn->state == CONN_LINGER && (shutdown(conn->fd, SHUT_WR) < 0 || !timer_running(&conn->timer)))
		conn_fail(conn, "closed");
}

void conn_close(struct conn *conn, unsigned linger_ms)
{
	if (conn->state == CONN_DEAD || conn->state == CONN_CLOSING || conn->state == CONN_LINGER)
		return;
	assert(conn->state != CONN_MOVING);
	conn->state = CONN_CLOSING;
	shaper_stop(conn);
	timer_stop(&conn->timer);
	if (linger_ms)
		timer_start(&conn->timer, linger_ms, on_linger);
	conn_schedule(conn);
}

const struct sockaddr *conn_peer(const struct conn *conn)
{
	return &conn->peer.any;
}

struct str conn_peer_text(const struct conn *conn)
{
	static _Thread_local char text[INET6_ADDRSTRLEN];
	const struct sockaddr *peer = &conn->peer.any;
	if (peer->sa_family == AF_INET)
		inet_ntop(AF_INET, &conn->peer.in4.sin_addr, text, sizeof(text));
	else if (peer->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &conn->peer.in6.sin6_addr, text, sizeof(text));
	else
		return STR("unix");
	return str_of(text);
}

unsigned conn_peer_port(const struct conn *conn)
{
	/* sin_port and sin6_port are at the same place. */
	return conn->peer.any.sa_family == AF_UNIX ? 0 : ntohs(conn->peer.in4.sin_port);
}

struct conn_counts conn_traffic(const struct conn *conn)
{
	return (struct conn_counts){conn->bytes_in, conn->bytes_out};
}
