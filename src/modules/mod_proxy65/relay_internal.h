/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the relay share.
 *
 *   relay.c           the thread, what others ask of it, listeners
 *   relay_peer.c      one connection until it waits for its partner
 *   relay_stream.c    two connections, activation, carrying bytes
 *
 * Everything is the thread's own, but for what 'lock' guards. Connections are freed at the end of a turn, so
 * that what the kernel said about them in the same turn does no harm.
 */
#pragma once

#include <pthread.h>
#include <semaphore.h>

#include "base/map.h"
#include "modules/mod_proxy65/relay.h"
#include "net/limits.h"
#include "stanzad/list.h"

#define RELAY_BUFFER (64 * 1024)

/* What epoll points to. */
struct watched {
	void (*ready)(struct watched *watched, uint32_t events);
	int fd;
	uint32_t armed; /* 0: not in the poller */
};

struct listener {
	struct watched watched;
	struct list node; /* relay.listeners; guarded */
	char *ip;
	uint16_t port;
	struct relay_settings settings; /* guarded */
	void **owners;                  /* guarded */
	size_t owner_count;             /* guarded */
	unsigned refs;                  /* guarded: the list and connections */
	uint64_t paused_ms;             /* out of descriptors until then; 0: not */
};

/* Bytes from one peer to its partner. */
struct flow {
	char *bytes; /* read, but not taken by the partner: [start, end) of them */
	uint32_t start, end;
	bool ended; /* nothing more is read */
	bool shut;  /* the partner knows */
	bool paused;
	int64_t tokens; /* thousandths of bytes that may be read now */
	uint64_t filled_ms;
};

enum peer_state { PEER_SOCKS, PEER_LOGIN, PEER_WAITING, PEER_ACTIVE, PEER_DEAD };

struct peer {
	struct watched watched;
	struct list node; /* relay.waiting or relay.dead; none when active */
	uint64_t id;
	enum peer_state state;
	uint64_t deadline_ms;
	struct socks *socks; /* until it waits */
	struct listener *listener;
	struct limit_peer *limit;
	struct stream *stream;
	struct flow flow;
};

struct stream {
	struct list node; /* relay.streams, when active */
	char hash[SOCKS_HASH_SIZE + 1];
	struct peer *peers[2];
	bool active;
	char *requester;
	int64_t rate, burst;
	uint64_t idle_ms, used_ms, bytes;
};

/* What another thread asks for. */
struct command {
	struct command *next;
	void (*run)(struct command *command);
};

struct relay {
	pthread_t thread;
	pthread_mutex_t lock;
	struct list listeners;                        /* guarded */
	struct command *first_command, *last_command; /* guarded */
	unsigned owners;                              /* worker 0 */
	int poller;
	struct watched wake;
	bool stopping;
	uint64_t now_ms, ticked_ms, last_id;
	struct list waiting, streams, dead;
	size_t waiting_count, paused_count;
	struct map by_hash;
	char buffer[RELAY_BUFFER];
};

extern struct relay *relay;

/* EPOLLIN and so on; 0 takes it out of the poller. */
void watched_arm(struct watched *watched, uint32_t events);
void listener_drop(struct listener **listener);

void peer_accept(struct listener *listener, int fd, struct limit_peer *limit);
void peer_logged_in(uint64_t id, bool good);
/* Closes it, and its stream with it when that is active. */
void peer_end(struct peer *peer);
void peers_reap(void);

/* false: two are there already. */
bool stream_join(struct peer *peer, const char *hash);
/* The peer of a stream that is not active goes. */
void stream_forget(struct peer *peer);
void stream_end(struct stream *stream, const char *reason);
void stream_ready(struct peer *peer, uint32_t events);
enum relay_outcome stream_activate(struct relay_activation *activation);
/* Idle ones end, paused ones go on. */
void streams_tick(void);
/* Milliseconds until a paused one may go on; -1: there is none. */
int streams_wait(void);
