/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf.h"

#include <stdlib.h>

#include "base/mem.h"
#include "conf/auth_methods.h"
#include "conf/check.h"
#include "conf/components.h"
#include "conf/default.h"
#include "conf/host.h"
#include "conf/keyword.h"
#include "conf/listeners.h"
#include "conf/modules.h"
#include "conf/yaml.h"

/* What one load collects on its way from entries to the snapshot. */
struct load {
	struct loader loader;
	struct entries entries;
	struct definitions predefined, keywords;
	struct settings settings;
	struct host_settings *hosts;
	size_t host_count;
};

static const struct option_node *setting(const struct load *load, const char *name)
{
	return load->settings.nodes[toplevel_index(str_of(name))];
}

/* Macros are replaced in everything but their own definitions. */
static void replace_macros(struct load *load)
{
	struct definitions macros = {0};

	definitions_read_entries(&load->loader, &macros, &load->entries, "define_macro");
	for (struct entry *entry = load->entries.first; entry && macros.names.count; entry = entry->next) {
		if (!str_is(entry->name, "define_macro"))
			entry->value = definitions_expand(&load->loader, &macros, entry->value);
	}
	definitions_fini(&macros);
}

static void read_keywords(struct load *load)
{
	keyword_predefine(&load->loader, &load->predefined);
	load->keywords.parent = &load->predefined;
	definitions_read_entries(&load->loader, &load->keywords, &load->entries, "define_keyword");
}

/* Certificates named by old options count as if they were in certfiles. */
static void join_certfiles(struct load *load)
{
	int row = toplevel_index(STR("certfiles"));
	const struct option_node *listen = setting(load, "listen");

	if (listen)
		load->settings.nodes[row] =
		    listeners_certfiles(&load->loader, listen, load->settings.nodes[row]);
}

static void add_host(struct load *load, const struct option_node *item)
{
	static const struct option domains = {"hosts", OPTION_DOMAIN};
	struct conf *conf = load->loader.conf;
	struct conf_scope *scope = &conf->hosts[conf->host_count];
	struct option_value value;

	if (!check_value(&load->loader, &domains, item, &value))
		return;
	if (map_get(&conf->host_names, value.string)) {
		problem_error(
		    &load->loader, item, "host %s is given twice", problem_got(&load->loader, item));
		return;
	}
	scope->host = value.string;
	map_put(&conf->host_names, scope->host, scope);
	conf->host_count++;
}

/* Without a valid host there is no snapshot in the end; a stand-in lets the rest of the file be checked. */
static void add_stand_in(struct load *load)
{
	struct option_node node = {.file = CONF_DEFAULT_NAME, .scalar = STR("localhost")};

	add_host(load, &node);
}

static void read_hosts(struct load *load)
{
	const struct option_node *node = setting(load, "hosts"), *item = NULL;
	struct conf *conf = load->loader.conf;
	size_t count = 1;

	if (!node)
		problem_error(&load->loader, NULL, "option 'hosts' is missing: the domains that are served");
	else if (node->kind == OPTION_NODE_MAP || node_is_null(node) ||
		 (node->kind == OPTION_NODE_LIST && !node->items))
		problem_error(&load->loader, node, "option 'hosts': expected a list of domains");
	else
		item = node->kind == OPTION_NODE_LIST ? node->items : node;
	for (const struct option_node *next = item; next; next = next->next)
		count++;
	conf->hosts = arena_zalloc(&conf->arena, count * sizeof(*conf->hosts));
	for (; item; item = item == node ? NULL : item->next)
		add_host(load, item);
	if (conf->host_count == 0)
		add_stand_in(load);
}

static void build_host(struct load *load, size_t index, struct modules_shared *shared)
{
	struct loader *loader = &load->loader;
	struct conf_scope *scope = &loader->conf->hosts[index];
	struct host_settings *host = &load->hosts[index];
	struct definitions predefined = {.parent = &host->keywords};
	const struct option_value *modules;

	host->keywords.parent = &load->keywords;
	keyword_predefine_host(loader, &predefined, scope->host);
	scope_build(loader, scope, &loader->conf->global, &host->settings, &host->keywords);
	modules = scope->values[toplevel_index(STR("modules"))];
	modules_build(loader, scope, modules->present ? modules->node : NULL, &predefined, shared);
	definitions_fini(&predefined);
}

static void build(struct load *load)
{
	struct loader *loader = &load->loader;
	struct conf *conf = loader->conf;
	struct modules_shared shared = {0};

	conf->directory = loader->directory;
	load->settings = settings_new(loader);
	settings_read(loader, &load->entries, &load->settings);
	join_certfiles(load);
	read_hosts(load);
	load->hosts = arena_zalloc(&conf->arena, (conf->host_count + 1) * sizeof(*load->hosts));
	host_read(loader, &load->entries, &load->settings, load->hosts);
	scope_build(loader, &conf->global, NULL, &load->settings, &load->keywords);
	components_read_balancing(loader);
	if (setting(load, "listen"))
		listeners_build(loader, setting(load, "listen"), &load->keywords);
	for (size_t i = 0; i < conf->host_count; i++)
		build_host(load, i, &shared);
	auth_methods_check(loader);
	for (size_t i = 0; i < conf->host_count; i++)
		definitions_fini(&load->hosts[i].keywords);
	modules_shared_fini(&shared);
}

static int load_root(struct str text, const char *name, const char *directory, struct conf **conf_r,
    struct conf_report *report)
{
	struct load load = {0};
	struct loader *loader = &load.loader;
	const struct option_node *root;

	*report = (struct conf_report){0};
	loader->report = report;
	loader->conf = conf_new();
	loader->arena = &loader->conf->arena;
	loader->directory = arena_str(loader->arena, str_of(directory)).ptr;
	loader->files[loader->file_count++] = arena_str(loader->arena, str_of(name)).ptr;
	root = yaml_parse(loader, text, loader->files[0]);
	if (root) {
		include_collect(loader, root, &load.entries);
		replace_macros(&load);
		read_keywords(&load);
		build(&load);
	}
	definitions_fini(&load.keywords);
	definitions_fini(&load.predefined);
	map_fini(&loader->seen);
	problem_sort(loader);
	if (report->errors) {
		conf_unref(&loader->conf);
		return -1;
	}
	*conf_r = loader->conf;
	return 0;
}

int conf_load_text(struct str text, const char *name, struct conf **conf_r, struct conf_report *report)
{
	return load_root(text, name, ".", conf_r, report);
}

static int load_unreadable(const char *path, const struct err *err, struct conf_report *report)
{
	struct loader loader = {.report = report};

	*report = (struct conf_report){0};
	problem_add(&loader, CONF_ERROR, path, 0, 0, err->text);
	map_fini(&loader.seen);
	return -1;
}

int conf_load(const char *path, struct conf **conf_r, struct conf_report *report)
{
	struct str text = STR_NULL;
	const char *slash;
	char *directory;
	struct err err;
	int rc;

	if (!path)
		return conf_load_text(str_of(conf_default_text), CONF_DEFAULT_NAME, conf_r, report);
	if (include_read_file(path, &text, &err) < 0)
		return load_unreadable(path, &err, report);
	slash = strrchr(path, '/');
	directory = !slash ? str_dup(STR("."))
			   : str_dup((struct str){path, slash == path ? 1 : (size_t)(slash - path)});
	rc = load_root(text, path, directory, conf_r, report);
	free(directory);
	free((char *)text.ptr);
	return rc;
}
