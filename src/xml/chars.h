/* SPDX-License-Identifier: Apache-2.0 */
/* What each byte and character may be in XML 1.0 (fourth edition, productions 2 to 6 and 66 to 68). */
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "stanzad/str.h"

enum xml_class {
	XML_C_START = 1, /* may begin a name */
	XML_C_NAME = 2,  /* may continue one */
	XML_C_COLON = 4,
	XML_C_HIGH = 8, /* part of a character past ASCII */
	XML_C_SPACE = 16,
	XML_C_TEXT = 32,  /* nothing special in character data */
	XML_C_VALUE = 64, /* nothing special in an attribute value */
};

extern const uint8_t xml_class_table[256];

static inline unsigned xml_class(char c)
{
	return xml_class_table[(unsigned char)c];
}

static inline const char *xml_skip_space(const char *p, const char *end)
{
	while (p < end && (xml_class(*p) & XML_C_SPACE))
		p++;
	return p;
}

#ifdef __SSE2__
/* Of 16 bytes, a bit for each that is a control character, past ASCII, '<', '&', a or b. */
static inline unsigned xml_special_mask(const char *p, char a, char b)
{
	__m128i bytes = _mm_loadu_si128((const __m128i *)p);
	__m128i special = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '));

	special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('<')));
	special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('&')));
	special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(a)));
	special = _mm_or_si128(special, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(b)));
	return (unsigned)_mm_movemask_epi8(special);
}
#endif

/* Skips bytes of this class, which has all of ASCII from the space on but '<', '&', a and b. */
static inline const char *xml_skip_plain(const char *p, const char *end, enum xml_class class, char a, char b)
{
	while (p < end) {
#ifdef __SSE2__
		if (end - p >= 16) {
			unsigned special = xml_special_mask(p, a, b);

			if (!special) {
				p += 16;
				continue;
			}
			p += __builtin_ctz(special);
		}
#endif
		if (!(xml_class(*p) & class))
			break;
		p++;
	}
	return p;
}

static inline const char *xml_skip_text(const char *p, const char *end)
{
	return xml_skip_plain(p, end, XML_C_TEXT, ']', ']');
}

static inline const char *xml_skip_value(const char *p, const char *end)
{
	return xml_skip_plain(p, end, XML_C_VALUE, '\'', '"');
}

/*
 * Reads the character at p (p < end), whose first byte is past ASCII. Returns its length, 2 to 4; 0 when it
 * is cut off by end; < 0 when it is not UTF-8 or a character that XML does not have.
 */
int xml_multibyte(const char *p, const char *end);
/* Whether it is a name, without a colon (an NCName). */
bool xml_name_valid(struct str name);
/* Whether XML can carry this character. */
bool xml_rune_valid(uint32_t rune);
/*
 * Reads the reference at p (*p is '&'). Returns its length and the character in *rune_r; 0 when it is cut off
 * by end; XML_STREAM_NOT_WELL_FORMED; XML_STREAM_RESTRICTED for a name that is none of the five.
 */
int xml_reference(const char *p, const char *end, uint32_t *rune_r);
