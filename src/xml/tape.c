/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/tape.h"

#include <stdlib.h>

#include "base/mem.h"

static void lend(struct tape_array *array, void *items, size_t cap)
{
	*array = (struct tape_array){.items = items, .cap = (uint32_t)cap, .borrowed = true};
}

#define LEND(tape, space, field)                                                                             \
	lend(&(tape)->field, (space)->field, sizeof((space)->field) / sizeof((space)->field[0]))

void tape_init(struct tape *tape, const struct xml_scope *scope, const struct xml_limits *limits,
    struct tape_space *space)
{
	memset(tape, 0, sizeof(*tape));
	tape->limits = limits;
	tape->scope = scope;
	tape->open = TAPE_NONE;
	tape->text = TAPE_NONE;
	tape->max_prefixes = TAPE_MAX_PREFIXES;
	LEND(tape, space, nodes);
	LEND(tape, space, attrs);
	LEND(tape, space, uris);
	LEND(tape, space, bindings);
	LEND(tape, space, decoded);
}

static void array_fini(struct tape_array *array)
{
	if (!array->borrowed)
		free(array->items);
	*array = (struct tape_array){0};
}

void tape_fini(struct tape *tape)
{
	array_fini(&tape->nodes);
	array_fini(&tape->attrs);
	array_fini(&tape->uris);
	array_fini(&tape->bindings);
	array_fini(&tape->outer);
	array_fini(&tape->decoded);
}

static void array_keep(struct tape_array *array, size_t item_size)
{
	if (!array->borrowed)
		return;
	array->items = array->count ? mem_dup(array->items, array->count * item_size) : NULL;
	array->cap = array->count;
	array->borrowed = false;
}

void tape_keep(struct tape *tape)
{
	array_keep(&tape->nodes, sizeof(struct tape_node));
	array_keep(&tape->attrs, sizeof(struct tape_attr));
	array_keep(&tape->uris, sizeof(struct tape_span));
	array_keep(&tape->bindings, sizeof(struct tape_binding));
	array_keep(&tape->outer, sizeof(struct tape_outer));
	array_keep(&tape->decoded, 1);
}

void tape_grow(struct tape_array *array, size_t item_size, uint32_t more)
{
	uint32_t cap = array->cap < 8 ? 16 : array->cap * 2;
	void *items = NULL;

	if (cap - array->count < more)
		cap = array->count + more;
	if (!array->borrowed)
		items = array->items;
	items = mem_realloc_array(items, cap, item_size);
	if (array->borrowed && array->count)
		memcpy(items, array->items, array->count * item_size);
	*array = (struct tape_array){.items = items, .count = array->count, .cap = cap};
}

struct tape_mark tape_mark(const struct tape *tape)
{
	return (struct tape_mark){
	    .nodes = tape->nodes.count,
	    .attrs = tape->attrs.count,
	    .uris = tape->uris.count,
	    .bindings = tape->bindings.count,
	    .outer = tape->outer.count,
	    .decoded = tape->decoded.count,
	    .dirty = tape->dirty,
	};
}

void tape_rewind(struct tape *tape, const struct tape_mark *mark)
{
	tape->nodes.count = mark->nodes;
	tape->attrs.count = mark->attrs;
	tape->uris.count = mark->uris;
	tape->bindings.count = mark->bindings;
	tape->outer.count = mark->outer;
	tape->decoded.count = mark->decoded;
	tape->dirty = mark->dirty;
}

void tape_link(struct tape *tape, uint32_t index)
{
	struct tape_node *node = tape_node(tape, index), *parent;

	node->parent = tape->open;
	node->next = 0;
	node->depth = 0;
	if (tape->open == TAPE_NONE)
		return;
	parent = tape_node(tape, tape->open);
	if (parent->last_child)
		tape_node(tape, parent->last_child)->next = index;
	parent->last_child = index;
	node->depth = (uint8_t)(parent->depth + 1);
}
