/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "load.h"

/*
 * The works. Each takes a load from load_init(), runs to its end and leaves what it measured in load->result.
 * Returns 0, or < 0 if clients failed (told on stderr) so that the numbers mean nothing.
 */

/* How many clients the work needs. */
unsigned work_clients(const struct options *options);

/* Users log in (to the bound resource) and leave, over and over; an operation is one log-in and its leave. */
int work_login(struct load *load);

/* Some users log in with initial presence, then the others; memory is what the others added. */
int work_idle(struct load *load);

/*
 * Users, with initial presence, write to their partner's full JID: closed loop (a window per client) or open
 * loop (a fixed schedule, whatever the server does). An operation is one delivered message. Latency counts
 * from when the message was queued, in the open loop from when the schedule wanted it.
 */
int work_chat(struct load *load);
int work_open(struct load *load);
