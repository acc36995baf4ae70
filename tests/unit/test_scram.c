/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/credentials.h"
#include "auth/digest.h"
#include "auth/secret.h"
#include "base/codec.h"
#include "tap.h"

static struct str view(const void *bytes, size_t len)
{
	return (struct str){bytes, len};
}

static struct str decode(struct strbuf *out, const char *text)
{
	strbuf_reset(out);
	if (base64_decode(out, str_of(text)) < 0)
		abort();
	return strbuf_view(out);
}

static void is_base64(const unsigned char *got, size_t len, const char *want)
{
	struct strbuf text = {0};

	base64_encode(&text, got, len);
	is_text(strbuf_view(&text), want);
	strbuf_fini(&text);
}

static void test_digest(void)
{
	unsigned char out[DIGEST_SIZE_MAX], want[EVP_MAX_MD_SIZE];
	const EVP_MD *const kinds[] = {EVP_sha1(), EVP_sha256(), EVP_sha512()};
	char key[200];

	memset(key, 'k', sizeof(key));
	for (unsigned hash = 0; hash < AUTH_HASHES; hash++) {
		unsigned size = auth_hash_size(hash);

		EVP_Digest("abc", 3, want, NULL, kinds[hash], NULL);
		digest_bytes(hash, "abc", 3, out);
		is_str(view(out, size), view(want, size));
		/* Keys around the block size, and the empty key and message. */
		for (size_t len = 0; len <= sizeof(key); len += len < 60 ? 20 : 4) {
			HMAC(kinds[hash], key, (int)len, (const unsigned char *)key, len, want, NULL);
			hmac_bytes(hash, key, len, key, len, out);
			is_str(view(out, size), view(want, size));
		}
	}
}

/* RFC 6070 and values of an independent implementation. */
static void test_pbkdf2(void)
{
	static const char *const passwords[] = {"", "password",
	    ("a password that is longer than the block of the hash it goes into, which is 64 or 128 bytes, "
	     "so that it is hashed before it becomes the key of the HMAC")};
	const EVP_MD *const kinds[] = {EVP_sha1(), EVP_sha256(), EVP_sha512()};
	unsigned char out[DIGEST_SIZE_MAX], want[EVP_MAX_MD_SIZE];

	pbkdf2(AUTH_SHA1, STR("password"), "salt", 4, 4096, out);
	is_base64(out, 20, "SwB5AbdlSJq+rUnZJvch0GWkKcE=");
	for (unsigned hash = 0; hash < AUTH_HASHES; hash++)
		for (size_t i = 0; i < sizeof(passwords) / sizeof(*passwords); i++)
			for (unsigned rounds = 1; rounds <= 3; rounds++) {
				unsigned size = auth_hash_size(hash);

				PKCS5_PBKDF2_HMAC(passwords[i], (int)strlen(passwords[i]),
				    (const unsigned char *)"some salt", 9, (int)rounds, kinds[hash],
				    (int)size, want);
				pbkdf2(hash, str_of(passwords[i]), "some salt", 9, rounds, out);
				is_str(view(out, size), view(want, size));
			}
}

struct vector {
	enum auth_hash hash;
	const char *salt, *auth_message, *proof, *signature;
};

/* RFC 5802 5, RFC 7677 3; the last was computed with Python's hashlib. Password "pencil", 4096 rounds. */
static const struct vector vectors[] = {
    {AUTH_SHA1, "QSXCR+Q6sek8bf92",
	"n=user,r=fyko+d2lbbFgONRv9qkxdawL,"
	"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,"
	"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
	"v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=", "rmF9pqV8S7suAoZWja4dJRkFsKQ="},
    {AUTH_SHA256, "W22ZaJ0SNY7soEsUEjb6gQ==",
	"n=user,r=rOprNGfwEbeRWgbNEkqO,"
	"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
	"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
	"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
    {AUTH_SHA512, "W22ZaJ0SNY7soEsUEjb6gQ==",
	"n=user,r=rOprNGfwEbeRWgbNEkqO,"
	"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
	"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
	"gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw"
	"+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
	"ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0v"
	"SVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw=="},
};

static void check_vector(const struct vector *vector)
{
	unsigned char key[DIGEST_SIZE_MAX], stored[DIGEST_SIZE_MAX], signature[DIGEST_SIZE_MAX];
	unsigned size = auth_hash_size(vector->hash);
	struct strbuf salt = {0}, proof = {0};
	struct scram_keys keys;

	decode(&salt, vector->salt);
	decode(&proof, vector->proof);
	scram_keys_derive(&keys, vector->hash, STR("pencil"), salt.ptr, (unsigned)salt.len, 4096);
	ok(keys.present);
	is_int(keys.iterations, 4096);
	is_str(view(keys.salt, keys.salt_len), strbuf_view(&salt));
	hmac_bytes(
	    vector->hash, keys.stored_key, size, vector->auth_message, strlen(vector->auth_message), key);
	for (unsigned i = 0; i < size; i++)
		key[i] ^= (unsigned char)proof.ptr[i];
	digest_bytes(vector->hash, key, size, stored);
	is_str(view(keys.stored_key, size), view(stored, size));
	hmac_bytes(vector->hash, keys.server_key, size, vector->auth_message, strlen(vector->auth_message),
	    signature);
	is_base64(signature, size, vector->signature);
	ok(scram_keys_match(&keys, vector->hash, STR("pencil")));
	ok(!scram_keys_match(&keys, vector->hash, STR("Pencil")));
	ok(!scram_keys_match(&keys, vector->hash, STR("")));
	strbuf_fini(&salt);
	strbuf_fini(&proof);
}

static void test_vectors(void)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++)
		check_vector(&vectors[i]);
}

