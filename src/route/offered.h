/* SPDX-License-Identifier: Apache-2.0 */
/* The modules that can be used, and what they share over all hosts: commands, slots. Worker 0. */
#pragma once

#include "conf/conf.h"
#include "stanzad/module.h"

/* The built-in modules, NULL-terminated; before the first hosts_apply. */
void modules_offer(const struct module *const *modules);
void modules_offer_end(void);
/* One from a file, while the file is open; another version of the same name may be there already. < 0: there
 * is no slot left for it. */
int module_offer(const struct module *module, struct err *err);
void module_withdraw(const struct module *module);
/* The module that this configuration is for; NULL: it is only known by name. */
const struct module *module_configured(const struct conf_module *options);

/* An instance more, or one less: a module's commands are there as long as it runs on any host; those of its
 * newest version, when there are two. < 0: a command's name is taken. */
int module_use(const struct module *module, struct err *err);
void module_unuse(const struct module *module);

/* The place of a module's state in a user's or session's slots; -1 when it has none. */
int module_user_slot(const struct module *module);
int module_session_slot(const struct module *module);
unsigned modules_user_slots(void);
unsigned modules_session_slots(void);
