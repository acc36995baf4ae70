/* SPDX-License-Identifier: Apache-2.0 */
#include "net/limits.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"

enum { IDLE_MAX = 16384, LOG_MS = 60000, MINUTE_MS = 60000 };

struct limit_peer {
	struct list idle; /* in idle_peers while it has no connection */
	char key[9];      /* family and address or network */
	uint8_t key_len;
	uint32_t connections;
	uint64_t credit; /* for new connections, MINUTE_MS each; grows by the rate every millisecond */
	uint64_t credit_ms;
	uint64_t log_ms; /* 0: never */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct limits limits = {LIMITS_NONE, LIMITS_NONE, LIMITS_NONE};
static uint32_t connections;
static struct map peers;
static struct list idle_peers = {&idle_peers, &idle_peers}; /* least recently left first */
static unsigned idle_count;

void limits_set(const struct limits *wanted)
{
	pthread_mutex_lock(&lock);
	limits = *wanted;
	pthread_mutex_unlock(&lock);
}

enum limit_verdict limits_enter(void)
{
	enum limit_verdict verdict = LIMIT_CONNECTIONS;
	pthread_mutex_lock(&lock);
	if (connections < limits.connections) {
		connections++;
		verdict = LIMIT_ADMITTED;
	}
	pthread_mutex_unlock(&lock);
	return verdict;
}

void limits_leave(void)
{
	pthread_mutex_lock(&lock);
	connections--;
	pthread_mutex_unlock(&lock);
}

unsigned limits_connections(void)
{
	pthread_mutex_lock(&lock);
	unsigned count = connections;
	pthread_mutex_unlock(&lock);
	return count;
}

/* 0: not limited. The machine's own programs (proxies, bots, tests) share the loopback addresses. */
static uint8_t make_key(const struct sockaddr *address, char key[9])
{
	if (address->sa_family == AF_INET) {
		if (ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET)
			return 0;
		key[0] = 4;
		memcpy(key + 1, &((const struct sockaddr_in *)address)->sin_addr, 4);
		return 5;
	}
	if (address->sa_family == AF_INET6) {
		if (IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr))
			return 0;
		key[0] = 6;
		memcpy(key + 1, &((const struct sockaddr_in6 *)address)->sin6_addr, 8);
		return 9;
	}
	return 0;
}

static void forget(struct limit_peer *peer)
{
	map_remove(&peers, (struct str){peer->key, peer->key_len});
	list_remove(&peer->idle);
	idle_count--;
	free(peer);
}

static struct limit_peer *find(const struct sockaddr *address)
{
	char key[9];
	uint8_t len = make_key(address, key);
	if (len == 0)
		return NULL;
	struct limit_peer *peer = map_get(&peers, (struct str){key, len});
	if (peer)
		return peer;
	peer = mem_zalloc(sizeof(*peer));
	memcpy(peer->key, key, len);
	peer->key_len = len;
	peer->credit = (uint64_t)limits.rate_per_address * MINUTE_MS;
	peer->credit_ms = clock_mono_ms();
	list_add_before(&idle_peers, &peer->idle);
	idle_count++;
	map_put(&peers, (struct str){peer->key, len}, peer);
	return peer;
}

/* A token bucket that a minute fills. */
static bool take_credit(struct limit_peer *peer)
{
	if (limits.rate_per_address == LIMITS_NONE)
		return true;
	uint64_t now = clock_mono_ms(), full = (uint64_t)limits.rate_per_address * MINUTE_MS;
	uint64_t passed = now - peer->credit_ms < MINUTE_MS ? now - peer->credit_ms : MINUTE_MS;
	peer->credit += limits.rate_per_address * passed;
	peer->credit_ms = now;
	if (peer->credit > full)
		peer->credit = full;
	if (peer->credit < MINUTE_MS)
		return false;
	peer->credit -= MINUTE_MS;
	return true;
}

static bool log_due(struct limit_peer *peer)
{
	uint64_t now = clock_mono_ms();
	if (peer->log_ms && now - peer->log_ms < LOG_MS)
		return false;
	peer->log_ms = now;
	return true;
}

static void bound_idle(void)
{
	while (idle_count > IDLE_MAX)
		forget(list_entry(idle_peers.next, struct limit_peer, idle));
}

enum limit_verdict limits_peer_enter(const struct sockaddr *address, struct limit_peer **peer_r, bool *log_r)
{
	enum limit_verdict verdict = LIMIT_ADMITTED;
	*log_r = false;
	*peer_r = NULL;
	pthread_mutex_lock(&lock);
	struct limit_peer *peer = find(address);
	if (peer) {
		if (peer->connections >= limits.per_address)
			verdict = LIMIT_PER_ADDRESS;
		else if (!take_credit(peer))
			verdict = LIMIT_RATE;
		if (verdict == LIMIT_ADMITTED) {
			if (peer->connections++ == 0) {
				list_remove(&peer->idle);
				idle_count--;
			}
			*peer_r = peer;
		} else {
			*log_r = log_due(peer);
		}
		bound_idle();
	}
	pthread_mutex_unlock(&lock);
	return verdict;
}

void limits_peer_leave(struct limit_peer **peer)
{
	if (!*peer)
		return;
	pthread_mutex_lock(&lock);
	if (--(*peer)->connections == 0) {
		list_add_before(&idle_peers, &(*peer)->idle);
		idle_count++;
		bound_idle();
	}
	pthread_mutex_unlock(&lock);
	*peer = NULL;
}

const char *limit_verdict_text(enum limit_verdict verdict)
{
	switch (verdict) {
	case LIMIT_CONNECTIONS:
		return "max_connections";
	case LIMIT_PER_ADDRESS:
		return "max_connections_per_ip";
	case LIMIT_RATE:
		return "connection_rate_per_ip";
	case LIMIT_ADMITTED:
		break;
	}
	return "admitted";
}

unsigned limits_addresses(void)
{
	pthread_mutex_lock(&lock);
	unsigned count = peers.count;
	pthread_mutex_unlock(&lock);
	return count;
}

void limits_fini(void)
{
	pthread_mutex_lock(&lock);
	while (!list_empty(&idle_peers))
		forget(list_entry(idle_peers.next, struct limit_peer, idle));
	if (peers.count == 0)
		map_fini(&peers);
	limits = (struct limits){LIMITS_NONE, LIMITS_NONE, LIMITS_NONE};
	pthread_mutex_unlock(&lock);
}
