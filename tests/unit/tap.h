/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test programs that speak TAP. A test is a plain function; main runs them and returns tap_done():
 *
 *   static void test_cut(void) { ok(str_is(part, "a")); is_int(rest.len, 3); }
 *   int main(void) { run(test_cut); return tap_done(); }
 *
 * Checks print one TAP line each, named by the test and the checked text; a failed one prints place and
 * values and the test goes on. The exit status is the number of failures, at most 99. The macros evaluate
 * their arguments once and return whether the check held. Only the thread of main checks.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "stanzad/str.h"

static const char *tap_test = "main";
static int tap_checks;
static int tap_failures;

/* One line of text, whatever the bytes: TAP lines end at a newline and '#' begins a directive. */
static inline void tap_print(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (c < ' ' || c >= 0x7f || c == '#' || c == '\\')
			printf("\\x%02x", c);
		else
			putchar(c);
	}
}

static inline bool tap_check(bool held, const char *file, int line, const char *text)
{
	printf("%s %d - %s: ", held ? "ok" : "not ok", ++tap_checks, tap_test);
	tap_print(str_of(text));
	putchar('\n');
	if (!held) {
		tap_failures++;
		printf("# failed at %s:%d\n", file, line);
	}
	fflush(stdout);
	return held;
}

static inline bool tap_int(int64_t got, int64_t want, const char *file, int line, const char *text)
{
	bool held = tap_check(got == want, file, line, text);

	if (!held)
		printf("#  got %lld\n# want %lld\n", (long long)got, (long long)want);
	return held;
}

static inline bool tap_str(struct str got, struct str want, const char *file, int line, const char *text)
{
	bool held = tap_check(str_eq(got, want), file, line, text);

	if (!held) {
		printf("#  got ");
		tap_print(got);
		printf("\n# want ");
		tap_print(want);
		putchar('\n');
	}
	return held;
}

static inline void tap_run(const char *name, void (*test)(void))
{
	tap_test = name;
	test();
}

/* The plan comes last: a program that dies half way has none, which the harness counts as a failure. */
static inline int tap_done(void)
{
	printf("1..%d\n", tap_checks);
	fflush(stdout);
	return tap_failures > 99 ? 99 : tap_failures;
}

/* For what this machine cannot do. The rest of the test is left out by returning. */
#define skip(reason) printf("ok %d - %s # SKIP %s\n", ++tap_checks, tap_test, (reason))
#define run(test) tap_run(#test, test)
#define ok(condition) tap_check((condition), __FILE__, __LINE__, #condition)
#define is_int(got, want) tap_int((int64_t)(got), (int64_t)(want), __FILE__, __LINE__, #got " is " #want)
/* got and want are struct str. */
#define is_str(got, want) tap_str((got), (want), __FILE__, __LINE__, #got " is " #want)
/* want is a C string; got is a struct str in the first, a C string in the second. */
#define is_text(got, want) is_str((got), str_of(want))
#define is_cstr(got, want) tap_str(str_of(got), str_of(want), __FILE__, __LINE__, #got " is " #want)
