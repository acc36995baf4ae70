/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pool of processes of an authentication program; for the files extauth*.c only. Its keeper is a thread
 * that alone starts, ends and reaps the processes and reads their standard error; a caller borrows a process
 * for one question.
 */
#pragma once

#include <pthread.h>

#include "auth/extauth_lines.h"
#include "auth/extauth_process.h"
#include "base/list.h"
#include "loop/lane.h"

/* What makes two pools different. */
struct extauth_settings {
	struct str name;
	struct str program; /* as written */
	unsigned size;
	uint64_t timeout_ms;
};

enum extauth_state {
	EXTAUTH_DOWN,    /* no process; the next one is started when due */
	EXTAUTH_FREE,    /* may be asked */
	EXTAUTH_ASKED,   /* a caller has it */
	EXTAUTH_LEAVING, /* may end by itself until due: its input or output is closed */
	EXTAUTH_TERMED,  /* was told to end, and is killed when due */
	EXTAUTH_KILLED,  /* is dying */
};

#define EXTAUTH_GRACE_MS 200 /* for one that closed its output to end by itself, so that the log can say how */

/* A place for a process. state, and what a caller gives back, under the pool's lock; the rest is the
 * keeper's. */
struct extauth_instance {
	enum extauth_state state;
	struct extauth_process process;
	struct extauth_lines lines;
	uint64_t due;
	unsigned failures; /* in a row, without an answer in between */
	bool wanted_end;   /* it ends because the pool does */
	bool hung_up;      /* seen while it was asked */
	struct err reason; /* why it is ended; empty: of itself */
};

struct extauth_pool {
	struct list link; /* private to extauth.c */
	struct extauth_settings settings;
	struct program program;
	struct lane *lane;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	pthread_t keeper;
	int wake;            /* eventfd: the keeper has something to do */
	int abort;           /* eventfd, readable once everybody must give up */
	unsigned callers;    /* who holds the pool, or waits in it */
	unsigned next;       /* where to look first for a free one */
	bool retired;        /* ends when nobody needs it */
	bool aborted;        /* 'abort' is readable */
	bool ended;          /* the keeper has done its work */
	struct extauth_instance instances[];
};

/* Starts the keeper, which starts the processes. settings are copied. NULL with err set. */
struct extauth_pool *extauth_pool_new(const struct extauth_settings *settings, struct err *err);
/* Asks one of its processes; as extauth_ask. The caller holds the pool. */
int extauth_pool_ask(
    struct extauth_pool *pool, struct str request, uint64_t deadline_ms, struct err *err);
/* It ends when nobody holds it and its lane is empty. abort: those who wait give up. */
void extauth_pool_retire(struct extauth_pool *pool, bool abort);
bool extauth_pool_ended(struct extauth_pool *pool);
/* Waits for the end of a retired pool. */
void extauth_pool_free(struct extauth_pool **pool);
/* Holding keeps it from ending. */
void extauth_pool_hold(struct extauth_pool *pool);
void extauth_pool_release(struct extauth_pool *pool);

/* The keeper's thread: arg is the pool. */
void *extauth_keeper_main(void *arg);
void extauth_keeper_wake(struct extauth_pool *pool);
