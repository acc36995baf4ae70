/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc_admin/muc_admin.h"

/* The nick of an account at a service. */
struct nick_task {
	struct muc *muc;
	struct arena arena;
	struct str service, bare, nick;
	json_t *rows;
};

static enum command_outcome read_service(struct nick_task *task, struct command_call *call)
{
	struct err err = {0};
	if (jid_prep_domain(command_string(call, "service"), &task->arena, &task->service, &err) < 0)
		return command_say(call, COMMAND_USAGE, "service: %s", err.text);
	task->muc = muc_serving(task->service);
	if (!task->muc)
		return command_say(
		    call, COMMAND_NOT_FOUND, "%.*s is no service of rooms here", STR_FMT(task->service));
	return COMMAND_OK;
}

static enum command_outcome read_task(struct nick_task *task, struct command_call *call)
{
	struct str local, domain;
	struct jid jid;
	struct err err = {0};
	enum command_outcome outcome = read_service(task, call);
	if (outcome != COMMAND_OK)
		return outcome;
	if (jid_prep_local(command_string(call, "user"), &task->arena, &local, &err) < 0)
		return command_say(call, COMMAND_USAGE, "user: %s", err.text);
	if (jid_prep_domain(command_string(call, "host"), &task->arena, &domain, &err) < 0)
		return command_say(call, COMMAND_USAGE, "host: %s", err.text);
	jid_make(local, domain, STR_NULL, &task->arena, &jid, NULL);
	task->bare = jid_bare(&jid);
	return COMMAND_OK;
}

static int run_write(void *arg, struct db *db, struct err *err)
{
	struct nick_task *task = arg;
	int rc = muc_nicks_ensure(task->muc, db, err);
	return rc < 0 ? -1 : muc_nicks_write(task->muc, db, task->service, task->bare, task->nick, err);
}

static enum command_outcome write_nick(struct nick_task *task, struct command_call *call)
{
	struct err err = {0};
	int rc = store_call(STORE_WRITE, task->service, run_write, task, &err);
	if (rc < 0)
		return command_say(call, COMMAND_FAILED, "%s", err.text);
	if (rc > 0)
		return command_say(call, COMMAND_CONFLICT, "somebody else registered this nick");
	muc_nicks_note(task->muc, task->service, task->bare, task->nick);
	return COMMAND_OK;
}

enum command_outcome admin_register_nick(struct command_call *call)
{
	struct nick_task task = {0};
	struct err err = {0};
	enum command_outcome outcome = read_task(&task, call);
	if (outcome == COMMAND_OK &&
	    (jid_prep_resource(command_string(call, "nick"), &task.arena, &task.nick, &err) < 0 ||
		!str_trim(task.nick).len))
		outcome = command_say(call, COMMAND_USAGE, "nick: %s", err.text[0] ? err.text : "it is empty");
	if (outcome == COMMAND_OK)
		outcome = write_nick(&task, call);
	arena_fini(&task.arena);
	return outcome;
}

static int run_ensure(void *arg, struct db *db, struct err *err)
{
	return muc_nicks_ensure(((struct nick_task *)arg)->muc, db, err);
}

/* The nick that is registered now: COMMAND_NOT_FOUND when there is none. */
static enum command_outcome find_nick(struct nick_task *task, struct command_call *call)
{
	struct err err = {0};
	enum command_outcome outcome = read_task(task, call);
	if (outcome != COMMAND_OK)
		return outcome;
	if (store_call(STORE_READ, task->service, run_ensure, task, &err) < 0)
		return command_say(call, COMMAND_FAILED, "%s", err.text);
	task->nick = muc_nicks_of(task->muc, task->service, task->bare, &task->arena);
	if (!task->nick.ptr)
		return command_say(
		    call, COMMAND_NOT_FOUND, "%.*s has registered no nick", STR_FMT(task->bare));
	return COMMAND_OK;
}

enum command_outcome admin_unregister_nick(struct command_call *call)
{
	struct nick_task task = {0};
	enum command_outcome outcome = find_nick(&task, call);
	task.nick = STR_NULL;
	if (outcome == COMMAND_OK)
		outcome = write_nick(&task, call);
	arena_fini(&task.arena);
	return outcome;
}

enum command_outcome admin_registered_nick(struct command_call *call)
{
	struct nick_task task = {0};
	enum command_outcome outcome = find_nick(&task, call);
	if (outcome == COMMAND_OK)
		call->result = admin_json(task.nick);
	arena_fini(&task.arena);
	return outcome;
}

static int run_list(void *arg, struct db *db, struct err *err)
{
	struct nick_task *task = arg;
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT jid, nick FROM muc_registered WHERE {host=} host = ? ORDER BY jid",
	    DB_P_TEXT(host_name(module_host(task->muc->instance))), DB_P_TEXT(task->service));
	int rc;
	while ((rc = db_next(rows, err)) > 0) {
		struct str host, user = str_cut(db_text(rows, 0), '@', &host);
		json_array_append_new(task->rows,
		    json_pack("{s:o, s:o, s:o}", "user", admin_json(user), "host", admin_json(host), "nick",
			admin_json(db_text(rows, 1))));
	}
	db_end(&rows);
	return rc;
}

enum command_outcome admin_registered_nicks(struct command_call *call)
{
	struct nick_task task = {.rows = json_array()};
	struct err err = {0};
	enum command_outcome outcome = read_service(&task, call);
	if (outcome == COMMAND_OK && store_call(STORE_READ, task.service, run_list, &task, &err) < 0)
		outcome = command_say(call, COMMAND_FAILED, "%s", err.text);
	if (outcome == COMMAND_OK)
		call->result = json_incref(task.rows);
	json_decref(task.rows);
	arena_fini(&task.arena);
	return outcome;
}
