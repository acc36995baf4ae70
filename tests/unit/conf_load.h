/* SPDX-License-Identifier: Apache-2.0 */
/* Loading a configuration from a literal, with its problems as text. */
#pragma once

#include "conf/conf.h"
#include "tap.h"

/* All problems, a line each. free it. */
static inline char *problems_text(const struct conf_report *report)
{
	struct strbuf buf = {0};

	for (size_t i = 0; i < report->count; i++) {
		conf_problem_print(&report->problems[i], &buf);
		strbuf_char(&buf, '\n');
	}
	return strbuf_take(&buf);
}

/* The configuration, or NULL with its problems printed. */
static inline struct conf *must_load(const char *text)
{
	struct conf_report report;
	struct conf *conf = NULL;

	if (!ok(conf_load_text(str_of(text), "test", &conf, &report) == 0)) {
		char *problems = problems_text(&report);

		printf("# %s\n", problems);
		free(problems);
	}
	conf_report_fini(&report);
	return conf;
}

/* The problems that a text has; free it. */
static inline char *problems_of(const char *text)
{
	struct conf_report report;
	struct conf *conf = NULL;
	char *problems;

	conf_load_text(str_of(text), "test", &conf, &report);
	problems = problems_text(&report);
	conf_report_fini(&report);
	conf_unref(&conf);
	return problems;
}
