/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

enum {
	HISTOGRAM_SUB_BITS = 5,
	HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS,
};

/* Counts of values in buckets that grow with the value, each at most 1/32 wide. All zero is empty. */
struct histogram {
	uint64_t counts[HISTOGRAM_BUCKETS];
	uint64_t total;
	uint64_t max;
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* The value that the share (0 to 1) of all values does not exceed, to the bucket's upper edge; 0 if empty. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);
