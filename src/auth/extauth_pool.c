/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/extauth_pool.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

#define WAITING_MAX 1000 /* jobs that wait for a thread of the pool */

/* --- borrowing a process -------------------------------------------------------------------------------- */

/* With the lock. What was borrowed and did not answer is for the keeper to end. */
static void give_up_on(struct extauth_pool *pool, struct extauth_instance *instance,
    enum extauth_exchange result, const struct err *reason)
{
	instance->state = EXTAUTH_LEAVING;
	instance->due = clock_mono_ms() + (result == EXTAUTH_ENDED ? EXTAUTH_GRACE_MS : 0);
	instance->wanted_end = result == EXTAUTH_GIVEN_UP;
	instance->reason = *reason;
	extauth_keeper_wake(pool);
}

/* With the lock. One that spoke without being asked might have said what would pass for the next answer. */
static struct extauth_instance *find_free(struct extauth_pool *pool)
{
	static const struct err spoke = {"it wrote without being asked, or closed its output"};

	for (unsigned i = 0; i < pool->settings.size; i++) {
		struct extauth_instance *instance =
		    &pool->instances[(pool->next + i) % pool->settings.size];

		if (instance->state != EXTAUTH_FREE)
			continue;
		if (extauth_process_spoke(&instance->process)) {
			give_up_on(pool, instance, EXTAUTH_ENDED, &spoke);
			continue;
		}
		pool->next = (unsigned)(instance - pool->instances + 1) % pool->settings.size;
		instance->state = EXTAUTH_ASKED;
		return instance;
	}
	return NULL;
}

/* With the lock: when the first of those that are down is started again, if all are. */
static bool all_down_until(const struct extauth_pool *pool, uint64_t *due_r)
{
	*due_r = UINT64_MAX;
	for (unsigned i = 0; i < pool->settings.size; i++) {
		if (pool->instances[i].state != EXTAUTH_DOWN)
			return false;
		if (pool->instances[i].due < *due_r)
			*due_r = pool->instances[i].due;
	}
	return true;
}

static void wait_freed(struct extauth_pool *pool, uint64_t ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&pool->freed, &pool->lock, &until);
}

/* With the lock. NULL with err set. */
static struct extauth_instance *take(struct extauth_pool *pool, uint64_t deadline_ms, struct err *err)
{
	struct extauth_instance *instance = NULL;

	for (;;) {
		uint64_t now = clock_mono_ms(), due;

		if (pool->aborted) {
			err_set(err, "the authentication program is being stopped");
			return NULL;
		}
		instance = find_free(pool);
		if (instance)
			return instance;
		if (now >= deadline_ms) {
			err_set(err, "no process of the authentication program was free in time");
			return NULL;
		}
		if (all_down_until(pool, &due) && due >= deadline_ms) {
			err_set(err, "the authentication program keeps failing; the log says why");
			return NULL;
		}
		wait_freed(pool, deadline_ms - now);
	}
}

static void give_back(struct extauth_pool *pool, struct extauth_instance *instance,
    enum extauth_exchange result, const struct err *reason)
{
	pthread_mutex_lock(&pool->lock);
	if (result == EXTAUTH_YES || result == EXTAUTH_NO) {
		instance->state = EXTAUTH_FREE;
		instance->failures = 0;
		if (pool->retired || instance->hung_up)
			extauth_keeper_wake(pool);
	} else {
		give_up_on(pool, instance, result, reason);
	}
	pthread_mutex_unlock(&pool->lock);
	pthread_cond_signal(&pool->freed);
}

int extauth_pool_ask(struct extauth_pool *pool, struct str request, uint64_t deadline_ms, struct err *err)
{
	struct err reason = {""};
	struct extauth_instance *instance;
	enum extauth_exchange result;

	pthread_mutex_lock(&pool->lock);
	instance = take(pool, deadline_ms, err);
	pthread_mutex_unlock(&pool->lock);
	if (!instance)
		return -1;
	result = extauth_process_ask(
	    &instance->process, request, pool->settings.timeout_ms, pool->abort, &reason);
	give_back(pool, instance, result, &reason);
	if (result == EXTAUTH_YES || result == EXTAUTH_NO)
		return result == EXTAUTH_YES;
	return err_set(err, "the authentication program gave no answer: %s", reason.text);
}

/* --- life ----------------------------------------------------------------------------------------------- */

static void settings_copy(struct extauth_settings *to, const struct extauth_settings *from)
{
	*to = *from;
	to->name.ptr = str_dup(from->name);
	to->program.ptr = str_dup(from->program);
}

/* What is left of a pool whose keeper has ended or never ran. */
static void dispose(struct extauth_pool *pool)
{
	lane_free(&pool->lane);
	if (pool->wake >= 0)
		close(pool->wake);
	if (pool->abort >= 0)
		close(pool->abort);
	pthread_cond_destroy(&pool->freed);
	pthread_mutex_destroy(&pool->lock);
	program_fini(&pool->program);
	free((char *)pool->settings.name.ptr);
	free((char *)pool->settings.program.ptr);
	free(pool);
}

static int start(struct extauth_pool *pool, struct err *err)
{
	if (pool->wake < 0 || pool->abort < 0)
		return err_set(err, "no more descriptors");
	if (program_parse(pool->settings.program, &pool->program, err) < 0)
		return -1;
	pool->lane = lane_new(pool->settings.size, WAITING_MAX, err);
	if (!pool->lane)
		return -1;
	if (pthread_create(&pool->keeper, NULL, extauth_keeper_main, pool) != 0)
		return err_set(err, "cannot start a thread");
	return 0;
}

struct extauth_pool *extauth_pool_new(const struct extauth_settings *settings, struct err *err)
{
	struct extauth_pool *pool =
	    mem_zalloc(sizeof(*pool) + settings->size * sizeof(pool->instances[0]));
	pthread_condattr_t monotonic;

	settings_copy(&pool->settings, settings);
	pool->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pool->abort = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->freed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	for (unsigned i = 0; i < settings->size; i++)
		pool->instances[i].process = (struct extauth_process){0, -1, -1, -1};
	if (start(pool, err) < 0) {
		dispose(pool);
		return NULL;
	}
	return pool;
}

void extauth_pool_retire(struct extauth_pool *pool, bool abort)
{
	pthread_mutex_lock(&pool->lock);
	pool->retired = true;
	if (abort && !pool->aborted) {
		pool->aborted = true;
		eventfd_write(pool->abort, 1);
	}
	extauth_keeper_wake(pool);
	pthread_cond_broadcast(&pool->freed);
	pthread_mutex_unlock(&pool->lock);
}

bool extauth_pool_ended(struct extauth_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	bool ended = pool->ended;
	pthread_mutex_unlock(&pool->lock);
	return ended;
}

void extauth_pool_free(struct extauth_pool **pool)
{
	pthread_join((*pool)->keeper, NULL);
	dispose(*pool);
	*pool = NULL;
}

void extauth_pool_hold(struct extauth_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->callers++;
	pthread_mutex_unlock(&pool->lock);
}

void extauth_pool_release(struct extauth_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	if (--pool->callers == 0 && pool->retired)
		extauth_keeper_wake(pool);
	pthread_mutex_unlock(&pool->lock);
}
