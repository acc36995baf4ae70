/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "modules/mod_proxy65/relay_internal.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

enum {
	READS_A_TURN = 4, /* of one stream, then the others have theirs */
	PAUSE_MS = 50,    /* of a shaped stream */
};

static struct peer *partner(const struct peer *peer)
{
	struct stream *stream = peer->stream;
	return stream->peers[stream->peers[0] == peer];
}

/* --- two connections with one hash ---------------------------------------------------------------------- */

bool stream_join(struct peer *peer, const char *hash)
{
	struct stream *stream = map_get(&relay->by_hash, str_of(hash));
	if (stream && (stream->active || (stream->peers[0] && stream->peers[1])))
		return false;
	if (!stream) {
		stream = mem_zalloc(sizeof(*stream));
		list_init(&stream->node);
		memcpy(stream->hash, hash, sizeof(stream->hash));
		map_put(&relay->by_hash, str_of(stream->hash), stream);
	}
	stream->peers[stream->peers[0] != NULL] = peer;
	peer->stream = stream;
	return true;
}

static void stream_free(struct stream *stream)
{
	map_remove(&relay->by_hash, str_of(stream->hash));
	list_remove(&stream->node);
	free(stream->requester);
	free(stream);
}

void stream_forget(struct peer *peer)
{
	struct stream *stream = peer->stream;
	stream->peers[stream->peers[1] == peer] = NULL;
	peer->stream = NULL;
	if (!stream->peers[0] && !stream->peers[1])
		stream_free(stream);
}

void stream_end(struct stream *stream, const char *reason)
{
	LOG_INFO("proxy65.ended", LOG_CSTR("requester", stream->requester), LOG_INT("bytes", stream->bytes),
	    LOG_CSTR("reason", reason));
	for (int i = 0; i < 2; i++) {
		struct peer *peer = stream->peers[i];
		relay->paused_count -= peer->flow.paused;
		peer->flow.paused = false;
		peer->stream = NULL;
		peer_end(peer);
	}
	stream_free(stream);
}

/* --- shaping -------------------------------------------------------------------------------------------- */

static void fill(const struct stream *stream, struct flow *flow)
{
	uint64_t passed = relay->now_ms - flow->filled_ms;
	int64_t full = stream->burst * 1000;
	flow->filled_ms = relay->now_ms;
	if (passed > (uint64_t)(full / stream->rate))
		flow->tokens = full;
	else
		flow->tokens += stream->rate * (int64_t)passed;
	if (flow->tokens > full)
		flow->tokens = full;
}

/* How many bytes may be read now; 0: later. */
static size_t room(const struct stream *stream, struct flow *flow)
{
	if (!stream->rate)
		return RELAY_BUFFER;
	fill(stream, flow);
	int64_t bytes = flow->tokens / 1000;
	bool paused = bytes < 1;
	relay->paused_count += (size_t)paused - (size_t)flow->paused;
	flow->paused = paused;
	return bytes < RELAY_BUFFER ? (size_t)(paused ? 0 : bytes) : RELAY_BUFFER;
}

/* --- carrying bytes ------------------------------------------------------------------------------------- */

