/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sasl.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "auth/sasl_mechanism.h"
#include "base/mem.h"

/* In the order of preference. */
static const struct sasl_mechanism *const mechanisms[] = {
    &sasl_external,
    &sasl_scram[0],
    &sasl_scram[1],
    &sasl_scram[2],
    &sasl_scram[3],
    &sasl_scram[4],
    &sasl_scram[5],
    &sasl_plain,
    &sasl_anonymous,
};
#define MECHANISMS (sizeof(mechanisms) / sizeof(mechanisms[0]))

const char *sasl_condition_text(enum sasl_condition condition)
{
	static const char *const texts[] = {
	    [SASL_ABORTED] = "aborted",
	    [SASL_ACCOUNT_DISABLED] = "account-disabled",
	    [SASL_CREDENTIALS_EXPIRED] = "credentials-expired",
	    [SASL_ENCRYPTION_REQUIRED] = "encryption-required",
	    [SASL_INCORRECT_ENCODING] = "incorrect-encoding",
	    [SASL_INVALID_AUTHZID] = "invalid-authzid",
	    [SASL_INVALID_MECHANISM] = "invalid-mechanism",
	    [SASL_MALFORMED_REQUEST] = "malformed-request",
	    [SASL_MECHANISM_TOO_WEAK] = "mechanism-too-weak",
	    [SASL_NOT_AUTHORIZED] = "not-authorized",
	    [SASL_TEMPORARY_AUTH_FAILURE] = "temporary-auth-failure",
	};

	return texts[condition];
}

const char *sasl_binding_text(enum sasl_binding binding)
{
	static const char *const texts[SASL_BINDINGS] = {
	    "tls-exporter", "tls-server-end-point", "tls-unique"};

	return texts[binding];
}

static bool is_disabled(const char *name, const struct str *disabled, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_ieq(disabled[i], str_of(name)))
			return true;
	return false;
}

void sasl_offer(const struct sasl_context *context, const struct str *disabled, size_t disabled_count,
    const char **names_r)
{
	for (size_t i = 0; i < MECHANISMS; i++)
		if (mechanisms[i]->usable(mechanisms[i], context) &&
		    !is_disabled(mechanisms[i]->name, disabled, disabled_count))
			*names_r++ = mechanisms[i]->name;
	*names_r = NULL;
}

void sasl_offer_tokens(const struct sasl_context *context, const struct str *disabled, size_t disabled_count,
    const char **names_r)
{
	for (size_t i = 0; i < SASL_HT; i++)
		if (sasl_ht[i].usable(&sasl_ht[i], context) &&
		    !is_disabled(sasl_ht[i].name, disabled, disabled_count))
			*names_r++ = sasl_ht[i].name;
	*names_r = NULL;
}

const char *sasl_offered_token(const char *const *names, struct str mechanism)
{
	while (*names && !str_is(mechanism, *names))
		names++;
	return *names;
}

static int order_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void sasl_join_names(const char *const *names, struct strbuf *out)
{
	const char *sorted[SASL_NAMES_MAX];
	size_t count = 0;

	while (names[count] && count < SASL_NAMES_MAX) {
		sorted[count] = names[count];
		count++;
	}
	qsort(sorted, count, sizeof(sorted[0]), order_names);
	for (size_t i = 0; i < count; i++) {
		if (i)
			strbuf_char(out, SASL_NAMES_SEPARATOR);
		strbuf_cstr(out, sorted[i]);
	}
}

static bool was_offered(struct str offered, struct str mechanism)
{
	if (offered.len == 0)
		return true;
	while (offered.len)
		if (str_eq(str_cut(offered, SASL_NAMES_SEPARATOR, &offered), mechanism))
			return true;
	return false;
}

bool sasl_offered_plus(const struct sasl_context *context)
{
	struct str offered = context->offered_mechanisms;

	while (offered.len)
		if (str_ends(str_cut(offered, SASL_NAMES_SEPARATOR, &offered), "-PLUS"))
			return true;
	if (context->offered_mechanisms.len == 0)
		for (size_t i = 0; i < SASL_BINDINGS; i++)
			if (context->bindings[i].len)
				return true;
	return false;
}

static const struct sasl_mechanism *find_mechanism(struct str name)
{
	for (size_t i = 0; i < MECHANISMS; i++)
		if (str_is(name, mechanisms[i]->name))
			return mechanisms[i];
	return NULL;
}

struct sasl *sasl_new(struct str mechanism, const struct sasl_context *context)
{
	const struct sasl_mechanism *found = find_mechanism(mechanism);
	struct sasl *sasl;

	if (!found || !found->usable(found, context) || !was_offered(context->offered_mechanisms, mechanism))
		return NULL;
	sasl = mem_zalloc(found->size);
	sasl->mechanism = found;
	sasl->context = *context;
	return sasl;
}

struct sasl *sasl_new_token(struct str mechanism, const struct sasl_context *context)
{
	struct sasl *sasl;

	for (size_t i = 0; i < SASL_HT; i++) {
		if (!str_is(mechanism, sasl_ht[i].name) || !sasl_ht[i].usable(&sasl_ht[i], context))
			continue;
		sasl = mem_zalloc(sasl_ht[i].size);
		sasl->mechanism = &sasl_ht[i];
		sasl->context = *context;
		return sasl;
	}
	return NULL;
}

enum sasl_condition sasl_refusal(struct str mechanism, const struct sasl_context *context)
{
	const struct sasl_mechanism *found = find_mechanism(mechanism);
	struct sasl_context encrypted = *context;

	encrypted.tls = true;
	if (found && !context->tls && !found->usable(found, context) && found->usable(found, &encrypted))
		return SASL_ENCRYPTION_REQUIRED;
	return SASL_INVALID_MECHANISM;
}

