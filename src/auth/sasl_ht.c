/* SPDX-License-Identifier: Apache-2.0 */
/* Hashed tokens: draft-schmaus-kitten-sasl-ht-09, for XEP-0484. One message each way. */
#include <openssl/crypto.h>

#include "auth/digest.h"
#include "auth/sasl_mechanism.h"
#include "base/utf8.h"

struct ht_exchange {
	struct sasl sasl;
	unsigned char proof[DIGEST_SIZE_MAX];
};

static struct str binding_of(const struct sasl *sasl)
{
	enum sasl_binding binding = sasl->mechanism->binding;

	return sasl->mechanism->binds_channel ? sasl->context.bindings[binding] : STR_NULL;
}

/* XEP-0484 6: over a secure connection only. */
static bool usable(const struct sasl_mechanism *mechanism, const struct sasl_context *context)
{
	if (mechanism->binds_channel)
		return context->tls && context->bindings[mechanism->binding].len > 0;
	return context->tls || context->allow_plain_text;
}

static enum sasl_result respond(struct sasl *sasl, struct str input, struct strbuf *output)
{
	struct ht_exchange *exchange = (struct ht_exchange *)sasl;
	struct str proof, user = str_cut(input, '\0', &proof);

	if (proof.len != auth_hash_size(sasl->mechanism->hash) || !utf8_valid(user))
		return sasl_fail(sasl, SASL_MALFORMED_REQUEST, "The response is not a name and a hash");
	if (sasl_prepare_user(sasl, user) < 0)
		return sasl_fail(
		    sasl, SASL_NOT_AUTHORIZED, "The user name has characters that are not allowed");
	memcpy(exchange->proof, proof.ptr, proof.len);
	return SASL_WANT_TOKENS;
}

static void hash_token(const struct sasl *sasl, struct str token, const char *role, unsigned char *out)
{
	struct str binding = binding_of(sasl);
	struct hmac hmac;

	hmac_init(&hmac, sasl->mechanism->hash, token.ptr, token.len);
	hmac_update(&hmac, role, strlen(role));
	hmac_update(&hmac, binding.ptr, binding.len);
	hmac_final(&hmac, out);
}

static bool fits(const struct ht_exchange *exchange, struct str token)
{
	unsigned char expected[DIGEST_SIZE_MAX];
	bool same;

	hash_token(&exchange->sasl, token, "Initiator", expected);
	same = CRYPTO_memcmp(expected, exchange->proof, auth_hash_size(exchange->sasl.mechanism->hash)) == 0;
	OPENSSL_cleanse(expected, sizeof(expected));
	return same;
}

/* As many hashes whether one fits or not, and one for nothing when there is no token. */
static enum sasl_result check(
    struct sasl *sasl, const struct sasl_token *tokens, size_t count, struct strbuf *output)
{
	const struct ht_exchange *exchange = (const struct ht_exchange *)sasl;
	const struct sasl_token *found = NULL;
	unsigned char answer[DIGEST_SIZE_MAX];

	if (count == 0)
		fits(exchange, STR("nothing"));
	for (size_t i = 0; i < count; i++)
		if (fits(exchange, tokens[i].text) && !found)
			found = &tokens[i];
	if (!found)
		return sasl_fail(sasl, SASL_NOT_AUTHORIZED, NULL);
	if (found->expired)
		return sasl_fail(sasl, SASL_CREDENTIALS_EXPIRED, NULL);
	sasl->token = (unsigned)(found - tokens);
	hash_token(sasl, found->text, "Responder", answer);
	strbuf_add(output, answer, auth_hash_size(sasl->mechanism->hash));
	return SASL_SUCCESS;
}

#define HT(text, which, binding_, binds)                                                                     \
	{                                                                                                    \
		.name = (text), .size = sizeof(struct ht_exchange), .hash = (which), .binding = (binding_),  \
		.binds_channel = (binds), .client_first = true, .usable = usable, .respond = respond,        \
		.tokens = check,                                                                             \
	}

const struct sasl_mechanism sasl_ht[SASL_HT] = {
    HT("HT-SHA-512-EXPR", AUTH_SHA512, SASL_TLS_EXPORTER, true),
    HT("HT-SHA-256-EXPR", AUTH_SHA256, SASL_TLS_EXPORTER, true),
    HT("HT-SHA-512-UNIQ", AUTH_SHA512, SASL_TLS_UNIQUE, true),
    HT("HT-SHA-256-UNIQ", AUTH_SHA256, SASL_TLS_UNIQUE, true),
    HT("HT-SHA-512-ENDP", AUTH_SHA512, SASL_TLS_SERVER_END_POINT, true),
    HT("HT-SHA-256-ENDP", AUTH_SHA256, SASL_TLS_SERVER_END_POINT, true),
    HT("HT-SHA-512-NONE", AUTH_SHA512, SASL_BINDINGS, false),
    HT("HT-SHA-256-NONE", AUTH_SHA256, SASL_BINDINGS, false),
};
