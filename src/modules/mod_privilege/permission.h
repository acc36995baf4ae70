/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What components may do: the options of mod_privilege, asked anew each time, so that rules count at once. domain is a
 * component's; nobody has a permission who is not one and connected. On a worker.
 */
#pragma once

#include "stanzad/module.h"

enum permission {
	MAY_NOTHING = 0,
	MAY_GET = 1,
	MAY_SET = 2,
	MAY_BOTH = 3,
};

/* < 0 with err: an option names what there is not. */
int permission_check(struct module_instance *instance, struct err *err);

/* XEP-0356 4.1, 6.1. */
enum permission permission_roster(const struct module_instance *instance, struct str domain);
enum permission permission_iq(const struct module_instance *instance, struct str domain, struct str ns);
/* 5.1 */
bool permission_message(const struct module_instance *instance, struct str domain);
/* 7.1, 7.4: the second implies the first, and needs to be able to read rosters. */
bool permission_presence(const struct module_instance *instance, struct str domain);
bool permission_roster_presence(const struct module_instance *instance, struct str domain);
/* Whether any component could have one. */
bool permission_presence_is_given(const struct module_instance *instance);
bool permission_roster_is_given(const struct module_instance *instance);

/* <privilege/> with all that a component may do (4.2, 5.2, 6.2, 7.2); false: nothing. */
bool permission_put(
    struct xml_writer *writer, const char *ns, const struct module_instance *instance, struct str domain);
