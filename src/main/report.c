/* SPDX-License-Identifier: Apache-2.0 */
#include "main/report.h"

#include "stanzad/log.h"

void report_write(const struct conf_report *report, struct strbuf *out)
{
	for (size_t i = 0; i < report->count; i++) {
		conf_problem_print(&report->problems[i], out);
		strbuf_char(out, '\n');
	}
}

void report_log(const struct conf_report *report)
{
	struct strbuf text = {0};
	for (size_t i = 0; i < report->count; i++) {
		bool error = report->problems[i].severity == CONF_ERROR;
		strbuf_reset(&text);
		conf_problem_print(&report->problems[i], &text);
		LOG_AT(error ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "config.problem",
		    LOG_STR("text", strbuf_view(&text)));
	}
	strbuf_fini(&text);
}
