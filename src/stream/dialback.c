/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/dialback.h"

#include "auth/digest.h"
#include "auth/secret.h"

#define PURPOSE "server dialback"

static void hex(const unsigned char *bytes, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (unsigned i = 0; i < SHA256_DIGEST_LENGTH; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
	out[DIALBACK_KEY_SIZE - 1] = '\0';
}

void dialback_key_with(
    char *key, struct str secret, struct str receiving, struct str originating, struct str stream_id)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char hashed[DIALBACK_KEY_SIZE];
	struct hmac hmac;
	digest_bytes(AUTH_SHA256, secret.ptr, secret.len, digest);
	hex(digest, hashed);
	hmac_init(&hmac, AUTH_SHA256, hashed, DIALBACK_KEY_SIZE - 1);
	hmac_update(&hmac, receiving.ptr, receiving.len);
	hmac_update(&hmac, " ", 1);
	hmac_update(&hmac, originating.ptr, originating.len);
	hmac_update(&hmac, " ", 1);
	hmac_update(&hmac, stream_id.ptr, stream_id.len);
	hmac_final(&hmac, digest);
	hex(digest, key);
}

/* What keys are made of is of no use for anything else that the server's secret is for. */
void dialback_key(char *key, struct str receiving, struct str originating, struct str stream_id)
{
	unsigned char own[SHA256_DIGEST_LENGTH];
	hmac_bytes(AUTH_SHA256, auth_secret(), AUTH_SECRET_LEN, PURPOSE, sizeof(PURPOSE) - 1, own);
	dialback_key_with(key, (struct str){(char *)own, sizeof(own)}, receiving, originating, stream_id);
}

bool dialback_key_is(struct str key, struct str receiving, struct str originating, struct str stream_id)
{
	char ours[DIALBACK_KEY_SIZE];
	dialback_key(ours, receiving, originating, stream_id);
	return str_eq_consttime(key, str_of(ours));
}
