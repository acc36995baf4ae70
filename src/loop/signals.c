/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/signals.h"

#include <stdlib.h>
#include <uv.h>

#include "base/mem.h"
#include "loop/io.h"

struct watch {
	uv_signal_t signal;
	void (*handler)(int signum);
};

static struct watch watches[8];
static unsigned watch_count;
static uv_loop_t loop;
static struct io *io; /* of the loop's own descriptor */

static void on_signal(uv_signal_t *signal, int signum)
{
	struct watch *watch = signal->data;
	watch->handler(signum);
}

static void on_ready(void *arg, unsigned events)
{
	(void)arg;
	(void)events;
	uv_run(&loop, UV_RUN_NOWAIT);
}

void signals_watch(int signum, void (*handler)(int signum))
{
	if (watch_count == sizeof(watches) / sizeof(watches[0]))
		abort();
	if (!io) {
		if (uv_loop_init(&loop) < 0)
			abort();
		io = io_new(uv_backend_fd(&loop), on_ready, NULL);
		io_want(io, IO_READ);
	}
	struct watch *watch = &watches[watch_count++];
	watch->handler = handler;
	watch->signal.data = watch;
	if (uv_signal_init(&loop, &watch->signal) < 0 ||
	    uv_signal_start(&watch->signal, on_signal, signum) < 0)
		abort();
	uv_run(&loop, UV_RUN_NOWAIT); /* or the loop would not watch what it has just been told to */
}
