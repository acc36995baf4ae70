/* SPDX-License-Identifier: Apache-2.0 */
#include "main/modules.h"

#include <stdlib.h>

#include "conf/conf.h"
#include "main/server.h"
#include "route/hosts.h"
#include "stanzad/log.h"

static const char *const events[] = {
    [MODULE_LOAD] = "module.loaded",
    [MODULE_UNLOAD] = "module.unloaded",
    [MODULE_RELOAD] = "module.reloaded",
};

/* How long it stays so, and how to keep it: the configuration file knows nothing of it. */
static void say_duration(const struct module_order *order, const char *name, struct strbuf *report)
{
	const char *file = server_config();
	bool loaded = order->kind != MODULE_UNLOAD;
	bool in_file = conf_module_find(conf_of_file(conf_current()), order->host, name) != NULL;

	if (loaded == in_file && !(loaded && order->options.ptr))
		return;
	strbuf_printf(report, ", until the next reload_config or restart; to keep %s, ",
	    !loaded     ? "it away"
	    : in_file ? "these options"
		      : "it");
	if (!file)
		strbuf_cstr(report, "start the server with a configuration file");
	else if (!loaded)
		strbuf_printf(report, "take it out of 'modules' in %s", file);
	else if (in_file)
		strbuf_printf(report, "write them to 'modules' in %s", file);
	else
		strbuf_printf(report, "add it to 'modules' in %s", file);
}

/* What has no line of the options is about the module as a whole, which the caller has named. */
static void say_problems(const struct conf_report *problems, struct strbuf *report)
{
	for (size_t i = 0; i < problems->count; i++) {
		const struct conf_problem *problem = &problems->problems[i];
		if (problem->severity == CONF_LATER)
			continue;
		if (problem->line)
			conf_problem_print(problem, report);
		else
			strbuf_cstr(report, problem->text);
		strbuf_char(report, '\n');
	}
	if (problems->errors && report->len)
		report->ptr[--report->len] = '\0';
}

static int derive(const struct module_order *order, const char *name, struct conf **conf_r, struct strbuf *report)
{
	struct conf_change change = {order->host, str_of(name), order->options,
	    .restart = order->kind == MODULE_RELOAD && !order->options.ptr};
	struct conf_report problems = {0};
	int rc = 0;

	if (order->kind == MODULE_UNLOAD)
		*conf_r = conf_without_module(conf_current(), order->host, name);
	else
		rc = conf_with_module(conf_current(), &change, conf_r, &problems);
	say_problems(&problems, report);
	conf_report_fini(&problems);
	return rc;
}

/* A module that keeps its old options has refused the order: nothing changes. */
static int put_in_force(struct conf *conf, struct err *err)
{
	struct conf *old = conf_ref(conf_current());
	struct err ignored;
	int rc = server_put_in_force(conf, err);

	if (rc == 0 && hosts_refusal()[0]) {
		rc = err_set(err, "%s", hosts_refusal());
		server_put_in_force(old, &ignored);
	}
	conf_unref(&old);
	return rc;
}

int modules_change(const struct module_order *order, struct strbuf *report)
{
	static const char *const words[] = {
	    [MODULE_LOAD] = "runs", [MODULE_UNLOAD] = "no longer runs", [MODULE_RELOAD] = "runs anew"};
	char *name = str_dup(order->name);
	struct conf *conf = NULL;
	struct err err = {0};
	int rc = derive(order, name, &conf, report);

	if (rc == 0)
		rc = put_in_force(conf, &err);
	conf_unref(&conf);
	if (rc == 0) {
		strbuf_printf(
		    report, "%s %s on %.*s", name, words[order->kind], STR_FMT(order->host));
		say_duration(order, name, report);
		LOG_AT(LOG_LEVEL_INFO, events[order->kind], LOG_CSTR("module", name), LOG_STR("host", order->host));
	} else if (err.text[0]) {
		strbuf_cstr(report, err.text);
	}
	free(name);
	return rc;
}
