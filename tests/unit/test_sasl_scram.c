/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "auth/auth.h"
#include "auth/sasl.h"
#include "base/codec.h"
#include "tap.h"

/* The server's side of an exchange; the client's is computed with other functions than the server's. */
static const struct auth_methods all = {true, {true, true, true}, true, true, true};
static struct sasl_context context;
static struct auth_credentials credentials;
static struct sasl *sasl;
static struct strbuf output;

static const char *const names[AUTH_HASHES][2] = {{"SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"},
    {"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"}, {"SCRAM-SHA-512", "SCRAM-SHA-512-PLUS"}};

static void fresh(void)
{
	context = (struct sasl_context){.host = STR("example.org"), .tls = true, .methods = &all};
	auth_credentials_fini(&credentials);
	for (unsigned hash = 0; hash < AUTH_HASHES; hash++)
		scram_keys_derive(&credentials.scram[hash], hash, STR("pencil"), "salt5678", 8, 10);
}

static void end(void)
{
	sasl_free(&sasl);
	strbuf_fini(&output);
}

static enum sasl_result first(const char *mechanism, const char *message)
{
	end();
	sasl = sasl_new(str_of(mechanism), &context);
	if (!ok(sasl != NULL))
		abort();
	return sasl_step(sasl, str_of(message), true, &output);
}

static void fails(enum sasl_result result, enum sasl_condition condition)
{
	is_int(result, SASL_FAILURE);
	is_cstr(sasl_condition_text(sasl_condition(sasl)), sasl_condition_text(condition));
	is_int(output.len, 0);
	is_int(sasl_step(sasl, STR("x"), true, &output), SASL_FAILURE);
	is_int(sasl_credentials(sasl, &credentials, false, &output), SASL_FAILURE);
}

/* The client
 * ------------------------------------------------------------------------------------------------------ */

struct client {
	const char *header, *bare; /* gs2-header and client-first-message-bare */
	struct str binding;
	const char *password;
	const char *extra; /* goes before the proof */
	struct str nonce;  /* of the server's first message, with that message */
	char server_first[1000];
	char final[2000];
	char signature[200];
};

static const EVP_MD *kind_of(enum auth_hash hash)
{
	return hash == AUTH_SHA1 ? EVP_sha1() : hash == AUTH_SHA256 ? EVP_sha256() : EVP_sha512();
}

/* The value of an attribute, up to the comma. */
static struct str attribute(const char *message, const char *name)
{
	const char *at = strstr(message, name);

	if (!at)
		abort();
	at += strlen(name);
	return (struct str){at, strcspn(at, ",")};
}

static void sign(enum auth_hash hash, const unsigned char *key, const char *label, unsigned char *out)
{
	HMAC(kind_of(hash), key, (int)auth_hash_size(hash), (const unsigned char *)label, strlen(label), out,
	    NULL);
}

/* From server_first to final and signature. */
static void client_answer(struct client *client, enum auth_hash hash)
{
	unsigned char salted[64], client_key[64], stored_key[64], server_key[64], out[64];
	struct strbuf salt = {0}, text = {0}, message = {0};
	unsigned size = auth_hash_size(hash);

	client->nonce = attribute(client->server_first, "r=");
	if (base64_decode(&salt, attribute(client->server_first, ",s=")) < 0)
		abort();
	PKCS5_PBKDF2_HMAC(client->password, (int)strlen(client->password), (unsigned char *)salt.ptr,
	    (int)salt.len, atoi(attribute(client->server_first, ",i=").ptr), kind_of(hash), (int)size,
	    salted);
	sign(hash, salted, "Client Key", client_key);
	sign(hash, salted, "Server Key", server_key);
	EVP_Digest(client_key, size, stored_key, NULL, kind_of(hash), NULL);

	strbuf_cstr(&text, client->header);
	strbuf_str(&text, client->binding);
	strbuf_cstr(&message, "c=");
	base64_encode(&message, text.ptr, text.len);
	strbuf_printf(&message, ",r=%.*s%s", STR_FMT(client->nonce), client->extra ? client->extra : "");
	strbuf_reset(&text);
	strbuf_printf(&text, "%s,%s,%s", client->bare, client->server_first, message.ptr);
	sign(hash, stored_key, text.ptr, out);
	for (unsigned i = 0; i < size; i++)
		out[i] ^= client_key[i];
	strbuf_cstr(&message, ",p=");
	base64_encode(&message, out, size);
	snprintf(client->final, sizeof(client->final), "%s", message.ptr);
	sign(hash, server_key, text.ptr, out);
	strbuf_reset(&text);
	strbuf_cstr(&text, "v=");
	base64_encode(&text, out, size);
	snprintf(client->signature, sizeof(client->signature), "%s", text.ptr);
	strbuf_fini(&salt);
	strbuf_fini(&text);
	strbuf_fini(&message);
}

