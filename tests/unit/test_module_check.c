/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused of a shared object, and in which words. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "route/module_check.h"
#include "tap.h"

static enum iq_verdict answer(struct iq *iq)
{
	return IQ_ANSWER;
}

static enum command_outcome run_it(struct command_call *call)
{
	return COMMAND_OK;
}

static enum hook_verdict on_send(struct module_instance *instance, struct hook_stanza *event)
{
	return HOOK_PASS;
}

static void deliver(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
}

static struct module plain(void)
{
	return (struct module){.abi = STANZAD_MODULE_ABI, .size = sizeof(struct module), .name = "mod_x"};
}

static void accepts(struct module module)
{
	struct err err = {0};

	is_int(module_check(&module, sizeof(module), "mod_x", &err), 0);
	is_cstr(err.text, "");
}

static void refuses(struct module module, const char *text)
{
	struct err err = {0};

	ok(module_check(&module, sizeof(module), "mod_x", &err) < 0);
	is_cstr(err.text, text);
}

static void test_good(void)
{
	static const struct option options[] = {{"host", OPTION_DOMAIN, "x.@HOST@", ""}, {0}};
	static const struct module_iq iqs[] = {{.ns = "a", .handler = answer},
	    {.ns = "a", .component = IQ_SM, .handler = answer, .discipline = IQ_PARALLEL}, {0}};
	static const struct hook_entry hooks[] = {HOOK_ENTRY(user_send, on_send, HOOK_LAST, NULL), {0}};
	static const struct module_route routes[] = {{"host", deliver}, {0}};
	static const struct command commands[] = {{.name = "do_it", .tag = "x", .doc = "x", .run = run_it}, {0}};
	static const struct metric metrics[] = {{"numbers", METRIC_GAUGE, "x"}, {0}};
	struct module module = plain();

	accepts(module);
	module.options = options;
	module.iqs = iqs;
	module.hooks = hooks;
	module.routes = routes;
	module.commands = commands;
	module.metrics = metrics;
	accepts(module);
}

static void test_identity(void)
{
	struct module module = plain();
	struct err err = {0};

	module.abi++;
	module.size++;
	ok(module_check(&module, sizeof(module), "mod_x", &err) < 0);
	ok(strstr(err.text, "module ABI") && strstr(err.text, "build it again against this server's headers"));
	module.abi--;
	ok(module_check(&module, sizeof(module), "mod_x", &err) < 0);
	ok(strstr(err.text, "its struct module has") && strstr(err.text, "build it again"));
	module = plain();
	ok(module_check(&module, sizeof(module) - 1, "mod_x", &err) < 0);
	ok(module_check(&module, 4, "mod_x", &err) < 0);
	is_cstr(err.text, "its symbol mod_x is no struct module");
	module.name = NULL;
	refuses(module, "its module is called '': the file, the symbol and the name must be the same");
	module.name = "mod_y";
	refuses(module, "its module is called 'mod_y': the file, the symbol and the name must be the same");
}

static void refuses_iq(struct module_iq iq, struct module_iq second, const char *text)
{
	struct module module = plain();
	struct module_iq iqs[] = {iq, second, {0}};

	module.iqs = iqs;
	refuses(module, text);
}

static void test_iqs(void)
{
	const struct module_iq good = {.ns = "a", .handler = answer};

	refuses_iq(good, good, "it has two IQ handlers of a");
	refuses_iq(good, (struct module_iq){.ns = "b"}, "a row of its IQ handlers lacks a namespace or a function");
	refuses_iq(good, (struct module_iq){.ns = "", .handler = answer},
	    "a row of its IQ handlers lacks a namespace or a function");
	refuses_iq((struct module_iq){.ns = "a", .handler = answer, .component = (enum iq_component)7}, good,
	    "the IQ handler of a has a component or discipline that there is not");
}

static void refuses_hook(struct hook_entry hook, const char *text)
{
	struct module module = plain();
	struct hook_entry hooks[] = {hook, {0}};

	module.hooks = hooks;
	refuses(module, text);
}

