/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes, HMAC (RFC 2104) and PBKDF2 (RFC 8018 5.2) as SCRAM needs them: values on the caller's stack, no
 * allocation, no look-up of an algorithm by name. Outputs have auth_hash_size bytes. Any thread.
 */
#pragma once

#include <openssl/sha.h>

#include "auth/credentials.h"

#define DIGEST_SIZE_MAX 64

struct digest {
	enum auth_hash hash;
	union {
		SHA_CTX sha1;
		SHA256_CTX sha256;
		SHA512_CTX sha512;
	} state;
};

void digest_init(struct digest *digest, enum auth_hash hash);
void digest_update(struct digest *digest, const void *bytes, size_t len);
/* Overwrites the state. */
void digest_final(struct digest *digest, unsigned char *out);
void digest_bytes(enum auth_hash hash, const void *bytes, size_t len, unsigned char *out);

struct hmac {
	struct digest inner, outer;
};

void hmac_init(struct hmac *hmac, enum auth_hash hash, const void *key, size_t key_len);
void hmac_update(struct hmac *hmac, const void *bytes, size_t len);
/* Overwrites the state. */
void hmac_final(struct hmac *hmac, unsigned char *out);
void hmac_bytes(
    enum auth_hash hash, const void *key, size_t key_len, const void *bytes, size_t len, unsigned char *out);

/* One block of output, which is all that SCRAM uses (RFC 5802 2.2: Hi). iterations is at least 1. */
void pbkdf2(enum auth_hash hash, struct str password, const void *salt, size_t salt_len, unsigned iterations,
    unsigned char *out);
