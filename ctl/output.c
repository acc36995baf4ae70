/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <stdlib.h>
#include <string.h>

#include "grid.h"
#include "stanzad/str.h"

enum { STATUS_FAILED = 1, STATUS_CONFLICT = 2 };

/* ejabberd's numbers of errors, which scripts on its REST API look at. */
enum { CODE_FAILED = 10001, CODE_CONFLICT = 10090 };

int output_status(const json_t *answer)
{
	static const char *const outcomes[] = {"ok", "failed", "conflict", "not_found", "usage"};
	const char *outcome = json_string_value(json_object_get(answer, "outcome"));

	for (int i = 0; outcome && i < 5; i++)
		if (strcmp(outcome, outcomes[i]) == 0)
			return i;
	return STATUS_FAILED;
}

static const char *text_of(const json_t *answer)
{
	const char *text = json_string_value(json_object_get(answer, "text"));

	return text ? text : "";
}

static bool result_is(const json_t *description, const char *kind)
{
	const char *result = json_string_value(json_object_get(description, "result"));

	return result && strcmp(result, kind) == 0;
}

/* --- cells -------------------------------------------------------------------------------------------- */

/* A C1 control in UTF-8 is two bytes. */
static bool is_c1(const char *c)
{
	return (unsigned char)c[0] == 0xc2 && (unsigned char)c[1] >= 0x80 && (unsigned char)c[1] < 0xa0;
}

/*
 * What users wrote may hold anything: line ends and tabs would break the columns, control characters command
 * the terminal.
 */
static void add_clean(struct strbuf *out, const char *text)
{
	for (const char *c = text; *c; c++) {
		unsigned char byte = (unsigned char)*c;
		if (byte == '\n')
			strbuf_cstr(out, "\\n");
		else if (byte == '\t')
			strbuf_cstr(out, "\\t");
		else if (byte < 0x20 || byte == 0x7f)
			strbuf_printf(out, "\\u%04x", byte);
		else if (is_c1(c))
			strbuf_printf(out, "\\u%04x", (unsigned char)*++c);
		else
			strbuf_char(out, *c);
	}
}

static void add_value(struct strbuf *out, const json_t *value)
{
	size_t i;
	json_t *item;

	if (json_is_string(value))
		add_clean(out, json_string_value(value));
	else if (json_is_integer(value))
		strbuf_printf(out, "%lld", (long long)json_integer_value(value));
	else if (json_is_boolean(value))
		strbuf_cstr(out, json_is_true(value) ? "true" : "false");
	json_array_foreach(value, i, item)
	{
		if (i)
			strbuf_char(out, ',');
		add_value(out, item);
	}
}

static char *cell(const json_t *value)
{
	struct strbuf out = {0};

	add_value(&out, value);
	return strbuf_take(&out);
}

/* --- plain -------------------------------------------------------------------------------------------- */

static void print_value(const json_t *value)
{
	char *text = cell(value);

	puts(text);
	free(text);
}

static void print_list(const json_t *list)
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item) print_value(item);
}

/* A column's name as a heading. */
static char *heading(const json_t *column)
{
	char *text = cell(column);

	for (char *c = text; *c; c++)
		*c = *c >= 'a' && *c <= 'z' ? (char)(*c - 0x20) : *c;
	return text;
}

static void print_table(const json_t *rows, const json_t *columns, bool terminal)
{
	struct grid grid = {.columns = json_array_size(columns)};
	size_t i, j;
	json_t *row, *column;

	if (terminal && json_array_size(rows))
		json_array_foreach(columns, j, column) grid_put(&grid, heading(column));
	json_array_foreach(rows, i, row) json_array_foreach(columns, j, column)
	    grid_put(&grid, cell(json_object_get(row, json_string_value(column))));
	grid_print(&grid, stdout, terminal);
	grid_fini(&grid);
}

