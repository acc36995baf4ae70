/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth.h"

#include <openssl/crypto.h>

#include "auth/backend.h"
#include "auth/extauth.h"
#include "base/map.h"
#include "stanzad/store.h"

void auth_methods(struct str host, struct auth_methods *methods_r)
{
	struct auth_policy policy;

	*methods_r = (struct auth_methods){0};
	auth_policy_current(host, &policy);
	for (unsigned i = 0; i < policy.chain_len; i++)
		policy.chain[i]->methods(&policy, methods_r);
}

void auth_methods_unhidden(struct str host, struct auth_methods *methods_r)
{
	struct auth_policy policy;

	*methods_r = (struct auth_methods){0};
	auth_policy_current(host, &policy);
	policy.hide_plain = false;
	memset(policy.hide_scram, 0, sizeof(policy.hide_scram));
	for (unsigned i = 0; i < policy.chain_len; i++)
		policy.chain[i]->methods(&policy, methods_r);
}

void auth_stored_keys(struct str host, bool stored_r[AUTH_HASHES])
{
	struct auth_policy policy;

	auth_policy_current(host, &policy);
	memcpy(stored_r, policy.store_scram, sizeof(policy.store_scram));
}

bool auth_waits(struct str host)
{
	struct auth_policy policy;

	auth_policy_current(host, &policy);
	return policy.prompt_len < policy.chain_len;
}

