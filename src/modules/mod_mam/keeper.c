/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>

#include "modules/mod_mam/query.h"
#include "stanzad/access.h"
#include "stanzad/clock.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/timer.h"
#include "stanzad/work.h"

#define STEP_ROWS 500
#define STEP_PAUSE_MS 50 /* between steps others write */
#define RETENTION_FIRST_MS 60000
#define RETENTION_MS 3600000
#define WORDS_MS 60000
#define DAY_US INT64_C(86400000000)
#define MINUTE_MS 60000

/* One thing that goes on: a timer that submits an operation, whose end starts the timer again. */
struct task {
	struct store_op op;
	struct keeper *keeper;
	struct module_timer *timer;
	struct mam_purge purge;
	int64_t count; /* of the latest step */
};

struct keeper {
	struct list node; /* of keepers */
	struct module_instance *instance;
	char *host;
	unsigned busy; /* operations that storage has */
	bool left;
	struct task words, retention, batch;
	struct arena username; /* of retention: the archive that it is at */
	bool words_behind;
	bool by_user;            /* the round of retention goes from user to user */
	struct mam_batch report; /* with the lock, like the next three */
	bool batch_lives;        /* the task of an aborted one still does for a moment */
	unsigned batch_size;
	uint64_t batch_pause_ms;
	bool batch_writes; /* storage has its operation */
};

static struct {
	pthread_mutex_t lock;
	struct list list;
} keepers = {PTHREAD_MUTEX_INITIALIZER, {&keepers.list, &keepers.list}};

static void keeper_free(struct keeper *keeper)
{
	arena_fini(&keeper->username);
	free(keeper->host);
	free(keeper);
}

static void task_submit(struct task *task, enum store_kind kind,
    int (*run)(struct store_op *op, struct db *db, struct err *err),
    void (*done)(struct store_op *op, int result, const struct err *err))
{
	task->op.kind = kind;
	task->op.key = STR_NULL;
	task->op.run = run;
	task->op.done = done;
	task->keeper->busy++;
	store_submit(&task->op);
}

/* NULL: the module has left. A failure is logged here. */
static struct task *task_done(struct store_op *op, int result, const struct err *err)
{
	struct task *task = list_entry(op, struct task, op);
	struct keeper *keeper = task->keeper;
	keeper->busy--;
	if (keeper->left) {
		if (!keeper->busy)
			keeper_free(keeper);
		return NULL;
	}
	if (result < 0)
		LOG_ERROR("mam.upkeep_failed", LOG_CSTR("host", keeper->host), LOG_CSTR("reason", err->text));
	return task;
}

static void task_init(struct task *task, struct keeper *keeper, module_timer_fire *fire)
{
	task->keeper = keeper;
	task->purge.host = str_of(keeper->host);
	task->timer = module_timer_new(keeper->instance, fire, task);
}

static int purge_run(struct store_op *op, struct db *db, struct err *err)
{
	struct task *task = list_entry(op, struct task, op);
	unsigned most = task == &task->keeper->batch ? task->keeper->batch_size : STEP_ROWS;
	task->count = mam_purge_step(&task->purge, most, db, err);
	return task->count < 0 ? -1 : 0;
}

/* --- the index of words --------------------------------------------------------------------------------- */

static int words_look(struct store_op *op, struct db *db, struct err *err)
{
	struct task *task = list_entry(op, struct task, op);
	return mam_text_is_behind(db, &task->keeper->words_behind, err);
}

static int words_step(struct store_op *op, struct db *db, struct err *err)
{
	return mam_text_catch_up(db, err);
}

static void words_done(struct store_op *op, int result, const struct err *err)
{
	struct task *task = task_done(op, result, err);
	if (task)
		module_timer_start(task->timer, result == MAM_TEXT_MORE ? STEP_PAUSE_MS : WORDS_MS);
	if (task)
		task->keeper->words_behind = result == MAM_TEXT_MORE;
}

static void words_looked(struct store_op *op, int result, const struct err *err)
{
	struct task *task = task_done(op, result, err);
	if (task && task->keeper->words_behind)
		task_submit(task, STORE_WRITE, words_step, words_done);
	else if (task)
		module_timer_start(task->timer, WORDS_MS);
}

/* As long as nobody has looked for words there is no index, and it is not behind. */
static void words_due(struct module_instance *instance, void *arg)
{
	struct task *task = arg;
	if (task->keeper->words_behind)
		task_submit(task, STORE_WRITE, words_step, words_done);
	else
		task_submit(task, STORE_READ, words_look, words_looked);
}

/* --- retention ------------------------------------------------------------------------------------------ */

static void retention_next(struct task *task);

static int64_t host_before(const struct keeper *keeper)
{
	int64_t ms = module_option(keeper->instance, "retention")->integer;
	return ms == OPTION_INFINITE ? 0 : clock_real_us() - ms * 1000;
}

