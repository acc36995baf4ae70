/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM: RFC 5802, 7677; channel bindings RFC 5929, 9266; downgrade protection XEP-0474. */
#include <openssl/crypto.h>

#include "auth/digest.h"
#include "auth/sasl_mechanism.h"
#include "base/codec.h"
#include "base/rand.h"
#include "base/utf8.h"

#define NONCE_LEN 26 /* 130 bits */

struct scram_exchange {
	struct sasl sasl;
	bool challenged;
	struct str binding;     /* data of the chosen channel binding; empty without one */
	struct strbuf header;   /* gs2-header as received */
	struct strbuf nonce;    /* the client's, later with ours */
	struct strbuf messages; /* AuthMessage, as far as it is known */
	struct scram_keys keys;
};

static struct scram_exchange *exchange_of(struct sasl *sasl)
{
	return (struct scram_exchange *)sasl;
}

static enum sasl_result malformed(struct sasl *sasl, const char *text)
{
	return sasl_fail(sasl, SASL_MALFORMED_REQUEST, text);
}

static bool usable(const struct sasl_mechanism *mechanism, const struct sasl_context *context)
{
	bool bindable = false;

	for (size_t i = 0; i < SASL_BINDINGS; i++)
		bindable |= context->bindings[i].len > 0;
	return context->methods->scram[mechanism->hash] &&
	       (!mechanism->binds_channel || (context->tls && bindable));
}

/* Attributes: x=value, comma-separated.
 * ------------------------------------------------------------------------ */

struct attributes {
	struct str rest;
	bool more;
};

struct attribute {
	char name;
	struct str value;
};

/* false at the end and when what comes is no attribute. RFC 5802 7: attr-val, value. */
static bool attribute_next(struct attributes *attributes, struct attribute *attribute_r)
{
	struct str item;
	char letter;

	if (!attributes->more)
		return false;
	attributes->more = attributes->rest.len && memchr(attributes->rest.ptr, ',', attributes->rest.len);
	item = str_cut(attributes->rest, ',', &attributes->rest);
	if (item.len < 3 || item.ptr[1] != '=')
		return false;
	letter = item.ptr[0] | 0x20;
	if (letter < 'a' || letter > 'z')
		return false;
	*attribute_r = (struct attribute){item.ptr[0], {item.ptr + 2, item.len - 2}};
	return true;
}

static bool attribute_is(struct attributes *attributes, char name, struct str *value_r)
{
	struct attribute attribute;

	if (!attribute_next(attributes, &attribute) || attribute.name != name)
		return false;
	*value_r = attribute.value;
	return true;
}

/* Extensions are skipped up to the end or 'last', whose value is stored; "m=" is one that may not be skipped.
 */
static bool attributes_skip(struct attributes *attributes, char last, struct str *value_r)
{
	struct attribute attribute;

	while (attributes->more) {
		if (!attribute_next(attributes, &attribute) || attribute.name == 'm')
			return false;
		if (attribute.name == last) {
			*value_r = attribute.value;
			return !attributes->more;
		}
	}
	return last == '\0';
}

static bool is_text(struct str message)
{
	return utf8_valid(message) && !memchr(message.ptr, '\0', message.len);
}

/* RFC 5802 5.1 "r": printable ASCII without comma. */
static bool is_nonce(struct str nonce)
{
	for (size_t i = 0; i < nonce.len; i++)
		if (nonce.ptr[i] <= ' ' || nonce.ptr[i] == ',' || nonce.ptr[i] > '~')
			return false;
	return nonce.len > 0;
}

/* "=2C" and "=3D" are comma and equals sign; no other '=' may be there. RFC 5802 5.1. */
static bool decode_name(struct str name, struct strbuf *out)
{
	for (size_t i = 0; i < name.len; i++) {
		struct str here = {name.ptr + i, name.len - i};

		if (name.ptr[i] != '=') {
			strbuf_char(out, name.ptr[i]);
			continue;
		}
		if (!str_starts(here, "=2C") && !str_starts(here, "=3D"))
			return false;
		strbuf_char(out, name.ptr[i + 2] == 'C' ? ',' : '=');
		i += 2;
	}
	return out->len > 0;
}

