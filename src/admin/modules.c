/* SPDX-License-Identifier: Apache-2.0 */
/* Modules while the server runs: which there are, and how they come and go. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "admin/commands.h"
#include "base/clock.h"
#include "route/hosts.h"
#include "route/instance.h"
#include "route/module_file.h"

#define PATIENCE_MS 10000 /* until a command no longer waits for the calls inside a module */
#define WAIT_MS 100       /* between two looks at whether the server ends */

static const struct server_control *server;

void modules_control_set(const struct server_control *control)
{
	server = control;
}

/* --- which there are ---------------------------------------------------------------------------------- */

struct listing {
	struct str host; /* empty: all */
	json_t *result;
	struct str host_now;
};

static void each_module(
    struct listing *listing, struct host *host, void (*add)(struct listing *, const struct module_instance *))
{
	struct conf *conf = conf_current();

	listing->host_now = host_name(host);
	if (listing->host.len && !str_eq(listing->host, listing->host_now))
		return;
	for (size_t i = 0; i < conf_module_count(conf, listing->host_now); i++) {
		const struct module_instance *instance =
		    host_module(host, conf_module_name(conf_module_at(conf, listing->host_now, i)));
		if (instance)
			add(listing, instance);
	}
}

static void add_doc(struct listing *listing, const struct module_instance *instance)
{
	const struct module *module = module_of(instance);

	json_object_set_new(listing->result, module->name, json_string(module->doc ? module->doc : ""));
}

static void add_docs(void *arg, struct host *host)
{
	each_module(arg, host, add_doc);
}

static void collect_docs(void *arg)
{
	hosts_each(add_docs, arg);
}

static int name_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Objects keep the order in which their members were set. */
static json_t *sorted(json_t *object)
{
	size_t count = json_object_size(object), i = 0;
	const char **names = calloc(count + 1, sizeof(*names));
	json_t *ordered = json_object(), *value;
	const char *name;

	json_object_foreach(object, name, value) names[i++] = name;
	qsort(names, count, sizeof(*names), name_order);
	for (i = 0; i < count; i++)
		json_object_set(ordered, names[i], json_object_get(object, names[i]));
	free(names);
	json_decref(object);
	return ordered;
}

/* A host, or all when the argument is empty. */
static enum command_outcome list(
    struct command_call *call, void (*collect)(void *arg), struct listing *listing)
{
	struct arena arena = {0};
	enum command_outcome outcome = COMMAND_OK;

	if (command_string(call, "host").len)
		outcome = command_host(call, "host", &arena, &listing->host);
	if (outcome == COMMAND_OK)
		command_on_main(collect, listing);
	arena_fini(&arena);
	return outcome;
}

static enum command_outcome run_modules_installed(struct command_call *call)
{
	struct listing listing = {.result = json_object()};
	enum command_outcome outcome = list(call, collect_docs, &listing);

	if (outcome == COMMAND_OK)
		call->result = sorted(listing.result);
	else
		json_decref(listing.result);
	return outcome;
}

static void add_row(struct listing *listing, const struct module_instance *instance, const char *state)
{
	const struct module *module = module_of(instance);
	const struct module_file *file = module_file_of(module);

	json_array_append_new(listing->result,
	    json_pack("{s:s%, s:s, s:s, s:s, s:s, s:i}", "host", listing->host_now.ptr, listing->host_now.len,
		"module", module->name, "version", module->version ? module->version : server->version, "from",
		file ? module_file_path(file) : "built in", "state", state, "calls",
		(int)instance_calls(instance)));
}

static void add_running(struct listing *listing, const struct module_instance *instance)
{
	add_row(listing, instance, "running");
}

static void add_rows(void *arg, struct host *host)
{
	each_module(arg, host, add_running);
}

static void add_left(void *arg, const struct module_instance *instance)
{
	struct listing *listing = arg;

	listing->host_now = host_name(module_host(instance));
	if (!listing->host.len || str_eq(listing->host, listing->host_now))
		add_row(listing, instance, "leaving");
}

