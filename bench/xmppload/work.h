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
 * loop (a fixed schedule, whatever the server does). An operation is one delivered message; with stream
 * management one that its sender has an <a/> for, too. Latency counts from when the message was queued, in the
 * open loop from when the schedule wanted it.
 */
int work_chat(struct load *load);
int work_open(struct load *load);

/*
 * Users fetch pages of their archives (XEP-0313, RSM), one at a time each; an operation is one page, all of
 * its messages there. A page that has fewer is an error.
 */
int work_page(struct load *load);

/*
 * Users log in with stream management and initial presence. When all are there it prints "ready" on stdout and
 * waits for a line on stdin with the process of a server that was just started in place of the first. From
 * then on it measures, until all users are back: with their streams resumed (result.resumed), or with new ones
 * where the server refuses. Latency counts from that line too; no user tries before the server listens.
 */
int work_resume(struct load *load);

/*
 * Users enter one room (XEP-0045); the first makes it and configures it, then come the others. Some of them write
 * to it: a closed loop with a window per sender, where a message leaves the window when the last occupant has it,
 * the sender among them. An operation is one delivered copy. Latency counts from when the message was queued.
 */
int work_room(struct load *load);

/*
 * Users enter one room, several at a time; when all are there some messages go from one occupant to all, one
 * after the other; then the rest of the users enter one by one. A join is complete with the occupant's own
 * presence and the subject after it. CPU time is read when the server's presence traffic has ceased. Measures
 * result.crowd; when patience ends sets result.given_up and leaves the rest at 0.
 */
int work_crowd(struct load *load);
