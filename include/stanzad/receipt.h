/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receipts: how a stanza is followed until everything that it caused is durable or in somebody's hands, so that
 * it can be acknowledged (XEP-0198). The receipt of what a thread does right now is carried along by the core:
 * by route(), storage operations, module_post, module_run, answers that are owed. A module that keeps something
 * in memory of its own and goes on with it later carries it itself. What is not to be waited for, such as a
 * notification to somebody else, is done with no receipt: receipt_enter(NULL, &before).
 */
#pragma once

struct receipt;

/* Another piece of work carries the present receipt: returns it, to be kept there and given to receipt_enter or
 * receipt_drop once. NULL when nobody waits; that is the usual case and costs nothing. Any thread. */
struct receipt *receipt_carry(void);
/* That piece of work begins: its receipt, which may be NULL, is the thread's until receipt_leave, which drops it
 * and puts the thread's back as it was. Any thread. */
void receipt_enter(struct receipt *carried, struct receipt **before_r);
void receipt_leave(struct receipt *before);
/* That piece of work will not be done, or was done elsewhere. NULLs it; nothing happens with NULL. Any thread. */
void receipt_drop(struct receipt **carried);
