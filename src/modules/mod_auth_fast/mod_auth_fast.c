/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/fast.h"
#include "modules/storage_options.h"
#include "stanzad/clock.h"
#include "stanzad/command.h"
#include "stanzad/datetime.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/module.h"
#include "stanzad/timer.h"
#include "stanzad/work.h"

#define PURGE_MS 3600000 /* how often what has expired is removed */

static int64_t now_seconds(void)
{
	return clock_real_us() / 1000000;
}

/* --- tokens go ---------------------------------------------------------------------------------- */

struct task {
	struct fast_owner owner;
	json_t *rows;
	int64_t count;
};

static int revoke_run(void *arg, struct db *db, struct err *err)
{
	struct task *task = arg;
	task->count = fast_revoke(db, &task->owner, err);
	return task->count < 0 ? -1 : 0;
}

static int revoke(struct task *task, struct err *err)
{
	struct strbuf key = {0};
	strbuf_printf(&key, "%.*s@%.*s", STR_FMT(task->owner.user), STR_FMT(task->owner.host));
	int result = store_call(STORE_WRITE, strbuf_view(&key), revoke_run, task, err);
	strbuf_fini(&key);
	return result;
}

/* Whoever had the old password had tokens, too; and a new account has none of an older one of the same name. */
static enum hook_verdict on_new_password(struct module_instance *instance, struct hook_user_registered *event)
{
	struct task task = {.owner = {.host = event->host, .user = event->user}};
	struct err err = {0};
	if (revoke(&task, &err) < 0)
		LOG_ERROR("auth_fast.revoke_failed", LOG_STR("user", event->user),
		    LOG_STR("host", event->host), LOG_CSTR("reason", err.text));
	return HOOK_PASS;
}

static enum hook_verdict on_removed(struct module_instance *instance, struct hook_user_removed *event)
{
	struct fast_owner owner = {.host = event->host, .user = event->user};
	if (fast_revoke(event->db, &owner, event->err) < 0)
		event->result = -1;
	return HOOK_PASS;
}

static int purge_run(void *arg, struct db *db, struct err *err)
{
	const struct str *host = arg;
	return fast_purge(db, *host, now_seconds(), err) < 0 ? -1 : 0;
}

static void purge(struct module_instance *instance, void *arg)
{
	struct str host = host_name(module_host(instance));
	struct err err = {0};
	if (store_call(STORE_WRITE, STR_NULL, purge_run, &host, &err) < 0)
		LOG_ERROR("auth_fast.purge_failed", LOG_STR("host", host), LOG_CSTR("reason", err.text));
}

static void on_purge(struct module_instance *instance, void *arg)
{
	module_run(instance, purge, NULL, NULL);
}

static int on_start(struct module_instance *instance, struct err *err)
{
	module_timer_repeat(module_timer_new(instance, on_purge, NULL), PURGE_MS);
	return 0;
}

/* --- commands ----------------------------------------------------------------------------------- */

static void add_row(void *arg, struct str client, const struct fast_token *token)
{
	struct task *task = arg;
	char created[DATETIME_MAX], expires[DATETIME_MAX];
	datetime_format(created, token->created * 1000000, 0);
	datetime_format(expires, token->expires * 1000000, 0);
	json_array_append_new(
	    task->rows, json_pack("{s:s%, s:s, s:s, s:s}", "client", client.ptr ? client.ptr : "", client.len,
			    "mechanism", token->mechanism, "created", created, "expires", expires));
}

static int list_run(void *arg, struct db *db, struct err *err)
{
	struct task *task = arg;
	json_array_clear(task->rows);
	return fast_each(db, &task->owner, now_seconds(), add_row, task, err);
}

static enum command_outcome get_tokens(struct command_call *call)
{
	struct command_account account;
	struct err err = {0};
	enum command_outcome outcome = command_existing_account(call, &account);
	if (outcome == COMMAND_OK) {
		struct task task = {
		    .owner = {.host = jid_domain(&account.jid), .user = jid_local(&account.jid)},
		    .rows = json_array(),
		};
		call->result = task.rows;
		if (store_call(STORE_READ, jid_bare(&account.jid), list_run, &task, &err) < 0)
			outcome = command_say(call, COMMAND_FAILED, "%s", err.text);
	}
	command_account_fini(&account);
	return outcome;
}

static enum command_outcome revoke_tokens(struct command_call *call)
{
	struct command_account account;
	struct err err = {0};
	enum command_outcome outcome = command_account(call, &account);
	if (outcome == COMMAND_OK) {
		struct task task = {.owner = {
					.host = jid_domain(&account.jid),
					.user = jid_local(&account.jid),
					.client = command_string(call, "client"),
				    }};
		if (revoke(&task, &err) < 0)
			outcome = command_say(call, COMMAND_FAILED, "%s", err.text);
		else
			call->result = json_integer(task.count);
	}
	command_account_fini(&account);
	return outcome;
}

static const struct command_argument get_arguments[] = {
    {"user", COMMAND_STRING, "User name", NULL},
    {"host", COMMAND_STRING, "Server name", NULL},
    {0},
};

static const struct command_argument revoke_arguments[] = {
    {"user", COMMAND_STRING, "User name", NULL},
    {"host", COMMAND_STRING, "Server name", NULL},
    {"client", COMMAND_STRING, "Id of the client; empty: all", ""},
    {0},
};

static const char *const columns[] = {"client", "mechanism", "created", "expires", NULL};

static const struct command commands[] = {
    {"get_fast_tokens", "accounts", "List the log-in tokens of a user's clients.", get_arguments,
	COMMAND_TABLE, columns, get_tokens},
    {"revoke_fast_tokens", "accounts", "Revoke log-in tokens; tells how many.", revoke_arguments,
	COMMAND_VALUE, NULL, revoke_tokens},
    {0},
};

/* --- the module ----------------------------------------------------------------------------------- */

static const struct option options[] = {
    {"db_type", OPTION_ENUM, NULL, "It is in the database of the server.", "internal|mnesia|sql",
	.flags = OPTION_IGNORED},
    {"token_lifetime", OPTION_DURATION, "30 days", "How long a token counts, from when it was made.", NULL,
	1000, INT64_C(86400000) * 3650, .flags = OPTION_INFINITY},
    {"token_refresh_age", OPTION_DURATION, "1 day",
	"From what age on a token that is used is replaced by a new one.", NULL, 0, INT64_C(86400000) * 3650,
	.flags = OPTION_INFINITY},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(password_changed, on_new_password, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_registered, on_new_password, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_removed, on_removed, HOOK_NORMAL, NULL),
    {0},
};

const struct module mod_auth_fast = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_auth_fast",
    .doc = "Tokens that clients log in with in place of a password (XEP-0484).",
    .options = options,
    .hooks = hooks,
    .commands = commands,
    .start = on_start,
    .reload = module_reload_nothing,
};
