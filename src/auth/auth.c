/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth.h"

#include <openssl/crypto.h>

#include "auth/backend.h"
#include "base/map.h"

void auth_methods(struct str host, struct auth_methods *methods_r)
{
	struct auth_policy policy;

	*methods_r = (struct auth_methods){0};
	auth_policy_current(host, &policy);
	for (unsigned i = 0; i < policy.chain_len; i++)
		policy.chain[i]->methods(&policy, methods_r);
}

/* Outcomes of several back ends
 * ---------------------------------------------------------------------------------- */

/* Of two that are not AUTH_OK, the one that says more: a back end that failed may be the one that knows the
 * user. */
static enum auth_outcome worse(enum auth_outcome a, enum auth_outcome b)
{
	static const unsigned char weight[] = {
	    [AUTH_NOT_ALLOWED] = 0,
	    [AUTH_NO_USER] = 1,
	    [AUTH_DENIED] = 2,
	    [AUTH_EXISTS] = 3,
	    [AUTH_UNAVAILABLE] = 4,
	    [AUTH_OK] = 5,
	};

	return weight[a] >= weight[b] ? a : b;
}

static enum auth_outcome explain(
    enum auth_outcome outcome, const struct auth_policy *policy, struct str user, struct err *err)
{
	switch (outcome) {
	case AUTH_DENIED:
		err_set(err, "the password is wrong");
		break;
	case AUTH_NO_USER:
		err_set(err, "there is no account %.*s@%.*s", STR_FMT(user), STR_FMT(policy->host));
		break;
	case AUTH_EXISTS:
		err_set(err, "there is an account %.*s@%.*s already", STR_FMT(user), STR_FMT(policy->host));
		break;
	case AUTH_NOT_ALLOWED:
		err_set(err, "no authentication method of %.*s can do that", STR_FMT(policy->host));
		break;
	default:
		break;
	}
	return outcome;
}

static enum auth_outcome chain_exists(const struct auth_policy *policy, struct str user, struct err *err)
{
	enum auth_outcome outcome = AUTH_NOT_ALLOWED;

	for (unsigned i = 0; i < policy->chain_len && outcome != AUTH_OK; i++)
		if (policy->chain[i]->exists)
			outcome = worse(outcome, policy->chain[i]->exists(policy, user, err));
	return outcome == AUTH_NOT_ALLOWED ? AUTH_NO_USER : outcome;
}

static enum auth_outcome chain_check(
    const struct auth_policy *policy, struct str user, struct str password, struct err *err)
{
	enum auth_outcome outcome = AUTH_NOT_ALLOWED;

	for (unsigned i = 0; i < policy->chain_len && outcome != AUTH_OK; i++)
		if (policy->chain[i]->check_password)
			outcome =
			    worse(outcome, policy->chain[i]->check_password(policy, user, password, err));
	return outcome;
}

static enum auth_outcome chain_credentials(
    const struct auth_policy *policy, struct str user, struct auth_credentials *credentials, struct err *err)
{
	enum auth_outcome outcome = AUTH_NO_USER;

	for (unsigned i = 0; i < policy->chain_len && outcome != AUTH_OK; i++) {
		const struct auth_backend *backend = policy->chain[i];

		if (backend->credentials)
			outcome = worse(outcome, backend->credentials(policy, user, credentials, err));
		else if (backend->exists)
			outcome = worse(outcome, backend->exists(policy, user, err));
	}
	return outcome;
}

/* Keys from a plain password; where those are usual, the same work for nothing when there is none. */
static void derive(const struct auth_policy *policy, struct str user, enum auth_hash hash,
    struct auth_credentials *credentials)
{
	unsigned char salt[SCRAM_SALT_LEN];
	struct scram_keys *keys = &credentials->scram[hash], unused;
	bool real = credentials->plain && !keys->present;

	if (!real && !policy->store_plain)
		return;
	scram_salt_for(policy->host, user, hash, salt);
	scram_keys_derive(real ? keys : &unused, hash, real ? str_of(credentials->plain) : STR("password"),
	    salt, sizeof(salt), SCRAM_ITERATIONS);
}

