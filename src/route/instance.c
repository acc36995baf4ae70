/* SPDX-License-Identifier: Apache-2.0 */
#include "route/instance.h"

#include <stdlib.h>

#include "base/mem.h"
#include "route/hosts.h"
#include "stanzad/log.h"

/* --- IQ handlers ---------------------------------------------------------------------------------------- */

static struct iq_entry *entry_new(struct module_instance *instance, const struct module_iq *iq)
{
	const char *module = instance->module->name;
	size_t ns_size = strlen(iq->ns) + 1;
	struct iq_entry *entry = mem_zalloc(sizeof(*entry) + ns_size + strlen(module) + 1);
	strcpy(entry->ns, iq->ns);
	entry->module = strcpy(entry->ns + ns_size, module);
	entry->queue.width = iq->discipline == IQ_PARALLEL ? JOB_QUEUE_WIDE : 1;
	entry->refs = 1;
	entry->iq = *iq;
	entry->iq.ns = entry->ns;
	entry->instance = instance;
	return entry;
}

struct iq_entry *iq_entry_ref(struct iq_entry *entry)
{
	__atomic_add_fetch(&entry->refs, 1, __ATOMIC_RELAXED);
	return entry;
}

void iq_entry_unref(struct iq_entry *entry)
{
	if (__atomic_sub_fetch(&entry->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(entry);
}

/* Between two changes within .reload nobody may see the one without the other: the core refreshes afterwards. */
static bool is_visible(const struct module_instance *instance)
{
	return instance->in_force && !instance->reloading;
}

/* Where it is in the instance's list; iq_count when it is not there. */
static size_t iq_place(const struct module_instance *instance, enum iq_component component, const char *ns)
{
	size_t i = 0;
	while (i < instance->iq_count &&
	       (instance->iqs[i]->iq.component != component || strcmp(instance->iqs[i]->ns, ns) != 0))
		i++;
	return i;
}

static int iq_check(const struct module_instance *instance, const struct module_iq *iq, struct err *err)
{
	if (!iq->ns || !iq->handler || (unsigned)iq->component > IQ_SM ||
	    (unsigned)iq->discipline > IQ_PARALLEL)
		return err_set(err, "a row of IQ handlers lacks a namespace or a handler, or has a component "
				    "or discipline that there is not");
	const struct iq_entry *taken =
	    instance->in_force ? host_iq(instance->host, iq->component, str_of(iq->ns)) : NULL;
	if (taken && taken->instance == instance)
		taken = NULL; /* the instance's own list says whether it still has it */
	if (taken || iq_place(instance, iq->component, iq->ns) < instance->iq_count)
		return err_set(err, "the namespace %s is answered by %s already", iq->ns,
		    taken ? taken->instance->module->name : instance->module->name);
	return 0;
}

int module_add_iq(struct module_instance *instance, const struct module_iq *iq, struct err *err)
{
	if (iq_check(instance, iq, err) < 0)
		return -1;
	instance->iqs = mem_realloc_array(instance->iqs, instance->iq_count + 1, sizeof(*instance->iqs));
	instance->iqs[instance->iq_count++] = entry_new(instance, iq);
	if (is_visible(instance))
		host_refresh(instance->host);
	return 0;
}

int module_remove_iq(
    struct module_instance *instance, enum iq_component component, const char *ns, struct err *err)
{
	size_t place = iq_place(instance, component, ns);
	if (place == instance->iq_count)
		return err_set(err, "%s has no handler of the namespace %s", instance->module->name, ns);
	struct iq_entry *entry = instance->iqs[place];
	instance->iqs[place] = instance->iqs[--instance->iq_count];
	if (is_visible(instance))
		host_refresh(instance->host);
	iq_entry_unref(entry);
	return 0;
}

/* --- hooks ---------------------------------------------------------------------------------------------- */

static void hooks_refresh(struct module_instance *instance, const struct hook_entry *entry)
{
	if (!is_visible(instance))
		return;
	if (entry->global)
		hosts_refresh();
	else
		host_refresh(instance->host);
}

int module_add_hook(struct module_instance *instance, const struct hook_entry *entry, struct err *err)
{
	if ((unsigned)entry->hook >= HOOK_COUNT || (unsigned)entry->stage > HOOK_LAST || !entry->fn.untyped)
		return err_set(
		    err, "a row of hooks lacks its function, or names a hook or stage that there is not");
	instance->hooks =
	    mem_realloc_array(instance->hooks, instance->hook_count + 1, sizeof(*instance->hooks));
	struct hook_entry *added = &instance->hooks[instance->hook_count++];
	*added = *entry;
	added->after = entry->after ? str_dup(str_of(entry->after)) : NULL;
	if (instance->in_force && hosts_order_check(err) < 0) {
		free((char *)added->after);
		instance->hook_count--;
		return -1;
	}
	hooks_refresh(instance, entry);
	return 0;
}

int module_remove_hook(struct module_instance *instance, const struct hook_entry *entry, struct err *err)
{
	for (size_t i = 0; i < instance->hook_count; i++) {
		struct hook_entry *added = &instance->hooks[i];
		if (added->hook != entry->hook || added->fn.untyped != entry->fn.untyped ||
		    added->global != entry->global)
			continue;
		char *after = (char *)added->after;
		*added = instance->hooks[--instance->hook_count];
		hooks_refresh(instance, entry);
		free(after);
		return 0;
	}
	return err_set(err, "%s is not in that hook", instance->module->name);
}

/* --- domains -------------------------------------------------------------------------------------------- */

static void deliver_to_module(void *arg, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct instance_route *route = arg;
	route->deliver(route->instance, from, to, stanza);
}

struct module_instance *instance_of_route(const struct local_route *local)
{
	return local->deliver == deliver_to_module ? ((struct instance_route *)local->arg)->instance : NULL;
}

const struct str *instance_next_domain(const struct module *module, const struct conf_module *options,
    size_t *position, module_deliver **deliver_r)
{
	size_t skip = *position;
	for (const struct module_route *row = module->routes; row && row->option; row++) {
		const struct option_value *value = conf_module_get(options, row->option);
		bool one = value->option->type == OPTION_DOMAIN;
		size_t count = !value->present ? 0 : one ? 1 : value->string_count;
		if (skip < count) {
			(*position)++;
			*deliver_r = row->deliver;
			return one ? &value->string : &value->strings[skip];
		}
		skip -= count;
	}
	return NULL;
}

static struct instance_route *route_new(
    struct module_instance *instance, struct str domain, module_deliver *deliver)
{
	struct instance_route *route = mem_zalloc(sizeof(*route));
	route->local = (struct local_route){
	    .domain = {str_dup(domain), domain.len}, .deliver = deliver_to_module, .arg = route};
	route->instance = instance;
	route->deliver = deliver;
	instance->routes =
	    mem_realloc_array(instance->routes, instance->route_count + 1, sizeof(struct instance_route *));
	instance->routes[instance->route_count++] = route;
	return route;
}

static void route_free(struct instance_route *route)
{
	free((char *)route->local.domain.ptr);
	free(route);
}

static void on_route_gone(void *arg)
{
	struct instance_route *route = arg;
	__atomic_sub_fetch(&route->instance->calls, 1, __ATOMIC_ACQ_REL);
	route_free(route);
}

/* Takes it out of the instance's list. */
static void route_end(struct module_instance *instance, size_t place)
{
	struct instance_route *route = instance->routes[place];
	instance->routes[place] = instance->routes[--instance->route_count];
	if (!instance->in_force) {
		route_free(route);
		return;
	}
	__atomic_add_fetch(&instance->calls, 1, __ATOMIC_ACQ_REL);
	route_unregister(&route->local, on_route_gone);
}

static size_t route_place(const struct module_instance *instance, struct str domain)
{
	size_t i = 0;
	while (i < instance->route_count && !str_eq(instance->routes[i]->local.domain, domain))
		i++;
	return i;
}

static bool option_names(const struct module_instance *instance, struct str domain)
{
	const struct str *named;
	module_deliver *deliver;
	for (size_t position = 0;
	     (named = instance_next_domain(instance->module, instance->options, &position, &deliver));)
		if (str_eq(*named, domain))
			return true;
	return false;
}

void instance_routes_drop(struct module_instance *instance)
{
	for (size_t i = instance->route_count; i > 0; i--) {
		const struct instance_route *route = instance->routes[i - 1];
		if (route->by_option && !option_names(instance, route->local.domain))
			route_end(instance, i - 1);
	}
}

static void route_serve(struct module_instance *instance, struct instance_route *route)
{
	struct err err;
	if (route_register(&route->local, &err) == 0)
		return;
	LOG_ERROR("module.route_refused", LOG_CSTR("module", instance->module->name),
	    LOG_STR("domain", route->local.domain), LOG_CSTR("reason", err.text));
	instance->routes[route_place(instance, route->local.domain)] =
	    instance->routes[--instance->route_count];
	route_free(route);
}

void instance_routes_take(struct module_instance *instance)
{
	/* What start added waits in the list until now. */
	for (size_t i = instance->in_force ? 0 : instance->route_count; i > 0; i--)
		route_serve(instance, instance->routes[i - 1]);
	const struct str *named;
	module_deliver *deliver;
	for (size_t position = 0;
	     (named = instance_next_domain(instance->module, instance->options, &position, &deliver));) {
		if (route_place(instance, *named) < instance->route_count)
			continue;
		struct instance_route *route = route_new(instance, *named, deliver);
		route->by_option = true;
		route_serve(instance, route);
	}
}

void instance_routes_end(struct module_instance *instance)
{
	while (instance->route_count)
		route_end(instance, instance->route_count - 1);
}

/* A domain, or "*." and a domain. */
static int domain_check(struct str domain, struct err *err)
{
	struct arena arena = {0};
	struct str prepared;
	struct str rest = domain;
	if (str_starts(domain, "*."))
		rest = (struct str){domain.ptr + 2, domain.len - 2};
	int result = jid_prep_domain(rest, &arena, &prepared, err);
	if (result == 0 && !str_eq(prepared, rest))
		result = err_set(err, "it would have to be written %.*s", STR_FMT(prepared));
	arena_fini(&arena);
	return result;
}

int module_add_route(
    struct module_instance *instance, struct str domain, module_deliver *deliver, struct err *err)
{
	if (domain_check(domain, err) < 0)
		return err_prefix(err, "%.*s cannot be a service", STR_FMT(domain));
	if (route_place(instance, domain) < instance->route_count)
		return err_set(err, "the domain %.*s is served already", STR_FMT(domain));
	struct instance_route *route = route_new(instance, domain, deliver);
	if (!instance->in_force)
		return 0;
	if (route_register(&route->local, err) < 0) {
		instance->route_count--;
		route_free(route);
		return -1;
	}
	return 0;
}

int module_remove_route(struct module_instance *instance, struct str domain, struct err *err)
{
	size_t place = route_place(instance, domain);
	if (place == instance->route_count)
		return err_set(err, "%s does not serve %.*s", instance->module->name, STR_FMT(domain));
	route_end(instance, place);
	return 0;
}

/* --- all of it ------------------------------------------------------------------------------------------ */

int instance_register(struct module_instance *instance, struct err *err)
{
	const struct module *module = instance->module;
	for (const struct module_iq *iq = module->iqs; iq && iq->ns; iq++)
		if (module_add_iq(instance, iq, err) < 0)
			return -1;
	for (const struct hook_entry *entry = module->hooks; entry && entry->used; entry++)
		if (module_add_hook(instance, entry, err) < 0)
			return -1;
	return 0;
}

void instance_unregister(struct module_instance *instance)
{
	for (size_t i = 0; i < instance->iq_count; i++)
		iq_entry_unref(instance->iqs[i]);
	for (size_t i = 0; i < instance->hook_count; i++)
		free((char *)instance->hooks[i].after);
	for (size_t i = 0; i < instance->route_count; i++)
		route_free(instance->routes[i]);
	free(instance->iqs);
	free(instance->hooks);
	free(instance->routes);
}
