/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/tape.h"

#include "xml/tokens.h"

#define XMLNS_URI "http://www.w3.org/2000/xmlns/"

static struct str uri_str(const struct tape *tape, uint32_t uri)
{
	if (uri < XNS_COUNT)
		return xml_ns_strs[uri];
	return tape_str(tape, ((const struct tape_span *)tape->uris.items)[uri - XNS_COUNT]);
}

bool tape_same_uri(const struct tape *tape, uint32_t a, uint32_t b)
{
	return a == b || (a >= XNS_COUNT && b >= XNS_COUNT && str_eq(uri_str(tape, a), uri_str(tape, b)));
}

uint32_t tape_uri(struct tape *tape, struct tape_span span)
{
	enum xml_ns token = xml_ns_find(tape_str(tape, span));
	struct tape_span *added;

	if (token != XNS_OTHER)
		return token;
	added = tape_push(&tape->uris, sizeof(*added));
	*added = span;
	return XNS_COUNT + tape->uris.count - 1;
}

uint32_t tape_uri_copy(struct tape *tape, struct str uri, enum xml_ns token)
{
	struct tape_span span = {tape->decoded.count | TAPE_DECODED, (uint32_t)uri.len};

	if (token != XNS_OTHER)
		return token;
	tape_decoded_add(tape, uri.ptr, uri.len);
	return tape_uri(tape, span);
}

/* Namespaces in XML 1.0, section 3: what may not be declared, and what only so. */
static int check_declaration(struct str prefix, struct str uri)
{
	bool xml_prefix = str_eq(prefix, STR("xml"));
	bool xml_uri = str_eq(uri, xml_ns_strs[XNS_XML]);

	if (xml_prefix != xml_uri || str_eq(prefix, STR("xmlns")) || str_eq(uri, STR(XMLNS_URI)))
		return XML_STREAM_BAD_PREFIX;
	return prefix.len && !uri.len ? XML_STREAM_BAD_PREFIX : TAPE_NEXT;
}

static int bind(struct tape *tape, const struct tape_node *node, struct tape_span prefix, uint32_t uri)
{
	struct str name = tape_str(tape, prefix);
	struct tape_binding *added;

	for (uint32_t i = node->bindings; i < tape->bindings.count; i++) {
		if (str_eq(tape_str(tape, tape_binding(tape, i)->prefix), name))
			return XML_STREAM_NOT_WELL_FORMED;
	}
	if (tape->bindings.count >= tape->max_prefixes)
		return XML_STREAM_TOO_MANY_ATTRS;
	added = tape_push(&tape->bindings, sizeof(*added));
	*added = (struct tape_binding){.prefix = prefix, .uri = uri};
	return TAPE_NEXT;
}

int tape_declare(struct tape *tape, struct tape_node *node, const struct tape_attr *attr)
{
	bool is_default = attr->prefix_len == 0;
	struct str prefix = is_default ? STR_NULL : tape_str(tape, attr->name);
	int result = check_declaration(prefix, tape_str(tape, attr->value));
	uint32_t uri;

	if (result != TAPE_NEXT)
		return result;
	uri = tape_uri(tape, attr->value);
	if (uri == tape->scope->content_ns && uri != XNS_CLIENT) {
		uri = XNS_CLIENT;
		tape->dirty |= tape->open != TAPE_NONE;
	}
	if (!is_default)
		return bind(tape, node, attr->name, uri);
	if (node->default_uri != TAPE_NONE)
		return XML_STREAM_NOT_WELL_FORMED;
	node->default_uri = uri;
	return TAPE_NEXT;
}

/* A prefix that the stream header declared. */
static int resolve_outer(struct tape *tape, struct str prefix, uint32_t *uri_r)
{
	const struct xml_scope *scope = tape->scope;
	struct tape_outer *outer = tape->outer.items;
	uint32_t index = 0, uri;

	while (index < scope->prefix_count && !str_eq(scope->prefixes[index].prefix, prefix))
		index++;
	if (index == scope->prefix_count)
		return XML_STREAM_BAD_PREFIX;
	for (uint32_t i = 0; i < tape->outer.count; i++) {
		if (outer[i].index == index) {
			*uri_r = outer[i].uri;
			return TAPE_NEXT;
		}
	}
	if (scope->prefixes[index].token == scope->content_ns)
		uri = XNS_CLIENT;
	else
		uri = tape_uri_copy(tape, scope->prefixes[index].uri, scope->prefixes[index].token);
	outer = tape_push(&tape->outer, sizeof(*outer));
	*outer = (struct tape_outer){.index = index, .uri = uri};
	*uri_r = uri;
	return TAPE_NEXT;
}

