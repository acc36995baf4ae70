/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <signal.h>
#include <stdlib.h>

#include "base/mem.h"
#include "stanzad/log.h"
#include "store/internal.h"
#include "store/lock.h"
#include "store/store_open.h"

static int lock_fd = -1;

void store_settings_fini(struct store_settings *settings)
{
	free(settings->target);
	free(settings->data_dir);
	*settings = (struct store_settings){0};
}

static void log_upgrade(const struct upgrade *upgrade)
{
	struct strbuf lines = {0};

	upgrade_explain(upgrade, &lines);
	for (struct str rest = strbuf_view(&lines); rest.len > 0;) {
		struct str line = str_cut(rest, '\n', &rest);
		LOG_INFO("store.upgraded", LOG_STR("change", line));
	}
	strbuf_fini(&lines);
}

static int upgrade_if_allowed(struct upgrade *upgrade, struct db *db, struct err *err)
{
	if (!db_multihost(db) && store.settings.hosts > 1)
		return err_set(err,
		    "it has the single-host schema, which holds one virtual host, and the configuration "
		    "has %zu; set sql_schema_multihost to true and use a database made that way",
		    store.settings.hosts);
	if (upgrade_alters(upgrade) && !store.settings.may_upgrade)
		return err_set(err, "its schema is older than this server and update_sql_schema is false");
	if (!store.settings.may_upgrade)
		upgrade_forgo_indexes(upgrade);
	if (upgrade_empty(upgrade))
		return 0;
	if (upgrade_run(upgrade, db, err) < 0)
		return -1;
	log_upgrade(upgrade);
	return 0;
}

static int open_schema(struct db *db, struct err *err)
{
	struct upgrade *upgrade = NULL;
	int rc = upgrade_plan(db, store.settings.variant, &upgrade, err);

	if (rc == 0)
		rc = upgrade_if_allowed(upgrade, db, err);
	upgrade_free(&upgrade);
	if (rc == 0)
		rc = upgrade_probe(db, err);
	return rc < 0 ? db_explain(db, store.settings.target, err) : 0;
}

/* Signals are for the main thread. */
static int start_writer(struct err *err)
{
	sigset_t all, before;

	store.open = true;
	store.closing = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&store.writer, NULL, writer_main, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0)
		return 0;
	store.open = false;
	return err_set(err, "cannot start the storage thread: %s", strerror(rc));
}

static void release(void)
{
	db_close(&store.writer_db);
	lock_drop(&lock_fd);
	store_settings_fini(&store.settings);
}

int store_open_settings(struct store_settings *settings, struct err *err)
{
	assert(!store.open && !store.writer_db);
	store.settings = *settings;
	*settings = (struct store_settings){0};
	store.stats = (struct store_stats){0};
	if (lock_take(store.settings.data_dir, &lock_fd, err) < 0 ||
	    db_open(store.settings.driver, store.settings.target, DRIVER_WRITE, &store.writer_db, err) < 0 ||
	    open_schema(store.writer_db, err) < 0) {
		release();
		return -1;
	}
	store.multihost = db_multihost(store.writer_db);
	if (start_writer(err) < 0) {
		release();
		return -1;
	}
	return 0;
}

void store_close(void)
{
	if (!store.writer_db)
		return;
	pthread_mutex_lock(&store.lock);
	store.closing = true;
	pthread_cond_signal(&store.work);
	pthread_mutex_unlock(&store.lock);
	pthread_join(store.writer, NULL);
	store_reads_drain();
	store_readers_close();
	map_fini(&store.last_writes);
	release();
}

int store_explain_settings(const struct store_settings *settings, struct strbuf *out, struct err *err)
{
	struct upgrade *upgrade = NULL;
	struct db *db;

	if (!settings->driver->exists(settings->target)) {
		strbuf_printf(out, "make database %s, %s schema\n", settings->target,
		    settings->variant == VARIANT_SINGLE ? "single-host" : "multihost");
		return 0;
	}
	if (db_open(settings->driver, settings->target, DRIVER_INSPECT, &db, err) < 0)
		return -1;
	int rc = upgrade_plan(db, settings->variant, &upgrade, err);
	if (rc < 0)
		db_explain(db, settings->target, err);
	else
		upgrade_explain(upgrade, out);
	upgrade_free(&upgrade);
	db_close(&db);
	return rc;
}
