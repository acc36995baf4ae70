/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor that a server's message path is measured against: it cuts messages out of the bytes and forwards
 * them unchanged to the user that their 'to' names, or to everybody in the room: there is one, whatever its name,
 * and no occupant is told of another. Anyone is let in, nothing is checked, nothing is stored.
 * One thread, one epoll, one write per connection and turn of the loop.
 *
 * usage: relay PORT     (listens on 127.0.0.1; PLAIN only)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "xmppload/buffer.h"
#include "xmppload/frame.h"

enum {
	USERS_TABLE = 65536,
	USER_MAX = 48,
	EVENTS = 256,
};

struct peer {
	struct peer *next; /* with the same hash */
	int fd;
	bool dirty;
	bool waiting; /* for room in the socket */
	bool closing;
	bool in_room;
	size_t place; /* in the room */
	char user[USER_MAX];
	struct buffer in;
	struct buffer out;
};

static struct peer *users[USERS_TABLE];
static struct peer *dirty[USERS_TABLE];
static size_t n_dirty;
static struct peer *room[USERS_TABLE];
static size_t n_room;
static int epoll;

static struct peer **slot_of(const char *user, size_t size)
{
	unsigned hash = 2166136261u;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)user[i]) * 16777619u;
	return &users[hash % USERS_TABLE];
}

static struct peer *user_find(const char *user, size_t size)
{
	struct peer *peer = *slot_of(user, size);

	while (peer && (strncmp(peer->user, user, size) != 0 || peer->user[size] != '\0'))
		peer = peer->next;
	return peer;
}

static void user_remove(struct peer *peer)
{
	struct peer **at = slot_of(peer->user, strlen(peer->user));

	while (*at && *at != peer)
		at = &(*at)->next;
	if (*at)
		*at = peer->next;
}

static void peer_send(struct peer *peer, const char *bytes, size_t size)
{
	buffer_append(&peer->out, bytes, size);
	if (!peer->dirty && n_dirty < USERS_TABLE) {
		peer->dirty = true;
		dirty[n_dirty++] = peer;
	}
}

static void room_leave(struct peer *peer)
{
	if (!peer->in_room)
		return;
	room[peer->place] = room[--n_room];
	room[peer->place]->place = peer->place;
	peer->in_room = false;
}

static void peer_free(struct peer *peer)
{
	room_leave(peer);
	user_remove(peer);
	close(peer->fd);
	buffer_fini(&peer->in);
	buffer_fini(&peer->out);
	free(peer);
}

static void room_forward(const char *message, size_t size)
{
	for (size_t i = 0; i < n_room; i++)
		peer_send(room[i], message, size);
}

static void message_forward(const char *message, size_t size)
{
	static const char service[] = "@conference.";
	const char *to = memmem(message, size, " to=", 4);
	const char *at = to ? memchr(to, '@', size - (size_t)(to - message)) : NULL;

	if (!at)
		return;
	if (memcmp(at, service, sizeof(service) - 1) == 0) {
		room_forward(message, size);
		return;
	}
	struct peer *peer = user_find(to + 5, (size_t)(at - to - 5));
	if (peer)
		peer_send(peer, message, size);
}

static void say(struct peer *peer, const char *text)
{
	peer_send(peer, text, strlen(text));
}

static void open_answer(struct peer *peer)
{
	say(peer, "<stream:stream from='localhost' id='relay' version='1.0' xmlns='jabber:client' "
		  "xmlns:stream='http://etherx.jabber.org/streams'><stream:features>");
	if (peer->user[0])
		say(peer, "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>");
	else
		say(peer, "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
			  "<mechanism>PLAIN</mechanism></mechanisms>");
	say(peer, "</stream:features>");
}

