/* SPDX-License-Identifier: Apache-2.0 */
/* A page of a list by XEP-0059, when it is known where in the list the ids stand that a request names. */
#pragma once

#include "stanzad/rsm.h"

struct page {
	size_t begin, end; /* the items from begin on, without end, of those in the whole list */
};

/*
 * behind_after: how many items there are up to the one that rsm->after names, with it (0 when it names none);
 * before: how many are before the one that rsm->before names (total when it names none).
 */
struct page page_of(const struct rsm *rsm, size_t total, size_t behind_after, size_t before, uint32_t max);
/* How many one page may have: most is an option that may be infinite. */
uint32_t page_max(const struct rsm *rsm, int64_t most);
