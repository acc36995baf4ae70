/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "stanzad/log.h"
#include "store/internal.h"

/* A batch ends when nothing waits, or at these bounds: those behind do not hold up the commit for long. */
enum { BATCH_MAX = 8192, BATCH_US = 20000 };

struct batch {
	struct list tickets;
	unsigned count;
};

/* After a failure that took others along, operations are tried one by one, then by twos, fours, ... */
static unsigned batch_limit = BATCH_MAX;

static _Thread_local bool is_writer;

bool writer_self(void)
{
	return is_writer;
}

static struct ticket *take(struct batch *batch)
{
	struct ticket *ticket = NULL;

	pthread_mutex_lock(&store.lock);
	if (!list_empty(&store.queue)) {
		ticket = list_entry(store.queue.next, struct ticket, node);
		list_remove(&ticket->node);
		store.waiting--;
		store.writing++;
	}
	pthread_mutex_unlock(&store.lock);
	if (ticket) {
		list_add_before(&batch->tickets, &ticket->node);
		batch->count++;
	}
	return ticket;
}

static int run_op(void *arg, struct db *db, struct err *err)
{
	struct ticket *ticket = arg;
	struct store_op *op = ticket_op(ticket);
	int result = op->run(op, db, err);

	return result >= 0 && receipt_run_also(ticket->receipt, db, err) < 0 ? -1 : result;
}

static enum db_outcome run_ticket(struct ticket *ticket)
{
	struct store_op *op = ticket_op(ticket);
	bool single = op->single && !(ticket->receipt && ticket->receipt->also);

	return single ? db_run_single(store.writer_db, run_op, ticket, &ticket->result, &op->own.err)
		      : db_run(store.writer_db, run_op, ticket, &ticket->result, &op->own.err);
}

/* Everything in the batch that had not failed by itself has failed now. */
static void fail_batch(struct batch *batch, const struct err *err)
{
	for (struct list *node = batch->tickets.next; node != &batch->tickets; node = node->next) {
		struct ticket *ticket = list_entry(node, struct ticket, node);
		if (ticket->result < 0)
			continue;
		ticket->result = -1;
		ticket_op(ticket)->own.err = *err;
	}
	LOG_ERROR("store.commit_failed", LOG_INT("operations", batch->count), LOG_CSTR("reason", err->text));
}

/* Runs what waits in one transaction. < 0: the transaction did not come to be or is gone. */
static int run_batch(struct batch *batch, struct err *err)
{
	uint64_t end = clock_mono_us() + BATCH_US;
	struct ticket *ticket;
	bool begun = db_begin(store.writer_db, true, err) == 0;
	unsigned limit = begun ? batch_limit : BATCH_MAX;

	while (batch->count < limit && (ticket = take(batch))) {
		struct store_op *op = ticket_op(ticket);
		if (!begun)
			continue;
		if (run_ticket(ticket) == DB_LOST) {
			*err = op->own.err;
			return err_prefix(err, "rolled back with others");
		}
		if (clock_mono_us() >= end)
			break;
	}
	return begun ? db_commit(store.writer_db, err) : -1;
}

static void finish_batch(struct batch *batch, bool committed)
{
	struct list released;

	list_init(&released);
	pthread_mutex_lock(&store.lock);
	store.stats.commits += committed;
	for (struct list *node = batch->tickets.next; node != &batch->tickets; node = node->next)
		store_write_finished(list_entry(node, struct ticket, node), &released);
	pthread_cond_broadcast(&store.durable);
	pthread_mutex_unlock(&store.lock);
	while (!list_empty(&batch->tickets)) {
		struct ticket *ticket = list_entry(batch->tickets.next, struct ticket, node);
		list_remove(&ticket->node);
		store_write_report(ticket);
	}
	store_release(&released);
}

static void write_batch(void)
{
	struct batch batch = {0};
	struct err err = {""};

	list_init(&batch.tickets);
	bool committed = run_batch(&batch, &err) == 0;
	if (!committed)
		fail_batch(&batch, &err);
	batch_limit = !committed ? 1 : batch_limit < BATCH_MAX / 2 ? 2 * batch_limit : BATCH_MAX;
	unsigned count = batch.count;
	finish_batch(&batch, committed);
	pthread_mutex_lock(&store.lock);
	store.writing -= count;
	pthread_mutex_unlock(&store.lock);
	db_upkeep(store.writer_db);
}

void *writer_main(void *arg)
{
	is_writer = true;
	batch_limit = BATCH_MAX;
	pthread_mutex_lock(&store.lock);
	for (;;) {
		if (!list_empty(&store.queue)) {
			pthread_mutex_unlock(&store.lock);
			write_batch();
			pthread_mutex_lock(&store.lock);
		} else if (store.closing) {
			break;
		} else {
			pthread_cond_wait(&store.work, &store.lock);
		}
	}
	store.open = false;
	pthread_mutex_unlock(&store.lock);
	return arg;
}
