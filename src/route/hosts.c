/* SPDX-License-Identifier: Apache-2.0 */
#include "route/hosts.h"

#include <stdlib.h>

#include "base/mem.h"
#include "loop/worker.h"
#include "route/host_events.h"
#include "route/host_tables.h"
#include "route/instance.h"
#include "route/iq_owed.h"
#include "route/iq_request.h"
#include "route/module_file.h"
#include "route/module_timer.h"
#include "route/offered.h"
#include "route/user_private.h"
#include "stanzad/log.h"

/* Every host that ever was, for iteration on worker 0; lookups by other workers use 'current'. */
static struct host **hosts;
static size_t host_count;
static struct served *current; /* atomic */

/* Comparing a few names is faster than hashing one, and a message asks for its two domains several times. */
#define FEW 4

struct served {
	struct map by_domain; /* struct host */
	struct host *few[FEW];
	size_t count; /* over FEW: look in the map */
};

/* --- a plan: what a host will have ---------------------------------------------------------------------- */

struct plan {
	struct host *host;
	bool host_is_new;
	struct instances instances; /* kept and new */
	struct plan_reload {
		struct module_instance *instance;
		const struct conf_module *options;
	} * reloads; /* kept ones */
	size_t reload_count;
};

struct plans {
	struct plan *list;
	size_t count;
	struct conf *conf;
	struct map domains; /* that modules will serve; to struct module_instance */
};

static int plan_module(struct plan *plan, const struct module *module, const struct conf_module *options,
    struct conf *conf, struct err *err)
{
	struct module_instance *instance = instances_named(&plan->host->instances, module->name);
	bool kept = instance && instance->module == module &&
		    !conf_module_restarts(instance->options, options) &&
		    (module->reload || conf_module_same(instance->options, options));
	if (kept)
		plan->reloads[plan->reload_count++] = (struct plan_reload){instance, options};
	else if (!(instance = instance_start(module, plan->host, options, conf, err)))
		return -1;
	instances_add(&plan->instances, instance);
	return 0;
}

/* The first module that this one needs and that is not in the plan yet; NULL. */
static const char *need_missing(const struct plan *plan, const struct module *module)
{
	for (const char *const *need = module->needs; need && *need; need++)
		if (!instances_named(&plan->instances, *need))
			return *need;
	return NULL;
}

static int needs_unmet(
    const struct plan *plan, const struct module *module, struct conf *conf, struct err *err)
{
	struct str name = host_name(plan->host);
	const char *need = need_missing(plan, module);
	const struct conf_module *options = conf_module_find(conf, name, need);
	if (options && module_configured(options))
		return err_set(
		    err, "module %s on %.*s and %s need each other", module->name, STR_FMT(name), need);
	return err_set(err, "module %s on %.*s needs %s, which is not in its modules", module->name,
	    STR_FMT(name), need);
}

/* In the order of the configuration, but each behind those that it needs. */
static int plan_modules(struct plan *plan, struct conf *conf, struct err *err)
{
	struct str name = host_name(plan->host);
	size_t count = conf_module_count(conf, name);
	for (bool more = true; more;) {
		const struct module *waiting = NULL;
		more = false;
		for (size_t i = 0; i < count; i++) {
			const struct conf_module *options = conf_module_at(conf, name, i);
			const struct module *module = module_configured(options);
			if (!module || instances_named(&plan->instances, module->name))
				continue;
			if (need_missing(plan, module)) {
				waiting = module;
				continue;
			}
			if (plan_module(plan, module, options, conf, err) < 0)
				return -1;
			more = true;
		}
		if (!waiting)
			return 0;
		if (!more)
			return needs_unmet(plan, waiting, conf, err);
	}
	return 0;
}

static int plan_iqs(const struct plan *plan, struct err *err)
{
	struct map taken[2] = {0};
	int result = 0;
	for (size_t i = 0; i < plan->instances.count && result == 0; i++) {
		struct module_instance *instance = plan->instances.list[i];
		for (size_t j = 0; j < instance->iq_count && result == 0; j++) {
			const struct iq_entry *entry = instance->iqs[j];
			const struct module_instance *other =
			    map_put(&taken[entry->iq.component], str_of(entry->ns), instance);
			if (other)
				result = err_set(err, "on %.*s both %s and %s answer the namespace %s",
				    STR_FMT(host_name(plan->host)), other->module->name,
				    instance->module->name, entry->ns);
		}
	}
	map_fini(&taken[IQ_LOCAL]);
	map_fini(&taken[IQ_SM]);
	return result;
}

static struct host *host_known(struct str name)
{
	for (size_t i = 0; i < host_count; i++)
		if (str_eq(jid_domain(&hosts[i]->jid), name))
			return hosts[i];
	return NULL;
}

