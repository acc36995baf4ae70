/* SPDX-License-Identifier: Apache-2.0 */
/* One module on one host, from start to stop. Worker 0. */
#pragma once

#include "route/host_private.h"

/* Registers the rows of the module and calls its start. NULL with err: nothing of it is left. */
struct module_instance *instance_start(const struct module *module, struct host *host,
    const struct conf_module *options, struct conf *conf, struct err *err);
/* Gives it other options; < 0 with err: the module refused them and keeps the old ones. *conf_r: the snapshot
 * that it no longer needs once every worker has passed its loop. */
int instance_reload(struct module_instance *instance, const struct conf_module *options, struct conf *conf,
    struct conf **conf_r, struct err *err);
/* It is out of all tables, and every worker has passed its loop and ended the timers: leaves, and stops when no
 * call is inside. */
void instance_leave(struct module_instance *instance);
/* It never was in any table: stops at once, or when nothing that its .start began is left. */
void instance_discard(struct module_instance *instance);
/* Stops and frees at once: no call can be inside. */
void instance_stop(struct module_instance *instance);
/* Stops those that are leaving; after workers_fini. */
void instances_fini(void);
/* Those that have left and wait. */
void instances_each_left(void (*each)(void *arg, const struct module_instance *instance), void *arg);
/* How many calls are inside, answers that it owes included. */
unsigned instance_calls(const struct module_instance *instance);

/* Told once when an instance has stopped. */
struct instance_watcher {
	struct module_instance *instance; /* NULL: it has */
	void (*stopped)(struct instance_watcher *watcher);
};
/* One watcher for an instance. */
void instance_watch(struct module_instance *instance, struct instance_watcher *watcher);
/* Harmless when it was told already. */
void instance_unwatch(struct instance_watcher *watcher);

/* The rows of its module: IQ handlers and hooks. */
int instance_register(struct module_instance *instance, struct err *err);
/* Frees all that it registered. */
void instance_unregister(struct module_instance *instance);

/* The domains that the rows of its module name under these options, one after the other; NULL: all seen.
 * Start with *position = 0. */
const struct str *instance_next_domain(const struct module *module, const struct conf_module *options,
    size_t *position, module_deliver **deliver_r);
/* Serves what its options name now, in two steps, so that a domain can pass from one to another. */
void instance_routes_drop(struct module_instance *instance);
void instance_routes_take(struct module_instance *instance);
/* Serves no domain any more. */
void instance_routes_end(struct module_instance *instance);
/* The instance behind a local route; NULL: it is not a module's. */
struct module_instance *instance_of_route(const struct local_route *local);
