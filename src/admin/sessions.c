/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about sessions: listing them, ending them, their presence. */
#include "admin/sessions.h"

#include <unistd.h>

#include "admin/commands.h"
#include "base/clock.h"
#include "stanzad/user.h"

static json_t *json_str(struct str s)
{
	json_t *value = json_stringn(s.ptr ? s.ptr : "", s.len);

	return value ? value : json_string("");
}

/* --- lists -------------------------------------------------------------------------------------------- */

static json_t *jids(const struct session_copies *copies)
{
	json_t *list = json_array();

	for (const struct session_copy *copy = copies->first; copy; copy = copy->next)
		json_array_append_new(list, json_str(copy->jid));
	return list;
}

static enum command_outcome run_connected_users(struct command_call *call)
{
	struct session_copies copies;

	sessions_copy(STR_NULL, &copies);
	call->result = jids(&copies);
	session_copies_fini(&copies);
	return COMMAND_OK;
}

static enum command_outcome run_connected_users_vhost(struct command_call *call)
{
	struct session_copies copies;
	struct arena arena = {0};
	struct str host;
	enum command_outcome outcome = command_host(call, "host", &arena, &host);

	if (outcome == COMMAND_OK) {
		sessions_copy(host, &copies);
		call->result = jids(&copies);
		session_copies_fini(&copies);
	}
	arena_fini(&arena);
	return outcome;
}

static enum command_outcome run_connected_users_number(struct command_call *call)
{
	call->result = json_integer(sessions_count(STR_NULL));
	return COMMAND_OK;
}

/* --- with everything that is known -------------------------------------------------------------------- */

static void node_name(char *out, size_t size)
{
	char host[128] = "";

	gethostname(host, sizeof(host) - 1);
	snprintf(out, size, "stanzad@%s", host[0] ? host : "localhost");
}

static json_t *describe(const struct session_copy *copy, const char *node, int64_t now_us)
{
	int64_t uptime =
	    copy->since_us > 0 && now_us > copy->since_us ? (now_us - copy->since_us) / 1000000 : 0;
	json_t *row = json_object();

	json_object_set_new(row, "connection", json_string(copy->connection));
	json_object_set_new(row, "ip", json_str(copy->ip));
	json_object_set_new(row, "port", json_integer(copy->port));
	json_object_set_new(row, "priority", json_integer(copy->priority));
	json_object_set_new(row, "node", json_string(node));
	json_object_set_new(row, "uptime", json_integer(uptime));
	json_object_set_new(row, "status", json_str(copy->show));
	json_object_set_new(row, "resource", json_str(copy->resource));
	json_object_set_new(row, "statustext", json_str(copy->status));
	return row;
}

/* jid: as the first member of each row. */
static json_t *describe_all(const struct session_copies *copies, bool jid)
{
	json_t *rows = json_array();
	int64_t now_us = clock_real_us();
	char node[160];

	node_name(node, sizeof(node));
	for (const struct session_copy *copy = copies->first; copy; copy = copy->next) {
		json_t *row = describe(copy, node, now_us), *named = json_object();
		if (jid)
			json_object_set_new(named, "jid", json_str(copy->jid));
		json_object_update(named, row);
		json_decref(row);
		json_array_append_new(rows, named);
	}
	return rows;
}

static enum command_outcome run_connected_users_info(struct command_call *call)
{
	struct session_copies copies;

	sessions_copy(STR_NULL, &copies);
	call->result = describe_all(&copies, true);
	session_copies_fini(&copies);
	return COMMAND_OK;
}

/* The copies are to be freed in any case. */
static enum command_outcome copy_sessions_of(struct command_call *call, struct session_copies *copies_r)
{
	struct command_account account;
	enum command_outcome outcome = command_account(call, &account);

	*copies_r = (struct session_copies){0};
	if (outcome == COMMAND_OK)
		sessions_copy_user(jid_bare(&account.jid), copies_r);
	command_account_fini(&account);
	return outcome;
}

static enum command_outcome run_user_sessions_info(struct command_call *call)
{
	struct session_copies copies;
	enum command_outcome outcome = copy_sessions_of(call, &copies);

	if (outcome == COMMAND_OK)
		call->result = describe_all(&copies, false);
	session_copies_fini(&copies);
	return outcome;
}

static enum command_outcome run_user_resources(struct command_call *call)
{
	struct session_copies copies;
	enum command_outcome outcome = copy_sessions_of(call, &copies);

	if (outcome == COMMAND_OK) {
		call->result = json_array();
		for (const struct session_copy *copy = copies.first; copy; copy = copy->next)
			json_array_append_new(call->result, json_str(copy->resource));
	}
	session_copies_fini(&copies);
	return outcome;
}

static enum command_outcome run_num_resources(struct command_call *call)
{
	struct session_copies copies;
	enum command_outcome outcome = copy_sessions_of(call, &copies);

	if (outcome == COMMAND_OK)
		call->result = json_integer(copies.count);
	session_copies_fini(&copies);
	return outcome;
}

