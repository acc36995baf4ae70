/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/host.h"

#include "conf/acl.h"
#include "conf/check.h"
#include "conf/renames.h"

struct settings settings_new(struct loader *loader)
{
	size_t size = toplevel_count() * sizeof(const struct option_node *);

	return (struct settings){arena_zalloc(loader->arena, size)};
}

/* The row of a name, today's for an old one; -1 when there is none, which is reported. */
static int find_row(struct loader *loader, const struct option_node *value, const struct rename **rename_r)
{
	const struct option_node *key = value->key;
	struct nearest nearest = {.word = key->scalar};
	int row = toplevel_index(key->scalar);

	*rename_r = NULL;
	if (row >= 0)
		return row;
	*rename_r = rename_toplevel(key->scalar);
	if (*rename_r) {
		rename_warn(loader, "option", key, *rename_r);
		return (*rename_r)->kind == RENAME_DROP || (*rename_r)->kind == RENAME_REFUSE
			   ? -1
			   : toplevel_index(str_of((*rename_r)->to));
	}
	option_nearest(conf_toplevel_options, &nearest);
	problem_error(loader, key, "unknown option %s%s", problem_quote(loader, key->scalar),
	    nearest_hint(loader, &nearest));
	return -1;
}

static void set(struct loader *loader, struct settings *settings, int row, const struct option_node *value,
    const struct rename *rename)
{
	const struct option_node *old = settings->nodes[row];

	if (old && rename && rename->kind == RENAME_JOIN)
		value = node_append(
		    loader, node_append(loader, node_list(loader, NULL, old), old, false), value, false);
	else if (old && rename)
		problem_error(loader, value->key, "option '%s' is given under its old name too",
		    conf_toplevel_options[row].name);
	settings->nodes[row] = value;
}

void settings_read(struct loader *loader, const struct entries *entries, struct settings *settings)
{
	for (const struct entry *entry = entries->first; entry; entry = entry->next) {
		const struct rename *rename;
		int row;

		if (str_is(entry->name, "define_macro") || str_is(entry->name, "define_keyword") ||
		    str_is(entry->name, "host_config") || str_is(entry->name, "append_host_config"))
			continue;
		row = find_row(loader, entry->value, &rename);
		if (row < 0)
			continue;
		set(loader, settings, row, entry->value, rename);
		check_flags(loader, "", &conf_toplevel_options[row], entry->value->key);
	}
}

static bool is_rules(const char *name)
{
	return strcmp(name, "acl") == 0 || strcmp(name, "access_rules") == 0 ||
	       strcmp(name, "shaper_rules") == 0;
}

static void read_option(struct loader *loader, const struct option_node *value, bool append,
    const struct settings *global, struct host_settings *host)
{
	const struct option *option;
	const struct option_node *base;
	const struct rename *rename;
	int row;

	if (value->key->kind == OPTION_NODE_SCALAR && str_is(value->key->scalar, "define_keyword")) {
		definitions_read(loader, &host->keywords, value);
		return;
	}
	row = find_row(loader, value, &rename);
	if (row < 0)
		return;
	option = &conf_toplevel_options[row];
	if (option->flags & OPTION_GLOBAL) {
		problem_error(loader, value->key,
		    "option '%s' counts for the whole server and cannot be set for a host", option->name);
		return;
	}
	check_flags(loader, "", option, value->key);
	if (!host->settings.nodes)
		host->settings = settings_new(loader);
	base = host->settings.nodes[row];
	if (base && !append) {
		problem_error(loader, value->key,
		    "option '%s' is given twice for this host, first in %s line %u", option->name, base->file,
		    base->line);
		return;
	}
	if (append && !base)
		base = global->nodes[row];
	if (append && base)
		value = node_append(loader, base, value, is_rules(option->name));
	host->settings.nodes[row] = value;
}

/* The number of a host by a domain as it was written; -1 when it is not served, which is reported. */
static long find_host(struct loader *loader, const struct option_node *key)
{
	const struct conf *conf = loader->conf;
	struct nearest nearest = {.word = key->scalar};
	const struct conf_scope *scope = NULL;
	struct str domain;

	if (key->kind == OPTION_NODE_SCALAR &&
	    jid_prep_domain(key->scalar, loader->arena, &domain, NULL) == 0)
		scope = map_get(&conf->host_names, domain);
	if (scope)
		return scope - conf->hosts;
	for (size_t i = 0; i < conf->host_count; i++)
		nearest_try(&nearest, conf->hosts[i].host);
	problem_error(loader, key, "host %s is not in 'hosts'%s", problem_got(loader, key),
	    nearest_hint(loader, &nearest));
	return -1;
}

