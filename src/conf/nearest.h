/* SPDX-License-Identifier: Apache-2.0 */
/* The nearest known name for a mistyped one: " (did you mean 'hosts'?)". */
#pragma once

#include "conf/loader.h"

struct nearest {
	struct str word;
	struct str best;
	unsigned distance;
};

/* Start with {.word = WORD}. */
void nearest_try(struct nearest *nearest, struct str candidate);
/* Words of "a|b|c". */
void nearest_try_words(struct nearest *nearest, const char *words);
/* Empty when nothing is near enough. Lives in the report. */
const char *nearest_hint(struct loader *loader, const struct nearest *nearest);
/* How many letters to insert, delete, replace or swap with their neighbour; at most limit + 1. */
unsigned nearest_distance(struct str a, struct str b, unsigned limit);
