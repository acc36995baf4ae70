/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sasl.h"

#include "auth/auth.h"
#include "tap.h"

static const struct auth_methods all = {true, {true, true, true}, true, true, true};
static struct sasl_context context;
static struct sasl *sasl;
static struct strbuf output;

static void fresh_context(void)
{
	context = (struct sasl_context){.host = STR("example.org"), .tls = true, .methods = &all};
}

static void end(void)
{
	sasl_free(&sasl);
	strbuf_fini(&output);
}

/* A new exchange and its first response. */
static enum sasl_result first(const char *mechanism, struct str input)
{
	end();
	sasl = sasl_new(str_of(mechanism), &context);
	if (!ok(sasl != NULL))
		abort();
	return sasl_step(sasl, input, true, &output);
}

static void fails(enum sasl_result result, enum sasl_condition condition)
{
	is_int(result, SASL_FAILURE);
	is_cstr(sasl_condition_text(sasl_condition(sasl)), sasl_condition_text(condition));
	is_int(output.len, 0);
	/* Nothing but sasl_free is left. */
	is_int(sasl_step(sasl, STR("x"), true, &output), SASL_FAILURE);
	is_int(sasl_credentials(sasl, NULL, false, &output), SASL_FAILURE);
	is_int(sasl_password_checked(sasl, AUTH_OK, &output), SASL_FAILURE);
}

/* Offer
 * ---------------------------------------------------------------------------------------------------------
 */

static void is_offer(const struct str *disabled, size_t count, const char *want)
{
	const char *names[SASL_NAMES_MAX];
	struct strbuf got = {0};

	sasl_offer(&context, disabled, count, names);
	for (size_t i = 0; names[i]; i++)
		strbuf_printf(&got, "%s%s", i ? " " : "", names[i]);
	is_text(strbuf_view(&got), want);
	strbuf_fini(&got);
}

static void test_offer(void)
{
	static const struct str disabled[] = {STR("scram-sha-1"), STR("ANONYMOUS"), STR("X-OTHER")};
	struct jid jid = {"a@example.org", 1, 11, 0}, elsewhere = {"a@example.com", 1, 11, 0};
	struct auth_methods only = {.scram = {true}};

	fresh_context();
	is_offer(NULL, 0, "SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 PLAIN ANONYMOUS");
	context.bindings[SASL_TLS_SERVER_END_POINT] = STR("hash");
	context.certificate_jids = &jid;
	context.certificate_jid_count = 1;
	is_offer(NULL, 0,
	    "EXTERNAL SCRAM-SHA-512-PLUS SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-512 "
	    "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN ANONYMOUS");
	context.certificate_jids = &elsewhere;
	is_offer(disabled, 3,
	    "SCRAM-SHA-512-PLUS SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-512 SCRAM-SHA-256 PLAIN");
	context.methods = &only;
	is_offer(NULL, 0, "SCRAM-SHA-1-PLUS SCRAM-SHA-1");
	context.methods = &all;
	context.tls = false;
	is_offer(NULL, 0, "SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 ANONYMOUS");
	context.allow_plain_text = true;
	is_offer(NULL, 0, "SCRAM-SHA-512 SCRAM-SHA-256 SCRAM-SHA-1 PLAIN ANONYMOUS");
}

static void test_join(void)
{
	static const char *const names[] = {"SCRAM-SHA-1-PLUS", "PLAIN", "SCRAM-SHA-1", NULL};
	static const char *const none[] = {NULL};
	struct strbuf out = {0};

	sasl_join_names(none, &out);
	is_int(out.len, 0);
	sasl_join_names(names, &out);
	is_text(strbuf_view(&out), "PLAIN\x1eSCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS");
	strbuf_fini(&out);
}

