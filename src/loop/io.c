/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/io.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "base/mem.h"
#include "loop/internal.h"

/* Told in one turn. What a message was made of is touched again when the turn's output is flushed: with more of
 * them it would have left the processor's caches by then. */
#define EVENTS_MAX 64

struct io {
	void (*ready)(void *arg, unsigned events); /* NULL: freed */
	void *arg;
	struct io *next_freed;
	int fd;
	uint8_t wanted, armed; /* by the owner; by the kernel, 0: it does not watch */
};

static void arm(struct io *io, unsigned events)
{
	struct epoll_event event = {.data.ptr = io};
	int op = !events ? EPOLL_CTL_DEL : io->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	if (events & IO_READ)
		event.events |= EPOLLIN;
	if (events & IO_WRITE)
		event.events |= EPOLLOUT;
	if (epoll_ctl(worker_self()->poller, op, io->fd, &event) < 0)
		abort();
	io->armed = (uint8_t)events;
}

static void io_event(struct io *io, uint32_t events)
{
	unsigned ready = io->wanted;
	if (!io->ready)
		return;
	if (events & EPOLLERR)
		arm(io, 0); /* or it would be told for ever */
	else if (io->armed != io->wanted)
		arm(io, io->wanted);
	if (!(events & (EPOLLERR | EPOLLHUP)))
		ready &= (events & EPOLLIN ? IO_READ : 0u) | (events & EPOLLOUT ? IO_WRITE : 0u);
	if (ready)
		io->ready(io->arg, events & EPOLLERR ? IO_READ | IO_WRITE : ready);
}

void io_poll(struct worker *worker, int ms)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(worker->poller, events, EVENTS_MAX, ms);
	__atomic_store_n(&worker->sleeping, false, __ATOMIC_SEQ_CST);
	for (int i = 0; i < count; i++)
		if (events[i].data.ptr)
			io_event(events[i].data.ptr, events[i].events);
	io_reap(worker);
}

void io_reap(struct worker *worker)
{
	while (worker->freed) {
		struct io *io = worker->freed;
		worker->freed = io->next_freed;
		free(io);
	}
}

struct io *io_new(int fd, void (*ready)(void *arg, unsigned events), void *arg)
{
	struct io *io = mem_zalloc(sizeof(*io));
	io->ready = ready;
	io->arg = arg;
	io->fd = fd;
	return io;
}

void io_want(struct io *io, unsigned events)
{
	io->wanted = (uint8_t)events;
	/* Watching less costs a system call and is usually taken back: it waits until an unwanted event comes.
	 */
	if (events & ~(unsigned)io->armed)
		arm(io, events);
}

void io_free(struct io **io_ptr)
{
	struct io *io = *io_ptr;
	*io_ptr = NULL;
	if (!io)
		return;
	if (io->armed)
		arm(io, 0);
	io->ready = NULL;
	io->next_freed = worker_self()->freed;
	worker_self()->freed = io;
}
