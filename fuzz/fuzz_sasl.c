/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SASL exchange. The first line is the mechanism's name and flags (t TLS, b channel bindings, p plain text
 * allowed, o offered names known, d downgrade protection, u unknown user, e back end fails, w wrong
 * password); each further line is a response, "-" none at all. In responses '%' stands for the nonce of the
 * server and '~' for NUL. Whatever comes: one result at a time, no output with a failure, a prepared user
 * name, and no success of SCRAM or with a token, as nobody has the keys.
 */
#include "auth/auth.h"
#include "auth/sasl.h"
#include "base/utf8.h"
#include "fuzz.h"

static const struct auth_methods all = {true, {true, true, true}, true, true, true};
static const struct jid addresses[] = {{"alice@example.org", 5, 11, 0}, {"bob@example.org", 3, 11, 0}};

static bool has_flag(struct str flags, char flag)
{
	return flags.len && memchr(flags.ptr, flag, flags.len);
}

static struct sasl_context context_of(struct str flags)
{
	struct sasl_context context = {
	    .host = STR("example.org"),
	    .tls = has_flag(flags, 't'),
	    .allow_plain_text = has_flag(flags, 'p'),
	    .certificate_jids = addresses,
	    .certificate_jid_count = has_flag(flags, 'w') ? 2 : 1,
	    .methods = &all,
	    .downgrade_protection = has_flag(flags, 'd'),
	};

	if (has_flag(flags, 'b')) {
		context.bindings[SASL_TLS_EXPORTER] = STR("exporter");
		context.bindings[SASL_TLS_SERVER_END_POINT] = STR("end point");
		context.offered_bindings = STR("tls-exporter\x1etls-server-end-point");
	}
	if (has_flag(flags, 'o'))
		context.offered_mechanisms = STR("PLAIN\x1eSCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS");
	return context;
}

static void check_result(const struct sasl *sasl, enum sasl_result result, const struct strbuf *output)
{
	struct arena arena = {0};
	struct str prepared;

	fuzz_check(result == SASL_CHALLENGE || result == SASL_SUCCESS || output->len == 0);
	fuzz_check(sasl_by_token(sasl) || utf8_valid(strbuf_view(output)));
	if (result == SASL_FAILURE) {
		fuzz_check(sasl_condition_text(sasl_condition(sasl)) != NULL);
	} else if (result != SASL_CHALLENGE) {
		fuzz_check(jid_prep_local(sasl_user(sasl), &arena, &prepared, NULL) == 0);
		fuzz_check(str_eq(prepared, sasl_user(sasl)));
	}
	if (result == SASL_WANT_PASSWORD)
		fuzz_check(sasl_password(sasl).len > 0);
	if (result == SASL_SUCCESS)
		fuzz_check(!str_starts(str_of(sasl_mechanism(sasl)), "SCRAM-") && !sasl_by_token(sasl));
	arena_fini(&arena);
}

/* What the stream would do until the client is asked again. */
static enum sasl_result serve(
    struct sasl *sasl, enum sasl_result result, struct str flags, struct strbuf *output)
{
	struct auth_credentials credentials = {0};

	check_result(sasl, result, output);
	if (result == SASL_WANT_CREDENTIALS) {
		if (sasl_hash(sasl) < AUTH_HASHES)
			scram_keys_fake(
			    &credentials.scram[sasl_hash(sasl)], sasl_hash(sasl), STR("h"), STR("u"));
		result = sasl_credentials(
		    sasl, has_flag(flags, 'u') ? NULL : &credentials, has_flag(flags, 'e'), output);
		check_result(sasl, result, output);
	} else if (result == SASL_WANT_TOKENS) {
		const struct sasl_token tokens[] = {{STR("nobody knows this"), false}, {STR("nor this"), true}};

		result = sasl_tokens(sasl, tokens, has_flag(flags, 'u') ? 0 : 2, has_flag(flags, 'e'), output);
		check_result(sasl, result, output);
	} else if (result == SASL_WANT_PASSWORD) {
		result = sasl_password_checked(sasl, has_flag(flags, 'w') ? AUTH_DENIED : AUTH_OK, output);
		check_result(sasl, result, output);
	}
	fuzz_check(result == SASL_CHALLENGE || result == SASL_SUCCESS || result == SASL_FAILURE);
	return result;
}

static void spell_out(struct str line, struct str nonce, struct strbuf *out)
{
	for (size_t i = 0; i < line.len; i++) {
		if (line.ptr[i] == '%')
			strbuf_str(out, nonce);
		else
			strbuf_char(out, line.ptr[i] == '~' ? '\0' : line.ptr[i]);
	}
}

/* r=NONCE,... */
static struct str nonce_of(const struct strbuf *output)
{
	struct str rest, first = str_cut(strbuf_view(output), ',', &rest);

	return first.len > 2 ? (struct str){first.ptr + 2, first.len - 2} : STR_NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct str rest, line, mechanism = str_cut((struct str){(const char *)bytes, size}, '\n', &rest),
			       flags;
	struct strbuf output = {0}, input = {0};
	enum sasl_result result = SASL_CHALLENGE;
	struct sasl_context context;
	struct sasl *sasl;

	mechanism = str_cut(mechanism, ' ', &flags);
	context = context_of(flags);
	sasl = str_starts(mechanism, "HT-") ? sasl_new_token(mechanism, &context)
					 : sasl_new(mechanism, &context);
	while (sasl && rest.len && result == SASL_CHALLENGE) {
		line = str_cut(rest, '\n', &rest);
		strbuf_reset(&input);
		spell_out(line, nonce_of(&output), &input);
		strbuf_reset(&output);
		result = serve(
		    sasl, sasl_step(sasl, strbuf_view(&input), !str_is(line, "-"), &output), flags, &output);
	}
	if (sasl && result != SASL_CHALLENGE)
		fuzz_check(sasl_step(sasl, STR("x"), true, &output) == SASL_FAILURE);
	if (!sasl)
		sasl_refusal(mechanism, &context);
	sasl_free(&sasl);
	strbuf_fini(&output);
	strbuf_fini(&input);
	return 0;
}
