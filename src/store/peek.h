/* SPDX-License-Identifier: Apache-2.0 */
/* Reads that are answered from memory, without a way to another thread and back. */
#pragma once

#include "stanzad/store.h"

/*
 * On a worker. Calls run at once, inside a transaction, if what it reads is in memory: the database's own or
 * the kernel's. False when it would have to wait for the disk, for a write of the same key or for anything
 * else, when the database cannot promise not to wait, and when run failed: then it may have run in part, and
 * store_submit or store_call have to be asked. run must be short: nothing else happens on this worker.
 */
bool store_peek(
    struct str key, int (*run)(void *arg, struct db *db, struct err *err), void *arg);
