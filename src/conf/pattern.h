/* SPDX-License-Identifier: Apache-2.0 */
/* Regular expressions (PCRE2, UTF-8, unanchored) and shell patterns of ACLs. Matching is bounded and
 * thread-safe. */
#pragma once

#include "stanzad/arena.h"
#include "stanzad/err.h"

struct pattern {
	bool glob;
	bool everything; /* an empty expression */
	struct str text;
	void *code; /* pcre2_code of a regular expression */
	struct pattern *next;
};

/* In arena; put in front of *all, which pattern_free_all gives back. NULL with a reason. */
struct pattern *pattern_new(
    struct str text, bool glob, struct arena *arena, struct pattern **all, struct err *err);
void pattern_free_all(struct pattern *all);
/* An expression that needs more than its share of steps does not match. */
bool pattern_match(const struct pattern *pattern, struct str subject);
