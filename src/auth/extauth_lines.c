/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/extauth_lines.h"

static bool is_over(const struct extauth_lines *lines, uint64_t now_ms)
{
	return now_ms - lines->period >= EXTAUTH_LINES_PERIOD_MS;
}

static void finish_line(struct extauth_lines *lines, uint64_t now_ms,
    void (*line)(void *arg, struct str text), void *arg)
{
	if (lines->len == 0)
		return;
	if (is_over(lines, now_ms)) {
		lines->period = now_ms;
		lines->count = 0;
	}
	if (lines->count < EXTAUTH_LINES_MAX) {
		lines->count++;
		line(arg, (struct str){lines->text, lines->len});
	} else {
		lines->dropped++;
	}
	lines->len = 0;
}

void extauth_lines_take(struct extauth_lines *lines, struct str bytes, uint64_t now_ms,
    void (*line)(void *arg, struct str text), void *arg)
{
	for (size_t i = 0; i < bytes.len; i++) {
		if (bytes.ptr[i] == '\n') {
			finish_line(lines, now_ms, line, arg);
			lines->skipping = false;
		} else if (!lines->skipping) {
			lines->text[lines->len++] = bytes.ptr[i];
			if (lines->len == EXTAUTH_LINE_MAX) {
				finish_line(lines, now_ms, line, arg);
				lines->skipping = true;
			}
		}
	}
}

void extauth_lines_end(
    struct extauth_lines *lines, uint64_t now_ms, void (*line)(void *arg, struct str text), void *arg)
{
	finish_line(lines, now_ms, line, arg);
	lines->skipping = false;
}

unsigned extauth_lines_dropped(struct extauth_lines *lines, uint64_t now_ms)
{
	unsigned dropped = is_over(lines, now_ms) ? lines->dropped : 0;

	if (dropped)
		lines->dropped = 0;
	return dropped;
}

bool extauth_lines_flooded(const struct extauth_lines *lines, uint64_t now_ms)
{
	return lines->count >= EXTAUTH_LINES_MAX && !is_over(lines, now_ms);
}
