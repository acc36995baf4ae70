/* SPDX-License-Identifier: Apache-2.0 */
#include "store/peek.h"

#include <assert.h>

#include "store/internal.h"

/* Connections are opened where that may take its time; here one is used that lies about. */
static struct db *take(struct str key)
{
	struct db *db = NULL;

	pthread_mutex_lock(&store.lock);
	if (store.open && store.reader_count > 0 && !store_last_write(key))
		db = store.readers[--store.reader_count];
	pthread_mutex_unlock(&store.lock);
	return db;
}

bool store_peek(struct str key, int (*run)(void *arg, struct db *db, struct err *err), void *arg)
{
	struct err err = {0};
	struct db *db;

	assert(worker_self());
	db = take(key);
	if (!db)
		return false;
	int result = db_peek(db, run, arg, &err);
	store_reader_give(db);
	return result >= 0;
}
