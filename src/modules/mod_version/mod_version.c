/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/utsname.h>

#include "base/version.h"
#include "stanzad/module.h"

/* XEP-0092. */
static enum iq_verdict on_version(struct iq *iq)
{
	if (iq->type == IQ_SET)
		return iq_refuse(iq, SE_not_allowed, NULL);
	struct utsname os;
	xml_open(iq->reply, "query", "jabber:iq:version");
	xml_put_element(iq->reply, "name", NULL, STR("stanzad"));
	xml_put_element(iq->reply, "version", NULL, STR(STANZAD_VERSION));
	if (module_option(iq->instance, "show_os")->boolean && uname(&os) == 0)
		xml_put_element(iq->reply, "os", NULL, str_of(os.sysname));
	xml_close(iq->reply);
	return IQ_ANSWER;
}

static const struct option options[] = {
    {"show_os", OPTION_BOOL, "true", "Tell which operating system the server runs on."},
    {0},
};

static const struct module_iq iqs[] = {
    {.ns = "jabber:iq:version", .component = IQ_LOCAL, .handler = on_version, .announce = true},
    {0},
};

const struct module mod_version = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_version",
    .doc = "Tells name and version of the server (XEP-0092).",
    .options = options,
    .iqs = iqs,
};
