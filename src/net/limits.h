/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections there may be: in all, per address, and how fast new ones may come from one address. An
 * IPv6 address counts as its /64 network, since whoever has one address of it has them all. Addresses without
 * a connection are remembered in a table of bounded size, the ones seen last. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define LIMITS_NONE UINT32_MAX

struct limits {
	uint32_t connections;      /* in all */
	uint32_t per_address;      /* at the same time */
	uint32_t rate_per_address; /* new ones a minute; as many may come at once */
};

enum limit_verdict {
	LIMIT_ADMITTED,
	LIMIT_CONNECTIONS,
	LIMIT_PER_ADDRESS,
	LIMIT_RATE,
};

struct limit_peer;

void limits_set(const struct limits *limits);
/* One more connection in all; leave it with limits_leave. */
enum limit_verdict limits_enter(void);
void limits_leave(void);
unsigned limits_connections(void);
/*
 * One more connection of address; leave it with limits_peer_leave. Unix sockets and loopback addresses are
 * not limited
 * (*peer_r is NULL then).
 * *log_r: refused, and nothing was said about this address during the last minute.
 */
enum limit_verdict limits_peer_enter(const struct sockaddr *address, struct limit_peer **peer_r, bool *log_r);
void limits_peer_leave(struct limit_peer **peer);
const char *limit_verdict_text(enum limit_verdict verdict);
/* How many addresses are remembered. */
unsigned limits_addresses(void);
/* Forgets the addresses without connections and lifts the limits. */
void limits_fini(void);
