/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the configuration says about a host's accounts, as a plain value: read once for each request, so that
 * a reload in between changes nothing and back ends need not look at the configuration.
 */
#pragma once

#include "auth/credentials.h"

struct auth_backend;
struct conf;

#define AUTH_CHAIN_MAX 8

enum { AUTH_ANONYMOUS_SASL = 1, AUTH_ANONYMOUS_LOGIN = 2 };

struct auth_policy {
	struct str host;                                  /* borrowed */
	const struct auth_backend *chain[AUTH_CHAIN_MAX]; /* auth_method, in its order, each once */
	unsigned chain_len;
	/* What is kept of a new password: auth_stored_password_types, else auth_password_format and
	 * auth_scram_hash. */
	bool store_plain, store_scram[AUTH_HASHES];
	bool hide_plain, hide_scram[AUTH_HASHES]; /* auth_password_types_hidden_in_sasl1 */
	unsigned anonymous;                       /* anonymous_protocol, as bits */
	/* How many back ends at the beginning of the chain never wait for something slow; less than chain_len
	 * when one does. */
	unsigned prompt_len;
	uint64_t patience_ms; /* extauth_timeout */
	uint64_t deadline_ms; /* when whoever waits for its turn gives up; 0 from auth_policy_read */
	bool last_counts; /* auth_external_user_exists_check, where it has a meaning: who has been here exists */
	/* Of back ends that wait. */
	bool cache, cache_missed;
	uint64_t cache_life_ms;
	size_t cache_size;
};

void auth_policy_read(const struct conf *conf, struct str host, struct auth_policy *policy_r);
/* By the configuration in force. */
void auth_policy_current(struct str host, struct auth_policy *policy_r);
/* The strongest hash that is stored for new passwords; AUTH_SHA1 when only plain ones are. */
enum auth_hash auth_policy_hash(const struct auth_policy *policy);
