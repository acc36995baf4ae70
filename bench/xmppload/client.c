/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"
#include "negotiate.h"

static void watch(struct client *client, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = client};

	if (client->events == events)
		return;
	epoll_ctl(client->load->epoll, client->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, client->fd, &event);
	client->events = events;
}

static bool client_is_away(const struct client *client)
{
	return client->load->options->peer_port && client->index % 2;
}

const char *client_domain(const struct client *client)
{
	const struct options *options = client->load->options;

	return client_is_away(client) ? options->peer_domain : options->domain;
}

void client_start(struct client *client)
{
	const struct options *options = client->load->options;
	unsigned port = client_is_away(client) ? options->peer_port : options->port;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int on = 1;

	client->state = CLIENT_CONNECTING;
	client->authenticated = false;
	client->tls_active = false;
	client->started_ns = load_now();
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd < 0) {
		client_fail(client, "socket: %s", strerror(errno));
		return;
	}
	setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	inet_pton(AF_INET, options->host, &address.sin_addr);
	if (connect(client->fd, (struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS) {
		client_fail(client, "connect: %s", strerror(errno));
		return;
	}
	watch(client, EPOLLOUT);
}

static void connected(struct client *client)
{
	int error = 0;
	socklen_t size = sizeof(error);

	getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error) {
		client_fail(client, "connect: %s", strerror(error));
		return;
	}
	watch(client, EPOLLIN);
	if (client->load->options->tls == TLS_DIRECT)
		client_tls_start(client);
	else
		negotiate_begin(client);
}

