/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "modules/mod_privacy/query.h"

struct task {
	const struct jid *jid;
	const struct xml *payload;
	struct command_call *call;
	enum command_outcome outcome;
	/* A change is waited for until it is durable. */
	pthread_mutex_t lock;
	pthread_cond_t durable;
	bool waits;
	int result;
};

static void on_saved(void *arg, struct user *user, int result)
{
	struct task *task = arg;
	pthread_mutex_lock(&task->lock);
	task->waits = false;
	task->result = result;
	pthread_cond_signal(&task->durable);
	pthread_mutex_unlock(&task->lock);
}

static void on_user(void *arg, struct user *user)
{
	struct task *task = arg;
	struct privacy_query query;
	struct stanza_error error = {0};
	if (!user) {
		task->outcome = command_say(task->call, COMMAND_FAILED, "the user could not be read");
	} else if (!host_module(user_host(user), "mod_privacy")) {
		task->outcome = command_say(task->call, COMMAND_FAILED, "mod_privacy does not run on %.*s",
		    STR_FMT(jid_domain(task->jid)));
	} else if (privacy_query_read(user, NULL, task->payload, &query, &error) < 0) {
		task->outcome = command_say(task->call, COMMAND_FAILED, "%s: %s",
		    stanza_condition_text(error.condition), error.text ? error.text : "");
	} else {
		task->waits = true;
		privacy_query_do(user, &query, on_saved, task);
	}
}

static void run_task(struct task *task)
{
	pthread_mutex_init(&task->lock, NULL);
	pthread_cond_init(&task->durable, NULL);
	command_on_user(jid_bare(task->jid), on_user, task);
	pthread_mutex_lock(&task->lock);
	while (task->waits)
		pthread_cond_wait(&task->durable, &task->lock);
	pthread_mutex_unlock(&task->lock);
	if (task->result < 0)
		task->outcome = command_say(task->call, COMMAND_FAILED, "the change could not be stored");
	pthread_cond_destroy(&task->durable);
	pthread_mutex_destroy(&task->lock);
}

static enum command_outcome privacy_set(struct command_call *call)
{
	struct command_account account;
	enum command_outcome outcome = command_existing_account(call, &account);
	struct err err = {0};
	size_t offset = 0;
	struct xml_tree *tree = NULL;
	if (outcome == COMMAND_OK) {
		tree =
		    xml_parse(command_string(call, "xmlquery"), STR_NULL, &xml_limits_default, &offset, &err);
		if (!tree)
			outcome = command_say(call, COMMAND_USAGE, "xmlquery is not good XML: %s at byte %zu",
			    err.text, offset);
	}
	if (tree) {
		struct task task = {.jid = &account.jid, .payload = tree->root, .call = call};
		run_task(&task);
		outcome = task.outcome;
	}
	xml_tree_unref(&tree);
	command_account_fini(&account);
	return outcome;
}

static const struct command_argument set_arguments[] = {
    {"user", COMMAND_STRING, "User name", NULL},
    {"host", COMMAND_STRING, "Server name", NULL},
    {"xmlquery", COMMAND_STRING, "A <query xmlns='jabber:iq:privacy'/> that sets something", NULL},
    {0},
};

const struct command privacy_commands[] = {
    {"privacy_set", "stanza", "Change the privacy lists of a user.", set_arguments, COMMAND_RESCODE, NULL,
	privacy_set},
    {0},
};
