/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/extauth.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/backend.h"
#include "auth/extauth_cache.h"
#include "auth/extauth_pool.h"
#include "base/map.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "stanzad/log.h"

/* Which pool a host has. */
struct binding {
	char *host;
	struct extauth_pool *pool;
};

static struct {
	pthread_mutex_t lock;
	struct map bindings;       /* by host; under the lock */
	struct list live, retired; /* pools; worker 0 */
} registry = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .live = {&registry.live, &registry.live},
    .retired = {&registry.retired, &registry.retired},
};

static unsigned callers_on_executor;

/* --- from the configuration ----------------------------------------------------------------------------- */

static unsigned cores(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	return count < 1 ? 1 : (unsigned)count;
}

static void settings_read(const struct conf *conf, struct str host, struct extauth_settings *settings_r)
{
	const struct option_value *name = conf_get(conf, host, "extauth_pool_name");
	const struct option_value *size = conf_get(conf, host, "extauth_pool_size");

	*settings_r = (struct extauth_settings){
	    .name = name->present ? name->string : host,
	    .program = conf_str(conf, host, "extauth_program"),
	    .size = size->present ? (unsigned)size->integer : cores(),
	    .timeout_ms = (uint64_t)conf_int(conf, host, "extauth_timeout"),
	};
}

static bool is_external(const struct conf *conf, struct str host)
{
	struct auth_policy policy;

	auth_policy_read(conf, host, &policy);
	for (unsigned i = 0; i < policy.chain_len; i++)
		if (policy.chain[i] == &auth_backend_external)
			return true;
	return false;
}

static struct extauth_pool *find_live(const struct extauth_settings *settings)
{
	for (struct list *link = registry.live.next; link != &registry.live; link = link->next) {
		struct extauth_pool *pool = list_entry(link, struct extauth_pool, link);

		if (str_eq(pool->settings.name, settings->name) &&
		    str_eq(pool->settings.program, settings->program) &&
		    pool->settings.size == settings->size &&
		    pool->settings.timeout_ms == settings->timeout_ms)
			return pool;
	}
	return NULL;
}

static void bind_host(const struct conf *conf, struct str host, struct map *bindings)
{
	struct extauth_settings settings;
	struct extauth_pool *pool;
	struct binding *binding;
	struct err err = {""};

	settings_read(conf, host, &settings);
	pool = find_live(&settings);
	if (!pool) {
		pool = extauth_pool_new(&settings, &err);
		if (!pool) {
			LOG_ERROR(
			    "extauth.not_started", LOG_STR("host", host), LOG_CSTR("reason", err.text));
			return;
		}
		list_add_before(&registry.live, &pool->link);
	}
	binding = mem_zalloc(sizeof(*binding));
	*binding = (struct binding){str_dup(host), pool};
	map_put(bindings, str_of(binding->host), binding);
}

/* --- pools come and go ---------------------------------------------------------------------------------- */

static bool is_bound(const struct map *bindings, const struct extauth_pool *pool)
{
	uint32_t position = 0;
	const struct binding *binding;

	while ((binding = map_next(bindings, &position, NULL)))
		if (binding->pool == pool)
			return true;
	return false;
}

static void bindings_free(struct map *bindings)
{
	uint32_t position = 0;
	struct binding *binding;

	while ((binding = map_next(bindings, &position, NULL))) {
		free(binding->host);
		free(binding);
	}
	map_fini(bindings);
}

/* The former ones are in *bindings afterwards. */
static void swap_bindings(struct map *bindings)
{
	struct map former;

	pthread_mutex_lock(&registry.lock);
	former = registry.bindings;
	registry.bindings = *bindings;
	pthread_mutex_unlock(&registry.lock);
	*bindings = former;
}

static void retire_unbound(bool abort)
{
	struct list *next;

	for (struct list *link = registry.live.next; link != &registry.live; link = next) {
		struct extauth_pool *pool = list_entry(link, struct extauth_pool, link);

		next = link->next;
		if (is_bound(&registry.bindings, pool))
			continue;
		list_remove(link);
		list_add_before(&registry.retired, link);
		extauth_pool_retire(pool, abort);
	}
}

static void free_retired(bool wait)
{
	struct list *next;

	for (struct list *link = registry.retired.next; link != &registry.retired; link = next) {
		struct extauth_pool *pool = list_entry(link, struct extauth_pool, link);

		next = link->next;
		if (!wait && !extauth_pool_ended(pool))
			continue;
		list_remove(link);
		extauth_pool_free(&pool);
	}
}

void extauth_apply(const struct conf *conf)
{
	struct map bindings = {0};

	for (size_t i = 0; i < conf_host_count(conf); i++)
		if (is_external(conf, conf_host_at(conf, i)))
			bind_host(conf, conf_host_at(conf, i), &bindings);
	swap_bindings(&bindings);
	bindings_free(&bindings);
	extauth_cache_clear();
	retire_unbound(false);
	free_retired(false);
}

void extauth_fini(void)
{
	struct map bindings = {0};

	swap_bindings(&bindings);
	bindings_free(&bindings);
	retire_unbound(true);
	for (struct list *link = registry.retired.next; link != &registry.retired; link = link->next)
		extauth_pool_retire(list_entry(link, struct extauth_pool, link), true);
	free_retired(true);
	extauth_cache_clear();
}

/* --- callers -------------------------------------------------------------------------------------------- */

/* Held. NULL with err set. */
static struct extauth_pool *pool_of(struct str host, struct err *err)
{
	struct binding *binding;
	struct extauth_pool *pool = NULL;

	pthread_mutex_lock(&registry.lock);
	binding = map_get(&registry.bindings, host);
	if (binding) {
		pool = binding->pool;
		extauth_pool_hold(pool);
	}
	pthread_mutex_unlock(&registry.lock);
	if (!pool)
		err_set(err, "no authentication program runs for %.*s", STR_FMT(host));
	return pool;
}

int extauth_submit(struct str host, struct job *job, struct err *err)
{
	struct extauth_pool *pool = pool_of(host, err);
	bool accepted;

	if (!pool)
		return -1;
	accepted = lane_submit(pool->lane, job);
	extauth_pool_release(pool);
	return accepted ? 0 : err_set(err, "too many wait for the authentication program");
}

/* The other half of the executor is for those who do not depend on a program. */
static bool enter(void)
{
	unsigned most = executor_threads() / 2;

	if (executor_thread() < 0)
		return true;
	if (__atomic_add_fetch(&callers_on_executor, 1, __ATOMIC_ACQ_REL) <= (most ? most : 1))
		return true;
	__atomic_sub_fetch(&callers_on_executor, 1, __ATOMIC_ACQ_REL);
	return false;
}

static void leave(void)
{
	if (executor_thread() >= 0)
		__atomic_sub_fetch(&callers_on_executor, 1, __ATOMIC_ACQ_REL);
}

int extauth_ask(const struct extauth_question *question, uint64_t deadline_ms, struct err *err)
{
	struct strbuf request = {0};
	struct extauth_pool *pool;
	int answer = -1;

	if (extauth_frame(question, &request, err) < 0)
		return -1;
	if (!enter()) {
		err_set(err, "too many wait for the authentication program");
	} else {
		pool = pool_of(question->host, err);
		if (pool) {
			answer = extauth_pool_ask(pool, strbuf_view(&request), deadline_ms, err);
			extauth_pool_release(pool);
		}
		leave();
	}
	OPENSSL_cleanse(request.ptr, request.len);
	strbuf_fini(&request);
	return answer;
}
