/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/io.h"

#include <sys/socket.h>
#include <unistd.h>

#include "loop/worker.h"
#include "tap.h"

struct end {
	struct io *io;
	int fd, peer;
	unsigned calls, events;
	bool free_when_ready;
};

static void on_ready(void *arg, unsigned events)
{
	struct end *end = arg;

	end->calls++;
	end->events |= events;
	if (end->free_when_ready)
		io_free(&end->io);
}

static void end_open(struct end *end)
{
	int pair[2];
	struct err err;

	if (workers_init(1, &err) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	*end = (struct end){.fd = pair[0], .peer = pair[1]};
	end->io = io_new(end->fd, on_ready, end);
}

static void end_close(struct end *end)
{
	io_free(&end->io);
	close(end->fd);
	if (end->peer >= 0)
		close(end->peer);
	workers_fini();
}

/* How many calls a few turns bring. */
static unsigned turns(struct end *end)
{
	unsigned before = end->calls;

	end->events = 0;
	for (int i = 0; i < 5; i++)
		worker_turn();
	return end->calls - before;
}

static void test_wanted_events_only(void)
{
	struct end end;

	end_open(&end);
	is_int(turns(&end), 0);
	io_want(end.io, IO_READ);
	is_int(turns(&end), 0);
	ok(write(end.peer, "x", 1) == 1);
	ok(turns(&end) > 0);
	is_int(end.events, IO_READ);
	io_want(end.io, IO_WRITE);
	ok(turns(&end) > 0);
	is_int(end.events, IO_WRITE);
	io_want(end.io, 0);
	is_int(turns(&end), 0);
	io_want(end.io, IO_READ | IO_WRITE);
	ok(turns(&end) > 0);
	is_int(end.events, IO_READ | IO_WRITE);
	end_close(&end);
}

/* Readiness is a state, not an edge: what was not read is told again, also after a time of no interest. */
static void test_level(void)
{
	struct end end;

	end_open(&end);
	ok(write(end.peer, "x", 1) == 1);
	io_want(end.io, IO_READ);
	is_int(turns(&end), 5);
	io_want(end.io, 0);
	is_int(turns(&end), 0);
	io_want(end.io, IO_READ);
	is_int(turns(&end), 5);
	end_close(&end);
}

static void test_peer_gone(void)
{
	struct end end;

	end_open(&end);
	io_want(end.io, IO_READ);
	close(end.peer);
	end.peer = -1;
	ok(turns(&end) > 0);
	ok(end.events & IO_READ);
	io_want(end.io, 0);
	is_int(turns(&end), 0);
	end_close(&end);
}

static void test_freed_when_ready(void)
{
	struct end end;

	end_open(&end);
	end.free_when_ready = true;
	io_want(end.io, IO_READ | IO_WRITE);
	is_int(turns(&end), 1);
	ok(!end.io);
	io_free(&end.io);
	end_close(&end);
}

int main(void)
{
	run(test_wanted_events_only);
	run(test_level);
	run(test_peer_gone);
	run(test_freed_when_ready);
	return tap_done();
}
