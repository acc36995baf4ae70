/* SPDX-License-Identifier: Apache-2.0 */
/* ANONYMOUS: RFC 4505, XEP-0175. */
#include <stdio.h>

#include "auth/sasl_mechanism.h"
#include "base/rand.h"
#include "base/utf8.h"

#define TRACE_MAX 1020 /* 255 characters */

static bool usable(const struct sasl_mechanism *mechanism, const struct sasl_context *context)
{
	return context->methods->anonymous;
}

/* RFC 9562 5.4 (version 4), as XEP-0175 3 recommends. */
static struct str make_uuid(char *out, size_t size)
{
	uint64_t high = rand_u64(), low = rand_u64();
	int len;

	high = (high & ~0xf000ULL) | 0x4000;
	low = (low & 0x3fffffffffffffffULL) | 0x8000000000000000ULL;
	len = snprintf(out, size, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32),
	    (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff), (unsigned)(low >> 48),
	    (unsigned long long)(low & 0xffffffffffffULL));
	return (struct str){out, (size_t)len};
}

/* The trace information is checked and forgotten. */
static enum sasl_result respond(struct sasl *sasl, struct str input, struct strbuf *output)
{
	char uuid[40];

	if (input.len > TRACE_MAX || !utf8_valid(input))
		return sasl_fail(sasl, SASL_MALFORMED_REQUEST, NULL);
	sasl_set_user(sasl, make_uuid(uuid, sizeof(uuid)));
	return SASL_SUCCESS;
}

const struct sasl_mechanism sasl_anonymous = {
    .name = "ANONYMOUS",
    .size = sizeof(struct sasl),
    .hash = AUTH_HASHES,
    .usable = usable,
    .respond = respond,
};
