/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/registry.h"
#include "tap.h"

static enum command_outcome run_nothing(struct command_call *call)
{
	return COMMAND_OK;
}

static const struct command_argument three[] = {
    {"user", COMMAND_STRING, "who", NULL},
    {"count", COMMAND_INTEGER, "how many", "7"},
    {"groups", COMMAND_STRINGS, "where", ""},
    {0},
};
static const struct command table[] = {
    {.name = "send_it",
	.tag = "one",
	.doc = "Sends.",
	.arguments = three,
	.result = COMMAND_RESCODE,
	.run = run_nothing},
    {.name = "send", .tag = "one", .doc = "Shorter.", .result = COMMAND_VALUE, .run = run_nothing},
    {.name = "abc", .tag = "two", .doc = "First.", .result = COMMAND_LIST, .run = run_nothing},
    {0},
};
static const struct command taken[] = {
    {.name = "before", .tag = "x", .doc = "x", .result = COMMAND_LIST, .run = run_nothing},
    {.name = "abc", .tag = "x", .doc = "x", .result = COMMAND_LIST, .run = run_nothing},
    {.name = "behind", .tag = "x", .doc = "x", .result = COMMAND_LIST, .run = run_nothing},
    {0},
};

/* --- the registry ------------------------------------------------------------------------------------- */

static void add_name(void *arg, const struct command *command)
{
	strbuf_printf(arg, "%s ", command->name);
}

static void is_names(const char *want)
{
	struct strbuf names = {0};

	commands_each(add_name, &names);
	is_text(strbuf_view(&names), want);
	strbuf_fini(&names);
}

static void test_find(void)
{
	struct err err = {""};

	is_int(command_register(table, &err), 0);
	is_names("abc send send_it ");
	ok(command_find(STR("send_it")) == &table[0]);
	ok(command_find(STR("send-it")) == &table[0]);
	ok(command_find(STR("send")) == &table[1]);
	ok(!command_find(STR("sen")));
	ok(!command_find(STR("send_")));
	ok(!command_find(STR("")));
	command_unregister(table);
	is_names("");
	ok(!command_find(STR("send")));
}

static void test_taken_name(void)
{
	struct err err = {""};

	is_int(command_register(table, &err), 0);
	ok(command_register(taken, &err) < 0);
	ok(strstr(err.text, "abc") != NULL);
	is_names("abc send send_it ");
	command_unregister(taken);
	is_names("abc send send_it ");
	command_unregister(table);
}

static void test_nearest(void)
{
	struct err err = {""};

	ok(!command_nearest(STR("send")));
	is_int(command_register(table, &err), 0);
	is_cstr(command_nearest(STR("sned_it")), "send_it");
	is_cstr(command_nearest(STR("sendit")), "send_it");
	ok(!command_nearest(STR("quite_different")));
	ok(!command_nearest(STR("x")));
	ok(!command_nearest(STR("")));
	command_unregister(table);
}

static void test_describe(void)
{
	json_t *description = command_describe(&table[0]);
	const json_t *arguments = json_object_get(description, "arguments");
	const json_t *count = json_array_get(arguments, 1);

	is_cstr(json_string_value(json_object_get(description, "name")), "send_it");
	is_cstr(json_string_value(json_object_get(description, "result")), "rescode");
	is_int(json_array_size(arguments), 3);
	is_cstr(json_string_value(json_object_get(count, "type")), "integer");
	is_cstr(json_string_value(json_object_get(count, "default")), "7");
	ok(!json_object_get(json_array_get(arguments, 0), "default"));
	json_decref(description);
}

static void test_usage(void)
{
	struct strbuf usage = {0};

	command_usage(&table[0], &usage);
	is_text(strbuf_view(&usage), "send_it USER [COUNT] [GROUPS,...]");
	strbuf_fini(&usage);
}

/* --- arguments ---------------------------------------------------------------------------------------- */

static int check(const char *given, struct command_call *call, struct err *err)
{
	json_t *json = given ? json_loads(given, 0, NULL) : NULL;

	*call = (struct command_call){0};
	err->text[0] = '\0';
	int result = command_check(&table[0], json, call, err);
	json_decref(json);
	return result;
}

