/* SPDX-License-Identifier: Apache-2.0 */
/* Modules that are found, and snapshots that differ in one module of one host. */
#include <stdlib.h>

#include "conf_load.h"

#define HOST STR("a.example")
#define OTHER STR("b.example")

/* --- a finder that has mod_found, in an edition of its choice ------------------------------------------- */

static uint64_t edition = 1;
static unsigned searches;
static bool asked_fresh;

/* The table goes at the next search: a snapshot must not look at it again. */
static struct option *table;

static int find(const struct conf_wanted *wanted, struct conf_found *found_r, struct err *err)
{
	searches++;
	asked_fresh = wanted->fresh;
	if (strcmp(wanted->name, "mod_broken") == 0)
		return err_set(err, "it is broken");
	if (strcmp(wanted->name, "mod_found") != 0)
		return 1;
	free(table);
	table = calloc(4, sizeof(*table));
	table[0] = (struct option){"greeting", OPTION_STRING, "hello @HOST@", "What it says."};
	table[1] = (struct option){"number", OPTION_INT, "5", "A number.", NULL, 1, 10};
	table[2] = (struct option){"access", OPTION_ACCESS, "all", "Who may."};
	*found_r = (struct conf_found){table, edition};
	return 0;
}

#define TEXT(modules) "hosts: [a.example, b.example]\nmodules_path: /nowhere\nmodules: {" modules "}\n"

static struct str greeting(const struct conf *conf, struct str host)
{
	const struct conf_module *module = conf_module_find(conf, host, "mod_found");

	return module ? conf_module_get(module, "greeting")->string : STR("absent");
}

/* The problems of a change; free it. *conf_r: the snapshot, or NULL. */
static char *change(struct conf *base, struct str host, const char *name, const char *options, bool restart,
    struct conf **conf_r)
{
	struct conf_change what = {host, str_of(name), str_of(options), restart};
	struct conf_report report;
	char *text;

	*conf_r = NULL;
	ok(conf_with_module(base, &what, conf_r, &report) == (*conf_r ? 0 : -1));
	text = problems_text(&report);
	conf_report_fini(&report);
	return text;
}

static struct conf *must_change(
    struct conf *base, struct str host, const char *name, const char *options, bool restart)
{
	struct conf *conf;
	char *text = change(base, host, name, options, restart, &conf);

	is_cstr(text, "");
	free(text);
	return conf;
}

/* --- in the file ---------------------------------------------------------------------------------------- */

static void test_found(void)
{
	struct conf *conf;

	searches = 0;
	conf = must_load(TEXT("mod_found: {greeting: hi}, mod_ping: {}"));
	is_text(greeting(conf, HOST), "hi");
	is_int(searches, 2); /* each once for both hosts */
	ok(!asked_fresh);
	ok(conf_module_edition(conf_module_find(conf, HOST, "mod_found")) == edition);
	ok(conf_module_edition(conf_module_find(conf, HOST, "mod_ping")) == 0);
	conf_unref(&conf);
}

static void test_not_found(void)
{
	char *problems = problems_of(TEXT("mod_fund: {}, mod_broken: {}, mod_found: {nmber: 2, number: 11}"));

	ok(strstr(problems, "3:11: error: unknown module 'mod_fund'") != NULL);
	ok(strstr(problems, "; there is no such file in /nowhere\n") != NULL);
	ok(strstr(problems, "error: module 'mod_broken': it is broken") != NULL);
	ok(strstr(problems, "unknown option 'nmber' of module 'mod_found' (did you mean 'number'?)") != NULL);
	ok(strstr(problems, "option 'number': expected 1 to 10, got '11'") != NULL);
	free(problems);
}

static void test_same_code(void)
{
	struct conf *a = must_load(TEXT("mod_found: {}")), *b = must_load(TEXT("mod_found: {}")), *c;

	edition++;
	c = must_load(TEXT("mod_found: {}"));
	ok(conf_module_same(conf_module_at(a, HOST, 0), conf_module_at(b, HOST, 0)));
	ok(!conf_module_same(conf_module_at(a, HOST, 0), conf_module_at(c, HOST, 0)));
	ok(conf_of_file(a) == a);
	conf_unref(&a);
	conf_unref(&b);
	conf_unref(&c);
}

/* --- derived -------------------------------------------------------------------------------------------- */

static void test_add_and_remove(void)
{
	struct conf *root = must_load(TEXT("mod_ping: {}"));
	struct conf *with = must_change(root, HOST, "mod_found", "{number: 7}", false);
	struct conf *without;

	ok(asked_fresh);
	ok(conf_of_file(with) == root);
	conf_unref(&root);
	is_int(conf_module_count(with, HOST), 2);
	is_int(conf_module_count(with, OTHER), 1);
	is_text(greeting(with, HOST), "hello a.example");
	is_int(conf_module_get(conf_module_find(with, HOST, "mod_found"), "number")->integer, 7);
	ok(conf_is_host(with, OTHER) && conf_host_count(with) == 2);
	without = conf_without_module(with, HOST, "mod_ping");
	conf_unref(&with);
	is_int(conf_module_count(without, HOST), 1);
	is_text(greeting(without, HOST), "hello a.example");
	conf_unref(&without);
}

