/* SPDX-License-Identifier: Apache-2.0 */
#include "help.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "grid.h"
#include "stanzad/str.h"

static const char *member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static void add_arguments(struct strbuf *out, const json_t *description)
{
	size_t i;
	json_t *argument;

	json_array_foreach(json_object_get(description, "arguments"), i, argument)
	{
		bool optional = json_object_get(argument, "default") != NULL;
		strbuf_cstr(out, optional ? " [" : " ");
		for (const char *c = member(argument, "name"); *c; c++)
			strbuf_char(out, (char)toupper((unsigned char)*c));
		const char *type = member(argument, "type");
		if (strcmp(type, "strings") == 0 || strcmp(type, "tuples") == 0)
			strbuf_cstr(out, ",...");
		if (optional)
			strbuf_char(out, ']');
	}
}

static void put_row(struct grid *grid, const json_t *description)
{
	struct strbuf use = {0};

	strbuf_printf(&use, "  %s", member(description, "name"));
	add_arguments(&use, description);
	grid_put(grid, strbuf_take(&use));
	grid_put(grid, str_dup(str_of(member(description, "doc"))));
}

/* Tags come in the order in which they first appear among the names. */
static void print_tag(const json_t *descriptions, const char *tag)
{
	struct grid grid = {.columns = 2};
	size_t i;
	json_t *description;

	printf("\n%s:\n", tag);
	json_array_foreach(descriptions, i, description) if (strcmp(member(description, "tag"), tag) == 0)
	    put_row(&grid, description);
	grid_print(&grid, stdout, true);
	grid_fini(&grid);
}

static bool is_first_of_tag(const json_t *descriptions, size_t at, const char *tag)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(member(json_array_get(descriptions, i), "tag"), tag) == 0)
			return false;
	return true;
}

void help_commands(const json_t *descriptions)
{
	size_t i;
	json_t *description;

	puts("\nCommands (dashes and underscores are the same; more of one: stanzactl help COMMAND)");
	json_array_foreach(descriptions, i, description)
	{
		const char *tag = member(description, "tag");
		if (is_first_of_tag(descriptions, i, tag))
			print_tag(descriptions, tag);
	}
}

static void print_arguments(const json_t *description)
{
	struct grid grid = {.columns = 3};
	size_t i;
	json_t *argument;

	json_array_foreach(json_object_get(description, "arguments"), i, argument)
	{
		struct strbuf name = {0}, doc = {0};
		const json_t *def = json_object_get(argument, "default");
		strbuf_printf(&name, "  %s", member(argument, "name"));
		strbuf_cstr(&doc, member(argument, "doc"));
		if (def)
			strbuf_printf(&doc, " (default: '%s')", json_string_value(def));
		grid_put(&grid, strbuf_take(&name));
		grid_put(&grid, str_dup(str_of(member(argument, "type"))));
		grid_put(&grid, strbuf_take(&doc));
	}
	if (grid.count)
		puts("\nArguments:");
	grid_print(&grid, stdout, true);
	grid_fini(&grid);
}

static const char *result_words(const json_t *description)
{
	static const char *const words[][2] = {
	    {"rescode", "nothing but the exit status (JSON: 0 or 1)"},
	    {"restuple", "a sentence (JSON: a string)"},
	    {"value", "one value"},
	    {"list", "one value a line (JSON: an array)"},
	    {"table", "one row a line (JSON: an array of objects)"},
	    {"object", "one row (JSON: an object)"},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(member(description, "result"), words[i][0]) == 0)
			return words[i][1];
	return member(description, "result");
}

void help_command(const json_t *description)
{
	const json_t *columns = json_object_get(description, "columns");
	struct strbuf use = {0};
	size_t i;
	json_t *column;

	strbuf_cstr(&use, member(description, "name"));
	add_arguments(&use, description);
	printf("usage: stanzactl %s\n\n%s\n", use.ptr, member(description, "doc"));
	print_arguments(description);
	printf("\nResult: %s", result_words(description));
	json_array_foreach(columns, i, column)
	    printf("%s%s", i ? ", " : "; columns: ", json_string_value(column));
	puts("");
	strbuf_fini(&use);
}