static void collect_rows(void *arg)
{
	hosts_each(add_rows, arg);
	instances_each_left(add_left, arg);
}

static enum command_outcome run_modules_running(struct command_call *call)
{
	struct listing listing = {.result = json_array()};
	enum command_outcome outcome = list(call, collect_rows, &listing);

	if (outcome == COMMAND_OK)
		call->result = listing.result;
	else
		json_decref(listing.result);
	return outcome;
}

/* --- how they come and go ----------------------------------------------------------------------------- */

struct change {
	struct command_call *call;
	struct module_order order;
	enum command_outcome outcome;
	/* The instance that went, until it has stopped. */
	struct instance_watcher watcher;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool waiting;
	unsigned calls;
};

static void on_stopped(struct instance_watcher *watcher)
{
	struct change *change = (struct change *)((char *)watcher - offsetof(struct change, watcher));

	pthread_mutex_lock(&change->lock);
	change->waiting = false;
	pthread_cond_signal(&change->ended);
	pthread_mutex_unlock(&change->lock);
}

/* Whether what is asked for can be asked for. */
static enum command_outcome check(
    struct change *change, const struct host *host, const char *name, const struct module_instance *instance)
{
	struct str where = change->order.host;
	const char *needed_by = host_module_needed_by(host, name);

	if (change->order.kind == MODULE_LOAD && instance)
		return command_say(change->call, COMMAND_CONFLICT,
		    "%s runs on %.*s already; module_reload gives it new code or options", name,
		    STR_FMT(where));
	if (change->order.kind != MODULE_LOAD && !instance)
		return command_say(
		    change->call, COMMAND_NOT_FOUND, "%s does not run on %.*s", name, STR_FMT(where));
	if (change->order.kind == MODULE_UNLOAD && needed_by)
		return command_say(change->call, COMMAND_FAILED,
		    "%s on %.*s needs %s: unload that one first", needed_by, STR_FMT(where), name);
	return COMMAND_OK;
}

static void do_change(void *arg)
{
	struct change *change = arg;
	struct host *host = host_find(change->order.host);
	char *name = str_dup(change->order.name);
	struct module_instance *instance = host ? host_module(host, name) : NULL;

	change->outcome = host ? check(change, host, name, instance) : COMMAND_NOT_FOUND;
	if (change->outcome == COMMAND_OK && server->change_module(&change->order, &change->call->text) < 0)
		change->outcome = COMMAND_FAILED;
	if (change->outcome == COMMAND_OK && instance && host_module(host, name) != instance) {
		change->waiting = true;
		change->watcher.stopped = on_stopped;
		instance_watch(instance, &change->watcher);
	}
	free(name);
}

static void do_give_up(void *arg)
{
	struct change *change = arg;

	if (change->watcher.instance)
		change->calls = instance_calls(change->watcher.instance);
	instance_unwatch(&change->watcher);
}

static struct timespec soon(void)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_nsec += WAIT_MS * 1000000L;
	time.tv_sec += time.tv_nsec / 1000000000L;
	time.tv_nsec %= 1000000000L;
	return time;
}

/* Until the instance has stopped, patience has ended or the server does. */
static void wait_for_stop(struct change *change)
{
	uint64_t until = clock_mono_ms() + PATIENCE_MS;

	pthread_mutex_lock(&change->lock);
	while (change->waiting && clock_mono_ms() < until && !server->is_stopping()) {
		struct timespec time = soon();
		pthread_cond_timedwait(&change->ended, &change->lock, &time);
	}
	bool given_up = change->waiting;
	pthread_mutex_unlock(&change->lock);
	if (!given_up)
		return;
	command_on_main(do_give_up, change);
	if (!change->waiting)
		return;
	strbuf_cstr(&change->call->text, "\nwhat ran before is out of service, and stops when ");
	if (change->calls)
		strbuf_printf(&change->call->text, "the %u call%s inside %s ended", change->calls,
		    change->calls == 1 ? "" : "s", change->calls == 1 ? "has" : "have");
	else
		strbuf_cstr(&change->call->text, "a command of it has ended");
}

