/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work of a module that has to be done elsewhere. Until it is done the instance stays: a module that leaves
 * its host is stopped (.stop) only then, so what .leave cannot cut short should end by itself.
 */
#pragma once

#include "stanzad/str.h"

struct module_instance;

typedef void module_work(struct module_instance *instance, void *arg);

/*
 * Calls fn(instance, arg) on the worker that is the home of a bare JID (prepared: jid_bare), or on worker 0
 * when bare is empty: once, never from inside this call, and in order for one thread and one JID. Any thread,
 * from .start on, but not in .stop or later.
 */
void module_post(struct module_instance *instance, struct str bare, module_work *fn, void *arg);

/*
 * Calls fn(instance, arg) on every worker, on one after the other, and then done(instance, arg) on the calling worker:
 * each once, never from inside this call. All workers see the calls of one worker in the same order. done may be NULL.
 * On a worker.
 */
void module_post_workers(struct module_instance *instance, module_work *fn, module_work *done, void *arg);

/* Until the same number of module_release the instance stays, as for work: for a storage operation that needs what is
 * the instance's. From .start on, but not in .stop or later. Any thread. */
void module_hold(struct module_instance *instance);
/* The instance may be gone afterwards. */
void module_release(struct module_instance *instance);

/*
 * Calls run(instance, arg) on a thread of the executor, where it may block (files, scripts, store_call), and
 * then done(instance, arg) back on the calling worker: each once, never from inside this call. When the
 * server has ended so far that there is no executor any more, both are called at once. done may be NULL. On a
 * worker. The jobs of an instance start in order and run side by side, but leave one thread of the executor
 * to others.
 */
void module_run(struct module_instance *instance, module_work *run, module_work *done, void *arg);