static void test_new_refuses(void)
{
	fresh_context();
	ok(sasl_new(STR("SCRAM-SHA-1-PLUS"), &context) == NULL);
	ok(sasl_new(STR("EXTERNAL"), &context) == NULL);
	ok(sasl_new(STR("DIGEST-MD5"), &context) == NULL);
	ok(sasl_new(STR("plain"), &context) == NULL);
	ok(sasl_new(STR(""), &context) == NULL);
	is_int(sasl_refusal(STR("DIGEST-MD5"), &context), SASL_INVALID_MECHANISM);
	is_int(sasl_refusal(STR("EXTERNAL"), &context), SASL_INVALID_MECHANISM);
	context.tls = false;
	ok(sasl_new(STR("PLAIN"), &context) == NULL);
	is_int(sasl_refusal(STR("PLAIN"), &context), SASL_ENCRYPTION_REQUIRED);
	context.tls = true;
	context.offered_mechanisms = STR("SCRAM-SHA-1\x1eSCRAM-SHA-256");
	ok(sasl_new(STR("PLAIN"), &context) == NULL);
	is_int(sasl_refusal(STR("PLAIN"), &context), SASL_INVALID_MECHANISM);
	ok((sasl = sasl_new(STR("SCRAM-SHA-1"), &context)) != NULL);
	is_cstr(sasl_mechanism(sasl), "SCRAM-SHA-1");
	is_int(sasl_hash(sasl), AUTH_SHA1);
	end();
	ok(sasl == NULL);
	end();
}

static void test_condition_names(void)
{
	is_cstr(sasl_condition_text(SASL_ABORTED), "aborted");
	is_cstr(sasl_condition_text(SASL_INVALID_AUTHZID), "invalid-authzid");
	is_cstr(sasl_condition_text(SASL_TEMPORARY_AUTH_FAILURE), "temporary-auth-failure");
	is_cstr(sasl_binding_text(SASL_TLS_EXPORTER), "tls-exporter");
	is_cstr(sasl_binding_text(SASL_TLS_SERVER_END_POINT), "tls-server-end-point");
	is_cstr(sasl_binding_text(SASL_TLS_UNIQUE), "tls-unique");
}

/* PLAIN
 * ---------------------------------------------------------------------------------------------------------
 */

static void test_plain(void)
{
	fresh_context();
	is_int(first("PLAIN", STR("\0Alice\0se cret")), SASL_WANT_PASSWORD);
	is_text(sasl_user(sasl), "alice");
	is_text(sasl_password(sasl), "se cret");
	is_int(sasl_hash(sasl), AUTH_HASHES);
	is_int(sasl_password_checked(sasl, AUTH_OK, &output), SASL_SUCCESS);
	is_int(output.len, 0);
	is_text(sasl_user(sasl), "alice");
	is_int(sasl_password(sasl).len, 0);
	is_int(sasl_password_checked(sasl, AUTH_OK, &output), SASL_FAILURE);

	is_int(first("PLAIN", STR("ALICE@example.ORG\0alice\0p")), SASL_WANT_PASSWORD);
	/* The no-break space is a space (RFC 8265 4.2.2), combining marks are composed. */
	is_int(first("PLAIN", STR("\0alice\0a\xc2\xa0"
				  "e\xcc\x81")),
	    SASL_WANT_PASSWORD);
	is_text(sasl_password(sasl), "a \xc3\xa9");
	end();
}

static void test_plain_asks(void)
{
	fresh_context();
	sasl = sasl_new(STR("PLAIN"), &context);
	is_int(sasl_step(sasl, STR_NULL, false, &output), SASL_CHALLENGE);
	is_int(output.len, 0);
	is_int(sasl_step(sasl, STR("\0alice\0p"), true, &output), SASL_WANT_PASSWORD);
	end();
	sasl = sasl_new(STR("PLAIN"), &context);
	is_int(sasl_step(sasl, STR_NULL, false, &output), SASL_CHALLENGE);
	fails(sasl_step(sasl, STR_NULL, false, &output), SASL_MALFORMED_REQUEST);
	end();
}

