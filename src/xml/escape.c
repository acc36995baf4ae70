/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/write.h"

#include "xml/chars.h"

enum escape_kind {
	ESCAPE_TEXT = 1,
	ESCAPE_VALUE = 2,
	ESCAPE_BOTH = 4, /* xml_escape */
};

static const uint8_t escape_in[256] = {
    ['&'] = 7,
    ['<'] = 7,
    ['>'] = 7,
    ['\r'] = 7,
    ['\''] = 6,
    ['"'] = 6,
    ['\t'] = 2,
    ['\n'] = 2,
};

static struct str escaped(char c)
{
	switch (c) {
	case '&':
		return STR("&amp;");
	case '<':
		return STR("&lt;");
	case '>':
		return STR("&gt;");
	case '\'':
		return STR("&apos;");
	case '"':
		return STR("&quot;");
	case '\t':
		return STR("&#9;");
	case '\n':
		return STR("&#10;");
	default:
		return STR("&#13;");
	}
}

/* Bytes that can stand as they are. */
static const char *plain_run(const char *p, const char *end, enum escape_kind kind)
{
	while (p < end) {
		int len = 1;

		if (escape_in[(unsigned char)*p] & kind)
			break;
		if (xml_class(*p) & XML_C_HIGH)
			len = xml_multibyte(p, end);
		else if ((unsigned char)*p < ' ' && !xml_rune_valid((unsigned char)*p))
			len = 0;
		if (len <= 0)
			break;
		p += len;
	}
	return p;
}

static void escape(struct strbuf *out, struct str text, enum escape_kind kind)
{
	const char *p = text.ptr, *end = text.ptr + text.len;

	while (p < end) {
		const char *run = p;

		p = plain_run(p, end, kind);
		strbuf_add(out, run, (size_t)(p - run));
		if (p == end)
			break;
		strbuf_str(out, escape_in[(unsigned char)*p] & kind ? escaped(*p) : STR("\xef\xbf\xbd"));
		p++;
	}
}

bool xml_can_carry(struct str text)
{
	const char *end = text.ptr + text.len;

	return plain_run(text.ptr, end, 0) == end;
}

void xml_write_text(struct strbuf *out, struct str text)
{
	escape(out, text, ESCAPE_TEXT);
}

void xml_write_value(struct strbuf *out, struct str value)
{
	escape(out, value, ESCAPE_VALUE);
}

void xml_escape(struct strbuf *out, struct str text)
{
	escape(out, text, ESCAPE_BOTH);
}
