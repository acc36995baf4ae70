/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/io.h"

#include <stdlib.h>

#include "base/mem.h"
#include "loop/internal.h"

struct io {
	uv_poll_t poll;
	void (*ready)(void *arg, unsigned events);
	void *arg;
	unsigned wanted;
	unsigned armed; /* what the loop watches: at least what is wanted */
};

_Static_assert(IO_READ == (int)UV_READABLE && IO_WRITE == (int)UV_WRITABLE, "events are passed through");

static void on_poll(uv_poll_t *poll, int status, int events);

static void arm(struct io *io)
{
	io->armed = io->wanted;
	if (io->armed)
		uv_poll_start(&io->poll, (int)io->armed, on_poll);
	else
		uv_poll_stop(&io->poll);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct io *io = poll->data;
	unsigned ready = status < 0 ? io->wanted : (unsigned)events & io->wanted;
	if (status < 0)
		io->armed = 0; /* the loop has stopped watching */
	else if (io->armed != io->wanted)
		arm(io);
	if (ready)
		io->ready(io->arg, status < 0 ? IO_READ | IO_WRITE : ready);
}

struct io *io_new(int fd, void (*ready)(void *arg, unsigned events), void *arg)
{
	struct io *io = mem_zalloc(sizeof(*io));
	io->ready = ready;
	io->arg = arg;
	io->poll.data = io;
	if (uv_poll_init(&worker_self()->loop, &io->poll, fd) < 0)
		abort();
	return io;
}

void io_want(struct io *io, unsigned events)
{
	io->wanted = events;
	/* Watching less costs system calls and is usually taken back: it waits until an unwanted event comes.
	 */
	if (events & ~io->armed)
		arm(io);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void io_free(struct io **io)
{
	if (!*io)
		return;
	uv_close((uv_handle_t *)&(*io)->poll, on_closed);
	*io = NULL;
}