/* For what an administrator asks: err holds nothing but what comes of it. */
static void begin(struct str host, struct auth_policy *policy_r, struct err *err)
{
	if (err)
		err->text[0] = '\0';
	auth_policy_current(host, policy_r);
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

static bool is_said(const struct err *err)
{
	return err && err->text[0];
}

/* A back end may have had words of its own for what it refused. */
static enum auth_outcome explain(
    enum auth_outcome outcome, const struct auth_policy *policy, struct str user, struct err *err)
{
	switch (outcome) {
	case AUTH_DENIED:
		if (!is_said(err))
			err_set(err, "the password is wrong");
		break;
	case AUTH_NO_USER:
		err_set(err, "there is no account %.*s@%.*s", STR_FMT(user), STR_FMT(policy->host));
		break;
	case AUTH_EXISTS:
		err_set(err, "there is an account %.*s@%.*s already", STR_FMT(user), STR_FMT(policy->host));
		break;
	case AUTH_NOT_ALLOWED:
		if (!is_said(err))
			err_set(err, "no authentication method of %.*s can do that", STR_FMT(policy->host));
		break;
	default:
		break;
	}
	return outcome;
}

/* Some back ends of a chain, one after another. */
struct part {
	const struct auth_policy *policy;
	unsigned first, end;
};

static struct part whole(const struct auth_policy *policy)
{
	return (struct part){policy, 0, policy->chain_len};
}

static enum auth_outcome part_exists(
    struct part part, enum auth_outcome outcome, struct str user, struct err *err)
{
	for (unsigned i = part.first; i < part.end && outcome != AUTH_OK; i++)
		if (part.policy->chain[i]->exists)
			outcome = worse(outcome, part.policy->chain[i]->exists(part.policy, user, err));
	return outcome;
}

static enum auth_outcome chain_exists(const struct auth_policy *policy, struct str user, struct err *err)
{
	return part_exists(whole(policy), AUTH_NO_USER, user, err);
}

static int run_last(void *arg, struct db *db, struct err *err)
{
	const struct auth_request *request = arg;
	struct db_rows *rows = DB_QUERY(db, err, "SELECT 1 FROM last WHERE {host=} username = ?",
	    DB_P_TEXT(request->policy.host), DB_P_TEXT(request->user));
	int result = db_next(rows, err);

	db_end(&rows);
	return result;
}

/* auth_external_user_exists_check */
static enum auth_outcome by_last(struct auth_request *request, enum auth_outcome outcome)
{
	int found;

	if (outcome != AUTH_NO_USER || !request->policy.last_counts)
		return outcome;
	found = store_call(STORE_READ, STR_NULL, run_last, request, &request->err);
	return found < 0 ? AUTH_UNAVAILABLE : found ? AUTH_OK : AUTH_NO_USER;
}

static enum auth_outcome part_check(
    struct part part, enum auth_outcome outcome, struct str user, struct str password, struct err *err)
{
	for (unsigned i = part.first; i < part.end && outcome != AUTH_OK; i++) {
		const struct auth_backend *backend = part.policy->chain[i];

		if (backend->check_password)
			outcome = worse(outcome, backend->check_password(part.policy, user, password, err));
	}
	return outcome;
}

static enum auth_outcome part_credentials(struct part part, enum auth_outcome outcome, struct str user,
    struct auth_credentials *credentials, struct err *err)
{
	for (unsigned i = part.first; i < part.end && outcome != AUTH_OK; i++) {
		const struct auth_backend *backend = part.policy->chain[i];

		if (backend->credentials)
			outcome = worse(outcome, backend->credentials(part.policy, user, credentials, err));
		else if (backend->exists)
			outcome = worse(outcome, backend->exists(part.policy, user, err));
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

static enum auth_outcome check(struct part part, enum auth_outcome outcome, struct str user,
    struct str password, struct err *err)
{
	struct arena arena = {0};
	struct str prepared = STR_NULL;

	if (prepare_password(password, &arena, &prepared, err) < 0)
		outcome = AUTH_DENIED;
	else
		outcome = explain(
		    part_check(part, outcome, user, prepared, err), part.policy, user, err);
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

	if (request->kind == AUTH_USER_EXISTS || request->kind == AUTH_USER_KNOWN ||
	    (request->kind == AUTH_GET_CREDENTIALS &&
		(!request->policy.store_plain || request->hash == AUTH_HASHES)))
		return NULL;
	count = count < 1 ? 1 : count > LANES_MAX ? LANES_MAX : count;
	return &lanes[map_hash(request->user) % count];
}

/* The part that is over changes the outcome of the one before it. */
static void run_part(struct auth_request *request, unsigned first, unsigned end)
{
	struct part part = {&request->policy, first, end};
	bool last = end == request->policy.chain_len;

	switch (request->kind) {
	case AUTH_GET_CREDENTIALS:
		request->outcome = part_credentials(
		    part, request->outcome, request->user, &request->credentials, &request->err);
		if (request->hash < AUTH_HASHES &&
		    (request->outcome == AUTH_OK || (last && request->outcome != AUTH_UNAVAILABLE)))
			derive(part.policy, request->user, request->hash, &request->credentials);
		break;
	case AUTH_CHECK_PASSWORD:
		request->outcome =
		    check(part, request->outcome, request->user, request->password, &request->err);
		break;
	case AUTH_USER_EXISTS:
	case AUTH_USER_KNOWN:
		request->outcome = part_exists(part, request->outcome, request->user, &request->err);
		if (last && request->kind == AUTH_USER_KNOWN)
			request->outcome = by_last(request, request->outcome);
		break;
	}
}

static void run_prompt(struct job *job)
{
	struct auth_request *request = (struct auth_request *)job;

	run_part(request, 0, request->policy.prompt_len);
}

static void run_waiting(struct job *job)
{
	struct auth_request *request = (struct auth_request *)job;

	run_part(request, request->policy.prompt_len, request->policy.chain_len);
}

static void run_nothing(struct job *job)
{
}

static void request_done(struct job *job)
{
	struct auth_request *request = (struct auth_request *)job;

	request->done(request);
}

/* What cannot be asked comes back as if it had been, and not from inside this call. */
static void submit_waiting(struct auth_request *request)
{
	request->job = (struct job){.run = run_waiting, .done = request_done};
	if (extauth_submit(request->host, &request->job, &request->err) == 0)
		return;
	request->outcome = AUTH_UNAVAILABLE;
	request->job.run = run_nothing;
	executor_submit(&request->job, NULL);
}

/* Whom the first back ends know does not depend on those that may be slow. */
static void prompt_done(struct job *job)
{
	struct auth_request *request = (struct auth_request *)job;

	if (request->outcome == AUTH_OK || request->policy.prompt_len == request->policy.chain_len)
		request->done(request);
	else
		submit_waiting(request);
}

/* Without a way to another thread and back, when the account is in memory and no key has to be derived. */
static bool is_at_hand(struct auth_request *request)
{
	const struct auth_policy *policy = &request->policy;
	const struct auth_backend *only = policy->chain_len == 1 ? policy->chain[0] : NULL;
	enum auth_outcome outcome;

	if (!only || !only->peek || request->kind != AUTH_GET_CREDENTIALS || policy->store_plain)
		return false;
	if (!only->peek(policy, request->user, &request->credentials, &outcome))
		return false;
	if (request->credentials.plain && request->hash < AUTH_HASHES) {
		auth_credentials_fini(&request->credentials);
		return false;
	}
	request->outcome = outcome;
	return true;
}

void auth_submit(struct auth_request *request)
{
	bool nothing_known = request->kind == AUTH_CHECK_PASSWORD;

	request->credentials = (struct auth_credentials){0};
	request->outcome = nothing_known ? AUTH_NOT_ALLOWED : AUTH_NO_USER;
	request->err.text[0] = '\0';
	auth_policy_current(request->host, &request->policy);
	if (request->policy.prompt_len == 0 && request->policy.chain_len > 0) {
		submit_waiting(request);
		return;
	}
	request->job = (struct job){.run = run_prompt, .done = prompt_done};
	if (is_at_hand(request))
		executor_skip(&request->job);
	else
		executor_submit(&request->job, lane_of(request));
}

/* Blocking calls
 * -------------------------------------------------------------------------------------------------- */

enum auth_outcome auth_user_exists(struct str host, struct str user, struct err *err)
{
	struct auth_request request = {.host = host, .user = user, .kind = AUTH_USER_KNOWN};
	struct auth_policy *policy = &request.policy;

	begin(host, policy, err);
	request.outcome = by_last(&request, chain_exists(policy, user, &request.err));
	if (err)
		*err = request.err;
	return explain(request.outcome, policy, user, err);
}

enum auth_outcome auth_check_password(struct str host, struct str user, struct str password, struct err *err)
{
	struct auth_policy policy;

	begin(host, &policy, err);
	return check(whole(&policy), AUTH_NOT_ALLOWED, user, password, err);
}

enum auth_outcome auth_get_credentials(
    struct str host, struct str user, struct auth_credentials *credentials_r, struct err *err)
{
	struct auth_policy policy;
	enum auth_outcome outcome;

	*credentials_r = (struct auth_credentials){0};
	begin(host, &policy, err);
	outcome = part_credentials(whole(&policy), AUTH_NO_USER, user, credentials_r, err);
	return explain(outcome, &policy, user, err);
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

static enum auth_outcome with_password(enum auth_outcome (*chain)(const struct auth_policy *,
					       struct str user, struct str password, struct err *),
    struct str host, struct str user, struct str password, struct err *err)
{
	struct auth_policy policy;
	enum auth_outcome outcome = AUTH_NOT_ALLOWED;
	struct arena arena = {0};
	struct str prepared = STR_NULL;

	begin(host, &policy, err);
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
	return with_password(chain_set, host, user, password, err);
}

enum auth_outcome auth_add_keys(struct str host, struct str user, const struct auth_credentials *known,
    enum auth_hash hash, const struct scram_keys *keys, struct err *err)
{
	enum auth_outcome outcome = AUTH_NOT_ALLOWED;
	struct auth_policy policy;

	begin(host, &policy, err);
	for (unsigned i = 0; i < policy.chain_len && outcome != AUTH_OK; i++)
		if (policy.chain[i]->add_keys)
			outcome =
			    worse(outcome, policy.chain[i]->add_keys(&policy, user, known, hash, keys, err));
	return explain(outcome, &policy, user, err);
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
	return with_password(chain_create, host, user, password, err);
}

enum auth_outcome auth_remove(struct str host, struct str user, struct err *err)
{
	enum auth_outcome outcome = AUTH_NOT_ALLOWED;
	struct auth_policy policy;

	begin(host, &policy, err);
	for (unsigned i = 0; i < policy.chain_len; i++)
		if (policy.chain[i]->remove)
			outcome = worse(outcome, policy.chain[i]->remove(&policy, user, err));
	return explain(outcome, &policy, user, err);
}

static enum auth_outcome remove_checked(const struct auth_backend *backend, const struct auth_policy *policy,
    struct str user, struct str password, struct err *err)
{
	enum auth_outcome outcome;

	if (backend->remove_with_password)
		return backend->remove_with_password(policy, user, password, err);
	if (!backend->check_password || !backend->remove)
		return AUTH_NOT_ALLOWED;
	outcome = backend->check_password(policy, user, password, err);
	return outcome == AUTH_OK ? backend->remove(policy, user, err) : outcome;
}

static enum auth_outcome chain_remove(
    const struct auth_policy *policy, struct str user, struct str password, struct err *err)
{
	enum auth_outcome outcome = AUTH_NOT_ALLOWED;

	for (unsigned i = 0; i < policy->chain_len; i++)
		outcome = worse(outcome, remove_checked(policy->chain[i], policy, user, password, err));
	return outcome;
}

enum auth_outcome auth_remove_with_password(
    struct str host, struct str user, struct str password, struct err *err)
{
	return with_password(chain_remove, host, user, password, err);
}

/* Accounts that the server alone does not know cannot be listed. */
static int unlisted(const struct auth_policy *policy, const char *what, struct err *err)
{
	for (unsigned i = 0; i < policy->chain_len; i++)
		if (policy->chain[i]->exists && !policy->chain[i]->list)
			return err_set(err,
			    "the accounts of %.*s cannot be %s: authentication method '%s' knows them alone",
			    STR_FMT(policy->host), what, policy->chain[i]->name);
	return 0;
}

int auth_list(
    struct str host, struct str after, bool (*each)(struct str user, void *arg), void *arg, struct err *err)
{
	struct auth_policy policy;

	begin(host, &policy, err);
	for (unsigned i = 0; i < policy.chain_len; i++)
		if (policy.chain[i]->list)
			return policy.chain[i]->list(&policy, after, each, arg, err);
	return unlisted(&policy, "listed", err);
}

int64_t auth_count(struct str host, struct err *err)
{
	struct auth_policy policy;

	begin(host, &policy, err);
	for (unsigned i = 0; i < policy.chain_len; i++)
		if (policy.chain[i]->count)
			return policy.chain[i]->count(&policy, err);
	return unlisted(&policy, "counted", err);
}