/* name: an element's or attribute's of node, with prefix_len bytes in front of it. */
static int resolve_prefix(struct tape *tape, const struct tape_node *node, struct tape_span name,
    uint32_t prefix_len, uint32_t *uri_r)
{
	struct str prefix = {tape->bytes + name.at - prefix_len, prefix_len - 1};
	uint32_t i = tape->bindings.count;

	if (str_eq(prefix, STR("xml"))) {
		*uri_r = XNS_XML;
		return TAPE_NEXT;
	}
	while (i-- > 0) {
		const struct tape_binding *binding = tape_binding(tape, i);

		if (!str_eq(tape_str(tape, binding->prefix), prefix))
			continue;
		*uri_r = binding->uri;
		/* The root's own tag is written anew; elsewhere the bytes lean on a declaration above. */
		tape->dirty |= tape->open != TAPE_NONE && i < node->bindings;
		return TAPE_NEXT;
	}
	tape->dirty |= tape->open != TAPE_NONE;
	return resolve_outer(tape, prefix, uri_r);
}

/* Default namespace of the element's content, and whether its children see it with the element's own name. */
static void resolve_default(struct tape *tape, struct tape_node *node)
{
	const struct tape_node *parent = tape->open == TAPE_NONE ? NULL : tape_node(tape, tape->open);

	if (parent && parent->uri != parent->default_uri &&
	    !tape_same_uri(tape, parent->uri, parent->default_uri))
		tape->dirty = true;
	if (node->default_uri != TAPE_NONE)
		return;
	if (parent)
		node->default_uri = parent->default_uri;
	else
		node->default_uri = tape_uri_copy(tape, tape->scope->default_ns, tape->scope->default_token);
}

static bool same_attr(const struct tape *tape, const struct tape_attr *a, const struct tape_attr *b)
{
	return str_eq(tape_str(tape, a->name), tape_str(tape, b->name)) &&
	       tape_same_uri(tape, a->uri, b->uri);
}

/* A set of hashes makes the comparison of each with each rare. */
static int check_duplicates(const struct tape *tape, const struct tape_node *node)
{
	uint64_t seen = 0;

	for (uint32_t i = 0; i < node->attr_count; i++) {
		const struct tape_attr *attr = tape_attr(tape, node->attrs + i);
		struct str name = tape_str(tape, attr->name);
		unsigned hash = (unsigned char)name.ptr[0] + 7u * (unsigned char)name.ptr[name.len - 1];
		uint64_t bit = 1ull << ((hash + 13u * (unsigned)name.len) % 64);

		for (uint32_t j = 0; (seen & bit) && j < i; j++) {
			if (same_attr(tape, attr, tape_attr(tape, node->attrs + j)))
				return XML_STREAM_NOT_WELL_FORMED;
		}
		seen |= bit;
	}
	return TAPE_NEXT;
}

int tape_resolve(struct tape *tape, struct tape_node *node)
{
	int result;

	resolve_default(tape, node);
	node->token = xml_name_find(tape_str(tape, node->name));
	node->uri = node->default_uri;
	if (node->prefix_len) {
		result = resolve_prefix(tape, node, node->name, node->prefix_len, &node->uri);
		if (result != TAPE_NEXT)
			return result;
	}
	for (uint32_t i = 0; i < node->attr_count; i++) {
		struct tape_attr *attr = tape_attr(tape, node->attrs + i);

		attr->uri = XNS_NONE;
		if (!attr->prefix_len)
			continue;
		result = resolve_prefix(tape, node, attr->name, attr->prefix_len, &attr->uri);
		if (result != TAPE_NEXT)
			return result;
	}
	return node->attr_count > 1 ? check_duplicates(tape, node) : TAPE_NEXT;
}
