/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why something failed, in words for a person. It lives on the caller's stack; the function that fails fills
 * it and returns < 0; functions in between forward both unchanged; the one that handles the failure logs it,
 * once.
 */
#pragma once

#include <stdarg.h>

struct err {
	char text[512]; /* one line, no trailing full stop; always NUL-terminated */
};

/* Returns -1, so that 'return err_set(err, ...)' reads well. err may be NULL. */
int err_set(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts words in front of what is there: "opening FILE: permission denied". Returns -1. */
int err_prefix(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
