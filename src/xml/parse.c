/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/tape.h"

#include "xml/chars.h"
#include "xml/tokens.h"

/* A start tag that was cut off before: looks for its end from where the search stopped. */
static bool tag_ends(struct tape *tape)
{
	const char *p = tape->bytes + tape->scan, *end = tape->bytes + tape->len;

	for (; p < end; p++) {
		/* RFC 6120 allows no '<' within a tag, quoted or not: the parser will say so. */
		if (*p == '<' || (*p == '>' && !tape->quote))
			return true;
		if (tape->quote ? *p == tape->quote : *p == '"' || *p == '\'')
			tape->quote ^= *p;
	}
	tape->scan = tape->len;
	return false;
}

static int start_tag(struct tape *tape)
{
	bool again = tape->scan > tape->pos;
	int result;

	if (again && !tag_ends(tape))
		return TAPE_MORE;
	result = tape_start_tag(tape);
	if (result == TAPE_MORE && again)
		return XML_STREAM_NOT_WELL_FORMED;
	if (result == TAPE_MORE) {
		tape->scan = tape->pos + 1;
		tape->quote = 0;
	}
	return result;
}

static int end_tag(struct tape *tape)
{
	struct tape_node *node = tape_node(tape, tape->open);
	struct str name = tape_str(tape, node->name);
	uint32_t at = tape->pos;
	int result;

	name.ptr -= node->prefix_len;
	name.len += node->prefix_len;
	result = tape_end_tag(tape, name);
	if (result != TAPE_NEXT)
		return result;
	tape_text_close(tape);
	node->inner.len = at - node->inner.at;
	tape->bindings.count = node->bindings;
	tape->open = node->parent;
	return tape->open == TAPE_NONE ? TAPE_DONE : TAPE_NEXT;
}

/* Markup that begins with "<!". */
static int declaration(struct tape *tape)
{
	static const struct str cdata = {"<![CDATA[", 9}, comment = {"<!--", 4};
	const char *p = tape->bytes + tape->pos;
	size_t have = tape->len - tape->pos;

	if (have >= 3 && p[2] == 'D')
		return XML_STREAM_RESTRICTED;
	if (memcmp(p, comment.ptr, have < comment.len ? have : comment.len) == 0)
		return have < comment.len ? TAPE_MORE : XML_STREAM_RESTRICTED;
	if (memcmp(p, cdata.ptr, have < cdata.len ? have : cdata.len) != 0)
		return XML_STREAM_NOT_WELL_FORMED;
	if (have < cdata.len)
		return TAPE_MORE;
	return tape->open == TAPE_NONE ? XML_STREAM_STRAY_TEXT : tape_cdata(tape);
}

static int markup(struct tape *tape)
{
	if (tape->len - tape->pos < 2)
		return TAPE_MORE;
	switch (tape->bytes[tape->pos + 1]) {
	case '/':
		return tape->open == TAPE_NONE ? XML_STREAM_NOT_WELL_FORMED : end_tag(tape);
	case '!':
		return declaration(tape);
	case '?':
		return XML_STREAM_RESTRICTED;
	default:
		return start_tag(tape);
	}
}

int tape_run(struct tape *tape)
{
	int result = TAPE_NEXT;

	while (result == TAPE_NEXT) {
		if (tape->pos == tape->len)
			return TAPE_MORE;
		result = tape->bytes[tape->pos] == '<' ? markup(tape) : tape_text(tape);
	}
	return result;
}

static struct xml_tree *parse_failed(int result, struct err *err)
{
	if (result == TAPE_MORE)
		err_set(err, "the text ends within an element");
	else if (result == XML_STREAM_STRAY_TEXT)
		err_set(err, "character data outside an element");
	else
		err_set(err, "%s", xml_stream_strerror(result));
	return NULL;
}

/* The element at the start of bytes; *used_r: its length, or where it is wrong. */
static int parse_element(struct str bytes, struct str default_ns, const struct xml_limits *limits,
    struct xml_tree **tree_r, size_t *used_r)
{
	struct xml_scope scope = {
	    .default_ns = default_ns, .default_token = xml_ns_find(default_ns), .content_ns = XNS_CLIENT};
	size_t max = limits->max_bytes < TAPE_MAX_BYTES ? limits->max_bytes : TAPE_MAX_BYTES;
	struct tape_space space;
	struct tape tape;
	int result;

	tape_init(&tape, &scope, limits, &space);
	tape.bytes = bytes.ptr;
	tape.len = (uint32_t)(bytes.len < max ? bytes.len : max);
	result = tape_run(&tape);
	*used_r = tape.pos;
	if (result == TAPE_MORE && bytes.len > tape.len)
		result = XML_STREAM_TOO_LARGE;
	if (result == TAPE_DONE && tape.dirty)
		result = tape_canonical_tree(&tape, 0, tree_r);
	else if (result == TAPE_DONE)
		*tree_r = tape_tree(&tape, 0);
	tape_fini(&tape);
	return result;
}

struct xml_tree *xml_parse(struct str text, struct str default_ns, const struct xml_limits *limits,
    size_t *offset_r, struct err *err)
{
	const char *end = text.ptr + text.len, *start, *rest;
	struct xml_tree *tree = NULL;
	size_t used, unasked;
	int result = XML_STREAM_NOT_WELL_FORMED;

	if (!offset_r)
		offset_r = &unasked;
	start = text.len ? xml_skip_space(text.ptr, end) : text.ptr;
	*offset_r = (size_t)(start - text.ptr);
	if (start == end) {
		err_set(err, "there is no element");
		return NULL;
	}
	if (*start == '<') {
		result = parse_element(
		    (struct str){start, (size_t)(end - start)}, default_ns, limits, &tree, &used);
		*offset_r += used;
	}
	if (result != TAPE_DONE)
		return parse_failed(result, err);
	rest = xml_skip_space(text.ptr + *offset_r, end);
	if (rest != end) {
		*offset_r = (size_t)(rest - text.ptr);
		xml_tree_unref(&tree);
		err_set(err, "something follows the element");
	}
	return tree;
}

void xml_position(struct str text, size_t offset, unsigned *line_r, unsigned *column_r)
{
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < offset && i < text.len; i++) {
		char c = text.ptr[i];
		bool pair = c == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n';

		if (c == '\n' || (c == '\r' && !pair)) {
			line++;
			column = 1;
		} else if (!pair && ((unsigned char)c & 0xc0) != 0x80) {
			column++;
		}
	}
	*line_r = line;
	*column_r = column;
}