/* How many the socket took; < 0: it is broken. */
static ssize_t give(const struct peer *peer, const char *bytes, size_t len)
{
	ssize_t n = send(peer->watched.fd, bytes, len, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
	return n;
}

static int flush(struct flow *flow, const struct peer *to)
{
	if (!flow->bytes)
		return 0;
	ssize_t n = give(to, flow->bytes + flow->start, flow->end - flow->start);
	if (n < 0)
		return -1;
	flow->start += (uint32_t)n;
	if (flow->start == flow->end) {
		free(flow->bytes);
		flow->bytes = NULL;
	}
	return 0;
}

static int carry(struct flow *flow, const struct peer *to, size_t len)
{
	ssize_t n = give(to, relay->buffer, len);
	if (n < 0)
		return -1;
	if ((size_t)n < len) {
		flow->bytes = mem_dup(relay->buffer + n, len - (size_t)n);
		flow->start = 0;
		flow->end = (uint32_t)(len - (size_t)n);
	}
	return 0;
}

/* < 0: broken; 0: nothing more for now; > 0: there may be more. */
static int read_once(struct peer *from, const struct peer *to)
{
	struct stream *stream = from->stream;
	size_t most = room(stream, &from->flow);
	if (most == 0)
		return 0;
	ssize_t n = recv(from->watched.fd, relay->buffer, most, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : -1;
	if (n == 0) {
		from->flow.ended = true;
		return 0;
	}
	from->flow.tokens -= n * 1000;
	stream->bytes += (uint64_t)n;
	stream->used_ms = relay->now_ms;
	return carry(&from->flow, to, (size_t)n) < 0 ? -1 : 1;
}

static uint32_t wanted(const struct peer *peer)
{
	const struct flow *flow = &peer->flow;
	uint32_t events = !flow->bytes && !flow->ended && !flow->paused ? EPOLLIN : 0;
	return partner(peer)->flow.bytes ? events | EPOLLOUT : events;
}

/* From one peer to the other; < 0: the stream has ended. */
static int pump(struct peer *from)
{
	struct stream *stream = from->stream;
	struct peer *to = partner(from);
	struct flow *flow = &from->flow;
	int more = flush(flow, to) < 0 ? -1 : 1;
	for (int i = 0; i < READS_A_TURN && more > 0 && !flow->bytes && !flow->ended; i++)
		more = read_once(from, to);
	if (more < 0) {
		stream_end(stream, "broken");
		return -1;
	}
	if (flow->ended && !flow->bytes && !flow->shut) {
		flow->shut = true;
		shutdown(to->watched.fd, SHUT_WR);
	}
	if (flow->shut && to->flow.shut) {
		stream_end(stream, "closed");
		return -1;
	}
	watched_arm(&from->watched, wanted(from));
	watched_arm(&to->watched, wanted(to));
	return 0;
}

void stream_ready(struct peer *peer, uint32_t events)
{
	struct peer *other = partner(peer);
	if (events & EPOLLERR) {
		stream_end(peer->stream, "reset");
		return;
	}
	if ((events & (EPOLLIN | EPOLLHUP)) && pump(peer) < 0)
		return;
	if (events & (EPOLLOUT | EPOLLHUP))
		pump(other);
}

/* --- activation ----------------------------------------------------------------------------------------- */

static int64_t active_of(const char *requester)
{
	int64_t count = 0;
	for (struct list *at = relay->streams.next; at != &relay->streams; at = at->next)
		count += strcmp(list_entry(at, struct stream, node)->requester, requester) == 0;
	return count;
}

static void begin(struct stream *stream)
{
	stream->active = true;
	stream->used_ms = relay->now_ms;
	list_add_before(&relay->streams, &stream->node);
	for (int i = 0; i < 2; i++) {
		struct peer *peer = stream->peers[i];
		peer->state = PEER_ACTIVE;
		list_remove(&peer->node);
		relay->waiting_count--;
		peer->flow.tokens = stream->burst * 1000;
		peer->flow.filled_ms = relay->now_ms;
	}
	watched_arm(&stream->peers[0]->watched, wanted(stream->peers[0]));
	watched_arm(&stream->peers[1]->watched, wanted(stream->peers[1]));
}

enum relay_outcome stream_activate(struct relay_activation *activation)
{
	struct stream *stream = map_get(&relay->by_hash, str_of(activation->hash));
	if (!stream)
		return RELAY_UNKNOWN;
	if (stream->active)
		return RELAY_CONFLICT;
	if (!stream->peers[0] || !stream->peers[1])
		return RELAY_ONE_SIDED;
	if (active_of(activation->requester) >= activation->max_streams)
		return RELAY_TOO_MANY;
	stream->requester = activation->requester;
	activation->requester = NULL;
	stream->rate = activation->rate;
	stream->burst = activation->burst;
	stream->idle_ms = activation->idle_ms;
	begin(stream);
	return RELAY_ACTIVE;
}

/* --- time ----------------------------------------------------------------------------------------------- */

static bool resume(struct stream *stream)
{
	for (int i = 0; i < 2; i++)
		if (stream->peers[i]->flow.paused && pump(stream->peers[i]) < 0)
			return false;
	return true;
}

void streams_tick(void)
{
	for (struct list *at = relay->streams.next, *next; at != &relay->streams; at = next) {
		struct stream *stream = list_entry(at, struct stream, node);
		next = at->next;
		if (relay->paused_count && !resume(stream))
			continue;
		if (stream->idle_ms != UINT64_MAX && relay->now_ms - stream->used_ms >= stream->idle_ms)
			stream_end(stream, "idle");
	}
}

int streams_wait(void)
{
	return relay->paused_count ? PAUSE_MS : -1;
}
