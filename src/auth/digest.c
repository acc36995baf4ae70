/* SPDX-License-Identifier: Apache-2.0 */
/* The block functions, which make PBKDF2 twice as fast as through EVP, belong to this level of OpenSSL's
 * interface. */
#define OPENSSL_API_COMPAT 10101

#include "auth/digest.h"

#include <endian.h>
#include <openssl/crypto.h>

#define BLOCK_MAX 128

static unsigned block_size(enum auth_hash hash)
{
	return hash == AUTH_SHA512 ? SHA512_CBLOCK : SHA256_CBLOCK;
}

void digest_init(struct digest *digest, enum auth_hash hash)
{
	digest->hash = hash;
	switch (hash) {
	case AUTH_SHA1:
		SHA1_Init(&digest->state.sha1);
		break;
	case AUTH_SHA256:
		SHA256_Init(&digest->state.sha256);
		break;
	default:
		SHA512_Init(&digest->state.sha512);
	}
}

void digest_update(struct digest *digest, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	switch (digest->hash) {
	case AUTH_SHA1:
		SHA1_Update(&digest->state.sha1, bytes, len);
		break;
	case AUTH_SHA256:
		SHA256_Update(&digest->state.sha256, bytes, len);
		break;
	default:
		SHA512_Update(&digest->state.sha512, bytes, len);
	}
}

void digest_final(struct digest *digest, unsigned char *out)
{
	switch (digest->hash) {
	case AUTH_SHA1:
		SHA1_Final(out, &digest->state.sha1);
		break;
	case AUTH_SHA256:
		SHA256_Final(out, &digest->state.sha256);
		break;
	default:
		SHA512_Final(out, &digest->state.sha512);
	}
	OPENSSL_cleanse(&digest->state, sizeof(digest->state));
}

void digest_bytes(enum auth_hash hash, const void *bytes, size_t len, unsigned char *out)
{
	struct digest digest;

	digest_init(&digest, hash);
	digest_update(&digest, bytes, len);
	digest_final(&digest, out);
}

void hmac_init(struct hmac *hmac, enum auth_hash hash, const void *key, size_t key_len)
{
	unsigned char block[BLOCK_MAX] = {0};
	unsigned size = block_size(hash);

	if (key_len > size)
		digest_bytes(hash, key, key_len, block);
	else if (key_len)
		memcpy(block, key, key_len);
	for (unsigned i = 0; i < size; i++)
		block[i] ^= 0x36;
	digest_init(&hmac->inner, hash);
	digest_update(&hmac->inner, block, size);
	for (unsigned i = 0; i < size; i++)
		block[i] ^= 0x36 ^ 0x5c;
	digest_init(&hmac->outer, hash);
	digest_update(&hmac->outer, block, size);
	OPENSSL_cleanse(block, sizeof(block));
}

void hmac_update(struct hmac *hmac, const void *bytes, size_t len)
{
	digest_update(&hmac->inner, bytes, len);
}

void hmac_final(struct hmac *hmac, unsigned char *out)
{
	unsigned char inner[DIGEST_SIZE_MAX];

	digest_final(&hmac->inner, inner);
	digest_update(&hmac->outer, inner, auth_hash_size(hmac->outer.hash));
	digest_final(&hmac->outer, out);
	OPENSSL_cleanse(inner, sizeof(inner));
}

void hmac_bytes(
    enum auth_hash hash, const void *key, size_t key_len, const void *bytes, size_t len, unsigned char *out)
{
	struct hmac hmac;

	hmac_init(&hmac, hash, key, key_len);
	hmac_update(&hmac, bytes, len);
	hmac_final(&hmac, out);
}

static void put32(unsigned char *out, uint32_t word)
{
	word = htobe32(word);
	memcpy(out, &word, sizeof(word));
}

static void put64(unsigned char *out, uint64_t word)
{
	word = htobe64(word);
	memcpy(out, &word, sizeof(word));
}

/* One compression of a block that is already padded, from the state in start; the digest goes to out. */
static void compress(
    const struct digest *start, struct digest *work, const unsigned char *block, unsigned char *out)
{
	switch (start->hash) {
	case AUTH_SHA1:
		work->state.sha1 = start->state.sha1;
		SHA1_Transform(&work->state.sha1, block);
		put32(out, work->state.sha1.h0);
		put32(out + 4, work->state.sha1.h1);
		put32(out + 8, work->state.sha1.h2);
		put32(out + 12, work->state.sha1.h3);
		put32(out + 16, work->state.sha1.h4);
		break;
	case AUTH_SHA256:
		work->state.sha256 = start->state.sha256;
		SHA256_Transform(&work->state.sha256, block);
		for (unsigned i = 0; i < 8; i++)
			put32(out + i * 4, work->state.sha256.h[i]);
		break;
	default:
		work->state.sha512 = start->state.sha512;
		SHA512_Transform(&work->state.sha512, block);
		for (unsigned i = 0; i < 8; i++)
			put64(out + i * 8, work->state.sha512.h[i]);
	}
}

/*
 * From the second round on, every HMAC input is one digest, which together with its padding fills one block:
 * two compressions a round and nothing else.
 */
static void pbkdf2_rounds(
    const struct hmac *keyed, unsigned rounds, const unsigned char *first, unsigned char *out)
{
	enum auth_hash hash = keyed->inner.hash;
	unsigned size = auth_hash_size(hash), block_len = block_size(hash);
	unsigned char block[BLOCK_MAX] = {0};
	struct digest work;

	memcpy(block, first, size);
	block[size] = 0x80;
	put32(block + block_len - 4, (block_len + size) * 8);
	for (unsigned round = 0; round < rounds; round++) {
		compress(&keyed->inner, &work, block, block);
		compress(&keyed->outer, &work, block, block);
		for (unsigned i = 0; i < size; i++)
			out[i] ^= block[i];
	}
	OPENSSL_cleanse(block, sizeof(block));
	OPENSSL_cleanse(&work, sizeof(work));
}

void pbkdf2(enum auth_hash hash, struct str password, const void *salt, size_t salt_len, unsigned iterations,
    unsigned char *out)
{
	unsigned char first[DIGEST_SIZE_MAX];
	struct hmac keyed, hmac;

	hmac_init(&keyed, hash, password.ptr, password.len);
	hmac = keyed;
	hmac_update(&hmac, salt, salt_len);
	hmac_update(&hmac, "\0\0\0\1", 4);
	hmac_final(&hmac, first);
	memcpy(out, first, auth_hash_size(hash));
	pbkdf2_rounds(&keyed, iterations - 1, first, out);
	OPENSSL_cleanse(&keyed, sizeof(keyed));
	OPENSSL_cleanse(first, sizeof(first));
}
