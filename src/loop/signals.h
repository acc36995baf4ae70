/* SPDX-License-Identifier: Apache-2.0 */
/* Signals, as calls on worker 0. */
#pragma once

/* handler(signum) runs on worker 0's loop. Call between workers_init and workers_run. */
void signals_watch(int signum, void (*handler)(int signum));