/* Up to the client's final message, which is made but not sent. */
static void reach_final(
    struct client *client, enum auth_hash hash, bool plus, const struct auth_credentials *given)
{
	char message[500];

	snprintf(message, sizeof(message), "%s%s", client->header, client->bare);
	is_int(first(names[hash][plus], message), SASL_WANT_CREDENTIALS);
	is_int(output.len, 0);
	is_int(sasl_credentials(sasl, given, false, &output), SASL_CHALLENGE);
	snprintf(client->server_first, sizeof(client->server_first), "%.*s", STR_FMT(strbuf_view(&output)));
	strbuf_reset(&output);
	client_answer(client, hash);
}

static enum sasl_result send_final(const char *message)
{
	return sasl_step(sasl, str_of(message), true, &output);
}

static struct client plain_client(void)
{
	return (struct client){.header = "n,,", .bare = "n=user,r=clientnonce", .password = "pencil"};
}

/* Success
 * ------------------------------------------------------------------------------------------------------- */

static void test_success(void)
{
	fresh();
	for (unsigned hash = 0; hash < AUTH_HASHES; hash++) {
		struct client client = plain_client();

		reach_final(&client, hash, false, &credentials);
		is_text(sasl_user(sasl), "user");
		is_int(sasl_hash(sasl), hash);
		ok(str_starts(client.nonce, "clientnonce"));
		ok(client.nonce.len >= strlen("clientnonce") + 20);
		is_str(attribute(client.server_first, ",s="), STR("c2FsdDU2Nzg="));
		is_str(attribute(client.server_first, ",i="), STR("10"));
		ok(strstr(client.server_first, ",h=") == NULL);
		is_int(send_final(client.final), SASL_SUCCESS);
		is_text(strbuf_view(&output), client.signature);
		is_int(send_final(client.final), SASL_FAILURE);
	}
	end();
}

static void test_variants(void)
{
	static const struct client rows[] = {
	    {.header = "y,,", .bare = "n=user,r=x", .password = "pencil"},
	    {.header = "n,a=user@example.org,", .bare = "n=user,r=x", .password = "pencil"},
	    {.header = "n,a=us=2Cer@example.org,", .bare = "n=us=2Cer,r=!~", .password = "pencil"},
	    {.header = "n,,", .bare = "n=US=3DER,r=x", .password = "pencil"},
	    {.header = "n,,",
		.bare = "n=user,r=x,e=ext,Z=\xc3\xa9",
		.password = "pencil",
		.extra = ",x=1,y=2"},
	};

	fresh();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct client client = rows[i];

		reach_final(&client, AUTH_SHA1, false, &credentials);
		is_int(send_final(client.final), SASL_SUCCESS);
		is_text(strbuf_view(&output), client.signature);
	}
	is_int(first("SCRAM-SHA-1", "n,,n=US=3DER,r=x"), SASL_WANT_CREDENTIALS);
	is_text(sasl_user(sasl), "us=er");
	end();
}

static void test_asks(void)
{
	fresh();
	sasl = sasl_new(STR("SCRAM-SHA-1"), &context);
	is_int(sasl_step(sasl, STR_NULL, false, &output), SASL_CHALLENGE);
	is_int(output.len, 0);
	is_int(sasl_step(sasl, STR("n,,n=user,r=x"), true, &output), SASL_WANT_CREDENTIALS);
	end();
	sasl = sasl_new(STR("SCRAM-SHA-1"), &context);
	is_int(sasl_step(sasl, STR_NULL, false, &output), SASL_CHALLENGE);
	fails(sasl_step(sasl, STR_NULL, false, &output), SASL_MALFORMED_REQUEST);
	end();
}

static void test_nonces_differ(void)
{
	struct client a = plain_client(), b = plain_client();

	fresh();
	reach_final(&a, AUTH_SHA1, false, &credentials);
	reach_final(&b, AUTH_SHA1, false, &credentials);
	ok(!str_eq(a.nonce, b.nonce));
	/* The answer to another exchange's challenge. */
	fails(send_final(a.final), SASL_NOT_AUTHORIZED);
	end();
}

/* Channel binding
 * ----------------------------------------------------------------------------------------------- */

