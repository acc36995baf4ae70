/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_roster/commands.h"

#include <pthread.h>

#include "modules/mod_roster/presence.h"
#include "modules/mod_roster/roster_push.h"
#include "modules/mod_roster/roster_save.h"
#include "modules/mod_roster/subscription_flow.h"

/* --- addresses in arguments ----------------------------------------------------------------------------- */

/* From a user part, which may be empty, and a domain. */
static enum command_outcome read_jid(
    struct command_call *call, const char *user, const char *host, struct arena *arena, struct jid *jid_r)
{
	struct str local = command_string(call, user), domain = command_string(call, host);
	struct err err = {""};
	if (jid_prep_domain(domain, arena, &domain, &err) < 0 ||
	    (local.len && jid_prep_local(local, arena, &local, &err) < 0) ||
	    jid_make(local, domain, STR_NULL, arena, jid_r, &err) < 0)
		return command_say(call, COMMAND_USAGE, "%s and %s are no address: %s", user, host, err.text);
	return COMMAND_OK;
}

/* --- one account's roster, on its worker ---------------------------------------------------------------- */

struct task {
	struct command_call *call;
	struct arena arena;
	struct jid owner;
	struct roster_item item; /* add_rosteritem: what is put in; delete_rosteritem: its JID */
	void (*run)(struct task *task, struct user *user);
	enum command_outcome outcome;
	/* A change is waited for until it is durable. */
	pthread_mutex_t lock;
	pthread_cond_t durable;
	bool waits;
	int result;
};

static void on_user(void *arg, struct user *user)
{
	struct task *task = arg;
	struct str owner = jid_bare(&task->owner);
	if (!host_find(jid_domain(&task->owner)))
		task->outcome = command_say(task->call, COMMAND_NOT_FOUND,
		    "%.*s is not a host of this server", STR_FMT(jid_domain(&task->owner)));
	else if (!user)
		task->outcome =
		    command_say(task->call, COMMAND_FAILED, "%.*s could not be read", STR_FMT(owner));
	else if (!user_exists(user))
		task->outcome =
		    command_say(task->call, COMMAND_NOT_FOUND, "there is no account %.*s", STR_FMT(owner));
	else if (!roster_instance(user))
		task->outcome = command_say(task->call, COMMAND_FAILED, "mod_roster does not run on %.*s",
		    STR_FMT(jid_domain(&task->owner)));
	else
		task->run(task, user);
}

static void on_saved(void *arg, int result)
{
	struct task *task = arg;
	pthread_mutex_lock(&task->lock);
	task->waits = false;
	task->result = result;
	pthread_cond_signal(&task->durable);
	pthread_mutex_unlock(&task->lock);
}

static void wait_durable(struct task *task)
{
	pthread_mutex_lock(&task->lock);
	while (task->waits)
		pthread_cond_wait(&task->durable, &task->lock);
	pthread_mutex_unlock(&task->lock);
	if (task->result < 0)
		task->outcome = command_say(task->call, COMMAND_FAILED, "the change could not be stored");
}

static void task_init(
    struct task *task, struct command_call *call, void (*run)(struct task *task, struct user *user))
{
	*task = (struct task){.call = call, .run = run};
	pthread_mutex_init(&task->lock, NULL);
	pthread_cond_init(&task->durable, NULL);
}

/* outcome: of reading the arguments; when that is good the task runs. */
static enum command_outcome task_end(struct task *task, enum command_outcome outcome)
{
	if (outcome == COMMAND_OK) {
		command_on_user(jid_bare(&task->owner), on_user, task);
		wait_durable(task);
		outcome = task->outcome;
	}
	pthread_cond_destroy(&task->durable);
	pthread_mutex_destroy(&task->lock);
	arena_fini(&task->arena);
	return outcome;
}

/* --- reading -------------------------------------------------------------------------------------------- */

static json_t *json_text(struct str text)
{
	return json_stringn(text.ptr ? text.ptr : "", text.len);
}

