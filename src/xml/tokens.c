/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/tokens.h"

#define XML_NAME(token, text) {text, sizeof(text) - 1},
static const struct str name_strs[XN_COUNT] = {
    {"", 0},
#include "stanzad/xml_names.def"
};
#undef XML_NAME

#define XML_NAMESPACE(token, text) {text, sizeof(text) - 1},
const struct str xml_ns_strs[XNS_COUNT] = {
    {"", 0},
    {"", 0},
#include "stanzad/xml_namespaces.def"
};
#undef XML_NAMESPACE

/* Open addressing, never more than half full; 0 is an empty slot. */
#define SLOTS 256
static uint8_t name_slots[SLOTS];
static uint8_t ns_slots[SLOTS];
_Static_assert(XN_COUNT <= SLOTS / 2 && XNS_COUNT <= SLOTS / 2, "more slots are needed");

/* s is not empty. The end and the middle tell namespaces apart best. */
static unsigned token_hash(struct str s)
{
	unsigned first = (unsigned char)s.ptr[0], middle = (unsigned char)s.ptr[s.len / 2];
	unsigned last = (unsigned char)s.ptr[s.len - 1], before = (unsigned char)s.ptr[s.len * 3 / 4];

	return ((unsigned)s.len * 37 + first * 5 + middle * 59 + last * 11 + before * 97) % SLOTS;
}

static void fill(uint8_t *slots, const struct str *strs, unsigned first, unsigned count)
{
	for (unsigned token = first; token < count; token++) {
		unsigned slot = token_hash(strs[token]);

		while (slots[slot])
			slot = (slot + 1) % SLOTS;
		slots[slot] = (uint8_t)token;
	}
}

/* Before main, so that no thread looks before the tables are full. */
__attribute__((constructor)) static void fill_tables(void)
{
	fill(name_slots, name_strs, XN_OTHER + 1, XN_COUNT);
	fill(ns_slots, xml_ns_strs, XNS_NONE + 1, XNS_COUNT);
}

static inline unsigned find(const uint8_t *slots, const struct str *strs, struct str s)
{
	unsigned slot = token_hash(s);

	while (slots[slot] && !str_eq(strs[slots[slot]], s))
		slot = (slot + 1) % SLOTS;
	return slots[slot];
}

enum xml_name xml_name_find(struct str text)
{
	return text.len ? (enum xml_name)find(name_slots, name_strs, text) : XN_OTHER;
}

enum xml_ns xml_ns_find(struct str text)
{
	return text.len ? (enum xml_ns)find(ns_slots, xml_ns_strs, text) : XNS_NONE;
}

const char *xml_name_text(enum xml_name token)
{
	return token < XN_COUNT ? name_strs[token].ptr : "";
}

const char *xml_ns_text(enum xml_ns token)
{
	return token < XNS_COUNT ? xml_ns_strs[token].ptr : "";
}
