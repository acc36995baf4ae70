/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/user.h"

#include <assert.h>
#include <stdlib.h>

#include "auth/auth.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "loop/executor.h"
#include "route/host_private.h"
#include "route/offered.h"
#include "route/slots.h"
#include "route/user_private.h"
#include "stanzad/log.h"

#define USER_IDLE_MS 30000 /* how long a user without sessions stays in memory */

static struct map users[256]; /* one a worker; bare JID -> struct user */

static struct map *users_here(void)
{
	return &users[worker_index(worker_self())];
}

/* --- loading -------------------------------------------------------------------------------------------- */

struct load {
	struct job job;
	struct auth_request account_request; /* where asking for the account may take long */
	struct user *user;
	struct host_tables *tables;
	struct host_tables *seen; /* modules in these have loaded the user already; NULL: the user is new */
	struct arena arena;
	void **loaded; /* one word for each slot of the hook user_load_db */
	bool account_known;
	enum auth_outcome account;
	int result;
	struct err err;
};

static int load_read(void *arg, struct db *db, struct err *err)
{
	struct load *load = arg;
	const struct hook_table *table = &load->tables->hooks[HOOK_user_load_db];
	for (unsigned i = 0; i < table->count; i++) {
		if (host_tables_have(load->seen, table->slots[i].instance))
			continue;
		struct hook_user_load_db event = {
		    .db = db,
		    .host = jid_domain(&load->user->jid),
		    .user = jid_local(&load->user->jid),
		    .arena = &load->arena,
		    .loaded = &load->loaded[i],
		    .err = err,
		};
		hook_call_user_load_db(&table->slots[i], &event);
		if (event.result < 0)
			return -1;
	}
	return 0;
}

static void load_run(struct job *job)
{
	struct load *load = list_entry(job, struct load, job);
	const struct jid *jid = &load->user->jid;
	if (!load->account_known)
		load->account = auth_user_exists(jid_domain(jid), jid_local(jid), &load->err);
	if (load->account == AUTH_UNAVAILABLE)
		load->result = -1;
	else if (load->account == AUTH_OK && load->tables->hooks[HOOK_user_load_db].count)
		load->result = store_call(STORE_READ, jid_bare(jid), load_read, load, &load->err);
}

static void *loaded_by(const struct load *load, const struct module_instance *instance)
{
	const struct hook_table *table = &load->tables->hooks[HOOK_user_load_db];
	for (unsigned i = 0; i < table->count; i++)
		if (table->slots[i].instance == instance)
			return load->loaded[i];
	return NULL;
}

static void run_user_loaded(const struct load *load)
{
	const struct hook_table *table = &load->tables->hooks[HOOK_user_loaded];
	for (unsigned i = 0; i < table->count; i++) {
		if (host_tables_have(load->seen, table->slots[i].instance))
			continue;
		struct hook_user_loaded event = {load->user, loaded_by(load, table->slots[i].instance)};
		hook_call_user_loaded(&table->slots[i], &event);
	}
}

static void user_free(struct user *user);

/* Whoever waited for the user goes on. */
static void waiters_run(struct user *user)
{
	while (user->waiters) {
		struct user_waiter *waiter = user->waiters;
		user->waiters = waiter->next;
		if (!user->waiters)
			user->waiters_end = &user->waiters;
		waiter->ready(waiter, user->loaded ? user : NULL);
	}
}

static void load_free(struct load *load)
{
	host_tables_hold(load->tables, -1);
	host_tables_unref(load->tables);
	if (load->seen)
		host_tables_unref(load->seen);
	arena_fini(&load->arena);
	free(load->loaded);
	free(load);
}

static void load_done(struct job *job)
{
	struct load *load = list_entry(job, struct load, job);
	struct user *user = load->user;
	if (load->result < 0)
		LOG_ERROR("user.load_failed", LOG_STR("user", jid_bare(&user->jid)),
		    LOG_CSTR("reason", load->err.text));
	if (!load->seen) {
		user->exists = load->account == AUTH_OK;
		user->loaded = load->result >= 0;
	}
	if (load->result >= 0)
		run_user_loaded(load);
	user->holds++;
	/* The modules can have changed since the reading began. */
	if (user->loaded && load->tables != host_tables_now(user->host))
		user_migrate(user, load->tables);
	waiters_run(user);
	bool partial = load->seen != NULL;
	load_free(load);
	user->holds--;
	if (partial)
		user->loads--;
	user_settle(user);
}

