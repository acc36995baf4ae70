/* SPDX-License-Identifier: Apache-2.0 */
/* What is stored about a user's password: a plain value that the store, the mechanisms and the back ends
 * share. */
#pragma once

#include "stanzad/err.h"
#include "stanzad/str.h"

enum auth_hash { AUTH_SHA1, AUTH_SHA256, AUTH_SHA512, AUTH_HASHES };

/* RFC 5802 3: 20, 32 or 64 bytes each. */
struct scram_keys {
	bool present;
	unsigned char stored_key[64], server_key[64];
	unsigned char salt[64];
	unsigned salt_len, iterations;
};

struct auth_credentials {
	char *plain; /* prepared; NULL when only keys are stored */
	struct scram_keys scram[AUTH_HASHES];
};

/* Overwrites what was in it. */
void auth_credentials_fini(struct auth_credentials *credentials);
/* What it holds moves to the other, which is overwritten; it is empty afterwards. */
void auth_credentials_take(struct auth_credentials *to, struct auth_credentials *from);
unsigned auth_hash_size(enum auth_hash hash);
/* "SHA-1", "SHA-256", "SHA-512". */
const char *auth_hash_text(enum auth_hash hash);

#define SCRAM_ITERATIONS 4096         /* of new keys, as ejabberd makes them */
#define SCRAM_ITERATIONS_MAX 10000000 /* of stored keys: what is above would hold a thread for minutes */
#define SCRAM_SALT_LEN 16

/* Derives keys from a prepared password: PBKDF2 with iterations rounds; slow, never on a worker. */
void scram_keys_derive(struct scram_keys *keys, enum auth_hash hash, struct str password, const void *salt,
    unsigned salt_len, unsigned iterations);
/* The same from RFC 5802's SaltedPassword, auth_hash_size bytes, which a client made. Fast. */
void scram_keys_from_salted(struct scram_keys *keys, enum auth_hash hash, const unsigned char *salted,
    const void *salt, unsigned salt_len, unsigned iterations);
/* New keys with a random salt; as slow. */
void scram_keys_new(struct scram_keys *keys, enum auth_hash hash, struct str password);
/* Does the prepared password belong to the keys? As slow as deriving; the time does not depend on the answer.
 */
bool scram_keys_match(const struct scram_keys *keys, enum auth_hash hash, struct str password);
/*
 * The salt for a user who has none: because the account does not exist, or because the plain password is
 * stored. It depends on host, user, hash and the secret of auth_secret_load only, so that asking again (also
 * after a restart) gives the same salt, as it would for an account with stored keys. salt_r has
 * SCRAM_SALT_LEN bytes. Any thread.
 */
void scram_salt_for(struct str host, struct str user, enum auth_hash hash, unsigned char *salt_r);
/* Keys that no password fits, with that salt: the exchange for a user who is not there. Fast. */
void scram_keys_fake(struct scram_keys *keys, enum auth_hash hash, struct str host, struct str user);

enum auth_outcome {
	AUTH_OK,
	AUTH_DENIED, /* wrong password or no such user: never told apart to a client */
	AUTH_NO_USER,
	AUTH_EXISTS,
	AUTH_NOT_ALLOWED, /* the back end cannot do that */
	AUTH_UNAVAILABLE, /* the back end failed */
};

/*
 * Reads DATA_DIR/auth.secret (32 bytes), or makes it (mode 0600). Without this call the secret is random and
 * lasts as long as the process. At start, before any worker runs.
 */
int auth_secret_load(const char *data_dir, struct err *err);
