/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where log lines go and which are written. Set up by main and by reload; stanzad/log.h is for everyone else.
 * Any thread. A line is a time stamp (RFC 3339, UTC, milliseconds), the level, the event and the fields, in
 * one write(2). Controls and characters that reorder text become \uXXXX, bytes that are not UTF-8 \xXX (in
 * JSON: the four characters "\xXX"). A value over 2 KiB is cut and ends in "...[+N bytes]".
 */
#pragma once

#include "stanzad/err.h"
#include "stanzad/log.h"

enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

void log_set_level(enum log_level level);
void log_set_format(enum log_format format);
/* path NULL is standard error. Appends; the file is made when it is not there. < 0 leaves the present one in
 * use. */
int log_set_file(const char *path, struct err *err);
/* Opens the file anew, after rotation. */
int log_reopen(struct err *err);
/* "none", "critical", "error", "warning", "info", "debug" or ejabberd's numbers 0-5; < 0 for another word. */
int log_level_parse(struct str name, enum log_level *level_r);
const char *log_level_name(enum log_level level);
