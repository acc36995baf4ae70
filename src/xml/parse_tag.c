/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/tape.h"

#include "xml/chars.h"
#include "xml/tokens.h"

/* A name as it stands in the bytes. */
struct qname {
	const char *start;
	const char *local; /* behind the colon, or start */
	const char *end;
};

static inline struct tape_span span_between(const struct tape *tape, const char *start, const char *end)
{
	return (struct tape_span){(uint32_t)(start - tape->bytes), (uint32_t)(end - start)};
}

static bool high_name_valid(const struct qname *name)
{
	struct str prefix = {name->start, (size_t)(name->local - name->start)};

	if (prefix.len && !xml_name_valid((struct str){prefix.ptr, prefix.len - 1}))
		return false;
	return xml_name_valid((struct str){name->local, (size_t)(name->end - name->local)});
}

/* TAPE_NEXT when there is a whole name at *p, which then moves behind it. */
static inline int read_qname(const char **p_r, const char *end, struct qname *name)
{
	const char *p = *p_r;
	unsigned class = 0, high = 0;

	name->start = name->local = p;
	for (;; p++) {
		while (p < end && ((class = xml_class(*p)) & XML_C_NAME))
			p++;
		if (p == end || !(class & (XML_C_HIGH | XML_C_COLON)))
			break;
		high |= class;
		if (class & XML_C_HIGH)
			continue;
		if (name->local != name->start)
			return XML_STREAM_NOT_WELL_FORMED;
		name->local = p + 1;
	}
	name->end = p;
	if (p == end)
		return TAPE_MORE;
	if (name->local == p)
		return XML_STREAM_NOT_WELL_FORMED;
	if (high & XML_C_HIGH) {
		if (!high_name_valid(name))
			return XML_STREAM_NOT_WELL_FORMED;
	} else if (!(xml_class(*name->start) & xml_class(*name->local) & XML_C_START)) {
		return XML_STREAM_NOT_WELL_FORMED;
	}
	*p_r = p;
	return TAPE_NEXT;
}

/* A byte of a value that is not plain: how many bytes it takes, 0 when it is cut off. */
static int value_special(const char *p, const char *end, bool *decode)
{
	uint32_t rune;

	switch (*p) {
	case '"':
	case '\'':
		return 1;
	case '&':
		*decode = true;
		return xml_reference(p, end, &rune);
	case '\t':
	case '\n':
	case '\r':
		*decode = true;
		return 1;
	default:
		return xml_class(*p) & XML_C_HIGH ? xml_multibyte(p, end) : -1;
	}
}

/* The value at *p, quotes included. */
static inline int read_value(struct tape *tape, const char **p_r, const char *end, struct tape_span *value)
{
	const char *p = *p_r, *start;
	bool decode = false;
	char quote = *p;

	if (quote != '"' && quote != '\'')
		return XML_STREAM_NOT_WELL_FORMED;
	start = ++p;
	for (;;) {
		int len;

		p = xml_skip_value(p, end);
		if (p == end)
			return TAPE_MORE;
		if (*p == quote)
			break;
		len = value_special(p, end, &decode);
		if (len == 0)
			return TAPE_MORE;
		if (len < 0)
			return len == XML_STREAM_RESTRICTED ? len : XML_STREAM_NOT_WELL_FORMED;
		p += len;
	}
	*p_r = p + 1;
	if (decode)
		*value = tape_decode_value(tape, (struct str){start, (size_t)(p - start)});
	else
		*value = span_between(tape, start, p);
	return TAPE_NEXT;
}

static inline bool is_declaration(const struct qname *name)
{
	size_t len = (size_t)(name->end - name->start), prefix_len = (size_t)(name->local - name->start);

	if (*name->start != 'x' || len < 5 || memcmp(name->start, "xmlns", 5) != 0)
		return false;
	return len == 5 || prefix_len == 6;
}

static inline int read_attribute(struct tape *tape, struct tape_node *node, const char **p_r, const char *end)
{
	struct tape_attr attr = {0}, *added;
	struct qname name;
	const char *p = *p_r;
	int result = read_qname(&p, end, &name);

	if (result != TAPE_NEXT)
		return result;
	p = xml_skip_space(p, end);
	if (p == end)
		return TAPE_MORE;
	if (*p != '=')
		return XML_STREAM_NOT_WELL_FORMED;
	p = xml_skip_space(p + 1, end);
	if (p == end)
		return TAPE_MORE;
	result = read_value(tape, &p, end, &attr.value);
	if (result != TAPE_NEXT)
		return result;
	*p_r = p;
	attr.name = span_between(tape, name.local, name.end);
	attr.prefix_len = (uint32_t)(name.local - name.start);
	if (is_declaration(&name))
		return tape_declare(tape, node, &attr);
	attr.token = xml_name_find((struct str){name.local, attr.name.len});
	added = tape_push(&tape->attrs, sizeof(attr));
	*added = attr;
	return TAPE_NEXT;
}

