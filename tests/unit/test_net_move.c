/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that move between two running workers, with input and output under way. */
#include <poll.h>
#include <pthread.h>

#include "net/conn.h"
#include "test_net.h"

enum { CONNECTIONS = 8, BYTES = 400 * 1000, MOVE_EVERY = 20 * 1000 };

struct echoer {
	struct conn *conn;
	int peer;
	size_t seen, next_move;
	unsigned moves;
	char reason[64];
};

static struct echoer echoers[CONNECTIONS];
static unsigned open_count;

static void on_moved(void *arg)
{
	struct echoer *echoer = arg;

	echoer->moves++;
}

/* Moves in the middle of what it received, so that unread input comes along. */
static size_t on_received(void *arg, const char *bytes, size_t len)
{
	struct echoer *echoer = arg;
	bool move = echoer->seen + len > echoer->next_move;

	if (move)
		len = echoer->next_move - echoer->seen;
	conn_write(echoer->conn, (struct str){bytes, len});
	echoer->seen += len;
	if (move) {
		echoer->next_move += MOVE_EVERY;
		conn_move(echoer->conn, worker_at(1 - worker_index(worker_self())), on_moved);
	}
	return len;
}

static void on_ended(void *arg)
{
	conn_close(((struct echoer *)arg)->conn, 10000);
}

static void on_gone(void *arg, const char *reason)
{
	struct echoer *echoer = arg;

	snprintf(echoer->reason, sizeof(echoer->reason), "%s", reason);
	if (__atomic_sub_fetch(&open_count, 1, __ATOMIC_ACQ_REL) == 0)
		workers_stop();
}

static const struct conn_ops ops = {.received = on_received, .ended = on_ended, .gone = on_gone};

static unsigned char byte_at(size_t at)
{
	return (unsigned char)(at * 131 + (at >> 9));
}

/* The other end of one connection: sends all, reads all back; true when every byte came in order. */
static void *talk(void *arg)
{
	int fd = (int)(intptr_t)arg;
	size_t sent = 0, back = 0;
	unsigned char bytes[3000];
	bool right = true;

	while (back < BYTES && right) {
		struct pollfd wait = {fd, POLLIN | (sent < BYTES ? POLLOUT : 0), 0};
		if (poll(&wait, 1, 60000) <= 0)
			return NULL;
		size_t part = BYTES - sent < sizeof(bytes) ? BYTES - sent : sizeof(bytes);
		for (size_t i = 0; i < part; i++)
			bytes[i] = byte_at(sent + i);
		ssize_t n = part ? send(fd, bytes, part, MSG_NOSIGNAL) : 0;
		sent += n > 0 ? (size_t)n : 0;
		n = recv(fd, bytes, sizeof(bytes), 0);
		for (ssize_t i = 0; i < n; i++)
			right &= bytes[i] == byte_at(back++);
	}
	shutdown(fd, SHUT_WR);
	return right ? arg : NULL;
}

static void test_move(void)
{
	pthread_t threads[CONNECTIONS];
	struct err err;

	is_int(workers_init(2, &err), 0);
	open_count = CONNECTIONS;
	for (int i = 0; i < CONNECTIONS; i++) {
		int pair[2];
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
			abort();
		echoers[i] = (struct echoer){.peer = pair[1], .next_move = MOVE_EVERY};
		echoers[i].conn = conn_new(pair[0], NULL);
		conn_set_owner(echoers[i].conn, &ops, &echoers[i]);
		pthread_create(&threads[i], NULL, talk, (void *)(intptr_t)pair[1]);
	}
	workers_run();
	for (int i = 0; i < CONNECTIONS; i++) {
		void *right;
		pthread_join(threads[i], &right);
		ok(right != NULL);
		is_int(echoers[i].seen, BYTES);
		is_int(echoers[i].moves, BYTES / MOVE_EVERY - 1);
		is_cstr(echoers[i].reason, "closed");
		close(echoers[i].peer);
	}
	workers_fini();
	conn_pools_fini();
}

int main(void)
{
	run(test_move);
	return tap_done();
}
