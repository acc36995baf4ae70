/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that run operations share: store.c (taking them in), writer.c, peek.c, open.c. */
#pragma once

#include <pthread.h>

#include "base/list.h"
#include "base/map.h"
#include "loop/executor.h"
#include "loop/receipt.h"
#include "store/db.h"
#include "store/settings.h"
#include "store/store_open.h"

/* What store_op.own.words hold. */
struct ticket {
	union {
		struct job job; /* a read, on the executor */
		struct {
			struct mail mail;    /* to home: released, or done */
			struct worker *home; /* NULL: a thread waits in store_call */
			struct list node; /* in the writer's queue or batch; in readers; in store.released */
			struct list readers; /* of a write: reads of its key that came after it */
		};
	};
	struct receipt *receipt; /* of who submitted it */
	uint64_t number; /* of a write: they are durable in this order */
	int result;
	bool finished;
};
_Static_assert(
    sizeof(struct ticket) <= sizeof(((struct store_op *)0)->own.words), "no room for a ticket");

static inline struct ticket *ticket_of(struct store_op *op)
{
	return (struct ticket *)op->own.words;
}

static inline struct store_op *ticket_op(struct ticket *ticket)
{
	return list_entry(ticket, struct store_op, own);
}

struct store {
	pthread_mutex_t lock;   /* guards all that follows */
	pthread_cond_t work;    /* for the writer: the queue is not empty, or closing */
	pthread_cond_t durable; /* for threads in store_call: 'completed' has grown */
	pthread_cond_t idle;    /* for store_close: 'reading' is 0 */

	bool open, closing;
	struct list queue;         /* writes that the writer has not taken */
	struct map last_writes;    /* key -> ticket of the last write of it that is not durable */
	struct list released;      /* reads that may run and are on their way to their worker as mail */
	unsigned waiting, reading; /* operations not yet run; reads on the executor or in store_call */
	unsigned writing;          /* writes that the writer has taken and not yet reported */
	uint64_t number, completed;

	struct db **readers; /* connections that nobody uses at the moment */
	unsigned reader_count, reader_room;
	struct store_stats stats;

	/* Fixed while it is open. */
	struct store_settings settings;
	bool multihost;
	struct db *writer_db;
	pthread_t writer;
};

extern struct store store;

/* writer.c: the thread. Ends when the store is closing and the queue is empty; later writes are refused. */
void *writer_main(void *arg);
/* Whether the calling thread is the writer, which must not wait for itself. */
bool writer_self(void);

/* store.c */
/* With the lock: the write is durable or failed. Its readers are moved to released_r. */
void store_write_finished(struct ticket *ticket, struct list *released_r);
/* Without the lock: tells the submitter. The operation may be gone afterwards. */
void store_write_report(struct ticket *ticket);
/* Without the lock: sends reads to their workers, which start them. */
void store_release(struct list *released);
/* At the end: runs what store_release sent but no worker received, waits for reads that run. */
void store_reads_drain(void);
void store_readers_close(void);
/* Gives back a connection of store.readers. */
void store_reader_give(struct db *db);
/* With the lock: the last write of the key that is not durable yet; NULL: there is none. */
struct ticket *store_last_write(struct str key);