/* client-first-message
 * ------------------------------------------------------------------------------------------ */

static bool find_binding(struct scram_exchange *exchange, struct str name)
{
	for (unsigned i = 0; i < SASL_BINDINGS; i++)
		if (str_is(name, sasl_binding_text(i)))
			exchange->binding = exchange->sasl.context.bindings[i];
	return exchange->binding.len > 0;
}

static enum sasl_result take_binding_flag(struct scram_exchange *exchange, struct str flag)
{
	struct sasl *sasl = &exchange->sasl;

	if (str_starts(flag, "p=") && flag.len > 2) {
		if (!sasl->mechanism->binds_channel)
			return malformed(sasl, "This mechanism does not bind to a channel");
		if (!find_binding(exchange, (struct str){flag.ptr + 2, flag.len - 2}))
			return sasl_fail(
			    sasl, SASL_NOT_AUTHORIZED, "This channel binding is not available here");
		return SASL_CHALLENGE;
	}
	if (!str_is(flag, "n") && !str_is(flag, "y"))
		return malformed(sasl, "The channel binding flag is not one");
	if (sasl->mechanism->binds_channel)
		return malformed(sasl, "This mechanism needs a channel binding");
	/* RFC 5802 6: a client that could bind did not see our offer, so someone removed it. */
	if (str_is(flag, "y") && sasl_offered_plus(&sasl->context))
		return sasl_fail(sasl, SASL_NOT_AUTHORIZED, "Mechanisms with channel binding were offered");
	return SASL_CHALLENGE;
}

static enum sasl_result take_user(struct scram_exchange *exchange, struct str name)
{
	struct strbuf decoded = {0};
	enum sasl_result result = SASL_CHALLENGE;

	if (!decode_name(name, &decoded))
		result = malformed(&exchange->sasl, "The user name is not well-formed");
	else if (sasl_prepare_user(&exchange->sasl, strbuf_view(&decoded)) < 0)
		result = sasl_fail(&exchange->sasl, SASL_NOT_AUTHORIZED,
		    "The user name has characters that are not allowed");
	strbuf_fini(&decoded);
	return result;
}

static enum sasl_result check_authzid(struct scram_exchange *exchange, struct str authzid)
{
	struct sasl *sasl = &exchange->sasl;
	struct strbuf decoded = {0};
	enum sasl_result result = SASL_CHALLENGE;

	if (authzid.len == 0)
		return result;
	if (!str_starts(authzid, "a=") ||
	    !decode_name((struct str){authzid.ptr + 2, authzid.len - 2}, &decoded))
		result = malformed(sasl, "The authorization identity is not well-formed");
	else if (!sasl_authzid_is(strbuf_view(&decoded), sasl->user, sasl->context.host))
		result = sasl_fail(sasl, SASL_INVALID_AUTHZID, NULL);
	strbuf_fini(&decoded);
	return result;
}

static enum sasl_result take_first_bare(struct scram_exchange *exchange, struct str bare)
{
	struct sasl *sasl = &exchange->sasl;
	struct attributes attributes = {bare, true};
	struct str user, nonce;

	if (str_starts(bare, "m="))
		return malformed(sasl, "A mandatory extension is not supported");
	if (!attribute_is(&attributes, 'n', &user) || !attribute_is(&attributes, 'r', &nonce) ||
	    !is_nonce(nonce) || !attributes_skip(&attributes, '\0', NULL))
		return malformed(sasl, "The first message is not well-formed");
	strbuf_str(&exchange->nonce, nonce);
	strbuf_str(&exchange->messages, bare);
	return take_user(exchange, user);
}

static enum sasl_result respond_first(struct scram_exchange *exchange, struct str input)
{
	struct str flag, authzid, rest, bare;
	enum sasl_result result;

