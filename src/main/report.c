/* SPDX-License-Identifier: Apache-2.0 */
#include "main/report.h"

#include "stanzad/log.h"

static const char *severity_word(enum conf_severity severity)
{
	switch (severity) {
	case CONF_ERROR:
		return "error";
	case CONF_WARNING:
		return "warning";
	default:
		return "not yet available";
	}
}

static void place(const struct conf_problem *problem, struct strbuf *out)
{
	strbuf_cstr(out, problem->file ? problem->file : "configuration");
	if (problem->line)
		strbuf_printf(out, ":%u:%u", problem->line, problem->column);
}

void report_write(const struct conf_report *report, struct strbuf *out)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct conf_problem *problem = &report->problems[i];
		place(problem, out);
		strbuf_printf(out, ": %s: %s\n", severity_word(problem->severity), problem->text);
	}
}

void report_log(const struct conf_report *report)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct conf_problem *problem = &report->problems[i];
		struct strbuf where = {0};
		place(problem, &where);
		LOG_AT(problem->severity == CONF_ERROR ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING,
		    "config.problem", LOG_STR("at", strbuf_view(&where)),
		    LOG_CSTR("kind", severity_word(problem->severity)), LOG_CSTR("text", problem->text));
		strbuf_fini(&where);
	}
}
