/* SPDX-License-Identifier: Apache-2.0 */
/* Guests: SASL ANONYMOUS, and "anonymous log-in", in which any password does for a name that nobody has
 * registered. */
#include "auth/backend.h"

static enum auth_outcome known_elsewhere(const struct auth_policy *policy, struct str user, struct err *err)
{
	enum auth_outcome worst = AUTH_NO_USER;

	for (unsigned i = 0; i < policy->chain_len; i++) {
		enum auth_outcome outcome;

		if (!policy->chain[i]->exists)
			continue;
		outcome = policy->chain[i]->exists(policy, user, err);
		if (outcome == AUTH_OK)
			return AUTH_OK;
		if (outcome == AUTH_UNAVAILABLE)
			worst = outcome;
	}
	return worst;
}

static enum auth_outcome check_password(
    const struct auth_policy *policy, struct str user, struct str password, struct err *err)
{
	if (!(policy->anonymous & AUTH_ANONYMOUS_LOGIN))
		return AUTH_NO_USER;
	switch (known_elsewhere(policy, user, err)) {
	case AUTH_NO_USER:
		return AUTH_OK;
	case AUTH_UNAVAILABLE:
		return AUTH_UNAVAILABLE;
	default:
		return AUTH_DENIED;
	}
}

/* It asks all the others. */
static bool waits(const struct auth_policy *policy)
{
	for (unsigned i = 0; i < policy->chain_len; i++)
		if (policy->chain[i] != &auth_backend_anonymous && policy->chain[i]->waits &&
		    policy->chain[i]->waits(policy))
			return true;
	return false;
}

static void methods(const struct auth_policy *policy, struct auth_methods *methods)
{
	methods->anonymous |= policy->anonymous & AUTH_ANONYMOUS_SASL;
	methods->plain_check |= (policy->anonymous & AUTH_ANONYMOUS_LOGIN) != 0;
}

const struct auth_backend auth_backend_anonymous = {
    .name = "anonymous",
    .waits = waits,
    .check_password = check_password,
    .methods = methods,
};
