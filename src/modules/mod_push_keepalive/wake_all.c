/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_push/wake.h"
#include "modules/mod_push_keepalive/keepalive.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/timer.h"
#include "stanzad/work.h"

/* So many users are woken each second. */
#define BATCH 50
#define PAUSE_MS 1000

/* Goes through the users with registrations in the order of their names. On worker 0, but for read_batch. */
struct round {
	struct module_timer *timer;
	struct str host;
	char *after; /* the last name that was read */
	char *names[BATCH];
	unsigned count, woken;
	bool failed;
};

static void round_free(struct round *round)
{
	module_timer_free(&round->timer);
	free(round->after);
	free(round);
}

static int read_batch(void *arg, struct db *db, struct err *err)
{
	struct round *round = arg;
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT DISTINCT username FROM push_session WHERE {host=} username > ? ORDER BY username LIMIT ?",
	    DB_P_TEXT(round->host), DB_P_TEXT(str_of(round->after)), DB_P_INT(BATCH));
	int rc;
	while ((rc = db_next(rows, err)) > 0)
		round->names[round->count++] = str_dup(db_text(rows, 0));
	db_end(&rows);
	return rc;
}

static void read_names(struct module_instance *instance, void *arg)
{
	struct round *round = arg;
	struct err err = {0};
	round->count = 0;
	round->failed = store_call(STORE_READ, STR_NULL, read_batch, round, &err) < 0;
	if (round->failed)
		LOG_ERROR("push.wake_failed", LOG_STR("host", round->host), LOG_CSTR("reason", err.text));
}

/* --- one user: on their home ---------------------------------------------------------------------------- */

static void on_user(void *arg, struct user *user)
{
	if (user)
		push_wake_user(user);
}

static void wake(struct module_instance *instance, void *arg)
{
	char *bare = arg;
	struct arena arena = {0};
	struct jid jid;
	struct err err;
	if (jid_parse(str_of(bare), &arena, &jid, &err) == 0)
		user_load(&jid, on_user, NULL);
	arena_fini(&arena);
	free(bare);
}

static void wake_one(struct module_instance *instance, struct round *round, const char *name)
{
	struct strbuf bare = {0};
	strbuf_printf(&bare, "%s@%.*s", name, STR_FMT(round->host));
	char *text = strbuf_take(&bare);
	module_post(instance, str_of(text), wake, text);
	round->woken++;
}

/* --- one batch ------------------------------------------------------------------------------------------ */

static void on_names(struct module_instance *instance, void *arg)
{
	struct round *round = arg;
	bool more = round->count == BATCH && !round->failed;
	for (unsigned i = 0; i < round->count; i++) {
		wake_one(instance, round, round->names[i]);
		free(round->after);
		round->after = round->names[i];
	}
	if (more) {
		module_timer_start(round->timer, PAUSE_MS);
		return;
	}
	LOG_INFO("push.woken", LOG_STR("host", round->host), LOG_INT("users", round->woken));
	module_set_state(instance, NULL);
	round_free(round);
}

static void on_pause_over(struct module_instance *instance, void *arg)
{
	module_run(instance, read_names, on_names, arg);
}

enum hook_verdict keepalive_on_started(struct module_instance *instance, struct hook_host *event)
{
	if (!module_option(instance, "wake_on_start")->boolean)
		return HOOK_PASS;
	struct round *round = mem_zalloc(sizeof(*round));
	round->host = host_name(module_host(instance));
	round->after = str_dup(STR(""));
	round->timer = module_timer_new(instance, on_pause_over, round);
	module_set_state(instance, round);
	module_run(instance, read_names, on_names, round);
	return HOOK_PASS;
}

void keepalive_on_stop(struct module_instance *instance)
{
	struct round *round = module_state(instance);
	if (round)
		round_free(round);
}
