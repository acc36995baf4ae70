/* SPDX-License-Identifier: Apache-2.0 */
/* What is stored about a user's password: a plain value that the store, the mechanisms and the back ends share. */
#pragma once

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
	char *plain;                           /* prepared; NULL when only keys are stored */
	struct scram_keys scram[AUTH_HASHES];
};

/* Overwrites what was in it. */
void auth_credentials_fini(struct auth_credentials *credentials);
unsigned auth_hash_size(enum auth_hash hash);
/* Derives keys from a prepared password: PBKDF2 with iterations rounds; slow, never on a worker. */
void scram_keys_derive(struct scram_keys *keys, enum auth_hash hash, struct str password, const void *salt,
    unsigned salt_len, unsigned iterations);

enum auth_outcome {
	AUTH_OK,
	AUTH_DENIED,      /* wrong password or no such user: never told apart to a client */
	AUTH_NO_USER,
	AUTH_EXISTS,
	AUTH_NOT_ALLOWED, /* the back end cannot do that */
	AUTH_UNAVAILABLE, /* the back end failed */
};
