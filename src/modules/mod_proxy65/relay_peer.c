/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "modules/mod_proxy65/relay_internal.h"
#include "stanzad/mem.h"

static void socks_free(struct peer *peer)
{
	if (peer->socks)
		explicit_bzero(peer->socks, sizeof(*peer->socks));
	free(peer->socks);
	peer->socks = NULL;
}

void peer_end(struct peer *peer)
{
	if (peer->state == PEER_DEAD)
		return;
	if (peer->stream && peer->stream->active) {
		stream_end(peer->stream, "closed");
		return;
	}
	if (peer->stream)
		stream_forget(peer);
	if (peer->state != PEER_ACTIVE)
		relay->waiting_count--;
	peer->state = PEER_DEAD;
	watched_arm(&peer->watched, 0);
	list_remove(&peer->node);
	list_add_before(&relay->dead, &peer->node);
}

void peers_reap(void)
{
	while (!list_empty(&relay->dead)) {
		struct peer *peer = list_entry(relay->dead.next, struct peer, node);
		list_remove(&peer->node);
		close(peer->watched.fd);
		socks_free(peer);
		free(peer->flow.bytes);
		limits_peer_leave(&peer->limit);
		limits_leave();
		listener_drop(&peer->listener);
		free(peer);
	}
}

/* A few bytes: a socket that does not take them is not worth waiting for. */
static bool reply(struct peer *peer)
{
	size_t len = peer->socks->reply_len;
	return len == 0 || send(peer->watched.fd, peer->socks->reply, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void on_connect(struct peer *peer)
{
	bool joined = stream_join(peer, peer->socks->hash);
	socks_connected(peer->socks, joined);
	if (!reply(peer) || !joined) {
		peer_end(peer);
		return;
	}
	socks_free(peer);
	peer->state = PEER_WAITING;
	watched_arm(&peer->watched, EPOLLRDHUP);
}

static void on_login(struct peer *peer)
{
	struct str name, password;
	socks_login(peer->socks, &name, &password);
	peer->state = PEER_LOGIN;
	watched_arm(&peer->watched, EPOLLRDHUP);
	pthread_mutex_lock(&relay->lock);
	bool owned = peer->listener->owner_count > 0;
	if (owned)
		peer->listener->settings.login(peer->listener->owners[0], peer->id, name, password);
	pthread_mutex_unlock(&relay->lock);
	if (!owned)
		peer_end(peer);
}

static void on_event(struct peer *peer, enum socks_event event)
{
	if (event == SOCKS_LOGIN) {
		on_login(peer);
	} else if (event == SOCKS_CONNECT) {
		on_connect(peer);
	} else if (!reply(peer) || event == SOCKS_REFUSED) {
		shutdown(peer->watched.fd, SHUT_WR);
		peer_end(peer);
	}
}

static void read_socks(struct peer *peer)
{
	unsigned char bytes[SOCKS_INPUT_MAX];
	ssize_t n = recv(peer->watched.fd, bytes, socks_wanted(peer->socks), 0);
	if (n > 0)
		on_event(peer, socks_take(peer->socks, bytes, (size_t)n));
	else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		peer_end(peer);
	explicit_bzero(bytes, sizeof(bytes));
}

static void peer_ready(struct watched *watched, uint32_t events)
{
	struct peer *peer = (struct peer *)((char *)watched - offsetof(struct peer, watched));
	if (peer->state == PEER_SOCKS)
		read_socks(peer);
	else if (peer->state == PEER_ACTIVE)
		stream_ready(peer, events);
	else if (peer->state != PEER_DEAD)
		peer_end(peer);
}

void peer_logged_in(uint64_t id, bool good)
{
	for (struct list *at = relay->waiting.next; at != &relay->waiting; at = at->next) {
		struct peer *peer = list_entry(at, struct peer, node);
		if (peer->id != id || peer->state != PEER_LOGIN)
			continue;
		peer->state = PEER_SOCKS;
		watched_arm(&peer->watched, EPOLLIN);
		on_event(peer, socks_logged_in(peer->socks, good));
		return;
	}
}

/* Takes the reference of the listener, the descriptor and the places in the limits over. */
void peer_accept(struct listener *listener, int fd, struct limit_peer *limit)
{
	struct peer *peer = mem_zalloc(sizeof(*peer));
	peer->watched = (struct watched){.ready = peer_ready, .fd = fd};
	peer->id = ++relay->last_id;
	peer->listener = listener;
	peer->limit = limit;
	peer->socks = mem_zalloc(sizeof(*peer->socks));
	peer->socks->plain = listener->settings.plain;
	peer->deadline_ms = relay->now_ms + listener->settings.activation_ms;
	list_init(&peer->node);
	list_add_before(&relay->waiting, &peer->node);
	relay->waiting_count++;
	watched_arm(&peer->watched, EPOLLIN);
}
