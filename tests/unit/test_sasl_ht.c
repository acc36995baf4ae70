/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/auth.h"
#include "auth/sasl.h"
#include "tap.h"

/* The server's side of an exchange; the client's is computed with other functions than the server's. */
static const struct auth_methods all = {true, {true, true, true}, true, true, true};
static struct sasl_context context;
static struct sasl *sasl;
static struct strbuf output, message;

static const struct sasl_token tokens[] = {
    {STR("secret-token:one"), false}, {STR("secret-token:two"), false}, {STR("secret-token:old"), true}};

static void fresh(void)
{
	context = (struct sasl_context){.host = STR("example.org"), .tls = true, .methods = &all};
	context.bindings[SASL_TLS_EXPORTER] = STR("exported");
	context.bindings[SASL_TLS_SERVER_END_POINT] = STR("hash of a certificate");
}

static void end(void)
{
	sasl_free(&sasl);
	strbuf_fini(&output);
	strbuf_fini(&message);
}

static size_t client_hash(
    bool sha512, const char *token, const char *role, const char *bound, unsigned char *out)
{
	char text[200];
	unsigned len;

	snprintf(text, sizeof(text), "%s%s", role, bound);
	HMAC(sha512 ? EVP_sha512() : EVP_sha256(), token, (int)strlen(token), (const unsigned char *)text,
	    strlen(text), out, &len);
	return len;
}

/* A new exchange and its response. */
static enum sasl_result first(const char *mechanism, const char *user, const char *token, const char *bound)
{
	unsigned char hash[64];
	size_t len = client_hash(strstr(mechanism, "512") != NULL, token, "Initiator", bound, hash);

	end();
	sasl = sasl_new_token(str_of(mechanism), &context);
	if (!ok(sasl != NULL))
		abort();
	strbuf_cstr(&message, user);
	strbuf_char(&message, '\0');
	strbuf_add(&message, hash, len);
	return sasl_step(sasl, strbuf_view(&message), true, &output);
}

static void fails(enum sasl_result result, enum sasl_condition condition)
{
	is_int(result, SASL_FAILURE);
	is_cstr(sasl_condition_text(sasl_condition(sasl)), sasl_condition_text(condition));
	is_int(output.len, 0);
	is_int(sasl_step(sasl, STR("x"), true, &output), SASL_FAILURE);
	is_int(sasl_tokens(sasl, tokens, 3, false, &output), SASL_FAILURE);
}

static void succeeds(const char *mechanism, const char *bound)
{
	bool sha512 = strstr(mechanism, "512") != NULL;
	unsigned char hash[64];
	size_t len = client_hash(sha512, "secret-token:two", "Responder", bound, hash);

	is_int(first(mechanism, "Alice", "secret-token:two", bound), SASL_WANT_TOKENS);
	is_text(sasl_user(sasl), "alice");
	ok(sasl_by_token(sasl));
	is_int(sasl_tokens(sasl, tokens, 3, false, &output), SASL_SUCCESS);
	is_int(sasl_token_used(sasl), 1);
	is_int(output.len, len);
	ok(output.len == len && memcmp(output.ptr, hash, len) == 0);
	is_int(sasl_tokens(sasl, tokens, 3, false, &output), SASL_FAILURE);
}

static void test_right(void)
{
	fresh();
	succeeds("HT-SHA-256-NONE", "");
	succeeds("HT-SHA-512-NONE", "");
	succeeds("HT-SHA-256-EXPR", "exported");
	succeeds("HT-SHA-512-EXPR", "exported");
	succeeds("HT-SHA-256-ENDP", "hash of a certificate");
	succeeds("HT-SHA-512-ENDP", "hash of a certificate");
	context.bindings[SASL_TLS_UNIQUE] = STR("finished");
	succeeds("HT-SHA-256-UNIQ", "finished");
	end();
}

/* The same as another program makes it: Python's hmac. */
static void test_known(void)
{
	static const char hash[] = "\xd2\x4d\x95\x48\x2f\x0d\x6e\x03\x5c\x56\xe7\x87\xda\xc4\xed\x83"
				   "\x2b\xdd\x84\xee\x3e\xa2\x42\xaa\xad\xd9\x82\x27\x0c\x33\x00\x06";
	const struct sasl_token token = {STR("token"), false};

	fresh();
	end();
	sasl = sasl_new_token(STR("HT-SHA-256-NONE"), &context);
	strbuf_cstr(&message, "alice");
	strbuf_add(&message, "", 1);
	strbuf_add(&message, hash, 32);
	is_int(sasl_step(sasl, strbuf_view(&message), true, &output), SASL_WANT_TOKENS);
	is_int(sasl_tokens(sasl, &token, 1, false, &output), SASL_SUCCESS);
	end();
}

static void wrong(const char *mechanism, const char *token, const char *bound, enum sasl_condition condition)
{
	is_int(first(mechanism, "alice", token, bound), SASL_WANT_TOKENS);
	fails(sasl_tokens(sasl, tokens, 3, false, &output), condition);
}

