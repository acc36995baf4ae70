/* SPDX-License-Identifier: Apache-2.0 */
/* Virtual hosts and the modules on them, following the configuration. Worker 0. */
#pragma once

#include "conf/conf.h"
#include "stanzad/module.h"

/*
 * Makes hosts and modules those of conf: starts what is new, reloads what changed, stops what is gone. < 0:
 * nothing has changed and err says why. Streams of a host that is gone are closed with host-gone by the
 * caller.
 */
int hosts_apply(struct conf *conf, struct err *err);
/* The first module that refused its new options in the last hosts_apply, and kept the old ones, and why; empty
 * when none did. */
const char *hosts_refusal(void);
/* What the instances of a host, or of any, registered has changed: builds the tables anew. */
void host_refresh(struct host *host);
void hosts_refresh(void);
/* < 0 with err: what the modules registered for a hook goes round in a circle. */
int hosts_order_check(struct err *err);
/* Stops all modules on all hosts; no stanza may be under way any more. */
void hosts_fini(void);
/* A module on the host that needs that one; NULL. */
const char *host_module_needed_by(const struct host *host, const char *name);
/* Calls each for every virtual host in force. */
void hosts_each(void (*each)(void *arg, struct host *host), void *arg);
