/* SPDX-License-Identifier: Apache-2.0 */
#include "xmpp/precis.h"

#include <stdlib.h>
#include <unictype.h>
#include <uninorm.h>

#define VIRAMA 9 /* canonical combining class */
#define ZERO_WIDTH_NON_JOINER 0x200c
#define ZERO_WIDTH_JOINER 0x200d
#define KATAKANA_MIDDLE_DOT 0x30fb

static bool between(uint32_t rune, uint32_t first, uint32_t last)
{
	return rune >= first && rune <= last;
}

/* RFC 8264 9.6 */
static bool exception(uint32_t rune, enum precis_property *property_r)
{
	static const struct {
		uint32_t first, last;
		enum precis_property property;
	} table[] = {
	    {0xb7, 0xb7, PRECIS_CONTEXT},
	    {0xdf, 0xdf, PRECIS_VALID},
	    {0x375, 0x375, PRECIS_CONTEXT},
	    {0x3c2, 0x3c2, PRECIS_VALID},
	    {0x5f3, 0x5f4, PRECIS_CONTEXT},
	    {0x640, 0x640, PRECIS_DISALLOWED},
	    {0x660, 0x669, PRECIS_CONTEXT},
	    {0x6f0, 0x6f9, PRECIS_CONTEXT},
	    {0x6fd, 0x6fe, PRECIS_VALID},
	    {0x7fa, 0x7fa, PRECIS_DISALLOWED},
	    {0xf0b, 0xf0b, PRECIS_VALID},
	    {0x3007, 0x3007, PRECIS_VALID},
	    {0x302e, 0x302f, PRECIS_DISALLOWED},
	    {0x3031, 0x3035, PRECIS_DISALLOWED},
	    {0x303b, 0x303b, PRECIS_DISALLOWED},
	    {0x30fb, 0x30fb, PRECIS_CONTEXT},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (between(rune, table[i].first, table[i].last)) {
			*property_r = table[i].property;
			return true;
		}
	}
	return false;
}

/* RFC 8264 9.9 */
static bool is_old_hangul_jamo(uint32_t rune)
{
	return between(rune, 0x1100, 0x11ff) || between(rune, 0xa960, 0xa97c) ||
	       between(rune, 0xd7b0, 0xd7c6) || between(rune, 0xd7cb, 0xd7fb);
}

/* RFC 8264 9.17 */
static bool has_compat(uint32_t rune)
{
	ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
	uint32_t buf[UC_DECOMPOSITION_MAX_LENGTH];
	size_t len = UC_DECOMPOSITION_MAX_LENGTH;
	int tag;
	uint32_t *mapped;
	bool same;

	if (uc_decomposition(rune, &tag, parts) < 0)
		return false;
	mapped = u32_normalize(UNINORM_NFKC, &rune, 1, buf, &len);
	same = mapped && len == 1 && mapped[0] == rune;
	if (mapped != buf)
		free(mapped);
	return !same;
}

enum precis_property precis_property(uint32_t rune)
{
	enum precis_property property;
	const uint32_t letter_digits = UC_CATEGORY_MASK_Ll | UC_CATEGORY_MASK_Lu | UC_CATEGORY_MASK_Lo |
				       UC_CATEGORY_MASK_Nd | UC_CATEGORY_MASK_Lm | UC_CATEGORY_MASK_Mn |
				       UC_CATEGORY_MASK_Mc;
	const uint32_t freeform = UC_CATEGORY_MASK_Lt | UC_CATEGORY_MASK_Nl | UC_CATEGORY_MASK_No |
				  UC_CATEGORY_MASK_Me | UC_CATEGORY_MASK_Zs | UC_CATEGORY_MASK_S |
				  UC_CATEGORY_MASK_P;

	if (between(rune, 0x21, 0x7e))
		return PRECIS_VALID;
	/* RFC 8264 8: the order of these tests is part of the definition */
	if (exception(rune, &property))
		return property;
	if (uc_is_general_category_withtable(rune, UC_CATEGORY_MASK_Cn) &&
	    !uc_is_property_not_a_character(rune))
		return PRECIS_UNASSIGNED;
	if (rune == ZERO_WIDTH_NON_JOINER || rune == ZERO_WIDTH_JOINER)
		return PRECIS_CONTEXT;
	if (is_old_hangul_jamo(rune) || uc_is_property_default_ignorable_code_point(rune) ||
	    uc_is_property_not_a_character(rune) ||
	    uc_is_general_category_withtable(rune, UC_CATEGORY_MASK_Cc))
		return PRECIS_DISALLOWED;
	if (has_compat(rune))
		return PRECIS_FREE;
	if (uc_is_general_category_withtable(rune, letter_digits))
		return PRECIS_VALID;
	return uc_is_general_category_withtable(rune, freeform) ? PRECIS_FREE : PRECIS_DISALLOWED;
}