static void auth_answer(struct peer *peer, const struct frame *frame)
{
	unsigned char text[256];
	size_t size = 0;
	const char *encoded = frame_text(frame, "<auth", &size);

	if (encoded && size <= 300 && EVP_DecodeBlock(text, (const unsigned char *)encoded, (int)size) > 0) {
		snprintf(peer->user, sizeof(peer->user), "%.*s", USER_MAX - 1, (const char *)text + 1);
		struct peer **slot = slot_of(peer->user, strlen(peer->user));
		peer->next = *slot;
		*slot = peer;
	}
	say(peer, "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
}

static void bind_answer(struct peer *peer, const struct frame *frame)
{
	char id[64] = "";
	char text[512];

	frame_attribute(frame, "id", id, sizeof(id));
	snprintf(text, sizeof(text),
	    "<iq type='result' id='%s'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
	    "<jid>%s@localhost/bench</jid></bind></iq>",
	    id, peer->user);
	say(peer, text);
}

/* A presence with an address is a join. */
static void presence_answer(struct peer *peer, const struct frame *frame)
{
	char to[128];
	char text[512];

	if (peer->in_room || n_room == USERS_TABLE || !frame_attribute(frame, "to", to, sizeof(to)))
		return;
	peer->in_room = true;
	peer->place = n_room;
	room[n_room++] = peer;
	snprintf(text, sizeof(text),
	    "<presence from='%s'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>"
	    "<message from='%.*s' type='groupchat'><subject/></message>",
	    to, (int)strcspn(to, "/"), to);
	say(peer, text);
}

/* Anything but a message: rare, so it may cost. Returns the bytes used up, 0 if it is not complete. */
static size_t other_take(struct peer *peer, const char *bytes, size_t size)
{
	struct frame frame;
	long used = frame_cut(bytes, size, &frame);

	if (used < 0)
		peer->closing = true;
	if (used <= 0)
		return 0;
	if (frame.kind == FRAME_STREAM_OPEN) {
		open_answer(peer);
	} else if (frame.kind == FRAME_STREAM_CLOSE) {
		say(peer, "</stream:stream>");
		peer->closing = true;
	} else if (frame_is(&frame, "auth")) {
		auth_answer(peer, &frame);
	} else if (frame_is(&frame, "iq")) {
		bind_answer(peer, &frame);
	} else if (frame_is(&frame, "presence")) {
		presence_answer(peer, &frame);
	}
	return (size_t)used;
}

static size_t bytes_take(struct peer *peer, const char *bytes, size_t size)
{
	static const char open[] = "<message";
	static const char close[] = "</message>";
	size_t used = 0;

	while (used < size && !peer->closing) {
		const char *at = bytes + used;
		size_t left = size - used;
		size_t taken;
		if (left > sizeof(open) && memcmp(at, open, sizeof(open) - 1) == 0) {
			const char *end = memmem(at, left, close, sizeof(close) - 1);
			taken = end ? (size_t)(end - at) + sizeof(close) - 1 : 0;
			if (taken > 0)
				message_forward(at, taken);
		} else {
			taken = other_take(peer, at, left);
		}
		if (taken == 0)
			break;
		used += taken;
	}
	return used;
}

/* Returns false when the peer is gone. */
static bool peer_read(struct peer *peer)
{
	static char bytes[65536];
	ssize_t n = read(peer->fd, bytes, sizeof(bytes));

	if (n < 0)
		return errno == EAGAIN;
	if (n == 0)
		return false;
	if (peer->in.used > 0) {
		buffer_append(&peer->in, bytes, (size_t)n);
		buffer_consume(&peer->in, bytes_take(peer, peer->in.bytes, peer->in.used));
	} else {
		size_t used = bytes_take(peer, bytes, (size_t)n);
		buffer_append(&peer->in, bytes + used, (size_t)n - used);
	}
	return true;
}

static void peer_wait(struct peer *peer, bool waiting)
{
	struct epoll_event event = {.events = EPOLLIN | (waiting ? EPOLLOUT : 0), .data.ptr = peer};

	if (peer->waiting != waiting)
		epoll_ctl(epoll, EPOLL_CTL_MOD, peer->fd, &event);
	peer->waiting = waiting;
}

static void peer_flush(struct peer *peer)
{
	peer->dirty = false;
	ssize_t n = send(peer->fd, peer->out.bytes, peer->out.used, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN)
		n = (ssize_t)peer->out.used;
	buffer_consume(&peer->out, n > 0 ? (size_t)n : 0);
	peer_wait(peer, peer->out.used > 0);
	if (peer->closing && peer->out.used == 0)
		shutdown(peer->fd, SHUT_RDWR);
}

static void flush(void)
{
	for (size_t i = 0; i < n_dirty; i++)
		peer_flush(dirty[i]);
	n_dirty = 0;
}

static void peer_accept(int listener)
{
	struct epoll_event event = {.events = EPOLLIN};
	int on = 1;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	struct peer *peer = calloc(1, sizeof(*peer));
	if (!peer)
		abort();
	peer->fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	event.data.ptr = peer;
	epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static int listen_on(const char *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	struct epoll_event event = {.events = EPOLLIN};
	struct rlimit limit;
	int on = 1;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1024) < 0)
		return -1;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -1 : fd;
}

static void turn(int listener)
{
	struct epoll_event events[EVENTS];
	struct peer *gone[EVENTS];
	size_t n_gone = 0;
	int n = epoll_wait(epoll, events, EVENTS, -1);

	for (int i = 0; i < n; i++) {
		struct peer *peer = events[i].data.ptr;
		if (!peer)
			peer_accept(listener);
		else if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !peer_read(peer))
			gone[n_gone++] = peer;
		else if (events[i].events & EPOLLOUT)
			peer_send(peer, "", 0);
	}
	flush();
	for (size_t i = 0; i < n_gone; i++)
		peer_free(gone[i]);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("usage: relay PORT\n", stderr);
		return 2;
	}
	int listener = listen_on(argv[1]);
	if (listener < 0) {
		fprintf(stderr, "relay: cannot listen on port %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	for (;;)
		turn(listener);
}
