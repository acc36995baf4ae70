/* SPDX-License-Identifier: Apache-2.0 */
#include "xmpp/precis.h"

#include <stdlib.h>
#include <unicase.h>
#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/mem.h"
#include "base/utf8.h"

#define ROUNDS_MAX 4 /* RFC 8264 7: once and then at most three times more */

struct profile {
	bool identifier; /* IdentifierClass, else FreeformClass */
	bool narrow;     /* width mapping */
	bool spaces;     /* other spaces become U+0020 */
	bool lower;      /* case mapping */
	bool bidi;       /* the Bidi Rule holds */
};

static const struct profile username_case_mapped = {
    .identifier = true, .narrow = true, .lower = true, .bidi = true};
static const struct profile opaque_string = {.spaces = true};

struct runes {
	uint32_t *ptr; /* heap */
	size_t len;
};

static void runes_replace(struct runes *runes, uint32_t *ptr, size_t len)
{
	if (!ptr)
		abort(); /* out of memory */
	free(runes->ptr);
	runes->ptr = ptr;
	runes->len = len;
}

static int decode(struct str text, struct runes *runes_r, struct err *err)
{
	const char *p = text.ptr, *end = text.ptr + text.len;
	uint32_t *runes = mem_realloc_array(NULL, text.len + 1, sizeof(*runes));
	size_t count = 0;

	for (int len; p < end; p += len) {
		len = utf8_next(p, end, &runes[count]);
		if (len <= 0) {
			free(runes);
			return err_set(err, "not UTF-8");
		}
		count++;
	}
	*runes_r = (struct runes){runes, count};
	return 0;
}

static int check_class(const struct profile *profile, const struct runes *runes, struct err *err)
{
	for (size_t i = 0; i < runes->len; i++) {
		uint32_t rune = runes->ptr[i];

		switch (precis_property(rune)) {
		case PRECIS_VALID:
			break;
		case PRECIS_CONTEXT:
			if (!precis_context_ok(runes->ptr, runes->len, i))
				return err_set(err, "U+%04X is not allowed in this place", (unsigned)rune);
			break;
		case PRECIS_UNASSIGNED:
			return err_set(err, "U+%04X is not assigned", (unsigned)rune);
		case PRECIS_FREE:
			if (!profile->identifier)
				break;
			/* fall through */
		case PRECIS_DISALLOWED:
			return err_set(err, "U+%04X is not allowed", (unsigned)rune);
		}
	}
	if (!precis_context_string_ok(runes->ptr, runes->len))
		return err_set(err, "digits of two kinds, or a middle dot without kana");
	return 0;
}

static void map_runes(const struct profile *profile, struct runes *runes)
{
	size_t len;
	uint32_t *mapped;

	for (size_t i = 0; profile->spaces && i < runes->len; i++) {
		if (uc_is_general_category_withtable(runes->ptr[i], UC_CATEGORY_MASK_Zs))
			runes->ptr[i] = ' ';
	}
	if (profile->lower) {
		mapped = u32_tolower(runes->ptr, runes->len, NULL, NULL, NULL, &len);
		runes_replace(runes, mapped, len);
	}
	mapped = u32_normalize(UNINORM_NFC, runes->ptr, runes->len, NULL, &len);
	runes_replace(runes, mapped, len);
}

/* RFC 8265 3.3.2, 3.3.3 and 4.2.2, 4.2.3; the class again at the end, as RFC 8264 7 has it. */
static int enforce(const struct profile *profile, struct runes *runes, struct err *err)
{
	for (size_t i = 0; profile->narrow && i < runes->len; i++)
		runes->ptr[i] = precis_narrow(runes->ptr[i]);
	if (check_class(profile, runes, err) < 0)
		return -1;
	map_runes(profile, runes);
	if (profile->bidi && !precis_bidi_ok(runes->ptr, runes->len))
		return err_set(err, "left-to-right and right-to-left characters are mixed");
	if (runes->len == 0)
		return err_set(err, "empty");
	return check_class(profile, runes, err);
}

static bool runes_eq(const struct runes *a, const struct runes *b)
{
	return a->len == b->len && memcmp(a->ptr, b->ptr, a->len * sizeof(*a->ptr)) == 0;
}

static int enforce_until_stable(const struct profile *profile, struct runes *runes, struct err *err)
{
	for (int round = 0; round < ROUNDS_MAX; round++) {
		struct runes before = {mem_dup(runes->ptr, runes->len * sizeof(*runes->ptr)), runes->len};
		int result = enforce(profile, runes, err);
		bool same = runes_eq(&before, runes);

		free(before.ptr);
		if (result < 0)
			return -1;
		if (same)
			return 0;
	}
	return err_set(err, "has no stable prepared form");
}

static void encode(struct strbuf *out, const struct runes *runes)
{
	char *p = strbuf_reserve(out, 4 * runes->len);

	for (size_t i = 0; i < runes->len; i++) {
		int len = utf8_put(p, runes->ptr[i]);
		p += len;
		out->len += (size_t)len;
	}
}

static int apply(const struct profile *profile, struct strbuf *out, struct str text, struct err *err)
{
	struct runes runes = {0};
	int result;

	if (text.len == 0)
		return err_set(err, "empty");
	if (decode(text, &runes, err) < 0)
		return -1;
	result = enforce_until_stable(profile, &runes, err);
	if (result == 0)
		encode(out, &runes);
	free(runes.ptr);
	return result;
}

int precis_username(struct strbuf *out, struct str text, struct err *err)
{
	return apply(&username_case_mapped, out, text, err);
}

int precis_opaque(struct strbuf *out, struct str text, struct err *err)
{
	return apply(&opaque_string, out, text, err);
}
