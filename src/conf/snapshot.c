/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/snapshot.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "conf/node.h"
#include "conf/pattern.h"

static _Atomic(struct conf *) current;

struct conf *conf_new(void)
{
	struct conf *conf = mem_zalloc(sizeof(*conf));

	conf->magic = CONF_MAGIC;
	atomic_init(&conf->refs, 1);
	return conf;
}

struct map *conf_new_map(struct conf *conf)
{
	struct conf_map *map = arena_zalloc(&conf->arena, sizeof(*map));

	map->next = conf->maps;
	conf->maps = map;
	return &map->map;
}

struct conf *conf_ref(struct conf *conf)
{
	assert(conf->magic == CONF_MAGIC);
	atomic_fetch_add_explicit(&conf->refs, 1, memory_order_relaxed);
	return conf;
}

/* A derived snapshot shares the hosts that it does not change. */
static bool is_shared(const struct conf *conf, size_t host)
{
	return conf->root && conf->hosts[host].modules == conf->root->hosts[host].modules;
}

static void conf_free(struct conf *conf)
{
	for (struct conf_map *map = conf->maps; map; map = map->next)
		map_fini(&map->map);
	for (size_t i = 0; i < conf->host_count; i++)
		if (!is_shared(conf, i))
			map_fini(&conf->hosts[i].module_names);
	map_fini(&conf->host_names);
	pattern_free_all(conf->patterns);
	for (size_t i = 0; i < conf->part_count; i++)
		conf_unref(&conf->parts[i]);
	free(conf->parts);
	conf_unref(&conf->root);
	conf->magic = 0;
	arena_fini(&conf->arena);
	free(conf);
}

void conf_unref(struct conf **conf)
{
	struct conf *dropped = *conf;

	*conf = NULL;
	if (!dropped)
		return;
	assert(dropped->magic == CONF_MAGIC);
	if (atomic_fetch_sub_explicit(&dropped->refs, 1, memory_order_acq_rel) == 1)
		conf_free(dropped);
}

struct conf *conf_current(void)
{
	return atomic_load_explicit(&current, memory_order_acquire);
}

struct conf *conf_install(struct conf *conf)
{
	return atomic_exchange_explicit(&current, conf, memory_order_acq_rel);
}

size_t conf_host_count(const struct conf *conf)
{
	return conf->host_count;
}

struct str conf_host_at(const struct conf *conf, size_t index)
{
	assert(index < conf->host_count);
	return conf->hosts[index].host;
}

bool conf_is_host(const struct conf *conf, struct str domain)
{
	return map_get(&conf->host_names, domain) != NULL;
}

const struct conf_scope *conf_scope(const struct conf *conf, struct str host)
{
	const struct conf_scope *scope = host.len ? map_get(&conf->host_names, host) : NULL;

	return scope ? scope : &conf->global;
}

const struct option_value *conf_get(const struct conf *conf, struct str host, const char *name)
{
	int index = toplevel_index(str_of(name));

	assert(conf->magic == CONF_MAGIC && index >= 0);
	return conf_scope(conf, host)->values[index];
}

size_t conf_module_count(const struct conf *conf, struct str host)
{
	return conf_scope(conf, host)->module_count;
}

const struct conf_module *conf_module_at(const struct conf *conf, struct str host, size_t index)
{
	const struct conf_scope *scope = conf_scope(conf, host);

	assert(index < scope->module_count);
	return scope->modules[index];
}

const struct conf_module *conf_module_find(const struct conf *conf, struct str host, const char *name)
{
	return map_get(&conf_scope(conf, host)->module_names, str_of(name));
}

const char *conf_module_name(const struct conf_module *module)
{
	return module->name;
}

enum conf_availability conf_module_availability(const struct conf_module *module)
{
	return module->registered->availability;
}

static const struct option_value *table_value(
    const struct option *table, const struct option_value *values, const char *name)
{
	const struct option *option = table && values ? option_find(table, str_of(name)) : NULL;

	return option ? &values[option - table] : NULL;
}

const struct option_value *conf_module_get(const struct conf_module *module, const char *name)
{
	const struct option_value *value = table_value(module->registered->options, module->values, name);

	assert(value);
	return value;
}

bool conf_module_same(const struct conf_module *a, const struct conf_module *b)
{
	uint64_t edition = a->registered->edition;

	if (strcmp(a->name, b->name) != 0 || edition != b->registered->edition ||
	    (!edition && a->registered->options != b->registered->options))
		return false;
	for (size_t i = 0; a->registered->options[i].name; i++) {
		if (!option_value_same(&a->values[i], &b->values[i]))
			return false;
	}
	return true;
}

uint64_t conf_module_edition(const struct conf_module *module)
{
	return module->registered->edition;
}

bool conf_module_restarts(const struct conf_module *a, const struct conf_module *b)
{
	return b->restart && a->restart != b->restart;
}

size_t conf_listener_count(const struct conf *conf)
{
	return conf->listener_count;
}

const struct conf_listener *conf_listener_at(const struct conf *conf, size_t index)
{
	assert(index < conf->listener_count);
	return conf->listeners[index];
}

const char *conf_listener_module(const struct conf_listener *listener)
{
	return listener->module;
}

enum conf_availability conf_listener_availability(const struct conf_listener *listener)
{
	return listener->registered->availability;
}

const struct option_value *conf_listener_get(const struct conf_listener *listener, const char *name)
{
	const struct option_value *value = table_value(listener->registered->options, listener->own, name);

	if (!value)
		value = table_value(listener_common_options, listener->common, name);
	if (!value)
		value = table_value(listener_tls_options, listener->tls, name);
	assert(value);
	return value;
}

const char *conf_listener_label(const struct conf_listener *listener)
{
	return listener->label;
}

static bool values_same(
    const struct option *table, const struct option_value *a, const struct option_value *b)
{
	for (size_t i = 0; a && table[i].name; i++) {
		if (!option_value_same(&a[i], &b[i]))
			return false;
	}
	return true;
}

bool conf_listener_same(const struct conf_listener *a, const struct conf_listener *b)
{
	return strcmp(a->module, b->module) == 0 && a->registered->options == b->registered->options &&
	       values_same(a->registered->options, a->own, b->own) &&
	       values_same(listener_common_options, a->common, b->common) &&
	       values_same(listener_tls_options, a->tls, b->tls);
}

bool option_value_same(const struct option_value *a, const struct option_value *b)
{
	if (a->present != b->present || a->boolean != b->boolean || a->integer != b->integer ||
	    !str_eq(a->string, b->string) || a->string_count != b->string_count)
		return false;
	for (size_t i = 0; i < a->string_count; i++) {
		if (!str_eq(a->strings[i], b->strings[i]))
			return false;
	}
	switch (a->present ? a->option->type : OPTION_BOOL) {
	case OPTION_ACCESS:
	case OPTION_SHAPER:
	case OPTION_MAP:
	case OPTION_ANY:
		return node_same(a->node, b->node);
	default:
		return true;
	}
}

const char *conf_next_restart_change(const struct conf *a, const struct conf *b, size_t *position)
{
	for (; conf_toplevel_options[*position].name; (*position)++) {
		size_t row = *position;

		if (!(conf_toplevel_options[row].flags & OPTION_RESTART) ||
		    option_value_same(a->global.values[row], b->global.values[row]))
			continue;
		(*position)++;
		return conf_toplevel_options[row].name;
	}
	return NULL;
}