/* Of an archive: a user of the host, or a room. */
static int archive_jid(
    const struct keeper *keeper, struct str username, struct arena *arena, struct jid *jid_r, struct err *err)
{
	if (username.len && memchr(username.ptr, '@', username.len))
		return jid_parse(username, arena, jid_r, err);
	return jid_make(username, str_of(keeper->host), STR_NULL, arena, jid_r, err);
}

/* 0: nothing is too old. */
static int64_t user_before(const struct keeper *keeper, struct str username)
{
	struct arena arena = {0};
	struct jid jid;
	struct err err;
	int64_t days = -1;
	if (archive_jid(keeper, username, &arena, &jid, &err) == 0) {
		struct access_subject subject = {.jid = &jid};
		days = module_number(keeper->instance, "retention_rule", &subject, -1);
	}
	arena_fini(&arena);
	if (days < 0)
		return host_before(keeper);
	return days > INT64_MAX / DAY_US ? 0 : clock_real_us() - days * DAY_US;
}

static void retention_done(struct store_op *op, int result, const struct err *err)
{
	struct task *task = task_done(op, result, err);
	if (!task)
		return;
	if (task->count > 0)
		mam_ends_forget();
	if (result == 0 && task->count == STEP_ROWS)
		module_timer_start(task->timer, STEP_PAUSE_MS);
	else if (result == 0 && task->keeper->by_user)
		retention_next(task);
	else
		module_timer_start(task->timer, RETENTION_MS);
}

