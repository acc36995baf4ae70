/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PRECIS: preparation and comparison of internationalised strings, RFC 8264, with the two profiles of RFC
 * 8265 that JIDs and passwords use. Text in, prepared text out; code points are of the Unicode version of
 * libunistring. Any thread.
 */
#pragma once

#include "stanzad/err.h"
#include "stanzad/str.h"

/* RFC 8264 4.1 and 8: what a code point is good for. */
enum precis_property {
	PRECIS_DISALLOWED,
	PRECIS_UNASSIGNED,
	PRECIS_VALID,   /* in both string classes */
	PRECIS_FREE,    /* in FreeformClass only */
	PRECIS_CONTEXT, /* in both, where a rule of RFC 5892 A allows it */
};

enum precis_property precis_property(uint32_t rune);
/* The rules of RFC 5892 appendix A: those that look at the neighbours of the code point at index (A.1 to
 * A.6); */
bool precis_context_ok(const uint32_t *runes, size_t count, size_t index);
/* and those that look at the whole string (A.7 to A.9). */
bool precis_context_string_ok(const uint32_t *runes, size_t count);
/* The Bidi Rule of RFC 5893 2; true for a string without any right-to-left character (RFC 8264 5.2.5). */
bool precis_bidi_ok(const uint32_t *runes, size_t count);
/* Width mapping of RFC 8264 5.2.1 for one code point: fullwidth and halfwidth forms become the usual ones. */
uint32_t precis_narrow(uint32_t rune);

/*
 * The profiles: append the prepared form of text to out. Each is applied until it changes nothing more; a
 * string that does not settle is refused (RFC 8264 7). < 0 with a reason naming the offending code point,
 * never the text itself; out is then unchanged. Empty text is refused.
 */
/* UsernameCaseMapped, RFC 8265 3.3. */
int precis_username(struct strbuf *out, struct str text, struct err *err);
/* OpaqueString, RFC 8265 4.2. */
int precis_opaque(struct strbuf *out, struct str text, struct err *err);
