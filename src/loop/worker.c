/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/worker.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "loop/internal.h"
#include "stanzad/log.h"

#define WORKERS_MAX 256
#define MAIL_ROUNDS 16

static struct worker *workers;
static unsigned workers_count;
static _Thread_local struct worker *self;

static void deferred_run(struct worker *worker)
{
	while (worker->deferred) {
		struct deferred *first = worker->deferred;
		worker->deferred = NULL;
		worker->deferred_end = &worker->deferred;
		while (first) {
			struct deferred *next = first->next;
			first->queued = false;
			first->run(first);
			first = next;
		}
	}
}

static bool inbox_receive(struct worker *worker)
{
	struct mail *newest = __atomic_exchange_n(&worker->inbox, NULL, __ATOMIC_ACQUIRE);
	struct mail *oldest = NULL;
	while (newest) {
		struct mail *next = newest->next;
		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	unsigned received = 0;
	for (; oldest; received++) {
		struct mail *next = oldest->next;
		oldest->receive(oldest);
		oldest = next;
	}
	if (received)
		__atomic_sub_fetch(&worker->backlog, received, __ATOMIC_RELAXED);
	return received != 0;
}

static void on_wake(uv_async_t *wake)
{
	struct worker *worker = wake->data;
	inbox_receive(worker);
	if (__atomic_load_n(&worker->stopping, __ATOMIC_ACQUIRE))
		uv_stop(&worker->loop);
}

/* Before the loop waits: whoever posts from here on must wake it, so look once more. Not for ever: mail that
 * brings mail must leave sockets and timers their turn. */
static void on_turn_start(uv_prepare_t *prepare)
{
	struct worker *worker = prepare->data;
	for (unsigned round = 0; round < MAIL_ROUNDS; round++) {
		deferred_run(worker);
		__atomic_store_n(&worker->sleeping, true, __ATOMIC_SEQ_CST);
		if (!__atomic_load_n(&worker->inbox, __ATOMIC_SEQ_CST))
			return;
		__atomic_store_n(&worker->sleeping, false, __ATOMIC_SEQ_CST);
		inbox_receive(worker);
	}
	deferred_run(worker);
	uv_async_send(&worker->wake);
}

static void on_turn_end(uv_check_t *check)
{
	struct worker *worker = check->data;
	__atomic_store_n(&worker->sleeping, false, __ATOMIC_SEQ_CST);
	inbox_receive(worker);
	deferred_run(worker);
}

static int worker_init(struct worker *worker, unsigned index, struct err *err)
{
	worker->index = index;
	worker->deferred_end = &worker->deferred;
	int rc = uv_loop_init(&worker->loop);
	if (rc == 0)
		rc = uv_async_init(&worker->loop, &worker->wake, on_wake);
	if (rc < 0)
		return err_set(err, "cannot make an event loop: %s", uv_strerror(rc));
	worker->wake.data = worker;
	uv_prepare_init(&worker->loop, &worker->turn_start);
	worker->turn_start.data = worker;
	uv_prepare_start(&worker->turn_start, on_turn_start);
	uv_check_init(&worker->loop, &worker->turn_end);
	worker->turn_end.data = worker;
	uv_check_start(&worker->turn_end, on_turn_end);
	timers_init(worker);
	return 0;
}

int workers_init(unsigned count, struct err *err)
{
	assert(count >= 1 && count <= WORKERS_MAX && !workers);
	workers = mem_zalloc(count * sizeof(*workers));
	workers_count = count;
	for (unsigned i = 0; i < count; i++)
		if (worker_init(&workers[i], i, err) < 0)
			return -1;
	self = &workers[0];
	return 0;
}

static void *worker_thread(void *arg)
{
	struct worker *worker = arg;
	self = worker;
	uv_run(&worker->loop, UV_RUN_DEFAULT);
	return NULL;
}

void workers_run(void)
{
	for (unsigned i = 1; i < workers_count; i++)
		if (pthread_create(&workers[i].thread, NULL, worker_thread, &workers[i]) != 0)
			abort();
	uv_run(&workers[0].loop, UV_RUN_DEFAULT);
	for (unsigned i = 1; i < workers_count; i++)
		pthread_join(workers[i].thread, NULL);
}

void workers_stop(void)
{
	for (unsigned i = 0; i < workers_count; i++) {
		__atomic_store_n(&workers[i].stopping, true, __ATOMIC_RELEASE);
		uv_async_send(&workers[i].wake);
	}
}

static void on_walk_close(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void receive_all(void)
{
	for (bool any = true; any;) {
		any = false;
		for (unsigned i = 0; i < workers_count; i++) {
			self = &workers[i];
			any |= inbox_receive(self);
			deferred_run(self);
		}
	}
}

void workers_visit(void (*fn)(void *arg), void *arg)
{
	receive_all();
	for (unsigned i = 0; i < workers_count; i++) {
		self = &workers[i];
		fn(arg);
	}
}

void workers_fini(void)
{
	receive_all();
	for (unsigned i = 0; i < workers_count; i++) {
		struct worker *worker = &workers[i];
		self = worker;
		uv_walk(&worker->loop, on_walk_close, NULL);
		uv_run(&worker->loop, UV_RUN_DEFAULT);
		uv_loop_close(&worker->loop);
		timers_fini(worker);
	}
	self = NULL;
	free(workers);
	workers = NULL;
	workers_count = 0;
}

unsigned worker_count(void)
{
	return workers_count;
}

struct worker *worker_at(unsigned index)
{
	assert(index < workers_count);
	return &workers[index];
}

struct worker *worker_self(void)
{
	return self;
}

unsigned worker_index(const struct worker *worker)
{
	return worker->index;
}

struct worker *worker_home(uint64_t hash)
{
	return &workers[hash % workers_count];
}

void worker_post(struct worker *worker, struct mail *mail)
{
	__atomic_add_fetch(&worker->backlog, 1, __ATOMIC_RELAXED);
	struct mail *head = __atomic_load_n(&worker->inbox, __ATOMIC_RELAXED);
	do {
		mail->next = head;
	} while (!__atomic_compare_exchange_n(
	    &worker->inbox, &head, mail, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	if (__atomic_exchange_n(&worker->sleeping, false, __ATOMIC_SEQ_CST))
		uv_async_send(&worker->wake);
}

unsigned worker_backlog(const struct worker *worker)
{
	return __atomic_load_n(&worker->backlog, __ATOMIC_RELAXED);
}

void worker_defer(struct deferred *deferred)
{
	assert(self);
	if (deferred->queued)
		return;
	deferred->queued = true;
	deferred->next = NULL;
	*self->deferred_end = deferred;
	self->deferred_end = &deferred->next;
}

struct each {
	void (*fn)(void *arg);
	void (*done)(void *arg);
	void *arg;
	struct worker *origin;
	unsigned left;
	struct mail done_mail;
	struct each_mail {
		struct mail mail;
		struct each *each;
	} mails[];
};

static void each_done(struct mail *mail)
{
	struct each *each = (struct each *)((char *)mail - offsetof(struct each, done_mail));
	each->done(each->arg);
	free(each);
}

static void each_receive(struct mail *mail)
{
	struct each *each = ((struct each_mail *)mail)->each;
	each->fn(each->arg);
	if (__atomic_sub_fetch(&each->left, 1, __ATOMIC_ACQ_REL) == 0) {
		each->done_mail.receive = each_done;
		worker_post(each->origin, &each->done_mail);
	}
}

void workers_each(void (*fn)(void *arg), void (*done)(void *arg), void *arg)
{
	struct each *each = mem_zalloc(sizeof(*each) + workers_count * sizeof(each->mails[0]));
	*each = (struct each){.fn = fn, .done = done, .arg = arg, .origin = self, .left = workers_count};
	for (unsigned i = 0; i < workers_count; i++) {
		each->mails[i].each = each;
		each->mails[i].mail.receive = each_receive;
		worker_post(&workers[i], &each->mails[i].mail);
	}
}

bool worker_turn(void)
{
	timers_run(self);
	bool any = inbox_receive(self);
	any |= uv_run(&self->loop, UV_RUN_NOWAIT) != 0 && __atomic_load_n(&self->inbox, __ATOMIC_RELAXED);
	deferred_run(self);
	return any;
}
