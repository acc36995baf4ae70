/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration's problems, for people and for the log. */
#pragma once

#include "conf/conf.h"

/* "FILE:LINE:COL: error: TEXT", one a line. */
void report_write(const struct conf_report *report, struct strbuf *out);
/* The same into the log. */
void report_log(const struct conf_report *report);