static struct host *host_new(struct str name)
{
	struct host *host = mem_zalloc(sizeof(*host));
	host->jid = (struct jid){str_dup(name), 0, (uint16_t)name.len, 0};
	host->tables = host_tables_build(NULL, NULL);
	return host;
}

static void host_remember(struct host *host)
{
	hosts = mem_realloc_array(hosts, host_count + 1, sizeof(*hosts));
	hosts[host_count++] = host;
}

static void host_free(struct host *host)
{
	host_tables_unref(host->tables);
	free(host->instances.list);
	free((char *)host->jid.text);
	free(host);
}

static int plan_host(struct plan *plan, struct str name, struct conf *conf, struct err *err)
{
	plan->host = host_known(name);
	plan->host_is_new = !plan->host;
	if (!plan->host)
		plan->host = host_new(name);
	plan->reloads = mem_zalloc((conf_module_count(conf, name) + 1) * sizeof(*plan->reloads));
	return plan_modules(plan, conf, err) < 0 ? -1 : plan_iqs(plan, err);
}

/* --- domains of services ------------------------------------------------------------------------------- */

static const struct conf_module *options_planned(
    const struct plan *plan, const struct module_instance *instance)
{
	for (size_t i = 0; i < plan->reload_count; i++)
		if (plan->reloads[i].instance == instance)
			return plan->reloads[i].options;
	return instance->options;
}

static int plan_domain(
    struct plans *plans, struct module_instance *instance, const struct str *domain, struct err *err)
{
	const struct local_route *local = local_route_of(*domain);
	const struct module_instance *other;
	if (conf_is_host(plans->conf, *domain) || (local && !instance_of_route(local)))
		return err_set(err, "module %s on %.*s: the domain %.*s is served already",
		    instance->module->name, STR_FMT(host_name(instance->host)), STR_FMT(*domain));
	other = map_put(&plans->domains, *domain, instance);
	return !other ? 0
		      : err_set(err, "both %s on %.*s and %s on %.*s serve the domain %.*s",
			    other->module->name, STR_FMT(host_name(other->host)), instance->module->name,
			    STR_FMT(host_name(instance->host)), STR_FMT(*domain));
}

static int plan_domains(
    struct plans *plans, const struct plan *plan, struct module_instance *instance, struct err *err)
{
	const struct conf_module *options = options_planned(plan, instance);
	const struct str *domain;
	module_deliver *deliver;
	for (size_t i = 0; i < instance->route_count; i++)
		if (!instance->routes[i]->by_option &&
		    plan_domain(plans, instance, &instance->routes[i]->local.domain, err) < 0)
			return -1;
	for (size_t position = 0;
	     (domain = instance_next_domain(instance->module, options, &position, &deliver));)
		if (plan_domain(plans, instance, domain, err) < 0)
			return -1;
	return 0;
}

/* --- all plans ------------------------------------------------------------------------------------------ */

/* One instance of each module stands for its global hooks: the first, in the order of hosts. */
static void visitors_add(struct instances *visitors, const struct instances *of_host)
{
	for (size_t i = 0; i < of_host->count; i++)
		if (!instances_named(visitors, of_host->list[i]->module->name))
			instances_add(visitors, of_host->list[i]);
}

static int order_check(
    const struct host *host, const struct instances *own, const struct instances *visitors, struct err *err)
{
	if (host_tables_check(own, visitors, err) == 0)
		return 0;
	return err_prefix(err, "on %.*s", STR_FMT(host_name(host)));
}

static int plan_orders(const struct plans *plans, struct err *err)
{
	struct instances visitors = {0};
	int result = 0;
	for (size_t i = 0; i < plans->count; i++)
		visitors_add(&visitors, &plans->list[i].instances);
	for (size_t i = 0; i < plans->count && result == 0; i++)
		result = order_check(plans->list[i].host, &plans->list[i].instances, &visitors, err);
	free(visitors.list);
	return result;
}

static int plans_make(struct plans *plans, struct err *err)
{
	size_t count = conf_host_count(plans->conf);
	plans->list = mem_zalloc((count + 1) * sizeof(*plans->list));
	for (; plans->count < count; plans->count++) {
		struct plan *plan = &plans->list[plans->count];
		if (plan_host(plan, conf_host_at(plans->conf, plans->count), plans->conf, err) < 0) {
			plans->count++;
			return -1;
		}
	}
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < plans->list[i].instances.count; j++)
			if (plan_domains(plans, &plans->list[i], plans->list[i].instances.list[j], err) < 0)
				return -1;
	return plan_orders(plans, err);
}

