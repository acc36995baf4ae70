/* SPDX-License-Identifier: Apache-2.0 */
/* EXTERNAL with client certificates: RFC 4422 A, XEP-0178 2. */
#include "auth/sasl_mechanism.h"

/* An address in the certificate that names an account of the stream's host. */
static bool is_ours(const struct jid *jid, const struct sasl_context *context)
{
	return jid->local_len && !jid->resource_len && str_eq(jid_domain(jid), context->host);
}

static bool usable(const struct sasl_mechanism *mechanism, const struct sasl_context *context)
{
	for (size_t i = 0; context->tls && i < context->certificate_jid_count; i++)
		if (is_ours(&context->certificate_jids[i], context))
			return true;
	return false;
}

static enum sasl_result take_only_one(struct sasl *sasl)
{
	const struct sasl_context *context = &sasl->context;
	const struct jid *only = NULL;

	for (size_t i = 0; i < context->certificate_jid_count; i++) {
		const struct jid *jid = &context->certificate_jids[i];

		if (!is_ours(jid, context))
			continue;
		if (only && !jid_bare_eq(only, jid))
			return sasl_fail(
			    sasl, SASL_INVALID_AUTHZID, "The certificate has several addresses: say which");
		only = jid;
	}
	if (!only)
		return sasl_fail(sasl, SASL_NOT_AUTHORIZED, NULL);
	sasl_set_user(sasl, jid_local(only));
	return SASL_WANT_CREDENTIALS;
}

static enum sasl_result respond(struct sasl *sasl, struct str input, struct strbuf *output)
{
	const struct sasl_context *context = &sasl->context;

	if (input.len == 0)
		return take_only_one(sasl);
	for (size_t i = 0; i < context->certificate_jid_count; i++) {
		const struct jid *jid = &context->certificate_jids[i];

		if (!is_ours(jid, context) || !sasl_authzid_is(input, jid_local(jid), context->host))
			continue;
		sasl_set_user(sasl, jid_local(jid));
		return SASL_WANT_CREDENTIALS;
	}
	return sasl_fail(sasl, SASL_NOT_AUTHORIZED, "The certificate does not have this address");
}

/* XEP-0178 2, 11.1: only a registered account may log in, whatever the certificate says. */
static enum sasl_result check_account(
    struct sasl *sasl, const struct auth_credentials *credentials, struct strbuf *output)
{
	return credentials ? SASL_SUCCESS : sasl_fail(sasl, SASL_NOT_AUTHORIZED, NULL);
}

const struct sasl_mechanism sasl_external = {
    .name = "EXTERNAL",
    .size = sizeof(struct sasl),
    .hash = AUTH_HASHES,
    .client_first = true,
    .usable = usable,
    .respond = respond,
    .credentials = check_account,
};
