/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_mam/query.h"
#include "stanzad/clock.h"
#include "stanzad/command.h"

#define STEP_ROWS 500 /* of one transaction: others write in between */
#define DAY_US INT64_C(86400000000)
#define BATCH_MOST 1000000

/* --- what several of them need -------------------------------------------------------------------------- */

struct step {
	struct mam_purge *purge;
	int count;
};

static int step_run(void *arg, struct db *db, struct err *err)
{
	struct step *step = arg;
	step->count = mam_purge_step(step->purge, STEP_ROWS, db, err);
	return step->count < 0 ? -1 : 0;
}

/* key: the bare JID when it is of one archive. */
static int purge_all(struct mam_purge *purge, struct str key, struct err *err)
{
	struct step step = {.purge = purge};
	do {
		if (store_call(STORE_WRITE, key, step_run, &step, err) < 0)
			return -1;
		mam_ends_forget();
	} while (step.count == STEP_ROWS);
	return 0;
}

struct counting {
	const struct mam_purge *purge;
	int64_t count;
};

static int count_run(void *arg, struct db *db, struct err *err)
{
	struct counting *counting = arg;
	return mam_purge_count(counting->purge, db, &counting->count, err);
}

static enum command_outcome read_age(struct command_call *call, enum mam_kind *kind_r, int64_t *before_r)
{
	struct str type = command_string(call, "type");
	int64_t days = command_integer(call, "days");
	if (!str_is(type, "all") && !str_is(type, "chat") && !str_is(type, "groupchat"))
		return command_say(call, COMMAND_USAGE, "type is chat, groupchat or all");
	if (days < 0 || days > clock_real_us() / DAY_US)
		return command_say(call, COMMAND_USAGE, "days is a number from 0 on");
	*kind_r = str_is(type, "all")    ? MAM_KIND_ALL
		  : str_is(type, "chat") ? MAM_KIND_CHAT
					 : MAM_KIND_GROUPCHAT;
	*before_r = clock_real_us() - days * DAY_US;
	return COMMAND_OK;
}

static enum command_outcome say_string(struct command_call *call, const char *text)
{
	call->result = json_string(text);
	return COMMAND_OK;
}

/* --- one archive ---------------------------------------------------------------------------------------- */

static enum command_outcome get_mam_count(struct command_call *call)
{
	struct command_account account;
	struct err err = {0};
	enum command_outcome outcome = command_account(call, &account);
	if (outcome == COMMAND_OK) {
		struct mam_purge purge = {.host = jid_domain(&account.jid),
		    .username = jid_local(&account.jid),
		    .before = INT64_MAX};
		struct counting counting = {.purge = &purge};
		if (store_call(STORE_READ, jid_bare(&account.jid), count_run, &counting, &err) < 0)
			outcome = command_say(call, COMMAND_FAILED, "%s", err.text);
		else
			call->result = json_integer(counting.count);
	}
	command_account_fini(&account);
	return outcome;
}

/* with: a JID, or empty. */
static enum command_outcome remove_archive(struct command_call *call, struct str with)
{
	struct command_account account;
	struct arena arena = {0};
	struct jid peer = {0};
	struct err err = {0};
	enum command_outcome outcome = command_account(call, &account);
	if (outcome == COMMAND_OK && with.len && jid_parse(with, &arena, &peer, &err) < 0)
		outcome = command_say(call, COMMAND_USAGE, "with: %s", err.text);
	if (outcome == COMMAND_OK) {
		struct mam_purge purge = {.host = jid_domain(&account.jid),
		    .username = jid_local(&account.jid),
		    .peer = with.len ? jid_bare(&peer) : STR_NULL,
		    .before = INT64_MAX};
		int rc = purge_all(&purge, jid_bare(&account.jid), &err);
		outcome = rc < 0 ? command_say(call, COMMAND_FAILED, "%s", err.text)
				 : command_say(call, COMMAND_OK, "MAM archive removed");
	}
	command_account_fini(&account);
	arena_fini(&arena);
	return outcome;
}

