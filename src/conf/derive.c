/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots that differ from that of the file in the modules of a host. */
#include <stdlib.h>

#include "base/mem.h"
#include "conf/keyword.h"
#include "conf/modules.h"
#include "conf/yaml.h"

#define OPTIONS_NAME "OPTIONS" /* what the text is called in messages */

static uint64_t last_restart;

const struct conf *conf_of_file(const struct conf *conf)
{
	return conf->root ? conf->root : conf;
}

/* --- the new list of modules ---------------------------------------------------------------------------- */

static void hold_part(struct conf *conf, const struct conf_module *module)
{
	if (!module->part)
		return;
	conf->parts = mem_realloc_array(conf->parts, conf->part_count + 1, sizeof(struct conf *));
	conf->parts[conf->part_count++] = conf_ref(module->part);
}

/* The list of a host without the module of that name, and with 'with' in its place, or at the end. */
static void scope_fill(struct conf *conf, struct conf_scope *scope, const struct conf_scope *old,
    const char *without, const struct conf_module *with)
{
	const struct conf_module **modules =
	    arena_alloc(&conf->arena, (old->module_count + 2) * sizeof(*modules));
	bool put = !with;

	scope->module_names = (struct map){0};
	scope->module_count = 0;
	for (size_t i = 0; i < old->module_count; i++) {
		if (!without || strcmp(old->modules[i]->name, without) != 0) {
			modules[scope->module_count++] = old->modules[i];
		} else if (!put) {
			modules[scope->module_count++] = with;
			put = true;
		}
	}
	if (!put)
		modules[scope->module_count++] = with;
	scope->modules = modules;
	for (size_t i = 0; i < scope->module_count; i++) {
		map_put(&scope->module_names, str_of(modules[i]->name), (void *)modules[i]);
		hold_part(conf, modules[i]);
	}
}

static struct conf *derive(
    struct conf *base, struct str host, const char *without, const struct conf_module *with)
{
	struct conf *root = (struct conf *)conf_of_file(base), *conf = conf_new();

	conf->root = conf_ref(root);
	conf->global = root->global;
	conf->shapers = root->shapers;
	conf->listeners = root->listeners;
	conf->listener_count = root->listener_count;
	conf->balancing = root->balancing;
	conf->balancing_count = root->balancing_count;
	conf->directory = root->directory;
	conf->host_count = root->host_count;
	conf->hosts = arena_zalloc(&conf->arena, (root->host_count + 1) * sizeof(*conf->hosts));
	for (size_t i = 0; i < root->host_count; i++) {
		const struct conf_scope *old = &base->hosts[i];
		bool here = str_eq(old->host, host);

		conf->hosts[i] = root->hosts[i];
		if (here || old->modules != root->hosts[i].modules)
			scope_fill(conf, &conf->hosts[i], old, here ? without : NULL, here ? with : NULL);
		map_put(&conf->host_names, conf->hosts[i].host, &conf->hosts[i]);
	}
	return conf;
}

struct conf *conf_without_module(struct conf *base, struct str host, const char *name)
{
	return derive(base, host, name, NULL);
}

/* --- one module ----------------------------------------------------------------------------------------- */

/* A copy that shares nothing with where it comes from. */
static struct option_node *copy_node(struct loader *loader, const struct option_node *node)
{
	struct option_node *copy = node ? loader_node(loader, node) : NULL;
	struct node_list items = {0};

	if (!copy)
		return NULL;
	*copy = *node;
	copy->file = arena_str(loader->arena, str_of(node->file)).ptr;
	copy->scalar = arena_str(loader->arena, node->scalar);
	copy->key = copy_node(loader, node->key);
	copy->next = NULL;
	for (const struct option_node *item = node->items; item; item = item->next) {
		struct option_node *item_copy = copy_node(loader, item);

		if (item_copy)
			node_list_add(&items, item_copy);
	}
	copy->items = items.first;
	return copy;
}

static struct option_node *text_node(struct loader *loader, struct str text)
{
	static const struct option_node at = {.file = "NAME"};
	struct option_node *node = loader_node(loader, &at);

	node->file = at.file;
	node->scalar = arena_str(loader->arena, text);
	return node;
}

/* The options that are meant, with the module's name as their key; NULL after a problem was reported. */
static const struct option_node *options_node(
    struct loader *loader, const struct conf *base, const struct conf_change *change)
{
	const char *name = arena_str(loader->arena, change->name).ptr;
	const struct conf_module *old = conf_module_find(base, change->host, name);
	struct option_node *node;

	if (!old)
		old = conf_module_find(conf_of_file(base), change->host, name);
	if (change->options.ptr)
		node = yaml_parse(loader, change->options, OPTIONS_NAME);
	else if (old)
		node = copy_node(loader, old->plain);
	else
		node = yaml_parse(loader, STR("{}"), OPTIONS_NAME);
	if (node)
		node->key = text_node(loader, change->name);
	return node;
}

static const struct conf_module *build(
    struct loader *loader, const struct conf *base, const struct conf_change *change)
{
	struct conf_scope scope = *conf_scope(base, change->host);
	struct definitions predefined = {0}, of_host = {.parent = &predefined};
	struct modules_shared shared = {.founds = {.fresh = true}};
	const struct option_node *node = options_node(loader, base, change);
	const struct conf_module *module = NULL;

	keyword_predefine(loader, &predefined);
	keyword_predefine_host(loader, &of_host, change->host);
	if (node)
		module = module_build(loader, &scope, node, &of_host, &shared);
	if (module && module->registered->availability == CONF_NOT_YET)
		problem_error(loader, node->key, "module '%s' is not available yet", module->name);
	modules_shared_fini(&shared);
	definitions_fini(&of_host);
	definitions_fini(&predefined);
	return module;
}

/* A snapshot of its own that holds nothing but the module. */
static struct conf_module *build_part(
    const struct conf *base, const struct conf_change *change, struct conf_report *report)
{
	struct conf *part = conf_new();
	struct loader loader = {.conf = part, .arena = &part->arena, .report = report};
	struct conf_module *module;

	part->shapers = base->shapers;
	part->global = base->global;
	loader.directory = base->directory;
	loader.files[loader.file_count++] = OPTIONS_NAME;
	module = (struct conf_module *)build(&loader, base, change);
	map_fini(&loader.seen);
	problem_sort(&loader);
	if (!module || report->errors) {
		conf_unref(&part);
		return NULL;
	}
	module->part = part;
	module->restart = change->restart ? ++last_restart : 0;
	return module;
}

int conf_with_module(
    struct conf *base, const struct conf_change *change, struct conf **conf_r, struct conf_report *report)
{
	struct conf_module *module;
	struct conf *part;

	*report = (struct conf_report){0};
	module = build_part(base, change, report);
	if (!module)
		return -1;
	part = module->part;
	*conf_r = derive(base, change->host, module->name, module);
	conf_unref(&part);
	return 0;
}
