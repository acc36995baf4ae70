/* SPDX-License-Identifier: Apache-2.0 */
/* The modules that can be used, and what they share over all hosts: commands, slots. Worker 0. */
#pragma once

#include "stanzad/module.h"

/* Those that are there at the start, NULL-terminated; before the first hosts_apply. */
void modules_offer(const struct module *const *modules);
void modules_offer_end(void);
/*
 * One that comes while the server runs; its abi and size are checked. It must stay where it is until
 * offered_remove. < 0 with err: there is one of that name.
 */
int offered_add(const struct module *module, struct err *err);
/* < 0 with err: it runs on a host, is still stopping there, or a command of it is being run. */
int offered_remove(const struct module *module, struct err *err);
/* By name; NULL. */
const struct module *module_named(const char *name);

/*
 * An instance starts: a module's commands are there as long as one of it runs on any host. < 0: a command's name
 * is taken. It leaves, and then has stopped; module_is_called: it was the last, and a command is still being run.
 */
int module_use(const struct module *module, struct err *err);
void module_leave(const struct module *module);
bool module_is_called(const struct module *module);
void module_unuse(const struct module *module);

/* The place of a module's state in a user's or session's own slots; -1 when it has none there: it asked for
 * none, or came after the start (route/slots.h). Any thread. */
int module_user_slot(const struct module *module);
int module_session_slot(const struct module *module);
unsigned modules_user_slots(void);
unsigned modules_session_slots(void);
