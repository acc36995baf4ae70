/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/str.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

static unsigned char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : (unsigned char)c;
}

bool str_ieq(struct str a, struct str b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
			return false;
	return true;
}

int str_cmp(struct str a, struct str b)
{
	size_t shorter = a.len < b.len ? a.len : b.len;
	int order = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool str_starts(struct str s, const char *prefix)
{
	size_t len = strlen(prefix);

	return s.len >= len && str_eq((struct str){s.ptr, len}, (struct str){prefix, len});
}

bool str_ends(struct str s, const char *suffix)
{
	size_t len = strlen(suffix);

	return len == 0 || (s.len >= len && memcmp(s.ptr + s.len - len, suffix, len) == 0);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
	while (s.len && is_space(s.ptr[s.len - 1]))
		s.len--;
	while (s.len && is_space(s.ptr[0])) {
		s.ptr++;
		s.len--;
	}
	return s;
}

struct str str_cut(struct str s, char separator, struct str *rest_r)
{
	const char *at = s.len ? memchr(s.ptr, separator, s.len) : NULL;

	if (!at) {
		*rest_r = s.len ? (struct str){s.ptr + s.len, 0} : STR_NULL;
		return s;
	}
	*rest_r = (struct str){at + 1, (size_t)(s.ptr + s.len - at - 1)};
	return (struct str){s.ptr, (size_t)(at - s.ptr)};
}

char *str_dup(struct str s)
{
	char *copy = mem_alloc(s.len + 1);

	if (s.len)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return copy;
}

bool str_to_u64(struct str s, uint64_t *value_r)
{
	uint64_t value = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value))
			return false;
	}
	if (s.len == 0)
		return false;
	*value_r = value;
	return true;
}

bool str_to_i64(struct str s, int64_t *value_r)
{
	bool negative = s.len && s.ptr[0] == '-';
	uint64_t magnitude;

	if (negative)
		s = (struct str){s.ptr + 1, s.len - 1};
	if (!str_to_u64(s, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative)
		return false;
	*value_r = (int64_t)(negative ? -magnitude : magnitude);
	return true;
}

bool str_eq_consttime(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || CRYPTO_memcmp(a.ptr, b.ptr, a.len) == 0);
}

void strbuf_fini(struct strbuf *buf)
{
	free(buf->ptr);
	*buf = (struct strbuf){0};
}

void strbuf_reset(struct strbuf *buf)
{
	buf->len = 0;
	if (buf->ptr)
		buf->ptr[0] = '\0';
}

char *strbuf_reserve(struct strbuf *buf, size_t more)
{
	size_t need;

	if (__builtin_add_overflow(buf->len, more, &need) || need == SIZE_MAX)
		return mem_alloc(SIZE_MAX); /* aborts */
	if (need >= buf->cap) {
		size_t grown = buf->cap + buf->cap / 2;

		buf->cap = need + 1 > grown ? need + 1 : grown;
		if (buf->cap < 32)
			buf->cap = 32;
		buf->ptr = mem_realloc(buf->ptr, buf->cap);
		buf->ptr[buf->len] = '\0';
	}
	buf->ptr[need] = '\0'; /* so that a caller who writes all of it need not */
	return buf->ptr + buf->len;
}

void strbuf_add(struct strbuf *buf, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	memcpy(strbuf_reserve(buf, len), bytes, len);
	buf->len += len;
}

void strbuf_char(struct strbuf *buf, char c)
{
	*strbuf_reserve(buf, 1) = c;
	buf->len++;
}

void strbuf_str(struct strbuf *buf, struct str s)
{
	strbuf_add(buf, s.ptr, s.len);
}

void strbuf_cstr(struct strbuf *buf, const char *cstring)
{
	strbuf_add(buf, cstring, strlen(cstring));
}

void strbuf_u64(struct strbuf *buf, uint64_t value)
{
	char digits[20];
	char *first = digits + sizeof(digits);

	do {
		*--first = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	strbuf_add(buf, first, (size_t)(digits + sizeof(digits) - first));
}

void strbuf_printf(struct strbuf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	strbuf_vprintf(buf, format, args);
	va_end(args);
}

void strbuf_vprintf(struct strbuf *buf, const char *format, va_list args)
{
	size_t room = buf->cap - buf->len;
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(room ? buf->ptr + buf->len : NULL, room, format, args);
	if (len > 0 && (size_t)len >= room)
		vsnprintf(strbuf_reserve(buf, (size_t)len), (size_t)len + 1, format, again);
	va_end(again);
	if (len > 0)
		buf->len += (size_t)len;
}

char *strbuf_take(struct strbuf *buf)
{
	char *text;

	strbuf_reserve(buf, 0);
	text = buf->ptr;
	*buf = (struct strbuf){0};
	return text;
}
