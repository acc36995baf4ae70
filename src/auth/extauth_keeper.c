/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "auth/extauth_pool.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "stanzad/log.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MOST_MS 30000
#define REAP_EVERY_MS 10    /* while a process is ending */
#define LOOK_EVERY_MS 1000  /* for one that ended while what it started holds its pipes open */
#define FLOOD_PAUSE_MS 20   /* between two reads from a process that floods its standard error */
#define LEAVE_MS 1000       /* after its input was closed */
#define TERM_MS 1000        /* after SIGTERM */
#define READ_MOST 65536

struct keeper {
	struct extauth_pool *pool;
	struct pollfd *fds; /* the first is pool->wake; then two an instance: output, standard error */
	char *bytes;        /* READ_MOST of them */
};

void extauth_keeper_wake(struct extauth_pool *pool)
{
	eventfd_write(pool->wake, 1);
}

/* --- the log -------------------------------------------------------------------------------------------- */

struct speaker {
	const struct extauth_pool *pool;
	pid_t pid;
};

static void log_line(void *arg, struct str text)
{
	const struct speaker *speaker = arg;

	LOG_INFO("extauth.stderr", LOG_STR("pool", speaker->pool->settings.name),
	    LOG_INT("process", speaker->pid), LOG_STR("text", text));
}

static void log_dropped(
    const struct extauth_pool *pool, struct extauth_instance *instance, pid_t pid, uint64_t now)
{
	unsigned dropped = extauth_lines_dropped(&instance->lines, now);

	if (dropped)
		LOG_WARNING("extauth.stderr_dropped", LOG_STR("pool", pool->settings.name),
		    LOG_INT("process", pid), LOG_INT("lines", dropped));
}

/* --- standard error ------------------------------------------------------------------------------------- */

/* Whatever happens to the lines, the pipe is emptied: the program must not block on it. */
static void read_errors(struct keeper *keeper, struct extauth_instance *instance, pid_t pid)
{
	struct speaker speaker = {keeper->pool, pid};
	uint64_t now = clock_mono_ms();
	ssize_t got = read(instance->process.err, keeper->bytes, READ_MOST);

	if (got > 0) {
		extauth_lines_take(&instance->lines, (struct str){keeper->bytes, (size_t)got}, now, log_line,
		    &speaker);
	} else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
		extauth_lines_end(&instance->lines, now, log_line, &speaker);
		extauth_process_fini(&instance->process);
	}
}

/* --- one process ---------------------------------------------------------------------------------------- */

/* Twice as long after each failure, and never for two at the same time. */
static uint64_t pause_ms(unsigned failures)
{
	uint64_t most = BACKOFF_MOST_MS, ms = BACKOFF_FIRST_MS;

	for (unsigned i = 1; i < failures && ms < most; i++)
		ms *= 2;
	ms = ms < most ? ms : most;
	return ms / 2 + rand_u64() % (ms / 2 + 1);
}

/* With the lock. */
static void failed(struct extauth_pool *pool, struct extauth_instance *instance, pid_t pid)
{
	uint64_t pause = pause_ms(++instance->failures);

	LOG_ERROR("extauth.failed", LOG_STR("pool", pool->settings.name),
	    LOG_CSTR("program", pool->program.path), LOG_INT("process", pid),
	    LOG_CSTR("reason", instance->reason.text), LOG_INT("again_in_ms", pause));
	instance->due = clock_mono_ms() + pause;
	instance->reason.text[0] = '\0';
	pthread_cond_broadcast(&pool->freed);
}

/* With the lock, which is left for the time of the start. */
static void start(struct extauth_pool *pool, struct extauth_instance *instance)
{
	struct extauth_process process;
	struct err err = {""};
	int result;

	pthread_mutex_unlock(&pool->lock);
	result = extauth_process_start(&process, &pool->program, &err);
	pthread_mutex_lock(&pool->lock);
	if (result < 0) {
		instance->reason = err;
		failed(pool, instance, 0);
		return;
	}
	LOG_INFO("extauth.started", LOG_STR("pool", pool->settings.name),
	    LOG_CSTR("program", pool->program.path), LOG_INT("process", process.pid));
	instance->process = process;
	instance->state = EXTAUTH_FREE;
	instance->hung_up = false;
	pthread_cond_broadcast(&pool->freed);
}