/* The archive behind the one that it was at. */
static int user_run(struct store_op *op, struct db *db, struct err *err)
{
	struct task *task = list_entry(op, struct task, op);
	struct keeper *keeper = task->keeper;
	struct db_rows *rows =
	    DB_QUERY(db, err, "SELECT MIN(username) FROM archive WHERE {host=} username > ?",
		DB_P_TEXT(task->purge.host), DB_P_TEXT(task->purge.username));
	int rc = db_next(rows, err);
	struct str found = rc > 0 ? db_text(rows, 0) : STR_NULL;
	arena_fini(&keeper->username);
	task->purge.username = found.ptr ? arena_str(&keeper->username, found) : STR_NULL;
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

static void user_done(struct store_op *op, int result, const struct err *err)
{
	struct task *task = task_done(op, result, err);
	if (!task)
		return;
	if (result < 0 || !task->purge.username.ptr) {
		task->keeper->by_user = false;
		module_timer_start(task->timer, RETENTION_MS);
		return;
	}
	task->purge.before = user_before(task->keeper, task->purge.username);
	task->purge.cursor = 0;
	task_submit(task, STORE_WRITE, purge_run, retention_done);
}

static void retention_next(struct task *task)
{
	task_submit(task, STORE_READ, user_run, user_done);
}

static void retention_begin(struct task *task)
{
	struct keeper *keeper = task->keeper;
	arena_fini(&keeper->username);
	task->count = 0;
	task->purge.cursor = 0;
	task->purge.before = host_before(keeper);
	keeper->by_user = module_option(keeper->instance, "retention_rule")->present;
	task->purge.username = keeper->by_user ? STR("") : STR_NULL;
	if (keeper->by_user)
		retention_next(task);
	else if (task->purge.before > 0)
		task_submit(task, STORE_WRITE, purge_run, retention_done);
	else
		module_timer_start(task->timer, RETENTION_MS);
}

static void retention_due(struct module_instance *instance, void *arg)
{
	struct task *task = arg;
	if (task->count == STEP_ROWS)
		task_submit(task, STORE_WRITE, purge_run, retention_done);
	else
		retention_begin(task);
}

/* --- delete_old_mam_messages_batch ---------------------------------------------------------------------- */

static void batch_count(struct keeper *keeper, int64_t count, const struct err *failure)
{
	struct mam_batch *report = &keeper->report;
	if (failure) {
		report->state = MAM_BATCH_FAILED;
		report->err = *failure;
		return;
	}
	report->deleted += count;
	if (count < (int64_t)keeper->batch_size && report->state == MAM_BATCH_RUNS)
		report->state = MAM_BATCH_ENDED;
}

static void batch_done(struct store_op *op, int result, const struct err *err)
{
	struct task *task = task_done(op, result, err);
	if (!task)
		return;
	struct keeper *keeper = task->keeper;
	keeper->batch_writes = false;
	if (task->count > 0)
		mam_ends_forget();
	pthread_mutex_lock(&keepers.lock);
	batch_count(keeper, task->count, result < 0 ? err : NULL);
	keeper->batch_lives = keeper->report.state == MAM_BATCH_RUNS;
	bool more = keeper->batch_lives;
	pthread_mutex_unlock(&keepers.lock);
	if (more)
		module_timer_start(task->timer, keeper->batch_pause_ms);
}

static void batch_due(struct module_instance *instance, void *arg)
{
	struct task *task = arg;
	struct keeper *keeper = task->keeper;
	pthread_mutex_lock(&keepers.lock);
	keeper->batch_lives = keeper->report.state == MAM_BATCH_RUNS;
	keeper->batch_writes = keeper->batch_lives;
	pthread_mutex_unlock(&keepers.lock);
	if (keeper->batch_writes)
		task_submit(task, STORE_WRITE, purge_run, batch_done);
}

static struct keeper *keeper_of_instance(const struct module_instance *instance)
{
	struct keeper *found = NULL;
	pthread_mutex_lock(&keepers.lock);
	for (struct list *node = keepers.list.next; node != &keepers.list && !found; node = node->next)
		if (list_entry(node, struct keeper, node)->instance == instance)
			found = list_entry(node, struct keeper, node);
	pthread_mutex_unlock(&keepers.lock);
	return found;
}

/* It was started, or aborted. */
static void batch_posted(struct module_instance *instance, void *arg)
{
	struct keeper *keeper = keeper_of_instance(instance);
	if (!keeper || keeper->batch_writes)
		return;
	module_timer_stop(keeper->batch.timer);
	batch_due(instance, &keeper->batch);
}

/* With the lock. NULL when there is none for the host. */
static struct keeper *keeper_of(struct str host)
{
	for (struct list *node = keepers.list.next; node != &keepers.list; node = node->next) {
		struct keeper *keeper = list_entry(node, struct keeper, node);
		if (str_is(host, keeper->host))
			return keeper;
	}
	return NULL;
}

enum mam_batch_outcome mam_batch_start(
    struct str host, enum mam_kind kind, int64_t before, int64_t total, unsigned size, int64_t rate)
{
	enum mam_batch_outcome outcome = MAM_BATCH_OK;
	pthread_mutex_lock(&keepers.lock);
	struct keeper *keeper = keeper_of(host);
	if (!keeper || keeper->batch_lives) {
		outcome = keeper ? MAM_BATCH_BUSY : MAM_BATCH_NO_HOST;
	} else {
		keeper->report = (struct mam_batch){.state = MAM_BATCH_RUNS, .total = total};
		keeper->batch_lives = true;
		keeper->batch.purge =
		    (struct mam_purge){.host = str_of(keeper->host), .kind = kind, .before = before};
		keeper->batch_size = size < STEP_ROWS ? size : STEP_ROWS;
		keeper->batch_pause_ms = (uint64_t)keeper->batch_size * MINUTE_MS / (uint64_t)rate;
		module_post(keeper->instance, STR_NULL, batch_posted, NULL);
	}
	pthread_mutex_unlock(&keepers.lock);
	return outcome;
}

enum mam_batch_outcome mam_batch_status(struct str host, struct mam_batch *batch_r)
{
	pthread_mutex_lock(&keepers.lock);
	const struct keeper *keeper = keeper_of(host);
	if (keeper)
		*batch_r = keeper->report;
	pthread_mutex_unlock(&keepers.lock);
	return keeper ? MAM_BATCH_OK : MAM_BATCH_NO_HOST;
}

enum mam_batch_outcome mam_batch_abort(struct str host)
{
	enum mam_batch_outcome outcome = MAM_BATCH_NO_HOST;
	pthread_mutex_lock(&keepers.lock);
	struct keeper *keeper = keeper_of(host);
	if (keeper)
		outcome = keeper->report.state == MAM_BATCH_RUNS ? MAM_BATCH_OK : MAM_BATCH_NONE;
	if (outcome == MAM_BATCH_OK) {
		keeper->report.state = MAM_BATCH_ABORTED;
		module_post(keeper->instance, STR_NULL, batch_posted, NULL);
	}
	pthread_mutex_unlock(&keepers.lock);
	return outcome;
}

/* --- life ----------------------------------------------------------------------------------------------- */

void mam_keeper_start(struct module_instance *instance)
{
	struct keeper *keeper = mem_zalloc(sizeof(*keeper));
	keeper->instance = instance;
	keeper->host = str_dup(host_name(module_host(instance)));
	task_init(&keeper->words, keeper, words_due);
	task_init(&keeper->retention, keeper, retention_due);
	task_init(&keeper->batch, keeper, batch_due);
	module_timer_start(keeper->words.timer, WORDS_MS);
	module_timer_start(keeper->retention.timer, RETENTION_FIRST_MS);
	pthread_mutex_lock(&keepers.lock);
	list_add_before(&keepers.list, &keeper->node);
	pthread_mutex_unlock(&keepers.lock);
}

void mam_keeper_end(struct module_instance *instance)
{
	struct keeper *keeper = keeper_of_instance(instance);
	if (!keeper)
		return;
	pthread_mutex_lock(&keepers.lock);
	list_remove(&keeper->node);
	pthread_mutex_unlock(&keepers.lock);
	module_timer_free(&keeper->words.timer);
	module_timer_free(&keeper->retention.timer);
	module_timer_free(&keeper->batch.timer);
	keeper->left = true;
	if (!keeper->busy)
		keeper_free(keeper);
}