static void test_plain_refuses(void)
{
	static char longest[9000];

	fresh_context();
	fails(first("PLAIN", STR("")), SASL_MALFORMED_REQUEST);
	fails(first("PLAIN", STR("alice")), SASL_MALFORMED_REQUEST);
	fails(first("PLAIN", STR("\0alice")), SASL_MALFORMED_REQUEST);
	fails(first("PLAIN", STR("alice\0p")), SASL_MALFORMED_REQUEST);
	fails(first("PLAIN", STR("\0alice\0p\0")), SASL_MALFORMED_REQUEST);
	fails(first("PLAIN", STR("\0alice\0p\0q")), SASL_MALFORMED_REQUEST);
	fails(first("PLAIN", STR("\0\0p")), SASL_MALFORMED_REQUEST);
	fails(first("PLAIN", STR("\0\0")), SASL_MALFORMED_REQUEST);
	fails(first("PLAIN", STR("\0alice\0\xff")), SASL_MALFORMED_REQUEST);
	fails(first("PLAIN", STR("\0alice\0\xed\xa0\x80")), SASL_MALFORMED_REQUEST);
	fails(first("PLAIN", (struct str){longest, sizeof(longest)}), SASL_MALFORMED_REQUEST);
	fails(first("PLAIN", STR("\0alice\0")), SASL_NOT_AUTHORIZED);
	fails(first("PLAIN", STR("\0a@b\0p")), SASL_NOT_AUTHORIZED);
	fails(first("PLAIN", STR("\0alice\0p\nq")), SASL_NOT_AUTHORIZED);
	fails(first("PLAIN", STR("bob\0alice\0p")), SASL_INVALID_AUTHZID);
	fails(first("PLAIN", STR("alice\0alice\0p")), SASL_INVALID_AUTHZID);
	fails(first("PLAIN", STR("bob@example.org\0alice\0p")), SASL_INVALID_AUTHZID);
	fails(first("PLAIN", STR("alice@example.com\0alice\0p")), SASL_INVALID_AUTHZID);
	fails(first("PLAIN", STR("alice@example.org/r\0alice\0p")), SASL_INVALID_AUTHZID);
	fails(first("PLAIN", STR("@\0alice\0p")), SASL_INVALID_AUTHZID);
	end();
}

static void test_plain_outcomes(void)
{
	static const struct {
		enum auth_outcome outcome;
		enum sasl_condition condition;
	} rows[] = {
	    {AUTH_DENIED, SASL_NOT_AUTHORIZED},
	    {AUTH_NO_USER, SASL_NOT_AUTHORIZED},
	    {AUTH_NOT_ALLOWED, SASL_NOT_AUTHORIZED},
	    {AUTH_EXISTS, SASL_NOT_AUTHORIZED},
	    {AUTH_UNAVAILABLE, SASL_TEMPORARY_AUTH_FAILURE},
	};

	fresh_context();
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		first("PLAIN", STR("\0alice\0p"));
		fails(sasl_password_checked(sasl, rows[i].outcome, &output), rows[i].condition);
		/* A missing user reads as a wrong password does. */
		ok(sasl_failure_text(sasl) == NULL);
	}
	/* What was not asked for ends the exchange. */
	first("PLAIN", STR("\0alice\0p"));
	fails(sasl_step(sasl, STR("\0alice\0p"), true, &output), SASL_MALFORMED_REQUEST);
	first("PLAIN", STR("\0alice\0p"));
	fails(sasl_credentials(sasl, NULL, false, &output), SASL_MALFORMED_REQUEST);
	end();
}

/* ANONYMOUS
 * ----------------------------------------------------------------------------------------------------- */

static void test_anonymous(void)
{
	char user[64], trace[1100];

	fresh_context();
	sasl = sasl_new(STR("ANONYMOUS"), &context);
	is_int(sasl_step(sasl, STR_NULL, false, &output), SASL_SUCCESS);
	is_int(sasl_user(sasl).len, 36);
	is_int(sasl_user(sasl).ptr[14], '4');
	ok(strchr("89ab", sasl_user(sasl).ptr[19]) != NULL);
	snprintf(user, sizeof(user), "%.*s", STR_FMT(sasl_user(sasl)));
	is_int(output.len, 0);
	is_int(first("ANONYMOUS", STR("juliet")), SASL_SUCCESS);
	ok(!str_is(sasl_user(sasl), user));
	ok(!str_starts(sasl_user(sasl), "juliet"));
	memset(trace, 'x', sizeof(trace));
	fails(first("ANONYMOUS", (struct str){trace, sizeof(trace)}), SASL_MALFORMED_REQUEST);
	fails(first("ANONYMOUS", STR("\xc0")), SASL_MALFORMED_REQUEST);
	end();
}