static void test_arguments(void)
{
	static const char *const good[] = {
	    "{\"user\":\"bob\",\"count\":3,\"groups\":[\"a\",\"b c\"]}",
	    "{\"groups\":\" a , b c,\",\"user\":\"bob\",\"count\":\" 3 \"}",
	    "[\"bob\",\"3\",\"a,b c\"]",
	    "[\"bob\",3,[\"a\",\"b c\"]]",
	};
	struct command_call call;
	struct err err;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		is_int(check(good[i], &call, &err), 0);
		is_text(command_string(&call, "user"), "bob");
		is_int(command_integer(&call, "count"), 3);
		const json_t *groups = json_object_get(call.arguments, "groups");
		is_int(json_array_size(groups), 2);
		is_cstr(json_string_value(json_array_get(groups, 1)), "b c");
		command_call_fini(&call);
	}
}

static void test_defaults(void)
{
	struct command_call call;
	struct err err;

	is_int(check("[\"bob\"]", &call, &err), 0);
	is_int(command_integer(&call, "count"), 7);
	is_int(json_array_size(json_object_get(call.arguments, "groups")), 0);
	command_call_fini(&call);
}

static void is_refused(const char *given, const char *why)
{
	struct command_call call;
	struct err err;

	ok(check(given, &call, &err) < 0);
	if (!ok(strstr(err.text, why) != NULL))
		printf("# got: %s\n", err.text);
	ok(strstr(err.text, "usage: send_it USER") != NULL);
	ok(call.arguments == NULL);
}

static void test_refused(void)
{
	is_refused(NULL, "'user' is missing");
	is_refused("{}", "'user' is missing");
	is_refused("[]", "'user' is missing");
	is_refused("[\"a\",\"1\",\"b\",\"c\"]", "takes 3 arguments, 4 were given");
	is_refused("{\"user\":1}", "'user' must be a string");
	is_refused("[\"a\",\"many\"]", "'count' must be an integer");
	is_refused("[\"a\",1.5]", "'count' must be an integer");
	is_refused("[\"a\",1,[1]]", "'groups' must be a list of strings");
	is_refused("{\"user\":\"a\",\"usr\":\"b\"}", "no argument 'usr'");
	is_refused("[null]", "'user' must be a string");
	is_refused("[\"a\", \"99999999999999999999\"]", "'count' must be an integer");
}

static const char *const fields[] = {"name", "value", NULL};
static const struct command_argument tuples[] = {
    {.name = "options", .type = COMMAND_TUPLES, .doc = "what", .fields = fields},
    {0},
};
static const struct command with_tuples = {
    .name = "set", .tag = "x", .doc = "x", .arguments = tuples, .run = run_nothing};

/* want NULL: it is refused. */
static void is_tuples(const char *given, const char *want)
{
	struct command_call call = {0};
	struct err err;
	json_t *json = json_loads(given, 0, NULL);
	int rc = command_check(&with_tuples, json, &call, &err);
	is_int(rc, want ? 0 : -1);
	if (rc == 0) {
		char *text = json_dumps(command_list(&call, "options"), JSON_COMPACT);
		is_cstr(text, want);
		free(text);
		command_call_fini(&call);
	}
	json_decref(json);
}

static void test_tuples(void)
{
	is_tuples("[[]]", "[]");
	is_tuples("[\"\"]", "[]");
	is_tuples("[\"a:b, c:d:e,f\"]",
	    "[{\"name\":\"a\",\"value\":\"b\"},{\"name\":\"c\",\"value\":\"d:e\"},{\"name\":\"f\",\"value\":\"\"}]");
	is_tuples("{\"options\":[\"a:b\"]}", "[{\"name\":\"a\",\"value\":\"b\"}]");
	is_tuples("{\"options\":[{\"value\":\"b,c\",\"name\":\"a\",\"more\":1}]}",
	    "[{\"name\":\"a\",\"value\":\"b,c\"}]");
	is_tuples("{\"options\":[{\"name\":\"a\"}]}", NULL);
	is_tuples("{\"options\":[{\"name\":\"a\",\"value\":true}]}", NULL);
	is_tuples("{\"options\":[1]}", NULL);
	is_tuples("{\"options\":{\"name\":\"a\",\"value\":\"b\"}}", NULL);
	is_tuples("{\"options\":1}", NULL);
}

static void test_say(void)
{
	struct command_call call = {0};

	is_int(command_say(&call, COMMAND_CONFLICT, "%d of them", 3), COMMAND_CONFLICT);
	is_int(command_say(&call, COMMAND_FAILED, "%s", "again"), COMMAND_FAILED);
	is_text(strbuf_view(&call.text), "again");
	command_call_fini(&call);
}

int main(void)
{
	run(test_find);
	run(test_taken_name);
	run(test_nearest);
	run(test_describe);
	run(test_usage);
	run(test_arguments);
	run(test_defaults);
	run(test_refused);
	run(test_tuples);
	run(test_say);
	return tap_done();
}
