/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/store.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/internal.h"
#include "store/store_open.h"

struct store store = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .work = PTHREAD_COND_INITIALIZER,
    .durable = PTHREAD_COND_INITIALIZER,
    .idle = PTHREAD_COND_INITIALIZER,
    .queue = {&store.queue, &store.queue},
    .released = {&store.released, &store.released},
};

/* Telling the submitter. ---------------------------------------------------------------------------- */

static void finish(struct ticket *ticket)
{
	struct store_op *op = ticket_op(ticket);
	struct receipt *before;

	receipt_enter(ticket->receipt, &before);
	op->done(op, ticket->result, &op->own.err);
	receipt_leave(before);
}

static void on_done(struct mail *mail)
{
	finish(list_entry(mail, struct ticket, mail));
}

static void on_job_done(struct job *job)
{
	finish(list_entry(job, struct ticket, job));
}

static int refuse(struct err *err)
{
	return err_set(err, "the store is closed");
}

/* Reads. -------------------------------------------------------------------------------------------- */

static struct db *reader_take(struct err *err)
{
	struct db *db = NULL;

	pthread_mutex_lock(&store.lock);
	if (store.reader_count > 0)
		db = store.readers[--store.reader_count];
	pthread_mutex_unlock(&store.lock);
	if (!db && db_open(store.settings.driver, store.settings.target, DRIVER_READ, &db, err) == 0)
		db_set_multihost(db, store.multihost);
	return db;
}

void store_reader_give(struct db *db)
{
	pthread_mutex_lock(&store.lock);
	if (store.reader_count == store.reader_room) {
		store.reader_room = store.reader_room ? 2 * store.reader_room : 8;
		store.readers = mem_realloc_array(store.readers, store.reader_room, sizeof(*store.readers));
	}
	store.readers[store.reader_count++] = db;
	pthread_mutex_unlock(&store.lock);
}

void store_readers_close(void)
{
	while (store.reader_count > 0)
		db_close(&store.readers[--store.reader_count]);
	free(store.readers);
	store.readers = NULL;
	store.reader_room = 0;
}

static int read_now(db_run_fn run, void *arg, struct err *err)
{
	struct db *db = reader_take(err);
	int result = db ? db_transact(db, false, run, arg, err) : -1;

	if (db)
		store_reader_give(db);
	return result;
}

static int run_op(void *arg, struct db *db, struct err *err)
{
	struct store_op *op = arg;

	return op->run(op, db, err);
}

static void count_read(int result)
{
	store.stats.operations++;
	store.stats.failures += result < 0;
	if (--store.reading == 0)
		pthread_cond_broadcast(&store.idle);
}

static void on_job_run(struct job *job)
{
	struct ticket *ticket = list_entry(job, struct ticket, job);
	struct store_op *op = ticket_op(ticket);

	pthread_mutex_lock(&store.lock);
	store.waiting--;
	pthread_mutex_unlock(&store.lock);
	ticket->result = read_now(run_op, op, &op->own.err);
	pthread_mutex_lock(&store.lock);
	count_read(ticket->result);
	pthread_mutex_unlock(&store.lock);
}

static void read_start(struct ticket *ticket)
{
	ticket->job = (struct job){.run = on_job_run, .done = on_job_done};
	executor_submit(&ticket->job, NULL);
}

/* On its worker; store_reads_drain may have run it in the meantime. */
static void on_released(struct mail *mail)
{
	struct ticket *ticket = list_entry(mail, struct ticket, mail);

	pthread_mutex_lock(&store.lock);
	bool finished = ticket->finished;
	if (!finished) {
		list_remove(&ticket->node);
		store.reading++;
	}
	pthread_mutex_unlock(&store.lock);
	if (finished)
		finish(ticket);
	else
		read_start(ticket);
}

void store_release(struct list *released)
{
	while (!list_empty(released)) {
		struct ticket *ticket = list_entry(released->next, struct ticket, node);
		struct worker *home = ticket->home;
		list_remove(&ticket->node);
		pthread_mutex_lock(&store.lock);
		list_add_before(&store.released, &ticket->node);
		pthread_mutex_unlock(&store.lock);
		ticket->mail.receive = on_released;
		worker_post(home, &ticket->mail);
	}
}

void store_reads_drain(void)
{
	pthread_mutex_lock(&store.lock);
	while (!list_empty(&store.released)) {
		struct ticket *ticket = list_entry(store.released.next, struct ticket, node);
		struct store_op *op = ticket_op(ticket);
		list_remove(&ticket->node);
		store.waiting--;
		store.reading++;
		pthread_mutex_unlock(&store.lock);
		int result = read_now(run_op, op, &op->own.err);
		pthread_mutex_lock(&store.lock);
		count_read(result);
		ticket->result = result;
		ticket->finished = true;
	}
	while (store.reading > 0)
		pthread_cond_wait(&store.idle, &store.lock);
	pthread_mutex_unlock(&store.lock);
}

