/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/executor.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "loop/internal.h"

static struct {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct job *first, *last;
	unsigned load; /* waiting, running, or held back in a queue */
	uint64_t submitted;
	bool stopping;
	unsigned threads;
	pthread_t *ids;
} executor = {.lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};

static unsigned elsewhere; /* jobs of lanes */

static _Thread_local int thread_index = -1;

static void append(struct job **first, struct job **last, struct job *job)
{
	job->next = NULL;
	if (*first)
		(*last)->next = job;
	else
		*first = job;
	*last = job;
}

static struct job *take(struct job **first)
{
	struct job *job = *first;
	if (job)
		*first = job->next;
	return job;
}

static void on_done(struct mail *mail)
{
	struct job *job = list_entry(mail, struct job, mail);
	job->done(job);
}

/* With the lock held. */
static void finish(struct job *job)
{
	struct job_queue *queue = job->queue;
	struct job *next = queue ? take(&queue->first) : NULL;
	if (next) {
		append(&executor.first, &executor.last, next);
		pthread_cond_signal(&executor.work);
	} else if (queue) {
		queue->running--;
	}
}

/* With the lock held: takes a place in the queue. */
static bool may_run(struct job_queue *queue)
{
	unsigned width = queue->width ? queue->width : 1;
	if (width >= executor.threads)
		width = executor.threads > 1 ? executor.threads - 1 : 1;
	if (queue->running >= width)
		return false;
	queue->running++;
	return true;
}

/* The job may be gone afterwards. */
void job_post_done(struct job *job)
{
	job->mail.receive = on_done;
	worker_post(job->home, &job->mail);
}

static void *thread_main(void *arg)
{
	thread_index = (int)(intptr_t)arg;
	pthread_mutex_lock(&executor.lock);
	for (;;) {
		struct job *job = take(&executor.first);
		if (job) {
			pthread_mutex_unlock(&executor.lock);
			job->run(job);
			pthread_mutex_lock(&executor.lock);
			finish(job);
			pthread_mutex_unlock(&executor.lock);
			job_post_done(job);
			pthread_mutex_lock(&executor.lock);
			executor.load--;
		} else if (executor.stopping && executor.load == 0) {
			break;
		} else {
			pthread_cond_wait(&executor.work, &executor.lock);
		}
	}
	pthread_cond_broadcast(&executor.work);
	pthread_mutex_unlock(&executor.lock);
	return NULL;
}

int executor_init(unsigned threads, struct err *err)
{
	executor.ids = mem_zalloc(threads * sizeof(*executor.ids));
	executor.stopping = false;
	for (executor.threads = 0; executor.threads < threads; executor.threads++)
		if (pthread_create(&executor.ids[executor.threads], NULL, thread_main,
			(void *)(intptr_t)executor.threads) != 0)
			return err_set(err, "cannot start executor thread %u", executor.threads);
	return 0;
}

void executor_submit(struct job *job, struct job_queue *queue)
{
	job->home = worker_self();
	job->queue = queue;
	assert(job->home && executor.threads);
	pthread_mutex_lock(&executor.lock);
	executor.load++;
	executor.submitted++;
	bool waits = queue && !may_run(queue);
	append(waits ? &queue->first : &executor.first, waits ? &queue->last : &executor.last, job);
	pthread_mutex_unlock(&executor.lock);
	/* Outside the lock, or the thread that wakes would find it taken. */
	if (!waits)
		pthread_cond_signal(&executor.work);
}

void executor_skip(struct job *job)
{
	job->home = worker_self();
	job_post_done(job);
}

void executor_fini(void)
{
	pthread_mutex_lock(&executor.lock);
	executor.stopping = true;
	pthread_cond_broadcast(&executor.work);
	pthread_mutex_unlock(&executor.lock);
	for (unsigned i = 0; i < executor.threads; i++)
		pthread_join(executor.ids[i], NULL);
	free(executor.ids);
	executor.ids = NULL;
	executor.threads = 0;
}

int executor_thread(void)
{
	return thread_index;
}

unsigned executor_threads(void)
{
	return executor.threads;
}

void executor_count(int by)
{
	__atomic_add_fetch(&elsewhere, (unsigned)by, __ATOMIC_ACQ_REL);
}

unsigned executor_load(void)
{
	pthread_mutex_lock(&executor.lock);
	unsigned load = executor.load;
	pthread_mutex_unlock(&executor.lock);
	return load + __atomic_load_n(&elsewhere, __ATOMIC_ACQUIRE);
}

uint64_t executor_submitted(void)
{
	pthread_mutex_lock(&executor.lock);
	uint64_t submitted = executor.submitted;
	pthread_mutex_unlock(&executor.lock);
	return submitted;
}
