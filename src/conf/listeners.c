/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/listeners.h"

#include "conf/acl.h"
#include "conf/check.h"
#include "conf/components.h"
#include "conf/renames.h"

static struct option_value *value_in(
    const struct option *table, const struct option_value *values, const char *name)
{
	const struct option *option = option_find(table, str_of(name));

	return option ? (struct option_value *)&values[option - table] : NULL;
}

static bool is_true(const struct option_value *value)
{
	return value && value->boolean;
}

/* STARTTLS follows from what needs it, and makes no sense inside TLS. */
static void settle_starttls(struct conf_listener *listener)
{
	const struct option *own = listener->registered->options;
	struct option_value *starttls = value_in(own, listener->own, "starttls");

	if (!starttls || starttls->option->flags & OPTION_IGNORED)
		return;
	starttls->present = true;
	if (is_true(value_in(own, listener->own, "starttls_required")) ||
	    is_true(value_in(own, listener->own, "tls_verify")))
		starttls->boolean = true;
	if (is_true(conf_listener_get(listener, "tls")))
		starttls->boolean = false;
}

static bool settle_port(struct loader *loader, struct conf_listener *listener, const struct option_node *item)
{
	struct option_value *port = value_in(listener_common_options, listener->common, "port");
	int64_t number;

	if (!port->given) {
		problem_error(loader, item, "a listener needs a 'port'");
		return false;
	}
	if (!port->present || str_starts(port->string, "unix:"))
		return port->present;
	if (str_to_i64(port->string, &number) && number >= 1 && number <= 65535) {
		port->integer = number;
		return true;
	}
	problem_error(loader, port->node, "option 'port': expected 1 to 65535 or 'unix:PATH', got %s",
	    problem_got(loader, port->node));
	return false;
}

static void check_ip(struct loader *loader, const struct conf_listener *listener)
{
	const struct option_value *ip = conf_listener_get(listener, "ip");

	if (ip->present && memchr(ip->string.ptr, '/', ip->string.len))
		problem_error(loader, ip->node,
		    "option 'ip': expected one address to listen on, got network %s",
		    problem_got(loader, ip->node));
}

static void settle_unix_socket(struct loader *loader, const struct conf_listener *listener)
{
	static const struct option fields[] = {
	    {"mode", OPTION_STRING}, {"owner", OPTION_INT}, {"group", OPTION_INT}, {0}};
	const struct option_value *value = conf_listener_get(listener, "unix_socket");
	const struct option *const tables[] = {fields, NULL};
	const struct definitions none = {0};

	if (!value->present)
		return;
	check_names(loader, " of 'unix_socket'", value->node, tables);
	check_table(loader, " of 'unix_socket'", fields, value->node, &none);
}

static const char *make_label(struct loader *loader, const struct conf_listener *listener)
{
	const struct option_value *port = conf_listener_get(listener, "port");
	bool udp = str_is(conf_listener_get(listener, "transport")->string, "udp");

	if (port->integer == 0)
		return port->string.ptr;
	return arena_printf(loader->arena, "%d on %.*s%s", (int)port->integer,
	    STR_FMT(conf_listener_get(listener, "ip")->string), udp ? " (udp)" : "");
}

static const struct registered *find_module(struct loader *loader, const struct option_node *item)
{
	const struct option_node *name = option_node_get(item, "module");
	const struct registered *registered;
	struct nearest nearest = {0};

	if (!name || name->kind != OPTION_NODE_SCALAR) {
		problem_error(
		    loader, name ? name : item, "a listener needs a 'module', such as ejabberd_c2s");
		return NULL;
	}
	registered = registry_listener(name->scalar);
	if (registered)
		return registered;
	nearest.word = name->scalar;
	registry_nearest_listener(&nearest);
	problem_error(loader, name, "unknown listener module %s%s", problem_got(loader, name),
	    nearest_hint(loader, &nearest));
	return NULL;
}

static void check_references(
    struct loader *loader, const struct option *table, const struct option_value *values)
{
	for (size_t i = 0; table[i].name; i++)
		access_check_value(loader, &loader->conf->global, &values[i]);
}

static struct conf_listener *build_listener(
    struct loader *loader, const struct option_node *item, const struct definitions *definitions)
{
	struct conf_listener *listener = arena_zalloc(loader->arena, sizeof(*listener));
	const struct registered *registered = find_module(loader, item);
	const struct option *tables[4] = {0};
	const char *owner, *what;

	if (!registered)
		return NULL;
	owner = arena_printf(loader->arena, " of listener '%s'", registered->name);
	what = arena_printf(loader->arena, "listener '%s'", registered->name);
	tables[0] = registered->options;
	tables[1] = listener_common_options;
	tables[2] = registered->takes_tls ? listener_tls_options : NULL;
	item = rename_options(loader, what, item, tables, rename_listener_option);
	check_names(loader, owner, item, tables);
	listener->registered = registered;
	listener->module = registered->name;
	listener->own = check_table(loader, owner, registered->options, item, definitions);
	listener->common = check_table(loader, owner, listener_common_options, item, definitions);
	if (registered->takes_tls)
		listener->tls = check_table(loader, owner, listener_tls_options, item, definitions);
	check_references(loader, registered->options, listener->own);
	if (registered->takes_tls)
		settle_starttls(listener);
	settle_unix_socket(loader, listener);
	if (conf_listener_is_service(listener))
		components_read_listener(loader, listener);
	check_ip(loader, listener);
	if (!settle_port(loader, listener, item))
		return NULL;
	listener->label = make_label(loader, listener);
	if (registered->availability == CONF_NOT_YET)
		problem_later(loader, item, "listener '%s' (%s)", registered->name, listener->label);
	return listener;
}

void listeners_build(
    struct loader *loader, const struct option_node *value, const struct definitions *definitions)
{
	struct map labels = {0};
	const struct conf_listener **listeners;
	size_t count = 0;

	if (value->kind != OPTION_NODE_LIST) {
		if (!node_is_null(value))
			problem_error(loader, value, "option 'listen': expected a list, got %s",
			    problem_got(loader, value));
		return;
	}
	for (const struct option_node *item = value->items; item; item = item->next)
		count++;
	listeners = arena_alloc(loader->arena, (count + 1) * sizeof(*listeners));
	loader->conf->listeners = listeners;
	for (const struct option_node *item = value->items; item; item = item->next) {
		struct conf_listener *listener;
		const struct option_node *map =
		    node_as_map(loader, definitions_expand(loader, definitions, item), "listener");

		listener = map ? build_listener(loader, map, definitions) : NULL;
		if (!listener)
			continue;
		if (map_put(&labels, str_of(listener->label), listener))
			problem_error(loader, item, "there are two listeners for port %s",
			    problem_quote(loader, str_of(listener->label)));
		listeners[loader->conf->listener_count++] = listener;
	}
	map_fini(&labels);
}

const struct option_node *listeners_certfiles(
    struct loader *loader, const struct option_node *value, const struct option_node *certfiles)
{
	for (const struct option_node *item = value->items; item; item = item->next) {
		const struct option_node *name = option_node_get(item, "module");
		const struct option_node *file = option_node_get(item, "certfile");
		const struct registered *registered =
		    name && name->kind == OPTION_NODE_SCALAR ? registry_listener(name->scalar) : NULL;

		if (registered && file && !option_find(registered->options, STR("certfile")))
			certfiles = node_append(loader, certfiles ? certfiles : node_list(loader, NULL, file),
			    node_list(loader, file, file), false);
	}
	return certfiles;
}
