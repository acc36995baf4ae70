/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/signals.h"

#include <stdlib.h>

#include "base/mem.h"
#include "loop/internal.h"

struct watch {
	uv_signal_t signal;
	void (*handler)(int signum);
};

static struct watch watches[8];
static unsigned watch_count;

static void on_signal(uv_signal_t *signal, int signum)
{
	struct watch *watch = signal->data;
	watch->handler(signum);
}

void signals_watch(int signum, void (*handler)(int signum))
{
	if (watch_count == sizeof(watches) / sizeof(watches[0]))
		abort();
	struct watch *watch = &watches[watch_count++];
	watch->handler = handler;
	watch->signal.data = watch;
	if (uv_signal_init(&worker_at(0)->loop, &watch->signal) < 0 ||
	    uv_signal_start(&watch->signal, on_signal, signum) < 0)
		abort();
}
