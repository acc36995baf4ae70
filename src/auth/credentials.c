/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/credentials.h"

#include <openssl/crypto.h>
#include <stdlib.h>

void auth_credentials_fini(struct auth_credentials *credentials)
{
	if (credentials->plain) {
		OPENSSL_cleanse(credentials->plain, strlen(credentials->plain));
		free(credentials->plain);
	}
	OPENSSL_cleanse(credentials, sizeof(*credentials));
	*credentials = (struct auth_credentials){0};
}

void auth_credentials_take(struct auth_credentials *to, struct auth_credentials *from)
{
	auth_credentials_fini(to);
	*to = *from;
	from->plain = NULL;
	auth_credentials_fini(from);
}

unsigned auth_hash_size(enum auth_hash hash)
{
	static const unsigned char sizes[AUTH_HASHES] = {20, 32, 64};

	return sizes[hash];
}

const char *auth_hash_text(enum auth_hash hash)
{
	static const char *const texts[AUTH_HASHES] = {"SHA-1", "SHA-256", "SHA-512"};

	return texts[hash];
}