static int read_attributes(struct tape *tape, struct tape_node *node, const char **p_r, const char *end)
{
	uint32_t count = 0, max = tape->limits->max_attrs < UINT16_MAX ? tape->limits->max_attrs : UINT16_MAX;

	for (;;) {
		const char *p = xml_skip_space(*p_r, end);
		bool space = p > *p_r;
		int result;

		*p_r = p;
		if (p == end)
			return TAPE_MORE;
		if (*p == '>' || *p == '/')
			break;
		if (!space)
			return XML_STREAM_NOT_WELL_FORMED;
		if (++count > max)
			return XML_STREAM_TOO_MANY_ATTRS;
		result = read_attribute(tape, node, p_r, end);
		if (result != TAPE_NEXT)
			return result;
	}
	node->attr_count = (uint16_t)(tape->attrs.count - node->attrs);
	return TAPE_NEXT;
}

static int check_limits(const struct tape *tape)
{
	uint32_t depth = tape->open == TAPE_NONE ? 1 : tape_node(tape, tape->open)->depth + 2u;

	if (depth > tape->limits->max_depth || depth > UINT8_MAX)
		return XML_STREAM_TOO_DEEP;
	return tape->elements < tape->limits->max_elements ? TAPE_NEXT : XML_STREAM_TOO_MANY_ELEMENTS;
}

static struct tape_node *element_push(struct tape *tape)
{
	struct tape_node *node = tape_push(&tape->nodes, sizeof(*node));

	node->default_uri = TAPE_NONE;
	node->last_child = 0;
	node->attrs = tape->attrs.count;
	node->bindings = tape->bindings.count;
	node->text = false;
	node->decode = false;
	return node;
}

/* The tag is complete and its names are known. */
static int element_opened(struct tape *tape, uint32_t index, uint32_t end, bool closed)
{
	struct tape_node *node = tape_node(tape, index);

	tape_link(tape, index);
	tape->elements++;
	tape->pos = end;
	node->inner = (struct tape_span){end, 0};
	if (!closed) {
		tape->open = index;
		return tape->start_only ? TAPE_DONE : TAPE_NEXT;
	}
	tape->bindings.count = node->bindings;
	return tape->open == TAPE_NONE ? TAPE_DONE : TAPE_NEXT;
}

static int read_start_tag(struct tape *tape, struct tape_node *node, const char **p_r, const char *end)
{
	struct qname name;
	int result = read_qname(p_r, end, &name);

	if (result != TAPE_NEXT)
		return result;
	node->name = span_between(tape, name.local, name.end);
	node->prefix_len = (uint32_t)(name.local - name.start);
	result = read_attributes(tape, node, p_r, end);
	if (result != TAPE_NEXT)
		return result;
	if (**p_r == '/' && ++*p_r == end)
		return TAPE_MORE;
	return **p_r == '>' ? tape_resolve(tape, node) : XML_STREAM_NOT_WELL_FORMED;
}

int tape_start_tag(struct tape *tape)
{
	const char *p = tape->bytes + tape->pos + 1, *end = tape->bytes + tape->len;
	struct tape_node *node;
	struct tape_mark mark;
	int result = check_limits(tape);

	if (result != TAPE_NEXT)
		return result;
	tape_text_close(tape);
	mark = tape_mark(tape);
	node = element_push(tape);
	result = read_start_tag(tape, node, &p, end);
	if (result == TAPE_MORE)
		tape_rewind(tape, &mark);
	if (result != TAPE_NEXT)
		return result;
	return element_opened(tape, mark.nodes, (uint32_t)(p + 1 - tape->bytes), p[-1] == '/');
}

int tape_end_tag(struct tape *tape, struct str name)
{
	uint32_t start = tape->pos + 2, name_end = start + (uint32_t)name.len, at, stop;

	at = tape->scan > start ? tape->scan : start;
	if (at < name_end) {
		stop = tape->len < name_end ? tape->len : name_end;
		if (memcmp(tape->bytes + at, name.ptr + (at - start), stop - at) != 0)
			return XML_STREAM_NOT_WELL_FORMED;
		at = stop;
	}
	if (at >= name_end)
		at = (uint32_t)(xml_skip_space(tape->bytes + at, tape->bytes + tape->len) - tape->bytes);
	if (at == tape->len) {
		tape->scan = at;
		return TAPE_MORE;
	}
	if (tape->bytes[at] != '>')
		return XML_STREAM_NOT_WELL_FORMED;
	tape->pos = at + 1;
	return TAPE_NEXT;
}
