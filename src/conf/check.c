/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/check.h"

#include <stdlib.h>

#include "base/mem.h"
#include "conf/acl.h"
#include "conf/nearest.h"
#include "conf/path.h"
#include "conf/registry.h"
#include "conf/renames.h"
#include "conf/scalar.h"
#include "conf/yaml.h"

static bool expected(
    struct loader *loader, const struct option *option, const struct option_node *node, const char *what)
{
	problem_error(
	    loader, node, "option '%s': expected %s, got %s", option->name, what, problem_got(loader, node));
	return false;
}

static const char *number_text(const struct option *option)
{
	bool infinity = option->flags & OPTION_INFINITY;

	if (option->type == OPTION_INT)
		return infinity ? "a whole number or infinity" : "a whole number";
	return infinity ? "a time such as '10 minutes', a number of seconds, or infinity"
			: "a time such as '10 minutes', or a number of seconds";
}

static bool read_number(const struct option *option, struct str text, int64_t *number_r)
{
	if ((option->flags & OPTION_INFINITY) && scalar_is_infinity(text)) {
		*number_r = OPTION_INFINITE;
		return true;
	}
	if (option->type == OPTION_DURATION)
		return scalar_duration(text, number_r);
	return scalar_size(text, number_r);
}

static bool check_number(struct loader *loader, const struct option *option, const struct option_node *node,
    struct option_value *value)
{
	const char *unit = option->type == OPTION_DURATION ? " ms" : "", *range;
	long long least = option->min, most = option->max;

	if (node->kind != OPTION_NODE_SCALAR || !read_number(option, node->scalar, &value->integer))
		return expected(loader, option, node, number_text(option));
	if (value->integer == OPTION_INFINITE && (option->flags & OPTION_INFINITY))
		return true;
	if (value->integer >= least && (!most || value->integer <= most))
		return true;
	range = most ? arena_printf(loader->arena, "%lld to %lld%s", least, most, unit)
		     : arena_printf(loader->arena, "%lld%s or more", least, unit);
	return expected(loader, option, node, range);
}

/* "a|b|c" as "a, b, c". */
static const char *words_text(struct loader *loader, const char *words)
{
	struct strbuf buf = {0};
	struct str text;

	for (; *words; words++)
		strbuf_cstr(&buf, *words == '|' ? ", " : (char[]){*words, '\0'});
	text = arena_str(&loader->report->arena, strbuf_view(&buf));
	strbuf_fini(&buf);
	return text.ptr;
}

/* Finds a word among those of an enum, today's for old ones. */
static bool enum_word(struct loader *loader, const struct option *option, const struct option_node *node,
    struct str *word_r, int *index_r)
{
	struct nearest nearest = {.word = node->scalar};
	bool old = false, truth;
	const char *today = NULL;
	struct str word = node->scalar;

	if (node->kind == OPTION_NODE_SCALAR) {
		*index_r = scalar_word(option->values, word);
		if (*index_r < 0 && scalar_bool(word, &truth))
			word = truth ? STR("true") : STR("false");
		if (*index_r < 0 && (today = rename_word(option->name, word, &old)))
			word = str_of(today);
		*index_r = scalar_word(option->values, word);
		if (old && *index_r >= 0)
			problem_warning(loader, node, "option '%s': %s is called '%s' now", option->name,
			    problem_got(loader, node), today);
		if (*index_r >= 0) {
			*word_r = scalar_word_at(option->values, *index_r);
			return true;
		}
		nearest_try_words(&nearest, option->values);
	}
	problem_error(loader, node, "option '%s': expected one of %s, got %s%s", option->name,
	    words_text(loader, option->values), problem_got(loader, node), nearest_hint(loader, &nearest));
	return false;
}

static bool check_jid(
    struct loader *loader, const struct option *option, const struct option_node *node, struct str *text_r)
{
	struct jid jid;
	struct err err;

	if (jid_parse(node->scalar, loader->arena, &jid, &err) == 0) {
		*text_r = jid_full(&jid);
		return true;
	}
	return expected(loader, option, node, arena_printf(loader->arena, "a JID (%s)", err.text));
}

