/* SPDX-License-Identifier: Apache-2.0 */
/* PLAIN: RFC 4616. */
#include <openssl/crypto.h>

#include "auth/sasl_mechanism.h"
#include "base/utf8.h"

static bool usable(const struct sasl_mechanism *mechanism, const struct sasl_context *context)
{
	return (context->tls || context->allow_plain_text) && context->methods->plain_check;
}

/* What the preparation left in its arena is overwritten too. */
static int keep_password(struct sasl *sasl, struct str password)
{
	struct arena arena = {0};
	struct str prepared;
	int result = jid_prep_password(password, &arena, &prepared, NULL);

	if (result == 0 && prepared.len == 0)
		result = -1;
	if (result == 0)
		sasl->password = (struct str){str_dup(prepared), prepared.len};
	if (result == 0 && prepared.ptr != password.ptr)
		OPENSSL_cleanse((char *)prepared.ptr, prepared.len);
	arena_fini(&arena);
	return result;
}

static enum sasl_result respond(struct sasl *sasl, struct str input, struct strbuf *output)
{
	struct str authzid, user, password, rest;

	if (!utf8_valid(input))
		return sasl_fail(sasl, SASL_MALFORMED_REQUEST, "The response is not UTF-8");
	authzid = str_cut(input, '\0', &rest);
	user = str_cut(rest, '\0', &password);
	if (authzid.len + 1 + user.len + 1 + password.len != input.len ||
	    memchr(password.ptr, '\0', password.len))
		return sasl_fail(sasl, SASL_MALFORMED_REQUEST, "The response does not have three parts");
	if (user.len == 0)
		return sasl_fail(sasl, SASL_MALFORMED_REQUEST, "The user name is empty");
	if (password.len == 0)
		return sasl_fail(sasl, SASL_NOT_AUTHORIZED, "The password is empty");
	if (sasl_prepare_user(sasl, user) < 0 || keep_password(sasl, password) < 0)
		return sasl_fail(sasl, SASL_NOT_AUTHORIZED,
		    "The user name or password has characters that are not allowed");
	if (authzid.len && !sasl_authzid_is(authzid, sasl->user, sasl->context.host))
		return sasl_fail(sasl, SASL_INVALID_AUTHZID, NULL);
	return SASL_WANT_PASSWORD;
}

const struct sasl_mechanism sasl_plain = {
    .name = "PLAIN",
    .size = sizeof(struct sasl),
    .hash = AUTH_HASHES,
    .client_first = true,
    .usable = usable,
    .respond = respond,
};
