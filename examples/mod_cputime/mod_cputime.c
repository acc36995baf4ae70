/* SPDX-License-Identifier: Apache-2.0 */
/* Tells how much CPU time the server has used: the first example of ejabberd's developers guide. */
#include <stanzad/module.h>
#include <time.h>

#define NS_CPUTIME "ejabberd:cputime"

static enum iq_verdict on_cputime(struct iq *iq)
{
	if (iq->type == IQ_SET)
		return iq_refuse(iq, SE_not_allowed, NULL);
	struct strbuf seconds = {0};
	unsigned long long ms = (unsigned long long)clock() / (CLOCKS_PER_SEC / 1000);
	strbuf_printf(&seconds, "%llu.%03llu", ms / 1000, ms % 1000);
	xml_open(iq->reply, "query", NS_CPUTIME);
	xml_put_element(iq->reply, "cputime", NULL, strbuf_view(&seconds));
	xml_close(iq->reply);
	strbuf_fini(&seconds);
	return IQ_ANSWER;
}

/* The words of the option stand in the order of enum iq_discipline. */
static int answer_as_told(struct module_instance *instance, struct err *err)
{
	struct module_iq iq = {
	    .ns = NS_CPUTIME,
	    .component = IQ_LOCAL,
	    .handler = on_cputime,
	    .discipline = (enum iq_discipline)module_option(instance, "iqdisc")->integer,
	    .announce = true,
	};
	return module_add_iq(instance, &iq, err);
}

static int on_reload(struct module_instance *instance, struct err *err)
{
	if (module_remove_iq(instance, IQ_LOCAL, NS_CPUTIME, err) < 0)
		return -1;
	return answer_as_told(instance, err);
}

static const struct option options[] = {
    {.name = "iqdisc",
	.type = OPTION_ENUM,
	.def = "no_queue",
	.doc = "Where requests are answered: at once, one after the other on a thread, or many at once.",
	.values = "no_queue|one_queue|parallel"},
    {.name = NULL},
};

const struct module mod_cputime = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_cputime",
    .doc = "Tells how much CPU time the server has used.",
    .options = options,
    .start = answer_as_told,
    .reload = on_reload,
};
