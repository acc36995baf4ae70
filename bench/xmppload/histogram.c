/* SPDX-License-Identifier: Apache-2.0 */
#include "histogram.h"

static unsigned bucket_of(uint64_t value)
{
	if (value < (1u << HISTOGRAM_SUB_BITS))
		return (unsigned)value;
	unsigned top = 63 - (unsigned)__builtin_clzll(value);
	unsigned shift = top - HISTOGRAM_SUB_BITS;
	unsigned sub = (unsigned)(value >> shift) & ((1u << HISTOGRAM_SUB_BITS) - 1);
	return ((shift + 1) << HISTOGRAM_SUB_BITS) + sub;
}

static uint64_t bucket_top(unsigned bucket)
{
	if (bucket < (1u << HISTOGRAM_SUB_BITS))
		return bucket;
	unsigned shift = (bucket >> HISTOGRAM_SUB_BITS) - 1;
	uint64_t sub = bucket & ((1u << HISTOGRAM_SUB_BITS) - 1);
	return ((sub + (1u << HISTOGRAM_SUB_BITS) + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->counts[bucket_of(value)]++;
	histogram->total++;
	if (value > histogram->max)
		histogram->max = value;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
	uint64_t seen = 0;
	double wanted = share * (double)histogram->total;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS && histogram->total > 0; i++) {
		seen += histogram->counts[i];
		if ((double)seen >= wanted && seen > 0)
			return bucket_top(i) < histogram->max ? bucket_top(i) : histogram->max;
	}
	return histogram->max;
}
