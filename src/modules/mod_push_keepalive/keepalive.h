/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of phones that are away, and phones that are woken: see mod_push_keepalive.md. */
#pragma once

#include "stanzad/module.h"

extern const struct module mod_push_keepalive;

/* Wakes all clients with push notifications, some at a time, if the option says so. */
enum hook_verdict keepalive_on_started(struct module_instance *instance, struct hook_host *event);
/* The struct module's .stop. */
void keepalive_on_stop(struct module_instance *instance);
