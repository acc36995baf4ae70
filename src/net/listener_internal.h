/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of listeners share: the place to listen at, its socket, and accepting on every worker. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "loop/worker.h"
#include "net/internal.h"
#include "net/listener.h"

/* Where a listener listens. Strings are borrowed. */
struct listener_place {
	struct str ip;    /* "::", "127.0.0.1"; unused for a path */
	unsigned port;    /* 0: any free one */
	const char *path; /* of a Unix socket; NULL: TCP */
	unsigned backlog;
	int mode, owner, group; /* of the path; -1: as it comes */
};

/* A listening socket in non-blocking mode, < 0 with a reason. */
int listener_socket_open(const struct listener_place *place, struct err *err);
/* What of the place can change while it stays open: backlog, mode, owner, group. */
void listener_socket_adjust(int fd, const struct listener_place *place);

struct listener {
	unsigned refs; /* atomic: the table, and each connection */
	int fd;
	char *label;
	char *path; /* removed at the end; NULL: TCP */
	struct listener_place place;
	const struct listener_kind *kind;
	bool wanted;  /* while listeners_apply compares */
	bool started; /* workers accept from it */

	pthread_mutex_t lock; /* for what a reload changes */
	struct conf *conf;    /* the snapshot that conf points into */
	const struct conf_listener *options;
	struct tls_context *tls;  /* direct TLS; NULL: none */
	bool proxy;               /* a PROXY header comes first */
	unsigned accept_interval; /* ms */

	struct acceptor {
		struct listener *listener;
		struct io *io;
		struct timer pause;
	} acceptors[]; /* one a worker, touched by it only */
};

struct listener *listener_ref(struct listener *listener);
void listener_unref(struct listener **listener);
/* Every worker begins to accept, or ends; then the socket is closed. *listener is NULL. */
void listener_start(struct listener *listener);
void listener_stop(struct listener **listener);
