/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/control_private.h"
#include "base/mem.h"

#define READ_BYTES (64 * 1024)
#define KEEP_BYTES (64 * 1024) /* of a buffer that is empty again */

/* --- ending ------------------------------------------------------------------------------------------- */

/* What waits is dropped; what runs is left alone and reports to a connection without a descriptor. */
static void hang_up(struct control_conn *conn)
{
	struct list *next;

	io_free(&conn->io);
	if (conn->fd >= 0)
		close(conn->fd);
	conn->fd = -1;
	conn->finishing = true;
	for (struct list *node = conn->requests.next; node != &conn->requests; node = next) {
		struct control_request *request = list_entry(node, struct control_request, node);
		next = node->next;
		if (request->state != REQUEST_RUNNING)
			control_request_free(request);
	}
}

static void conn_free(struct control_conn *conn)
{
	control_conn_gone(conn);
	strbuf_fini(&conn->in);
	strbuf_fini(&conn->out);
	free(conn);
}

/* --- reading ------------------------------------------------------------------------------------------ */

/* Half closed, the client still waits for its answers; closed, nobody does. */
static bool is_closed(int fd)
{
	struct pollfd poller = {.fd = fd};

	return poll(&poller, 1, 0) > 0 && (poller.revents & (POLLHUP | POLLERR));
}

static void read_some(struct control_conn *conn)
{
	ssize_t got = recv(conn->fd, strbuf_reserve(&conn->in, READ_BYTES), READ_BYTES, 0);

	if (got > 0)
		conn->in.len += (size_t)got;
	else if (got == 0 && !is_closed(conn->fd))
		conn->finishing = true;
	else if (got == 0 || (errno != EAGAIN && errno != EINTR))
		hang_up(conn);
}

static void shrink(struct strbuf *buf)
{
	if (buf->cap > KEEP_BYTES)
		strbuf_fini(buf);
	else
		strbuf_reset(buf);
}

static void forget_taken(struct control_conn *conn)
{
	size_t left = conn->in.len - conn->in_start;

	if (left == 0) {
		shrink(&conn->in);
	} else if (conn->in_start < conn->in.len / 2) {
		return;
	} else {
		memmove(conn->in.ptr, conn->in.ptr + conn->in_start, left);
		conn->in.len = left;
	}
	conn->in_seen -= conn->in_start;
	conn->in_start = 0;
}

/* A client that closed its side may have left the last line without an end. */
static bool take_line(struct control_conn *conn, struct str *line_r)
{
	const char *start = conn->in.ptr + conn->in_start;
	const char *end = conn->in.len > conn->in_seen
			      ? memchr(conn->in.ptr + conn->in_seen, '\n', conn->in.len - conn->in_seen)
			      : NULL;

	if (!end && (!conn->finishing || conn->in_start == conn->in.len)) {
		conn->in_seen = conn->in.len;
		return false;
	}
	size_t taken = end ? (size_t)(end - conn->in.ptr) + 1 : conn->in.len;
	*line_r = str_trim((struct str){start, taken - conn->in_start});
	conn->in_start = conn->in_seen = taken;
	return true;
}

static void refuse_line(struct control_conn *conn)
{
	control_request_refuse(conn, "a request is at most 1 MiB long");
}

/* Returns how many were taken. */
static unsigned take_lines(struct control_conn *conn)
{
	unsigned count = 0;
	struct str line;

	for (; conn->request_count < CONTROL_REQUESTS_MAX && take_line(conn, &line); count++) {
		if (line.len > CONTROL_LINE_MAX)
			refuse_line(conn);
		else if (line.len)
			control_request_add(conn, line);
	}
	if (conn->in_seen == conn->in.len && conn->in.len - conn->in_start > CONTROL_LINE_MAX &&
	    !conn->finishing) {
		refuse_line(conn);
		conn->finishing = true;
		conn->in_start = conn->in_seen = conn->in.len;
	}
	forget_taken(conn);
	return count;
}

/* --- writing ------------------------------------------------------------------------------------------ */

static void collect_answers(struct control_conn *conn)
{
	while (!list_empty(&conn->requests)) {
		struct control_request *request =
		    list_entry(conn->requests.next, struct control_request, node);
		if (request->state != REQUEST_ANSWERED)
			break;
		strbuf_str(&conn->out, strbuf_view(&request->answer));
		control_request_free(request);
	}
}

static void write_some(struct control_conn *conn)
{
	while (conn->out_sent < conn->out.len) {
		ssize_t sent = send(
		    conn->fd, conn->out.ptr + conn->out_sent, conn->out.len - conn->out_sent, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0) {
			if (errno != EAGAIN)
				hang_up(conn);
			return;
		}
		conn->out_sent += (size_t)sent;
	}
	shrink(&conn->out);
	conn->out_sent = 0;
}

/* --- life --------------------------------------------------------------------------------------------- */

static size_t unsent(const struct control_conn *conn)
{
	return conn->out.len - conn->out_sent;
}

static void go_round(struct control_conn *conn)
{
	unsigned taken;

	do {
		taken = take_lines(conn);
		control_requests_start(conn);
		collect_answers(conn);
		write_some(conn);
	} while (taken && conn->fd >= 0 && unsent(conn) < CONTROL_OUTPUT_MAX);
	if (conn->fd >= 0 && conn->finishing && list_empty(&conn->requests) && !unsent(conn))
		hang_up(conn);
}

void control_conn_go_on(struct control_conn *conn)
{
	if (conn->fd >= 0) {
		collect_answers(conn);
		go_round(conn);
	}
	if (conn->fd < 0) {
		if (!conn->running)
			conn_free(conn);
		return;
	}
	bool more = !conn->finishing && conn->request_count < CONTROL_REQUESTS_MAX &&
		    unsent(conn) < CONTROL_OUTPUT_MAX;
	io_want(conn->io, (more ? IO_READ : 0) | (unsent(conn) ? IO_WRITE : 0));
}

static void on_ready(void *arg, unsigned events)
{
	struct control_conn *conn = arg;

	if ((events & IO_READ) && !conn->finishing)
		read_some(conn);
	control_conn_go_on(conn);
}

struct control_conn *control_conn_new(int fd)
{
	struct control_conn *conn = mem_zalloc(sizeof(*conn));

	conn->fd = fd;
	list_init(&conn->requests);
	conn->io = io_new(fd, on_ready, conn);
	io_want(conn->io, IO_READ);
	return conn;
}

void control_conn_finish(struct control_conn *conn)
{
	struct list *next;

	conn->finishing = true;
	conn->in_start = conn->in_seen = conn->in.len = 0;
	for (struct list *node = conn->requests.next; node != &conn->requests; node = next) {
		next = node->next;
		if (list_entry(node, struct control_request, node)->state == REQUEST_WAITING)
			control_request_free(list_entry(node, struct control_request, node));
	}
	if (conn->fd >= 0) {
		collect_answers(conn);
		write_some(conn);
	}
	if (!conn->running)
		hang_up(conn);
	control_conn_go_on(conn);
}
