/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password_rows.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/codec.h"

/* Exactly len bytes, or with len 0 between 1 and max. */
static int decode(struct str text, unsigned char *out, unsigned len, unsigned max, unsigned *len_r)
{
	struct strbuf bytes = {0};
	int result = -1;

	if (text.len <= 4 * max && base64_decode(&bytes, text) == 0 && bytes.len && bytes.len <= max &&
	    (len == 0 || bytes.len == len)) {
		memcpy(out, bytes.ptr, bytes.len);
		*len_r = (unsigned)bytes.len;
		result = 0;
	}
	OPENSSL_cleanse(bytes.ptr, bytes.len);
	strbuf_fini(&bytes);
	return result;
}

static int decode_keys(const struct password_row *row, struct str stored_key, enum auth_hash hash,
    struct auth_credentials *credentials)
{
	struct scram_keys keys = {.present = true, .iterations = (unsigned)row->iterations};
	unsigned size = auth_hash_size(hash), ignored;

	if (row->iterations < 1 || row->iterations > SCRAM_ITERATIONS_MAX ||
	    decode(stored_key, keys.stored_key, size, size, &ignored) < 0 ||
	    decode(row->serverkey, keys.server_key, size, size, &ignored) < 0 ||
	    decode(row->salt, keys.salt, 0, sizeof(keys.salt), &keys.salt_len) < 0)
		return -1;
	credentials->scram[hash] = keys;
	OPENSSL_cleanse(&keys, sizeof(keys));
	return 0;
}

/* The prefix that names the hash is cut off. */
static enum auth_hash cut_prefix(struct str *stored_key, enum auth_hash otherwise)
{
	static const char *const prefixes[AUTH_HASHES] = {"sha:", "sha256:", "sha512:"};

	for (unsigned hash = 0; hash < AUTH_HASHES; hash++)
		if (str_starts(*stored_key, prefixes[hash])) {
			size_t len = strlen(prefixes[hash]);

			*stored_key = (struct str){stored_key->ptr + len, stored_key->len - len};
			return hash;
		}
	return otherwise;
}

static int keep_plain(struct str password, struct auth_credentials *credentials)
{
	if (password.len == 0 || memchr(password.ptr, '\0', password.len))
		return -1;
	if (credentials->plain) {
		OPENSSL_cleanse(credentials->plain, strlen(credentials->plain));
		free(credentials->plain);
	}
	credentials->plain = str_dup(password);
	return 0;
}

int password_row_decode(const struct password_row *row, struct auth_credentials *credentials)
{
	struct str stored_key = row->password;
	enum auth_hash hash;

	if (row->type == PASSWORD_TYPE_PLAIN || (row->type == PASSWORD_TYPE_UNTOLD && row->iterations == 0))
		return keep_plain(row->password, credentials);
	if (row->type < 0 || row->type >= PASSWORD_TYPE_SCRAM + AUTH_HASHES)
		return -1;
	if (row->type == PASSWORD_TYPE_UNTOLD) {
		hash = cut_prefix(&stored_key, AUTH_SHA1);
	} else {
		hash = (enum auth_hash)(row->type - PASSWORD_TYPE_SCRAM);
		if (cut_prefix(&stored_key, hash) != hash)
			return -1;
	}
	return decode_keys(row, stored_key, hash, credentials);
}

/* Lengths first, pointers when the text no longer moves. */
static struct str add_base64(struct strbuf *text, const void *bytes, size_t len)
{
	size_t start = text->len;

	base64_encode(text, bytes, len);
	return (struct str){NULL, text->len - start};
}

static void add_row(struct password_rows *rows, enum auth_hash hash, const struct scram_keys *keys)
{
	struct password_row *row = &rows->rows[rows->count++];
	unsigned size = auth_hash_size(hash);

	row->type = PASSWORD_TYPE_SCRAM + (int)hash;
	row->password = add_base64(&rows->text, keys->stored_key, size);
	row->serverkey = add_base64(&rows->text, keys->server_key, size);
	row->salt = add_base64(&rows->text, keys->salt, keys->salt_len);
	row->iterations = keys->iterations;
}

static void add_keys(struct password_rows *rows, enum auth_hash hash, struct str password)
{
	struct scram_keys keys;

	scram_keys_new(&keys, hash, password);
	add_row(rows, hash, &keys);
	OPENSSL_cleanse(&keys, sizeof(keys));
}

static void point(struct str *part, const char **next)
{
	part->ptr = *next;
	*next += part->len;
}

static void point_all(struct password_rows *rows)
{
	const char *next = rows->text.ptr;

	for (unsigned i = 0; i < rows->count; i++) {
		point(&rows->rows[i].password, &next);
		point(&rows->rows[i].serverkey, &next);
		point(&rows->rows[i].salt, &next);
	}
}

void password_rows_of_keys(
    struct password_rows *rows_r, enum auth_hash hash, const struct scram_keys *keys)
{
	struct password_rows rows = {0};

	strbuf_reserve(&rows.text, 300);
	add_row(&rows, hash, keys);
	point_all(&rows);
	*rows_r = rows;
}

void password_rows_make(struct password_rows *rows_r, const struct auth_policy *policy, struct str password)
{
	struct password_rows rows = {0};

	/* All of it at once: a buffer that grew would leave a copy of the password behind. */
	strbuf_reserve(&rows.text, password.len + AUTH_HASHES * 300);
	if (policy->store_plain) {
		rows.rows[rows.count++] =
		    (struct password_row){.type = PASSWORD_TYPE_PLAIN, .password = {NULL, password.len}};
		strbuf_str(&rows.text, password);
	}
	for (unsigned hash = 0; hash < AUTH_HASHES; hash++)
		if (policy->store_scram[hash])
			add_keys(&rows, hash, password);
	point_all(&rows);
	*rows_r = rows;
}

void password_rows_fini(struct password_rows *rows)
{
	OPENSSL_cleanse(rows->text.ptr, rows->text.len);
	strbuf_fini(&rows->text);
	*rows = (struct password_rows){0};
}
