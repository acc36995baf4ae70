/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/internal.h"

#define SHAPER_MAX ((int64_t)1 << 40) /* bytes; a faster one is none */

bool conn_may_read(const struct conn *conn)
{
	return conn->state == CONN_OPEN && !conn->eof && !conn->pauses && !conn->shaped && !conn->in_len &&
	       (conn->tls_state == CONN_TLS_NONE || conn->tls_state == CONN_TLS_SECURE);
}

static ssize_t plain_recv(struct conn *conn, char *bytes, size_t room)
{
	ssize_t n;
	do
		n = recv(conn->fd, bytes, room, 0);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EWOULDBLOCK)
		return CONN_AGAIN;
	conn_fail_errno(conn, "reading", errno);
	return CONN_FAILED;
}

static void keep(struct conn *conn, const char *bytes, size_t len)
{
	conn->in = mem_dup(bytes, len);
	conn->in_len = (uint32_t)len;
}

static void present(struct conn *conn, const char *bytes, size_t len)
{
	size_t used = conn->ops->received(conn->owner, bytes, len);
	assert(used <= len);
	if (used == len || conn->tls_state == CONN_TLS_DUE)
		return;
	if (conn->state != CONN_OPEN && conn->state != CONN_MOVING)
		return;
	assert(conn->pauses || conn->state == CONN_MOVING || conn->input_due);
	keep(conn, bytes + used, len - used);
}

/* A millisecond at rate is as many thousandths of bytes, so that nothing is lost by rounding. */
static void shaper_fill(struct shaper *shaper)
{
	uint64_t now = clock_mono_ms(), passed = now - shaper->filled_ms;
	int64_t full = shaper->burst * 1000;
	shaper->filled_ms = now;
	if (passed > (uint64_t)(full / shaper->rate))
		shaper->tokens = full;
	else
		shaper->tokens += shaper->rate * (int64_t)passed;
	if (shaper->tokens > full)
		shaper->tokens = full;
}

static void on_shaper(struct timer *timer)
{
	struct shaper *shaper = (struct shaper *)((char *)timer - offsetof(struct shaper, timer));
	shaper->conn->shaped = false;
	shaper->conn->input_due = true;
	conn_schedule(shaper->conn);
}

/* How many bytes may be read now; 0 when the timer will say so. */
static size_t shaper_room(struct conn *conn, size_t room)
{
	struct shaper *shaper = conn->shaper;
	if (!shaper)
		return room;
	shaper_fill(shaper);
	if (shaper->tokens >= 1000)
		return shaper->tokens / 1000 < (int64_t)room ? (size_t)shaper->tokens / 1000 : room;
	conn->shaped = true;
	/* Not for every single byte: a tenth of a second's worth, or the burst. */
	int64_t wanted =
	    shaper->burst * 1000 < shaper->rate * 100 ? shaper->burst * 1000 : shaper->rate * 100;
	if (wanted < 1000)
		wanted = 1000;
	timer_start(&shaper->timer, (uint64_t)((wanted - shaper->tokens + shaper->rate - 1) / shaper->rate),
	    on_shaper);
	return 0;
}

static void on_more(struct timer *timer)
{
	struct conn *conn = (struct conn *)((char *)timer - offsetof(struct conn, timer));
	conn->input_due = true;
	conn_schedule(conn);
}

static void input_ended(struct conn *conn)
{
	conn->eof = true;
	if (conn->ops->ended)
		conn->ops->ended(conn->owner);
	else
		conn_fail(conn, "closed by peer");
}

/* One read; true when there is probably more. */
static bool input_once(struct conn *conn, struct net_worker *net, size_t *budget)
{
	size_t room = shaper_room(conn, sizeof(net->read));
	if (room == 0)
		return false;
	ssize_t n =
	    conn_is_tls(conn) ? conn_tls_recv(conn, net->read, room) : plain_recv(conn, net->read, room);
	if (n == 0)
		input_ended(conn);
	if (n <= 0)
		return false;
	conn->bytes_in += (uint64_t)n;
	*budget -= (size_t)n < *budget ? (size_t)n : *budget;
	if (conn->shaper)
		conn->shaper->tokens -= n * 1000;
	present(conn, net->read, (size_t)n);
	return conn_is_tls(conn) ? conn_tls_pending(conn) : (size_t)n == room;
}

void conn_input(struct conn *conn)
{
	struct net_worker *net = net_worker();
	size_t budget = NET_TURN_BYTES;
	bool more = true;
	while (more && budget && conn_may_read(conn))
		more = input_once(conn, net, &budget);
	/* Readiness does not tell of bytes that OpenSSL has already read. */
	if (more && !budget && conn_is_tls(conn) && conn_may_read(conn))
		timer_start(&conn->timer, 0, on_more);
}

void conn_input_kept(struct conn *conn)
{
	conn->input_due = false;
	if (conn->state != CONN_OPEN || conn->pauses || conn->shaped)
		return;
	if (conn->in_len) {
		char *bytes = conn->in;
		size_t len = conn->in_len;
		conn->in = NULL;
		conn->in_len = 0;
		present(conn, bytes, len);
		free(bytes);
	}
	if (conn_may_read(conn) && conn_is_tls(conn) && conn_tls_pending(conn))
		conn_input(conn);
}

void conn_discard(struct conn *conn)
{
	struct net_worker *net = net_worker();
	ssize_t n = 1;
	for (unsigned i = 0; i < NET_TURN_BYTES / NET_READ_SIZE && n > 0 && !conn->eof; i++)
		n = plain_recv(conn, net->read, sizeof(net->read));
	if (n == 0)
		conn->eof = true;
	if (conn->eof && conn->state == CONN_LINGER)
		conn_fail(conn, "closed");
}

void conn_pause(struct conn *conn)
{
	assert(conn->pauses < UINT16_MAX);
	if (conn->pauses++ == 0)
		conn_schedule(conn);
}

void conn_resume(struct conn *conn)
{
	assert(conn->pauses > 0);
	if (--conn->pauses)
		return;
	conn->input_due = true;
	conn_schedule(conn);
}

void shaper_stop(struct conn *conn)
{
	if (conn->shaper)
		timer_stop(&conn->shaper->timer);
}

void shaper_restart(struct conn *conn)
{
	conn->shaped = false;
}

void conn_set_shaper(struct conn *conn, int64_t rate, int64_t burst)
{
	shaper_stop(conn);
	if (conn->shaped) {
		conn->shaped = false;
		conn->input_due = true;
		conn_schedule(conn);
	}
	if (rate <= 0 || rate > SHAPER_MAX) {
		free(conn->shaper);
		conn->shaper = NULL;
		return;
	}
	if (!conn->shaper)
		conn->shaper = mem_zalloc(sizeof(*conn->shaper));
	conn->shaper->conn = conn;
	conn->shaper->rate = rate;
	conn->shaper->burst = burst <= 0 ? rate : burst < SHAPER_MAX ? burst : SHAPER_MAX;
	conn->shaper->tokens = conn->shaper->burst * 1000;
	conn->shaper->filled_ms = clock_mono_ms();
}

void conn_input_fini(struct conn *conn)
{
	shaper_stop(conn);
	free(conn->shaper);
	free(conn->in);
}
