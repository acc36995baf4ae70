/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>

#include "admin/registry.h"

void command_usage(const struct command *command, struct strbuf *out)
{
	const struct command_argument *argument = command->arguments;

	strbuf_cstr(out, command->name);
	for (; argument && argument->name; argument++) {
		strbuf_cstr(out, argument->def ? " [" : " ");
		for (const char *c = argument->name; *c; c++)
			strbuf_char(out, (char)toupper((unsigned char)*c));
		if (argument->type == COMMAND_STRINGS || argument->type == COMMAND_TUPLES)
			strbuf_cstr(out, ",...");
		if (argument->def)
			strbuf_char(out, ']');
	}
}

/* Adds how the command is used; returns -1. */
static int usage_error(const struct command *command, struct err *err)
{
	struct strbuf usage = {0};
	struct err what = *err;

	command_usage(command, &usage);
	err_set(err, "%s; usage: %s", what.text, usage.ptr);
	strbuf_fini(&usage);
	return -1;
}

static size_t argument_count(const struct command *command)
{
	size_t count = 0;

	while (command->arguments && command->arguments[count].name)
		count++;
	return count;
}

/* --- one value ---------------------------------------------------------------------------------------- */

static struct str text_of(const json_t *value)
{
	return (struct str){json_string_value(value), json_string_length(value)};
}

static json_t *integer_from(const json_t *value)
{
	int64_t integer;

	if (json_is_integer(value))
		return json_integer(json_integer_value(value));
	if (json_is_string(value) && str_to_i64(str_trim(text_of(value)), &integer))
		return json_integer(integer);
	return NULL;
}

static json_t *strings_split(struct str text)
{
	json_t *list = json_array();

	while (text.len) {
		struct str part = str_trim(str_cut(text, ',', &text));
		if (part.len)
			json_array_append_new(list, json_stringn(part.ptr, part.len));
	}
	return list;
}

/* NULL: it is neither. */
static json_t *list_from(const json_t *value)
{
	if (json_is_string(value))
		return strings_split(text_of(value));
	return json_is_array(value) ? json_copy((json_t *)value) : NULL;
}

static json_t *strings_from(const json_t *value)
{
	size_t i;
	json_t *item;

	json_array_foreach(value, i, item) if (!json_is_string(item)) return NULL;
	return list_from(value);
}

/* "a:b:c": the last field is what is left. */
static json_t *tuple_split(struct str text, const char *const *fields)
{
	json_t *tuple = json_object();

	for (; *fields; fields++) {
		struct str part = text;
		if (fields[1])
			part = str_cut(text, ':', &text);
		json_object_set_new(tuple, *fields, json_stringn(part.ptr ? part.ptr : "", part.len));
	}
	return tuple;
}

/* NULL: a field is missing, or is no string. */
static json_t *tuple_from(const json_t *value, const char *const *fields)
{
	json_t *tuple;

	if (json_is_string(value))
		return tuple_split(text_of(value), fields);
	tuple = json_object();
	for (; *fields; fields++) {
		json_t *field = json_object_get(value, *fields);
		if (!json_is_string(field)) {
			json_decref(tuple);
			return NULL;
		}
		json_object_set(tuple, *fields, field);
	}
	return tuple;
}

static json_t *tuples_from(const json_t *value, const char *const *fields)
{
	json_t *given = list_from(value), *list = json_array(), *item;
	size_t i;

	json_array_foreach(given, i, item)
	{
		json_t *tuple = tuple_from(item, fields);
		if (!tuple) {
			json_decref(list);
			list = NULL;
			break;
		}
		json_array_append_new(list, tuple);
	}
	if (!given) {
		json_decref(list);
		list = NULL;
	}
	json_decref(given);
	return list;
}

static int take_value(
    const struct command_argument *argument, const json_t *value, json_t *arguments, struct err *err)
{
	static const char *const wanted[] = {
	    [COMMAND_STRING] = "a string",
	    [COMMAND_INTEGER] = "an integer",
	    [COMMAND_STRINGS] = "a list of strings",
	    [COMMAND_TUPLES] = "a list of objects",
	};
	json_t *taken = NULL;

	if (argument->type == COMMAND_INTEGER)
		taken = integer_from(value);
	else if (argument->type == COMMAND_STRINGS)
		taken = strings_from(value);
	else if (argument->type == COMMAND_TUPLES)
		taken = tuples_from(value, argument->fields);
	else if (json_is_string(value))
		taken = json_incref((json_t *)value);
	if (!taken)
		return err_set(err, "argument '%s' must be %s", argument->name, wanted[argument->type]);
	json_object_set_new(arguments, argument->name, taken);
	return 0;
}

/* --- all of them -------------------------------------------------------------------------------------- */

static const struct command_argument *argument_named(const struct command *command, const char *name)
{
	const struct command_argument *argument = command->arguments;

	for (; argument && argument->name; argument++)
		if (strcmp(argument->name, name) == 0)
			return argument;
	return NULL;
}

static int take_by_name(
    const struct command *command, const json_t *given, json_t *arguments, struct err *err)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)given, name, value)
	{
		const struct command_argument *argument = argument_named(command, name);
		if (!argument)
			return err_set(err, "%s has no argument '%.64s'", command->name, name);
		if (take_value(argument, value, arguments, err) < 0)
			return -1;
	}
	return 0;
}

static int take_by_place(
    const struct command *command, const json_t *given, json_t *arguments, struct err *err)
{
	size_t i, count = argument_count(command);
	json_t *value;

	if (json_array_size(given) > count)
		return err_set(err, "%s takes %zu argument%s, %zu were given", command->name, count,
		    count == 1 ? "" : "s", json_array_size(given));
	json_array_foreach(
	    given, i, value) if (take_value(&command->arguments[i], value, arguments, err) < 0) return -1;
	return 0;
}

static int fill_in(const struct command *command, json_t *arguments, struct err *err)
{
	const struct command_argument *argument = command->arguments;
	int result = 0;

	for (; argument && argument->name && result == 0; argument++) {
		if (json_object_get(arguments, argument->name))
			continue;
		if (!argument->def)
			return err_set(err, "argument '%s' is missing (%s)", argument->name, argument->doc);
		json_t *value = json_string(argument->def);
		result = take_value(argument, value, arguments, err);
		json_decref(value);
	}
	return result;
}

int command_check(
    const struct command *command, const json_t *given, struct command_call *call, struct err *err)
{
	json_t *arguments = json_object();
	int result = 0;

	if (json_is_object(given))
		result = take_by_name(command, given, arguments, err);
	else if (json_is_array(given))
		result = take_by_place(command, given, arguments, err);
	else if (given && !json_is_null(given))
		result = err_set(err, "arguments are an object or a list");
	if (result == 0)
		result = fill_in(command, arguments, err);
	if (result == 0) {
		call->arguments = arguments;
		return 0;
	}
	json_decref(arguments);
	return usage_error(command, err);
}
