/* SPDX-License-Identifier: Apache-2.0 */
/* A module with something of everything. EDITION is set by the build. */
#include <stdlib.h>

#include "stanzad/module.h"

extern const struct module mod_good;

#ifndef EDITION
#define EDITION "1"
#endif

enum { METRIC_ANSWERS };

/* --- IQs ------------------------------------------------------------------------------------------------ */

static enum iq_verdict answer(struct iq *iq)
{
	struct str greeting = module_option(iq->instance, "greeting")->string;

	if (iq->type == IQ_SET)
		return iq_refuse(iq, SE_not_allowed, NULL);
	metric_add(iq->instance, METRIC_ANSWERS, 1);
	xml_open(iq->reply, "good", "urn:test:good");
	xml_put_attr(iq->reply, "edition", STR(EDITION));
	xml_put_attr(iq->reply, "greeting", greeting);
	xml_put_attr(iq->reply, "host", host_name(iq->host));
	xml_close(iq->reply);
	return IQ_ANSWER;
}

static const struct module_iq iqs[] = {
    {.ns = "urn:test:good", .component = IQ_LOCAL, .handler = answer, .announce = true},
    {.ns = "urn:test:good:queue", .component = IQ_LOCAL, .handler = answer, .discipline = IQ_ONE_QUEUE},
    {.ns = "urn:test:good:parallel", .component = IQ_LOCAL, .handler = answer, .discipline = IQ_PARALLEL},
    {.ns = "urn:test:good", .component = IQ_SM, .handler = answer},
    {0},
};

/* --- hooks ---------------------------------------------------------------------------------------------- */

/* A word on the heap for each user and each session: what is not given back is a leak. */
static enum hook_verdict on_user_loaded(struct module_instance *instance, struct hook_user_loaded *event)
{
	user_set_slot(event->user, module_of(instance), calloc(1, 64));
	return HOOK_PASS;
}

static enum hook_verdict on_user_unload(struct module_instance *instance, struct hook_user *event)
{
	free(user_slot(event->user, module_of(instance)));
	user_set_slot(event->user, module_of(instance), NULL);
	return HOOK_PASS;
}

/* Marks messages on their way out. */
static enum hook_verdict on_user_send(struct module_instance *instance, struct hook_stanza *event)
{
	struct stanza *marked;

	if (event->stanza->kind != STANZA_MESSAGE)
		return HOOK_PASS;
	marked = stanza_with_tail(event->stanza, STR("<good xmlns='urn:test:good'/>"));
	stanza_unref(&event->stanza);
	event->stanza = marked;
	return HOOK_PASS;
}

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(user_loaded, on_user_loaded, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_unload, on_user_unload, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_send, on_user_send, HOOK_NORMAL, NULL),
    {0},
};

/* --- a service, a command ------------------------------------------------------------------------------- */

static void echo(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	route(to, from, stanza);
}

static const struct module_route routes[] = {{"host", echo}, {0}};

static enum command_outcome run_edition(struct command_call *call)
{
	call->result = json_string(EDITION);
	return COMMAND_OK;
}

static const struct command commands[] = {
    {.name = "good_edition",
	.tag = "test",
	.doc = "Says which edition of mod_good answers.",
	.result = COMMAND_VALUE,
	.run = run_edition},
    {0},
};

/* --- life ----------------------------------------------------------------------------------------------- */

static int start(struct module_instance *instance, struct err *err)
{
	if (str_is(module_option(instance, "greeting")->string, "silence"))
		return err_set(err, "a greeting of silence is none");
	module_set_state(instance, calloc(1, 1000));
	return 0;
}

static int reload(struct module_instance *instance, struct err *err)
{
	const struct option_value *number = module_option(instance, "number");

	if (number->integer < module_option_before(instance, "number")->integer)
		return err_set(err, "the number never gets less");
	return 0;
}

static void stop(struct module_instance *instance)
{
	free(module_state(instance));
}

static const struct option options[] = {
    {"greeting", OPTION_STRING, "hello", "What it says."},
    {"host", OPTION_DOMAIN, "good.@HOST@", "The domain of the service."},
    {"number", OPTION_INT, "5", "A number.", NULL, 1, 10},
    {"access", OPTION_ACCESS, "all", "Who may."},
    {0},
};
static const struct metric metrics[] = {{"answers", METRIC_COUNTER, "Answers given."}, {0}};

const struct module mod_good = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_good",
    .version = "1." EDITION,
    .doc = "Does a little of everything.",
    .options = options,
    .iqs = iqs,
    .hooks = hooks,
    .routes = routes,
    .commands = commands,
    .metrics = metrics,
    .user_slot = true,
    .start = start,
    .stop = stop,
    .reload = reload,
};