/* < 0: no password can be that. The copy is overwritten by forget_password. */
static int prepare_password(struct str password, struct arena *arena, struct str *password_r, struct err *err)
{
	if (jid_prep_password(password, arena, password_r, err) < 0)
		return -1;
	return password_r->len ? 0 : err_set(err, "the password is empty");
}

static void forget_password(struct str given, struct str prepared, struct arena *arena)
{
	if (prepared.ptr != given.ptr)
		OPENSSL_cleanse((char *)prepared.ptr, prepared.len);
	arena_fini(arena);
}

static enum auth_outcome check(
    const struct auth_policy *policy, struct str user, struct str password, struct err *err)
{
	enum auth_outcome outcome = AUTH_DENIED;
	struct arena arena = {0};
	struct str prepared = STR_NULL;

	if (prepare_password(password, &arena, &prepared, err) == 0)
		outcome = explain(chain_check(policy, user, prepared, err), policy, user, err);
	forget_password(password, prepared, &arena);
	return outcome;
}

/* Requests
 * -------------------------------------------------------------------------------------------------------- */

/*
 * Checks that hash go through lanes, half as many as there are threads: a flood of wrong passwords leaves the
 * other half to everyone else.
 */
#define LANES_MAX 16
static struct job_queue lanes[LANES_MAX];

static struct job_queue *lane_of(const struct auth_request *request)
{
	unsigned count = executor_threads() / 2;

	if (request->kind == AUTH_USER_EXISTS ||
	    (request->kind == AUTH_GET_CREDENTIALS &&
		(!request->policy.store_plain || request->hash == AUTH_HASHES)))
		return NULL;
	count = count < 1 ? 1 : count > LANES_MAX ? LANES_MAX : count;
	return &lanes[map_hash(request->user) % count];
}

static void run_request(struct job *job)
{
	struct auth_request *request = (struct auth_request *)job;
	const struct auth_policy *policy = &request->policy;

	switch (request->kind) {
	case AUTH_GET_CREDENTIALS:
		request->outcome =
		    chain_credentials(policy, request->user, &request->credentials, &request->err);
		if (request->hash < AUTH_HASHES && request->outcome != AUTH_UNAVAILABLE)
			derive(policy, request->user, request->hash, &request->credentials);
		break;
	case AUTH_CHECK_PASSWORD:
		request->outcome = check(policy, request->user, request->password, &request->err);
		break;
	case AUTH_USER_EXISTS:
		request->outcome = chain_exists(policy, request->user, &request->err);
		break;
	}
}

static void request_done(struct job *job)
{
	struct auth_request *request = (struct auth_request *)job;

	request->done(request);
}

/* Without a way to another thread and back, when the account is in memory and no key has to be derived. */
static bool is_at_hand(struct auth_request *request)
{
	const struct auth_policy *policy = &request->policy;
	const struct auth_backend *only = policy->chain_len == 1 ? policy->chain[0] : NULL;

	if (!only || !only->peek || request->kind != AUTH_GET_CREDENTIALS || policy->store_plain)
		return false;
	if (!only->peek(policy, request->user, &request->credentials, &request->outcome))
		return false;
	if (request->hash == AUTH_HASHES || !request->credentials.plain)
		return true;
	auth_credentials_fini(&request->credentials);
	return false;
}

void auth_submit(struct auth_request *request)
{
	request->job = (struct job){.run = run_request, .done = request_done};
	request->credentials = (struct auth_credentials){0};
	request->err.text[0] = '\0';
	auth_policy_current(request->host, &request->policy);
	if (is_at_hand(request))
		executor_skip(&request->job);
	else
		executor_submit(&request->job, lane_of(request));
}

/* Blocking calls
 * -------------------------------------------------------------------------------------------------- */

enum auth_outcome auth_user_exists(struct str host, struct str user, struct err *err)
{
	struct auth_policy policy;

	auth_policy_current(host, &policy);
	return explain(chain_exists(&policy, user, err), &policy, user, err);
}

enum auth_outcome auth_check_password(struct str host, struct str user, struct str password, struct err *err)
{
	struct auth_policy policy;

	auth_policy_current(host, &policy);
	return check(&policy, user, password, err);
}

