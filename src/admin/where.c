/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "loop/worker.h"
#include "stanzad/command.h"
#include "stanzad/user.h"

/* What the calling thread waits for. */
struct errand {
	pthread_mutex_t lock;
	pthread_cond_t done;
	unsigned left;
	void (*fn)(void *arg);
	void (*fn_user)(void *arg, struct user *user);
	void *arg;
	struct str bare;
};

struct errand_mail {
	struct mail mail;
	struct errand *errand;
};

static void errand_init(struct errand *errand, unsigned count)
{
	assert(!worker_self());
	pthread_mutex_init(&errand->lock, NULL);
	pthread_cond_init(&errand->done, NULL);
	errand->left = count;
}

/* The caller's stack, and the errand with it, may be gone after the unlock. */
static void errand_finish(struct errand *errand)
{
	pthread_mutex_lock(&errand->lock);
	if (--errand->left == 0)
		pthread_cond_signal(&errand->done);
	pthread_mutex_unlock(&errand->lock);
}

static void errand_wait(struct errand *errand)
{
	pthread_mutex_lock(&errand->lock);
	while (errand->left)
		pthread_cond_wait(&errand->done, &errand->lock);
	pthread_mutex_unlock(&errand->lock);
	pthread_mutex_destroy(&errand->lock);
	pthread_cond_destroy(&errand->done);
}

static void on_errand(struct mail *mail)
{
	struct errand *errand = ((struct errand_mail *)mail)->errand;

	errand->fn(errand->arg);
	errand_finish(errand);
}

void command_on_home(struct str bare, void (*fn)(void *arg), void *arg)
{
	struct errand errand = {.fn = fn, .arg = arg};
	struct errand_mail mail = {{.receive = on_errand}, &errand};

	errand_init(&errand, 1);
	worker_post(worker_home(map_hash(bare)), &mail.mail);
	errand_wait(&errand);
}

void command_on_workers(void (*fn)(void *arg), void *arg)
{
	unsigned count = worker_count();
	struct errand errand = {.fn = fn, .arg = arg};
	struct errand_mail *mails = mem_zalloc(count * sizeof(*mails));

	errand_init(&errand, count);
	for (unsigned i = 0; i < count; i++) {
		mails[i] = (struct errand_mail){{.receive = on_errand}, &errand};
		worker_post(worker_at(i), &mails[i].mail);
	}
	errand_wait(&errand);
	free(mails);
}

static void on_user(void *arg, struct user *user)
{
	struct errand *errand = arg;

	errand->fn_user(errand->arg, user);
	errand_finish(errand);
}

static void on_user_errand(struct mail *mail)
{
	struct errand *errand = ((struct errand_mail *)mail)->errand;
	struct arena arena = {0};
	struct jid jid;
	struct err err;

	if (jid_parse(errand->bare, &arena, &jid, &err) == 0 && jid.local_len)
		user_load(&jid, on_user, errand);
	else
		on_user(errand, NULL);
	arena_fini(&arena);
}

void command_on_user(struct str bare, void (*fn)(void *arg, struct user *user), void *arg)
{
	struct errand errand = {.fn_user = fn, .arg = arg, .bare = bare};
	struct errand_mail mail = {{.receive = on_user_errand}, &errand};

	errand_init(&errand, 1);
	worker_post(worker_home(map_hash(bare)), &mail.mail);
	errand_wait(&errand);
}