	flag = str_cut(input, ',', &rest);
	authzid = str_cut(rest, ',', &bare);
	if (bare.len == 0)
		return malformed(&exchange->sasl, "The first message is not well-formed");
	result = take_binding_flag(exchange, flag);
	if (result == SASL_CHALLENGE)
		result = take_first_bare(exchange, bare);
	if (result == SASL_CHALLENGE)
		result = check_authzid(exchange, authzid);
	if (result != SASL_CHALLENGE)
		return result;
	strbuf_add(&exchange->header, input.ptr, input.len - bare.len);
	return SASL_WANT_CREDENTIALS;
}

/* server-first-message
 * ------------------------------------------------------------------------------------------ */

/* XEP-0474 6.1 */
static void add_offer_hash(struct scram_exchange *exchange, struct strbuf *out)
{
	const struct sasl_context *context = &exchange->sasl.context;
	enum auth_hash hash = exchange->sasl.mechanism->hash;
	unsigned char out_bytes[DIGEST_SIZE_MAX];
	struct digest digest;

	digest_init(&digest, hash);
	digest_update(&digest, context->offered_mechanisms.ptr, context->offered_mechanisms.len);
	if (context->offered_bindings.len) {
		digest_update(&digest, "\x1f", 1);
		digest_update(&digest, context->offered_bindings.ptr, context->offered_bindings.len);
	}
	digest_final(&digest, out_bytes);
	strbuf_cstr(out, ",h=");
	base64_encode(out, out_bytes, auth_hash_size(hash));
}

static enum sasl_result challenge(
    struct sasl *sasl, const struct auth_credentials *credentials, struct strbuf *output)
{
	struct scram_exchange *exchange = exchange_of(sasl);
	enum auth_hash hash = sasl->mechanism->hash;
	size_t start = exchange->messages.len + 1;
	char nonce[NONCE_LEN + 1];

	if (credentials && credentials->scram[hash].present)
		exchange->keys = credentials->scram[hash];
	else
		scram_keys_fake(&exchange->keys, hash, sasl->context.host, sasl->user);
	rand_id(nonce, NONCE_LEN);
	strbuf_add(&exchange->nonce, nonce, NONCE_LEN);
	strbuf_cstr(&exchange->messages, ",r=");
	strbuf_str(&exchange->messages, strbuf_view(&exchange->nonce));
	strbuf_cstr(&exchange->messages, ",s=");
	base64_encode(&exchange->messages, exchange->keys.salt, exchange->keys.salt_len);
	strbuf_cstr(&exchange->messages, ",i=");
	strbuf_u64(&exchange->messages, exchange->keys.iterations);
	if (sasl->context.downgrade_protection && sasl->context.offered_mechanisms.len)
		add_offer_hash(exchange, &exchange->messages);
	strbuf_add(output, exchange->messages.ptr + start, exchange->messages.len - start);
	exchange->challenged = true;
	return SASL_CHALLENGE;
}

/* client-final-message
 * ------------------------------------------------------------------------------------------ */

/* RFC 5802 7: c = base64 of gs2-header and channel binding data. Strict base64 has one spelling, so text is
 * compared. */
static bool binding_fits(struct scram_exchange *exchange, struct str value)
{
	struct strbuf expected = {0};
	bool fits;

	strbuf_str(&exchange->header, exchange->binding);
	base64_encode(&expected, exchange->header.ptr, exchange->header.len);
	fits = str_eq_consttime(strbuf_view(&expected), value);
	strbuf_fini(&expected);
	return fits;
}

/* H(ClientProof XOR HMAC(StoredKey, AuthMessage)) = StoredKey. RFC 5802 3. */
static bool proof_fits(struct scram_exchange *exchange, const unsigned char *proof)
{
	enum auth_hash hash = exchange->sasl.mechanism->hash;
	unsigned char client_key[DIGEST_SIZE_MAX], stored_key[DIGEST_SIZE_MAX];
	unsigned size = auth_hash_size(hash);
	bool fits;

	hmac_bytes(hash, exchange->keys.stored_key, size, exchange->messages.ptr, exchange->messages.len,
	    client_key);
	for (unsigned i = 0; i < size; i++)
		client_key[i] ^= proof[i];
	digest_bytes(hash, client_key, size, stored_key);
	fits = CRYPTO_memcmp(stored_key, exchange->keys.stored_key, size) == 0;
	OPENSSL_cleanse(client_key, sizeof(client_key));
	OPENSSL_cleanse(stored_key, sizeof(stored_key));
	return fits;
}

