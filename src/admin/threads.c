/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/threads.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "base/list.h"
#include "stanzad/log.h"

#define IDLE_SECONDS 5
#define FINI_SECONDS 3
#define STACK_BYTES (512 * 1024)

static struct {
	pthread_mutex_t lock;
	pthread_cond_t work, ended;
	struct command_job *first, *last;
	unsigned threads, idle, load;
	bool ending;
} pool = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .work = PTHREAD_COND_INITIALIZER,
    .ended = PTHREAD_COND_INITIALIZER,
};

static void on_done(struct mail *mail)
{
	struct command_job *job = list_entry(mail, struct command_job, mail);

	job->done(job);
}

static struct timespec seconds_from_now(int seconds)
{
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	time.tv_sec += seconds;
	return time;
}

/* With the lock; false: nothing came for a while. */
static bool wait_for_work(void)
{
	struct timespec until = seconds_from_now(IDLE_SECONDS);
	int rc = 0;

	pool.idle++;
	while (!pool.first && !pool.ending && rc == 0)
		rc = pthread_cond_timedwait(&pool.work, &pool.lock, &until);
	pool.idle--;
	return pool.first != NULL;
}

/* With the lock, which is not held while the job runs. The job may be gone after the post. */
static void run_first(void)
{
	struct command_job *job = pool.first;

	pool.first = job->next;
	pthread_mutex_unlock(&pool.lock);
	job->run(job);
	pthread_mutex_lock(&pool.lock);
	pool.load--;
	job->mail.receive = on_done;
	worker_post(job->home, &job->mail);
}

static void *thread_main(void *arg)
{
	pthread_mutex_lock(&pool.lock);
	while (pool.first || wait_for_work())
		run_first();
	pool.threads--;
	pthread_cond_broadcast(&pool.ended);
	pthread_mutex_unlock(&pool.lock);
	return arg;
}

/* With the lock. Signals stay with the threads that were there before. */
static void add_thread(void)
{
	pthread_attr_t attr;
	pthread_t id;
	sigset_t all, before;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&id, &attr, thread_main, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (rc == 0)
		pool.threads++;
	else
		LOG_WARNING("admin.thread_failed", LOG_CSTR("reason", strerror(rc)),
		    LOG_INT("threads", pool.threads));
	assert(pool.threads);
}

void command_threads_submit(struct command_job *job)
{
	job->home = worker_self();
	job->next = NULL;
	assert(job->home);
	pthread_mutex_lock(&pool.lock);
	pool.load++;
	if (pool.first)
		pool.last->next = job;
	else
		pool.first = job;
	pool.last = job;
	if (pool.threads < pool.load && pool.threads < COMMAND_THREADS_MAX)
		add_thread();
	pthread_cond_signal(&pool.work);
	pthread_mutex_unlock(&pool.lock);
}

unsigned command_threads_load(void)
{
	pthread_mutex_lock(&pool.lock);
	unsigned load = pool.load;
	pthread_mutex_unlock(&pool.lock);
	return load;
}

bool command_threads_fini(void)
{
	struct timespec until = seconds_from_now(FINI_SECONDS);
	int rc = 0;

	pthread_mutex_lock(&pool.lock);
	pool.ending = true;
	pthread_cond_broadcast(&pool.work);
	while (pool.threads && rc == 0)
		rc = pthread_cond_timedwait(&pool.ended, &pool.lock, &until);
	bool ended = pool.threads == 0;
	pool.ending = !ended;
	pthread_mutex_unlock(&pool.lock);
	return ended;
}