static void test_options_stay(void)
{
	struct conf *root = must_load(TEXT("mod_found: {greeting: 'of @HOST@'}"));
	struct conf *gone = conf_without_module(root, HOST, "mod_found"), *back, *other, *again;

	is_text(greeting(gone, HOST), "absent");
	back = must_change(gone, HOST, "mod_found", NULL, false);
	is_text(greeting(back, HOST), "of a.example");
	other = must_change(
	    back, HOST, "mod_found", "{greeting: 'new @HOST@', access: {allow: {user_glob: 'x*'}}}", true);
	conf_unref(&root);
	conf_unref(&gone);
	conf_unref(&back);
	is_text(greeting(other, HOST), "new a.example");
	is_text(greeting(other, OTHER), "of b.example");
	again = must_change(other, HOST, "mod_found", NULL, true);
	ok(conf_module_same(
	    conf_module_find(other, HOST, "mod_found"), conf_module_find(again, HOST, "mod_found")));
	conf_unref(&other);
	is_text(greeting(again, HOST), "new a.example");
	conf_unref(&again);
}

static void test_restarts(void)
{
	struct conf *root = must_load(TEXT("mod_found: {}"));
	struct conf *first = must_change(root, HOST, "mod_found", NULL, true);
	struct conf *second = must_change(first, HOST, "mod_found", NULL, true);
	const struct conf_module *a = conf_module_find(root, HOST, "mod_found");
	const struct conf_module *b = conf_module_find(first, HOST, "mod_found");
	const struct conf_module *c = conf_module_find(second, HOST, "mod_found");

	ok(conf_module_restarts(a, b) && conf_module_restarts(b, c));
	ok(!conf_module_restarts(b, b) && !conf_module_restarts(c, a));
	conf_unref(&root);
	conf_unref(&first);
	conf_unref(&second);
}

static void refuses(struct conf *base, const char *name, const char *options, const char *text)
{
	struct conf *conf;
	char *problems = change(base, HOST, name, options, false, &conf);

	ok(!conf);
	is_cstr(problems, text);
	free(problems);
}

static void test_refused(void)
{
	struct conf *root = must_load(TEXT("mod_ping: {}"));

	refuses(root, "mod_found", "{number: 11}",
	    "OPTIONS:1:10: error: option 'number': expected 1 to 10, got '11'\n");
	refuses(root, "mod_found", "greeting: x\nnmber: 1\n",
	    "OPTIONS:2:1: error: unknown option 'nmber' of module 'mod_found' (did you mean 'number'?)\n");
	refuses(root, "mod_found", "[1]",
	    "OPTIONS:1:1: error: module 'mod_found': expected a mapping, got a list\n");
	refuses(root, "mod_broken", NULL, "NAME: error: module 'mod_broken': it is broken\n");
	refuses(root, "", NULL, "NAME: error: unknown module ''; there is no such file in /nowhere\n");
	refuses(root, "mod_muc", NULL,
	    "NAME: not available yet: module 'mod_muc'\n"
	    "NAME: error: module 'mod_muc' is not available yet\n");
	conf_unref(&root);
}

/* A thousand changes one upon the other keep the file's snapshot and the last one. */
static void test_no_chain(void)
{
	struct conf *conf = must_load(TEXT("mod_ping: {}")), *next;
	const struct conf *root = conf;

	for (int i = 0; i < 1000; i++) {
		struct conf_change what = {HOST, STR("mod_found"), STR("{greeting: x}"), true};
		struct conf_report report;

		if (conf_with_module(conf, &what, &next, &report) < 0)
			break;
		conf_report_fini(&report);
		conf_unref(&conf);
		conf = next;
	}
	ok(conf_of_file(conf) == root);
	is_int(conf_module_count(conf, HOST), 2);
	conf_unref(&conf);
}

static void bad_table(const struct option *options, const char *text)
{
	struct err err = {0};

	ok(conf_check_options(options, &err) < 0);
	is_cstr(err.text, text);
}

static void test_check_options(void)
{
	struct option good[] = {
	    {"a", OPTION_DOMAIN, "x.@HOST@", ""}, {"b", OPTION_ENUM, "y", "", "x|y"}, {0}};
	struct option type[] = {{"a", (enum option_type)99, NULL, ""}, {0}};
	struct option words[] = {{"a", OPTION_ENUM, "x", ""}, {0}};
	struct option def[] = {{"a", OPTION_DURATION, "soon", ""}, {0}};
	struct option yaml[] = {{"a", OPTION_STRINGS, "[x", ""}, {0}};
	struct err err;

	is_int(conf_check_options(good, &err), 0);
	bad_table(type, "option 'a' has a type that there is not");
	bad_table(words, "option 'a' lacks the words that it can have");
	bad_table(def,
	    "the default of option 'a' is none: option 'a': expected a time such as '10 minutes', or a "
	    "number of seconds, got 'soon'");
	ok(conf_check_options(yaml, &err) < 0);
}

int main(void)
{
	conf_set_module_finder(find);
	run(test_found);
	run(test_not_found);
	run(test_same_code);
	run(test_add_and_remove);
	run(test_options_stay);
	run(test_restarts);
	run(test_refused);
	run(test_no_chain);
	run(test_check_options);
	free(table);
	return tap_done();
}