static void test_plus(void)
{
	static const char *const headers[SASL_BINDINGS] = {
	    "p=tls-exporter,,", "p=tls-server-end-point,,", "p=tls-unique,a=user@example.org,"};

	fresh();
	context.bindings[SASL_TLS_EXPORTER] = STR("exported \0 key");
	context.bindings[SASL_TLS_SERVER_END_POINT] = STR("hash of the certificate");
	context.bindings[SASL_TLS_UNIQUE] = STR("finished");
	for (unsigned hash = 0; hash < AUTH_HASHES; hash++)
		for (unsigned i = 0; i < SASL_BINDINGS; i++) {
			struct client client = plain_client();

			client.header = headers[i];
			client.binding = context.bindings[i];
			reach_final(&client, hash, true, &credentials);
			is_int(send_final(client.final), SASL_SUCCESS);
			is_text(strbuf_view(&output), client.signature);
			client.binding = context.bindings[(i + 1) % SASL_BINDINGS];
			reach_final(&client, hash, true, &credentials);
			fails(send_final(client.final), SASL_NOT_AUTHORIZED);
			client.binding = STR_NULL;
			reach_final(&client, hash, true, &credentials);
			fails(send_final(client.final), SASL_NOT_AUTHORIZED);
		}
	end();
}

static void test_binding_flags(void)
{
	fresh();
	fails(first("SCRAM-SHA-1", "p=tls-exporter,,n=user,r=x"), SASL_MALFORMED_REQUEST);
	fails(first("SCRAM-SHA-1", "p=,,n=user,r=x"), SASL_MALFORMED_REQUEST);
	fails(first("SCRAM-SHA-1", "q,,n=user,r=x"), SASL_MALFORMED_REQUEST);
	fails(first("SCRAM-SHA-1", ",,n=user,r=x"), SASL_MALFORMED_REQUEST);
	fails(first("SCRAM-SHA-1", "N,,n=user,r=x"), SASL_MALFORMED_REQUEST);
	is_int(first("SCRAM-SHA-1", "y,,n=user,r=x"), SASL_WANT_CREDENTIALS);

	context.bindings[SASL_TLS_EXPORTER] = STR("key");
	fails(first("SCRAM-SHA-1", "y,,n=user,r=x"), SASL_NOT_AUTHORIZED);
	is_int(first("SCRAM-SHA-1", "n,,n=user,r=x"), SASL_WANT_CREDENTIALS);
	fails(first("SCRAM-SHA-1-PLUS", "n,,n=user,r=x"), SASL_MALFORMED_REQUEST);
	fails(first("SCRAM-SHA-1-PLUS", "y,,n=user,r=x"), SASL_MALFORMED_REQUEST);
	fails(first("SCRAM-SHA-1-PLUS", "p=tls-unique,,n=user,r=x"), SASL_NOT_AUTHORIZED);
	fails(first("SCRAM-SHA-1-PLUS", "p=tls-exporte,,n=user,r=x"), SASL_NOT_AUTHORIZED);
	is_int(first("SCRAM-SHA-1-PLUS", "p=tls-exporter,,n=user,r=x"), SASL_WANT_CREDENTIALS);
	/* What counts is what was offered. */
	context.offered_mechanisms = STR("PLAIN\x1eSCRAM-SHA-1");
	is_int(first("SCRAM-SHA-1", "y,,n=user,r=x"), SASL_WANT_CREDENTIALS);
	ok(sasl_new(STR("SCRAM-SHA-1-PLUS"), &context) == NULL);
	context.offered_mechanisms = STR("SCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS");
	fails(first("SCRAM-SHA-1", "y,,n=user,r=x"), SASL_NOT_AUTHORIZED);
	end();
}

/* A man in the middle changes the flag in the first message: the last one tells. */
static void test_header_is_signed(void)
{
	struct client client = plain_client();

	fresh();
	reach_final(&client, AUTH_SHA1, false, &credentials);
	client.header = "y,,";
	client_answer(&client, AUTH_SHA1);
	fails(send_final(client.final), SASL_NOT_AUTHORIZED);
	end();
}

/* XEP-0474
 * ------------------------------------------------------------------------------------------------------ */