static const char *pending_word(const struct roster_item *item)
{
	if (item->ask)
		return item->pending_in ? "both" : "out";
	return item->pending_in ? "in" : "none";
}

static json_t *json_item(const struct roster_item *item)
{
	json_t *groups = json_array();
	for (uint32_t i = 0; i < item->group_count; i++)
		json_array_append_new(groups, json_text(item->groups[i]));
	return json_pack("{s:o, s:o, s:s, s:s, s:o}", "jid", json_text(item->jid), "nick",
	    json_text(item->name), "subscription", roster_subscription_text(item->subscription), "pending",
	    pending_word(item), "groups", groups);
}

static void do_get(struct task *task, struct user *user)
{
	const struct roster *roster = roster_of(user);
	task->call->result = json_array();
	for (uint32_t i = 0; roster && i < roster->count; i++)
		if (roster->items[i]->listed)
			json_array_append_new(task->call->result, json_item(roster->items[i]));
}

static void do_count(struct task *task, struct user *user)
{
	const struct roster *roster = roster_of(user);
	task->call->result = json_integer(roster ? roster->listed : 0);
}

static enum command_outcome run_get_roster(struct command_call *call)
{
	struct task task;
	task_init(&task, call, do_get);
	return task_end(&task, read_jid(call, "user", "host", &task.arena, &task.owner));
}

static enum command_outcome run_get_roster_count(struct command_call *call)
{
	struct task task;
	task_init(&task, call, do_count);
	return task_end(&task, read_jid(call, "user", "host", &task.arena, &task.owner));
}

/* --- changing ------------------------------------------------------------------------------------------- */

static bool sees_us(const struct roster_item *item)
{
	return item && (item->subscription == ROSTER_FROM || item->subscription == ROSTER_BOTH);
}

static bool refused(struct task *task, struct user *user, struct roster_item *draft)
{
	struct stanza_error error;
	if (roster_check(user, draft, &task->arena, &error) == 0)
		return false;
	task->outcome = command_say(task->call, COMMAND_FAILED, "a module refuses it: %s",
	    error.text ? error.text : stanza_condition_text(error.condition));
	return true;
}

/*
 * The contact's own roster is not touched, and nobody is asked: scripts add both sides one after the other.
 * No probe either, which the contact's side would answer with unsubscribed as long as it does not know the
 * user.
 */
static void do_add(struct task *task, struct user *user)
{
	const struct roster_item *before = roster_get(roster_of(user), task->item.jid);
	struct jid contact = jid_of_prepared(task->item.jid);
	if (before)
		task->item.approved = before->approved;
	if (refused(task, user, &task->item))
		return;
	bool saw = sees_us(before), sees = sees_us(&task->item);
	if (saw && !sees)
		presence_of_all(user, &contact, false);
	task->waits = true;
	task->waits = roster_save(user, &task->item, on_saved, task);
	roster_push(user, &task->item);
	if (sees && !saw)
		presence_of_all(user, &contact, true);
}

static void do_delete(struct task *task, struct user *user)
{
	const struct roster_item *item = roster_get(roster_of(user), task->item.jid);
	if (!item || !item->listed) {
		task->outcome =
		    command_say(task->call, COMMAND_NOT_FOUND, "%.*s is not in the roster of %.*s",
			STR_FMT(task->item.jid), STR_FMT(jid_bare(&task->owner)));
		return;
	}
	struct roster_item gone = {.jid = task->item.jid, .subscription = ROSTER_REMOVE};
	if (refused(task, user, &gone))
		return;
	task->waits = subscription_forget(user, item, on_saved, task);
}

static enum command_outcome read_contact(struct task *task)
{
	struct jid contact;
	enum command_outcome outcome =
	    read_jid(task->call, "localuser", "localhost", &task->arena, &task->owner);
	if (outcome == COMMAND_OK)
		outcome = read_jid(task->call, "user", "host", &task->arena, &contact);
	if (outcome == COMMAND_OK)
		task->item.jid = jid_full(&contact);
	return outcome;
}

