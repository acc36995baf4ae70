/* SPDX-License-Identifier: Apache-2.0 */
#include "main/options_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "conf/registry.h"
#include "modules/modules.h"

struct printer {
	enum options_form form;
	struct strbuf *out;
};

bool options_form_parse(const char *word, enum options_form *form_r)
{
	bool man = strcmp(word, "man") == 0;
	if (!man && strcmp(word, "markdown") != 0)
		return false;
	*form_r = man ? OPTIONS_MAN : OPTIONS_MARKDOWN;
	return true;
}

/* --- text: Markdown, of which only `code` is used ------------------------------------------------------- */

static void man_text(struct strbuf *out, const char *text)
{
	bool code = false;
	if (*text == '.' || *text == '\'')
		strbuf_cstr(out, "\\&");
	for (; *text; text++) {
		if (*text == '`')
			strbuf_cstr(out, (code = !code) ? "\\fB" : "\\fR");
		else if (*text == '\\')
			strbuf_cstr(out, "\\e");
		else if (*text == '-')
			strbuf_cstr(out, "\\-");
		else
			strbuf_char(out, *text);
	}
}

static void text(const struct printer *printer, const char *words)
{
	if (printer->form == OPTIONS_MAN)
		man_text(printer->out, words);
	else
		strbuf_cstr(printer->out, words);
}

static void code(const struct printer *printer, struct str words)
{
	struct strbuf quoted = {0};
	strbuf_printf(&quoted, "`%.*s`", STR_FMT(words));
	text(printer, quoted.ptr);
	strbuf_fini(&quoted);
}

static void line_end(const struct printer *printer)
{
	strbuf_char(printer->out, '\n');
}

static void section(const struct printer *printer, const char *name)
{
	strbuf_cstr(printer->out, printer->form == OPTIONS_MAN ? ".SH " : "\n## ");
	text(printer, name);
	line_end(printer);
}

static void subsection(const struct printer *printer, const char *name)
{
	strbuf_cstr(printer->out, printer->form == OPTIONS_MAN ? ".SS " : "\n### ");
	text(printer, name);
	line_end(printer);
}

static void paragraph(const struct printer *printer, const char *words)
{
	strbuf_cstr(printer->out, printer->form == OPTIONS_MAN ? ".PP\n" : "\n");
	text(printer, words);
	line_end(printer);
}

/* --- one option ----------------------------------------------------------------------------------------- */

static const char *type_text(enum option_type type)
{
	static const char *const texts[] = {
	    [OPTION_BOOL] = "`true` or `false`",
	    [OPTION_INT] = "integer",
	    [OPTION_DURATION] = "duration",
	    [OPTION_STRING] = "string",
	    [OPTION_STRINGS] = "string or list of strings",
	    [OPTION_ENUM] = "one of ",
	    [OPTION_ENUMS] = "one or a list of ",
	    [OPTION_PATH] = "path",
	    [OPTION_PATHS] = "path or list of paths",
	    [OPTION_JID] = "JID",
	    [OPTION_JIDS] = "JID or list of JIDs",
	    [OPTION_DOMAIN] = "domain",
	    [OPTION_DOMAINS] = "domain or list of domains",
	    [OPTION_IP] = "address or network",
	    [OPTION_ACCESS] = "access rule",
	    [OPTION_SHAPER] = "shaper, or a rule of `shaper_rules`",
	    [OPTION_MAP] = "mapping",
	    [OPTION_ANY] = "as described",
	};
	return texts[type];
}

static void print_values(const struct printer *printer, const char *values)
{
	struct str rest = str_of(values);
	while (rest.len) {
		code(printer, str_cut(rest, '|', &rest));
		if (rest.len)
			text(printer, ", ");
	}
}

static void print_number(const struct printer *printer, const struct option *option, int64_t number)
{
	static const struct {
		int64_t ms;
		const char *word;
	} units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};
	char words[32];
	size_t unit = 0;
	if (option->type != OPTION_DURATION) {
		snprintf(words, sizeof(words), "%lld", (long long)number);
	} else {
		while (number % units[unit].ms)
			unit++;
		snprintf(
		    words, sizeof(words), "%lld %s", (long long)(number / units[unit].ms), units[unit].word);
	}
	text(printer, words);
}

static void print_range(const struct printer *printer, const struct option *option)
{
	if (option->max) {
		text(printer, ", ");
		print_number(printer, option, option->min);
		text(printer, " to ");
		print_number(printer, option, option->max);
	} else if (option->min) {
		text(printer, ", at least ");
		print_number(printer, option, option->min);
	}
	if (option->flags & OPTION_INFINITY)
		text(printer, ", or `infinity`");
}

