/* SPDX-License-Identifier: Apache-2.0 */
#include "base/codec.h"

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct strbuf *out, const void *bytes, size_t len)
{
	const unsigned char *in = bytes;
	char *to = strbuf_reserve(out, len / 3 * 4 + (len % 3 ? 4 : 0));
	char *first = to;

	for (; len; to += 4) {
		size_t take = len < 3 ? len : 3;
		uint32_t group = (uint32_t)in[0] << 16;

		group |= take > 1 ? (uint32_t)in[1] << 8 : 0;
		group |= take > 2 ? in[2] : 0;
		to[0] = base64_digits[group >> 18];
		to[1] = base64_digits[group >> 12 & 63];
		to[2] = take > 1 ? base64_digits[group >> 6 & 63] : '=';
		to[3] = take > 2 ? base64_digits[group & 63] : '=';
		in += take;
		len -= take;
	}
	out->len += (size_t)(to - first);
}

/* Arithmetic instead of a table: no memory access depends on what may be a password. < 0 for a foreign
 * character. */
static int base64_value(unsigned char c)
{
	int value = -1;

	value += (c >= 'A' && c <= 'Z') * (c - 'A' + 1);
	value += (c >= 'a' && c <= 'z') * (c - 'a' + 27);
	value += (c >= '0' && c <= '9') * (c - '0' + 53);
	value += (c == '+') * 63;
	value += (c == '/') * 64;
	return value;
}

/* Four digits, of which the last 'padding' are '='; < 0 when they are none or set bits that no byte holds. */
static int base64_group(char *to, const char *from, size_t padding)
{
	uint32_t group = 0;

	for (size_t i = 0; i < 4; i++) {
		int value = i < 4 - padding ? base64_value((unsigned char)from[i]) : 0;

		if (value < 0)
			return -1;
		group = group << 6 | (uint32_t)value;
	}
	if (group & ((1u << 8 * padding) - 1))
		return -1;
	for (size_t i = 0; i < 3 - padding; i++)
		to[i] = (char)(group >> (16 - 8 * i));
	return 0;
}

int base64_decode(struct strbuf *out, struct str text)
{
	size_t padding = 0, len = text.len / 4 * 3;
	char *to;

	if (text.len % 4)
		return -1;
	while (text.len && padding < 2 && text.ptr[text.len - 1 - padding] == '=')
		padding++;
	to = strbuf_reserve(out, len);
	for (size_t i = 0; i < text.len; i += 4, to += 3) {
		if (base64_group(to, text.ptr + i, i + 4 == text.len ? padding : 0) < 0) {
			out->ptr[out->len] = '\0';
			return -1;
		}
	}
	out->len += len - padding;
	out->ptr[out->len] = '\0';
	return 0;
}

void hex_encode(struct strbuf *out, const void *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *in = bytes;
	char *to = strbuf_reserve(out, len * 2);

	for (size_t i = 0; i < len; i++) {
		to[2 * i] = digits[in[i] >> 4];
		to[2 * i + 1] = digits[in[i] & 15];
	}
	out->len += len * 2;
}
