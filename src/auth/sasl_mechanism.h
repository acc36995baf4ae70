/* SPDX-License-Identifier: Apache-2.0 */
/* What the mechanisms share; for the files sasl*.c only. */
#pragma once

#include "auth/auth.h"
#include "auth/sasl.h"

#define SASL_INPUT_MAX 8192 /* bytes of one response; the longest sensible one is about half of it */

struct sasl_mechanism {
	const char *name;
	size_t size;         /* of the struct that begins with struct sasl */
	enum auth_hash hash; /* SCRAM */
	bool binds_channel;  /* SCRAM -PLUS, HT but for -NONE */
	enum sasl_binding binding; /* HT */
	bool client_first;   /* without an initial response an empty challenge asks for one */
	bool (*usable)(const struct sasl_mechanism *mechanism, const struct sasl_context *context);
	enum sasl_result (*respond)(struct sasl *sasl, struct str input, struct strbuf *output);
	enum sasl_result (*credentials)(
	    struct sasl *sasl, const struct auth_credentials *credentials, struct strbuf *output);
	enum sasl_result (*tokens)(
	    struct sasl *sasl, const struct sasl_token *tokens, size_t count, struct strbuf *output);
	void (*fini)(struct sasl *sasl);
};

struct sasl {
	const struct sasl_mechanism *mechanism;
	struct sasl_context context;
	enum { SASL_IN_STEP, SASL_IN_CREDENTIALS, SASL_IN_PASSWORD, SASL_IN_TOKENS, SASL_ENDED } expects;
	bool asked; /* the empty challenge was sent */
	struct str user, password;
	unsigned token; /* HT: which one fits */
	enum sasl_condition condition;
	const char *text;
};

extern const struct sasl_mechanism sasl_external;
extern const struct sasl_mechanism sasl_scram[2 * AUTH_HASHES]; /* in the order of preference */
#define SASL_HT 8
extern const struct sasl_mechanism sasl_ht[SASL_HT]; /* in the order of preference */
extern const struct sasl_mechanism sasl_plain;
extern const struct sasl_mechanism sasl_anonymous;

/* text NULL: none. Returns SASL_FAILURE. */
enum sasl_result sasl_fail(struct sasl *sasl, enum sasl_condition condition, const char *text);
/* A heap copy that is overwritten by sasl_free. */
void sasl_set_user(struct sasl *sasl, struct str user);
/* Prepares it and keeps it as the user; < 0 when it is no local part. */
int sasl_prepare_user(struct sasl *sasl, struct str user);
/* Is the authorization identity that bare JID? Compared after preparation. RFC 6120 6.3.8. */
bool sasl_authzid_is(struct str authzid, struct str user, struct str host);
/* Was a name ending in -PLUS offered to this client? */
bool sasl_offered_plus(const struct sasl_context *context);