static void print_type(const struct printer *printer, const struct option *option)
{
	text(printer, type_text(option->type));
	if (option->type == OPTION_ENUM || option->type == OPTION_ENUMS)
		print_values(printer, option->values);
	if (option->type == OPTION_INT || option->type == OPTION_DURATION)
		print_range(printer, option);
	if (option->def) {
		text(printer, "; default ");
		code(printer, str_of(option->def));
	}
}

static void print_flags(const struct printer *printer, unsigned flags)
{
	if (flags & OPTION_GLOBAL)
		text(printer, " Not inside `host_config`.");
	if (flags & OPTION_RESTART)
		text(printer, " A change counts after a restart.");
	if (flags & OPTION_IGNORED)
		text(printer, " Accepted, and without effect here.");
	if (flags & OPTION_LATER)
		text(printer, " Checked, but not available yet.");
}

static void print_option(const struct printer *printer, const struct option *option)
{
	strbuf_cstr(printer->out, printer->form == OPTIONS_MAN ? ".TP\n" : "- ");
	code(printer, str_of(option->name));
	if (printer->form == OPTIONS_MAN)
		line_end(printer);
	else
		text(printer, ": ");
	print_type(printer, option);
	text(printer, ".");
	if (option->doc) {
		text(printer, " ");
		text(printer, option->doc);
	}
	print_flags(printer, option->flags);
	line_end(printer);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct option *const *)a)->name, (*(const struct option *const *)b)->name);
}

static void print_table(const struct printer *printer, const struct option *table)
{
	size_t count = option_count(table);
	const struct option **sorted = mem_alloc((count + 1) * sizeof(*sorted));
	for (size_t i = 0; i < count; i++)
		sorted[i] = &table[i];
	qsort(sorted, count, sizeof(*sorted), by_name);
	if (count && printer->form == OPTIONS_MARKDOWN)
		line_end(printer);
	for (size_t i = 0; i < count; i++)
		print_option(printer, sorted[i]);
	free(sorted);
}

/* --- everything ----------------------------------------------------------------------------------------- */

static void print_listeners(const struct printer *printer)
{
	section(printer, "LISTENERS");
	paragraph(printer, "Items of the list `listen`.");
	subsection(printer, "Every listener");
	print_table(printer, listener_common_options);
	subsection(printer, "Every listener with TLS");
	print_table(printer, listener_tls_options);
	for (const struct registered *known = known_listeners; known->name; known++) {
		const struct registered *listener = registry_listener(str_of(known->name));
		if (listener->availability != CONF_AVAILABLE)
			continue;
		subsection(printer, known->name);
		print_table(printer, listener->options);
	}
}

static int by_module_name(const void *a, const void *b)
{
	return strcmp((*(const struct module *const *)a)->name, (*(const struct module *const *)b)->name);
}

static void print_modules(const struct printer *printer)
{
	size_t count = 0;
	while (modules_builtin[count])
		count++;
	const struct module **sorted = mem_alloc((count + 1) * sizeof(*sorted));
	memcpy(sorted, modules_builtin, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), by_module_name);
	section(printer, "MODULES");
	paragraph(printer, "Keys of the mapping `modules`, each with a mapping of its options.");
	for (size_t i = 0; i < count; i++) {
		subsection(printer, sorted[i]->name);
		if (sorted[i]->doc)
			paragraph(printer, sorted[i]->doc);
		if (sorted[i]->options)
			print_table(printer, sorted[i]->options);
	}
	free(sorted);
}

/* What is accepted and checked without being there: the names suffice. */
static void print_later(const struct printer *printer)
{
	section(printer, "NOT AVAILABLE YET");
	paragraph(printer, "Of ejabberd: their options are checked, and the server runs without them.");
	strbuf_cstr(printer->out, printer->form == OPTIONS_MAN ? ".PP\n" : "\n");
	const char *between = "";
	for (const struct registered *known = known_listeners; known->name; known++) {
		if (registry_listener(str_of(known->name))->availability == CONF_AVAILABLE)
			continue;
		text(printer, between);
		code(printer, str_of(known->name));
		between = ", ";
	}
	for (const struct registered *known = known_modules; known->name; known++) {
		if (registry_module(str_of(known->name))->availability == CONF_AVAILABLE)
			continue;
		text(printer, between);
		code(printer, str_of(known->name));
		between = ", ";
	}
	text(printer, ".");
	line_end(printer);
}

void options_print(enum options_form form, struct strbuf *out)
{
	struct printer printer = {form, out};
	if (form == OPTIONS_MARKDOWN)
		strbuf_cstr(out, "# Options of stanzad.yml\n");
	section(&printer, "OPTIONS OF THE SERVER");
	print_table(&printer, conf_toplevel_options);
	print_listeners(&printer);
	print_modules(&printer);
	print_later(&printer);
}
