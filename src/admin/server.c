/* SPDX-License-Identifier: Apache-2.0 */
/* The server as a whole: status, stopping, configuration, log, statistics. */
#include <stdlib.h>
#include <unistd.h>

#include "admin/commands.h"
#include "admin/sessions.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "base/log_sink.h"
#include "loop/executor.h"

static const struct server_control *server;
static uint64_t started_ms;

void server_control_set(const struct server_control *control)
{
	server = control;
	modules_control_set(control);
	started_ms = clock_mono_ms();
}

static uint64_t uptime_seconds(void)
{
	return (clock_mono_ms() - started_ms) / 1000;
}

/* --- status ------------------------------------------------------------------------------------------- */

static void say_uptime(struct strbuf *text)
{
	uint64_t seconds = uptime_seconds();

	if (seconds >= 86400)
		strbuf_printf(text, "%llu d ", (unsigned long long)(seconds / 86400));
	if (seconds >= 3600)
		strbuf_printf(text, "%llu h ", (unsigned long long)(seconds / 3600 % 24));
	if (seconds >= 60)
		strbuf_printf(text, "%llu min ", (unsigned long long)(seconds / 60 % 60));
	strbuf_printf(text, "%llu s", (unsigned long long)(seconds % 60));
}

static enum command_outcome run_status(struct command_call *call)
{
	json_t *hosts = command_hosts(), *host;
	size_t i;

	command_say(call, COMMAND_OK, "stanzad %s is running, pid %d, up ", server->version, (int)getpid());
	say_uptime(&call->text);
	strbuf_printf(
	    &call->text, "\n%u workers, %u sessions, hosts:", worker_count(), sessions_count(STR_NULL));
	json_array_foreach(hosts, i, host)
	    strbuf_printf(&call->text, "%s %s", i ? "," : "", json_string_value(host));
	json_decref(hosts);
	return COMMAND_OK;
}

static enum command_outcome run_registered_vhosts(struct command_call *call)
{
	call->result = command_hosts();
	return COMMAND_OK;
}

/* --- what main does ----------------------------------------------------------------------------------- */

/* Asked of worker 0. */
struct order {
	struct command_call *call;
	int result;
	struct err err;
	enum { ORDER_STOP, ORDER_RESTART, ORDER_RELOAD, ORDER_REOPEN } kind;
};

static void do_order(void *arg)
{
	struct order *order = arg;

	switch (order->kind) {
	case ORDER_STOP:
		server->stop();
		break;
	case ORDER_RESTART:
		server->restart();
		break;
	case ORDER_RELOAD:
		order->result = server->reload(&order->call->text);
		break;
	case ORDER_REOPEN:
		order->result = server->reopen_log(&order->err);
		break;
	}
}

static enum command_outcome run_order(struct command_call *call, int kind)
{
	struct order order = {.call = call, .kind = kind};

	command_on_main(do_order, &order);
	if (order.err.text[0])
		command_say(call, COMMAND_FAILED, "%s", order.err.text);
	return order.result < 0 ? COMMAND_FAILED : COMMAND_OK;
}

static enum command_outcome run_stop(struct command_call *call)
{
	return run_order(call, ORDER_STOP);
}

static enum command_outcome run_restart(struct command_call *call)
{
	return run_order(call, ORDER_RESTART);
}

static enum command_outcome run_reload_config(struct command_call *call)
{
	return run_order(call, ORDER_RELOAD);
}

static enum command_outcome run_reopen_log(struct command_call *call)
{
	return run_order(call, ORDER_REOPEN);
}

/* --- log level ---------------------------------------------------------------------------------------- */

static enum command_outcome run_get_loglevel(struct command_call *call)
{
	call->result = json_string(log_level_name(__atomic_load_n(&log_threshold, __ATOMIC_RELAXED)));
	return COMMAND_OK;
}

static enum command_outcome run_set_loglevel(struct command_call *call)
{
	/* ejabberd's levels that have no counterpart: the next more important one, or the next that tells as
	 * much. */
	static const char *const others[][2] = {
	    {"emergency", "critical"}, {"alert", "critical"}, {"notice", "info"}};
	struct str name = command_string(call, "loglevel");
	enum log_level level;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (str_is(name, others[i][0]))
			name = str_of(others[i][1]);
	if (log_level_parse(name, &level) < 0)
		return command_say(call, COMMAND_USAGE,
		    "'%.*s' is not a log level: none, critical, error, warning, info, debug", STR_FMT(name));
	log_set_level(level);
	return COMMAND_OK;
}

/* --- statistics --------------------------------------------------------------------------------------- */

