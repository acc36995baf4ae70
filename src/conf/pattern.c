/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <pthread.h>
#include <stdlib.h>

enum { PATTERN_MAX = 8192, STEPS_MAX = 100000, DEPTH_MAX = 1000 };

/* Limits of the work that one match may cost; the same for all patterns, made once. */
static pcre2_match_context *limits;
static pthread_once_t limits_once = PTHREAD_ONCE_INIT;

static void limits_init(void)
{
	limits = pcre2_match_context_create(NULL);
	if (!limits)
		abort();
	pcre2_set_match_limit(limits, STEPS_MAX);
	pcre2_set_depth_limit(limits, DEPTH_MAX);
}

struct pattern *pattern_new(
    struct str text, bool glob, struct arena *arena, struct pattern **all, struct err *err)
{
	struct pattern *pattern;
	pcre2_code *code = NULL;
	PCRE2_UCHAR reason[128];
	PCRE2_SIZE at;
	int number;

	if (text.len > PATTERN_MAX) {
		err_set(err, "is longer than %d bytes", PATTERN_MAX);
		return NULL;
	}
	pthread_once(&limits_once, limits_init);
	if (!glob && text.len > 0) {
		code = pcre2_compile((PCRE2_SPTR)text.ptr, text.len,
		    PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &number, &at, NULL);
		if (!code) {
			pcre2_get_error_message(number, reason, sizeof(reason));
			err_set(err, "is wrong at character %zu: %s", (size_t)at + 1, (const char *)reason);
			return NULL;
		}
	}
	pattern = arena_zalloc(arena, sizeof(*pattern));
	pattern->glob = glob;
	pattern->everything = !glob && text.len == 0;
	pattern->text = arena_str(arena, text);
	pattern->code = code;
	pattern->next = *all;
	*all = pattern;
	return pattern;
}

void pattern_free_all(struct pattern *all)
{
	for (; all; all = all->next)
		pcre2_code_free(all->code);
}

/* The length of the UTF-8 character at the start; 1 for stray bytes. */
static size_t char_len(struct str s)
{
	size_t len = 1;

	while (len < s.len && len < 4 && ((unsigned char)s.ptr[len] & 0xc0) == 0x80)
		len++;
	return len;
}

/* Where a set "[...]" ends in the pattern, or 0 when it does not end: then '[' is an ordinary character. */
static size_t set_len(struct str pattern)
{
	size_t i = 1;

	if (i < pattern.len && (pattern.ptr[i] == '!' || pattern.ptr[i] == '^'))
		i++;
	if (i < pattern.len && pattern.ptr[i] == ']')
		i++;
	while (i < pattern.len && pattern.ptr[i] != ']')
		i++;
	return i < pattern.len ? i + 1 : 0;
}

static bool set_has(struct str set, struct str c)
{
	bool negated = set.ptr[1] == '!' || set.ptr[1] == '^', found = false;
	struct str rest = {set.ptr + 1 + negated, set.len - 2 - negated};

	while (rest.len > 0 && !found) {
		struct str low = {rest.ptr, char_len(rest)}, high = low;

		rest = (struct str){rest.ptr + low.len, rest.len - low.len};
		if (rest.len > 1 && rest.ptr[0] == '-') {
			rest = (struct str){rest.ptr + 1, rest.len - 1};
			high = (struct str){rest.ptr, char_len(rest)};
			rest = (struct str){rest.ptr + high.len, rest.len - high.len};
		}
		/* UTF-8 sorts as its code points do. */
		found = str_cmp(low, c) <= 0 && str_cmp(c, high) <= 0;
	}
	return found != negated;
}

/* Matches one character of the subject; *used_r is what it takes of the pattern. */
static bool glob_one(struct str pattern, struct str subject, size_t *used_r)
{
	struct str c = {subject.ptr, char_len(subject)};
	size_t set = pattern.ptr[0] == '[' ? set_len(pattern) : 0;

	*used_r = char_len(pattern);
	if (pattern.ptr[0] == '?')
		return true;
	if (set) {
		*used_r = set;
		return set_has((struct str){pattern.ptr, set}, c);
	}
	return str_eq((struct str){pattern.ptr, *used_r}, c);
}

static struct str skip(struct str s, size_t bytes)
{
	return (struct str){s.ptr + bytes, s.len - bytes};
}

/* On a mismatch the last '*' takes one character more; earlier ones need not be tried again. */
static bool glob_match(struct str pattern, struct str subject)
{
	struct str star = STR_NULL, retry = STR_NULL;
	size_t used;

	while (subject.len > 0) {
		if (pattern.len > 0 && pattern.ptr[0] == '*') {
			pattern = skip(pattern, 1);
			star = pattern;
			retry = subject;
			if (star.len == 0)
				return true;
		} else if (pattern.len > 0 && glob_one(pattern, subject, &used)) {
			pattern = skip(pattern, used);
			subject = skip(subject, char_len(subject));
		} else if (retry.ptr) {
			retry = skip(retry, char_len(retry));
			pattern = star;
			subject = retry;
		} else {
			return false;
		}
	}
	while (pattern.len > 0 && pattern.ptr[0] == '*')
		pattern = skip(pattern, 1);
	return pattern.len == 0;
}

bool pattern_match(const struct pattern *pattern, struct str subject)
{
	pcre2_match_data *match;
	int rc;

	if (pattern->everything)
		return true;
	if (pattern->glob)
		return glob_match(pattern->text, subject);
	match = pcre2_match_data_create(1, NULL);
	if (!match)
		return false;
	rc = pcre2_match(
	    pattern->code, (PCRE2_SPTR)(subject.ptr ? subject.ptr : ""), subject.len, 0, 0, match, limits);
	pcre2_match_data_free(match);
	return rc >= 0;
}
