/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual host's tables, as src/route sees them. A host's tables are immutable; a change builds new ones on
 * worker 0, swaps the pointer and frees the old ones when each worker has passed its loop.
 */
#pragma once

#include <pthread.h>

#include "base/list.h"
#include "base/map.h"
#include "conf/conf.h"
#include "loop/executor.h"
#include "route/local_route.h"
#include "stanzad/module.h"

/* One handler of one instance, as long as anything can still call it. */
struct iq_entry {
	int refs; /* atomic: its instance, each table and each call that is under way */
	struct module_iq iq;
	struct module_instance *instance;
	struct job_queue queue; /* IQ_ONE_QUEUE, IQ_PARALLEL */
	unsigned pending;       /* atomic: requests that wait, run or are owed an answer */
	unsigned faults;        /* atomic: bits by enum iq_fault, those that were logged as errors */
	const char *module;     /* its name, behind ns: the module itself may be gone */
	char ns[];
};
struct iq_entry *iq_entry_ref(struct iq_entry *entry);
void iq_entry_unref(struct iq_entry *entry);

struct hook_slot {
	struct module_instance *instance;
	struct hook_entry entry;
};

struct hook_table {
	struct hook_slot *slots; /* in the order in which they are called */
	unsigned count;
};
/* Brings the slots of a hook into their order: by stage, within one by name, but each behind those that its
 * 'after' names. < 0 with err when that goes round in a circle; then the names decide alone. */
int hook_table_sort(struct hook_table *table, struct err *err);

/* A verdict that has no meaning for the hook is logged and becomes HOOK_PASS. */
enum hook_verdict hook_judge(enum hook_name hook, const struct hook_slot *slot, enum hook_verdict verdict);
/* One function of a hook, its verdict judged. On the thread of the hook, or where it is the core's to run. */
#define HOOK(name, kind, thread, what)                                                                       \
	enum hook_verdict hook_call_##name(const struct hook_slot *slot, struct hook_##name *event);
#include "stanzad/hooks.def"
#undef HOOK

struct instances {
	struct module_instance **list;
	size_t count;
};
void instances_add(struct instances *instances, struct module_instance *instance);
struct module_instance *instances_named(const struct instances *instances, const char *module);
bool instances_have(const struct instances *instances, const struct module_instance *instance);

struct host_tables {
	int refs;            /* atomic */
	uint64_t generation; /* host_generation */
	struct hook_table hooks[HOOK_COUNT];
	struct map iqs[2];         /* enum iq_component; namespace -> struct iq_entry */
	struct instances own;      /* the host's, in the order in which they were started */
	struct instances visitors; /* of other hosts, whose global hooks are in the tables */
};

struct host {
	struct jid jid;             /* heap */
	struct host_tables *tables; /* atomic */
	struct instances instances;
	bool present; /* in the configuration in force */
	bool up;      /* hook host_up has run */
};

/* A domain that an instance serves. */
struct instance_route {
	struct local_route local;
	struct module_instance *instance;
	module_deliver *deliver;
	bool by_option; /* of a row of module->routes */
};

struct module_instance {
	const struct module *module;
	struct host *host;
	const struct conf_module *options; /* atomic; belongs to conf */
	const struct conf_module *before;  /* within .reload */
	struct conf *conf;                 /* keeps options alive */
	void *state;
	int calls; /* atomic: calls on other threads, answers that are owed, routes that are going */
	/* What it registered; worker 0. */
	struct iq_entry **iqs;
	size_t iq_count;
	struct hook_entry *hooks; /* their 'after' is a copy */
	size_t hook_count;
	struct instance_route **routes;
	size_t route_count;
	int64_t *metrics;      /* atomic; one for each row of module->metrics */
	struct job_queue jobs; /* of module_run */
	pthread_mutex_t timers_lock;
	struct list timers; /* struct module_timer, of all workers */
	bool timers_ended;
	struct instance_watcher *watcher; /* NULL: nobody waits for its end */
	bool in_force;                    /* the host's tables know it */
	bool reloading;                   /* within .reload: the tables are built anew afterwards, once */
	bool failed;                      /* .start did: no further function of it is called */
	bool left;                        /* .leave was, or is about to be called */
};

/* Its hooks are in these tables. tables NULL: false. */
bool host_tables_have(const struct host_tables *tables, const struct module_instance *instance);
/* Keeps a host's present tables while work that began under them is elsewhere. Ref on a worker, unref on any.
 */
struct host_tables *host_tables_ref(struct host *host);
void host_tables_unref(struct host_tables *tables);
/* Work that began under the tables is on another thread (by 1) or back again (-1): no module stops meanwhile.
 */
void host_tables_hold(const struct host_tables *tables, int by);

/* The present tables, for as long as the calling worker does not return to its loop. */
static inline struct host_tables *host_tables_now(const struct host *host)
{
	return __atomic_load_n(&host->tables, __ATOMIC_ACQUIRE);
}

/* Hooks of a host: PASS at once when nobody listens. */
static inline const struct hook_table *host_hooks(const struct host *host, enum hook_name hook)
{
	return &__atomic_load_n(&host->tables, __ATOMIC_ACQUIRE)->hooks[hook];
}

/* NULL when nobody answers it. */
struct iq_entry *host_iq(const struct host *host, enum iq_component component, struct str ns);
