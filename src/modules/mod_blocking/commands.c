/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_blocking/blocking.h"
#include "stanzad/clock.h"
#include "stanzad/datetime.h"

#define PAGE 500 /* rows of one answer */
#define DAY_SECONDS 86400

struct task {
	struct str host;
	int64_t number; /* an id, or seconds since 1970 */
	json_t *rows;
	int64_t changed;
};

static json_t *json_text(struct str text)
{
	return json_stringn(text.ptr ? text.ptr : "", text.len);
}

static json_t *json_row(struct db_rows *rows)
{
	char time[DATETIME_MAX];
	datetime_format(time, db_int(rows, 8) * 1000000, 0);
	return json_pack("{s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:i}", "id", (json_int_t)db_int(rows, 0),
	    "time", time, "reporter", json_text(db_text(rows, 1)), "jid", json_text(db_text(rows, 2)),
	    "reason", json_text(db_text(rows, 3)), "text", json_text(db_text(rows, 4)), "stanza_ids",
	    json_text(db_text(rows, 5)), "report_origin", (int)db_int(rows, 6), "third_party",
	    (int)db_int(rows, 7));
}

static int list_run(void *arg, struct db *db, struct err *err)
{
	struct task *task = arg;
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT id, username, jid, reason, comment, stanza_ids, report_origin, third_party, reported_at "
	    "FROM mod_blocking_reports WHERE {host=} id > ? ORDER BY id LIMIT ?",
	    DB_P_TEXT(task->host), DB_P_INT(task->number), DB_P_INT(PAGE));
	int rc = rows ? 1 : -1;
	while (rc > 0 && (rc = db_next(rows, err)) > 0)
		json_array_append_new(task->rows, json_row(rows));
	db_end(&rows);
	return rc;
}

static int delete_run(void *arg, struct db *db, struct err *err)
{
	struct task *task = arg;
	task->changed = DB_EXEC(db, err, "DELETE FROM mod_blocking_reports WHERE {host=} id = ?",
	    DB_P_TEXT(task->host), DB_P_INT(task->number));
	return task->changed < 0 ? -1 : 0;
}

static int delete_old_run(void *arg, struct db *db, struct err *err)
{
	struct task *task = arg;
	task->changed = DB_EXEC(db, err, "DELETE FROM mod_blocking_reports WHERE {host=} reported_at < ?",
	    DB_P_TEXT(task->host), DB_P_INT(task->number));
	return task->changed < 0 ? -1 : 0;
}

static enum command_outcome with_host(struct command_call *call, enum store_kind kind,
    int (*run)(void *arg, struct db *db, struct err *err), struct task *task)
{
	struct arena arena = {0};
	struct err err = {0};
	enum command_outcome outcome = command_host(call, "host", &arena, &task->host);
	if (outcome == COMMAND_OK && store_call(kind, STR_NULL, run, task, &err) < 0)
		outcome = command_say(call, COMMAND_FAILED, "%s", err.text);
	arena_fini(&arena);
	return outcome;
}

static enum command_outcome list_abuse_reports(struct command_call *call)
{
	struct task task = {.number = command_integer(call, "after"), .rows = json_array()};
	enum command_outcome outcome = with_host(call, STORE_READ, list_run, &task);
	if (outcome == COMMAND_OK)
		call->result = task.rows;
	else
		json_decref(task.rows);
	return outcome;
}

static enum command_outcome delete_abuse_report(struct command_call *call)
{
	struct task task = {.number = command_integer(call, "id")};
	enum command_outcome outcome = with_host(call, STORE_WRITE, delete_run, &task);
	if (outcome == COMMAND_OK && !task.changed)
		return command_say(call, COMMAND_NOT_FOUND, "there is no such report");
	return outcome;
}

static enum command_outcome delete_old_abuse_reports(struct command_call *call)
{
	int64_t days = command_integer(call, "days"), now = clock_real_us() / 1000000;
	if (days < 0 || days > now / DAY_SECONDS)
		return command_say(call, COMMAND_USAGE, "days is a number of days in the past");
	struct task task = {.number = now - days * DAY_SECONDS + (days ? 0 : 1)};
	enum command_outcome outcome = with_host(call, STORE_WRITE, delete_old_run, &task);
	if (outcome == COMMAND_OK)
		call->result = json_integer(task.changed);
	return outcome;
}

static const char *const columns[] = {
    "id", "time", "reporter", "jid", "reason", "text", "stanza_ids", "report_origin", "third_party", NULL};

static const struct command_argument list_arguments[] = {
    {"host", COMMAND_STRING, "Server name", NULL},
    {"after", COMMAND_INTEGER, "Only those with a larger id", "0"},
    {0},
};

static const struct command_argument delete_arguments[] = {
    {"host", COMMAND_STRING, "Server name", NULL},
    {"id", COMMAND_INTEGER, "Number of the report", NULL},
    {0},
};

static const struct command_argument delete_old_arguments[] = {
    {"host", COMMAND_STRING, "Server name", NULL},
    {"days", COMMAND_INTEGER, "How old they are at least", NULL},
    {0},
};

const struct command blocking_commands[] = {
    {"list_abuse_reports", "accounts", "List what users reported when they blocked somebody, at most 500.",
	list_arguments, COMMAND_TABLE, columns, list_abuse_reports},
    {"delete_abuse_report", "accounts", "Delete one report of a user.", delete_arguments, COMMAND_RESCODE,
	NULL, delete_abuse_report},
    {"delete_old_abuse_reports", "accounts", "Delete reports of users that are older than some days.",
	delete_old_arguments, COMMAND_VALUE, NULL, delete_old_abuse_reports},
    {0},
};
