/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One child process with pipes on its standard input, output and error and no other descriptor, in a process
 * group of its own, so that what it starts itself goes with it. One thread at a time, but for
 * extauth_process_ask, which needs 'in' and 'out' alone. SIGPIPE must be ignored.
 */
#pragma once

#include <sys/types.h>

#include "base/program.h"

struct extauth_process {
	pid_t pid;        /* 0: there is none */
	int in, out, err; /* our ends, not blocking; -1: closed */
};

int extauth_process_start(
    struct extauth_process *process_r, const struct program *program, struct err *err);
/* Its input ends: it is asked to go. */
void extauth_process_close_input(struct extauth_process *process);
/* To the process and all of its group. Harmless when it has gone. */
void extauth_process_signal(const struct extauth_process *process, int signum);
/*
 * Has it ended? Then what it left behind in its group is killed, the process is reaped and the pipes but for
 * 'err' are closed; how_r (when not NULL) says how it ended.
 */
bool extauth_process_reap(struct extauth_process *process, struct err *how_r);
/* After extauth_process_reap: closes 'err'. */
void extauth_process_fini(struct extauth_process *process);

enum extauth_exchange {
	EXTAUTH_NO,
	EXTAUTH_YES,
	EXTAUTH_ENDED,  /* it closed its output, or its input */
	EXTAUTH_BROKEN, /* silent, or no answer; what it may say later must never be read as an answer */
	EXTAUTH_GIVEN_UP, /* 'abort' became readable */
};

/* Writes the request and reads the answer; blocks at most timeout_ms. err says why when it is no answer. */
enum extauth_exchange extauth_process_ask(const struct extauth_process *process, struct str request,
    uint64_t timeout_ms, int abort, struct err *err);
/* Nothing was asked, and it has written something or has closed its output. */
bool extauth_process_spoke(const struct extauth_process *process);
