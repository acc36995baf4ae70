/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the administrator's rules: acl, access_rules, shaper_rules, and the options of the server. On a worker, in
 * an IQ handler, or in work of module_run; of the configuration that is in force.
 */
#pragma once

#include <sys/socket.h>

#include "stanzad/jid.h"
#include "stanzad/option.h"

struct host;
struct module_instance;

/* Who asks. Either may be missing: a rule that needs what is missing does not match. */
struct access_subject {
	const struct jid *jid;
	const struct sockaddr *address;
};

/* By an option of the module of type OPTION_ACCESS. First match wins; when nothing matches, or the option is
 * absent, access is denied. */
bool module_allows(
    const struct module_instance *instance, const char *option, const struct access_subject *subject);
/* By an option of the module of type OPTION_SHAPER that stands for a number: the number, OPTION_INFINITE, or fallback
 * when the rule is missing or nothing in it matches. */
int64_t module_number(const struct module_instance *instance, const char *option,
    const struct access_subject *subject, int64_t fallback);
/* A top-level option as it counts for the host. Never NULL; there must be one of that name. Valid until the calling
 * worker returns to its loop, or the handler or work returns. */
const struct option_value *host_option(const struct host *host, const char *name);
