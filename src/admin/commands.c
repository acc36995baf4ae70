/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/commands.h"

#include "auth/auth.h"
#include "conf/conf.h"

static const struct command *const tables[] = {
    accounts_commands,
    sessions_commands,
    server_commands,
    stanza_commands,
    explain_commands,
    components_commands,
    hooks_commands,
    metrics_commands,
    modules_commands,
    s2s_commands,
};
#define TABLE_COUNT (sizeof(tables) / sizeof(tables[0]))

int admin_commands_register(struct err *err)
{
	for (size_t i = 0; i < TABLE_COUNT; i++) {
		if (command_register(tables[i], err) == 0)
			continue;
		while (i-- > 0)
			command_unregister(tables[i]);
		return -1;
	}
	return 0;
}

void admin_commands_unregister(void)
{
	for (size_t i = 0; i < TABLE_COUNT; i++)
		command_unregister(tables[i]);
}

static bool is_served(struct str host)
{
	struct conf *conf = conf_ref(conf_current());
	bool served = conf_is_host(conf, host);

	conf_unref(&conf);
	return served;
}

enum command_outcome command_host(
    struct command_call *call, const char *argument, struct arena *arena, struct str *host_r)
{
	struct str given = command_string(call, argument);
	struct err err;

	if (jid_prep_domain(given, arena, host_r, &err) < 0)
		return command_say(
		    call, COMMAND_USAGE, "'%.*s' is not the name of a host: %s", STR_FMT(given), err.text);
	if (!is_served(*host_r))
		return command_say(call, COMMAND_NOT_FOUND,
		    "%.*s is not a host of this server (see registered_vhosts)", STR_FMT(*host_r));
	return COMMAND_OK;
}

enum command_outcome command_account(struct command_call *call, struct command_account *account_r)
{
	struct str given = command_string(call, "user"), user, host;
	struct err err;

	*account_r = (struct command_account){0};
	enum command_outcome outcome = command_host(call, "host", &account_r->arena, &host);
	if (outcome != COMMAND_OK)
		return outcome;
	if (jid_prep_local(given, &account_r->arena, &user, &err) < 0)
		return command_say(
		    call, COMMAND_USAGE, "'%.*s' is not the name of a user: %s", STR_FMT(given), err.text);
	if (jid_make(user, host, STR_NULL, &account_r->arena, &account_r->jid, &err) < 0 || !user.len)
		return command_say(call, COMMAND_USAGE, "the name of the user is empty");
	return COMMAND_OK;
}

enum command_outcome command_existing_account(struct command_call *call, struct command_account *account_r)
{
	struct err err;
	enum command_outcome outcome = command_account(call, account_r);
	if (outcome != COMMAND_OK)
		return outcome;
	switch (auth_user_exists(jid_domain(&account_r->jid), jid_local(&account_r->jid), &err)) {
	case AUTH_OK:
		return COMMAND_OK;
	case AUTH_UNAVAILABLE:
		return command_say(call, COMMAND_FAILED, "%s", err.text);
	default:
		return command_say(
		    call, COMMAND_NOT_FOUND, "there is no account %.*s", STR_FMT(jid_bare(&account_r->jid)));
	}
}

void command_account_fini(struct command_account *account)
{
	arena_fini(&account->arena);
}

json_t *command_hosts(void)
{
	struct conf *conf = conf_ref(conf_current());
	json_t *hosts = json_array();

	for (size_t i = 0; i < conf_host_count(conf); i++) {
		struct str host = conf_host_at(conf, i);
		json_array_append_new(hosts, json_stringn(host.ptr, host.len));
	}
	conf_unref(&conf);
	return hosts;
}