static enum command_outcome run_resource_num(struct command_call *call)
{
	int64_t wanted = command_integer(call, "num");
	struct session_copies copies;
	enum command_outcome outcome = copy_sessions_of(call, &copies);

	if (outcome == COMMAND_OK && (wanted < 1 || wanted > copies.count)) {
		outcome = command_say(call, COMMAND_NOT_FOUND, "the user has %u sessions", copies.count);
	} else if (outcome == COMMAND_OK) {
		const struct session_copy *copy = copies.first;
		while (--wanted)
			copy = copy->next;
		call->result = json_str(copy->resource);
	}
	session_copies_fini(&copies);
	return outcome;
}

/* --- presence ----------------------------------------------------------------------------------------- */

static enum command_outcome run_get_presence(struct command_call *call)
{
	struct session_copies copies;
	const struct session_copy *best = NULL;
	struct command_account account;
	enum command_outcome outcome = command_account(call, &account);

	if (outcome == COMMAND_OK) {
		sessions_copy_user(jid_bare(&account.jid), &copies);
		for (const struct session_copy *copy = copies.first; copy; copy = copy->next)
			if (!str_is(copy->show, "unavailable") && (!best || copy->priority > best->priority))
				best = copy;
		call->result = json_object();
		json_object_set_new(call->result, "jid", json_str(best ? best->jid : jid_bare(&account.jid)));
		json_object_set_new(call->result, "show", json_str(best ? best->show : STR("unavailable")));
		json_object_set_new(call->result, "status", json_str(best ? best->status : STR("")));
		session_copies_fini(&copies);
	}
	command_account_fini(&account);
	return outcome;
}

static bool has_status(const struct session_copy *copy, struct str status)
{
	return str_is(status, "all") || str_eq(copy->show, status);
}

/* host: empty for all. */
static void status_rows(struct command_call *call, struct str host, bool only_count)
{
	struct str status = command_string(call, "status");
	struct session_copies copies;
	json_t *rows = json_array();

	sessions_copy(host, &copies);
	for (const struct session_copy *copy = copies.first; copy; copy = copy->next) {
		if (!has_status(copy, status))
			continue;
		json_t *row = json_object();
		json_object_set_new(row, "jid", json_str(copy->jid));
		json_object_set_new(row, "priority", json_integer(copy->priority));
		json_object_set_new(row, "status", json_str(copy->status));
		json_array_append_new(rows, row);
	}
	session_copies_fini(&copies);
	call->result = only_count ? json_integer((json_int_t)json_array_size(rows)) : json_incref(rows);
	json_decref(rows);
}

static enum command_outcome status_rows_host(struct command_call *call, bool only_count)
{
	struct arena arena = {0};
	struct str host;
	enum command_outcome outcome = command_host(call, "host", &arena, &host);

	if (outcome == COMMAND_OK)
		status_rows(call, host, only_count);
	arena_fini(&arena);
	return outcome;
}

static enum command_outcome run_status_num(struct command_call *call)
{
	status_rows(call, STR_NULL, true);
	return COMMAND_OK;
}

static enum command_outcome run_status_list(struct command_call *call)
{
	status_rows(call, STR_NULL, false);
	return COMMAND_OK;
}

static enum command_outcome run_status_num_host(struct command_call *call)
{
	return status_rows_host(call, true);
}

static enum command_outcome run_status_list_host(struct command_call *call)
{
	return status_rows_host(call, false);
}

/* --- ending ------------------------------------------------------------------------------------------- */

struct kick {
	struct str bare, resource; /* resource empty: all */
	const char *condition, *text;
	unsigned kicked;
};

static void do_kick(void *arg)
{
	struct kick *kick = arg;
	struct user *user = user_find(kick->bare);
	struct session *next;

	if (!user)
		return;
	user_hold(user);
	for (struct session *session = user_first_session(user); session; session = next) {
		next = session_next(session);
		if (kick->resource.len && !str_eq(jid_resource(session_jid(session)), kick->resource))
			continue;
		kick->kicked++;
		session_close(session, kick->condition, kick->text);
	}
	user_release(user);
}

static enum command_outcome run_kick_user(struct command_call *call)
{
	struct command_account account;
	enum command_outcome outcome = command_account(call, &account);

	if (outcome == COMMAND_OK) {
		struct kick kick = {
		    .bare = jid_bare(&account.jid),
		    .condition = "policy-violation",
		    .text = "ended by an administrator",
		};
		command_on_home(kick.bare, do_kick, &kick);
		outcome = command_say(
		    call, COMMAND_OK, "%u session%s ended", kick.kicked, kick.kicked == 1 ? "" : "s");
	}
	command_account_fini(&account);
	return outcome;
}

static enum command_outcome run_kick_session(struct command_call *call)
{
	struct command_account account;
	struct str reason = command_string(call, "reason");
	struct err err;
	struct kick kick = {.condition = "policy-violation", .text = reason.len ? reason.ptr : NULL};
	enum command_outcome outcome = command_account(call, &account);

