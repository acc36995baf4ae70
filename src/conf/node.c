/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/node.h"

const struct option_node *option_node_get(const struct option_node *map, const char *key)
{
	if (!map || map->kind != OPTION_NODE_MAP)
		return NULL;
	for (const struct option_node *value = map->items; value; value = value->next) {
		if (value->key->kind == OPTION_NODE_SCALAR && str_is(value->key->scalar, key))
			return value;
	}
	return NULL;
}

void node_list_add(struct node_list *list, struct option_node *node)
{
	if (list->last)
		list->last->next = node;
	else
		list->first = node;
	list->last = node;
	node->next = NULL;
}

struct option_node *node_copy(struct loader *loader, const struct option_node *node)
{
	struct option_node *copy = loader_node(loader, node);

	if (!copy)
		return NULL;
	*copy = *node;
	copy->key = NULL;
	copy->next = NULL;
	return copy;
}

/* The depth is bounded by the parser and by the expansion of definitions. */
struct option_node *node_copy_deep(struct loader *loader, const struct option_node *node)
{
	struct option_node *copy = node_copy(loader, node);
	struct node_list items = {0};

	for (const struct option_node *item = node->items; copy && item; item = item->next) {
		struct option_node *child = node_copy_deep(loader, item);

		if (!child)
			return NULL;
		child->key = item->key;
		node_list_add(&items, child);
	}
	if (copy)
		copy->items = items.first;
	return copy;
}

struct option_node *node_scalar(struct loader *loader, const struct option_node *at, struct str text)
{
	struct option_node *node = loader_node(loader, at);

	if (!node)
		return NULL;
	node->kind = OPTION_NODE_SCALAR;
	node->file = at->file;
	node->line = at->line;
	node->column = at->column;
	node->scalar = arena_str(loader->arena, text);
	return node;
}

const struct option_node *node_list(
    struct loader *loader, const struct option_node *item, const struct option_node *at)
{
	struct option_node *list = arena_zalloc(loader->arena, sizeof(*list));

	list->kind = OPTION_NODE_LIST;
	list->file = at->file;
	list->line = at->line;
	list->column = at->column;
	list->key = at->key;
	list->items = item ? node_copy(loader, item) : NULL;
	return list;
}

bool node_is_null(const struct option_node *node)
{
	return node->kind == OPTION_NODE_SCALAR && !node->quoted &&
	       (node->scalar.len == 0 || str_is(node->scalar, "~") || str_is(node->scalar, "null"));
}

static struct option_node *joined_maps(struct loader *loader, const struct option_node *list)
{
	struct option_node *map = node_copy(loader, list);
	struct node_list items = {0};

	for (const struct option_node *item = list->items; map && item; item = item->next) {
		for (const struct option_node *value = item->items; value; value = value->next) {
			struct option_node *copy = node_copy(loader, value);

			if (!copy)
				return NULL;
			copy->key = value->key;
			node_list_add(&items, copy);
		}
	}
	if (map) {
		map->kind = OPTION_NODE_MAP;
		map->key = list->key;
		map->items = items.first;
	}
	return map;
}

const struct option_node *node_as_map(struct loader *loader, const struct option_node *node, const char *what)
{
	bool maps = node->kind == OPTION_NODE_LIST || node_is_null(node);

	if (node->kind == OPTION_NODE_MAP)
		return node;
	for (const struct option_node *item = node->items; item; item = item->next)
		maps = maps && item->kind == OPTION_NODE_MAP;
	if (maps)
		return joined_maps(loader, node);
	problem_error(loader, node, "%s: expected a mapping, got %s", what, problem_got(loader, node));
	return NULL;
}

bool node_same(const struct option_node *a, const struct option_node *b)
{
	if (a == b)
		return true;
	if (!a || !b || a->kind != b->kind)
		return false;
	if (a->kind == OPTION_NODE_SCALAR)
		return str_eq(a->scalar, b->scalar);
	for (a = a->items, b = b->items; a && b; a = a->next, b = b->next) {
		if (!node_same(a->key, b->key) || !node_same(a, b))
			return false;
	}
	return !a && !b;
}

void node_check_unique(struct loader *loader, const struct option_node *map, const char *what)
{
	struct map keys = {0};

	if (map->kind != OPTION_NODE_MAP)
		return;
	for (const struct option_node *value = map->items; value; value = value->next) {
		const struct option_node *first;

		if (value->key->kind != OPTION_NODE_SCALAR)
			continue;
		first = map_get(&keys, value->key->scalar);
		if (first)
			problem_error(loader, value->key, "%s %s is given twice, first in line %u", what,
			    problem_quote(loader, value->key->scalar), first->line);
		else
			map_put(&keys, value->key->scalar, (void *)value->key);
	}
	map_fini(&keys);
}

static bool items_add(struct loader *loader, struct node_list *list, const struct option_node *from)
{
	const struct option_node *item = from->kind == OPTION_NODE_LIST ? from->items : from;

	for (; item; item = from->kind == OPTION_NODE_LIST ? item->next : NULL) {
		struct option_node *copy = node_copy(loader, item);

		if (!copy)
			return false;
		node_list_add(list, copy);
	}
	return true;
}

static const struct option_node *append_lists(
    struct loader *loader, const struct option_node *base, const struct option_node *more)
{
	struct option_node *joined = node_copy(loader, more);
	struct node_list items = {0};

	if (!joined || !items_add(loader, &items, base) || !items_add(loader, &items, more))
		return base;
	joined->kind = OPTION_NODE_LIST;
	joined->items = items.first;
	return joined;
}

static const struct option_node *append_maps(
    struct loader *loader, const struct option_node *base, const struct option_node *more, bool rules)
{
	struct option_node *joined = node_copy(loader, more);
	struct node_list items = {0};

	for (int pass = 0; joined && pass < 2; pass++) {
		const struct option_node *from = pass == 0 ? base : more, *other = pass == 0 ? more : base;

		for (const struct option_node *value = from->items; value; value = value->next) {
			const struct option_node *twin = NULL, *result = value;
			struct option_node *copy;

			if (value->key->kind == OPTION_NODE_SCALAR && value->key->scalar.ptr)
				twin = option_node_get(other, value->key->scalar.ptr);
			if (twin && pass == 1)
				continue;
			if (twin)
				result = rules ? append_lists(loader, value, twin)
					       : node_append(loader, value, twin, false);
			copy = node_copy(loader, result);
			if (!copy)
				return base;
			copy->key = value->key;
			node_list_add(&items, copy);
		}
	}
	if (!joined)
		return base;
	joined->items = items.first;
	return joined;
}

const struct option_node *node_append(
    struct loader *loader, const struct option_node *base, const struct option_node *more, bool rules)
{
	if (base->kind == OPTION_NODE_MAP && more->kind == OPTION_NODE_MAP)
		return append_maps(loader, base, more, rules);
	if (base->kind == OPTION_NODE_LIST || more->kind == OPTION_NODE_LIST)
		return append_lists(loader, base, more);
	return more;
}
