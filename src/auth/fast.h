/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that a client logs in with in place of a password (XEP-0484), in ejabberd's table auth_fast_tokens:
 * for each client of a user one that it uses and one that it was given and has not used yet.
 *
 * No token is in the database. A row has a random seed; the token is the HMAC-SHA-256 of the seed, of the
 * account, the client, the mechanism and the time when it expires, by the secret of DATA_DIR/auth.secret.
 * Whoever gets hold of the database alone cannot log in with what is in it, nor move a token to another
 * client or mechanism. Without that file the tokens are worth nothing, and clients log in with their
 * passwords; servers that share a database share the file. Rows that another server wrote are left alone
 * until the client gets a token from here.
 *
 * The functions with a struct db run in the store; the others anywhere.
 */
#pragma once

#include "stanzad/store.h"

#define FAST_SEED_LEN 16
#define FAST_MECHANISM_MAX 24
#define FAST_TEXT_MAX 96    /* bytes of a token, NUL included */
#define FAST_CLIENTS_MAX 50 /* of one user; the one whose token is oldest gives way */

/* Whose token: prepared host and user; client is the id of the <user-agent/>, 191 bytes at most. Borrowed. */
struct fast_owner {
	struct str host, user, client;
};

enum fast_slot { FAST_CURRENT, FAST_NEXT, FAST_SLOTS };

struct fast_token {
	bool present;
	char mechanism[FAST_MECHANISM_MAX];
	unsigned char seed[FAST_SEED_LEN];
	int64_t created, expires; /* seconds since 1970 */
	uint64_t count;           /* the highest that the client counted up to, 0: it did not yet */
};

/* The token itself, NUL-terminated; text_r has FAST_TEXT_MAX bytes. A secret: overwrite it. */
void fast_token_text(const struct fast_owner *owner, const struct fast_token *token, char *text_r);

int fast_read(
    struct db *db, const struct fast_owner *owner, struct fast_token tokens_r[FAST_SLOTS], struct err *err);

/* What comes of a log-in. */
struct fast_use {
	struct fast_owner owner;
	struct fast_token used; /* the one that was right; not present: it was another kind of log-in */
	bool counted;
	uint64_t count;           /* of the client */
	bool invalidate;          /* the client wants no tokens any more */
	const char *wanted;       /* a new one for this mechanism; NULL: only if the used one is old enough */
	int64_t lifetime;         /* seconds, OPTION_INFINITE */
	int64_t refresh_age;      /* seconds */
	int64_t now;              /* seconds since 1970 */
	struct fast_token issued; /* result; not present: there is none */
};
enum fast_outcome {
	FAST_DONE,
	FAST_REFUSED = 1, /* the token was revoked meanwhile, or the count is not above the last one */
};
/*
 * XEP-0484 3.3 to 3.6, 5.1, in one transaction of the writer: the token is used, one that it replaces goes,
 * one is made if it is due. < 0: the store failed.
 */
int fast_use(struct db *db, struct fast_use *use, struct err *err);
/* Whether it would change anything, as far as is known; the used token was found in that slot. */
bool fast_use_matters(const struct fast_use *use, enum fast_slot slot);

/* Removes what there is of a client, or with an empty client of the user. Returns how many rows, or < 0. */
int64_t fast_revoke(struct db *db, const struct fast_owner *owner, struct err *err);
/* Calls each for every client of the user with a token that counts at that time (seconds since 1970), in
 * order of their ids. < 0: the store failed. */
int fast_each(struct db *db, const struct fast_owner *owner, int64_t now,
    void (*each)(void *arg, struct str client, const struct fast_token *token), void *arg, struct err *err);
/* Removes what has expired, of all users of a host. Returns how many rows, or < 0. */
int64_t fast_purge(struct db *db, struct str host, int64_t now, struct err *err);