static void wipe(struct str *secret)
{
	if (secret->ptr) {
		OPENSSL_cleanse((char *)secret->ptr, secret->len);
		free((char *)secret->ptr);
	}
	*secret = STR_NULL;
}

void sasl_free(struct sasl **sasl)
{
	if (!*sasl)
		return;
	if ((*sasl)->mechanism->fini)
		(*sasl)->mechanism->fini(*sasl);
	wipe(&(*sasl)->user);
	wipe(&(*sasl)->password);
	OPENSSL_cleanse(*sasl, (*sasl)->mechanism->size);
	free(*sasl);
	*sasl = NULL;
}

enum sasl_result sasl_fail(struct sasl *sasl, enum sasl_condition condition, const char *text)
{
	sasl->expects = SASL_ENDED;
	sasl->condition = condition;
	sasl->text = text;
	return SASL_FAILURE;
}

/* What comes next follows from the result alone. */
static enum sasl_result expect(struct sasl *sasl, enum sasl_result result)
{
	switch (result) {
	case SASL_CHALLENGE:
		sasl->expects = SASL_IN_STEP;
		break;
	case SASL_WANT_CREDENTIALS:
		sasl->expects = SASL_IN_CREDENTIALS;
		break;
	case SASL_WANT_PASSWORD:
		sasl->expects = SASL_IN_PASSWORD;
		break;
	case SASL_WANT_TOKENS:
		sasl->expects = SASL_IN_TOKENS;
		break;
	default:
		sasl->expects = SASL_ENDED;
		wipe(&sasl->password);
	}
	return result;
}

enum sasl_result sasl_step(struct sasl *sasl, struct str input, bool has_input, struct strbuf *output)
{
	if (sasl->expects != SASL_IN_STEP)
		return sasl_fail(sasl, SASL_MALFORMED_REQUEST, "A response was not expected");
	if (!has_input && !sasl->asked && sasl->mechanism->client_first) {
		sasl->asked = true;
		return SASL_CHALLENGE;
	}
	sasl->asked = true;
	if (input.len > SASL_INPUT_MAX)
		return sasl_fail(sasl, SASL_MALFORMED_REQUEST, "The response is too long");
	return expect(sasl, sasl->mechanism->respond(sasl, has_input ? input : STR_NULL, output));
}

enum sasl_result sasl_credentials(
    struct sasl *sasl, const struct auth_credentials *credentials, bool unavailable, struct strbuf *output)
{
	if (sasl->expects != SASL_IN_CREDENTIALS)
		return sasl_fail(sasl, SASL_MALFORMED_REQUEST, NULL);
	if (unavailable)
		return expect(sasl, sasl_fail(sasl, SASL_TEMPORARY_AUTH_FAILURE, NULL));
	return expect(sasl, sasl->mechanism->credentials(sasl, credentials, output));
}

enum sasl_result sasl_password_checked(struct sasl *sasl, enum auth_outcome outcome, struct strbuf *output)
{
	if (sasl->expects != SASL_IN_PASSWORD)
		return sasl_fail(sasl, SASL_MALFORMED_REQUEST, NULL);
	if (outcome == AUTH_OK)
		return expect(sasl, SASL_SUCCESS);
	return expect(
	    sasl, sasl_fail(sasl,
		      outcome == AUTH_UNAVAILABLE ? SASL_TEMPORARY_AUTH_FAILURE : SASL_NOT_AUTHORIZED, NULL));
}

enum sasl_result sasl_tokens(struct sasl *sasl, const struct sasl_token *tokens, size_t count,
    bool unavailable, struct strbuf *output)
{
	if (sasl->expects != SASL_IN_TOKENS)
		return sasl_fail(sasl, SASL_MALFORMED_REQUEST, NULL);
	if (unavailable)
		return expect(sasl, sasl_fail(sasl, SASL_TEMPORARY_AUTH_FAILURE, NULL));
	return expect(sasl, sasl->mechanism->tokens(sasl, tokens, count, output));
}

unsigned sasl_token_used(const struct sasl *sasl)
{
	return sasl->token;
}

bool sasl_by_token(const struct sasl *sasl)
{
	return sasl->mechanism->tokens != NULL;
}

struct str sasl_user(const struct sasl *sasl)
{
	return sasl->user;
}

struct str sasl_password(const struct sasl *sasl)
{
	return sasl->password;
}

const char *sasl_mechanism(const struct sasl *sasl)
{
	return sasl->mechanism->name;
}

enum auth_hash sasl_hash(const struct sasl *sasl)
{
	return sasl->mechanism->hash;
}

enum sasl_condition sasl_condition(const struct sasl *sasl)
{
	return sasl->condition;
}

const char *sasl_failure_text(const struct sasl *sasl)
{
	return sasl->text;
}

void sasl_set_user(struct sasl *sasl, struct str user)
{
	wipe(&sasl->user);
	sasl->user = (struct str){str_dup(user), user.len};
}

int sasl_prepare_user(struct sasl *sasl, struct str user)
{
	struct arena arena = {0};
	struct str prepared;
	int result = jid_prep_local(user, &arena, &prepared, NULL);

	if (result == 0 && prepared.len == 0)
		result = -1;
	if (result == 0)
		sasl_set_user(sasl, prepared);
	arena_fini(&arena);
	return result;
}

bool sasl_authzid_is(struct str authzid, struct str user, struct str host)
{
	struct arena arena = {0};
	struct jid jid;
	bool same = jid_parse(authzid, &arena, &jid, NULL) == 0 && !jid.resource_len &&
		    str_eq(jid_local(&jid), user) && str_eq(jid_domain(&jid), host);

	arena_fini(&arena);
	return same;
}
