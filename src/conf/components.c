/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/components.h"

#include "conf/check.h"
#include "conf/snapshot.h"

/* --- loading -------------------------------------------------------------------------------------------- */

static size_t item_count(const struct option_node *map)
{
	size_t count = 0;
	for (const struct option_node *item = map->items; item; item = item->next)
		count++;
	return count;
}

static bool read_domain(struct loader *loader, const char *what, const struct option_node *item,
    struct str *domain_r)
{
	struct err err;
	if (jid_prep_domain(item->key->scalar, loader->arena, domain_r, &err) == 0)
		return true;
	problem_error(loader, item->key, "option '%s': expected a domain, got %s (%s)", what,
	    problem_got(loader, item->key), err.text);
	return false;
}

/* The options of one domain: a mapping, or nothing at all. */
static const struct option_value *read_fields(struct loader *loader, const char *owner,
    const struct option *fields, const struct option_node *item)
{
	const struct option *const tables[] = {fields, NULL};
	const struct definitions none = {0};
	const struct option_node *map = NULL;
	if (item->kind != OPTION_NODE_SCALAR || item->scalar.len)
		map = node_as_map(loader, item, owner);
	if (map)
		check_names(loader, owner, map, tables);
	return check_table(loader, owner, fields, map, &none);
}

static void read_host(struct loader *loader, const struct option_node *item, struct str common,
    struct component_host *host_r)
{
	static const struct option fields[] = {{"password", OPTION_STRING}, {0}};
	const struct option_value *password = read_fields(loader, " of 'hosts'", fields, item);
	if (!read_domain(loader, "hosts", item, &host_r->domain))
		return;
	host_r->password = password->present ? password->string : common;
	if (!host_r->password.ptr)
		problem_warning(loader, item->key,
		    "option 'hosts': %s has no 'password', here or for the whole listener: nobody can serve it",
		    problem_got(loader, item->key));
}

void components_read_listener(struct loader *loader, struct conf_listener *listener)
{
	const struct option_value *hosts = conf_listener_get(listener, "hosts");
	const struct option_value *password = conf_listener_get(listener, "password");
	struct str common = password->present ? password->string : STR_NULL;
	if (!hosts->present) {
		if (!common.ptr)
			problem_warning(loader, conf_listener_get(listener, "port")->node,
			    "listener '%s' has neither 'hosts' nor a 'password': nobody can log in",
			    listener->module);
		listener->component_password = common;
		return;
	}
	struct component_host *list =
	    arena_zalloc(loader->arena, (item_count(hosts->node) + 1) * sizeof(*list));
	listener->components = list;
	for (const struct option_node *item = hosts->node->items; item; item = item->next)
		read_host(loader, item, common, &list[listener->component_count++]);
}

static void read_balancing(
    struct loader *loader, const struct option_node *item, struct component_balancing *balancing_r)
{
	static const struct option fields[] = {
	    {"type", OPTION_ENUM, "random", NULL, "random|source|destination|bare_source|bare_destination"},
	    {"component_number", OPTION_INT, NULL, NULL, NULL, 2, 1000},
	    {0},
	};
	const struct option_value *values = read_fields(loader, " of 'domain_balancing'", fields, item);
	if (!read_domain(loader, "domain_balancing", item, &balancing_r->domain))
		return;
	balancing_r->type = (enum component_balance)values[0].integer;
	balancing_r->number = values[1].present ? (unsigned)values[1].integer : 0;
}

void components_read_balancing(struct loader *loader)
{
	struct conf *conf = loader->conf;
	const struct option_value *value = conf_get(conf, STR_NULL, "domain_balancing");
	if (!value->present || !value->node)
		return;
	struct component_balancing *list =
	    arena_zalloc(loader->arena, (item_count(value->node) + 1) * sizeof(*list));
	conf->balancing = list;
	for (const struct option_node *item = value->node->items; item; item = item->next)
		read_balancing(loader, item, &list[conf->balancing_count++]);
}

/* --- reading -------------------------------------------------------------------------------------------- */

bool conf_listener_is_service(const struct conf_listener *listener)
{
	return strcmp(conf_listener_module(listener), "ejabberd_service") == 0;
}

const struct component_host *conf_component_host(const struct conf_listener *listener, size_t index)
{
	return index < listener->component_count ? &listener->components[index] : NULL;
}

struct str conf_component_password(const struct conf_listener *listener, struct str domain)
{
	for (size_t i = 0; i < listener->component_count; i++)
		if (str_eq(listener->components[i].domain, domain))
			return listener->components[i].password;
	return listener->components ? STR_NULL : listener->component_password;
}

bool conf_component_allowed(const struct conf *conf, struct str domain)
{
	for (size_t i = 0; i < conf_listener_count(conf); i++) {
		const struct conf_listener *listener = conf_listener_at(conf, i);
		if (conf_listener_is_service(listener) && conf_component_password(listener, domain).ptr)
			return true;
	}
	return false;
}

const char *component_balance_text(enum component_balance type)
{
	static const char *const words[] = {
	    "random", "source", "destination", "bare_source", "bare_destination"};
	return words[type];
}

struct component_balancing conf_component_balancing(const struct conf *conf, struct str domain)
{
	for (size_t i = 0; i < conf->balancing_count; i++)
		if (str_eq(conf->balancing[i].domain, domain))
			return conf->balancing[i];
	return (struct component_balancing){.domain = domain};
}
