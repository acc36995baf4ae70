/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/nearest.h"

enum { WORD_MAX = 63 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

/* Optimal string alignment; three rows are enough. */
unsigned nearest_distance(struct str a, struct str b, unsigned limit)
{
	unsigned rows[3][WORD_MAX + 1];

	if (a.len > WORD_MAX || b.len > WORD_MAX || a.len > b.len + limit || b.len > a.len + limit)
		return limit + 1;
	for (unsigned j = 0; j <= b.len; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		unsigned *row = rows[i % 3], *above = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];

		row[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			unsigned cost = a.ptr[i - 1] != b.ptr[j - 1];

			row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + cost);
			if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1] &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
	}
	return rows[a.len % 3][b.len] <= limit ? rows[a.len % 3][b.len] : limit + 1;
}

void nearest_try(struct nearest *nearest, struct str candidate)
{
	unsigned limit = nearest->word.len < 4 ? 1 : nearest->word.len < 9 ? 2 : 3, distance;

	if (nearest->word.len == 0 || candidate.len == 0)
		return;
	if (nearest->best.ptr && nearest->distance <= limit)
		limit = nearest->distance;
	distance = nearest_distance(nearest->word, candidate, limit);
	if (distance > limit)
		return;
	/* Of two as near, the first in the alphabet: messages do not depend on the order of a map. */
	if (nearest->best.ptr && distance == nearest->distance && str_cmp(nearest->best, candidate) <= 0)
		return;
	nearest->best = candidate;
	nearest->distance = distance;
}

void nearest_try_words(struct nearest *nearest, const char *words)
{
	struct str rest = str_of(words);

	while (rest.len > 0)
		nearest_try(nearest, str_cut(rest, '|', &rest));
}

const char *nearest_hint(struct loader *loader, const struct nearest *nearest)
{
	if (!nearest->best.ptr)
		return "";
	return arena_printf(
	    &loader->report->arena, " (did you mean %s?)", problem_quote(loader, nearest->best));
}