static void load_account_done(struct auth_request *request)
{
	struct load *load = request->owner;
	load->account = request->outcome;
	load->account_known = true;
	if (load->account == AUTH_UNAVAILABLE)
		load->err = request->err;
	executor_submit(&load->job, NULL);
}

static void load_account(struct load *load)
{
	load->account_request = (struct auth_request){
	    .kind = AUTH_USER_KNOWN,
	    .host = jid_domain(&load->user->jid),
	    .user = jid_local(&load->user->jid),
	    .done = load_account_done,
	    .owner = load,
	};
	auth_submit(&load->account_request);
}

static void load_start(struct user *user, struct host_tables *seen)
{
	struct load *load = mem_zalloc(sizeof(*load));
	load->user = user;
	load->tables = host_tables_ref(user->host);
	load->seen = seen;
	load->loaded = mem_zalloc((load->tables->hooks[HOOK_user_load_db].count + 1) * sizeof(void *));
	host_tables_hold(load->tables, 1);
	load->job.run = load_run;
	load->job.done = load_done;
	if (auth_waits(jid_domain(&user->jid)))
		load_account(load);
	else
		executor_submit(&load->job, NULL);
}

/* --- life ----------------------------------------------------------------------------------------------- */

static struct user *user_new(const struct jid *jid, struct host *host)
{
	struct user *user = mem_zalloc(sizeof(*user) + modules_user_slots() * sizeof(void *));
	user->magic = USER_MAGIC;
	struct jid bare = jid_to_bare(jid);
	user->jid = jid_dup_heap(&bare);
	user->host = host;
	user->waiters_end = &user->waiters;
	map_put(users_here(), jid_bare(&user->jid), user);
	return user;
}

static void user_free(struct user *user)
{
	assert(user->magic == USER_MAGIC && !user->sessions && !user->waiters);
	timer_stop(&user->idle);
	user->holds++; /* a module that lets go of the user now does not free it once more */
	if (user->loaded)
		hook_run_user_unload(user->host, &(struct hook_user){user});
	late_slots_forget(user);
	map_remove(users_here(), jid_bare(&user->jid));
	free((char *)user->jid.text);
	user->magic = 0;
	free(user);
}

static void on_idle(struct timer *timer)
{
	user_free(list_entry(timer, struct user, idle));
}

void user_settle(struct user *user)
{
	if (user->sessions || user->holds || user->waiters || user->loads)
		timer_stop(&user->idle);
	else if (!user->loaded || !user->exists)
		user_free(user);
	else
		timer_start(&user->idle, USER_IDLE_MS, on_idle);
}

void user_wait(const struct jid *jid, struct host *host, struct user_waiter *waiter)
{
	struct user *user = map_get(users_here(), jid_bare(jid));
	if (user && user->loaded && !user->waiters) {
		user->holds++;
		waiter->ready(waiter, user);
		user->holds--;
		if (!user->sessions)
			user_settle(user);
		return;
	}
	bool fresh = !user;
	if (fresh)
		user = user_new(jid, host);
	waiter->next = NULL;
	*user->waiters_end = waiter;
	user->waiters_end = &waiter->next;
	if (fresh)
		load_start(user, NULL);
}

bool user_in_memory(struct str bare)
{
	return map_get(users_here(), bare) != NULL;
}

/* --- when the modules of a host change ------------------------------------------------------------------ */