/* Writes. ------------------------------------------------------------------------------------------- */

struct ticket *store_last_write(struct str key)
{
	return key.len ? map_get(&store.last_writes, key) : NULL;
}

static void enqueue(struct store_op *op)
{
	struct ticket *ticket = ticket_of(op);

	list_init(&ticket->readers);
	ticket->number = ++store.number;
	list_add_before(&store.queue, &ticket->node);
	store.waiting++;
	/* The map's key must live as long as the entry: it is always that of the last write. */
	if (op->key.len)
		map_put(&store.last_writes, op->key, ticket);
	pthread_cond_signal(&store.work);
}

void store_write_finished(struct ticket *ticket, struct list *released_r)
{
	struct store_op *op = ticket_op(ticket);

	if (store_last_write(op->key) == ticket)
		map_remove(&store.last_writes, op->key);
	while (!list_empty(&ticket->readers)) {
		struct list *node = ticket->readers.next;
		list_remove(node);
		list_add_before(released_r, node);
	}
	store.completed = ticket->number;
	store.stats.operations++;
	store.stats.failures += ticket->result < 0;
}

void store_write_report(struct ticket *ticket)
{
	if (ticket->home) {
		ticket->mail.receive = on_done;
		worker_post(ticket->home, &ticket->mail);
		return;
	}
	pthread_mutex_lock(&store.lock);
	ticket->finished = true;
	pthread_cond_broadcast(&store.durable);
	pthread_mutex_unlock(&store.lock);
}

/* Interface. ---------------------------------------------------------------------------------------- */

/* With the lock. False: a read that can start at once. */
static bool hold(struct store_op *op)
{
	struct ticket *write;

	if (op->kind == STORE_WRITE) {
		enqueue(op);
		return true;
	}
	store.waiting++;
	write = store_last_write(op->key);
	if (write)
		list_add_before(&write->readers, &ticket_of(op)->node);
	else
		store.reading++;
	return write != NULL;
}

void store_submit(struct store_op *op)
{
	struct ticket *ticket = ticket_of(op);

	*ticket = (struct ticket){.home = worker_self(), .receipt = receipt_carry()};
	op->own.err.text[0] = '\0';
	assert(ticket->home);
	pthread_mutex_lock(&store.lock);
	bool open = store.open;
	bool held = open && hold(op);
	pthread_mutex_unlock(&store.lock);
	if (!open) {
		ticket->result = refuse(&op->own.err);
		ticket->mail.receive = on_done;
		worker_post(ticket->home, &ticket->mail);
	} else if (!held) {
		read_start(ticket);
	}
}

struct call {
	struct store_op op;
	int (*run)(void *arg, struct db *db, struct err *err);
	void *arg;
};

static int run_call(struct store_op *op, struct db *db, struct err *err)
{
	struct call *call = list_entry(op, struct call, op);

	return call->run(call->arg, db, err);
}

static int call_write(struct call *call, struct err *err)
{
	struct ticket *ticket = ticket_of(&call->op);

	pthread_mutex_lock(&store.lock);
	bool open = store.open;
	if (open) {
		enqueue(&call->op);
		while (!ticket->finished)
			pthread_cond_wait(&store.durable, &store.lock);
	}
	pthread_mutex_unlock(&store.lock);
	if (!open)
		return refuse(err);
	if (ticket->result < 0 && err)
		*err = call->op.own.err;
	return ticket->result;
}

/* The call's own error stands in for a caller that wants none. */
static int call_read(struct call *call, struct err *err)
{
	pthread_mutex_lock(&store.lock);
	bool open = store.open;
	struct ticket *write = open ? store_last_write(call->op.key) : NULL;
	uint64_t number = write ? write->number : 0;
	if (open)
		store.reading++;
	while (store.completed < number)
		pthread_cond_wait(&store.durable, &store.lock);
	pthread_mutex_unlock(&store.lock);
	if (!open)
		return refuse(err);
	int result = read_now(call->run, call->arg, err ? err : &call->op.own.err);
	pthread_mutex_lock(&store.lock);
	count_read(result);
	pthread_mutex_unlock(&store.lock);
	return result;
}

int store_call(enum store_kind kind, struct str key, int (*run)(void *arg, struct db *db, struct err *err),
    void *arg, struct err *err)
{
	struct call call = {.op = {.kind = kind, .key = key, .run = run_call}, .run = run, .arg = arg};

	assert(!worker_self() && !writer_self());
	return kind == STORE_WRITE ? call_write(&call, err) : call_read(&call, err);
}

void store_stats(struct store_stats *stats_r)
{
	pthread_mutex_lock(&store.lock);
	*stats_r = store.stats;
	stats_r->waiting = store.waiting;
	stats_r->writing = store.writing;
	pthread_mutex_unlock(&store.lock);
}

void store_fail_at(unsigned statement)
{
	db_fail_at(statement);
}