static void test_downgrade_protection(void)
{
	static const char *const mechanisms[] = {"SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", NULL};
	static const char *const bindings[] = {"tls-server-end-point", "tls-exporter", NULL};
	struct strbuf offered = {0}, bound = {0};
	struct client client = plain_client();

	fresh();
	sasl_join_names(mechanisms, &offered);
	sasl_join_names(bindings, &bound);
	context.bindings[SASL_TLS_EXPORTER] = STR("THIS IS FAKE CB DATA");
	context.offered_mechanisms = strbuf_view(&offered);
	context.offered_bindings = strbuf_view(&bound);
	context.downgrade_protection = true;
	client.header = "p=tls-exporter,,";
	client.binding = context.bindings[SASL_TLS_EXPORTER];
	reach_final(&client, AUTH_SHA1, true, &credentials);
	/* The value of the example in XEP-0474 6.3. */
	is_str(attribute(client.server_first, ",h="), STR("G6k/rBLDqgOhRRaCuuatSDFkJ08="));
	is_int(send_final(client.final), SASL_SUCCESS);
	is_text(strbuf_view(&output), client.signature);

	context.offered_bindings = STR_NULL;
	reach_final(&client, AUTH_SHA1, true, &credentials);
	/* SHA-1 of the names alone, without %x1F. */
	is_str(attribute(client.server_first, ",h="), STR("g00gt4Qd0gJ3EvnclTnY0KEYfRg="));
	context.downgrade_protection = false;
	reach_final(&client, AUTH_SHA1, true, &credentials);
	ok(strstr(client.server_first, ",h=") == NULL);
	strbuf_fini(&offered);
	strbuf_fini(&bound);
	end();
}

/* Failure
 * ------------------------------------------------------------------------------------------------------- */

static void test_first_refuses(void)
{
	static const char *const malformed[] = {"", "n", "n,", "n,,", "n,,n=user", "n,,n=user,",
	    "n,,n=user,r=", "n,,r=x,n=user", "n,,n=,r=x", "n,,n=us=er,r=x", "n,,n=us=2c,r=x",
	    "n,,n=user=,r=x", "n,,n=user=3,r=x", "n,,n=user,r=a b", "n,,n=user,r=\xc3\xa9", "n,,n=user,r=x,",
	    "n,,n=user,r=x,e", "n,,n=user,r=x,e=", "n,,n=user,r=x,1=a", "n,,n=user,r=x,,e=1",
	    "n,,m=x,n=user,r=x", "n,,n=user,r=x,m=y", "n,,m=,n=user,r=x", "n,a=,n=user,r=x",
	    "n,b=user,n=user,r=x", "n,user@example.org,n=user,r=x", "n,a=u=ser@example.org,n=user,r=x",
	    "n,,n=us\xff,r=x", "n,,n=user,r=x\x7f", "n,n=user,r=x", "nn,,n=user,r=x", "n,,N=user,r=x",
	    "n,,n=user,R=x", "n,, n=user,r=x", "biws"};

	fresh();
	for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++)
		fails(first("SCRAM-SHA-1", malformed[i]), SASL_MALFORMED_REQUEST);
	fails(first("SCRAM-SHA-1", "n,,n=us@er,r=x"), SASL_NOT_AUTHORIZED);
	fails(first("SCRAM-SHA-1", "n,,n=us er,r=x"), SASL_NOT_AUTHORIZED);
	fails(first("SCRAM-SHA-1", "n,a=other@example.org,n=user,r=x"), SASL_INVALID_AUTHZID);
	fails(first("SCRAM-SHA-1", "n,a=user,n=user,r=x"), SASL_INVALID_AUTHZID);
	fails(first("SCRAM-SHA-1", "n,a=user@example.com,n=user,r=x"), SASL_INVALID_AUTHZID);
	fails(first("SCRAM-SHA-1", "n,a=user@example.org/r,n=user,r=x"), SASL_INVALID_AUTHZID);
	end();
	sasl = sasl_new(STR("SCRAM-SHA-1"), &context);
	fails(sasl_step(sasl, STR("n,,n=us\0er,r=x"), true, &output), SASL_MALFORMED_REQUEST);
	end();
}

