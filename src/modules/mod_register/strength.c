/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_register/register.h"

/* The logarithm to base 2 in thousandths, rounded down; x >= 1. */
static int64_t log2_thousandths(uint64_t x)
{
	int64_t whole = 63 - __builtin_clzll(x), fraction = 0;
	uint64_t mantissa = whole > 31 ? x >> (whole - 31) : x << (31 - whole); /* 1.0 is 1 << 31 */
	for (int64_t bit = 1 << 15; bit; bit >>= 1) {
		mantissa = (mantissa * mantissa) >> 31;
		if (mantissa >> 32) {
			mantissa >>= 1;
			fraction += bit;
		}
	}
	return whole * 1000 + fraction * 1000 / (1 << 16);
}

int64_t register_strength(struct str password)
{
	bool digits = false, lower = false, upper = false, signs = false, others = false;
	int64_t characters = 0;
	for (size_t i = 0; i < password.len; i++) {
		unsigned char c = (unsigned char)password.ptr[i];
		characters += (c & 0xC0) != 0x80; /* not inside a UTF-8 sequence */
		if (c >= '0' && c <= '9')
			digits = true;
		else if (c >= 'a' && c <= 'z')
			lower = true;
		else if (c >= 'A' && c <= 'Z')
			upper = true;
		else if (c > 0x20 && c < 0x7F)
			signs = true;
		else
			others = true;
	}
	uint64_t alphabet = 10 * digits + 26 * lower + 26 * upper + 32 * signs + 128 * others;
	return alphabet ? characters * log2_thousandths(alphabet) : 0;
}