/* < 0 with the text set. */
static int64_t registered_on(struct command_call *call, struct str host)
{
	struct err err = {""};
	int64_t count = auth_count(host, &err);

	if (count < 0)
		command_say(call, COMMAND_FAILED, "%s", err.text);
	return count;
}

static int64_t registered_everywhere(struct command_call *call)
{
	json_t *hosts = command_hosts(), *host;
	int64_t sum = 0;
	size_t i;

	json_array_foreach(hosts, i, host)
	{
		int64_t count = registered_on(call, str_of(json_string_value(host)));
		sum = count < 0 || sum < 0 ? -1 : sum + count;
	}
	json_decref(hosts);
	return sum;
}

static enum command_outcome number(struct command_call *call, int64_t value)
{
	if (value < 0)
		return COMMAND_FAILED;
	call->result = json_integer(value);
	return COMMAND_OK;
}

static enum command_outcome run_stats(struct command_call *call)
{
	struct str name = command_string(call, "name");

	if (str_is(name, "registeredusers"))
		return number(call, registered_everywhere(call));
	if (str_is(name, "onlineusers") || str_is(name, "onlineusersnode"))
		return number(call, sessions_count(STR_NULL));
	if (str_is(name, "uptimeseconds"))
		return number(call, (int64_t)uptime_seconds());
	if (str_is(name, "processes"))
		return number(call, worker_count() + executor_threads());
	return command_say(call, COMMAND_USAGE,
	    "there is no statistic '%.*s': registeredusers, onlineusers, "
	    "onlineusersnode, uptimeseconds, processes",
	    STR_FMT(name));
}

static enum command_outcome run_stats_host(struct command_call *call)
{
	struct str name = command_string(call, "name"), host;
	struct arena arena = {0};
	enum command_outcome outcome = command_host(call, "host", &arena, &host);

	if (outcome == COMMAND_OK && str_is(name, "registeredusers"))
		outcome = number(call, registered_on(call, host));
	else if (outcome == COMMAND_OK && str_is(name, "onlineusers"))
		outcome = number(call, sessions_count(host));
	else if (outcome == COMMAND_OK)
		outcome = command_say(call, COMMAND_USAGE,
		    "there is no statistic '%.*s' of a host: registeredusers, onlineusers", STR_FMT(name));
	arena_fini(&arena);
	return outcome;
}

/* --- the table ---------------------------------------------------------------------------------------- */

static const struct command_argument loglevel_arguments[] = {
    {"loglevel", COMMAND_STRING, "none, critical, error, warning, info or debug", NULL},
    {0},
};
static const struct command_argument stats_arguments[] = {
    {"name", COMMAND_STRING, "registeredusers, onlineusers, onlineusersnode, uptimeseconds or processes",
	NULL},
    {0},
};
static const struct command_argument stats_host_arguments[] = {
    {"name", COMMAND_STRING, "registeredusers or onlineusers", NULL},
    {"host", COMMAND_STRING, "virtual host of this server", NULL},
    {0},
};

#define COMMAND(name_, tag_, doc_, arguments_, result_)                                                      \
	{                                                                                                    \
		.name = #name_, .tag = tag_, .doc = doc_, .arguments = arguments_, .result = result_,        \
		.run = run_##name_                                                                           \
	}

const struct command server_commands[] = {
    COMMAND(status, "server", "Says whether the server runs, since when, and what it serves.", NULL,
	COMMAND_RESTUPLE),
    COMMAND(stop, "server", "Ends all streams in order and stops the server.", NULL, COMMAND_RESCODE),
    COMMAND(restart, "server", "Stops the server and starts it again.", NULL, COMMAND_RESCODE),
    COMMAND(registered_vhosts, "server", "Lists the virtual hosts.", NULL, COMMAND_LIST),
    COMMAND(reload_config, "config", "Reads the configuration again; a bad one changes nothing.", NULL,
	COMMAND_RESCODE),
    COMMAND(reopen_log, "logs", "Opens the log file anew, after it was renamed.", NULL, COMMAND_RESCODE),
    {.name = "rotate_log",
	.tag = "logs",
	.doc = "The same as reopen_log: rotation itself is left to logrotate.",
	.result = COMMAND_RESCODE,
	.run = run_reopen_log},
    COMMAND(get_loglevel, "logs", "Shows which events are logged.", NULL, COMMAND_VALUE),
    COMMAND(set_loglevel, "logs", "Sets which events are logged, until the next start or reload.",
	loglevel_arguments, COMMAND_RESCODE),
    COMMAND(stats, "statistics", "Shows one number about the server.", stats_arguments, COMMAND_VALUE),
    COMMAND(stats_host, "statistics", "Shows one number about a virtual host.", stats_host_arguments,
	COMMAND_VALUE),
    {0},
};