static void test_wrong(void)
{
	fresh();
	wrong("HT-SHA-256-NONE", "secret-token:three", "", SASL_NOT_AUTHORIZED);
	wrong("HT-SHA-256-NONE", "", "", SASL_NOT_AUTHORIZED);
	wrong("HT-SHA-256-NONE", "secret-token:old", "", SASL_CREDENTIALS_EXPIRED);
	wrong("HT-SHA-256-NONE", "secret-token:one", "exported", SASL_NOT_AUTHORIZED);
	wrong("HT-SHA-256-EXPR", "secret-token:one", "", SASL_NOT_AUTHORIZED);
	wrong("HT-SHA-256-EXPR", "secret-token:one", "hash of a certificate", SASL_NOT_AUTHORIZED);
	is_int(first("HT-SHA-256-NONE", "alice", "x", ""), SASL_WANT_TOKENS);
	fails(sasl_tokens(sasl, NULL, 0, false, &output), SASL_NOT_AUTHORIZED);
	is_int(first("HT-SHA-256-NONE", "alice", "secret-token:one", ""), SASL_WANT_TOKENS);
	fails(sasl_tokens(sasl, NULL, 0, true, &output), SASL_TEMPORARY_AUTH_FAILURE);
	is_int(first("HT-SHA-256-NONE", "alice", "secret-token:one", ""), SASL_WANT_TOKENS);
	fails(sasl_credentials(sasl, NULL, false, &output), SASL_MALFORMED_REQUEST);
	end();
}

static void malformed(struct str input, enum sasl_condition condition)
{
	end();
	sasl = sasl_new_token(STR("HT-SHA-256-NONE"), &context);
	fails(sasl_step(sasl, input, true, &output), condition);
}

#define HASH "0123456789abcdef0123456789abcdef"

static void test_malformed(void)
{
	fresh();
	malformed(STR(""), SASL_MALFORMED_REQUEST);
	malformed(STR("alice"), SASL_MALFORMED_REQUEST);
	malformed(STR("alice\0"), SASL_MALFORMED_REQUEST);
	malformed(STR("alice\0short"), SASL_MALFORMED_REQUEST);
	malformed(STR("alice\0" HASH "x"), SASL_MALFORMED_REQUEST);
	malformed(STR("\xff\0" HASH), SASL_MALFORMED_REQUEST);
	malformed(STR("\0" HASH), SASL_NOT_AUTHORIZED);
	malformed(STR("a@b\0" HASH), SASL_NOT_AUTHORIZED);
	end();
	sasl = sasl_new_token(STR("HT-SHA-256-NONE"), &context);
	is_int(sasl_step(sasl, STR_NULL, false, &output), SASL_CHALLENGE);
	is_int(output.len, 0);
	is_int(sasl_step(sasl, STR("alice\0" HASH), true, &output), SASL_WANT_TOKENS);
	end();
}

static void is_offer(const char *want)
{
	const char *names[SASL_NAMES_MAX];
	struct strbuf got = {0};
	const struct str disabled = STR("ht-sha-512-none");

	sasl_offer_tokens(&context, &disabled, 1, names);
	for (size_t i = 0; names[i]; i++)
		strbuf_printf(&got, "%s%s", i ? " " : "", names[i]);
	is_text(strbuf_view(&got), want);
	is_cstr(sasl_offered_token(names, STR("HT-SHA-256-NONE")), names[0] ? "HT-SHA-256-NONE" : NULL);
	ok(!sasl_offered_token(names, STR("HT-SHA-512-NONE")));
	ok(!sasl_offered_token(names, STR("")));
	strbuf_fini(&got);
}

static void test_offer(void)
{
	const char *names[SASL_NAMES_MAX];

	fresh();
	is_offer("HT-SHA-512-EXPR HT-SHA-256-EXPR HT-SHA-512-ENDP HT-SHA-256-ENDP HT-SHA-256-NONE");
	context.bindings[SASL_TLS_EXPORTER] = context.bindings[SASL_TLS_SERVER_END_POINT] = STR_NULL;
	is_offer("HT-SHA-256-NONE");
	ok(sasl_new_token(STR("HT-SHA-256-EXPR"), &context) == NULL);
	ok(sasl_new_token(STR("PLAIN"), &context) == NULL);
	context.tls = false;
	is_offer("");
	ok(sasl_new_token(STR("HT-SHA-256-NONE"), &context) == NULL);
	/* Not among the others. */
	fresh();
	sasl_offer(&context, NULL, 0, names);
	for (size_t i = 0; names[i]; i++)
		ok(!str_starts(str_of(names[i]), "HT-"));
	ok(sasl_new(STR("HT-SHA-256-NONE"), &context) == NULL);
}

int main(void)
{
	run(test_right);
	run(test_known);
	run(test_wrong);
	run(test_malformed);
	run(test_offer);
	return tap_done();
}
