/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts: making, removing, listing, passwords. */
#include <ctype.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "admin/commands.h"
#include "base/codec.h"
#include "route/account.h"

static enum command_outcome outcome_of(enum auth_outcome outcome)
{
	switch (outcome) {
	case AUTH_OK:
		return COMMAND_OK;
	case AUTH_EXISTS:
		return COMMAND_CONFLICT;
	case AUTH_NO_USER:
		return COMMAND_NOT_FOUND;
	default:
		return COMMAND_FAILED;
	}
}

/* What most commands here do: the account of the call, one function of auth, and its words when it failed. */
static enum command_outcome with_account(struct command_call *call, const char *done,
    enum auth_outcome (*fn)(struct command_call *call, const struct jid *jid, struct err *err))
{
	struct command_account account;
	struct err err = {""};
	enum command_outcome outcome = command_account(call, &account);

	if (outcome == COMMAND_OK) {
		outcome = outcome_of(fn(call, &account.jid, &err));
		if (outcome != COMMAND_OK)
			command_say(call, outcome, "%s", err.text);
		else if (done)
			command_say(call, outcome, "account %.*s %s", STR_FMT(jid_bare(&account.jid)), done);
	}
	command_account_fini(&account);
	return outcome;
}

/* --- making and removing ------------------------------------------------------------------------------ */

static enum auth_outcome do_register(struct command_call *call, const struct jid *jid, struct err *err)
{
	return account_register(jid_domain(jid), jid_local(jid), command_string(call, "password"), err);
}

static enum command_outcome run_register(struct command_call *call)
{
	return with_account(call, "registered", do_register);
}

static enum auth_outcome do_unregister(struct command_call *call, const struct jid *jid, struct err *err)
{
	return account_remove(jid_domain(jid), jid_local(jid), err);
}

static enum command_outcome run_unregister(struct command_call *call)
{
	return with_account(call, "removed", do_unregister);
}

/* --- looking ------------------------------------------------------------------------------------------ */

/* A status code has two values: an account that is not there is a plain "no". */
static enum command_outcome as_answer(enum command_outcome outcome)
{
	return outcome == COMMAND_NOT_FOUND ? COMMAND_FAILED : outcome;
}

static enum auth_outcome do_check_account(struct command_call *call, const struct jid *jid, struct err *err)
{
	return auth_user_exists(jid_domain(jid), jid_local(jid), err);
}

static enum command_outcome run_check_account(struct command_call *call)
{
	return as_answer(with_account(call, NULL, do_check_account));
}

static bool add_user(struct str user, void *users)
{
	json_array_append_new(users, json_stringn(user.ptr, user.len));
	return true;
}

static enum command_outcome run_registered_users(struct command_call *call)
{
	struct arena arena = {0};
	struct str host;
	struct err err = {""};
	enum command_outcome outcome = command_host(call, "host", &arena, &host);

	if (outcome == COMMAND_OK) {
		call->result = json_array();
		if (auth_list(host, STR_NULL, add_user, call->result, &err) < 0)
			outcome = command_say(call, COMMAND_FAILED, "%s", err.text);
	}
	arena_fini(&arena);
	return outcome;
}

/* --- passwords ---------------------------------------------------------------------------------------- */

static enum auth_outcome do_check_password(struct command_call *call, const struct jid *jid, struct err *err)
{
	return auth_check_password(jid_domain(jid), jid_local(jid), command_string(call, "password"), err);
}

static enum command_outcome run_check_password(struct command_call *call)
{
	return as_answer(with_account(call, NULL, do_check_password));
}

static enum auth_outcome do_change_password(struct command_call *call, const struct jid *jid, struct err *err)
{
	return account_set_password(jid_domain(jid), jid_local(jid), command_string(call, "newpass"), err);
}

static enum command_outcome run_change_password(struct command_call *call)
{
	return with_account(call, NULL, do_change_password);
}

/* The hexadecimal hash of the plain password, in either case. */
static bool hash_is(const char *password, const EVP_MD *method, struct str wanted)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct strbuf hex = {0}, lower = {0};

	if (EVP_Digest(password, strlen(password), digest, &len, method, NULL) != 1)
		return false;
	hex_encode(&hex, digest, len);
	for (size_t i = 0; i < wanted.len; i++)
		strbuf_char(&lower, (char)tolower((unsigned char)wanted.ptr[i]));
	bool same = str_eq_consttime(strbuf_view(&hex), strbuf_view(&lower));
	strbuf_fini(&hex);
	strbuf_fini(&lower);
	return same;
}