/* With the lock. What it said last is read before its end is told. */
static void reap(struct keeper *keeper, struct extauth_instance *instance)
{
	struct extauth_pool *pool = keeper->pool;
	pid_t pid = instance->process.pid;
	bool killed = instance->state == EXTAUTH_KILLED;
	struct err how = {""};

	if (!extauth_process_reap(&instance->process, &how))
		return;
	for (unsigned i = 0; instance->process.err >= 0 && i < 2; i++)
		read_errors(keeper, instance, pid);
	extauth_process_fini(&instance->process);
	log_dropped(pool, instance, pid, UINT64_MAX);
	instance->state = EXTAUTH_DOWN;
	if (instance->wanted_end) {
		instance->wanted_end = false;
		LOG_INFO("extauth.ended", LOG_STR("pool", pool->settings.name), LOG_INT("process", pid),
		    LOG_CSTR("reason", how.text));
		return;
	}
	if (!instance->reason.text[0] || !killed)
		instance->reason = how;
	failed(pool, instance, pid);
}

static void kill_it(struct extauth_instance *instance)
{
	extauth_process_signal(&instance->process, SIGKILL);
	instance->state = EXTAUTH_KILLED;
}

/* With the lock: the pool ends, and so shall this one. */
static void dismiss(struct extauth_instance *instance, uint64_t now)
{
	instance->wanted_end = true;
	instance->state = EXTAUTH_LEAVING;
	instance->due = now + LEAVE_MS;
	extauth_process_close_input(&instance->process);
}

/* With the lock. */
static void step(struct keeper *keeper, struct extauth_instance *instance, uint64_t now)
{
	switch (instance->state) {
	case EXTAUTH_DOWN:
		if (instance->due <= now)
			start(keeper->pool, instance);
		return;
	case EXTAUTH_ASKED:
		return;
	case EXTAUTH_FREE:
		break;
	case EXTAUTH_LEAVING:
		if (instance->due > now)
			break;
		if (instance->wanted_end) {
			extauth_process_signal(&instance->process, SIGTERM);
			instance->state = EXTAUTH_TERMED;
			instance->due = now + TERM_MS;
		} else {
			kill_it(instance);
		}
		break;
	case EXTAUTH_TERMED:
		if (instance->due <= now)
			kill_it(instance);
		break;
	case EXTAUTH_KILLED:
		break;
	}
	reap(keeper, instance);
}

/* --- all of them ---------------------------------------------------------------------------------------- */

/* With the lock: nobody needs the pool any more. */
static bool is_over(struct extauth_pool *pool)
{
	return pool->retired && pool->callers == 0 && lane_load(pool->lane) == 0;
}

/* With the lock. False: it is over and no process is left. */
static bool look_after_all(struct keeper *keeper, int *timeout_r)
{
	struct extauth_pool *pool = keeper->pool;
	uint64_t now = clock_mono_ms(), next = now + LOOK_EVERY_MS;
	bool over = is_over(pool), any = !over;

	if (pool->retired && next > now + REAP_EVERY_MS)
		next = now + REAP_EVERY_MS;
	for (unsigned i = 0; i < pool->settings.size; i++) {
		struct extauth_instance *instance = &pool->instances[i];

		if (over && instance->state == EXTAUTH_DOWN)
			continue;
		if (over && instance->state == EXTAUTH_FREE)
			dismiss(instance, now);
		step(keeper, instance, now);
		log_dropped(pool, instance, instance->process.pid, now);
		any |= instance->state != EXTAUTH_DOWN;
		if (instance->state == EXTAUTH_DOWN && instance->due < next)
			next = instance->due;
		else if (instance->state >= EXTAUTH_LEAVING && next > now + REAP_EVERY_MS)
			next = now + REAP_EVERY_MS;
	}
	now = clock_mono_ms();
	*timeout_r = next > now ? (int)(next - now) : 0;
	return any;
}

