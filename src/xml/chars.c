/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/chars.h"

#include "base/utf8.h"
#include "xml/stream.h"

/* Sums of enum xml_class, sixteen bytes to a row. */
const uint8_t xml_class_table[256] = {
    /* clang-format off */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 48, 48, 0, 0, 16, 0, 0,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	112, 96, 32, 96, 96, 96, 0, 32, 96, 96, 96, 96, 96, 98, 98, 96,
	98, 98, 98, 98, 98, 98, 98, 98, 98, 98, 100, 96, 0, 96, 96, 96,
	96, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
	99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 96, 96, 64, 96, 99,
	96, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
	99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 96, 96, 96, 96, 96,
    /* clang-format on */
    [128 ... 255] = XML_C_HIGH,
};

struct xml_range {
	uint16_t first;
	uint16_t last;
};

#define RANGE_START(first, last) {first, last},
#define RANGE_EXTRA(first, last)
#define XML_RANGE(kind, first, last) RANGE_##kind(first, last)
static const struct xml_range start_ranges[] = {
#include "xml/name_ranges.def"
};
#undef RANGE_START
#undef RANGE_EXTRA
#define RANGE_START(first, last)
#define RANGE_EXTRA(first, last) {first, last},
static const struct xml_range extra_ranges[] = {
#include "xml/name_ranges.def"
};

static bool in_ranges(uint32_t rune, const struct xml_range *ranges, size_t count)
{
	size_t low = 0;

	while (low < count) {
		size_t middle = low + (count - low) / 2;

		if (rune > ranges[middle].last)
			low = middle + 1;
		else if (rune < ranges[middle].first)
			count = middle;
		else
			return true;
	}
	return false;
}

static bool name_rune(uint32_t rune, bool first)
{
	if (in_ranges(rune, start_ranges, sizeof(start_ranges) / sizeof(start_ranges[0])))
		return true;
	return !first && in_ranges(rune, extra_ranges, sizeof(extra_ranges) / sizeof(extra_ranges[0]));
}

bool xml_name_valid(struct str name)
{
	const char *p = name.ptr, *end = name.ptr + name.len;

	while (p < end) {
		bool first = p == name.ptr;
		uint32_t rune;
		int len = 1;

		if (xml_class(*p) & XML_C_HIGH) {
			len = utf8_next(p, end, &rune);
			if (len <= 0 || !name_rune(rune, first))
				return false;
		} else if (!(xml_class(*p) & (first ? XML_C_START : XML_C_NAME))) {
			return false;
		}
		p += len;
	}
	return name.len > 0;
}

static bool is_tail(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

static int multibyte_3(const unsigned char *u, size_t have)
{
	unsigned char low = u[0] == 0xe0 ? 0xa0 : 0x80, high = u[0] == 0xed ? 0x9f : 0xbf;

	if (have < 2)
		return 0;
	if (u[1] < low || u[1] > high)
		return -1;
	if (have < 3)
		return 0;
	/* U+FFFE and U+FFFF are no characters of XML. */
	if (!is_tail(u[2]) || (u[0] == 0xef && u[1] == 0xbf && u[2] >= 0xbe))
		return -1;
	return 3;
}

static int multibyte_4(const unsigned char *u, size_t have)
{
	unsigned char low = u[0] == 0xf0 ? 0x90 : 0x80, high = u[0] == 0xf4 ? 0x8f : 0xbf;

	if (have < 2)
		return 0;
	if (u[1] < low || u[1] > high)
		return -1;
	for (size_t i = 2; i < 4; i++) {
		if (have <= i)
			return 0;
		if (!is_tail(u[i]))
			return -1;
	}
	return 4;
}

int xml_multibyte(const char *p, const char *end)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t have = (size_t)(end - p);

	if (u[0] < 0xc2 || u[0] > 0xf4)
		return -1;
	if (u[0] >= 0xf0)
		return multibyte_4(u, have);
	if (u[0] >= 0xe0)
		return multibyte_3(u, have);
	if (have < 2)
		return 0;
	return is_tail(u[1]) ? 2 : -1;
}

bool xml_rune_valid(uint32_t rune)
{
	if (rune < 0x20)
		return rune == '\t' || rune == '\n' || rune == '\r';
	return rune <= 0xd7ff || (rune >= 0xe000 && rune <= 0xfffd) || (rune >= 0x10000 && rune <= 0x10ffff);
}

static int digit_value(char c, bool hex)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (hex && c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (hex && c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static int number_reference(const char *p, const char *end, uint32_t *rune_r)
{
	const char *at = p + 2, *digits;
	uint32_t rune = 0;
	bool hex;
	int digit;

	if (at == end)
		return 0;
	hex = *at == 'x';
	digits = at += hex;
	for (; at < end && (digit = digit_value(*at, hex)) >= 0; at++) {
		if (rune <= 0x10ffff)
			rune = rune * (hex ? 16 : 10) + (uint32_t)digit;
	}
	if (at == end)
		return 0;
	if (*at != ';' || at == digits || !xml_rune_valid(rune))
		return XML_STREAM_NOT_WELL_FORMED;
	*rune_r = rune;
	return (int)(at + 1 - p);
}

static bool predefined_entity(struct str name, uint32_t *rune_r)
{
	static const struct {
		struct str name;
		char value;
	} entities[] = {
	    {{"lt", 2}, '<'},
	    {{"gt", 2}, '>'},
	    {{"amp", 3}, '&'},
	    {{"apos", 4}, '\''},
	    {{"quot", 4}, '"'},
	};

	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
		if (str_eq(name, entities[i].name)) {
			*rune_r = (uint32_t)entities[i].value;
			return true;
		}
	}
	return false;
}

int xml_reference(const char *p, const char *end, uint32_t *rune_r)
{
	const char *at = p + 1;
	struct str name;

	if (at < end && *at == '#')
		return number_reference(p, end, rune_r);
	while (at < end && (xml_class(*at) & (XML_C_NAME | XML_C_HIGH)))
		at++;
	if (at == end)
		return 0;
	name = (struct str){p + 1, (size_t)(at - p - 1)};
	if (*at != ';' || !xml_name_valid(name))
		return XML_STREAM_NOT_WELL_FORMED;
	if (!predefined_entity(name, rune_r))
		return XML_STREAM_RESTRICTED;
	return (int)(at + 1 - p);
}