static enum auth_outcome do_check_hash(struct command_call *call, const struct jid *jid, struct err *err)
{
	struct auth_credentials credentials;
	struct str name = command_string(call, "hashmethod");
	const EVP_MD *method = EVP_get_digestbyname(name.ptr);

	if (!method) {
		err_set(err, "there is no hash method '%.*s'; md5, sha1, sha256 and sha512 are some",
		    STR_FMT(name));
		return AUTH_NOT_ALLOWED;
	}
	enum auth_outcome outcome = auth_get_credentials(jid_domain(jid), jid_local(jid), &credentials, err);
	if (outcome == AUTH_OK && !credentials.plain) {
		err_set(err, "the password is stored as SCRAM keys: other hashes of it cannot be checked");
		outcome = AUTH_NOT_ALLOWED;
	} else if (outcome == AUTH_OK &&
		   !hash_is(credentials.plain, method, command_string(call, "passwordhash"))) {
		err_set(err, "the hash is not that of the password");
		outcome = AUTH_DENIED;
	}
	auth_credentials_fini(&credentials);
	return outcome;
}

static enum command_outcome run_check_password_hash(struct command_call *call)
{
	return as_answer(with_account(call, NULL, do_check_hash));
}

/* --- the table ---------------------------------------------------------------------------------------- */

#define USER_AND_HOST                                                                                        \
	{"user", COMMAND_STRING, "name of the user, without the host", NULL},                                \
	{                                                                                                    \
		"host", COMMAND_STRING, "virtual host of this server", NULL                                  \
	}

static const struct command_argument account_arguments[] = {USER_AND_HOST, {0}};
static const struct command_argument password_arguments[] = {
    USER_AND_HOST,
    {"password", COMMAND_STRING, "the password", NULL},
    {0},
};
static const struct command_argument new_password_arguments[] = {
    USER_AND_HOST,
    {"newpass", COMMAND_STRING, "the new password", NULL},
    {0},
};
static const struct command_argument hash_arguments[] = {
    USER_AND_HOST,
    {"passwordhash", COMMAND_STRING, "hash of the password, hexadecimal", NULL},
    {"hashmethod", COMMAND_STRING, "name of the hash: md5, sha1, sha256, ...", NULL},
    {0},
};
static const struct command_argument host_arguments[] = {
    {"host", COMMAND_STRING, "virtual host of this server", NULL},
    {0},
};

const struct command accounts_commands[] = {
    {
	.name = "register",
	.tag = "accounts",
	.doc = "Makes an account.",
	.arguments = password_arguments,
	.result = COMMAND_RESTUPLE,
	.run = run_register,
    },
    {
	.name = "unregister",
	.tag = "accounts",
	.doc = "Removes an account with everything that belongs to it, and ends its sessions.",
	.arguments = account_arguments,
	.result = COMMAND_RESTUPLE,
	.run = run_unregister,
    },
    {
	.name = "registered_users",
	.tag = "accounts",
	.doc = "Lists the accounts of a host.",
	.arguments = host_arguments,
	.result = COMMAND_LIST,
	.run = run_registered_users,
    },
    {
	.name = "check_account",
	.tag = "accounts",
	.doc = "Tells by its status whether an account exists.",
	.arguments = account_arguments,
	.result = COMMAND_RESCODE,
	.run = run_check_account,
    },
    {
	.name = "check_password",
	.tag = "accounts",
	.doc = "Tells by its status whether a password is right.",
	.arguments = password_arguments,
	.result = COMMAND_RESCODE,
	.run = run_check_password,
    },
    {
	.name = "check_password_hash",
	.tag = "accounts",
	.doc = "Tells by its status whether a hash is the password's; only where it is stored plain.",
	.arguments = hash_arguments,
	.result = COMMAND_RESCODE,
	.run = run_check_password_hash,
    },
    {
	.name = "change_password",
	.tag = "accounts",
	.doc = "Sets the password of an account.",
	.arguments = new_password_arguments,
	.result = COMMAND_RESCODE,
	.run = run_change_password,
    },
    {0},
};
