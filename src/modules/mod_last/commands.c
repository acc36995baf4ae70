/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_last/last.h"
#include "stanzad/clock.h"
#include "stanzad/command.h"
#include "stanzad/datetime.h"

struct task {
	const struct jid *jid;
	struct arena *arena;
	struct last_entry entry;
	int found;
};

static int read_run(void *arg, struct db *db, struct err *err)
{
	struct task *task = arg;
	task->found = last_read(db, task->jid, task->arena, &task->entry, err);
	return task->found < 0 ? -1 : 0;
}

static int write_run(void *arg, struct db *db, struct err *err)
{
	struct task *task = arg;
	return last_write(db, task->jid, &task->entry, err);
}

static void on_user(void *arg, struct user *user)
{
	bool *online_r = arg;
	*online_r = user && user_first_session(user);
}

static json_t *result_of(int64_t us, struct str status)
{
	char stamp[DATETIME_MAX];
	datetime_format(stamp, us, 6);
	return json_pack(
	    "{s:s, s:s%}", "timestamp", stamp, "status", status.ptr ? status.ptr : "", status.len);
}

static enum command_outcome get_last(struct command_call *call)
{
	struct command_account account;
	struct err err = {0};
	bool online = false;
	enum command_outcome outcome = command_existing_account(call, &account);
	struct task task = {.jid = &account.jid, .arena = &account.arena};
	if (outcome == COMMAND_OK)
		command_on_user(jid_bare(&account.jid), on_user, &online);
	if (outcome == COMMAND_OK && !online &&
	    store_call(STORE_READ, jid_bare(&account.jid), read_run, &task, &err) < 0)
		outcome = command_say(call, COMMAND_FAILED, "%s", err.text);
	if (outcome == COMMAND_OK && online)
		call->result = result_of(clock_real_us(), STR("ONLINE"));
	else if (outcome == COMMAND_OK && task.found)
		call->result = result_of(task.entry.seconds * 1000000, task.entry.status);
	else if (outcome == COMMAND_OK)
		call->result = result_of(0, STR("NOT FOUND"));
	command_account_fini(&account);
	return outcome;
}

static enum command_outcome set_last(struct command_call *call)
{
	struct command_account account;
	struct err err = {0};
	enum command_outcome outcome = command_existing_account(call, &account);
	struct task task = {
	    .jid = &account.jid,
	    .entry = {command_integer(call, "timestamp"), command_string(call, "status")},
	};
	if (outcome == COMMAND_OK && task.entry.seconds < 0)
		outcome = command_say(call, COMMAND_USAGE, "timestamp is seconds since 1970");
	if (outcome == COMMAND_OK &&
	    store_call(STORE_WRITE, jid_bare(&account.jid), write_run, &task, &err) < 0)
		outcome = command_say(call, COMMAND_FAILED, "%s", err.text);
	command_account_fini(&account);
	return outcome;
}

static const struct command_argument get_arguments[] = {
    {"user", COMMAND_STRING, "User name", NULL},
    {"host", COMMAND_STRING, "Server name", NULL},
    {0},
};

static const struct command_argument set_arguments[] = {
    {"user", COMMAND_STRING, "User name", NULL},
    {"host", COMMAND_STRING, "Server name", NULL},
    {"timestamp", COMMAND_INTEGER, "Seconds since 1970-01-01 00:00 UTC", NULL},
    {"status", COMMAND_STRING, "Status text", NULL},
    {0},
};

static const char *const columns[] = {"timestamp", "status", NULL};

const struct command last_commands[] = {
    {"get_last", "last", "Tell when a user was last there.", get_arguments, COMMAND_OBJECT, columns,
	get_last},
    {"set_last", "last", "Set when a user was last there.", set_arguments, COMMAND_RESCODE, NULL, set_last},
    {0},
};