enum auth_outcome auth_get_credentials(
    struct str host, struct str user, struct auth_credentials *credentials_r, struct err *err)
{
	struct auth_policy policy;

	*credentials_r = (struct auth_credentials){0};
	auth_policy_current(host, &policy);
	return explain(chain_credentials(&policy, user, credentials_r, err), &policy, user, err);
}

static enum auth_outcome chain_set(
    const struct auth_policy *policy, struct str user, struct str password, struct err *err)
{
	enum auth_outcome outcome = AUTH_NOT_ALLOWED;

	for (unsigned i = 0; i < policy->chain_len && outcome != AUTH_OK; i++)
		if (policy->chain[i]->set_password)
			outcome = worse(outcome, policy->chain[i]->set_password(policy, user, password, err));
	return outcome;
}

/* The name must be free in all back ends; the first that can make accounts makes it. */
static enum auth_outcome chain_create(
    const struct auth_policy *policy, struct str user, struct str password, struct err *err)
{
	enum auth_outcome outcome = chain_exists(policy, user, err);

	if (outcome != AUTH_NO_USER)
		return outcome == AUTH_OK ? AUTH_EXISTS : outcome;
	for (unsigned i = 0; i < policy->chain_len; i++)
		if (policy->chain[i]->create)
			return policy->chain[i]->create(policy, user, password, err);
	return AUTH_NOT_ALLOWED;
}

static enum auth_outcome with_new_password(enum auth_outcome (*chain)(const struct auth_policy *,
					       struct str user, struct str password, struct err *),
    struct str host, struct str user, struct str password, struct err *err)
{
	struct auth_policy policy;
	enum auth_outcome outcome = AUTH_NOT_ALLOWED;
	struct arena arena = {0};
	struct str prepared = STR_NULL;

	auth_policy_current(host, &policy);
	if (prepare_password(password, &arena, &prepared, err) < 0)
		err_prefix(err, "this cannot be a password");
	else if (prepared.len > AUTH_PASSWORD_MAX)
		err_set(err, "the password has more than %d bytes", AUTH_PASSWORD_MAX);
	else
		outcome = explain(chain(&policy, user, prepared, err), &policy, user, err);
	forget_password(password, prepared, &arena);
	return outcome;
}

enum auth_outcome auth_set_password(struct str host, struct str user, struct str password, struct err *err)
{
	return with_new_password(chain_set, host, user, password, err);
}

static int check_name(struct str user, struct err *err)
{
	struct arena arena = {0};
	struct str prepared;
	int result = jid_prep_local(user, &arena, &prepared, err);

	if (result == 0 && (user.len == 0 || !str_eq(prepared, user)))
		result = err_set(err, "it would have to be written %.*s", STR_FMT(prepared));
	arena_fini(&arena);
	return result < 0 ? err_prefix(err, "this cannot be the name of an account") : 0;
}

enum auth_outcome auth_register(struct str host, struct str user, struct str password, struct err *err)
{
	if (check_name(user, err) < 0)
		return AUTH_NOT_ALLOWED;
	return with_new_password(chain_create, host, user, password, err);
}

enum auth_outcome auth_remove(struct str host, struct str user, struct err *err)
{
	enum auth_outcome outcome = AUTH_NOT_ALLOWED;
	struct auth_policy policy;

	auth_policy_current(host, &policy);
	for (unsigned i = 0; i < policy.chain_len; i++)
		if (policy.chain[i]->remove)
			outcome = worse(outcome, policy.chain[i]->remove(&policy, user, err));
	return explain(outcome, &policy, user, err);
}

int auth_list(
    struct str host, struct str after, bool (*each)(struct str user, void *arg), void *arg, struct err *err)
{
	struct auth_policy policy;

	auth_policy_current(host, &policy);
	for (unsigned i = 0; i < policy.chain_len; i++)
		if (policy.chain[i]->list)
			return policy.chain[i]->list(&policy, after, each, arg, err);
	return 0;
}

int64_t auth_count(struct str host, struct err *err)
{
	struct auth_policy policy;

	auth_policy_current(host, &policy);
	for (unsigned i = 0; i < policy.chain_len; i++)
		if (policy.chain[i]->count)
			return policy.chain[i]->count(&policy, err);
	return 0;
}
