/* SPDX-License-Identifier: Apache-2.0 */
#include "route/modules_life.h"

#include <assert.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "loop/timer.h"
#include "route/host_private.h"
#include "route/host_tables.h"
#include "route/user_private.h"
#include "stanzad/log.h"

#define SLOTS_MAX 32

static const struct module *const *offered;
static unsigned *running; /* instances of each module in 'offered' */
static const struct module *user_slots[SLOTS_MAX], *session_slots[SLOTS_MAX];
static unsigned user_slot_count, session_slot_count;
/* Every host that ever was, for iteration on worker 0; lookups by other workers use 'current'. */
static struct host **hosts;
static size_t host_count;
static struct map *current; /* atomic; domain -> struct host */

void modules_offer(const struct module *const *modules)
{
	offered = modules;
	size_t count = 0;
	while (modules[count])
		count++;
	running = mem_zalloc((count + 1) * sizeof(*running));
	for (size_t i = 0; modules[i]; i++) {
		assert(modules[i]->abi == STANZAD_MODULE_ABI && modules[i]->size == sizeof(struct module));
		if (modules[i]->user_slot)
			user_slots[user_slot_count++] = modules[i];
		if (modules[i]->session_slot)
			session_slots[session_slot_count++] = modules[i];
		assert(user_slot_count < SLOTS_MAX && session_slot_count < SLOTS_MAX);
	}
}

const struct module *module_named(const char *name)
{
	for (size_t i = 0; offered && offered[i]; i++)
		if (strcmp(offered[i]->name, name) == 0)
			return offered[i];
	return NULL;
}

static int slot_of(const struct module *const *slots, unsigned count, const struct module *module)
{
	for (unsigned i = 0; i < count; i++)
		if (slots[i] == module)
			return (int)i;
	return -1;
}

int module_user_slot(const struct module *module)
{
	return slot_of(user_slots, user_slot_count, module);
}

int module_session_slot(const struct module *module)
{
	return slot_of(session_slots, session_slot_count, module);
}

unsigned modules_user_slots(void)
{
	return user_slot_count;
}

unsigned modules_session_slots(void)
{
	return session_slot_count;
}

/* --- one instance --------------------------------------------------------------------------------------- */

static struct module_instance *instance_new(
    const struct module *module, struct host *host, const struct conf_module *options, struct conf *conf)
{
	struct module_instance *instance = mem_zalloc(sizeof(*instance));
	instance->module = module;
	instance->host = host;
	instance->options = options;
	instance->conf = conf_ref(conf);
	size_t rows = 0;
	while (module->iqs && module->iqs[rows].ns)
		rows++;
	if (rows)
		instance->queues = mem_zalloc(rows * sizeof(*instance->queues));
	return instance;
}

static void instance_free(struct module_instance *instance)
{
	conf_unref(&instance->conf);
	free(instance->queues);
	free(instance);
}

static unsigned *running_of(const struct module *module)
{
	size_t i = 0;
	while (offered[i] != module)
		i++;
	return &running[i];
}

/* A module's commands are there as long as it runs on any host. */
static int commands_add(const struct module *module, struct err *err)
{
	unsigned *count = running_of(module);
	if (module->commands && *count == 0 && command_register(module->commands, err) < 0)
		return -1;
	(*count)++;
	return 0;
}

static void commands_leave(const struct module *module)
{
	unsigned *count = running_of(module);
	if (--*count == 0 && module->commands)
		command_unregister(module->commands);
}

static int instance_start(struct module_instance *instance, struct err *err)
{
	const struct module *module = instance->module;
	if (commands_add(module, err) < 0)
		return err_prefix(err, "module %s: ", module->name);
	if (module->start && module->start(instance, err) < 0) {
		commands_leave(module);
		return err_prefix(
		    err, "module %s on %.*s: ", module->name, STR_FMT(host_name(instance->host)));
	}
	instance->started = true;
	LOG_DEBUG(
	    "module.started", LOG_CSTR("module", module->name), LOG_STR("host", host_name(instance->host)));
	return 0;
}

/* Stopping waits until no executor call and no owed answer is left. */
struct stopping {
	struct timer timer;
	struct module_instance *instance;
};

static void instance_stop_now(struct module_instance *instance)
{
	if (instance->started)
		commands_leave(instance->module);
	if (instance->started && instance->module->stop)
		instance->module->stop(instance);
	LOG_DEBUG("module.stopped", LOG_CSTR("module", instance->module->name),
	    LOG_STR("host", host_name(instance->host)));
	instance_free(instance);
}

static void on_stop_retry(struct timer *timer)
{
	struct stopping *stopping = list_entry(timer, struct stopping, timer);
	if (__atomic_load_n(&stopping->instance->calls, __ATOMIC_ACQUIRE) > 0) {
		timer_start(timer, 10, on_stop_retry);
		return;
	}
	instance_stop_now(stopping->instance);
	free(stopping);
}

static void instance_stop(struct module_instance *instance)
{
	struct stopping *stopping = mem_zalloc(sizeof(*stopping));
	stopping->instance = instance;
	on_stop_retry(&stopping->timer);
}

