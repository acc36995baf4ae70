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
/* It is out of all tables and every worker has passed its loop: leaves, and stops when no call is inside. */
void instance_leave(struct module_instance *instance);
/* Stops and frees at once: no call can be inside. */
void instance_stop(struct module_instance *instance);

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
