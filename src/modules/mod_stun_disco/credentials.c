/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_stun_disco/credentials.h"

#include <openssl/crypto.h>
#include <stdio.h>

#include "auth/digest.h"
#include "base/codec.h"

#define SHA1_SIZE 20
#define USER_BYTES 10 /* of the hash that stands for the user */

void turn_credentials_make(
    struct str secret, struct str bare, int64_t expires, struct turn_credentials *credentials_r)
{
	unsigned char hash[SHA1_SIZE];
	struct strbuf text = {0};
	hmac_bytes(AUTH_SHA1, secret.ptr, secret.len, bare.ptr, bare.len, hash);
	hex_encode(&text, hash, USER_BYTES);
	int len = snprintf(credentials_r->username, sizeof(credentials_r->username), "%lld:%s",
	    (long long)expires, text.ptr);
	hmac_bytes(AUTH_SHA1, secret.ptr, secret.len, credentials_r->username, (size_t)len, hash);
	strbuf_reset(&text);
	base64_encode(&text, hash, sizeof(hash));
	snprintf(credentials_r->password, sizeof(credentials_r->password), "%s", text.ptr);
	OPENSSL_cleanse(text.ptr, text.len);
	OPENSSL_cleanse(hash, sizeof(hash));
	strbuf_fini(&text);
}