static enum command_outcome remove_mam_for_user(struct command_call *call)
{
	return remove_archive(call, STR(""));
}

static enum command_outcome remove_mam_for_user_with_peer(struct command_call *call)
{
	struct str with = command_string(call, "with");
	return with.len ? remove_archive(call, with) : command_say(call, COMMAND_USAGE, "with is a JID");
}

/* --- old messages --------------------------------------------------------------------------------------- */

static enum command_outcome delete_old_mam_messages(struct command_call *call)
{
	struct mam_purge purge = {0};
	struct err err = {0};
	enum command_outcome outcome = read_age(call, &purge.kind, &purge.before);
	if (outcome != COMMAND_OK)
		return outcome;
	json_t *hosts = command_hosts(), *host;
	size_t i;
	json_array_foreach(hosts, i, host)
	{
		purge.host = (struct str){json_string_value(host), json_string_length(host)};
		purge.cursor = 0;
		if (purge_all(&purge, STR_NULL, &err) < 0) {
			outcome = command_say(call, COMMAND_FAILED, "%s", err.text);
			break;
		}
	}
	json_decref(hosts);
	return outcome;
}

static enum command_outcome start_batch(
    struct command_call *call, const struct mam_purge *purge, int64_t size, int64_t rate)
{
	struct counting counting = {.purge = purge};
	struct err err = {0};
	if (store_call(STORE_READ, STR_NULL, count_run, &counting, &err) < 0)
		return command_say(call, COMMAND_FAILED, "%s", err.text);
	switch (
	    mam_batch_start(purge->host, purge->kind, purge->before, counting.count, (unsigned)size, rate)) {
	case MAM_BATCH_OK:
		return command_say(
		    call, COMMAND_OK, "Removal of %lld messages in progress", (long long)counting.count);
	case MAM_BATCH_BUSY:
		return command_say(call, COMMAND_CONFLICT, "another removal is in progress");
	default:
		return command_say(call, COMMAND_FAILED, "mod_mam does not run on this host");
	}
}

static enum command_outcome delete_old_mam_messages_batch(struct command_call *call)
{
	struct arena arena = {0};
	struct mam_purge purge = {0};
	int64_t size = command_integer(call, "batch_size"), rate = command_integer(call, "rate");
	enum command_outcome outcome = command_host(call, "host", &arena, &purge.host);
	if (outcome == COMMAND_OK)
		outcome = read_age(call, &purge.kind, &purge.before);
	if (outcome == COMMAND_OK && (size < 1 || size > BATCH_MOST || rate < 1))
		outcome = command_say(
		    call, COMMAND_USAGE, "batch_size is from 1 to %d, rate from 1 on", BATCH_MOST);
	if (outcome == COMMAND_OK)
		outcome = start_batch(call, &purge, size, rate);
	arena_fini(&arena);
	return outcome;
}

static void put_batch(struct strbuf *out, const struct mam_batch *batch)
{
	long long deleted = batch->deleted, total = batch->total;
	switch (batch->state) {
	case MAM_BATCH_NEVER:
		strbuf_cstr(out, "Operation not started");
		break;
	case MAM_BATCH_RUNS:
		strbuf_printf(out, "Operation in progress, delete %lld messages (%lld done)", total, deleted);
		break;
	case MAM_BATCH_ENDED:
		strbuf_printf(out, "Operation completed, %lld messages deleted", deleted);
		break;
	case MAM_BATCH_ABORTED:
		strbuf_printf(out, "Operation aborted, %lld of %lld messages deleted", deleted, total);
		break;
	default:
		strbuf_printf(out, "Operation failed, %lld of %lld messages deleted: %s", deleted, total,
		    batch->err.text);
		break;
	}
}

