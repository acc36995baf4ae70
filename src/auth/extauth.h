/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authentication programs (auth_method: external). Hosts with the same extauth_pool_name share a pool of
 * processes, extauth_pool_size of them; each is asked one question at a time. One that dies, is silent for
 * extauth_timeout or answers nonsense is killed with all that it has started, and replaced after a pause that
 * grows from a tenth of a second to half a minute; the others carry on. What an old process may still say is
 * never read. Standard error goes to the log.
 *
 * A pool has threads of its own, one for each process, on which auth.c runs what may wait for the program; so
 * a slow program holds up those only who depend on it. Blocking calls from the executor take at most half of
 * its threads.
 */
#pragma once

#include "auth/extauth_frame.h"
#include "loop/executor.h"

struct conf;

/*
 * Worker 0, once the snapshot is in force: starts the pools that are new or have changed, ends those that are
 * no longer wanted when they have finished what they have. Failures are logged: the host's users cannot log
 * in then.
 */
void extauth_apply(const struct conf *conf);
/* After the loops have ended, or when they never ran: what waits fails at once, all processes are ended and
 * reaped. */
void extauth_fini(void);

/*
 * On a worker: runs the job on a thread of the host's pool. < 0 when there is none or too many wait: then
 * nothing has happened to the job, and err says why.
 */
int extauth_submit(struct str host, struct job *job, struct err *err);
/*
 * Blocks, never on a worker: 1 yes, 0 no, < 0 no answer, and err says why. A process must be free by
 * deadline_ms (clock_mono_ms), the answer takes extauth_timeout at most.
 */
int extauth_ask(const struct extauth_question *question, uint64_t deadline_ms, struct err *err);
