/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that modules keep (stanzad/metric.h). */
#include "admin/commands.h"
#include "conf/conf.h"
#include "route/hosts.h"

struct listing {
	struct str host; /* empty: all */
	json_t *rows;
};

static void add_rows(struct listing *listing, const struct module_instance *instance)
{
	struct str host = host_name(module_host(instance));
	const struct module *module = module_of(instance);

	for (unsigned i = 0; module->metrics && module->metrics[i].name; i++)
		json_array_append_new(
		    listing->rows, json_pack("{s:s%, s:s, s:s, s:I, s:s}", "host", host.ptr, host.len,
				       "module", module->name, "metric", module->metrics[i].name, "value",
				       (json_int_t)metric_value(instance, i), "doc", module->metrics[i].doc));
}

static void add_host(void *arg, struct host *host)
{
	struct listing *listing = arg;
	struct conf *conf = conf_current();
	struct str name = host_name(host);

	if (listing->host.len && !str_eq(listing->host, name))
		return;
	for (size_t i = 0; i < conf_module_count(conf, name); i++) {
		const struct module_instance *instance =
		    host_module(host, conf_module_name(conf_module_at(conf, name, i)));
		if (instance)
			add_rows(listing, instance);
	}
}

static void collect(void *arg)
{
	hosts_each(add_host, arg);
}

static enum command_outcome run_metrics(struct command_call *call)
{
	struct arena arena = {0};
	struct listing listing = {.host = STR_NULL};
	enum command_outcome outcome = COMMAND_OK;

	if (command_string(call, "host").len)
		outcome = command_host(call, "host", &arena, &listing.host);
	if (outcome == COMMAND_OK) {
		listing.rows = json_array();
		command_on_main(collect, &listing);
		call->result = listing.rows;
	}
	arena_fini(&arena);
	return outcome;
}

static const struct command_argument arguments[] = {
    {"host", COMMAND_STRING, "virtual host of this server; all when it is left out", ""},
    {0},
};
static const char *const columns[] = {"host", "module", "metric", "value", "doc", NULL};

const struct command metrics_commands[] = {
    {.name = "metrics",
	.tag = "statistics",
	.doc = "Lists the numbers that modules keep.",
	.arguments = arguments,
	.result = COMMAND_TABLE,
	.columns = columns,
	.run = run_metrics},
    {0},
};