/* Calls a hook of the modules that are in old and no more in fresh. */
#define RUN_GONE(hook, old, fresh, event)                                                                    \
	do {                                                                                                 \
		const struct hook_table *table = &(old)->hooks[HOOK_##hook];                                 \
		for (unsigned i = 0; i < table->count; i++)                                                  \
			if (!host_tables_have((fresh), table->slots[i].instance))                            \
				hook_call_##hook(&table->slots[i], (event));                                 \
	} while (0)

static bool any_new(const struct host_tables *old, const struct host_tables *fresh)
{
	for (size_t i = 0; i < fresh->own.count; i++)
		if (!host_tables_have(old, fresh->own.list[i]))
			return true;
	for (size_t i = 0; i < fresh->visitors.count; i++)
		if (!host_tables_have(old, fresh->visitors.list[i]))
			return true;
	return false;
}

static void slots_clear(struct user *user, const struct module *module)
{
	if (module->user_slot)
		user_set_slot(user, module, NULL);
	for (struct session *session = user->sessions; session && module->session_slot;
	     session = session->next)
		session_set_slot(session, module, NULL);
}

void user_migrate(struct user *user, struct host_tables *old)
{
	struct host_tables *fresh = host_tables_now(user->host);
	user->holds++;
	for (struct session *session = user->sessions; session; session = session->next)
		RUN_GONE(session_closed, old, fresh, &(struct hook_session){session});
	RUN_GONE(user_unload, old, fresh, &(struct hook_user){user});
	for (size_t i = 0; i < old->own.count; i++)
		if (!host_tables_have(fresh, old->own.list[i]))
			slots_clear(user, old->own.list[i]->module);
	for (size_t i = 0; i < old->visitors.count; i++)
		if (!host_tables_have(fresh, old->visitors.list[i]))
			slots_clear(user, old->visitors.list[i]->module);
	user->holds--;
	if (any_new(old, fresh)) {
		__atomic_add_fetch(&old->refs, 1, __ATOMIC_RELAXED);
		load_start(user, old);
		user->loads++;
	}
}

void users_migrate(struct host *host, struct host_tables *old)
{
	struct user **list = mem_zalloc((users_here()->count + 1) * sizeof(*list));
	size_t count = 0;
	uint32_t position = 0;
	struct user *user;
	while ((user = map_next(users_here(), &position, NULL)))
		if (user->host == host && user->loaded && !user->waiters)
			list[count++] = user;
	for (size_t i = 0; i < count; i++)
		list[i]->holds++;
	for (size_t i = 0; i < count; i++)
		user_migrate(list[i], old);
	for (size_t i = 0; i < count; i++)
		if (--list[i]->holds == 0)
			user_settle(list[i]);
	free(list);
}

struct user *user_find(struct str bare)
{
	struct user *user = map_get(users_here(), bare);
	return user && user->loaded && !user->waiters ? user : NULL;
}

struct load_wait {
	struct user_waiter waiter;
	void (*ready)(void *arg, struct user *user);
	void *arg;
};

static void on_load_wait(struct user_waiter *waiter, struct user *user)
{
	struct load_wait *wait = (struct load_wait *)waiter;
	wait->ready(wait->arg, user);
	free(wait);
}

void user_load(const struct jid *jid, void (*ready)(void *arg, struct user *user), void *arg)
{
	struct host *host = host_find(jid_domain(jid));
	if (!host) {
		ready(arg, NULL);
		return;
	}
	struct load_wait *wait = mem_zalloc(sizeof(*wait));
	*wait = (struct load_wait){{.ready = on_load_wait}, ready, arg};
	user_wait(jid, host, &wait->waiter);
}

void users_each(void (*each)(void *arg, struct user *user), void *arg)
{
	uint32_t position = 0;
	struct user *user;
	while ((user = map_next(users_here(), &position, NULL)))
		each(arg, user);
}

void users_fini(void *unused)
{
	uint32_t position = 0;
	struct user *user;
	while ((user = map_next(users_here(), &position, NULL)))
		user_free(user);
	map_fini(users_here());
	late_slots_fini();
	(void)unused;
}

/* --- reading -------------------------------------------------------------------------------------------- */

const struct jid *user_jid(const struct user *user)
{
	return &user->jid;
}

struct host *user_host(const struct user *user)
{
	return user->host;
}

bool user_exists(const struct user *user)
{
	return user->exists || user->sessions;
}

void user_hold(struct user *user)
{
	user->holds++;
	timer_stop(&user->idle);
}

void user_release(struct user *user)
{
	assert(user->holds);
	if (--user->holds == 0)
		user_settle(user);
}

void *user_slot(const struct user *user, const struct module *module)
{
	int place = module_user_slot(module);
	return place < 0 ? late_slot(user, module) : user->slots[place];
}

void user_set_slot(struct user *user, const struct module *module, void *state)
{
	int place = module_user_slot(module);
	assert(module->user_slot);
	if (place < 0)
		late_slot_set(user, module, state);
	else
		user->slots[place] = state;
}

struct session *user_first_session(const struct user *user)
{
	return user->sessions;
}

struct session *user_session(const struct user *user, struct str resource)
{
	for (struct session *session = user->sessions; session; session = session->next)
		if (str_eq(jid_resource(&session->jid), resource))
			return session;
	return NULL;
}

unsigned user_session_count(const struct user *user)
{
	unsigned count = 0;
	for (const struct session *session = user->sessions; session; session = session->next)
		count++;
	return count;
}