static enum command_outcome delete_old_mam_messages_status(struct command_call *call)
{
	struct arena arena = {0};
	struct strbuf text = {0};
	struct str host;
	struct mam_batch batch;
	enum command_outcome outcome = command_host(call, "host", &arena, &host);
	if (outcome == COMMAND_OK && mam_batch_status(host, &batch) != MAM_BATCH_OK)
		outcome = command_say(call, COMMAND_FAILED, "mod_mam does not run on this host");
	if (outcome == COMMAND_OK) {
		put_batch(&text, &batch);
		outcome = say_string(call, text.ptr);
	}
	strbuf_fini(&text);
	arena_fini(&arena);
	return outcome;
}

static enum command_outcome abort_delete_old_mam_messages(struct command_call *call)
{
	struct arena arena = {0};
	struct str host;
	enum command_outcome outcome = command_host(call, "host", &arena, &host);
	enum mam_batch_outcome aborted = outcome == COMMAND_OK ? mam_batch_abort(host) : MAM_BATCH_NO_HOST;
	if (outcome == COMMAND_OK && aborted == MAM_BATCH_NO_HOST)
		outcome = command_say(call, COMMAND_FAILED, "mod_mam does not run on this host");
	else if (outcome == COMMAND_OK)
		outcome = say_string(
		    call, aborted == MAM_BATCH_OK ? "Operation aborted" : "No operation in progress");
	arena_fini(&arena);
	return outcome;
}

/* --- the table ------------------------------------------------------------------------------------------ */

static const struct command_argument user_arguments[] = {
    {"user", COMMAND_STRING, "User name", NULL},
    {"host", COMMAND_STRING, "Server name", NULL},
    {0},
};

static const struct command_argument peer_arguments[] = {
    {"user", COMMAND_STRING, "User name", NULL},
    {"host", COMMAND_STRING, "Server name", NULL},
    {"with", COMMAND_STRING, "JID of the other side", NULL},
    {0},
};

static const struct command_argument age_arguments[] = {
    {"type", COMMAND_STRING, "Which messages: chat, groupchat, all", NULL},
    {"days", COMMAND_INTEGER, "How many days are kept", NULL},
    {0},
};

static const struct command_argument batch_arguments[] = {
    {"host", COMMAND_STRING, "Server name", NULL},
    {"type", COMMAND_STRING, "Which messages: chat, groupchat, all", NULL},
    {"days", COMMAND_INTEGER, "How many days are kept", NULL},
    {"batch_size", COMMAND_INTEGER, "Messages in one step; no more than 500 are deleted at once", NULL},
    {"rate", COMMAND_INTEGER, "Messages in a minute", NULL},
    {0},
};

static const struct command_argument host_arguments[] = {
    {"host", COMMAND_STRING, "Server name", NULL},
    {0},
};

const struct command mam_commands[] = {
    {"get_mam_count", "mam", "How many messages are in the archive of a user.", user_arguments, COMMAND_VALUE,
	NULL, get_mam_count},
    {"remove_mam_for_user", "mam", "Delete the archive of a user.", user_arguments, COMMAND_RESTUPLE, NULL,
	remove_mam_for_user},
    {"remove_mam_for_user_with_peer", "mam", "Delete what is in the archive of a user with one other.",
	peer_arguments, COMMAND_RESTUPLE, NULL, remove_mam_for_user_with_peer},
    {"delete_old_mam_messages", "mam",
	"Delete archived messages that are older than a number of days, and wait for it.", age_arguments,
	COMMAND_RESCODE, NULL, delete_old_mam_messages},
    {"delete_old_mam_messages_batch", "mam",
	"Begin to delete archived messages that are older than a number of days, a few at a time.",
	batch_arguments, COMMAND_RESTUPLE, NULL, delete_old_mam_messages_batch},
    {"delete_old_mam_messages_status", "mam", "How far delete_old_mam_messages_batch is.", host_arguments,
	COMMAND_VALUE, NULL, delete_old_mam_messages_status},
    {"abort_delete_old_mam_messages", "mam", "End delete_old_mam_messages_batch before it is done.",
	host_arguments, COMMAND_VALUE, NULL, abort_delete_old_mam_messages},
    {0},
};
