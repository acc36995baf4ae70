/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual hosts and the modules on them, following the configuration. Worker 0. */
#pragma once

#include "conf/conf.h"
#include "stanzad/module.h"

/* The modules that can be used, NULL-terminated; before the first hosts_apply. */
void modules_offer(const struct module *const *modules);
/* By name; NULL. */
const struct module *module_named(const char *name);

/*
 * Makes hosts and modules those of conf: starts what is new, reloads what changed, stops what is gone. < 0:
 * nothing has changed and err says why. Streams of a host that is gone are closed with host-gone by the
 * caller.
 */
int hosts_apply(struct conf *conf, struct err *err);
/* Stops all modules on all hosts; no stanza may be under way any more. */
void hosts_fini(void);
/* Calls each for every virtual host in force. */
void hosts_each(void (*each)(void *arg, struct host *host), void *arg);

/* The place of a module's state in a user's or session's slots; -1 when it has none. */
int module_user_slot(const struct module *module);
int module_session_slot(const struct module *module);
unsigned modules_user_slots(void);
unsigned modules_session_slots(void);
