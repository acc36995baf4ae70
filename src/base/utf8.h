/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 by RFC 3629: no surrogates, no overlong forms, nothing past U+10FFFF. */
#pragma once

#include "stanzad/str.h"

bool utf8_valid(struct str s);
/*
 * Reads one character at ptr (ptr < end). Returns its length in bytes and the code point in *rune_r;
 * 0 when the bytes up to end are the beginning of a character; < 0 when they are none.
 */
int utf8_next(const char *ptr, const char *end, uint32_t *rune_r);
/* Writes rune, a valid code point, in 1 to 4 bytes; returns how many. */
int utf8_put(char *out, uint32_t rune);