/* With the lock. */
static void set_fds(struct keeper *keeper, int *timeout)
{
	struct extauth_pool *pool = keeper->pool;
	uint64_t now = clock_mono_ms();

	keeper->fds[0] = (struct pollfd){pool->wake, POLLIN, 0};
	for (unsigned i = 0; i < pool->settings.size; i++) {
		struct extauth_instance *instance = &pool->instances[i];
		bool watched = instance->state == EXTAUTH_FREE ||
			       (instance->state == EXTAUTH_ASKED && !instance->hung_up);
		bool flooded = extauth_lines_flooded(&instance->lines, now);

		/* No event is asked for: that the other end was closed is told in any case. */
		keeper->fds[1 + 2 * i] = (struct pollfd){watched ? instance->process.out : -1, 0, 0};
		keeper->fds[2 + 2 * i] = (struct pollfd){instance->process.err, POLLIN, 0};
		if (flooded && *timeout > FLOOD_PAUSE_MS)
			*timeout = FLOOD_PAUSE_MS;
	}
}

/* Those that flood are read after a pause, and then as much as there is room for. */
static void wait_for_news(struct keeper *keeper, int timeout)
{
	struct extauth_pool *pool = keeper->pool;
	nfds_t count = 1 + 2 * (nfds_t)pool->settings.size;
	uint64_t now = clock_mono_ms();
	eventfd_t ignored;

	for (unsigned i = 0; i < pool->settings.size; i++)
		if (extauth_lines_flooded(&pool->instances[i].lines, now))
			keeper->fds[2 + 2 * i].events = 0;
	poll(keeper->fds, count, timeout);
	for (unsigned i = 0; i < pool->settings.size; i++)
		if (keeper->fds[2 + 2 * i].fd >= 0)
			keeper->fds[2 + 2 * i].revents |= keeper->fds[2 + 2 * i].events ? 0 : POLLIN;
	if (keeper->fds[0].revents)
		eventfd_read(pool->wake, &ignored);
}

static void hear(struct keeper *keeper)
{
	struct extauth_pool *pool = keeper->pool;

	for (unsigned i = 0; i < pool->settings.size; i++)
		if (keeper->fds[2 + 2 * i].revents)
			read_errors(keeper, &pool->instances[i], pool->instances[i].process.pid);
	pthread_mutex_lock(&pool->lock);
	for (unsigned i = 0; i < pool->settings.size; i++) {
		struct extauth_instance *instance = &pool->instances[i];

		if (!keeper->fds[1 + 2 * i].revents)
			continue;
		if (instance->state == EXTAUTH_ASKED) {
			instance->hung_up = true;
		} else if (instance->state == EXTAUTH_FREE) {
			instance->state = EXTAUTH_LEAVING;
			instance->due = clock_mono_ms() + EXTAUTH_GRACE_MS;
			err_set(&instance->reason, "it closed its output");
		}
	}
}

void *extauth_keeper_main(void *arg)
{
	struct extauth_pool *pool = arg;
	struct keeper keeper = {
	    .pool = pool,
	    .fds = mem_zalloc((1 + 2 * (size_t)pool->settings.size) * sizeof(*keeper.fds)),
	    .bytes = mem_alloc(READ_MOST),
	};
	int timeout;

	pthread_mutex_lock(&pool->lock);
	while (look_after_all(&keeper, &timeout)) {
		set_fds(&keeper, &timeout);
		pthread_mutex_unlock(&pool->lock);
		wait_for_news(&keeper, timeout);
		hear(&keeper);
	}
	pool->ended = true;
	pthread_mutex_unlock(&pool->lock);
	free(keeper.fds);
	free(keeper.bytes);
	return NULL;
}