static bool check_domain(
    struct loader *loader, const struct option *option, const struct option_node *node, struct str *text_r)
{
	struct err err;

	if (jid_prep_domain(node->scalar, loader->arena, text_r, &err) == 0)
		return true;
	return expected(loader, option, node, arena_printf(loader->arena, "a domain (%s)", err.text));
}

/* One string, or one element of a list of strings. */
static bool check_text(
    struct loader *loader, const struct option *option, const struct option_node *node, struct str *text_r)
{
	struct ip_network network;
	int index;

	if (option->type == OPTION_ENUMS)
		return enum_word(loader, option, node, text_r, &index);
	if (node->kind != OPTION_NODE_SCALAR)
		return expected(loader, option, node, "a text");
	switch (option->type) {
	case OPTION_JID:
	case OPTION_JIDS:
		return check_jid(loader, option, node, text_r);
	case OPTION_DOMAIN:
	case OPTION_DOMAINS:
		return check_domain(loader, option, node, text_r);
	case OPTION_PATH:
	case OPTION_PATHS:
		return path_check(loader, option->name, node, text_r);
	case OPTION_IP:
		if (!ip_network_parse(node->scalar, &network))
			return expected(loader, option, node, "an IP address");
		break;
	default:
		break;
	}
	*text_r = node->scalar;
	return true;
}

/* trusted_proxies is a list of strings whose elements are checked one step further. */
static bool check_proxy(struct loader *loader, const struct option *option, const struct option_node *node)
{
	struct ip_network network;

	if (strcmp(option->name, "trusted_proxies") != 0 || str_is(node->scalar, "all") ||
	    ip_network_parse(node->scalar, &network))
		return true;
	return expected(loader, option, node, "an IP address, a network or all");
}

static bool check_list(struct loader *loader, const struct option *option, const struct option_node *node,
    struct option_value *value)
{
	const struct option_node *item = node->kind == OPTION_NODE_LIST ? node->items : node;
	struct str *strings = NULL;
	size_t count = 0;
	bool good = node->kind != OPTION_NODE_MAP && !node_is_null(node);

	if (!good)
		return expected(loader, option, node, "a list");
	for (; item; item = item == node ? NULL : item->next) {
		struct str text;

		if (option->type == OPTION_PATHS && item->kind == OPTION_NODE_SCALAR &&
		    path_has_wildcards(item->scalar)) {
			path_glob(loader, option->name, item, &strings, &count);
			continue;
		}
		if (!check_text(loader, option, item, &text) || !check_proxy(loader, option, item)) {
			good = false;
			continue;
		}
		strings = mem_realloc_array(strings, count + 1, sizeof(*strings));
		strings[count++] = text;
	}
	if (count > 0) {
		value->strings = memcpy(
		    arena_alloc(loader->arena, count * sizeof(*strings)), strings, count * sizeof(*strings));
		value->string_count = count;
	}
	free(strings);
	return good;
}

static bool check_shaper(struct loader *loader, const struct option *option, const struct option_node *node,
    struct option_value *value)
{
	int64_t rate;

	if (node->kind == OPTION_NODE_SCALAR) {
		value->string = node->scalar;
		if (node_is_null(node))
			return expected(
			    loader, option, node, "a shaper, a rule of shaper_rules, a number or none");
		if (str_is(node->scalar, "none")) {
			value->integer = -1;
			return true;
		}
		if (scalar_is_infinity(node->scalar)) {
			value->integer = OPTION_INFINITE;
			return true;
		}
		if (scalar_size(node->scalar, &rate)) {
			value->integer = rate;
			return rate >= 0 || expected(loader, option, node, "a number from 0");
		}
	}
	value->access = access_build(loader, node, ACCESS_SHAPERS);
	return value->access;
}

static bool check_typed(struct loader *loader, const struct option *option, const struct option_node *node,
    struct option_value *value)
{
	int index;

