/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/tape.h"

#include "base/utf8.h"
#include "xml/chars.h"

#define CDATA_START 9 /* bytes of "<![CDATA[" */
#define CDATA_END 3   /* bytes of "]]>" */

static void rune_add(struct tape *tape, uint32_t rune)
{
	char bytes[4];

	tape_decoded_add(tape, bytes, (size_t)utf8_put(bytes, rune));
}

/* The bytes are valid. XML 1.0 2.11: CR LF and CR become LF. */
static void decode_lines(struct tape *tape, const char *p, const char *end)
{
	while (p < end) {
		const char *run = p;

		p = memchr(p, '\r', (size_t)(end - p));
		if (!p)
			p = end;
		tape_decoded_add(tape, run, (size_t)(p - run));
		if (p == end)
			break;
		tape_decoded_add(tape, "\n", 1);
		p += p + 1 < end && p[1] == '\n' ? 2 : 1;
	}
}

static const char *decode_cdata(struct tape *tape, const char *p, const char *end)
{
	const char *content = p + CDATA_START;
	const char *close = memmem(content, (size_t)(end - content), "]]>", CDATA_END);

	decode_lines(tape, content, close);
	return close + CDATA_END;
}

static struct tape_span decode_text(struct tape *tape, struct str raw)
{
	const char *p = raw.ptr, *end = raw.ptr + raw.len;
	uint32_t start = tape->decoded.count, rune;

	while (p < end) {
		const char *run = p;

		while (p < end && *p != '&' && *p != '<')
			p++;
		decode_lines(tape, run, p);
		if (p == end)
			break;
		if (*p == '<') {
			p = decode_cdata(tape, p, end);
		} else {
			p += xml_reference(p, end, &rune);
			rune_add(tape, rune);
		}
	}
	return (struct tape_span){start | TAPE_DECODED, tape->decoded.count - start};
}

/* XML 1.0 3.3.3: white space becomes a space, CR LF one of them; a reference to it stays what it says. */
struct tape_span tape_decode_value(struct tape *tape, struct str raw)
{
	const char *p = raw.ptr, *end = raw.ptr + raw.len;
	uint32_t start = tape->decoded.count, rune;

	while (p < end) {
		const char *run = p;

		while (p < end && *p != '&' && *p != '\t' && *p != '\n' && *p != '\r')
			p++;
		tape_decoded_add(tape, run, (size_t)(p - run));
		if (p == end)
			break;
		if (*p == '&') {
			p += xml_reference(p, end, &rune);
			rune_add(tape, rune);
		} else {
			tape_decoded_add(tape, " ", 1);
			p += *p == '\r' && p + 1 < end && p[1] == '\n' ? 2 : 1;
		}
	}
	return (struct tape_span){start | TAPE_DECODED, tape->decoded.count - start};
}

void tape_text_close(struct tape *tape)
{
	struct tape_node *node;

	if (tape->text == TAPE_NONE)
		return;
	node = tape_node(tape, tape->text);
	tape->text = TAPE_NONE;
	if (node->decode)
		node->name = decode_text(tape, tape_str(tape, node->name));
}

/* From pos up to end is text, markup of CDATA sections included. Without content it adds no node. */
static void text_add(struct tape *tape, uint32_t end, bool content, bool decode)
{
	struct tape_node *node;

	if (tape->text == TAPE_NONE) {
		if (!content)
			return;
		tape->text = tape->nodes.count;
		node = tape_push(&tape->nodes, sizeof(*node));
		memset(node, 0, sizeof(*node));
		node->text = true;
		node->name.at = tape->pos;
		tape_link(tape, tape->text);
	}
	node = tape_node(tape, tape->text);
	node->name.len = end - node->name.at;
	node->decode |= decode;
}

/* At a ']': how far to go on; 0 to wait for more; < 0 when "]]>" is there. */
static int brackets(const char *p, const char *end)
{
	size_t have = (size_t)(end - p);

	if (have >= 2 && p[1] != ']')
		return 1;
	if (have < 3)
		return 0;
	return p[2] == '>' ? XML_STREAM_NOT_WELL_FORMED : 1;
}

/* A byte that is not plain text, and not '<': how many bytes it takes. */
static int text_special(struct tape *tape, const char *p, const char *end, bool *decode)
{
	uint32_t rune;
	int len;

	switch (*p) {
	case '&':
		*decode = true;
		len = xml_reference(p, end, &rune);
		if (len == 0)
			tape->scan = tape->len;
		return len;
	case ']':
		return brackets(p, end);
	case '\r':
		*decode = true;
		return 1;
	default:
		return xml_class(*p) & XML_C_HIGH ? xml_multibyte(p, end) : -1;
	}
}

/* A reference that was cut off before: whether it can be decided now. */
static bool reference_ends(struct tape *tape)
{
	while (tape->scan < tape->len) {
		char c = tape->bytes[tape->scan];

		if (!(xml_class(c) & (XML_C_NAME | XML_C_HIGH)) && c != '#')
			return true;
		tape->scan++;
	}
	return false;
}

int tape_text(struct tape *tape)
{
	const char *start = tape->bytes + tape->pos, *p = start, *end = tape->bytes + tape->len;
	bool decode = false;
	int len = 1;

	if (tape->scan > tape->pos && !reference_ends(tape))
		return TAPE_MORE;
	for (;;) {
		p = xml_skip_text(p, end);
		if (p == end || *p == '<')
			break;
		len = text_special(tape, p, end, &decode);
		if (len <= 0)
			break;
		p += len;
	}
	if (len < 0)
		return len == XML_STREAM_RESTRICTED ? len : XML_STREAM_NOT_WELL_FORMED;
	if (p > start)
		text_add(tape, (uint32_t)(p - tape->bytes), true, decode);
	tape->pos = (uint32_t)(p - tape->bytes);
	return p < end && *p == '<' ? TAPE_NEXT : TAPE_MORE;
}

/* What is not plain in text, and yet in a CDATA section. */
static bool cdata_char(const char *p)
{
	return *p == '<' || *p == '&' || *p == '\r';
}

int tape_cdata(struct tape *tape)
{
	const char *content = tape->bytes + tape->pos + CDATA_START, *end = tape->bytes + tape->len;
	const char *p = content;
	uint32_t close;

	if (tape->scan > tape->pos + CDATA_START)
		p = tape->bytes + tape->scan;
	while ((p = xml_skip_text(p, end)) < end) {
		int len = 1;

		if (*p == ']' && p + 1 < end && p[1] == ']' && p + 2 < end && p[2] == '>')
			break;
		if (*p == ']')
			len = brackets(p, end);
		else if (xml_class(*p) & XML_C_HIGH)
			len = xml_multibyte(p, end);
		else if (!cdata_char(p))
			len = -1;
		if (len < 0)
			return XML_STREAM_NOT_WELL_FORMED;
		if (len == 0)
			break;
		p += len;
	}
	tape->scan = (uint32_t)(p - tape->bytes);
	if (end - p < CDATA_END || memcmp(p, "]]>", CDATA_END) != 0)
		return TAPE_MORE;
	close = tape->scan + CDATA_END;
	text_add(tape, close, p > content, true);
	tape->pos = close;
	return TAPE_NEXT;
}
