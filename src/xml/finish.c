/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/tape.h"

#include <assert.h>

#include "base/mem.h"
#include "xml/tokens.h"
#include "xml/write.h"

/* Where the parts of the tree are. */
struct layout {
	const struct tape *tape;
	struct xml *nodes;
	struct xml_attr *attrs;
	char *bytes;
	char *decoded;
};

static inline struct str place(const struct layout *layout, struct tape_span span)
{
	if (span.at & TAPE_DECODED)
		return (struct str){layout->decoded + (span.at & ~TAPE_DECODED), span.len};
	return (struct str){layout->bytes + span.at, span.len};
}

static inline struct str place_uri(const struct layout *layout, uint32_t uri)
{
	if (uri < XNS_COUNT)
		return xml_ns_strs[uri];
	return place(layout, ((const struct tape_span *)layout->tape->uris.items)[uri - XNS_COUNT]);
}

static void fill_attrs(const struct layout *layout)
{
	for (uint32_t i = 0; i < layout->tape->attrs.count; i++) {
		const struct tape_attr *from = tape_attr(layout->tape, i);
		struct xml_attr *to = &layout->attrs[i];

		to->name = place(layout, from->name);
		to->ns = place_uri(layout, from->uri);
		to->value = place(layout, from->value);
		to->name_token = from->token;
	}
}

static void fill_element(const struct layout *layout, const struct tape_node *from, struct xml *to)
{
	to->kind = XML_ELEMENT;
	to->attr_count = from->attr_count;
	to->name_token = from->token;
	to->ns_token = from->uri < XNS_COUNT ? from->uri : XNS_OTHER;
	to->ns = place_uri(layout, from->uri);
	to->attrs = from->attr_count ? &layout->attrs[from->attrs] : NULL;
	to->children = from->last_child ? to + 1 : NULL;
	to->inner = place(layout, from->inner);
}

static void fill_text(struct xml *to)
{
	to->kind = XML_TEXT;
	to->attr_count = 0;
	to->name_token = XN_OTHER;
	to->ns_token = XNS_NONE;
	to->ns = STR_NULL;
	to->attrs = NULL;
	to->children = NULL;
	to->inner = STR_NULL;
}

static void fill_nodes(const struct layout *layout)
{
	for (uint32_t i = 0; i < layout->tape->nodes.count; i++) {
		const struct tape_node *from = tape_node(layout->tape, i);
		struct xml *to = &layout->nodes[i];

		to->depth = from->depth;
		to->name = place(layout, from->name);
		to->parent = from->parent == TAPE_NONE ? NULL : &layout->nodes[from->parent];
		to->next = from->next ? &layout->nodes[from->next] : NULL;
		if (from->text)
			fill_text(to);
		else
			fill_element(layout, from, to);
	}
}

struct xml_tree *tape_tree(const struct tape *tape, size_t head_room)
{
	size_t nodes = tape->nodes.count * sizeof(struct xml);
	size_t attrs = tape->attrs.count * sizeof(struct xml_attr);
	size_t size = head_room + sizeof(struct xml_tree) + nodes + attrs + tape->pos + tape->decoded.count;
	char *start = mem_alloc(size);
	struct xml_tree *tree = (struct xml_tree *)(start + head_room);
	struct layout layout = {.tape = tape, .nodes = (struct xml *)(tree + 1)};

	layout.attrs = (struct xml_attr *)((char *)layout.nodes + nodes);
	layout.bytes = (char *)layout.attrs + attrs;
	layout.decoded = layout.bytes + tape->pos;
	memset(start, 0, head_room);
	tree->refs = 1;
	tree->size = (uint32_t)size;
	tree->head_room = (uint32_t)head_room;
	tree->root = layout.nodes;
	memcpy(layout.bytes, tape->bytes, tape->pos);
	if (tape->decoded.count)
		memcpy(layout.decoded, tape->decoded.items, tape->decoded.count);
	fill_attrs(&layout);
	fill_nodes(&layout);
	return tree;
}

struct xml_tree *tape_written_tree(struct str bytes, const struct xml *root, size_t head_room)
{
	const struct xml_limits limits = {TAPE_MAX_BYTES, UINT8_MAX, UINT16_MAX, UINT32_MAX};
	struct xml_scope scope = {
	    .default_ns = root->ns, .default_token = root->ns_token, .content_ns = XNS_CLIENT};
	struct tape_space space;
	struct xml_tree *tree;
	struct tape tape;
	int result;

	if (root->ns.len == 0)
		scope.default_token = XNS_NONE;
	tape_init(&tape, &scope, &limits, &space);
	tape.max_prefixes = UINT32_MAX;
	tape.bytes = bytes.ptr;
	tape.len = (uint32_t)bytes.len;
	result = tape_run(&tape);
	assert(result == TAPE_DONE);
	tree = tape_tree(&tape, head_room);
	tape_fini(&tape);
	return tree;
}

int tape_canonical_tree(const struct tape *tape, size_t head_room, struct xml_tree **tree_r)
{
	uint32_t max = tape->limits->max_bytes;
	struct xml_tree *loose = tape_tree(tape, 0);
	struct strbuf buf = {0};
	int result = XML_STREAM_TOO_LARGE;

	if (max > TAPE_MAX_BYTES / 2)
		max = TAPE_MAX_BYTES / 2;
	if (xml_write_canonical(&buf, loose->root, (size_t)max * 2)) {
		*tree_r = tape_written_tree(strbuf_view(&buf), loose->root, head_room);
		result = TAPE_DONE;
	}
	strbuf_fini(&buf);
	xml_tree_unref(&loose);
	return result;
}
