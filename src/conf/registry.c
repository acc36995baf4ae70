/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/registry.h"

#include <pthread.h>

#include "base/mem.h"

/* Registered tables; filled before the first load, read-only afterwards. */
struct registry {
	struct registered *items;
	size_t count;
};

static struct registry modules, listeners;
static struct map toplevel_names;
static size_t toplevel_rows;
static pthread_once_t toplevel_once = PTHREAD_ONCE_INIT;

static const struct registered *known_find(const struct registered *known, struct str name)
{
	for (; known->name; known++) {
		if (str_is(name, known->name))
			return known;
	}
	return NULL;
}

static struct registered *registry_find(const struct registry *registry, struct str name)
{
	for (size_t i = 0; i < registry->count; i++) {
		if (str_is(name, registry->items[i].name))
			return &registry->items[i];
	}
	return NULL;
}

static void registry_put(struct registry *registry, const struct registered *item)
{
	struct registered *old = registry_find(registry, str_of(item->name));

	if (!old) {
		registry->items =
		    mem_realloc_array(registry->items, registry->count + 1, sizeof(*registry->items));
		old = &registry->items[registry->count++];
	}
	*old = *item;
}

void conf_register_module(const char *name, const struct option *options, enum conf_availability availability)
{
	static const struct option none[] = {{0}};

	registry_put(
	    &modules, &(struct registered){
			  .name = name, .options = options ? options : none, .availability = availability});
}

void conf_register_listener(
    const char *module, const struct option *options, enum conf_availability availability)
{
	static const struct option none[] = {{0}};
	const struct registered *known = known_find(known_listeners, str_of(module));

	registry_put(&listeners, &(struct registered){.name = module,
				     .options = options ? options : none,
				     .availability = availability,
				     .takes_tls = known ? known->takes_tls : true});
}

const struct registered *registry_module(struct str name)
{
	const struct registered *found = registry_find(&modules, name);

	return found ? found : known_find(known_modules, name);
}

const struct registered *registry_module_of_code(struct str name)
{
	return registry_find(&modules, name);
}

const struct registered *registry_listener(struct str name)
{
	const struct registered *found = registry_find(&listeners, name);

	return found ? found : known_find(known_listeners, name);
}

static void nearest_of(
    const struct registry *registry, const struct registered *known, struct nearest *nearest)
{
	for (size_t i = 0; i < registry->count; i++)
		nearest_try(nearest, str_of(registry->items[i].name));
	for (; known->name; known++)
		nearest_try(nearest, str_of(known->name));
}

void registry_nearest_module(struct nearest *nearest)
{
	nearest_of(&modules, known_modules, nearest);
}

void registry_nearest_listener(struct nearest *nearest)
{
	nearest_of(&listeners, known_listeners, nearest);
}

const struct option *option_find(const struct option *table, struct str name)
{
	for (; table->name; table++) {
		if (str_is(name, table->name))
			return table;
	}
	return NULL;
}

void option_nearest(const struct option *table, struct nearest *nearest)
{
	for (; table->name; table++)
		nearest_try(nearest, str_of(table->name));
}

size_t option_count(const struct option *table)
{
	size_t count = 0;

	while (table[count].name)
		count++;
	return count;
}

static void toplevel_fill(void)
{
	for (const struct option *option = conf_toplevel_options; option->name; option++, toplevel_rows++)
		map_put(&toplevel_names, str_of(option->name), (void *)option);
}

int toplevel_index(struct str name)
{
	const struct option *option;

	pthread_once(&toplevel_once, toplevel_fill);
	option = map_get(&toplevel_names, name);
	return option ? (int)(option - conf_toplevel_options) : -1;
}

size_t toplevel_count(void)
{
	pthread_once(&toplevel_once, toplevel_fill);
	return toplevel_rows;
}
