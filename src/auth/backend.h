/* SPDX-License-Identifier: Apache-2.0 */
/* One back end of accounts; for the files backend_*.c, policy.c and auth.c. */
#pragma once

#include "auth/auth.h"

/*
 * All functions but peek and methods block and run on executor threads or on those of commands; user is a
 * prepared local part, a password is prepared and not empty. One that is NULL: this back end cannot do it.
 * With AUTH_UNAVAILABLE err says why; with AUTH_DENIED and AUTH_NOT_ALLOWED it may, and is left alone
 * otherwise.
 */
struct auth_backend {
	const char *name; /* the word in auth_method */
	/* It may wait for something that is slow or never comes: it is not called on executor threads when that
	 * can be helped. NULL: never. */
	bool (*waits)(const struct auth_policy *policy);
	/* AUTH_OK: the account is there; what is stored about its password may be nothing. */
	enum auth_outcome (*credentials)(const struct auth_policy *policy, struct str user,
	    struct auth_credentials *credentials_r, struct err *err);
	/*
	 * The same, on a worker: without waiting for anything. False: it would have to, and credentials_r is
	 * as it was. NULL: it always would.
	 */
	bool (*peek)(const struct auth_policy *policy, struct str user,
	    struct auth_credentials *credentials_r, enum auth_outcome *outcome_r);
	/* Takes about as long for AUTH_NO_USER as for AUTH_DENIED. */
	enum auth_outcome (*check_password)(
	    const struct auth_policy *policy, struct str user, struct str password, struct err *err);
	enum auth_outcome (*exists)(const struct auth_policy *policy, struct str user, struct err *err);
	enum auth_outcome (*set_password)(
	    const struct auth_policy *policy, struct str user, struct str password, struct err *err);
	/* As auth_add_keys. */
	enum auth_outcome (*add_keys)(const struct auth_policy *policy, struct str user,
	    const struct auth_credentials *known, enum auth_hash hash, const struct scram_keys *keys,
	    struct err *err);
	enum auth_outcome (*create)(
	    const struct auth_policy *policy, struct str user, struct str password, struct err *err);
	enum auth_outcome (*remove)(const struct auth_policy *policy, struct str user, struct err *err);
	/* NULL: the password is checked, and then remove is called. */
	enum auth_outcome (*remove_with_password)(
	    const struct auth_policy *policy, struct str user, struct str password, struct err *err);
	/* As auth_list and auth_count. */
	int (*list)(const struct auth_policy *policy, struct str after,
	    bool (*each)(struct str user, void *arg), void *arg, struct err *err);
	int64_t (*count)(const struct auth_policy *policy, struct err *err);
	/* Adds what it can do to what is there. */
	void (*methods)(const struct auth_policy *policy, struct auth_methods *methods);
};

extern const struct auth_backend auth_backend_sql;
extern const struct auth_backend auth_backend_anonymous;
extern const struct auth_backend auth_backend_external;
