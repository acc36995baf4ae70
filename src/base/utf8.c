/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* The length that a first byte announces; 0 when no character begins with it. RFC 3629 section 4. */
static int lead_length(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2)
		return 0;
	if (lead < 0xe0)
		return 2;
	if (lead < 0xf0)
		return 3;
	return lead < 0xf5 ? 4 : 0;
}

/* The second byte is what tells overlong forms, surrogates and code points past the last apart. */
static bool second_fits(unsigned char lead, unsigned char second)
{
	unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;

	return second >= low && second <= high;
}

int utf8_next(const char *ptr, const char *end, uint32_t *rune_r)
{
	const unsigned char *bytes = (const unsigned char *)ptr;
	int len = lead_length(bytes[0]);
	int present = end - ptr < len ? (int)(end - ptr) : len;
	uint32_t rune;

	if (len == 0)
		return -1;
	rune = len == 1 ? bytes[0] : bytes[0] & (0x7fu >> len);
	for (int i = 1; i < present; i++) {
		if (i == 1 ? !second_fits(bytes[0], bytes[1]) : (bytes[i] & 0xc0) != 0x80)
			return -1;
		rune = rune << 6 | (bytes[i] & 0x3f);
	}
	if (present < len)
		return 0;
	*rune_r = rune;
	return len;
}

static const char *skip_ascii(const char *at, const char *end)
{
	uint64_t word;

	while ((size_t)(end - at) >= sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		if (word & HIGH_BITS)
			break;
		at += sizeof(word);
	}
	while (at < end && !(*at & 0x80))
		at++;
	return at;
}

bool utf8_valid(struct str s)
{
	const char *at = s.ptr;
	const char *end = s.len ? s.ptr + s.len : s.ptr;

	while (at < end) {
		uint32_t rune;
		int len;

		if (!(*at & 0x80)) {
			at = skip_ascii(at, end);
			continue;
		}
		len = utf8_next(at, end, &rune);
		if (len <= 0)
			return false;
		at += len;
	}
	return true;
}

int utf8_put(char *out, uint32_t rune)
{
	static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
	int len = rune < 0x80 ? 1 : rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;

	for (int i = len - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (rune & 0x3f));
		rune >>= 6;
	}
	out[0] = (char)(marks[len] | rune);
	return len;
}