static void test_new_keys(void)
{
	struct scram_keys a, b;

	scram_keys_new(&a, AUTH_SHA256, STR("pencil"));
	scram_keys_new(&b, AUTH_SHA256, STR("pencil"));
	is_int(a.salt_len, SCRAM_SALT_LEN);
	is_int(a.iterations, SCRAM_ITERATIONS);
	ok(memcmp(a.salt, b.salt, SCRAM_SALT_LEN) != 0);
	ok(memcmp(a.stored_key, b.stored_key, 32) != 0);
	ok(scram_keys_match(&a, AUTH_SHA256, STR("pencil")));
}

static void test_made_up_salt(void)
{
	unsigned char a[SCRAM_SALT_LEN], b[SCRAM_SALT_LEN];
	struct scram_keys fake, again;

	scram_salt_for(STR("h"), STR("u"), AUTH_SHA1, a);
	scram_salt_for(STR("h"), STR("u"), AUTH_SHA1, b);
	ok(memcmp(a, b, sizeof(a)) == 0);
	scram_salt_for(STR("h"), STR("u"), AUTH_SHA256, b);
	ok(memcmp(a, b, sizeof(a)) != 0);
	scram_salt_for(STR("h"), STR("v"), AUTH_SHA1, b);
	ok(memcmp(a, b, sizeof(a)) != 0);
	scram_salt_for(STR("i"), STR("u"), AUTH_SHA1, b);
	ok(memcmp(a, b, sizeof(a)) != 0);
	scram_keys_fake(&fake, AUTH_SHA1, STR("h"), STR("u"));
	scram_keys_fake(&again, AUTH_SHA1, STR("h"), STR("u"));
	is_str(view(fake.salt, fake.salt_len), view(a, sizeof(a)));
	is_int(fake.iterations, SCRAM_ITERATIONS);
	ok(memcmp(fake.stored_key, again.stored_key, 20) != 0);
}

static char directory[] = "/tmp/test_scram.XXXXXX";

static void put_file(const char *name, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	for (size_t i = 0; i < len; i++)
		if (write(fd, "s", 1) != 1)
			abort();
	close(fd);
}

static void test_secret_file(void)
{
	unsigned char first[AUTH_SECRET_LEN];
	struct err err = {""};
	struct stat status;
	char path[100];

	if (!mkdtemp(directory))
		abort();
	snprintf(path, sizeof(path), "%s/auth.secret", directory);
	is_int(auth_secret_load(directory, &err), 0);
	is_int(stat(path, &status), 0);
	is_int(status.st_size, AUTH_SECRET_LEN);
	is_int(status.st_mode & 0777, 0600);
	memcpy(first, auth_secret(), sizeof(first));
	is_int(auth_secret_load(directory, &err), 0);
	ok(memcmp(first, auth_secret(), sizeof(first)) == 0);

	put_file(path, AUTH_SECRET_LEN - 1);
	ok(auth_secret_load(directory, &err) < 0);
	ok(strstr(err.text, path) != NULL);
	put_file(path, AUTH_SECRET_LEN + 1);
	ok(auth_secret_load(directory, &err) < 0);
	ok(memcmp(first, auth_secret(), sizeof(first)) == 0);
	put_file(path, AUTH_SECRET_LEN);
	is_int(auth_secret_load(directory, &err), 0);
	is_str(view(auth_secret(), 3), STR("sss"));
	unlink(path);
	rmdir(directory);
	ok(auth_secret_load(directory, &err) < 0);
	ok(strstr(err.text, "auth.secret") != NULL);
}

static void test_credentials(void)
{
	struct auth_credentials a = {.plain = str_dup(STR("x"))}, b = {0};

	a.scram[AUTH_SHA512].present = true;
	auth_credentials_take(&b, &a);
	ok(a.plain == NULL && !a.scram[AUTH_SHA512].present);
	is_cstr(b.plain, "x");
	ok(b.scram[AUTH_SHA512].present);
	auth_credentials_fini(&b);
	ok(b.plain == NULL && !b.scram[AUTH_SHA512].present);
	auth_credentials_fini(&b);
}

int main(void)
{
	run(test_digest);
	run(test_pbkdf2);
	run(test_vectors);
	run(test_new_keys);
	run(test_secret_file);
	run(test_made_up_salt);
	run(test_credentials);
	return tap_done();
}
