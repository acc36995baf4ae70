/* SPDX-License-Identifier: Apache-2.0 */
/* One module for each BAD_ that the build defines; MODULE is its name, NAME the same in quotes. */
#include "stanzad/module.h"

extern const struct module MODULE;

#ifdef BAD_IQ
static const struct module_iq iqs[] = {{.ns = "urn:test:bad"}, {0}};
#endif
#ifdef BAD_HOOK
static enum hook_verdict on_send(struct module_instance *instance, struct hook_stanza *event)
{
	return HOOK_PASS;
}
static const struct hook_entry hooks[] = {
    {.used = true, .hook = HOOK_user_send, .stage = HOOK_LAST + 1, .fn.user_send = on_send}, {0}};
#endif
#ifdef BAD_ROUTE
static void deliver(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
}
static const struct module_route routes[] = {{"host", deliver}, {0}};
static const struct option options[] = {{"host", OPTION_STRING, "bad", "No domain."}, {0}};
#endif
#ifdef BAD_DEFAULT
static const struct option options[] = {{"number", OPTION_INT, "many", "No number."}, {0}};
#endif
#ifdef BAD_TYPE
static const struct option options[] = {{"what", (enum option_type)77, "x", "No type."}, {0}};
#endif
#ifdef BAD_METRIC
static const struct metric metrics[] = {{"No Name", METRIC_GAUGE, "Not a word."}, {0}};
#endif

const struct module MODULE = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = NAME,
#ifdef BAD_IQ
    .iqs = iqs,
#endif
#ifdef BAD_HOOK
    .hooks = hooks,
#endif
#ifdef BAD_ROUTE
    .options = options,
    .routes = routes,
#endif
#if defined(BAD_DEFAULT) || defined(BAD_TYPE)
    .options = options,
#endif
#ifdef BAD_METRIC
    .metrics = metrics,
#endif
};
