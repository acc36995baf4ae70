/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structured log: one line per event, logfmt or JSON, with typed fields. Any thread.
 * An event has a dotted name ("c2s.auth_failed"); values are escaped by the writer. Never log a secret.
 *
 *   LOG_INFO("c2s.bound", LOG_STR("jid", jid_full), LOG_INT("worker", 1));
 */
#pragma once

#include "stanzad/str.h"

enum log_level {
	LOG_LEVEL_NONE,
	LOG_LEVEL_CRITICAL,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

struct log_field {
	const char *key; /* NULL ends the list */
	enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_BOOL } kind;
	struct str str;
	int64_t integer;
};

#define LOG_STR(name, value) ((struct log_field){.key = (name), .kind = LOG_FIELD_STR, .str = (value)})
#define LOG_CSTR(name, value) ((struct log_field){.key = (name), .kind = LOG_FIELD_STR, .str = str_of(value)})
#define LOG_INT(name, value)                                                                                 \
	((struct log_field){.key = (name), .kind = LOG_FIELD_INT, .integer = (int64_t)(value)})
#define LOG_BOOL(name, value) ((struct log_field){.key = (name), .kind = LOG_FIELD_BOOL, .integer = (value)})

extern enum log_level log_threshold; /* read-only for callers; set with log_set_level */

/* What the macros below call, when level is logged at all. fields ends with key NULL. */
void log_write(enum log_level level, const char *event, const struct log_field *fields);

#define LOG_AT(level, event, ...)                                                                            \
	do {                                                                                                 \
		if ((level) <= __atomic_load_n(&log_threshold, __ATOMIC_RELAXED))                            \
			log_write(                                                                           \
			    (level), (event), (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){0}});    \
	} while (0)
#define LOG_CRITICAL(event, ...) LOG_AT(LOG_LEVEL_CRITICAL, event, __VA_ARGS__)
#define LOG_ERROR(event, ...) LOG_AT(LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define LOG_WARNING(event, ...) LOG_AT(LOG_LEVEL_WARNING, event, __VA_ARGS__)
#define LOG_INFO(event, ...) LOG_AT(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define LOG_DEBUG(event, ...) LOG_AT(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
