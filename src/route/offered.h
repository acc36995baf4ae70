/* SPDX-License-Identifier: Apache-2.0 */
/* The modules that can be used, and what they share over all hosts: commands, slots. Worker 0. */
#pragma once

#include "conf/conf.h"
#include "stanzad/module.h"

/* Those that are there at the start, NULL-terminated; before the first hosts_apply. */
void modules_offer(const struct module *const *modules);
void modules_offer_end(void);
/*
 * One that comes while the server runs; its abi and size are checked. It must stay where it is until
 * offered_remove. There may be another version of the same name, from another file.
 */
void offered_add(const struct module *module);
/* < 0 with err: it runs on a host, is still stopping there, or a command of it is being run. */
int offered_remove(const struct module *module, struct err *err);
/* By name, but not from a file; NULL. */
const struct module *module_named(const char *name);
/* The one that this configuration is for; NULL: it is only known by name. */
const struct module *module_configured(const struct conf_module *options);

/*
 * An instance starts: a module's commands are there as long as one of it runs on any host; of two versions those
 * of the one that came last. < 0: a command's name is taken. It leaves, and then has stopped; module_is_called: it
 * was the last, and a command is still being run.
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