static void add_server_signature(struct scram_exchange *exchange, struct strbuf *output)
{
	enum auth_hash hash = exchange->sasl.mechanism->hash;
	unsigned char signature[DIGEST_SIZE_MAX];

	hmac_bytes(hash, exchange->keys.server_key, auth_hash_size(hash), exchange->messages.ptr,
	    exchange->messages.len, signature);
	strbuf_cstr(output, "v=");
	base64_encode(output, signature, auth_hash_size(hash));
}

static enum sasl_result check_final(struct scram_exchange *exchange, struct str input, struct str binding,
    struct str nonce, struct str proof, struct strbuf *output)
{
	struct sasl *sasl = &exchange->sasl;

	if (!binding_fits(exchange, binding))
		return sasl_fail(sasl, SASL_NOT_AUTHORIZED, "The channel binding does not match");
	if (!str_eq(nonce, strbuf_view(&exchange->nonce)))
		return sasl_fail(sasl, SASL_NOT_AUTHORIZED, "The nonce does not match");
	strbuf_char(&exchange->messages, ',');
	strbuf_add(&exchange->messages, input.ptr, input.len);
	if (!proof_fits(exchange, (const unsigned char *)proof.ptr))
		return sasl_fail(sasl, SASL_NOT_AUTHORIZED, NULL);
	add_server_signature(exchange, output);
	return SASL_SUCCESS;
}

static enum sasl_result respond_final(
    struct scram_exchange *exchange, struct str input, struct strbuf *output)
{
	struct attributes attributes = {input, true};
	struct str binding, nonce, proof;
	struct strbuf decoded = {0};
	enum sasl_result result;

	if (!attribute_is(&attributes, 'c', &binding) || !attribute_is(&attributes, 'r', &nonce) ||
	    !attributes_skip(&attributes, 'p', &proof) || base64_decode(&decoded, proof) < 0 ||
	    decoded.len != auth_hash_size(exchange->sasl.mechanism->hash)) {
		result = malformed(&exchange->sasl, "The final message is not well-formed");
	} else {
		input.len -= proof.len + 3; /* ",p=" */
		result = check_final(exchange, input, binding, nonce, strbuf_view(&decoded), output);
	}
	OPENSSL_cleanse(decoded.ptr, decoded.len);
	strbuf_fini(&decoded);
	return result;
}

static enum sasl_result respond(struct sasl *sasl, struct str input, struct strbuf *output)
{
	if (input.len == 0 || !is_text(input))
		return malformed(sasl, "The message is not UTF-8 text");
	if (exchange_of(sasl)->challenged)
		return respond_final(exchange_of(sasl), input, output);
	return respond_first(exchange_of(sasl), input);
}

static void fini(struct sasl *sasl)
{
	strbuf_fini(&exchange_of(sasl)->header);
	strbuf_fini(&exchange_of(sasl)->nonce);
	strbuf_fini(&exchange_of(sasl)->messages);
}

#define SCRAM(text, which, plus)                                                                             \
	{                                                                                                    \
		.name = (text), .size = sizeof(struct scram_exchange), .hash = (which),                      \
		.binds_channel = (plus), .client_first = true, .usable = usable, .respond = respond,         \
		.credentials = challenge, .fini = fini,                                                      \
	}

const struct sasl_mechanism sasl_scram[2 * AUTH_HASHES] = {
    SCRAM("SCRAM-SHA-512-PLUS", AUTH_SHA512, true),
    SCRAM("SCRAM-SHA-256-PLUS", AUTH_SHA256, true),
    SCRAM("SCRAM-SHA-1-PLUS", AUTH_SHA1, true),
    SCRAM("SCRAM-SHA-512", AUTH_SHA512, false),
    SCRAM("SCRAM-SHA-256", AUTH_SHA256, false),
    SCRAM("SCRAM-SHA-1", AUTH_SHA1, false),
};