/* --- a plan: what a host will have ---------------------------------------------------------------------- */

struct plan {
	struct host *host;
	bool host_is_new;
	struct module_instance **instances; /* kept and new */
	size_t count;
	struct module_instance **reload; /* kept ones whose options changed */
	const struct conf_module **reload_options;
	size_t reload_count;
	struct host_tables *tables;
};

static struct module_instance *instance_of(struct module_instance **instances, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(instances[i]->module->name, name) == 0)
			return instances[i];
	return NULL;
}

static int plan_module(
    struct plan *plan, const struct conf_module *options, struct conf *conf, struct err *err)
{
	const struct module *module = module_named(conf_module_name(options));
	if (!module)
		return 0;
	struct module_instance *instance =
	    instance_of(plan->host->instances, plan->host->instance_count, module->name);
	bool same = instance && conf_module_same(instance->options, options);
	if (instance && (same || module->reload)) {
		plan->reload[plan->reload_count] = instance;
		plan->reload_options[plan->reload_count++] = options;
	} else {
		instance = instance_new(module, plan->host, options, conf);
		if (instance_start(instance, err) < 0) {
			instance_free(instance);
			return -1;
		}
	}
	plan->instances[plan->count++] = instance;
	return 0;
}

static bool instance_is_old(const struct host *host, const struct module_instance *instance)
{
	for (size_t i = 0; i < host->instance_count; i++)
		if (host->instances[i] == instance)
			return true;
	return false;
}

static int plan_needs(struct plan *plan, struct err *err)
{
	for (size_t i = 0; i < plan->count; i++) {
		const char *const *need = plan->instances[i]->module->needs;
		for (; need && *need; need++)
			if (!instance_of(plan->instances, plan->count, *need))
				return err_set(err, "module %s on %.*s needs %s, which is not in its modules",
				    plan->instances[i]->module->name, STR_FMT(host_name(plan->host)), *need);
	}
	return 0;
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
	host->tables = host_tables_build(NULL, 0);
	return host;
}

static int plan_host(struct plan *plan, struct str name, struct conf *conf, struct err *err)
{
	plan->host = host_known(name);
	plan->host_is_new = !plan->host;
	if (!plan->host)
		plan->host = host_new(name);
	size_t count = conf_module_count(conf, name);
	plan->instances = mem_zalloc((count + 1) * sizeof(*plan->instances));
	plan->reload = mem_zalloc((count + 1) * sizeof(*plan->reload));
	plan->reload_options = mem_zalloc((count + 1) * sizeof(*plan->reload_options));
	for (size_t i = 0; i < count; i++)
		if (plan_module(plan, conf_module_at(conf, name, i), conf, err) < 0)
			return -1;
	if (plan_needs(plan, err) < 0)
		return -1;
	plan->tables = host_tables_build(plan->instances, plan->count);
	return 0;
}

static void plan_fini(struct plan *plan)
{
	free(plan->reload);
	free(plan->reload_options);
	plan->reload = NULL;
	plan->reload_options = NULL;
}

static void plan_abandon(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (!instance_is_old(plan->host, plan->instances[i]))
			instance_stop_now(plan->instances[i]);
	free(plan->instances);
	if (plan->tables)
		host_tables_unref(plan->tables);
	if (plan->host && plan->host_is_new) {
		host_tables_unref(plan->host->tables);
		free((char *)plan->host->jid.text);
		free(plan->host);
	}
	plan_fini(plan);
}

/* --- putting plans into force --------------------------------------------------------------------------- */

struct retired { /* freed when every worker has passed its loop */
	struct map *hosts;
	struct host_tables **tables;
	struct host **changed; /* whose tables they were */
	size_t table_count;
	struct module_instance **instances;
	size_t instance_count;
	struct conf **confs;
	size_t conf_count;
};

static void retired_free(void *arg)
{
	struct retired *retired = arg;
	if (retired->hosts) {
		map_fini(retired->hosts);
		free(retired->hosts);
	}
	for (size_t i = 0; i < retired->table_count; i++)
		host_tables_unref(retired->tables[i]);
	for (size_t i = 0; i < retired->instance_count; i++)
		instance_stop(retired->instances[i]);
	for (size_t i = 0; i < retired->conf_count; i++)
		conf_unref(&retired->confs[i]);
	free(retired->tables);
	free(retired->changed);
	free(retired->instances);
	free(retired->confs);
	free(retired);
}

static void migrate_here(void *arg)
{
	struct retired *retired = arg;
	for (size_t i = 0; i < retired->table_count; i++)
		users_migrate(retired->changed[i], retired->tables[i]);
}

static void retire_instance(struct retired *retired, struct module_instance *instance)
{
	retired->instances =
	    mem_realloc_array(retired->instances, retired->instance_count + 1, sizeof(*retired->instances));
	retired->instances[retired->instance_count++] = instance;
}