static void test_final_refuses(void)
{
	static const struct {
		const char *format; /* of "r=", nonce, rest of the message */
		enum sasl_condition condition;
	} rows[] = {
	    {"", SASL_MALFORMED_REQUEST},
	    {"c=biws", SASL_MALFORMED_REQUEST},
	    {"c=biws,r=%s", SASL_MALFORMED_REQUEST},
	    {"c=biws,r=%s,", SASL_MALFORMED_REQUEST},
	    {"c=biws,r=%s,p=", SASL_MALFORMED_REQUEST},
	    {"c=biws,r=%s,p=AAAA", SASL_MALFORMED_REQUEST},
	    {"c=biws,r=%s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA", SASL_MALFORMED_REQUEST},
	    {"c=biws,r=%s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAB=", SASL_MALFORMED_REQUEST},
	    {"c=biws,r=%s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=,x=1", SASL_MALFORMED_REQUEST},
	    {"c=biws,r=%s,m=1,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_MALFORMED_REQUEST},
	    {"c=biws,r=%s,,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_MALFORMED_REQUEST},
	    {"r=%s,c=biws,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_MALFORMED_REQUEST},
	    {"c=biws,c=biws,r=%s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_MALFORMED_REQUEST},
	    {"c=biws,r=%s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_NOT_AUTHORIZED},
	    {"c=biws,r=%sx,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_NOT_AUTHORIZED},
	    {"c=biws,r=x,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_NOT_AUTHORIZED},
	    {"c=eSws,r=%s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_NOT_AUTHORIZED},
	    {"c=biwsAA==,r=%s,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=", SASL_NOT_AUTHORIZED},
	};

	fresh();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct client client = plain_client();
		const char *mark = strstr(rows[i].format, "%s");
		char message[500];

		reach_final(&client, AUTH_SHA1, false, &credentials);
		if (mark)
			snprintf(message, sizeof(message), "%.*s%.*s%s", (int)(mark - rows[i].format),
			    rows[i].format, STR_FMT(client.nonce), mark + 2);
		else
			snprintf(message, sizeof(message), "%s", rows[i].format);
		fails(send_final(message), rows[i].condition);
	}
	end();
}

static void test_wrong_password(void)
{
	fresh();
	for (unsigned hash = 0; hash < AUTH_HASHES; hash++) {
		struct client client = plain_client();

		client.password = "Pencil";
		reach_final(&client, hash, false, &credentials);
		fails(send_final(client.final), SASL_NOT_AUTHORIZED);
		ok(sasl_failure_text(sasl) == NULL);
	}
	end();
}

/* A user who is not there, or who has keys of another hash only, looks like one with the wrong password. */
static void test_unknown_user(void)
{
	struct auth_credentials other = {0};
	struct client a = plain_client(), b = plain_client(), c = plain_client();

	fresh();
	other.plain = str_dup(STR("pencil"));
	other.scram[AUTH_SHA1] = credentials.scram[AUTH_SHA1];
	reach_final(&a, AUTH_SHA256, false, NULL);
	fails(send_final(a.final), SASL_NOT_AUTHORIZED);
	ok(sasl_failure_text(sasl) == NULL);
	reach_final(&b, AUTH_SHA256, false, &other);
	fails(send_final(b.final), SASL_NOT_AUTHORIZED);
	is_str(attribute(a.server_first, ",s="), attribute(b.server_first, ",s="));
	is_int(attribute(a.server_first, ",s=").len, 24);
	is_str(attribute(a.server_first, ",i="), STR("4096"));
	c.bare = "n=other,r=clientnonce";
	reach_final(&c, AUTH_SHA256, false, NULL);
	ok(!str_eq(attribute(a.server_first, ",s="), attribute(c.server_first, ",s=")));
	auth_credentials_fini(&other);
	end();
}

static void test_order_of_calls(void)
{
	fresh();
	first("SCRAM-SHA-1", "n,,n=user,r=x");
	fails(sasl_step(sasl, STR("n,,n=user,r=x"), true, &output), SASL_MALFORMED_REQUEST);
	first("SCRAM-SHA-1", "n,,n=user,r=x");
	fails(sasl_password_checked(sasl, AUTH_OK, &output), SASL_MALFORMED_REQUEST);
	first("SCRAM-SHA-1", "n,,n=user,r=x");
	fails(sasl_credentials(sasl, NULL, true, &output), SASL_TEMPORARY_AUTH_FAILURE);
	end();
	sasl = sasl_new(STR("SCRAM-SHA-1"), &context);
	fails(sasl_credentials(sasl, &credentials, false, &output), SASL_MALFORMED_REQUEST);
	end();
}

int main(void)
{
	run(test_success);
	run(test_variants);
	run(test_asks);
	run(test_nonces_differ);
	run(test_plus);
	run(test_binding_flags);
	run(test_header_is_signed);
	run(test_downgrade_protection);
	run(test_first_refuses);
	run(test_final_refuses);
	run(test_wrong_password);
	run(test_unknown_user);
	run(test_order_of_calls);
	auth_credentials_fini(&credentials);
	return tap_done();
}
