/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts: the virtual host's chain of back ends (auth_method), in the order of the configuration; the first that
 * knows the user answers. Requests are asynchronous; commands on executor threads use the blocking calls.
 */
#pragma once

#include "auth/credentials.h"
#include "loop/executor.h"
#include "stanzad/err.h"
#include "stanzad/jid.h"

/* What a host's back ends can do together: decides which mechanisms are offered. */
struct auth_methods {
	bool plain_check;               /* can check a password */
	bool scram[AUTH_HASHES];        /* can give keys (or a plain password to derive them from) */
	bool anonymous;                 /* SASL ANONYMOUS */
	bool set_password, registers;
};
/* For the current configuration; host is a served domain. Any thread. */
void auth_methods(struct str host, struct auth_methods *methods_r);

/* One back end. All functions block and run on executor threads; user is a prepared local part. */
struct auth_backend {
	const char *name; /* the word in auth_method */
	enum auth_outcome (*credentials)(struct str host, struct str user, struct auth_credentials *credentials_r,
	    struct err *err); /* NULL: cannot */
	enum auth_outcome (*check_password)(struct str host, struct str user, struct str password, struct err *err);
	enum auth_outcome (*exists)(struct str host, struct str user, struct err *err);
	enum auth_outcome (*set_password)(struct str host, struct str user, struct str password, struct err *err);
	enum auth_outcome (*create)(struct str host, struct str user, struct str password, struct err *err);
	enum auth_outcome (*remove)(struct str host, struct str user, struct err *err);
	void (*methods)(struct str host, struct auth_methods *methods);
};

/* Asynchronous lookups, from a worker; done on the same worker. The request is embedded in its owner. */
struct auth_request {
	struct job job;  /* private */
	struct str host; /* borrowed until done, as user and password */
	struct str user;
	struct str password;
	enum { AUTH_GET_CREDENTIALS, AUTH_CHECK_PASSWORD, AUTH_USER_EXISTS } kind;
	void (*done)(struct auth_request *request);
	/* results */
	enum auth_outcome outcome;
	struct auth_credentials credentials; /* fini by the owner */
	struct err err;
};
void auth_submit(struct auth_request *request);

/* Blocking; on executor threads and in commands. */
enum auth_outcome auth_user_exists(struct str host, struct str user, struct err *err);
enum auth_outcome auth_check_password(struct str host, struct str user, struct str password, struct err *err);
enum auth_outcome auth_get_credentials(struct str host, struct str user, struct auth_credentials *credentials_r,
    struct err *err);
enum auth_outcome auth_set_password(struct str host, struct str user, struct str password, struct err *err);
/* AUTH_EXISTS when the account is there. */
enum auth_outcome auth_register(struct str host, struct str user, struct str password, struct err *err);
enum auth_outcome auth_remove(struct str host, struct str user, struct err *err);
/* Calls each(user, arg) for every account of the host in order of names, from 'after' (empty: the first); stops when it returns false. */
int auth_list(struct str host, struct str after, bool (*each)(struct str user, void *arg), void *arg, struct err *err);
int64_t auth_count(struct str host, struct err *err);