static void plans_abandon(struct plans *plans)
{
	for (size_t i = 0; i < plans->count; i++) {
		struct plan *plan = &plans->list[i];
		for (size_t j = plan->instances.count; j > 0; j--)
			if (!instances_have(&plan->host->instances, plan->instances.list[j - 1]))
				instance_discard(plan->instances.list[j - 1]);
		free(plan->instances.list);
		/* It stays among the hosts that ever were: an instance may need it a little longer. */
		if (plan->host_is_new)
			host_remember(plan->host);
	}
}

static void plans_fini(struct plans *plans)
{
	for (size_t i = 0; i < plans->count; i++)
		free(plans->list[i].reloads);
	map_fini(&plans->domains);
	free(plans->list);
}

/* --- putting plans into force --------------------------------------------------------------------------- */

struct retired { /* freed when every worker has passed its loop */
	struct served *hosts;
	struct retired_tables {
		struct host *host;
		struct host_tables *tables;
	} * tables;
	size_t table_count;
	struct instances instances;
	struct conf **confs;
	size_t conf_count;
};

static void retired_free(void *arg)
{
	struct retired *retired = arg;
	if (retired->hosts) {
		map_fini(&retired->hosts->by_domain);
		free(retired->hosts);
	}
	for (size_t i = 0; i < retired->table_count; i++)
		host_tables_unref(retired->tables[i].tables);
	for (size_t i = retired->instances.count; i > 0; i--)
		instance_leave(retired->instances.list[i - 1]);
	for (size_t i = 0; i < retired->conf_count; i++)
		conf_unref(&retired->confs[i]);
	free(retired->tables);
	free(retired->instances.list);
	free(retired->confs);
	free(retired);
}

static void migrate_here(void *arg)
{
	struct retired *retired = arg;
	for (size_t i = 0; i < retired->table_count; i++)
		users_migrate(retired->tables[i].host, retired->tables[i].tables);
	for (size_t i = 0; i < retired->instances.count; i++) {
		iq_requests_end_here(retired->instances.list[i]);
		module_timers_end_here(retired->instances.list[i]);
	}
}

static void visitors_collect(struct instances *visitors)
{
	for (size_t i = 0; i < host_count; i++)
		visitors_add(visitors, &hosts[i]->instances);
}

static void retire_tables(struct retired *retired, struct host *host, const struct instances *visitors)
{
	struct host_tables *fresh = host_tables_build(&host->instances, visitors);
	retired->tables =
	    mem_realloc_array(retired->tables, retired->table_count + 1, sizeof(*retired->tables));
	retired->tables[retired->table_count++] = (struct retired_tables){host, host->tables};
	__atomic_store_n(&host->tables, fresh, __ATOMIC_RELEASE);
}

static void retired_settle(struct retired *retired)
{
	workers_each(migrate_here, retired_free, retired);
}

static void refresh(struct host *only)
{
	struct retired *retired = mem_zalloc(sizeof(*retired));
	struct instances visitors = {0};
	visitors_collect(&visitors);
	for (size_t i = 0; i < host_count; i++)
		if (hosts[i]->present && (!only || hosts[i] == only))
			retire_tables(retired, hosts[i], &visitors);
	free(visitors.list);
	retired_settle(retired);
}

void host_refresh(struct host *host)
{
	refresh(host);
}

void hosts_refresh(void)
{
	refresh(NULL);
}

int hosts_order_check(struct err *err)
{
	struct instances visitors = {0};
	int result = 0;
	visitors_collect(&visitors);
	for (size_t i = 0; i < host_count && result == 0; i++)
		if (hosts[i]->present)
			result = order_check(hosts[i], &hosts[i]->instances, &visitors, err);
	free(visitors.list);
	return result;
}

static struct err refusal; /* hosts_refusal */

static void plan_reload(struct plan *plan, struct conf *conf, struct retired *retired)
{
	for (size_t i = 0; i < plan->reload_count; i++) {
		struct module_instance *instance = plan->reloads[i].instance;
		struct err err = {0};
		retired->confs =
		    mem_realloc_array(retired->confs, retired->conf_count + 1, sizeof(*retired->confs));
		if (instance_reload(instance, plan->reloads[i].options, conf,
			&retired->confs[retired->conf_count++], &err) == 0)
			continue;
		LOG_ERROR("module.reload_refused", LOG_CSTR("module", instance->module->name),
		    LOG_STR("host", host_name(instance->host)), LOG_CSTR("reason", err.text));
		if (!refusal.text[0])
			err_set(&refusal, "module %s on %.*s keeps its old options: %s", instance->module->name,
			    STR_FMT(host_name(instance->host)), err.text);
	}
}