static enum command_outcome read_subscription(struct task *task)
{
	static const char *const words[] = {"none", "to", "from", "both"};
	struct str given = command_string(task->call, "subs");
	for (unsigned i = 0; i < 4; i++) {
		if (str_is(given, words[i])) {
			task->item.subscription = (enum roster_subscription)i;
			return COMMAND_OK;
		}
	}
	return command_say(
	    task->call, COMMAND_USAGE, "'%.*s' is no subscription: none, to, from or both", STR_FMT(given));
}

static void read_groups(struct task *task)
{
	const json_t *given = json_object_get(task->call->arguments, "groups");
	struct str *groups = arena_alloc(&task->arena, (json_array_size(given) + 1) * sizeof(*groups));
	task->item.groups = groups;
	for (size_t i = 0; i < json_array_size(given); i++) {
		const json_t *group = json_array_get(given, i);
		struct str name = {json_string_value(group), json_string_length(group)};
		bool fresh = name.len > 0;
		for (uint32_t j = 0; j < task->item.group_count; j++)
			fresh = fresh && !str_eq(groups[j], name);
		if (fresh)
			groups[task->item.group_count++] = name;
	}
}

static enum command_outcome run_add_rosteritem(struct command_call *call)
{
	struct task task;
	task_init(&task, call, do_add);
	enum command_outcome outcome = read_contact(&task);
	if (outcome == COMMAND_OK)
		outcome = read_subscription(&task);
	read_groups(&task);
	task.item.name = command_string(call, "nick");
	task.item.listed = true;
	return task_end(&task, outcome);
}

static enum command_outcome run_delete_rosteritem(struct command_call *call)
{
	struct task task;
	task_init(&task, call, do_delete);
	return task_end(&task, read_contact(&task));
}

/* --- the table ------------------------------------------------------------------------------------------ */

static const struct command_argument owner_arguments[] = {
    {"user", COMMAND_STRING, "name of the user"},
    {"host", COMMAND_STRING, "name of the host"},
    {0},
};

static const struct command_argument add_arguments[] = {
    {"localuser", COMMAND_STRING, "name of the user whose roster it is"},
    {"localhost", COMMAND_STRING, "name of the user's host"},
    {"user", COMMAND_STRING, "user part of the contact; empty for a contact that is a domain"},
    {"host", COMMAND_STRING, "domain of the contact"},
    {"nick", COMMAND_STRING, "name of the contact in the roster"},
    {"groups", COMMAND_STRINGS, "groups of the contact"},
    {"subs", COMMAND_STRING, "none, to, from or both"},
    {0},
};

static const struct command_argument delete_arguments[] = {
    {"localuser", COMMAND_STRING, "name of the user whose roster it is"},
    {"localhost", COMMAND_STRING, "name of the user's host"},
    {"user", COMMAND_STRING, "user part of the contact; empty for a contact that is a domain"},
    {"host", COMMAND_STRING, "domain of the contact"},
    {0},
};

static const char *const item_columns[] = {"jid", "nick", "subscription", "pending", "groups", NULL};

const struct command roster_commands[] = {
    {
	.name = "get_roster",
	.tag = "roster",
	.doc = "Lists the contacts in a user's roster.",
	.arguments = owner_arguments,
	.result = COMMAND_TABLE,
	.columns = item_columns,
	.run = run_get_roster,
    },
    {
	.name = "get_roster_count",
	.tag = "roster",
	.doc = "Counts the contacts in a user's roster.",
	.arguments = owner_arguments,
	.result = COMMAND_VALUE,
	.run = run_get_roster_count,
    },
    {
	.name = "add_rosteritem",
	.tag = "roster",
	.doc = "Puts a contact into a user's roster; the contact's own roster is not touched.",
	.arguments = add_arguments,
	.result = COMMAND_RESCODE,
	.run = run_add_rosteritem,
    },
    {
	.name = "delete_rosteritem",
	.tag = "roster",
	.doc = "Takes a contact out of a user's roster and ends both subscriptions.",
	.arguments = delete_arguments,
	.result = COMMAND_RESCODE,
	.run = run_delete_rosteritem,
    },
    {0},
};
