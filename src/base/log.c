/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/utf8.h"

enum { VALUE_MAX = 2048 };

enum log_level log_threshold = LOG_LEVEL_INFO;

static atomic_int log_format = LOG_FORMAT_LOGFMT;
/* Once it is a file of our own it keeps its number: files are changed under it, so that no writer meets a
 * closed one. */
static atomic_int log_fd = STDERR_FILENO;
static pthread_mutex_t path_lock = PTHREAD_MUTEX_INITIALIZER;
static char *log_path;

static const char *const level_names[] = {"none", "critical", "error", "warning", "info", "debug"};

void log_set_level(enum log_level level)
{
	__atomic_store_n(&log_threshold, level, __ATOMIC_RELAXED);
}

void log_set_format(enum log_format format)
{
	atomic_store(&log_format, (int)format);
}

static int log_open(const char *path, struct err *err)
{
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640)
		      : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (fd < 0)
		return err_set(err, "opening the log %s: %m", path ? path : "on standard error");
	return fd;
}

static int log_switch(const char *path, struct err *err)
{
	int current = atomic_load(&log_fd);
	int fd = log_open(path, err);

	if (fd < 0)
		return -1;
	if (current == STDERR_FILENO) {
		atomic_store(&log_fd, fd);
		return 0;
	}
	if (dup3(fd, current, O_CLOEXEC) < 0)
		err_set(err, "switching the log: %m");
	else
		current = -1;
	close(fd);
	return current < 0 ? 0 : -1;
}

int log_set_file(const char *path, struct err *err)
{
	int rc;

	pthread_mutex_lock(&path_lock);
	rc = log_switch(path, err);
	if (rc == 0) {
		free(log_path);
		log_path = path ? str_dup(str_of(path)) : NULL;
	}
	pthread_mutex_unlock(&path_lock);
	return rc;
}

int log_reopen(struct err *err)
{
	int rc;

	pthread_mutex_lock(&path_lock);
	rc = log_path ? log_switch(log_path, err) : 0;
	pthread_mutex_unlock(&path_lock);
	return rc;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

int log_level_parse(struct str name, enum log_level *level_r)
{
	for (int i = LOG_LEVEL_NONE; i <= LOG_LEVEL_DEBUG; i++) {
		char number[2] = {(char)('0' + i), '\0'};

		if (!str_is(name, level_names[i]) && !str_is(name, number))
			continue;
		*level_r = (enum log_level)i;
		return 0;
	}
	return -1;
}

/* Controls, and what changes the order or the lines that a person sees on a terminal. */
static bool rune_misleads(uint32_t rune)
{
	return rune < 0x20 || (rune >= 0x7f && rune < 0xa0) || rune == 0x200e || rune == 0x200f ||
	       (rune >= 0x2028 && rune <= 0x202e) || (rune >= 0x2066 && rune <= 0x2069);
}

static void add_rune(struct strbuf *line, uint32_t rune, const char *bytes, int len)
{
	static const char escaped[] = "\n\r\t\"\\";
	const char *found = rune < 0x80 ? memchr(escaped, (int)rune, sizeof(escaped) - 1) : NULL;

	if (found) {
		strbuf_char(line, '\\');
		strbuf_char(line, "nrt\"\\"[found - escaped]);
	} else if (rune_misleads(rune)) {
		strbuf_printf(line, "\\u%04x", rune);
	} else {
		strbuf_add(line, bytes, (size_t)len);
	}
}

static void add_escaped(struct strbuf *line, struct str s, bool json)
{
	const char *end = s.len ? s.ptr + s.len : s.ptr;

	for (const char *at = s.ptr; at < end;) {
		uint32_t rune;
		int len = utf8_next(at, end, &rune);

		if (len > 0) {
			add_rune(line, rune, at, len);
			at += len;
		} else {
			strbuf_printf(line, json ? "\\\\x%02x" : "\\x%02x", (unsigned char)*at++);
		}
	}
}

static bool is_bare(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] > '~' || strchr("\"=\\", s.ptr[i]))
			return false;
	return s.len > 0;
}

static void add_text(struct strbuf *line, struct str s, bool json)
{
	size_t kept = s.len;

	if (kept > VALUE_MAX) {
		kept = VALUE_MAX;
		while (kept > VALUE_MAX - 3 && (s.ptr[kept] & 0xc0) == 0x80)
			kept--;
	}
	if (!json && kept == s.len && is_bare(s)) {
		strbuf_str(line, s);
		return;
	}
	strbuf_char(line, '"');
	add_escaped(line, (struct str){s.ptr, kept}, json);
	if (kept < s.len)
		strbuf_printf(line, "...[+%zu bytes]", s.len - kept);
	strbuf_char(line, '"');
}

static void add_field(struct strbuf *line, const struct log_field *field, bool json)
{
	strbuf_printf(line, json ? ",\"%s\":" : " %s=", field->key);
	switch (field->kind) {
	case LOG_FIELD_STR:
		add_text(line, field->str, json);
		break;
	case LOG_FIELD_INT:
		strbuf_printf(line, "%lld", (long long)field->integer);
		break;
	case LOG_FIELD_BOOL:
		strbuf_cstr(line, field->integer ? "true" : "false");
		break;
	}
}

/* RFC 3339, UTC. */
static void format_time(char *out, size_t size)
{
	int64_t ms = clock_real_us() / 1000;
	time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0));
	struct tm tm;
	size_t len;

	gmtime_r(&seconds, &tm);
	len = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + len, size - len, ".%03dZ", (int)(ms - (int64_t)seconds * 1000));
}

/* One write per line, so that lines of several threads and processes do not mix. What cannot be written is
 * lost. */
static void write_line(const struct strbuf *line)
{
	int fd = atomic_load(&log_fd);

	for (size_t done = 0; done < line->len;) {
		ssize_t written = write(fd, line->ptr + done, line->len - done);

		if (written < 0 && errno != EINTR)
			return;
		done += written > 0 ? (size_t)written : 0;
	}
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
	bool json = atomic_load(&log_format) == LOG_FORMAT_JSON;
	int saved_errno = errno;
	struct strbuf line = {0};
	char time_text[64];

	format_time(time_text, sizeof(time_text));
	strbuf_reserve(&line, 255);
	strbuf_printf(&line,
	    json ? "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"" : "time=%s level=%s event=%s",
	    time_text, log_level_name(level), event);
	for (; fields && fields->key; fields++)
		add_field(&line, fields, json);
	strbuf_cstr(&line, json ? "}\n" : "\n");
	write_line(&line);
	strbuf_fini(&line);
	errno = saved_errno;
}
