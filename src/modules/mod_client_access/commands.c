/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_client_access/client.h"
#include "stanzad/command.h"
#include "stanzad/datetime.h"

struct task {
	struct clients clients;
	struct str ref;
	const struct client *revoked;
	int result;
};

static void on_user(void *arg, struct user *user)
{
	struct task *task = arg;
	clients_add_connected(&task->clients, user);
}

static int list_run(void *arg, struct db *db, struct err *err)
{
	struct task *task = arg;
	return clients_read(&task->clients, db, err);
}

static int revoke_run(void *arg, struct db *db, struct err *err)
{
	struct task *task = arg;
	if (clients_read(&task->clients, db, err) < 0)
		return -1;
	task->revoked = clients_find(&task->clients, task->ref);
	task->result = task->revoked ? client_revoke(db, &task->clients.user, task->revoked, err) : 0;
	return task->result < 0 ? -1 : 0;
}

static void disconnect(void *arg, struct user *user)
{
	struct task *task = arg;
	client_disconnect(user, task->revoked->id, task->revoked->resource);
}

static const char *proofs_text(const struct client *client)
{
	static const char *const texts[] = {"", "token", "password", "password token", "certificate",
	    "certificate token", "certificate password", "certificate password token"};
	return texts[(client->token ? 1 : 0) | (client->proofs & CLIENT_BY_PASSWORD ? 2 : 0) |
		     (client->proofs & CLIENT_BY_CERTIFICATE ? 4 : 0)];
}

static const char *time_text(char *out, int64_t seconds)
{
	out[0] = '\0';
	if (seconds)
		datetime_format(out, seconds * 1000000, 0);
	return out;
}

static json_t *row_of(const struct clients *clients, const struct client *client)
{
	char ref[CLIENT_REF_LEN + 1], first[DATETIME_MAX], last[DATETIME_MAX];
	client_ref(clients, client, ref);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s%, s:s%, s:s%}", "id", ref, "connected",
	    client->connected ? "yes" : "no", "first_seen", time_text(first, client->first_seen), "last_seen",
	    time_text(last, client->last_seen), "auth", proofs_text(client), "resource",
	    client->resource.len ? client->resource.ptr : "", client->resource.len, "software",
	    client->software.len ? client->software.ptr : "", client->software.len, "device",
	    client->device.len ? client->device.ptr : "", client->device.len);
}

static enum command_outcome get_clients(struct command_call *call)
{
	struct command_account account;
	struct task task = {0};
	struct err err = {0};
	enum command_outcome outcome = command_existing_account(call, &account);
	if (outcome == COMMAND_OK) {
		task.clients.user = account.jid;
		command_on_user(jid_bare(&account.jid), on_user, &task);
		if (store_call(STORE_READ, jid_bare(&account.jid), list_run, &task, &err) < 0)
			outcome = command_say(call, COMMAND_FAILED, "%s", err.text);
	}
	if (outcome == COMMAND_OK) {
		call->result = json_array();
		for (size_t i = 0; i < task.clients.count; i++)
			if (client_has_access(&task.clients.list[i]))
				json_array_append_new(
				    call->result, row_of(&task.clients, &task.clients.list[i]));
	}
	clients_fini(&task.clients);
	command_account_fini(&account);
	return outcome;
}

static enum command_outcome revoke(struct command_call *call, struct task *task)
{
	struct str bare = jid_bare(&task->clients.user);
	struct err err = {0};
	command_on_user(bare, on_user, task);
	if (store_call(STORE_WRITE, bare, revoke_run, task, &err) < 0)
		return command_say(call, COMMAND_FAILED, "%s", err.text);
	if (!task->revoked)
		return command_say(call, COMMAND_NOT_FOUND, "the user has no such client");
	command_on_user(bare, disconnect, task);
	return command_say(call, COMMAND_OK,
	    task->result ? "The client was logged out, but it knows the password."
			 : "The client was logged out.");
}

static enum command_outcome revoke_client(struct command_call *call)
{
	struct command_account account;
	struct task task = {.ref = command_string(call, "id")};
	enum command_outcome outcome = command_existing_account(call, &account);
	if (outcome == COMMAND_OK) {
		task.clients.user = account.jid;
		outcome = revoke(call, &task);
	}
	clients_fini(&task.clients);
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
    {"id", COMMAND_STRING, "Id of the client, as get_clients tells it", NULL},
    {0},
};

static const char *const columns[] = {
    "id", "connected", "first_seen", "last_seen", "auth", "resource", "software", "device", NULL};

const struct command client_commands[] = {
    {"get_clients", "accounts", "List the clients that have access to an account.", get_arguments,
	COMMAND_TABLE, columns, get_clients},
    {"revoke_client", "accounts", "End the sessions of a client and revoke its tokens.", revoke_arguments,
	COMMAND_RESTUPLE, NULL, revoke_client},
    {0},
};