	switch (option->type) {
	case OPTION_BOOL:
		if (node->kind == OPTION_NODE_SCALAR && scalar_bool(node->scalar, &value->boolean))
			return true;
		return expected(loader, option, node, "true or false");
	case OPTION_INT:
	case OPTION_DURATION:
		return check_number(loader, option, node, value);
	case OPTION_ENUM:
		if (!enum_word(loader, option, node, &value->string, &index))
			return false;
		value->integer = index;
		return true;
	case OPTION_STRINGS:
	case OPTION_ENUMS:
	case OPTION_PATHS:
	case OPTION_JIDS:
	case OPTION_DOMAINS:
		return check_list(loader, option, node, value);
	case OPTION_ACCESS:
		value->access = access_build(loader, node, ACCESS_ALLOW_DENY);
		if (node->kind == OPTION_NODE_SCALAR)
			value->string = node->scalar;
		return value->access;
	case OPTION_SHAPER:
		return check_shaper(loader, option, node, value);
	case OPTION_MAP:
		value->node =
		    node_as_map(loader, node, arena_printf(loader->arena, "option '%s'", option->name));
		return value->node;
	case OPTION_ANY:
		return true;
	default:
		return check_text(loader, option, node, &value->string);
	}
}

bool check_value(struct loader *loader, const struct option *option, const struct option_node *node,
    struct option_value *value_r)
{
	struct option_value value = {.option = option, .present = true, .node = node};
	bool good = check_typed(loader, option, node, &value);

	*value_r = good ? value : (struct option_value){.option = option};
	return good;
}

/* Most defaults are plain words; only the others need the parser. */
const struct option_node *check_default_node(struct loader *loader, const struct option *option)
{
	struct option_node at = {.file = "built-in default", .line = 1, .column = 1};

	if (!option->def)
		return NULL;
	if (strpbrk(option->def, "[]{}'\":,&*#?|<>=!%@`\\"))
		return yaml_parse(
		    loader, str_of(option->def), arena_printf(loader->arena, "default of %s", option->name));
	return node_scalar(loader, &at, str_of(option->def));
}

void check_flags(
    struct loader *loader, const char *owner, const struct option *option, const struct option_node *at)
{
	if (option->flags & OPTION_LATER)
		problem_later(loader, at, "option '%s'%s", option->name, owner);
	else if (option->flags & OPTION_IGNORED)
		problem_warning(
		    loader, at, "option '%s'%s has no meaning here and is left out", option->name, owner);
}

struct option_value *check_table(struct loader *loader, const char *owner, const struct option *table,
    const struct option_node *map, const struct definitions *definitions)
{
	struct option_value *values =
	    arena_zalloc(loader->arena, (option_count(table) + 1) * sizeof(*values));

	for (size_t i = 0; table[i].name; i++) {
		const struct option_node *given = option_node_get(map, table[i].name);
		const struct option_node *node = given ? given : check_default_node(loader, &table[i]);

		values[i].option = &table[i];
		if (!node)
			continue;
		check_value(loader, &table[i], definitions_expand(loader, definitions, node), &values[i]);
		values[i].given = given;
		if (given)
			check_flags(loader, owner, &table[i], given->key);
	}
	return values;
}

void check_names(struct loader *loader, const char *owner, const struct option_node *map,
    const struct option *const *tables)
{
	node_check_unique(loader, map, "option");
	for (const struct option_node *value = map->items; value; value = value->next) {
		const struct option_node *key = value->key;
		struct nearest nearest = {.word = key->scalar};
		bool known = false;

		if (key->kind != OPTION_NODE_SCALAR) {
			problem_error(
			    loader, key, "expected the name of an option, got %s", problem_got(loader, key));
			continue;
		}
		for (size_t i = 0; tables[i]; i++) {
			known = known || option_find(tables[i], key->scalar);
			option_nearest(tables[i], &nearest);
		}
		if (!known)
			problem_error(loader, key, "unknown option %s%s%s",
			    problem_quote(loader, key->scalar), owner, nearest_hint(loader, &nearest));
	}
}
