/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers that modules keep: stanzad/metric.h. */
#include "admin/commands.h"

#include "route/hosts.h"
#include "route/module_metrics.h"

struct listing {
	json_t *rows;
	struct str host; /* empty: all */
};

static void add_row(void *arg, const struct module_metric *row)
{
	static const char *const kinds[] = {[METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge"};
	struct listing *listing = arg;

	json_array_append_new(listing->rows,
	    json_pack("{s:s%, s:s, s:s, s:s, s:I, s:s}", "host", row->host.ptr, row->host.len, "module",
		row->module, "metric", row->metric->name, "kind", kinds[row->metric->kind], "value",
		(json_int_t)row->value, "doc", row->metric->doc));
}

static void add_host(void *arg, struct host *host)
{
	struct listing *listing = arg;

	if (!listing->host.len || str_eq(host_name(host), listing->host))
		host_each_metric(host, add_row, listing);
}

static void collect(void *arg)
{
	hosts_each(add_host, arg);
}

static enum command_outcome run_metrics(struct command_call *call)
{
	struct listing listing = {.host = STR_NULL};
	struct arena arena = {0};
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
static const char *const columns[] = {"host", "module", "metric", "kind", "value", "doc", NULL};

const struct command metrics_commands[] = {
    {"metrics", "statistics", "Shows the numbers that modules keep, since each was started on its host.",
	arguments, COMMAND_TABLE, columns, run_metrics},
    {0},
};