static void plan_reload(struct plan *plan, struct conf *conf, struct retired *retired)
{
	for (size_t i = 0; i < plan->reload_count; i++) {
		struct module_instance *instance = plan->reload[i];
		const struct conf_module *old_options = instance->options;
		bool same = conf_module_same(old_options, plan->reload_options[i]);
		struct conf *old_conf = instance->conf;
		struct err err = {0};
		__atomic_store_n(&instance->options, plan->reload_options[i], __ATOMIC_RELEASE);
		instance->conf = conf_ref(conf);
		if (!same && instance->module->reload(instance, &err) < 0) {
			LOG_ERROR("module.reload_refused", LOG_CSTR("module", instance->module->name),
			    LOG_STR("host", host_name(instance->host)), LOG_CSTR("reason", err.text));
			__atomic_store_n(&instance->options, old_options, __ATOMIC_RELEASE);
			conf_unref(&instance->conf);
			instance->conf = old_conf;
			continue;
		}
		retired->confs =
		    mem_realloc_array(retired->confs, retired->conf_count + 1, sizeof(*retired->confs));
		retired->confs[retired->conf_count++] = old_conf;
	}
}

static void retire_tables(struct retired *retired, struct host *host, struct host_tables *fresh)
{
	retired->tables =
	    mem_realloc_array(retired->tables, retired->table_count + 1, sizeof(*retired->tables));
	retired->changed =
	    mem_realloc_array(retired->changed, retired->table_count + 1, sizeof(*retired->changed));
	retired->changed[retired->table_count] = host;
	retired->tables[retired->table_count++] = host->tables;
	__atomic_store_n(&host->tables, fresh, __ATOMIC_RELEASE);
}

static void plan_enact(struct plan *plan, struct conf *conf, struct retired *retired)
{
	struct host *host = plan->host;
	if (plan->host_is_new) {
		hosts = mem_realloc_array(hosts, host_count + 1, sizeof(*hosts));
		hosts[host_count++] = host;
	}
	plan_reload(plan, conf, retired);
	for (size_t i = 0; i < host->instance_count; i++) {
		bool kept = false;
		for (size_t j = 0; j < plan->count; j++)
			kept |= plan->instances[j] == host->instances[i];
		if (!kept)
			retire_instance(retired, host->instances[i]);
	}
	free(host->instances);
	host->instances = plan->instances;
	host->instance_count = plan->count;
	host->present = true;
	retire_tables(retired, host, plan->tables);
	plan_fini(plan);
}

static void host_leave(struct host *host, struct retired *retired)
{
	for (size_t i = 0; i < host->instance_count; i++)
		retire_instance(retired, host->instances[i]);
	free(host->instances);
	host->instances = NULL;
	host->instance_count = 0;
	retire_tables(retired, host, host_tables_build(NULL, 0));
}

static void publish(struct retired *retired)
{
	struct map *fresh = mem_zalloc(sizeof(*fresh));
	for (size_t i = 0; i < host_count; i++)
		if (hosts[i]->present)
			map_put(fresh, jid_domain(&hosts[i]->jid), hosts[i]);
	retired->hosts = current;
	__atomic_store_n(&current, fresh, __ATOMIC_RELEASE);
}

int hosts_apply(struct conf *conf, struct err *err)
{
	size_t count = conf_host_count(conf);
	struct plan *plans = mem_zalloc(count * sizeof(*plans));
	for (size_t i = 0; i < count; i++) {
		if (plan_host(&plans[i], conf_host_at(conf, i), conf, err) == 0)
			continue;
		for (size_t j = 0; j <= i; j++)
			plan_abandon(&plans[j]);
		free(plans);
		return -1;
	}
	struct retired *retired = mem_zalloc(sizeof(*retired));
	for (size_t i = 0; i < host_count; i++)
		hosts[i]->present = false;
	for (size_t i = 0; i < count; i++)
		plan_enact(&plans[i], conf, retired);
	for (size_t i = 0; i < host_count; i++)
		if (!hosts[i]->present && hosts[i]->instance_count)
			host_leave(hosts[i], retired);
	publish(retired);
	free(plans);
	workers_each(migrate_here, retired_free, retired);
	return 0;
}

void hosts_fini(void)
{
	for (size_t i = 0; i < host_count; i++) {
		struct host *host = hosts[i];
		for (size_t j = host->instance_count; j > 0; j--)
			instance_stop_now(host->instances[j - 1]);
		free(host->instances);
		host_tables_unref(host->tables);
		free((char *)host->jid.text);
		free(host);
	}
	free(hosts);
	hosts = NULL;
	host_count = 0;
	if (current) {
		map_fini(current);
		free(current);
		current = NULL;
	}
	user_slot_count = session_slot_count = 0;
	free(running);
	running = NULL;
}

void hosts_each(void (*each)(void *arg, struct host *host), void *arg)
{
	for (size_t i = 0; i < host_count; i++)
		if (hosts[i]->present)
			each(arg, hosts[i]);
}

struct host *host_find(struct str domain)
{
	const struct map *map = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
	return map ? map_get(map, domain) : NULL;
}
