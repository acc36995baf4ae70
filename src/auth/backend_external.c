/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts that an authentication program knows: auth_method external. */
#include "auth/backend.h"
#include "auth/extauth.h"
#include "auth/extauth_cache.h"

static int ask(const struct auth_policy *policy, enum extauth_op op, struct str user, struct str password,
    struct err *err)
{
	struct extauth_question question = {op, user, policy->host, password};

	return extauth_ask(&question, policy->deadline_ms, err);
}

static struct extauth_cache_limits limits_of(const struct auth_policy *policy)
{
	return (struct extauth_cache_limits){policy->cache_life_ms, policy->cache_size};
}

static enum auth_outcome check_password(
    const struct auth_policy *policy, struct str user, struct str password, struct err *err)
{
	struct extauth_cache_limits limits = limits_of(policy);
	uint64_t moment = extauth_cache_moment();
	int answer;

	if (policy->cache && extauth_cache_password(policy->host, user, password))
		return AUTH_OK;
	answer = ask(policy, EXTAUTH_AUTH, user, password, err);
	if (answer < 0)
		return AUTH_UNAVAILABLE;
	if (policy->cache && answer)
		extauth_cache_put_password(policy->host, user, password, &limits, moment);
	else if (policy->cache)
		extauth_cache_forget(policy->host, user);
	return answer ? AUTH_OK : AUTH_DENIED;
}

static enum auth_outcome exists(const struct auth_policy *policy, struct str user, struct err *err)
{
	struct extauth_cache_limits limits = limits_of(policy);
	uint64_t moment = extauth_cache_moment();
	enum extauth_cached cached =
	    policy->cache ? extauth_cache_exists(policy->host, user) : EXTAUTH_CACHED_NOTHING;
	int answer;

	if (cached != EXTAUTH_CACHED_NOTHING)
		return cached == EXTAUTH_CACHED_YES ? AUTH_OK : AUTH_NO_USER;
	answer = ask(policy, EXTAUTH_ISUSER, user, STR_NULL, err);
	if (answer < 0)
		return AUTH_UNAVAILABLE;
	if (policy->cache && (answer || policy->cache_missed))
		extauth_cache_put_exists(policy->host, user, answer, &limits, moment);
	return answer ? AUTH_OK : AUTH_NO_USER;
}

/* Whatever came of it: what was known before may no longer hold. */
static int change(const struct auth_policy *policy, enum extauth_op op, struct str user, struct str password,
    struct err *err)
{
	int answer = ask(policy, op, user, password, err);

	extauth_cache_forget(policy->host, user);
	return answer;
}

/* A plain no may mean that there is no such account. */
static enum auth_outcome refused(
    const struct auth_policy *policy, struct str user, const char *what, struct err *err)
{
	enum auth_outcome outcome = exists(policy, user, err);

	if (outcome != AUTH_OK)
		return outcome;
	err_set(err, "the authentication program refused %s", what);
	return AUTH_DENIED;
}

static enum auth_outcome set_password(
    const struct auth_policy *policy, struct str user, struct str password, struct err *err)
{
	int answer = change(policy, EXTAUTH_SETPASS, user, password, err);

	if (answer < 0)
		return AUTH_UNAVAILABLE;
	return answer ? AUTH_OK : refused(policy, user, "the new password", err);
}

static enum auth_outcome create(
    const struct auth_policy *policy, struct str user, struct str password, struct err *err)
{
	int answer = change(policy, EXTAUTH_TRYREGISTER, user, password, err);
	enum auth_outcome outcome;

	if (answer)
		return answer < 0 ? AUTH_UNAVAILABLE : AUTH_OK;
	outcome = exists(policy, user, err);
	if (outcome == AUTH_NO_USER) {
		err_set(err, "the authentication program refused the new account");
		return AUTH_NOT_ALLOWED;
	}
	return outcome == AUTH_OK ? AUTH_EXISTS : outcome;
}

static enum auth_outcome remove_user(const struct auth_policy *policy, struct str user, struct err *err)
{
	int answer = change(policy, EXTAUTH_REMOVEUSER, user, STR_NULL, err);

	if (answer < 0)
		return AUTH_UNAVAILABLE;
	return answer ? AUTH_OK : refused(policy, user, "to remove the account", err);
}

/* No is also the answer to a wrong password. */
static enum auth_outcome remove_with_password(
    const struct auth_policy *policy, struct str user, struct str password, struct err *err)
{
	int answer = change(policy, EXTAUTH_REMOVEUSER3, user, password, err);

	if (answer < 0)
		return AUTH_UNAVAILABLE;
	return answer ? AUTH_OK : refused(policy, user, "to remove the account with this password", err);
}

static bool waits(const struct auth_policy *policy)
{
	return true;
}

static void methods(const struct auth_policy *policy, struct auth_methods *methods)
{
	methods->plain_check = true;
	methods->set_password = true;
	methods->registers = true;
}

const struct auth_backend auth_backend_external = {
    .name = "external",
    .waits = waits,
    .check_password = check_password,
    .exists = exists,
    .set_password = set_password,
    .create = create,
    .remove = remove_user,
    .remove_with_password = remove_with_password,
    .methods = methods,
};
