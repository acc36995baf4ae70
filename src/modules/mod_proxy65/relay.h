/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listens for SOCKS5 connections, joins two of them, and carries bytes between them: all of it on a thread of
 * its own with a poller of its own. Files are large and patient, stanzas are small and are not; so no worker
 * ever reads or writes what is transferred, and all transfers together take one core at most. There is one
 * relay for all hosts: those with the same address and port share a listener.
 *
 * What is in src/loop belongs to the workers. So this has an epoll descriptor by itself, which elsewhere only
 * src/loop has.
 */
#pragma once

#include <stdint.h>

#include "modules/mod_proxy65/socks.h"
#include "stanzad/err.h"

#define RELAY_WAITING_MAX 1000 /* connections that are not active yet; more are closed at once */

/* Of a listener; the first owner's count. */
struct relay_settings {
	bool plain;             /* name and password are asked for */
	uint64_t activation_ms; /* from accepting a connection until it is active */
	int recbuf, sndbuf;     /* bytes */
	/* On the relay's thread: somebody logs in. Must not block. Ends in relay_logged_in, on any thread. */
	void (*login)(void *owner, uint64_t id, struct str name, struct str password);
};

/* Worker 0, as all but the last two. Listens there for owner; the first one starts the thread. ip: an
 * address. */
int relay_join(
    void *owner, struct str ip, uint16_t port, const struct relay_settings *settings, struct err *err);
/* The same, and leaves where it listened before. < 0: it stays there. */
int relay_move(
    void *owner, struct str ip, uint16_t port, const struct relay_settings *settings, struct err *err);
/* settings.login is not called for the owner from now on, and the listener is closed if it is nobody else's.
 */
void relay_leave(void *owner);
/* After relay_leave: all activations were answered when it returns. The last owner ends the thread and every
 * stream. */
void relay_part(void);

enum relay_outcome {
	RELAY_ACTIVE,
	RELAY_UNKNOWN,   /* nobody connected with that hash */
	RELAY_ONE_SIDED, /* one did */
	RELAY_CONFLICT,  /* it is active */
	RELAY_TOO_MANY,  /* the requester has max_streams already */
};

struct relay_activation {
	char hash[SOCKS_HASH_SIZE + 1];
	char *requester;     /* whose streams are counted; the relay frees it */
	int64_t max_streams; /* of one requester at a time */
	int64_t rate, burst; /* bytes per second in each direction, bytes at once; rate 0: no limit */
	uint64_t idle_ms;
	/* On the relay's thread, once: frees the activation. */
	void (*done)(struct relay_activation *activation, enum relay_outcome outcome);
};

/* Between join and part, on any thread. */
void relay_activate(struct relay_activation *activation);
void relay_logged_in(uint64_t id, bool good);