static void test_hooks(void)
{
	struct hook_entry hook = HOOK_ENTRY(user_send, on_send, HOOK_NORMAL, NULL);

	hook.hook = HOOK_COUNT;
	refuses_hook(hook, "row 1 of its hooks names a hook that there is not");
	hook.hook = HOOK_user_send;
	hook.stage = (enum hook_stage)-1;
	refuses_hook(hook, "row 1 of its hooks names a stage that there is not");
	hook.stage = HOOK_NORMAL;
	hook.fn.untyped = NULL;
	refuses_hook(hook, "row 1 of its hooks lacks a function");
}

static void test_routes(void)
{
	static const struct option options[] = {{"host", OPTION_DOMAINS, NULL, ""}, {"name", OPTION_STRING}, {0}};
	const struct module_route missing[] = {{"hosts", deliver}, {0}}, text[] = {{"name", deliver}, {0}},
				  nothing[] = {{"host", NULL}, {0}};
	struct module module = plain();

	module.routes = missing;
	refuses(module, "a route is named by option 'hosts', which it does not have");
	module.options = options;
	refuses(module, "a route is named by option 'hosts', which it does not have");
	module.routes = text;
	refuses(module, "a route is named by option 'name', which is no domain");
	module.routes = nothing;
	refuses(module, "the route of option 'host' lacks a function");
}

static void test_others(void)
{
	const struct command spaced[] = {{.name = "do it", .tag = "x", .doc = "x", .run = run_it}, {0}};
	const struct command idle[] = {{.name = "do_it", .tag = "x", .doc = "x"}, {0}};
	const struct metric twice[] = {{"a", METRIC_GAUGE, "x"}, {"a", METRIC_COUNTER, "x"}, {0}};
	const struct metric kind[] = {{"a", (enum metric_kind)9, "x"}, {0}};
	const struct option options[] = {{"Host Name", OPTION_STRING}, {0}};
	const char *const needs[] = {"mod_y", "mod_x", NULL};
	struct module module = plain();

	module.commands = spaced;
	refuses(module, "a command is called 'do it': lower case, digits and _ only");
	module.commands = idle;
	refuses(module, "the command do_it lacks a function, a tag or a doc, or has a result that there is not");
	module = plain();
	module.metrics = twice;
	refuses(module, "it has two metrics a");
	module.metrics = kind;
	refuses(module, "the metric a lacks a doc, or is of a kind that there is not");
	module = plain();
	module.options = options;
	refuses(module, "an option is called 'Host Name': lower case, digits, - and _ only");
	module = plain();
	module.needs = needs;
	refuses(module, "it needs itself");
}

/* A program is an ELF file, too; cut off it is refused, and so is what never was one. */
static void test_elf(void)
{
	char path[] = "/tmp/stanzad-elf-XXXXXX";
	int fd = mkstemp(path);
	FILE *own = fopen("/proc/self/exe", "rb");
	char start[4096];
	size_t size = own ? fread(start, 1, sizeof(start), own) : 0;
	struct err err = {0};

	ok(fd >= 0 && size == sizeof(start));
	is_int(module_check_elf("/proc/self/exe", &err), 0);
	ok(module_check_elf(path, &err) < 0 && strstr(err.text, "too short"));
	ok(write(fd, start, size) == (ssize_t)size);
	ok(module_check_elf(path, &err) < 0 && strstr(err.text, "it is cut off"));
	ok(pwrite(fd, "text", 4, 0) == 4);
	ok(module_check_elf(path, &err) < 0 && strstr(err.text, "not an ELF file"));
	ok(module_check_elf("/proc/self/fd", &err) < 0 && strstr(err.text, "it is no file"));
	ok(module_check_elf("/nowhere/mod_x.so", &err) < 0);
	is_cstr(err.text, "/nowhere/mod_x.so cannot be loaded: No such file or directory");
	fclose(own);
	close(fd);
	unlink(path);
}

int main(void)
{
	run(test_good);
	run(test_identity);
	run(test_iqs);
	run(test_hooks);
	run(test_routes);
	run(test_others);
	run(test_elf);
	return tap_done();
}