/* RFC 5892 A.1: between letters that would join, looking past transparent ones. */
static bool joins_around(const uint32_t *runes, size_t count, size_t index)
{
	size_t before = index, after = index + 1;
	int type = UC_JOINING_TYPE_T;

	while (before > 0 && type == UC_JOINING_TYPE_T)
		type = uc_joining_type(runes[--before]);
	if (type != UC_JOINING_TYPE_L && type != UC_JOINING_TYPE_D)
		return false;
	for (type = UC_JOINING_TYPE_T; after < count && type == UC_JOINING_TYPE_T; after++)
		type = uc_joining_type(runes[after]);
	return type == UC_JOINING_TYPE_R || type == UC_JOINING_TYPE_D;
}

static bool is_script(uint32_t rune, const char *name)
{
	const uc_script_t *script = uc_script(rune);

	return script && strcmp(script->name, name) == 0;
}

static bool is_kana_or_han(uint32_t rune)
{
	return is_script(rune, "Hiragana") || is_script(rune, "Katakana") || is_script(rune, "Han");
}

bool precis_context_ok(const uint32_t *runes, size_t count, size_t index)
{
	uint32_t before = index > 0 ? runes[index - 1] : 0;
	uint32_t after = index + 1 < count ? runes[index + 1] : 0;

	switch (runes[index]) {
	case ZERO_WIDTH_NON_JOINER: /* A.1 */
		return (before && uc_combining_class(before) == VIRAMA) || joins_around(runes, count, index);
	case ZERO_WIDTH_JOINER: /* A.2 */
		return before && uc_combining_class(before) == VIRAMA;
	case 0xb7: /* A.3, the Catalan ela geminada */
		return before == 'l' && after == 'l';
	case 0x375: /* A.4 */
		return after && is_script(after, "Greek");
	case 0x5f3: /* A.5 */
	case 0x5f4: /* A.6 */
		return before && is_script(before, "Hebrew");
	}
	return true;
}

bool precis_context_string_ok(const uint32_t *runes, size_t count)
{
	bool dot = false, kana = false, digit = false, extended_digit = false;

	for (size_t i = 0; i < count; i++) {
		if (runes[i] < 0x660)
			continue;
		dot = dot || runes[i] == KATAKANA_MIDDLE_DOT;
		kana = kana || (runes[i] != KATAKANA_MIDDLE_DOT && is_kana_or_han(runes[i]));
		digit = digit || between(runes[i], 0x660, 0x669);
		extended_digit = extended_digit || between(runes[i], 0x6f0, 0x6f9);
	}
	return (kana || !dot) && !(digit && extended_digit); /* A.7, A.8, A.9 */
}

#define BIDI(class) (1u << UC_BIDI_##class)
#define BIDI_RTL (BIDI(R) | BIDI(AL) | BIDI(AN))
#define BIDI_NEUTRAL (BIDI(EN) | BIDI(ES) | BIDI(CS) | BIDI(ET) | BIDI(ON) | BIDI(BN) | BIDI(NSM))

static uint32_t bidi_class(uint32_t rune)
{
	return 1u << uc_bidi_class(rune);
}

bool precis_bidi_ok(const uint32_t *runes, size_t count)
{
	uint32_t seen = 0, last = 0, first = count ? bidi_class(runes[0]) : 0;

	for (size_t i = 0; i < count; i++) {
		uint32_t class = bidi_class(runes[i]);
		seen |= class;
		if (class != BIDI(NSM))
			last = class;
	}
	if (!(seen & BIDI_RTL))
		return true;
	/* RFC 5893 2, conditions 1 to 6; 5 cannot hold, for something here is right-to-left */
	if (!(first & (BIDI(R) | BIDI(AL))))
		return false;
	if (seen & ~(BIDI_RTL | BIDI_NEUTRAL))
		return false;
	if (!(last & (BIDI_RTL | BIDI(EN))))
		return false;
	return !((seen & BIDI(EN)) && (seen & BIDI(AN)));
}

uint32_t precis_narrow(uint32_t rune)
{
	ucs4_t mapping[UC_DECOMPOSITION_MAX_LENGTH];
	int tag;
	int len = uc_decomposition(rune, &tag, mapping);

	return len == 1 && (tag == UC_DECOMP_WIDE || tag == UC_DECOMP_NARROW) ? mapping[0] : rune;
}