/* EXTERNAL
 * ------------------------------------------------------------------------------------------------------ */

static const struct jid alice = {"alice@example.org", 5, 11, 0};
static const struct jid two[] = {{"alice@example.org", 5, 11, 0}, {"bob@example.org", 3, 11, 0}};
static const struct jid mixed[] = {{"carol@example.com", 5, 11, 0}, {"example.org", 0, 11, 0},
    {"bob@example.org", 3, 11, 0}, {"bob@example.org", 3, 11, 0}};

static void certificate(const struct jid *jids, size_t count)
{
	fresh_context();
	context.certificate_jids = jids;
	context.certificate_jid_count = count;
}

static void test_external(void)
{
	struct auth_credentials nothing = {0};

	certificate(&alice, 1);
	is_int(first("EXTERNAL", STR("")), SASL_WANT_CREDENTIALS);
	is_text(sasl_user(sasl), "alice");
	is_int(sasl_hash(sasl), AUTH_HASHES);
	is_int(sasl_credentials(sasl, &nothing, false, &output), SASL_SUCCESS);
	is_int(output.len, 0);
	is_int(first("EXTERNAL", STR("Alice@EXAMPLE.org")), SASL_WANT_CREDENTIALS);
	is_text(sasl_user(sasl), "alice");
	certificate(two, 2);
	is_int(first("EXTERNAL", STR("bob@example.org")), SASL_WANT_CREDENTIALS);
	is_text(sasl_user(sasl), "bob");
	certificate(mixed, 4);
	is_int(first("EXTERNAL", STR("")), SASL_WANT_CREDENTIALS);
	is_text(sasl_user(sasl), "bob");
	end();
	sasl = sasl_new(STR("EXTERNAL"), &context);
	is_int(sasl_step(sasl, STR_NULL, false, &output), SASL_CHALLENGE);
	is_int(sasl_step(sasl, STR(""), true, &output), SASL_WANT_CREDENTIALS);
	end();
}

static void test_external_refuses(void)
{
	certificate(&alice, 1);
	fails(first("EXTERNAL", STR("bob@example.org")), SASL_NOT_AUTHORIZED);
	fails(first("EXTERNAL", STR("alice")), SASL_NOT_AUTHORIZED);
	fails(first("EXTERNAL", STR("alice@example.com")), SASL_NOT_AUTHORIZED);
	fails(first("EXTERNAL", STR("alice@example.org/r")), SASL_NOT_AUTHORIZED);
	fails(first("EXTERNAL", STR("\xff")), SASL_NOT_AUTHORIZED);
	first("EXTERNAL", STR(""));
	fails(sasl_credentials(sasl, NULL, false, &output), SASL_NOT_AUTHORIZED);
	first("EXTERNAL", STR(""));
	fails(sasl_credentials(sasl, NULL, true, &output), SASL_TEMPORARY_AUTH_FAILURE);
	first("EXTERNAL", STR(""));
	fails(sasl_password_checked(sasl, AUTH_OK, &output), SASL_MALFORMED_REQUEST);
	certificate(two, 2);
	fails(first("EXTERNAL", STR("")), SASL_INVALID_AUTHZID);
	certificate(mixed, 2);
	ok(sasl_new(STR("EXTERNAL"), &context) == NULL);
	certificate(&alice, 1);
	context.tls = false;
	ok(sasl_new(STR("EXTERNAL"), &context) == NULL);
	end();
}

int main(void)
{
	run(test_offer);
	run(test_join);
	run(test_new_refuses);
	run(test_condition_names);
	run(test_plain);
	run(test_plain_asks);
	run(test_plain_refuses);
	run(test_plain_outcomes);
	run(test_anonymous);
	run(test_external);
	run(test_external_refuses);
	end();
	return tap_done();
}
