/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy.h"

#include "auth/backend.h"
#include "base/clock.h"
#include "conf/conf.h"

static const struct {
	const char *word;
	const struct auth_backend *backend;
} methods[] = {
    {"internal", &auth_backend_sql},
    {"mnesia", &auth_backend_sql},
    {"sql", &auth_backend_sql},
    {"odbc", &auth_backend_sql},
    {"anonymous", &auth_backend_anonymous},
    {"external", &auth_backend_external},
};

static const char *const scram_words[AUTH_HASHES] = {"scram_sha1", "scram_sha256", "scram_sha512"};

static void add_backend(struct auth_policy *policy, const struct auth_backend *backend)
{
	for (unsigned i = 0; i < policy->chain_len; i++)
		if (policy->chain[i] == backend)
			return;
	if (policy->chain_len < AUTH_CHAIN_MAX)
		policy->chain[policy->chain_len++] = backend;
}

/* Words of methods that this server lacks were reported when the configuration was read. */
static void read_chain(const struct option_value *value, struct auth_policy *policy)
{
	for (size_t i = 0; i < value->string_count; i++)
		for (size_t j = 0; j < sizeof(methods) / sizeof(methods[0]); j++)
			if (str_is(value->strings[i], methods[j].word))
				add_backend(policy, methods[j].backend);
}

static void read_types(const struct option_value *value, bool *plain_r, bool *scram_r)
{
	for (size_t i = 0; i < value->string_count; i++) {
		if (str_is(value->strings[i], "plain"))
			*plain_r = true;
		for (unsigned hash = 0; hash < AUTH_HASHES; hash++)
			if (str_is(value->strings[i], scram_words[hash]))
				scram_r[hash] = true;
	}
}

static void read_format(const struct conf *conf, struct auth_policy *policy)
{
	struct str hash = conf_str(conf, policy->host, "auth_scram_hash");

	if (!str_is(conf_str(conf, policy->host, "auth_password_format"), "scram"))
		policy->store_plain = true;
	else if (str_is(hash, "sha512"))
		policy->store_scram[AUTH_SHA512] = true;
	else if (str_is(hash, "sha256"))
		policy->store_scram[AUTH_SHA256] = true;
	else
		policy->store_scram[AUTH_SHA1] = true;
}

static bool waits(const struct auth_policy *policy, unsigned place)
{
	return policy->chain[place]->waits && policy->chain[place]->waits(policy);
}

/* An auth_cache option, or what counts when it is absent. */
static const struct option_value *cache_option(
    const struct conf *conf, const char *name, const char *general)
{
	const struct option_value *own = conf_get(conf, STR_NULL, name);

	return own->present ? own : conf_get(conf, STR_NULL, general);
}

static void read_waiting(const struct conf *conf, struct auth_policy *policy)
{
	int64_t life = cache_option(conf, "auth_cache_life_time", "cache_life_time")->integer;
	int64_t size = cache_option(conf, "auth_cache_size", "cache_size")->integer;

	policy->patience_ms = (uint64_t)conf_int(conf, policy->host, "extauth_timeout");
	policy->cache = conf_bool(conf, policy->host, "auth_use_cache");
	policy->cache_missed = cache_option(conf, "auth_cache_missed", "cache_missed")->boolean;
	policy->cache_life_ms = life == OPTION_INFINITE ? UINT64_MAX : (uint64_t)life;
	policy->cache_size = (size_t)size;
	policy->last_counts = conf_bool(conf, policy->host, "auth_external_user_exists_check") &&
			      conf_module_find(conf, policy->host, "mod_last");
}

void auth_policy_read(const struct conf *conf, struct str host, struct auth_policy *policy_r)
{
	const struct option_value *types = conf_get(conf, host, "auth_stored_password_types");
	struct str protocol = conf_str(conf, host, "anonymous_protocol");

	*policy_r = (struct auth_policy){.host = host};
	read_chain(conf_get(conf, host, "auth_method"), policy_r);
	if (types->string_count)
		read_types(types, &policy_r->store_plain, policy_r->store_scram);
	else
		read_format(conf, policy_r);
	read_types(conf_get(conf, host, "auth_password_types_hidden_in_sasl1"), &policy_r->hide_plain,
	    policy_r->hide_scram);
	if (!str_is(protocol, "login_anon"))
		policy_r->anonymous |= AUTH_ANONYMOUS_SASL;
	if (!str_is(protocol, "sasl_anon"))
		policy_r->anonymous |= AUTH_ANONYMOUS_LOGIN;
	while (policy_r->prompt_len < policy_r->chain_len && !waits(policy_r, policy_r->prompt_len))
		policy_r->prompt_len++;
	if (policy_r->prompt_len < policy_r->chain_len)
		read_waiting(conf, policy_r);
}

void auth_policy_current(struct str host, struct auth_policy *policy_r)
{
	struct conf *conf = conf_ref(conf_current());

	auth_policy_read(conf, host, policy_r);
	policy_r->deadline_ms = clock_mono_ms() + policy_r->patience_ms;
	conf_unref(&conf);
}

enum auth_hash auth_policy_hash(const struct auth_policy *policy)
{
	for (int hash = AUTH_HASHES - 1; hash > AUTH_SHA1; hash--)
		if (policy->store_scram[hash])
			return hash;
	return AUTH_SHA1;
}
