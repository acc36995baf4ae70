/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/modules.h"

#include "conf/acl.h"
#include "conf/check.h"
#include "conf/renames.h"

struct build {
	struct loader *loader;
	struct conf_scope *scope;
	const struct definitions *definitions;
	struct modules_shared *shared;
};

static bool defaults_concern(const struct build *build, const struct option *table)
{
	for (; table->name; table++) {
		if (table->def && strchr(table->def, '@') &&
		    definitions_concern(build->definitions, check_default_node(build->loader, table)))
			return true;
	}
	return false;
}

/* A mapping with db_type added, for names that said the database. */
static const struct option_node *with_db_type(
    struct loader *loader, const struct option_node *map, const char *db_type)
{
	struct option_node *joined, *key, *value;

	if (option_node_get(map, "db_type"))
		return map;
	joined = node_copy_deep(loader, map);
	key = node_scalar(loader, map, STR("db_type"));
	value = node_scalar(loader, map, str_of(db_type));
	if (!joined || !key || !value)
		return map;
	value->key = key;
	value->next = (struct option_node *)joined->items;
	joined->items = value;
	return joined;
}

/* Today's name of a module, and the database that an old name stood for. Empty when it is dropped. */
static struct str todays_name(struct loader *loader, const struct option_node *key, const char **db_type_r)
{
	const struct rename *rename;
	struct str name = key->scalar;

	if (registry_module(name))
		return name;
	rename = rename_module(name);
	if (!rename && str_ends(name, "_odbc")) {
		struct str shorter =
		    arena_str(loader->arena, (struct str){name.ptr, name.len - strlen("_odbc")});
		struct rename odbc = {.kind = RENAME_TO, .to = shorter.ptr};

		if (!registry_module(shorter))
			return name;
		rename_warn(loader, "module", key, &odbc);
		*db_type_r = "sql";
		return shorter;
	}
	if (!rename)
		return name;
	rename_warn(loader, "module", key, rename);
	if (str_is(name, "mod_vcard_ldap"))
		*db_type_r = "ldap";
	return rename->kind == RENAME_TO ? str_of(rename->to) : STR_NULL;
}

static struct conf_module *build_module(struct build *build, const struct registered *registered,
    const struct option_node *value, const char *db_type)
{
	struct loader *loader = build->loader;
	struct conf_module *module = arena_zalloc(loader->arena, sizeof(*module));
	const char *what = arena_printf(loader->arena, "module '%s'", registered->name);
	const char *owner = arena_printf(loader->arena, " of module '%s'", registered->name);
	const struct option *const tables[] = {registered->options, NULL};
	const struct option_node *map = node_as_map(loader, value, what);

	if (!map)
		return NULL;
	map = rename_options(loader, what, map, tables, rename_module_option);
	if (db_type && option_find(registered->options, STR("db_type")))
		map = with_db_type(loader, map, db_type);
	check_names(loader, owner, map, tables);
	module->registered = registered;
	module->name = registered->name;
	module->node = value;
	module->plain = definitions_expand(loader, build->definitions, value);
	module->values = check_table(loader, owner, registered->options, map, build->definitions);
	for (size_t i = 0; registered->options[i].name; i++)
		access_check_value(loader, build->scope, &module->values[i]);
	return module;
}

static void report_unknown(struct build *build, const struct option_node *key, struct str name)
{
	struct nearest nearest = {.word = name};

	registry_nearest_module(&nearest);
	problem_error(build->loader, key, "unknown module %s%s%s", problem_quote(build->loader, name),
	    nearest_hint(build->loader, &nearest), found_nowhere(build->loader, &build->shared->founds, name));
}

/* What goes before what: compiled in, found in modules_path, only known by name. < 0 after a problem was
 * reported, or when the module is one that is dropped. */
static int find_registered(struct build *build, const struct option_node *key, const char **db_type_r,
    const struct registered **registered_r)
{
	const struct registered *found = registry_module_of_code(key->scalar);
	struct str name;

	if (!found && found_module(build->loader, &build->shared->founds, key, &found) < 0)
		return -1;
	if (!found) {
		name = todays_name(build->loader, key, db_type_r);
		if (!name.len && key->scalar.len)
			return -1;
		found = registry_module(name);
		if (!found)
			report_unknown(build, key, name);
	}
	*registered_r = found;
	return found ? 0 : -1;
}

/* Builds, or takes what another host has built from the same node when nothing in it depends on the host. */
static const struct conf_module *get_module(struct build *build, const struct option_node *value)
{
	const struct option_node *key = value->key;
	const struct registered *registered;
	const char *db_type = NULL;
	struct conf_module *module;

	module = map_get(&build->shared->by_node, (struct str){(const char *)&value, sizeof(const void *)});
	if (module)
		return module;
	if (find_registered(build, key, &db_type, &registered) < 0)
		return NULL;
	module = build_module(build, registered, value, db_type);
	if (module && registered->availability == CONF_NOT_YET)
		problem_later(build->loader, key, "module '%s'", registered->name);
	if (module && !definitions_concern(build->definitions, value) &&
	    !defaults_concern(build, registered->options))
		map_put(&build->shared->by_node,
		    (struct str){(const char *)&module->node, sizeof(const void *)}, module);
	return module;
}

const struct conf_module *module_build(struct loader *loader, struct conf_scope *scope,
    const struct option_node *value, const struct definitions *definitions, struct modules_shared *shared)
{
	struct build build = {loader, scope, definitions, shared};

	return get_module(&build, value);
}

void modules_shared_fini(struct modules_shared *shared)
{
	map_fini(&shared->by_node);
	map_fini(&shared->founds.by_name);
}

void modules_build(struct loader *loader, struct conf_scope *scope, const struct option_node *value,
    const struct definitions *definitions, struct modules_shared *shared)
{
	struct build build = {loader, scope, definitions, shared};
	const struct conf_module **modules;
	size_t count = 0;

	for (const struct option_node *item = value ? value->items : NULL; item; item = item->next)
		count++;
	modules = arena_alloc(loader->arena, (count + 1) * sizeof(*modules));
	scope->modules = modules;
	for (const struct option_node *item = value ? value->items : NULL; item; item = item->next) {
		const struct conf_module *module;

		if (item->key->kind != OPTION_NODE_SCALAR) {
			problem_error(loader, item->key, "expected the name of a module, got %s",
			    problem_got(loader, item->key));
			continue;
		}
		module = get_module(&build, item);
		if (!module)
			continue;
		if (map_get(&scope->module_names, str_of(module->name)))
			problem_error(loader, item->key, "module '%s' is given twice", module->name);
		else
			map_put(&scope->module_names, str_of(module->name), (void *)module);
		modules[scope->module_count++] = module;
	}
}
