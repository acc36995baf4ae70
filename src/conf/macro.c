/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/macro.h"

enum { EXPAND_DEPTH_MAX = 16 };

struct expansion {
	struct loader *loader;
	const struct definitions *definitions;
	unsigned depth;
};

static struct option_node *expand(struct expansion *expansion, const struct option_node *node);

void definitions_fini(struct definitions *definitions)
{
	map_fini(&definitions->names);
}

static void read_map(struct loader *loader, struct definitions *definitions, const struct option_node *map)
{
	for (const struct option_node *value = map->items; value; value = value->next) {
		const struct option_node *key = value->key, *first;

		if (key->kind != OPTION_NODE_SCALAR || key->scalar.len == 0) {
			problem_error(
			    loader, key, "expected a name in capitals, got %s", problem_got(loader, key));
			continue;
		}
		first = map_get(&definitions->names, key->scalar);
		if (first)
			problem_error(loader, key, "%s is defined twice, first in %s line %u",
			    problem_quote(loader, key->scalar), first->file, first->line);
		else
			map_put(&definitions->names, key->scalar, (void *)value);
	}
}

void definitions_read(struct loader *loader, struct definitions *definitions, const struct option_node *value)
{
	if (value->kind == OPTION_NODE_MAP) {
		read_map(loader, definitions, value);
		return;
	}
	if (value->kind == OPTION_NODE_SCALAR) {
		if (!node_is_null(value))
			problem_error(loader, value, "expected definitions as 'NAME: value', got %s",
			    problem_got(loader, value));
		return;
	}
	for (const struct option_node *item = value->items; item; item = item->next) {
		if (item->kind == OPTION_NODE_MAP)
			read_map(loader, definitions, item);
		else
			problem_error(loader, item, "expected a definition as 'NAME: value', got %s",
			    problem_got(loader, item));
	}
}

void definitions_read_entries(
    struct loader *loader, struct definitions *definitions, const struct entries *entries, const char *option)
{
	for (const struct entry *entry = entries->first; entry; entry = entry->next) {
		if (str_is(entry->name, option))
			definitions_read(loader, definitions, entry->value);
	}
}

void definitions_put(
    struct loader *loader, struct definitions *definitions, const char *name, struct str text)
{
	struct option_node *node = arena_zalloc(loader->arena, sizeof(*node));

	node->kind = OPTION_NODE_SCALAR;
	node->quoted = true;
	node->file = "predefined keyword";
	node->scalar = arena_str(loader->arena, text);
	map_put(&definitions->names, str_of(name), node);
}

static const struct option_node *lookup(const struct definitions *definitions, struct str name, bool marked)
{
	for (; definitions; definitions = definitions->parent) {
		const struct option_node *value = map_get(&definitions->names, name);

		if (value && (marked || !definitions->only_marked))
			return value;
	}
	return NULL;
}

/* Finds @NAME@ at or after from: its place, and the name between. */
static bool find_marked(struct str text, size_t from, size_t *at_r, struct str *name_r)
{
	const char *open, *close;

	if (from >= text.len || !(open = memchr(text.ptr + from, '@', text.len - from)))
		return false;
	close = memchr(open + 1, '@', (size_t)(text.ptr + text.len - open - 1));
	if (!close)
		return false;
	*at_r = (size_t)(open - text.ptr);
	*name_r = (struct str){open + 1, (size_t)(close - open - 1)};
	return true;
}

bool definitions_concern(const struct definitions *definitions, const struct option_node *node)
{
	struct str name;
	size_t at = 0;

	if (node->kind != OPTION_NODE_SCALAR) {
		for (const struct option_node *item = node->items; item; item = item->next) {
			if (definitions_concern(definitions, item))
				return true;
		}
		return false;
	}
	if (lookup(definitions, node->scalar, false))
		return true;
	for (; find_marked(node->scalar, at, &at, &name); at++) {
		if (lookup(definitions, name, true))
			return true;
	}
	return false;
}

