/* SPDX-License-Identifier: Apache-2.0 */
/* Registers this and that, and then fails. */
#include "stanzad/module.h"

extern const struct module mod_start_fails;

static enum iq_verdict answer(struct iq *iq)
{
	return IQ_ANSWER;
}

static void swallow(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
}

static enum command_outcome run(struct command_call *call)
{
	return COMMAND_OK;
}

static int start(struct module_instance *instance, struct err *err)
{
	const struct module_iq more = {.ns = "urn:test:fails:more", .component = IQ_SM, .handler = answer};

	if (module_add_iq(instance, &more, err) < 0)
		return -1;
	if (module_add_route(instance, STR("fails.example"), swallow, err) < 0)
		return -1;
	return err_set(err, "the moon is in the wrong phase");
}

static const struct module_iq iqs[] = {
    {.ns = "urn:test:fails", .component = IQ_LOCAL, .handler = answer, .announce = true},
    {0},
};
static const struct command commands[] = {
    {.name = "fails", .tag = "test", .doc = "Never there.", .result = COMMAND_RESCODE, .run = run},
    {0},
};

const struct module mod_start_fails = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_start_fails",
    .iqs = iqs,
    .commands = commands,
    .start = start,
};
