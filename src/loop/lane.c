/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/lane.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "loop/internal.h"

struct lane {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct job *first, *last;
	unsigned waiting, limit;
	unsigned load; /* waiting or running */
	bool stopping;
	unsigned threads;
	pthread_t ids[];
};

static struct job *take(struct lane *lane)
{
	struct job *job = lane->first;

	if (job) {
		lane->first = job->next;
		lane->waiting--;
	}
	return job;
}

static void *thread_main(void *arg)
{
	struct lane *lane = arg;

	pthread_mutex_lock(&lane->lock);
	for (;;) {
		struct job *job = take(lane);

		if (job) {
			pthread_mutex_unlock(&lane->lock);
			job->run(job);
			job_post_done(job);
			executor_count(-1);
			pthread_mutex_lock(&lane->lock);
			lane->load--;
		} else if (lane->stopping) {
			break;
		} else {
			pthread_cond_wait(&lane->work, &lane->lock);
		}
	}
	pthread_mutex_unlock(&lane->lock);
	return NULL;
}

struct lane *lane_new(unsigned threads, unsigned limit, struct err *err)
{
	struct lane *lane = mem_zalloc(sizeof(*lane) + threads * sizeof(lane->ids[0]));

	pthread_mutex_init(&lane->lock, NULL);
	pthread_cond_init(&lane->work, NULL);
	lane->limit = limit;
	for (; lane->threads < threads; lane->threads++) {
		if (pthread_create(&lane->ids[lane->threads], NULL, thread_main, lane) != 0) {
			err_set(err, "cannot start thread %u of %u", lane->threads + 1, threads);
			lane_free(&lane);
			return NULL;
		}
	}
	return lane;
}

bool lane_submit(struct lane *lane, struct job *job)
{
	bool accepted;

	job->home = worker_self();
	job->queue = NULL;
	job->next = NULL;
	assert(job->home);
	pthread_mutex_lock(&lane->lock);
	accepted = lane->waiting < lane->limit;
	if (accepted) {
		executor_count(1);
		lane->waiting++;
		lane->load++;
		if (lane->first)
			lane->last->next = job;
		else
			lane->first = job;
		lane->last = job;
	}
	pthread_mutex_unlock(&lane->lock);
	if (accepted)
		pthread_cond_signal(&lane->work);
	return accepted;
}

unsigned lane_load(struct lane *lane)
{
	pthread_mutex_lock(&lane->lock);
	unsigned load = lane->load;
	pthread_mutex_unlock(&lane->lock);
	return load;
}

void lane_free(struct lane **lane)
{
	struct lane *old = *lane;

	if (!old)
		return;
	pthread_mutex_lock(&old->lock);
	old->stopping = true;
	pthread_cond_broadcast(&old->work);
	pthread_mutex_unlock(&old->lock);
	for (unsigned i = 0; i < old->threads; i++)
		pthread_join(old->ids[i], NULL);
	pthread_cond_destroy(&old->work);
	pthread_mutex_destroy(&old->lock);
	free(old);
	*lane = NULL;
}
