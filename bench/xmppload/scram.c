/* SPDX-License-Identifier: Apache-2.0 */
#include "scram.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SALT_MAX = 128,
};

/* Everything of a log-in that depends on the password, salt and iteration count alone. */
struct scram_keys {
	struct scram_keys *next;
	unsigned char salt[SALT_MAX];
	int salt_size;
	int iterations;
	unsigned char client_key[SHA_DIGEST_LENGTH];
	unsigned char stored_key[SHA_DIGEST_LENGTH];
	unsigned char server_key[SHA_DIGEST_LENGTH];
	char password[];
};

enum {
	KEYS_TABLE = 4096,
};

static struct scram_keys *keys_table[KEYS_TABLE];

static void hmac(const unsigned char *key, const void *text, size_t size, unsigned char *out_r)
{
	HMAC(EVP_sha1(), key, SHA_DIGEST_LENGTH, text, size, out_r, NULL);
}

static struct scram_keys *keys_derive(
    const char *password, const unsigned char *salt, int size, int iterations)
{
	unsigned char salted[SHA_DIGEST_LENGTH];
	size_t password_size = strlen(password);
	struct scram_keys *keys = calloc(1, sizeof(*keys) + password_size + 1);

	if (!keys)
		abort();
	memcpy(keys->password, password, password_size + 1);
	memcpy(keys->salt, salt, (size_t)size);
	keys->salt_size = size;
	keys->iterations = iterations;
	PKCS5_PBKDF2_HMAC(
	    password, (int)password_size, salt, size, iterations, EVP_sha1(), SHA_DIGEST_LENGTH, salted);
	hmac(salted, "Client Key", 10, keys->client_key);
	hmac(salted, "Server Key", 10, keys->server_key);
	SHA1(keys->client_key, SHA_DIGEST_LENGTH, keys->stored_key);
	return keys;
}

static const struct scram_keys *keys_find(
    const char *password, const unsigned char *salt, int size, int iterations)
{
	unsigned hash = 5381;

	for (int i = 0; i < size; i++)
		hash = hash * 33 + salt[i];
	struct scram_keys **slot = &keys_table[hash % KEYS_TABLE];
	for (struct scram_keys *keys = *slot; keys; keys = keys->next)
		if (keys->iterations == iterations && keys->salt_size == size &&
		    memcmp(keys->salt, salt, (size_t)size) == 0 && strcmp(keys->password, password) == 0)
			return keys;
	struct scram_keys *keys = keys_derive(password, salt, size, iterations);
	keys->next = *slot;
	*slot = keys;
	return keys;
}

static int decode(const char *text, size_t size, unsigned char *out_r, size_t room)
{
	if (size == 0 || size % 4 != 0 || size / 4 * 3 > room)
		return -1;
	int n = EVP_DecodeBlock(out_r, (const unsigned char *)text, (int)size);
	if (n < 0)
		return -1;
	return n - (text[size - 1] == '=') - (text[size - 2] == '=');
}

void scram_begin(struct scram *scram, const char *user, char out_r[SCRAM_TEXT_MAX])
{
	static unsigned long serial;
	char message[SCRAM_TEXT_MAX / 2];

	snprintf(scram->first_bare, sizeof(scram->first_bare), "n=%s,r=bench%016lx%08lx", user, random(),
	    serial++);
	int size = snprintf(message, sizeof(message), "n,,%s", scram->first_bare);
	EVP_EncodeBlock((unsigned char *)out_r, (unsigned char *)message, size);
}

/* Computes the proof over the three messages and puts the last one together. */
static void finish(struct scram *scram, const struct scram_keys *keys, const char *server_first,
    const char *nonce, char out_r[SCRAM_TEXT_MAX])
{
	unsigned char proof[SHA_DIGEST_LENGTH];
	unsigned char signature[SHA_DIGEST_LENGTH];
	char proof_text[32];
	char bare[SCRAM_TEXT_MAX / 2];
	char message[SCRAM_TEXT_MAX * 3];

	snprintf(bare, sizeof(bare), "c=biws,r=%s", nonce);
	int size = snprintf(message, sizeof(message), "%s,%s,%s", scram->first_bare, server_first, bare);
	hmac(keys->stored_key, message, (size_t)size, proof);
	for (int i = 0; i < SHA_DIGEST_LENGTH; i++)
		proof[i] ^= keys->client_key[i];
	EVP_EncodeBlock((unsigned char *)proof_text, proof, SHA_DIGEST_LENGTH);
	hmac(keys->server_key, message, (size_t)size, signature);
	EVP_EncodeBlock((unsigned char *)scram->signature, signature, SHA_DIGEST_LENGTH);
	size = snprintf(message, sizeof(message), "%s,p=%s", bare, proof_text);
	EVP_EncodeBlock((unsigned char *)out_r, (unsigned char *)message, size);
}

int scram_answer(
    struct scram *scram, const char *password, const char *challenge, size_t size, char out_r[SCRAM_TEXT_MAX])
{
	char first[SCRAM_TEXT_MAX];
	char nonce[200];
	char salt_text[SALT_MAX];
	unsigned char salt[SALT_MAX];
	int iterations;

	int n = decode(challenge, size, (unsigned char *)first, sizeof(first) - 1);
	if (n < 0)
		return -1;
	first[n] = '\0';
	if (sscanf(first, "r=%199[^,],s=%127[^,],i=%d", nonce, salt_text, &iterations) != 3)
		return -1;
	int salt_size = decode(salt_text, strlen(salt_text), salt, sizeof(salt));
	if (salt_size < 0 || iterations < 1 || iterations > 1000000)
		return -1;
	finish(scram, keys_find(password, salt, salt_size, iterations), first, nonce, out_r);
	return 0;
}

int scram_verify(const struct scram *scram, const char *final, size_t size)
{
	char message[SCRAM_TEXT_MAX];

	int n = decode(final, size, (unsigned char *)message, sizeof(message) - 1);
	if (n < 2)
		return -1;
	message[n] = '\0';
	return strncmp(message, "v=", 2) == 0 && strcmp(message + 2, scram->signature) == 0 ? 0 : -1;
}
