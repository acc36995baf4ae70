/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/credentials.h"

#include <openssl/crypto.h>

#include "auth/digest.h"
#include "auth/secret.h"
#include "base/rand.h"

void scram_keys_from_salted(struct scram_keys *keys, enum auth_hash hash, const unsigned char *salted,
    const void *salt, unsigned salt_len, unsigned iterations)
{
	unsigned char client_key[DIGEST_SIZE_MAX];
	unsigned size = auth_hash_size(hash);

	*keys = (struct scram_keys){.present = true, .salt_len = salt_len, .iterations = iterations};
	memcpy(keys->salt, salt, salt_len);
	hmac_bytes(hash, salted, size, "Client Key", 10, client_key);
	digest_bytes(hash, client_key, size, keys->stored_key);
	hmac_bytes(hash, salted, size, "Server Key", 10, keys->server_key);
	OPENSSL_cleanse(client_key, sizeof(client_key));
}

void scram_keys_derive(struct scram_keys *keys, enum auth_hash hash, struct str password, const void *salt,
    unsigned salt_len, unsigned iterations)
{
	unsigned char salted[DIGEST_SIZE_MAX];

	pbkdf2(hash, password, salt, salt_len, iterations, salted);
	scram_keys_from_salted(keys, hash, salted, salt, salt_len, iterations);
	OPENSSL_cleanse(salted, sizeof(salted));
}

void scram_keys_new(struct scram_keys *keys, enum auth_hash hash, struct str password)
{
	unsigned char salt[SCRAM_SALT_LEN];

	rand_bytes(salt, sizeof(salt));
	scram_keys_derive(keys, hash, password, salt, sizeof(salt), SCRAM_ITERATIONS);
}

bool scram_keys_match(const struct scram_keys *keys, enum auth_hash hash, struct str password)
{
	struct scram_keys mine;
	bool match;

	scram_keys_derive(&mine, hash, password, keys->salt, keys->salt_len, keys->iterations);
	match = CRYPTO_memcmp(mine.stored_key, keys->stored_key, auth_hash_size(hash)) == 0;
	OPENSSL_cleanse(&mine, sizeof(mine));
	return match;
}

void scram_salt_for(struct str host, struct str user, enum auth_hash hash, unsigned char *salt_r)
{
	unsigned char out[DIGEST_SIZE_MAX], number = (unsigned char)hash;
	struct hmac hmac;

	hmac_init(&hmac, AUTH_SHA256, auth_secret(), AUTH_SECRET_LEN);
	hmac_update(&hmac, &number, 1);
	hmac_update(&hmac, user.ptr, user.len);
	hmac_update(&hmac, "@", 1);
	hmac_update(&hmac, host.ptr, host.len);
	hmac_final(&hmac, out);
	memcpy(salt_r, out, SCRAM_SALT_LEN);
	OPENSSL_cleanse(out, sizeof(out));
}

void scram_keys_fake(struct scram_keys *keys, enum auth_hash hash, struct str host, struct str user)
{
	*keys =
	    (struct scram_keys){.present = true, .salt_len = SCRAM_SALT_LEN, .iterations = SCRAM_ITERATIONS};
	scram_salt_for(host, user, hash, keys->salt);
	rand_bytes(keys->stored_key, sizeof(keys->stored_key));
	rand_bytes(keys->server_key, sizeof(keys->server_key));
}
