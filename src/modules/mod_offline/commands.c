/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <time.h>

#include "modules/mod_offline/offline.h"
#include "stanzad/clock.h"
#include "stanzad/command.h"
#include "stanzad/mem.h"

#define PAGE 200 /* rows of one transaction */
#define DAY_SECONDS 86400

/* --- get_offline_count ------------------------------------------------------------------------ */

struct counting {
	const struct jid *jid;
	int64_t count;
};

static int count_run(void *arg, struct db *db, struct err *err)
{
	struct counting *counting = arg;
	struct db_rows *rows = DB_QUERY(db, err, "SELECT COUNT(*) FROM spool WHERE {host=} username = ?",
	    DB_P_TEXT(jid_domain(counting->jid)), DB_P_TEXT(jid_local(counting->jid)));
	int rc = rows ? db_next(rows, err) : -1;
	if (rc > 0)
		counting->count = db_int(rows, 0);
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

/* What is being written counts as well. */
static void count_in_memory(void *arg, struct user *user)
{
	struct counting *counting = arg;
	if (user && host_module(user_host(user), "mod_offline"))
		counting->count = offline_count(offline_of(user));
}

static enum command_outcome get_offline_count(struct command_call *call)
{
	struct command_account account;
	struct err err = {0};
	enum command_outcome outcome = command_account(call, &account);
	struct counting counting = {.jid = &account.jid, .count = OFFLINE_UNKNOWN};
	if (outcome == COMMAND_OK)
		command_on_user(jid_bare(&account.jid), count_in_memory, &counting);
	if (outcome == COMMAND_OK && counting.count == OFFLINE_UNKNOWN &&
	    store_call(STORE_READ, jid_bare(&account.jid), count_run, &counting, &err) < 0)
		outcome = command_say(call, COMMAND_FAILED, "%s", err.text);
	if (outcome == COMMAND_OK)
		call->result = json_integer(counting.count);
	command_account_fini(&account);
	return outcome;
}

/* --- deleting old and expired messages -------------------------------------------------------- */

struct sweep {
	struct str host;
	int64_t after;   /* pages begin behind this seq */
	char before[32]; /* delete_old_messages: as the database writes timestamps */
	int64_t expired[PAGE];
	size_t expired_count, read_count;
};

static int find_expired(void *arg, struct db *db, struct err *err)
{
	struct sweep *sweep = arg;
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT seq, xml, created_at FROM spool WHERE {host=} seq > ? AND xml LIKE '%jabber:x:expire%' "
	    "ORDER BY seq LIMIT ?",
	    DB_P_TEXT(sweep->host), DB_P_INT(sweep->after), DB_P_INT(PAGE));
	int rc = rows ? 1 : -1;
	sweep->expired_count = sweep->read_count = 0;
	while (rc > 0 && (rc = db_next(rows, err)) > 0) {
		struct offline_row row = {db_int(rows, 0), db_text(rows, 1), db_text(rows, 2)};
		struct offline_message message;
		struct err ignored;
		if (offline_message_read(&row, &message, &ignored) == 0 && message.expired)
			sweep->expired[sweep->expired_count++] = row.seq;
		offline_message_fini(&message);
		sweep->after = row.seq;
		sweep->read_count++;
	}
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

static int delete_expired(void *arg, struct db *db, struct err *err)
{
	struct sweep *sweep = arg;
	for (size_t i = 0; i < sweep->expired_count; i++)
		if (DB_EXEC(db, err, "DELETE FROM spool WHERE {host=} seq = ?", DB_P_TEXT(sweep->host),
			DB_P_INT(sweep->expired[i])) < 0)
			return -1;
	return 0;
}

static int sweep_expired(struct sweep *sweep, struct err *err)
{
	do {
		if (store_call(STORE_READ, STR_NULL, find_expired, sweep, err) < 0 ||
		    (sweep->expired_count &&
			store_call(STORE_WRITE, STR_NULL, delete_expired, sweep, err) < 0))
			return -1;
	} while (sweep->read_count == PAGE);
	return 0;
}

static int delete_old(void *arg, struct db *db, struct err *err)
{
	struct sweep *sweep = arg;
	return DB_EXEC(db, err, "DELETE FROM spool WHERE {host=} created_at < ?", DB_P_TEXT(sweep->host),
		   DB_P_TEXT(str_of(sweep->before))) < 0
		   ? -1
		   : 0;
}

static int sweep_old(struct sweep *sweep, struct err *err)
{
	return store_call(STORE_WRITE, STR_NULL, delete_old, sweep, err);
}

static enum command_outcome sweep_hosts(
    struct command_call *call, struct sweep *sweep, int (*fn)(struct sweep *sweep, struct err *err))
{
	json_t *hosts = command_hosts(), *host;
	struct err err = {0};
	size_t i;
	int rc = 0;
	json_array_foreach(hosts, i, host)
	{
		sweep->host = (struct str){json_string_value(host), json_string_length(host)};
		sweep->after = 0;
		if ((rc = fn(sweep, &err)) < 0)
			break;
	}
	json_decref(hosts);
	offline_forget_counts();
	return rc < 0 ? command_say(call, COMMAND_FAILED, "%s", err.text) : COMMAND_OK;
}

static enum command_outcome delete_expired_messages(struct command_call *call)
{
	struct sweep *sweep = mem_zalloc(sizeof(*sweep));
	enum command_outcome outcome = sweep_hosts(call, sweep, sweep_expired);
	free(sweep);
	return outcome;
}

static enum command_outcome delete_old_messages(struct command_call *call)
{
	int64_t days = command_integer(call, "days");
	time_t now = (time_t)(clock_real_us() / 1000000);
	struct tm utc;
	if (days < 0 || days > now / DAY_SECONDS)
		return command_say(call, COMMAND_USAGE, "days is a number from 0 on");
	struct sweep *sweep = mem_zalloc(sizeof(*sweep));
	time_t before = now - days * DAY_SECONDS;
	strftime(sweep->before, sizeof(sweep->before), "%Y-%m-%d %H:%M:%S", gmtime_r(&before, &utc));
	enum command_outcome outcome = sweep_hosts(call, sweep, sweep_old);
	free(sweep);
	return outcome;
}

static const struct command_argument user_arguments[] = {
    {"user", COMMAND_STRING, "User name", NULL},
    {"host", COMMAND_STRING, "Server name", NULL},
    {0},
};

static const struct command_argument days_arguments[] = {
    {"days", COMMAND_INTEGER, "Number of days", NULL},
    {0},
};

const struct command offline_commands[] = {
    {"get_offline_count", "offline", "How many offline messages wait for a user.", user_arguments,
	COMMAND_VALUE, NULL, get_offline_count},
    {"delete_expired_messages", "offline", "Delete offline messages whose own time limit (XEP-0023) is over.",
	NULL, COMMAND_RESCODE, NULL, delete_expired_messages},
    {"delete_old_messages", "offline", "Delete offline messages that are older than a number of days.",
	days_arguments, COMMAND_RESCODE, NULL, delete_old_messages},
    {0},
};
