/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/access.h"

#include "conf/access.h"
#include "stanzad/module.h"

bool module_allows(
    const struct module_instance *instance, const char *option, const struct access_subject *subject)
{
	const struct option_value *value = module_option(instance, option);
	return value->access &&
	       access_allowed(conf_current(), host_name(module_host(instance)), value->access, subject);
}

int64_t module_number(const struct module_instance *instance, const char *option,
    const struct access_subject *subject, int64_t fallback)
{
	return access_number(conf_current(), host_name(module_host(instance)), module_option(instance, option),
	    subject, fallback);
}

const struct option_value *host_option(const struct host *host, const char *name)
{
	return conf_get(conf_current(), host_name(host), name);
}