/* What a name stands for, itself expanded, at the place of its use. */
static struct option_node *expand_name(
    struct expansion *expansion, const struct option_node *use, const struct option_node *value)
{
	struct option_node *result;

	if (expansion->depth >= EXPAND_DEPTH_MAX) {
		problem_error(expansion->loader, use, "definition %s refers to itself or is nested too deep",
		    problem_quote(expansion->loader, use->scalar));
		return NULL;
	}
	expansion->depth++;
	result = expand(expansion, value);
	expansion->depth--;
	if (!result)
		return NULL;
	result->file = use->file;
	result->line = use->line;
	result->column = use->column;
	return result;
}

static bool add_marked(struct expansion *expansion, const struct option_node *use, struct strbuf *text,
    const struct option_node *value, struct str name)
{
	struct option_node *result = expand_name(expansion, use, value);

	if (!result)
		return false;
	if (result->kind != OPTION_NODE_SCALAR) {
		problem_error(expansion->loader, use, "%s stands for %s and cannot be part of a text",
		    problem_quote(expansion->loader, name), problem_got(expansion->loader, result));
		return false;
	}
	if (text->len + result->scalar.len > LOADER_STRING_MAX) {
		problem_error(expansion->loader, use, "the text is too long after keywords are replaced");
		return false;
	}
	strbuf_str(text, result->scalar);
	return true;
}

static struct option_node *expand_text(struct expansion *expansion, const struct option_node *node)
{
	struct str text = node->scalar, name;
	struct strbuf buf = {0};
	struct option_node *copy = NULL;
	size_t done = 0, at = 0;
	bool good = true;

	while (good && find_marked(text, at, &at, &name)) {
		const struct option_node *value = lookup(expansion->definitions, name, true);

		if (!value) {
			at++;
			continue;
		}
		strbuf_str(&buf, (struct str){text.ptr + done, at - done});
		good = add_marked(expansion, node, &buf, value, name);
		at = done = at + name.len + 2;
	}
	if (good && (copy = node_copy(expansion->loader, node)) && done > 0) {
		strbuf_str(&buf, (struct str){text.ptr + done, text.len - done});
		copy->scalar = arena_str(expansion->loader->arena, strbuf_view(&buf));
		expansion->loader->nodes += copy->scalar.len / sizeof(*copy);
	}
	strbuf_fini(&buf);
	return copy;
}

static struct option_node *expand_scalar(struct expansion *expansion, const struct option_node *node)
{
	const struct option_node *value = lookup(expansion->definitions, node->scalar, false);
	struct str name;
	size_t at = 0;

	if (!value && find_marked(node->scalar, 0, &at, &name) && at == 0 && name.len + 2 == node->scalar.len)
		value = lookup(expansion->definitions, name, true);
	return value ? expand_name(expansion, node, value) : expand_text(expansion, node);
}

static struct option_node *expand(struct expansion *expansion, const struct option_node *node)
{
	struct option_node *copy, *child;
	struct node_list items = {0};

	if (node->kind == OPTION_NODE_SCALAR)
		return expand_scalar(expansion, node);
	copy = node_copy(expansion->loader, node);
	for (const struct option_node *item = node->items; copy && item; item = item->next) {
		child = expand(expansion, item);
		if (!child)
			return NULL;
		child->key = item->key;
		node_list_add(&items, child);
	}
	if (copy)
		copy->items = items.first;
	return copy;
}

const struct option_node *definitions_expand(
    struct loader *loader, const struct definitions *definitions, const struct option_node *node)
{
	struct expansion expansion = {.loader = loader, .definitions = definitions};
	struct option_node *copy;

	if (!definitions_concern(definitions, node))
		return node;
	copy = expand(&expansion, node);
	if (!copy)
		return node;
	copy->key = node->key;
	return copy;
}
