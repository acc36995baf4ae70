/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/internal.h"

static struct chunk *chunk_new(size_t len)
{
	struct net_worker *net = net_worker();
	struct chunk *chunk = net->chunks;
	if (len <= NET_CHUNK_SIZE && chunk) {
		net->chunks = chunk->next;
		net->chunk_count--;
	} else {
		size_t room = len > NET_CHUNK_SIZE ? len : NET_CHUNK_SIZE;
		assert(room <= UINT32_MAX);
		chunk = mem_alloc(sizeof(*chunk) + room);
		chunk->room = (uint32_t)room;
	}
	chunk->next = NULL;
	chunk->start = chunk->end = 0;
	return chunk;
}

static void chunk_free(struct chunk *chunk)
{
	struct net_worker *net = net_worker();
	if (chunk->room != NET_CHUNK_SIZE || net->chunk_count >= NET_CHUNKS_POOLED) {
		free(chunk);
		return;
	}
	chunk->next = net->chunks;
	net->chunks = chunk;
	net->chunk_count++;
}

void net_worker_fini(struct net_worker *net)
{
	while (net->chunks) {
		struct chunk *next = net->chunks->next;
		free(net->chunks);
		net->chunks = next;
	}
	free(net);
}

void conn_output_fini(struct conn *conn)
{
	while (conn->out_first) {
		struct chunk *next = conn->out_first->next;
		chunk_free(conn->out_first);
		conn->out_first = next;
	}
}

static void chunk_append(struct conn *conn, size_t len)
{
	struct chunk *chunk = chunk_new(len);
	if (conn->out_last)
		conn->out_last->next = chunk;
	else
		conn->out_first = chunk;
	conn->out_last = chunk;
}

char *conn_reserve(struct conn *conn, size_t len)
{
	struct chunk *last = conn->out_last;
	if (!last || last->room - last->end < len)
		chunk_append(conn, len);
	return conn->out_last->bytes + conn->out_last->end;
}

void conn_wrote(struct conn *conn, size_t written)
{
	assert(written <= conn->out_last->room - conn->out_last->end && conn->state != CONN_MOVING);
	conn->out_last->end += (uint32_t)written;
	conn->out_bytes += written;
	if (conn->out_bytes > CONN_OUTPUT_HIGH)
		conn->over_high = true;
	/* A blocked socket is flushed when it says so. */
	if (!conn->blocked_ms)
		conn_schedule(conn);
}

void conn_write(struct conn *conn, struct str bytes)
{
	if (bytes.len == 0 || conn->state == CONN_DEAD)
		return;
	struct chunk *last = conn->out_last;
	size_t fits = last ? last->room - last->end : 0;
	if (fits && fits < bytes.len) {
		memcpy(last->bytes + last->end, bytes.ptr, fits);
		conn_wrote(conn, fits);
		bytes.ptr += fits;
		bytes.len -= fits;
	}
	memcpy(conn_reserve(conn, bytes.len), bytes.ptr, bytes.len);
	conn_wrote(conn, bytes.len);
}

size_t conn_output(const struct conn *conn)
{
	return conn->out_bytes;
}

bool conn_blocked(const struct conn *conn)
{
	return conn->blocked_ms != 0;
}

uint64_t conn_stalled_ms(struct conn *conn)
{
	int unacknowledged = 0;
	if (!conn->blocked_ms)
		return 0;
	/* The peer may take bytes without the kernel wanting more of ours yet. */
	if (ioctl(conn->fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged < conn->unacknowledged)
		conn_output_blocked(conn, true);
	conn->unacknowledged = unacknowledged;
	return clock_mono_ms() - conn->blocked_ms;
}

void conn_output_sent(struct conn *conn, size_t n)
{
	conn->out_bytes -= n;
	conn->bytes_out += n;
	while (conn->out_first) {
		struct chunk *first = conn->out_first;
		size_t part = first->end - first->start;
		if (n < part) {
			first->start += (uint32_t)n;
			return;
		}
		n -= part;
		conn->out_first = first->next;
		if (!conn->out_first)
			conn->out_last = NULL;
		chunk_free(first);
	}
}

void conn_output_blocked(struct conn *conn, bool progress)
{
	if (!conn->blocked_ms && conn->state == CONN_OPEN && conn->ops && conn->ops->blocked)
		conn->ops->blocked(conn->owner);
	if (progress || !conn->blocked_ms) {
		uint64_t now = clock_mono_ms();
		conn->blocked_ms = now ? now : 1;
	}
}

static ssize_t plain_send(struct conn *conn, size_t *asked_r)
{
	struct iovec parts[NET_IOV];
	struct msghdr message = {.msg_iov = parts};
	*asked_r = 0;
	for (struct chunk *chunk = conn->out_first; chunk && message.msg_iovlen < NET_IOV;
	     chunk = chunk->next) {
		size_t len = chunk->end - chunk->start;
		parts[message.msg_iovlen++] = (struct iovec){chunk->bytes + chunk->start, len};
		*asked_r += len;
	}
	int flags = conn_send_flags(conn);
	ssize_t n;
	do
		n = message.msg_iovlen == 1 ? send(conn->fd, parts[0].iov_base, parts[0].iov_len, flags)
					    : sendmsg(conn->fd, &message, flags);
	while (n < 0 && errno == EINTR);
	return n;
}

static void plain_flush(struct conn *conn)
{
	bool progress = false;
	while (conn->out_bytes) {
		size_t asked;
		ssize_t n = plain_send(conn, &asked);
		if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
			conn_fail_errno(conn, "writing", errno);
			return;
		}
		if (n > 0) {
			progress = true;
			conn_output_sent(conn, (size_t)n);
		}
		if (n < (ssize_t)asked) {
			conn_output_blocked(conn, progress);
			return;
		}
	}
	conn->blocked_ms = 0;
}

static void after_flush(struct conn *conn)
{
	if (conn->over_high && conn->out_bytes < CONN_OUTPUT_LOW) {
		conn->over_high = false;
		if (conn->state == CONN_OPEN && conn->ops && conn->ops->drained)
			conn->ops->drained(conn->owner);
	}
	if (conn->out_bytes)
		return;
	if (conn->ops && conn->ops->emptied)
		conn->ops->emptied(conn->owner);
	if (conn->state == CONN_CLOSING)
		conn_linger_begin(conn);
	else if (conn->tls_state == CONN_TLS_DUE && conn->state == CONN_OPEN)
		conn_tls_begin(conn);
}

void conn_flush(struct conn *conn)
{
	if (conn->state != CONN_OPEN && conn->state != CONN_CLOSING)
		return;
	if (conn->tls_state == CONN_TLS_HANDSHAKE) {
		if (conn->state == CONN_CLOSING)
			conn_fail(conn, "closed during the TLS handshake");
		return;
	}
	if (!conn->out_bytes) {
		conn_output_sent(conn, 0);
	} else if (conn->tls_state == CONN_TLS_SECURE) {
		conn_tls_flush(conn);
	} else {
		plain_flush(conn);
	}
	if (conn->state != CONN_DEAD)
		after_flush(conn);
}
