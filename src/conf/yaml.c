/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/yaml.h"

#include <yaml.h>

struct reader {
	struct loader *loader;
	const char *file;
	yaml_parser_t parser;
	struct map anchors;
};

static struct option_node *read_node(struct reader *reader, const yaml_event_t *event, unsigned depth);

static void fail_at(struct reader *reader, const yaml_mark_t *mark, const char *text)
{
	problem_add(reader->loader, CONF_ERROR, reader->file, (unsigned)mark->line + 1,
	    (unsigned)mark->column + 1, text);
}

static void fail_syntax(struct reader *reader)
{
	const yaml_parser_t *parser = &reader->parser;
	const char *problem = parser->problem ? parser->problem : "cannot be read";
	char text[256];

	if (parser->error == YAML_READER_ERROR)
		snprintf(text, sizeof(text), "this is not UTF-8 text: %s at byte %zu", problem,
		    parser->problem_offset);
	else
		snprintf(text, sizeof(text), "YAML syntax: %s%s%s", problem, parser->context ? ", " : "",
		    parser->context ? parser->context : "");
	if (parser->error == YAML_READER_ERROR)
		problem_add(reader->loader, CONF_ERROR, reader->file, 0, 0, text);
	else
		fail_at(reader, &parser->problem_mark, text);
}

static bool next_event(struct reader *reader, yaml_event_t *event_r)
{
	if (yaml_parser_parse(&reader->parser, event_r))
		return true;
	fail_syntax(reader);
	return false;
}

static struct option_node *new_node(struct reader *reader, const yaml_event_t *event)
{
	struct option_node near = {.file = reader->file,
	    .line = (unsigned)event->start_mark.line + 1,
	    .column = (unsigned)event->start_mark.column + 1};
	struct option_node *node = loader_node(reader->loader, &near);

	if (!node)
		return NULL;
	node->file = near.file;
	node->line = near.line;
	node->column = near.column;
	return node;
}

/* An anchor counts from its end on: a node cannot contain itself. */
static void remember(struct reader *reader, const yaml_char_t *anchor, struct option_node *node)
{
	if (anchor)
		map_put(
		    &reader->anchors, arena_str(reader->loader->arena, str_of((const char *)anchor)), node);
}

static struct option_node *read_scalar(struct reader *reader, const yaml_event_t *event)
{
	struct str text = {(const char *)event->data.scalar.value, event->data.scalar.length};
	struct option_node *node;

	if (text.len > 0 && memchr(text.ptr, '\0', text.len)) {
		fail_at(reader, &event->start_mark, "a value cannot hold a NUL character");
		return NULL;
	}
	node = new_node(reader, event);
	if (!node)
		return NULL;
	node->kind = OPTION_NODE_SCALAR;
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	node->scalar = arena_str(reader->loader->arena, text);
	remember(reader, event->data.scalar.anchor, node);
	return node;
}

static struct option_node *read_alias(struct reader *reader, const yaml_event_t *event)
{
	const char *anchor = (const char *)event->data.alias.anchor;
	const struct option_node *node = map_get(&reader->anchors, str_of(anchor));

	if (node)
		return node_copy_deep(reader->loader, node);
	fail_at(reader, &event->start_mark, "an alias needs an anchor that ends before it");
	return NULL;
}

/* The next node, or NULL at the end of the collection (then *failed_r tells) and on errors. */
static struct option_node *read_child(
    struct reader *reader, yaml_event_type_t end, unsigned depth, bool *failed_r)
{
	struct option_node *node = NULL;
	yaml_event_t event;

	*failed_r = true;
	if (!next_event(reader, &event))
		return NULL;
	if (event.type == end)
		*failed_r = false;
	else
		node = read_node(reader, &event, depth + 1);
	yaml_event_delete(&event);
	return node;
}

static struct option_node *read_list(struct reader *reader, const yaml_event_t *event, unsigned depth)
{
	struct option_node *list = new_node(reader, event), *item;
	struct node_list items = {0};
	bool failed;

	if (!list)
		return NULL;
	list->kind = OPTION_NODE_LIST;
	while ((item = read_child(reader, YAML_SEQUENCE_END_EVENT, depth, &failed)))
		node_list_add(&items, item);
	if (failed)
		return NULL;
	list->items = items.first;
	remember(reader, event->data.sequence_start.anchor, list);
	return list;
}

static struct option_node *read_map(struct reader *reader, const yaml_event_t *event, unsigned depth)
{
	struct option_node *map = new_node(reader, event), *key, *value;
	struct node_list items = {0};
	bool failed;

	if (!map)
		return NULL;
	map->kind = OPTION_NODE_MAP;
	while ((key = read_child(reader, YAML_MAPPING_END_EVENT, depth, &failed))) {
		value = read_child(reader, YAML_NO_EVENT, depth, &failed);
		if (!value)
			return NULL;
		value->key = key;
		node_list_add(&items, value);
	}
	if (failed)
		return NULL;
	map->items = items.first;
	remember(reader, event->data.mapping_start.anchor, map);
	return map;
}

static struct option_node *read_node(struct reader *reader, const yaml_event_t *event, unsigned depth)
{
	if (depth > LOADER_DEPTH_MAX) {
		fail_at(reader, &event->start_mark, "lists and mappings are nested too deep");
		return NULL;
	}
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return read_scalar(reader, event);
	case YAML_ALIAS_EVENT:
		return read_alias(reader, event);
	case YAML_SEQUENCE_START_EVENT:
		return read_list(reader, event, depth);
	case YAML_MAPPING_START_EVENT:
		return read_map(reader, event, depth);
	default:
		fail_at(reader, &event->start_mark, "YAML syntax: expected a value");
		return NULL;
	}
}

/* Reads events until one of the wanted type; between documents there is nothing else to skip. */
static bool expect_end(struct reader *reader)
{
	yaml_event_t event;
	bool more;

	do {
		if (!next_event(reader, &event))
			return false;
		if (event.type == YAML_DOCUMENT_START_EVENT) {
			fail_at(reader, &event.start_mark, "only one YAML document is allowed in a file");
			yaml_event_delete(&event);
			return false;
		}
		more = event.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	} while (more);
	return true;
}

static struct option_node *read_document(struct reader *reader)
{
	struct option_node *root = NULL;
	yaml_event_t event;
	bool started;

	do {
		if (!next_event(reader, &event))
			return NULL;
		started = event.type == YAML_DOCUMENT_START_EVENT;
		if (event.type == YAML_STREAM_END_EVENT) {
			root = new_node(reader, &event);
			if (root)
				root->kind = OPTION_NODE_MAP;
			yaml_event_delete(&event);
			return root;
		}
		yaml_event_delete(&event);
	} while (!started);
	if (!next_event(reader, &event))
		return NULL;
	root = read_node(reader, &event, 0);
	yaml_event_delete(&event);
	return root && expect_end(reader) ? root : NULL;
}

struct option_node *yaml_parse(struct loader *loader, struct str text, const char *file)
{
	struct reader reader = {.loader = loader, .file = file};
	struct option_node *root;

	if (!yaml_parser_initialize(&reader.parser))
		abort();
	yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
	    &reader.parser, (const unsigned char *)(text.len ? text.ptr : ""), text.len);
	root = read_document(&reader);
	map_fini(&reader.anchors);
	yaml_parser_delete(&reader.parser);
	return root;
}