static void read_hosts(struct loader *loader, const struct option_node *value, bool append,
    const struct settings *global, struct host_settings *hosts)
{
	const char *what = append ? "option 'append_host_config'" : "option 'host_config'";
	const struct option_node *map = node_as_map(loader, value, what), *options;

	for (const struct option_node *item = map ? map->items : NULL; item; item = item->next) {
		long host = find_host(loader, item->key);

		if (host < 0)
			continue;
		options = node_as_map(loader, item, what);
		for (const struct option_node *option = options ? options->items : NULL; option;
		     option = option->next)
			read_option(loader, option, append, global, &hosts[host]);
	}
}

void host_read(struct loader *loader, const struct entries *entries, const struct settings *global,
    struct host_settings *hosts)
{
	for (int pass = 0; pass < 2; pass++) {
		for (const struct entry *entry = entries->first; entry; entry = entry->next) {
			if (str_is(entry->name, pass == 0 ? "host_config" : "append_host_config"))
				read_hosts(loader, entry->value, pass == 1, global, hosts);
		}
	}
}

/* Keywords have no place in what is needed to know the hosts, nor in definitions. */
static bool takes_keywords(const char *name)
{
	static const char *const names[] = {"hosts", "loglevel", "version", "modules", "listen"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i], name) == 0)
			return false;
	}
	return true;
}

static void scope_value(struct loader *loader, struct conf_scope *scope, size_t row,
    const struct option_node *node, bool given, const struct definitions *definitions)
{
	const struct option *option = &conf_toplevel_options[row];
	struct option_value *value = arena_zalloc(loader->arena, sizeof(*value));

	value->option = option;
	scope->values[row] = value;
	if (!node)
		return;
	if (takes_keywords(option->name))
		node = definitions_expand(loader, definitions, node);
	check_value(loader, option, node, value);
	value->given = given;
}

/* The rules of a scope: its own maps where it sets the option, else its parent's. */
static void scope_rules(struct loader *loader, struct conf_scope *scope, const struct conf_scope *parent)
{
	static const char *const names[] = {"acl", "access_rules", "shaper_rules"};
	const struct option_value *values[3];
	bool own[3];

	for (size_t i = 0; i < 3; i++) {
		int row = toplevel_index(str_of(names[i]));

		values[i] = scope->values[row];
		own[i] = !parent || values[i] != parent->values[row];
	}
	scope->acls =
	    own[0] ? values[0]->present ? acl_build_all(loader, values[0]->node) : conf_new_map(loader->conf)
		   : parent->acls;
	scope->access_rules = own[1] ? values[1]->present
					   ? access_build_all(loader, values[1]->node, ACCESS_ALLOW_DENY)
					   : conf_new_map(loader->conf)
				     : parent->access_rules;
	scope->shaper_rules = own[2] ? values[2]->present
					   ? access_build_all(loader, values[2]->node, ACCESS_SHAPERS)
					   : conf_new_map(loader->conf)
				     : parent->shaper_rules;
	if (own[0] || own[1] || own[2])
		access_check_scope(loader, scope);
}

void scope_build(struct loader *loader, struct conf_scope *scope, const struct conf_scope *parent,
    const struct settings *settings, const struct definitions *definitions)
{
	size_t rows = toplevel_count();

	if (parent && !settings->nodes) {
		scope->values = parent->values;
		scope->acls = parent->acls;
		scope->access_rules = parent->access_rules;
		scope->shaper_rules = parent->shaper_rules;
		return;
	}
	scope->values = arena_zalloc(loader->arena, rows * sizeof(*scope->values));
	for (size_t row = 0; row < rows; row++) {
		const struct option_node *node = settings->nodes[row];

		if (!node && parent) {
			scope->values[row] = parent->values[row];
			continue;
		}
		scope_value(loader, scope, row,
		    node ? node : check_default_node(loader, &conf_toplevel_options[row]), node, definitions);
	}
	if (!parent) {
		const struct option_value *shaper = scope->values[toplevel_index(STR("shaper"))];

		loader->conf->shapers =
		    shaper->present ? shaper_build_all(loader, shaper->node) : conf_new_map(loader->conf);
	}
	scope_rules(loader, scope, parent);
	for (size_t row = 0; row < rows; row++)
		access_check_value(loader, scope, scope->values[row]);
}
