/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program writes to its standard error, cut into lines and bounded: a long line is cut, and of a flood
 * only so many lines in a period get through. A value; one thread at a time.
 */
#pragma once

#include "stanzad/str.h"

#define EXTAUTH_LINE_MAX 1000
#define EXTAUTH_LINES_MAX 50          /* in one period */
#define EXTAUTH_LINES_PERIOD_MS 10000

struct extauth_lines {
	char text[EXTAUTH_LINE_MAX];
	size_t len;
	bool skipping; /* the rest of a line that was cut */
	uint64_t period; /* when the present one began */
	unsigned count;  /* lines in it */
	unsigned dropped;
};

/* line is called for each whole or cut line, without its end; text lives for the call. */
void extauth_lines_take(struct extauth_lines *lines, struct str bytes, uint64_t now_ms,
    void (*line)(void *arg, struct str text), void *arg);
/* What is left without a line end, when nothing more will come. */
void extauth_lines_end(struct extauth_lines *lines, uint64_t now_ms,
    void (*line)(void *arg, struct str text), void *arg);
/* How many lines were left out since the last call, once their period is over; else 0. */
unsigned extauth_lines_dropped(struct extauth_lines *lines, uint64_t now_ms);
/* The bound of this period is reached: what comes now is thrown away. */
bool extauth_lines_flooded(const struct extauth_lines *lines, uint64_t now_ms);