	if (outcome == COMMAND_OK &&
	    jid_prep_resource(command_string(call, "resource"), &account.arena, &kick.resource, &err) < 0)
		outcome = command_say(call, COMMAND_USAGE, "this is no resource: %s", err.text);
	if (outcome == COMMAND_OK && !kick.resource.len)
		outcome =
		    command_say(call, COMMAND_USAGE, "the resource is empty; kick_user ends all sessions");
	if (outcome == COMMAND_OK) {
		kick.bare = jid_bare(&account.jid);
		command_on_home(kick.bare, do_kick, &kick);
		if (!kick.kicked)
			outcome = command_say(call, COMMAND_NOT_FOUND,
			    "%.*s has no session with this resource", STR_FMT(kick.bare));
	}
	command_account_fini(&account);
	return outcome;
}

/* --- the table ---------------------------------------------------------------------------------------- */

#define USER_AND_HOST                                                                                        \
	{"user", COMMAND_STRING, "name of the user, without the host", NULL},                                \
	{                                                                                                    \
		"host", COMMAND_STRING, "virtual host of this server", NULL                                  \
	}
#define HOST                                                                                                 \
	{                                                                                                    \
		"host", COMMAND_STRING, "virtual host of this server", NULL                                  \
	}
#define STATUS                                                                                               \
	{                                                                                                    \
		"status", COMMAND_STRING, "available, chat, away, dnd, xa, unavailable, or all", NULL        \
	}

static const struct command_argument user_arguments[] = {USER_AND_HOST, {0}};
static const struct command_argument host_arguments[] = {HOST, {0}};
static const struct command_argument status_arguments[] = {STATUS, {0}};
static const struct command_argument status_host_arguments[] = {HOST, STATUS, {0}};
static const struct command_argument num_arguments[] = {
    USER_AND_HOST,
    {"num", COMMAND_INTEGER, "which session, 1 is the oldest", NULL},
    {0},
};
static const struct command_argument kick_session_arguments[] = {
    USER_AND_HOST,
    {"resource", COMMAND_STRING, "resource of the session", NULL},
    {"reason", COMMAND_STRING, "what the client is told", ""},
    {0},
};

#define SESSION_COLUMNS                                                                                      \
	"connection", "ip", "port", "priority", "node", "uptime", "status", "resource", "statustext"
static const char *const info_columns[] = {"jid", SESSION_COLUMNS, NULL};
static const char *const user_info_columns[] = {SESSION_COLUMNS, NULL};
static const char *const status_columns[] = {"jid", "priority", "status", NULL};
static const char *const presence_columns[] = {"jid", "show", "status", NULL};

#define COMMAND(name_, doc_, arguments_, result_, columns_)                                                  \
	{                                                                                                    \
		.name = #name_, .tag = "session", .doc = doc_, .arguments = arguments_, .result = result_,   \
		.columns = columns_, .run = run_##name_                                                      \
	}

const struct command sessions_commands[] = {
    COMMAND(connected_users, "Lists all sessions by full JID.", NULL, COMMAND_LIST, NULL),
    COMMAND(connected_users_vhost, "Lists the sessions of a host by full JID.", host_arguments, COMMAND_LIST,
	NULL),
    COMMAND(connected_users_number, "Counts all sessions.", NULL, COMMAND_VALUE, NULL),
    COMMAND(connected_users_info, "Lists all sessions with what is known of each.", NULL, COMMAND_TABLE,
	info_columns),
    COMMAND(user_sessions_info, "Lists the sessions of a user with what is known of each.", user_arguments,
	COMMAND_TABLE, user_info_columns),
    COMMAND(user_resources, "Lists the resources of a user's sessions.", user_arguments, COMMAND_LIST, NULL),
    COMMAND(num_resources, "Counts the sessions of a user.", user_arguments, COMMAND_VALUE, NULL),
    COMMAND(resource_num, "Shows the resource of a user's n-th session.", num_arguments, COMMAND_VALUE, NULL),
    COMMAND(get_presence, "Shows the presence of a user's session with the highest priority.", user_arguments,
	COMMAND_OBJECT, presence_columns),
    COMMAND(status_num, "Counts the sessions with a presence status.", status_arguments, COMMAND_VALUE, NULL),
    COMMAND(status_list, "Lists the sessions with a presence status.", status_arguments, COMMAND_TABLE,
	status_columns),
    COMMAND(status_num_host, "Counts the sessions of a host with a presence status.", status_host_arguments,
	COMMAND_VALUE, NULL),
    COMMAND(status_list_host, "Lists the sessions of a host with a presence status.", status_host_arguments,
	COMMAND_TABLE, status_columns),
    COMMAND(kick_user, "Ends all sessions of a user.", user_arguments, COMMAND_RESTUPLE, NULL),
    COMMAND(kick_session, "Ends one session.", kick_session_arguments, COMMAND_RESCODE, NULL),
    {0},
};