static void tls_continue(struct client *client)
{
	int result = SSL_do_handshake(client->ssl);

	if (result == 1) {
		client->tls_active = true;
		watch(client, EPOLLIN);
		negotiate_begin(client);
		return;
	}
	switch (SSL_get_error(client->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		watch(client, EPOLLIN);
		break;
	case SSL_ERROR_WANT_WRITE:
		watch(client, EPOLLOUT);
		break;
	default:
		client_fail(client, "TLS handshake failed");
	}
}

void client_tls_start(struct client *client)
{
	client->state = CLIENT_TLS;
	client->ssl = SSL_new(client->load->tls);
	SSL_set_fd(client->ssl, client->fd);
	SSL_set_tlsext_host_name(client->ssl, client_domain(client));
	SSL_set_connect_state(client->ssl);
	tls_continue(client);
}

/* Returns the bytes read; 0 at the end of the stream; -1 when there is nothing now; -2 on an error. */
static long read_some(struct client *client, char *bytes, size_t size)
{
	if (!client->tls_active) {
		ssize_t n = read(client->fd, bytes, size);
		return n >= 0 ? n : errno == EAGAIN ? -1 : -2;
	}
	int n = SSL_read(client->ssl, bytes, (int)size);
	if (n > 0)
		return n;
	switch (SSL_get_error(client->ssl, n)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -1;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		ERR_clear_error();
		return -2;
	}
}

static void stanza_take(struct client *client, const struct frame *frame)
{
	struct load *load = client->load;
	char type[16] = "";

	if (sm_take(client, frame))
		return;
	if (frame_is(frame, "message")) {
		load->on_message(client, frame);
	} else if (frame_is(frame, "presence")) {
		load->on_presence(client, frame);
	} else if (frame_is(frame, "iq")) {
		frame_attribute(frame, "type", type, sizeof(type));
		if (strcmp(type, "result") == 0 || strcmp(type, "error") == 0)
			load->on_answer(client, frame);
		else
			negotiate_answer(client, frame);
	}
}

static void frame_take(struct client *client, const struct frame *frame)
{
	struct load *load = client->load;

	if (client->state == CLIENT_NEGOTIATING)
		negotiate_frame(client, frame);
	else if (frame->kind == FRAME_STREAM_CLOSE)
		load_client_closed(load, client);
	else if (frame_is(frame, "stream:error"))
		client_fail(client, "%.*s", (int)frame->size, frame->bytes);
	else if (client->state == CLIENT_READY)
		stanza_take(client, frame);
}

/* Handles all whole frames; returns how many bytes that took. Stops when a frame closes or replaces the
 * stream. */
static size_t frames_take(struct client *client, const char *bytes, size_t size)
{
	size_t used = 0;
	struct frame frame;
	int fd = client->fd;
	long cut;

	while (client->fd == fd && client->state >= CLIENT_NEGOTIATING &&
	       (cut = frame_cut(bytes + used, size - used, &frame)) != 0) {
		if (cut < 0) {
			client_fail(client, "the server sent something that is not XML");
			break;
		}
		used += (size_t)cut;
		frame_take(client, &frame);
	}
	return used;
}

static void bytes_take(struct client *client, const char *bytes, size_t size)
{
	uint64_t started = client->started_ns;
	bool joined = client->in.used > 0;

	if (joined) {
		buffer_append(&client->in, bytes, size);
		bytes = client->in.bytes;
		size = client->in.used;
	}
	size_t used = frames_take(client, bytes, size);
	if (client->fd < 0 || client->started_ns != started)
		return;
	if (joined)
		buffer_consume(&client->in, used);
	else
		buffer_append(&client->in, bytes + used, size - used);
}

static void readable(struct client *client)
{
	static char bytes[65536];
	uint64_t started = client->started_ns;
	long n;

	do {
		n = read_some(client, bytes, sizeof(bytes));
		if (n > 0)
			bytes_take(client, bytes, (size_t)n);
		else if (n != -1 && client->state == CLIENT_LEAVING)
			load_client_closed(client->load, client);
		else if (n == 0)
			client_fail(client, "the server closed the connection");
		else if (n == -2)
			client_fail(client, "read: %s", strerror(errno));
	} while (n > 0 && client->tls_active && client->fd >= 0 && client->started_ns == started);
}

void client_event(struct client *client, uint32_t events)
{
	if (client->state == CLIENT_CLOSED)
		return;
	if (client->state == CLIENT_CONNECTING) {
		connected(client);
		return;
	}
	if (client->state == CLIENT_TLS) {
		tls_continue(client);
		return;
	}
	if (events & EPOLLOUT)
		client_flush(client);
	if (client->fd >= 0 && (events & ~(uint32_t)EPOLLOUT))
		readable(client);
}

void client_mark(struct client *client)
{
	if (!client->dirty) {
		client->dirty = true;
		client->load->dirty[client->load->n_dirty++] = client;
	}
}

void client_send(struct client *client, const void *bytes, size_t size)
{
	buffer_append(&client->out, bytes, size);
	client_mark(client);
}

void client_sendf(struct client *client, const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	int size = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	client_send(client, text, (size_t)size < sizeof(text) ? (size_t)size : sizeof(text) - 1);
}

static long write_some(struct client *client)
{
	if (!client->tls_active) {
		ssize_t n = send(client->fd, client->out.bytes, client->out.used, MSG_NOSIGNAL);
		return n >= 0 ? n : errno == EAGAIN ? 0 : -1;
	}
	int n = SSL_write(client->ssl, client->out.bytes, (int)client->out.used);
	if (n > 0)
		return n;
	int error = SSL_get_error(client->ssl, n);
	ERR_clear_error();
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

void client_flush(struct client *client)
{
	if (client->fd < 0 || client->state == CLIENT_CONNECTING || client->state == CLIENT_TLS)
		return;
	while (client->out.used > 0) {
		long n = write_some(client);
		if (n < 0 && client->state == CLIENT_LEAVING) {
			load_client_closed(client->load, client);
			return;
		}
		if (n < 0) {
			client_fail(client, "write: %s", strerror(errno));
			return;
		}
		if (n == 0)
			break;
		buffer_consume(&client->out, (size_t)n);
	}
	watch(client, client->out.used > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void client_leave(struct client *client)
{
	client->state = CLIENT_LEAVING;
	sm_fini(&client->sm);
	client_send(client, "</stream:stream>", 16);
}

void client_close(struct client *client)
{
	if (client->ssl) {
		if (client->tls_active)
			SSL_shutdown(client->ssl);
		SSL_free(client->ssl);
		client->ssl = NULL;
		ERR_clear_error();
	}
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	client->events = 0;
	client->state = CLIENT_CLOSED;
	client->in.used = 0;
	client->out.used = 0;
}

void client_fail(struct client *client, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	client_close(client);
	load_client_failed(client->load, client, text);
}
