/* SPDX-License-Identifier: Apache-2.0 */
/* Returns to its sender whatever is sent to it: the second example of ejabberd's developers guide. */
#include <stanzad/module.h>

#define NS_ECHO "urn:stanzad:echo"
#define MARK "<echo xmlns='" NS_ECHO "'/>"

enum { ECHOED };

static bool is_marked(const struct stanza *stanza)
{
	return xml_child(stanza->root, "echo", NS_ECHO) || str_ends(stanza->tail, MARK);
}

/* Errors and results are answers, and an answer wants no answer (RFC 6120 8.1.3). */
static bool may_return(const struct stanza *stanza)
{
	return stanza->type != STANZA_ERROR && stanza->type != IQ_RESULT &&
	       stanza->type != STANZA_TYPE_INVALID && !is_marked(stanza);
}

/* Whoever is not a user of ours may be an echo as well: two of them would never end. So it gets a mark. */
static bool may_be_an_echo(const struct jid *jid)
{
	return jid_local(jid).len == 0 || !host_find(jid_domain(jid));
}

static void on_stanza(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (!may_return(stanza))
		return;
	struct stanza *answer =
	    may_be_an_echo(from) ? stanza_with_tail(stanza, STR(MARK)) : stanza_ref(stanza);
	metric_add(instance, ECHOED, 1);
	route(to, from, answer);
	stanza_unref(&answer);
}

static const struct option options[] = {
    {.name = "host", .type = OPTION_DOMAIN, .def = "echo.@HOST@", .doc = "The domain of the service."},
    {.name = NULL},
};

static const struct module_route routes[] = {
    {.option = "host", .deliver = on_stanza},
    {.option = NULL},
};

static const struct metric metrics[] = {
    [ECHOED] = {.name = "echoed_stanzas",
	.kind = METRIC_COUNTER,
	.doc = "Stanzas that were returned to their senders."},
    {.name = NULL},
};

const struct module mod_echo = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_echo",
    .doc = "Returns to its sender whatever is sent to it.",
    .options = options,
    .routes = routes,
    .metrics = metrics,
    .reload = module_reload_nothing,
};