static void retire_instance(struct retired *retired, struct module_instance *instance)
{
	instance_routes_end(instance);
	instance->in_force = false;
	instances_add(&retired->instances, instance);
}

/* The host's instances are those of the plan; what is not among them any more is retired. */
static void plan_enact(struct plan *plan, struct conf *conf, struct retired *retired)
{
	struct host *host = plan->host;
	if (plan->host_is_new)
		host_remember(host);
	plan_reload(plan, conf, retired);
	for (size_t i = 0; i < host->instances.count; i++)
		if (!instances_have(&plan->instances, host->instances.list[i]))
			retire_instance(retired, host->instances.list[i]);
	for (size_t i = 0; i < plan->instances.count; i++)
		if (plan->instances.list[i]->in_force)
			instance_routes_drop(plan->instances.list[i]);
	free(host->instances.list);
	host->instances = plan->instances;
	host->present = true;
}

static void host_leave(struct host *host, struct retired *retired)
{
	for (size_t i = 0; i < host->instances.count; i++)
		retire_instance(retired, host->instances.list[i]);
	free(host->instances.list);
	host->instances = (struct instances){0};
}

static void instances_take_force(struct host *host)
{
	for (size_t i = 0; i < host->instances.count; i++) {
		instance_routes_take(host->instances.list[i]);
		host->instances.list[i]->in_force = true;
	}
}

static void publish(struct retired *retired)
{
	struct served *fresh = mem_zalloc(sizeof(*fresh));
	for (size_t i = 0; i < host_count; i++) {
		if (!hosts[i]->present)
			continue;
		map_put(&fresh->by_domain, jid_domain(&hosts[i]->jid), hosts[i]);
		if (fresh->count++ < FEW)
			fresh->few[fresh->count - 1] = hosts[i];
	}
	retired->hosts = current;
	__atomic_store_n(&current, fresh, __ATOMIC_RELEASE);
}

static void plans_enact(struct plans *plans)
{
	struct retired *retired = mem_zalloc(sizeof(*retired));
	struct instances visitors = {0};
	for (size_t i = 0; i < host_count; i++) {
		if (hosts[i]->present && !conf_is_host(plans->conf, host_name(hosts[i])))
			host_event_down(hosts[i]);
		hosts[i]->present = false;
	}
	for (size_t i = 0; i < plans->count; i++)
		plan_enact(&plans->list[i], plans->conf, retired);
	for (size_t i = 0; i < host_count; i++)
		if (!hosts[i]->present)
			host_leave(hosts[i], retired);
	visitors_collect(&visitors);
	for (size_t i = 0; i < host_count; i++)
		retire_tables(retired, hosts[i], &visitors);
	free(visitors.list);
	publish(retired);
	for (size_t i = 0; i < host_count; i++)
		instances_take_force(hosts[i]);
	retired_settle(retired);
}

int hosts_apply(struct conf *conf, struct err *err)
{
	struct plans plans = {.conf = conf};
	refusal.text[0] = '\0';
	int result = plans_make(&plans, err);
	if (result < 0)
		plans_abandon(&plans);
	else
		plans_enact(&plans);
	plans_fini(&plans);
	return result;
}

const char *hosts_refusal(void)
{
	return refusal.text;
}

void hosts_fini(void)
{
	local_routes_fini();
	instances_fini();
	for (size_t i = 0; i < host_count; i++) {
		for (size_t j = hosts[i]->instances.count; j > 0; j--)
			instance_stop(hosts[i]->instances.list[j - 1]);
		host_free(hosts[i]);
	}
	free(hosts);
	hosts = NULL;
	host_count = 0;
	if (current) {
		map_fini(&current->by_domain);
		free(current);
		current = NULL;
	}
	owed_fini();
	module_files_fini();
	modules_offer_end();
}

const char *host_module_needed_by(const struct host *host, const char *name)
{
	for (size_t i = 0; i < host->instances.count; i++) {
		const struct module *module = host->instances.list[i]->module;
		for (const char *const *need = module->needs; need && *need; need++)
			if (strcmp(*need, name) == 0)
				return module->name;
	}
	return NULL;
}

void hosts_each(void (*each)(void *arg, struct host *host), void *arg)
{
	for (size_t i = 0; i < host_count; i++)
		if (hosts[i]->present)
			each(arg, hosts[i]);
}

struct host *host_find(struct str domain)
{
	const struct served *served = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
	if (!served || served->count > FEW)
		return served ? map_get(&served->by_domain, domain) : NULL;
	for (size_t i = 0; i < served->count; i++)
		if (str_eq(jid_domain(&served->few[i]->jid), domain))
			return served->few[i];
	return NULL;
}
