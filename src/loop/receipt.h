/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts from the side of who waits for them: DESIGN 6; stanzad/receipt.h is everyone else's view. */
#pragma once

#include "loop/worker.h"
#include "stanzad/receipt.h"

struct db;
struct err;

/* Embedded in what waits. */
struct receipt {
	struct mail mail;
	struct worker *home;
	int carriers; /* pieces of work that carry it, the starter included; atomic */
	/* Once, on home, when nothing carries it any more; may free it. Also within the last receipt_drop. */
	void (*safe)(struct receipt *receipt);
	/*
	 * On a storage thread, in the transaction of the first write that is done on behalf of the receipt: what
	 * must happen together with it. < 0: the write has failed. NULL: nothing.
	 */
	int (*also)(struct receipt *receipt, struct db *db, struct err *err);
};

/* The receipt of what this thread is doing right now. */
extern _Thread_local struct receipt *receipt_now;

/* Makes it the thread's: ended by receipt_leave. safe and also are set. On a worker. */
void receipt_begin(struct receipt *receipt, struct receipt **before_r);
/* Within a write on its behalf: runs 'also' if there is one and none has run. NULL is allowed. */
int receipt_run_also(struct receipt *receipt, struct db *db, struct err *err);