/* Without columns any member counts: one a line. With them a script gets one line, a person one a line. */
static void print_object(const json_t *object, const json_t *columns, bool terminal)
{
	size_t count = json_array_size(columns), j;
	bool upright = terminal || !count;
	struct grid grid = {.columns = upright ? 2 : count};
	json_t *column, *value;
	const char *name;

	if (!count) {
		json_object_foreach((json_t *)object, name, value)
		{
			grid_put(&grid, str_dup(str_of(name)));
			grid_put(&grid, cell(value));
		}
	}
	json_array_foreach(columns, j, column)
	{
		if (upright)
			grid_put(&grid, cell(column));
		grid_put(&grid, cell(json_object_get(object, json_string_value(column))));
	}
	grid_print(&grid, stdout, terminal);
	grid_fini(&grid);
}

static void print_text(FILE *to, const char *prefix, const char *text)
{
	size_t len = strlen(text);

	if (len)
		fprintf(to, "%s%s%s", prefix, text, text[len - 1] == '\n' ? "" : "\n");
}

static void print_plain(const struct output *output, const json_t *description, const json_t *answer)
{
	const json_t *result = json_object_get(answer, "result");
	const json_t *columns = json_object_get(description, "columns");

	if (result_is(description, "value"))
		print_value(result);
	else if (result_is(description, "list"))
		print_list(result);
	else if (result_is(description, "table"))
		print_table(result, columns, output->terminal);
	else if (result_is(description, "object"))
		print_object(result, columns, output->terminal);
	else if (!output->quiet)
		print_text(stdout, "", text_of(answer));
}

static void print_failure(const struct output *output, const json_t *description, const json_t *answer)
{
	struct strbuf prefix = {0};
	const char *name = json_string_value(json_object_get(description, "name"));
	const char *text = text_of(answer);

	if (json_object_get(answer, "result") && description)
		print_plain(output, description, answer);
	strbuf_printf(&prefix, "%s: ", output->place ? output->place : "stanzactl");
	if (name && output->place)
		strbuf_printf(&prefix, "%s: ", name);
	print_text(stderr, prefix.ptr, *text ? text : "failed");
	strbuf_fini(&prefix);
}

/* --- JSON --------------------------------------------------------------------------------------------- */

static json_t *as_rest(const json_t *description, const json_t *answer, int status)
{
	json_t *result = json_object_get(answer, "result");

	if (result_is(description, "rescode") && status <= STATUS_FAILED)
		return json_integer(status);
	if (status != 0)
		return json_pack("{s:s, s:i, s:s}", "status", "error", "code",
		    status == STATUS_CONFLICT ? CODE_CONFLICT : CODE_FAILED, "message", text_of(answer));
	if (result_is(description, "restuple"))
		return json_string(text_of(answer));
	return result ? json_incref(result) : json_null();
}

/* Beyond what JSON asks for, so that nothing commands the terminal. */
static void put_bytes(const char *bytes, size_t len, FILE *to)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] == 0x7f || (i + 1 < len && is_c1(bytes + i)))
			fprintf(to, "\\u%04x", (unsigned char)(bytes[i] == 0x7f ? 0x7f : bytes[++i]));
		else
			fputc(bytes[i], to);
	}
}

void output_json(FILE *to, const json_t *value, bool indented)
{
	char *text = json_dumps(value, JSON_ENCODE_ANY | (indented ? JSON_INDENT(2) : JSON_COMPACT));

	if (text)
		put_bytes(text, strlen(text), to);
	free(text);
	fputc('\n', to);
}

static void print_json(
    const struct output *output, const json_t *description, const json_t *answer, int status)
{
	json_t *value = as_rest(description, answer, status);

	output_json(stdout, value, output->terminal);
	json_decref(value);
}

int output_answer(const struct output *output, const json_t *description, const json_t *answer)
{
	int status = output_status(answer);

	if (output->json)
		print_json(output, description, answer, status);
	else if (status == 0)
		print_plain(output, description, answer);
	else
		print_failure(output, description, answer);
	return status;
}
