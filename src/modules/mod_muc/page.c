/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/page.h"

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

struct page page_of(const struct rsm *rsm, size_t total, size_t behind_after, size_t before, uint32_t max)
{
	size_t begin = smaller(behind_after, total), end = smaller(before, total);
	if (rsm->has_index)
		begin = rsm->index < total ? (size_t)rsm->index : total;
	if (end < begin)
		end = begin;
	if (rsm->backwards)
		return (struct page){end - smaller(max, end - begin), end};
	return (struct page){begin, begin + smaller(max, end - begin)};
}

uint32_t page_max(const struct rsm *rsm, int64_t most)
{
	uint32_t bound = most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
	return rsm_max(rsm, bound, bound);
}
