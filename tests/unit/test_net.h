/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of src/net share: a worker on this thread, an owner that records what happens to it, socket
 * pairs. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "loop/worker.h"
#include "net/conn.h"
#include "tap.h"

struct owner {
	struct conn *conn; /* NULL once it is gone */
	int peer;          /* the other end, in non-blocking mode */
	struct strbuf got;
	size_t
	    use; /* received uses at most that many bytes of a call, and pauses when there are more; 0: all */
	unsigned received, secured, ended, drained, gone, moved;
	char reason[160];
	void (*on_received)(struct owner *owner, struct str bytes);
	void (*on_secured)(struct owner *owner);
};

static inline size_t owner_received(void *arg, const char *bytes, size_t len)
{
	struct owner *owner = arg;
	size_t used = owner->use && owner->use < len ? owner->use : len;

	owner->received++;
	strbuf_add(&owner->got, bytes, used);
	if (used < len)
		conn_pause(owner->conn);
	if (owner->on_received)
		owner->on_received(owner, (struct str){bytes, used});
	return used;
}

static inline void owner_secured(void *arg)
{
	struct owner *owner = arg;

	owner->secured++;
	if (owner->on_secured)
		owner->on_secured(owner);
}

static inline void owner_ended(void *arg)
{
	((struct owner *)arg)->ended++;
}

static inline void owner_drained(void *arg)
{
	((struct owner *)arg)->drained++;
}

static inline void owner_gone(void *arg, const char *reason)
{
	struct owner *owner = arg;

	owner->gone++;
	owner->conn = NULL;
	snprintf(owner->reason, sizeof(owner->reason), "%s", reason);
}

static const struct conn_ops owner_ops = {
    owner_received, owner_secured, owner_ended, owner_drained, .gone = owner_gone};

static inline void owner_open(struct owner *owner)
{
	int pair[2];

	*owner = (struct owner){0};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	owner->peer = pair[1];
	owner->conn = conn_new(pair[0], NULL);
	conn_set_owner(owner->conn, &owner_ops, owner);
}

static inline bool in_time(void)
{
	static time_t deadline;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!deadline)
		deadline = now.tv_sec + 120; /* for the whole program, also under valgrind */
	return now.tv_sec < deadline;
}

/* Turns the loop until the condition holds; false when it never does. */
#define turn_until(condition)                                                                                \
	({                                                                                                   \
		bool held_;                                                                                  \
		while (!(held_ = (condition)) && in_time()) {                                                \
			worker_turn();                                                                       \
			sched_yield();                                                                       \
		}                                                                                            \
		held_;                                                                                       \
	})

/* Enough turns for whatever is going to happen without anybody's doing. */
static inline void turn_idle(void)
{
	for (int i = 0; i < 10; i++)
		worker_turn();
}

static inline void owner_close(struct owner *owner)
{
	if (owner->conn)
		conn_abort(owner->conn, "end of test");
	turn_until(owner->gone);
	if (owner->peer >= 0)
		close(owner->peer);
	strbuf_fini(&owner->got);
}

/* Reads what has arrived at the other end; 0 at its end, -1 when there is nothing. */
static inline ssize_t peer_read(int fd, struct strbuf *into)
{
	char *room = strbuf_reserve(into, 65536);
	ssize_t n = recv(fd, room, 65536, MSG_DONTWAIT);

	if (n > 0)
		into->len += (size_t)n;
	return n;
}

static inline void start_worker(void)
{
	struct err err;

	if (workers_init(1, &err) < 0)
		abort();
}

static inline void stop_worker(void)
{
	workers_fini();
	conn_pools_fini();
}