static enum command_outcome run_change(struct command_call *call, int kind)
{
	struct change change = {.call = call,
	    .order = {.kind = kind, .name = command_string(call, "module")},
	    .lock = PTHREAD_MUTEX_INITIALIZER,
	    .ended = PTHREAD_COND_INITIALIZER};
	struct arena arena = {0};

	change.outcome = command_host(call, "host", &arena, &change.order.host);
	if (kind != MODULE_UNLOAD && command_string(call, "options").len)
		change.order.options = command_string(call, "options");
	if (change.outcome == COMMAND_OK)
		command_on_main(do_change, &change);
	wait_for_stop(&change);
	arena_fini(&arena);
	return change.outcome;
}

static enum command_outcome run_module_load(struct command_call *call)
{
	return run_change(call, MODULE_LOAD);
}

static enum command_outcome run_module_unload(struct command_call *call)
{
	return run_change(call, MODULE_UNLOAD);
}

static enum command_outcome run_module_reload(struct command_call *call)
{
	return run_change(call, MODULE_RELOAD);
}

/* --- the table ---------------------------------------------------------------------------------------- */

#define HOST_ARGUMENT                                                                                        \
	{                                                                                                    \
		"host", COMMAND_STRING, "virtual host of this server", NULL                                  \
	}

static const struct command_argument list_arguments[] = {
    {"host", COMMAND_STRING, "virtual host of this server; all when it is left out", ""},
    {0},
};
static const struct command_argument unload_arguments[] = {
    HOST_ARGUMENT,
    {"module", COMMAND_STRING, "a module that runs there", NULL},
    {0},
};
static const struct command_argument load_arguments[] = {
    HOST_ARGUMENT,
    {"module", COMMAND_STRING, "built in, or NAME.so in a folder of modules_path", NULL},
    {"options", COMMAND_STRING, "as YAML, such as '{iqdisc: one_queue}'; left out: those of the file", ""},
    {0},
};
static const struct command_argument reload_arguments[] = {
    HOST_ARGUMENT,
    {"module", COMMAND_STRING, "a module that runs there", NULL},
    {"options", COMMAND_STRING, "as YAML, such as '{iqdisc: one_queue}'; left out: as they are", ""},
    {0},
};
static const char *const running_columns[] = {"host", "module", "version", "from", "state", "calls", NULL};

const struct command modules_commands[] = {
    {.name = "module_load",
	.tag = "modules",
	.doc = "Starts a module on a host.",
	.arguments = load_arguments,
	.result = COMMAND_RESTUPLE,
	.run = run_module_load},
    {.name = "module_unload",
	.tag = "modules",
	.doc = "Stops a module on a host, when no call is inside it any more.",
	.arguments = unload_arguments,
	.result = COMMAND_RESTUPLE,
	.run = run_module_unload},
    {.name = "module_reload",
	.tag = "modules",
	.doc = "Gives a module on a host the code that its file has now, and options; else stops and starts it.",
	.arguments = reload_arguments,
	.result = COMMAND_RESTUPLE,
	.run = run_module_reload},
    {.name = "modules_installed",
	.tag = "modules",
	.doc = "Lists the modules that run on a host, or on at least one, and what they do.",
	.arguments = list_arguments,
	.result = COMMAND_OBJECT,
	.run = run_modules_installed},
    {.name = "modules_running",
	.tag = "modules",
	.doc = "Lists the modules of each host with version, file and the number of calls inside.",
	.arguments = list_arguments,
	.result = COMMAND_TABLE,
	.columns = running_columns,
	.run = run_modules_running},
    {0},
};
