/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "net/internal.h"
#include "net/proxy.h"

struct proxy_reader {
	struct list node; /* of the worker's */
	struct conn *conn;
	size_t len;
	char bytes[PROXY_HEADER_MAX];
};

static void on_timeout(struct timer *timer)
{
	conn_fail((struct conn *)((char *)timer - offsetof(struct conn, timer)), "no PROXY header in time");
}

void conn_proxy_begin(struct conn *conn, unsigned timeout_ms)
{
	conn->state = CONN_PROXY;
	conn->proxy = mem_zalloc(sizeof(*conn->proxy));
	conn->proxy->conn = conn;
	list_add_before(&net_worker()->proxies, &conn->proxy->node);
	timer_start(&conn->timer, timeout_ms, on_timeout);
}

void conn_proxy_fini(struct conn *conn)
{
	if (conn->proxy)
		list_remove(&conn->proxy->node);
	free(conn->proxy);
	conn->proxy = NULL;
}

void conn_proxy_end(const struct listener *listener)
{
	struct list *all = &net_worker()->proxies;
	for (struct list *at = all->next; at != all; at = at->next) {
		struct conn *conn = list_entry(at, struct proxy_reader, node)->conn;
		if (conn->listener == listener)
			conn_fail(conn, "listener closed");
	}
}

/*
 * The bytes behind the header can be a TLS handshake, which OpenSSL reads from the socket itself: so look
 * first, then take no more than the header.
 */
static int take_header(struct conn *conn, size_t seen, struct proxy_header *header, struct err *err)
{
	struct proxy_reader *proxy = conn->proxy;
	int rc = proxy_parse(proxy->bytes, proxy->len + seen, header, err);
	if (rc < 0)
		return rc;
	size_t part = rc == 0 ? header->length - proxy->len : seen;
	if (recv(conn->fd, proxy->bytes + proxy->len, part, 0) != (ssize_t)part)
		return err_set(err, "reading the PROXY header");
	proxy->len += part;
	return rc;
}

void conn_proxy_ready(struct conn *conn)
{
	struct proxy_reader *proxy = conn->proxy;
	struct proxy_header header;
	struct err err;
	ssize_t n = recv(conn->fd, proxy->bytes + proxy->len, sizeof(proxy->bytes) - proxy->len, MSG_PEEK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_fail(conn, "closed before the PROXY header");
		return;
	}
	int rc = take_header(conn, (size_t)n, &header, &err);
	if (rc < 0) {
		conn_fail(conn, err.text);
	} else if (rc == 0) {
		timer_stop(&conn->timer);
		conn_proxy_fini(conn);
		conn->state = CONN_OPEN;
		if (header.named)
			conn_set_peer(conn, (struct sockaddr *)&header.source);
		listener_welcome(conn);
	}
}
