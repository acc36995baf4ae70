/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/loader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum { QUOTE_MAX = 80, TEXT_MAX = 1024 };

static struct conf_problem *report_grow(struct conf_report *report)
{
	/* The capacity is the power of two that holds count. */
	if ((report->count & (report->count - 1)) == 0)
		report->problems = mem_realloc_array(
		    report->problems, report->count ? report->count * 2 : 1, sizeof(*report->problems));
	return &report->problems[report->count++];
}

void problem_add(struct loader *loader, enum conf_severity severity, const char *file, unsigned line,
    unsigned column, const char *text)
{
	struct conf_report *report = loader->report;
	struct conf_problem *problem;
	struct str key;

	if (severity == CONF_ERROR)
		report->errors++;
	key = str_of(arena_printf(&report->arena, "%s\n%u\n%u\n%s", file ? file : "", line, column, text));
	if (report->count >= LOADER_PROBLEMS_MAX || map_get(&loader->seen, key)) {
		if (severity == CONF_ERROR && report->count < LOADER_PROBLEMS_MAX)
			report->errors--;
		return;
	}
	map_put(&loader->seen, key, (void *)loader);
	problem = report_grow(report);
	*problem = (struct conf_problem){
	    .severity = severity,
	    .file = arena_str(&report->arena, str_of(file ? file : "configuration")).ptr,
	    .line = line,
	    .column = column,
	    .text = arena_str(&report->arena, str_of(text)).ptr,
	};
}

static void problem_vadd(struct loader *loader, enum conf_severity severity, const struct option_node *at,
    const char *format, va_list args)
{
	char text[TEXT_MAX];

	vsnprintf(text, sizeof(text), format, args);
	if (at)
		problem_add(loader, severity, at->file, at->line, at->column, text);
	else
		problem_add(loader, severity, loader->files[0], 0, 0, text);
}

void problem_error(struct loader *loader, const struct option_node *at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	problem_vadd(loader, CONF_ERROR, at, format, args);
	va_end(args);
}

void problem_warning(struct loader *loader, const struct option_node *at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	problem_vadd(loader, CONF_WARNING, at, format, args);
	va_end(args);
}

void problem_later(struct loader *loader, const struct option_node *at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	problem_vadd(loader, CONF_LATER, at, format, args);
	va_end(args);
}

const char *problem_quote(struct loader *loader, struct str s)
{
	char text[QUOTE_MAX + 4];
	size_t len = s.len < QUOTE_MAX ? s.len : QUOTE_MAX;

	while (len > 0 && len < s.len && ((unsigned char)s.ptr[len] & 0xc0) == 0x80)
		len--;
	for (size_t i = 0; i < len; i++)
		text[i] = (unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f ? '?' : s.ptr[i];
	return arena_printf(&loader->report->arena, "'%.*s%s'", (int)len, text, len < s.len ? "..." : "");
}

const char *problem_got(struct loader *loader, const struct option_node *node)
{
	switch (node->kind) {
	case OPTION_NODE_LIST:
		return "a list";
	case OPTION_NODE_MAP:
		return "a mapping";
	case OPTION_NODE_SCALAR:
		break;
	}
	return node->scalar.len == 0 && !node->quoted ? "nothing" : problem_quote(loader, node->scalar);
}

static unsigned file_rank(const struct loader *loader, const char *file)
{
	for (unsigned i = 0; i < loader->file_count; i++) {
		if (strcmp(loader->files[i], file) == 0)
			return i;
	}
	return LOADER_FILES_MAX;
}

static int problem_compare(const void *left, const void *right, void *context)
{
	const struct conf_problem *a = left, *b = right;
	unsigned rank_a = file_rank(context, a->file), rank_b = file_rank(context, b->file);

	if (rank_a != rank_b)
		return rank_a < rank_b ? -1 : 1;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return strcmp(a->text, b->text);
}

void problem_sort(struct loader *loader)
{
	if (loader->report->count > 1)
		qsort_r(loader->report->problems, loader->report->count, sizeof(struct conf_problem),
		    problem_compare, loader);
}

struct option_node *loader_node(struct loader *loader, const struct option_node *near)
{
	if (loader->nodes >= LOADER_NODES_MAX) {
		if (!loader->exhausted)
			problem_error(loader, near,
			    "the configuration is too large after aliases, macros and keywords are replaced");
		loader->exhausted = true;
		return NULL;
	}
	loader->nodes++;
	return arena_zalloc(loader->arena, sizeof(struct option_node));
}

void conf_report_fini(struct conf_report *report)
{
	free(report->problems);
	arena_fini(&report->arena);
	*report = (struct conf_report){0};
}

void conf_problem_print(const struct conf_problem *problem, struct strbuf *buf)
{
	static const char *const words[] = {
	    [CONF_ERROR] = "error", [CONF_WARNING] = "warning", [CONF_LATER] = "not available yet"};

	strbuf_printf(buf, "%s:", problem->file);
	if (problem->line)
		strbuf_printf(buf, "%u:%u:", problem->line, problem->column);
	strbuf_printf(buf, " %s: %s", words[problem->severity], problem->text);
}
