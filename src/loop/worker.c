/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/worker.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

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

/* Before the loop waits: whoever posts from here on must wake it, so look once more. Not for ever: mail that
 * brings mail must leave sockets and timers their turn. False: it must not wait. */
static bool turn_start(struct worker *worker)
{
	for (unsigned round = 0; round < MAIL_ROUNDS; round++) {
		deferred_run(worker);
		__atomic_store_n(&worker->sleeping, true, __ATOMIC_SEQ_CST);
		if (!__atomic_load_n(&worker->inbox, __ATOMIC_SEQ_CST))
			return true;
		__atomic_store_n(&worker->sleeping, false, __ATOMIC_SEQ_CST);
		inbox_receive(worker);
	}
	deferred_run(worker);
	return false;
}

static void turn(struct worker *worker, bool may_wait)
{
	timers_run(worker);
	if (!turn_start(worker))
		may_wait = false;
	int ms = may_wait && !__atomic_load_n(&worker->stopping, __ATOMIC_ACQUIRE) ? timers_wait_ms(worker) : 0;
	io_poll(worker, ms);
	inbox_receive(worker);
	deferred_run(worker);
}

static void wake(struct worker *worker)
{
	ssize_t written = write(worker->wake, &(uint64_t){1}, sizeof(uint64_t));
	(void)written; /* nothing but a counter that is full can be in the way, and then it is awake */
}

static int worker_init(struct worker *worker, unsigned index, struct err *err)
{
	worker->index = index;
	worker->deferred_end = &worker->deferred;
	worker->poller = epoll_create1(EPOLL_CLOEXEC);
	worker->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	/* Told once for each time that it is written to: nobody needs to read it. */
	struct epoll_event event = {.events = EPOLLIN | EPOLLET};
	if (worker->poller < 0 || worker->wake < 0 ||
	    epoll_ctl(worker->poller, EPOLL_CTL_ADD, worker->wake, &event) < 0)
		return err_set(err, "cannot make an event loop: %s", strerror(errno));
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

static void worker_run(struct worker *worker)
{
	while (!__atomic_load_n(&worker->stopping, __ATOMIC_ACQUIRE))
		turn(worker, true);
}

static void *worker_thread(void *arg)
{
	self = arg;
	worker_run(self);
	return NULL;
}

void workers_run(void)
{
	for (unsigned i = 1; i < workers_count; i++)
		if (pthread_create(&workers[i].thread, NULL, worker_thread, &workers[i]) != 0)
			abort();
	worker_run(&workers[0]);
	for (unsigned i = 1; i < workers_count; i++)
		pthread_join(workers[i].thread, NULL);
}

void workers_stop(void)
{
	for (unsigned i = 0; i < workers_count; i++) {
		__atomic_store_n(&workers[i].stopping, true, __ATOMIC_RELEASE);
		wake(&workers[i]);
	}
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
		io_reap(worker);
		close(worker->wake);
		close(worker->poller);
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
		wake(worker);
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
	bool any = inbox_receive(self);
	turn(self, false);
	return any || __atomic_load_n(&self->inbox, __ATOMIC_RELAXED);
}
