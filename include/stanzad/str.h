/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte strings: a borrowed view (struct str) and a growing buffer (struct strbuf).
 * A view owns nothing and need not end in NUL; whoever hands it out says how long the bytes live.
 * Lengths are in bytes. Running out of memory aborts the process.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *ptr; /* may be NULL when len is 0 */
	size_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_NULL ((struct str){NULL, 0})
/* printf("%.*s", STR_FMT(s)) */
#define STR_FMT(s) (int)(s).len, (s).ptr ? (s).ptr : ""

/* A view of a NUL-terminated string; NULL is the empty one. */
static inline struct str str_of(const char *cstring)
{
	return (struct str){cstring, cstring ? strlen(cstring) : 0};
}

/* The same bytes. */
static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* Compares with a string literal or other NUL-terminated string. */
static inline bool str_is(struct str a, const char *cstring)
{
	return str_eq(a, str_of(cstring));
}

/* ASCII case is ignored. */
bool str_ieq(struct str a, struct str b);
/* Bytewise order, as memcmp and then length. */
int str_cmp(struct str a, struct str b);
bool str_starts(struct str s, const char *prefix);
bool str_ends(struct str s, const char *suffix);
/* Without leading and trailing space, tab, CR, LF. */
struct str str_trim(struct str s);
/* Cuts at the first separator: the part before it; *rest_r is what follows (empty when there is none). */
struct str str_cut(struct str s, char separator, struct str *rest_r);
/* A NUL-terminated heap copy; free() it. */
char *str_dup(struct str s);
/* Decimal digits only, no sign; false when it is not a number or does not fit. */
bool str_to_u64(struct str s, uint64_t *value_r);
/* The same with an optional '-' in front. */
bool str_to_i64(struct str s, int64_t *value_r);
/* The time it takes depends on the lengths only, never on the contents. For secrets. */
bool str_eq_consttime(struct str a, struct str b);

/* A growing buffer, NUL-terminated whenever it is not empty. Zero-initialise it; strbuf_fini gives the memory
 * back. */
struct strbuf {
	char *ptr;
	size_t len;
	size_t cap;
};

/* Frees the memory; the buffer is empty and usable. */
void strbuf_fini(struct strbuf *buf);
/* Empties it, keeps the memory. */
void strbuf_reset(struct strbuf *buf);
/* Makes room for more bytes after len and returns the place to write to; then add to buf->len. */
char *strbuf_reserve(struct strbuf *buf, size_t more);
void strbuf_add(struct strbuf *buf, const void *bytes, size_t len);
void strbuf_char(struct strbuf *buf, char c);
void strbuf_str(struct strbuf *buf, struct str s);
void strbuf_cstr(struct strbuf *buf, const char *cstring);
void strbuf_u64(struct strbuf *buf, uint64_t value);
void strbuf_printf(struct strbuf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vprintf(struct strbuf *buf, const char *format, va_list args);
/* The contents as a heap string, which the caller frees; the buffer is empty afterwards. Never NULL. */
char *strbuf_take(struct strbuf *buf);

/* The contents, until the next change. */
static inline struct str strbuf_view(const struct strbuf *buf)
{
	return (struct str){buf->ptr, buf->len};
}
