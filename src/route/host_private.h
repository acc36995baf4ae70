/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual host's tables, as src/route sees them. A host's tables are immutable; a change builds new ones on
 * worker 0, swaps the pointer and frees the old ones when each worker has passed its loop.
 */
#pragma once

#include "base/map.h"
#include "conf/conf.h"
#include "loop/executor.h"
#include "stanzad/module.h"

struct iq_entry {
	const struct module_iq *iq;
	struct module_instance *instance;
	struct job_queue *queue; /* IQ_ONE_QUEUE */
};

struct hook_slot {
	struct module_instance *instance;
	const struct hook_entry *entry;
};

struct hook_table {
	struct hook_slot *slots;
	unsigned count;
};

struct host_tables {
	int refs; /* atomic */
	struct hook_table hooks[HOOK_COUNT];
	struct map iqs[2];                  /* enum iq_component; namespace -> struct iq_entry */
	struct module_instance **instances; /* in the order of the configuration */
	size_t instance_count;
};

struct host {
	struct jid jid;             /* heap */
	struct host_tables *tables; /* atomic */
	struct module_instance **instances;
	size_t instance_count;
	bool present; /* in the configuration in force */
};

struct module_instance {
	const struct module *module;
	struct host *host;
	const struct conf_module *options; /* atomic; belongs to conf */
	struct conf *conf;                 /* keeps options alive */
	void *state;
	int calls;                /* atomic: executor calls and answers that are owed */
	struct job_queue *queues; /* one for each IQ_ONE_QUEUE row of module->iqs */
	bool started;
};

/* tables NULL: false. */
bool host_tables_have(const struct host_tables *tables, const struct module_instance *instance);
/* Keeps a host's present tables while work that began under them is elsewhere. Ref on a worker, unref on any.
 */
struct host_tables *host_tables_ref(struct host *host);
void host_tables_unref(struct host_tables *tables);

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
const struct iq_entry *host_iq(const struct host *host, enum iq_component component, struct str ns);
