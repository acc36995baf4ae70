/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts: the virtual host's chain of back ends (auth_method), in the order of the configuration.
 * Credentials come from the first that knows the user; a password is right when one of them says so. Requests
 * are asynchronous; commands on executor threads use the blocking calls.
 *
 * What a password check or a look-up costs does not tell whether the user exists: where keys are stored,
 * every check derives once; where plain passwords are stored, every look-up for SCRAM derives once.
 */
#pragma once

#include "auth/policy.h"
#include "loop/executor.h"
#include "stanzad/err.h"
#include "stanzad/jid.h"

/* What a host's back ends can do together: decides which mechanisms are offered. */
struct auth_methods {
	bool plain_check;        /* can check a password */
	bool scram[AUTH_HASHES]; /* can give keys (or a plain password to derive them from) */
	bool anonymous;          /* SASL ANONYMOUS */
	bool set_password, registers;
};
/* For the current configuration; host is a served domain. Any thread. */
void auth_methods(struct str host, struct auth_methods *methods_r);
/* The same without regard to auth_password_types_hidden_in_sasl1. */
void auth_methods_unhidden(struct str host, struct auth_methods *methods_r);
/* Which keys are kept of new passwords. */
void auth_stored_keys(struct str host, bool stored_r[AUTH_HASHES]);
/*
 * Does one of the host's back ends wait for something that may be slow or silent, such as a program, and may
 * it refuse what an administrator wants? Then ask with auth_submit where you can: it holds nobody else up.
 */
bool auth_waits(struct str host);

/* Asynchronous lookups, from a worker; done on the same worker. The request is embedded in its owner. */
struct auth_request {
	struct job job;  /* private */
	struct str host; /* borrowed until done, as user and password; user and password are prepared */
	struct str user;
	struct str password;
	enum auth_hash hash; /* AUTH_GET_CREDENTIALS: keys of this hash are derived when only the plain
			      * password is stored; sasl_hash says it. AUTH_HASHES: only what is stored */
	/* AUTH_USER_KNOWN: as auth_user_exists; not to let anybody in by. */
	enum { AUTH_GET_CREDENTIALS, AUTH_CHECK_PASSWORD, AUTH_USER_EXISTS, AUTH_USER_KNOWN } kind;
	void (*done)(struct auth_request *request);
	void *owner; /* the caller's own */
	/* results */
	enum auth_outcome outcome;           /* never AUTH_EXISTS */
	struct auth_credentials credentials; /* with AUTH_OK; fini by the owner */
	struct err err;                      /* with AUTH_UNAVAILABLE: why, for the log */
	struct auth_policy policy;           /* private */
};
/* done is called exactly once, never from inside this call. Results need not be initialised. */
void auth_submit(struct auth_request *request);

/*
 * Blocking; on executor threads and in commands. host is a served domain, user a prepared local part;
 * passwords are prepared here. With every outcome but AUTH_OK err says why, in words for an administrator.
 */
/* With a back end outside of the server, and unless auth_external_user_exists_check is off, somebody whose
 * last activity is known exists too: offline messages wait for them. */
enum auth_outcome auth_user_exists(struct str host, struct str user, struct err *err);
enum auth_outcome auth_check_password(struct str host, struct str user, struct str password, struct err *err);
/* As it is stored: nothing is derived. *credentials_r may be uninitialised; it is empty when there is no
 * AUTH_OK. */
enum auth_outcome auth_get_credentials(
    struct str host, struct str user, struct auth_credentials *credentials_r, struct err *err);

#define AUTH_PASSWORD_MAX 1024 /* bytes of a new password after preparation */

/* AUTH_NOT_ALLOWED also when the password is empty, too long or has characters that OpaqueString (RFC 8265)
 * forbids. */
enum auth_outcome auth_set_password(struct str host, struct str user, struct str password, struct err *err);
/*
 * Adds keys of another hash to what is stored about a password (XEP-0480). known is what was found before: when the
 * password has been changed since, nothing is done and the outcome is AUTH_DENIED.
 */
enum auth_outcome auth_add_keys(struct str host, struct str user, const struct auth_credentials *known,
    enum auth_hash hash, const struct scram_keys *keys, struct err *err);
/* AUTH_EXISTS when the account is there; of two at once, one gets AUTH_OK and one AUTH_EXISTS.
 * AUTH_NOT_ALLOWED as above, and when the name is not a prepared local part. */
enum auth_outcome auth_register(struct str host, struct str user, struct str password, struct err *err);
/* The account alone; what else belongs to the user is for the hook that the caller runs. */
enum auth_outcome auth_remove(struct str host, struct str user, struct err *err);
/* The same, if this is the account's password; AUTH_DENIED also when it is not. */
enum auth_outcome auth_remove_with_password(
    struct str host, struct str user, struct str password, struct err *err);
/*
 * Calls each(user, arg) for every account of the host in order of names, from 'after' (not included; empty:
 * the first); stops when it returns false. each may use the store and this interface. user lives for the
 * call. Where one back end can list, those that cannot are left out; where none can, < 0.
 */
int auth_list(
    struct str host, struct str after, bool (*each)(struct str user, void *arg), void *arg, struct err *err);
/* How many accounts the host has; < 0 on failure. */
int64_t auth_count(struct str host, struct err *err);
