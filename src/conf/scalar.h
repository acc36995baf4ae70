/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the file: booleans, numbers, sizes, durations, lists of allowed words. Pure functions. */
#pragma once

#include "stanzad/option.h"

/* true, on, yes, false, off, no; ASCII case is ignored. */
bool scalar_bool(struct str s, bool *value_r);
/* infinity, infinite or unlimited. */
bool scalar_is_infinity(struct str s);
/* A number, or a number with a unit: B, KB, MB, GB (powers of 1000), KiB, MiB, GiB (powers of 1024). */
bool scalar_size(struct str s, int64_t *bytes_r);
/* Milliseconds: "90" (seconds), "10 minutes", "5min", "1.5 h", "250 ms"; days are the largest unit. */
bool scalar_duration(struct str s, int64_t *milliseconds_r);
/* The place of s among "a|b|c", or -1. */
int scalar_word(const char *words, struct str s);
/* The word at a place of "a|b|c". */
struct str scalar_word_at(const char *words, int index);
