/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_push/push.h"
#include "stanzad/clock.h"

#define DAY_US (INT64_C(86400) * 1000000)

struct sweep {
	struct str host;
	int64_t before_us;
};

static int sweep_run(void *arg, struct db *db, struct err *err)
{
	const struct sweep *sweep = arg;
	return DB_EXEC(db, err, "DELETE FROM push_session WHERE {host=} timestamp < ?", DB_P_TEXT(sweep->host),
		   DB_P_INT(sweep->before_us)) < 0
		   ? -1
		   : 0;
}

static enum command_outcome delete_old_push_sessions(struct command_call *call)
{
	int64_t days = command_integer(call, "days"), now = clock_real_us();
	struct sweep sweep = {.before_us = now - days * DAY_US};
	struct err err = {0};
	size_t i;
	int rc = 0;
	if (days < 0 || days > now / DAY_US)
		return command_say(call, COMMAND_USAGE, "days is a number from 0 on");
	json_t *hosts = command_hosts(), *host;
	json_array_foreach(hosts, i, host)
	{
		sweep.host = (struct str){json_string_value(host), json_string_length(host)};
		if (rc == 0)
			rc = store_call(STORE_WRITE, STR_NULL, sweep_run, &sweep, &err);
	}
	json_decref(hosts);
	push_forget_before(sweep.before_us);
	return rc < 0 ? command_say(call, COMMAND_FAILED, "%s", err.text) : COMMAND_OK;
}

static const struct command_argument arguments[] = {
    {"days", COMMAND_INTEGER, "Number of days", NULL},
    {0},
};

const struct command push_commands[] = {
    {"delete_old_push_sessions", "purge",
	"Remove registrations for push notifications that were not renewed for a number of days.", arguments,
	COMMAND_RESCODE, NULL, delete_old_push_sessions},
    {0},
};
