/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SASL mechanisms, server side, as values without I/O: RFC 4422, 4616 (PLAIN), 5802/7677 (SCRAM), 4505
 * (ANONYMOUS), XEP-0178 (EXTERNAL), the tokens of XEP-0484 (HT), XEP-0440, XEP-0474. Bytes go in and out
 * already without base64. What a mechanism needs from outside (stored keys, a password check) it asks for by
 * its result, and the stream brings it. One thread at a time.
 */
#pragma once

#include "auth/credentials.h"
#include "stanzad/arena.h"
#include "stanzad/err.h"

enum sasl_result {
	SASL_CHALLENGE,        /* send the output, call sasl_step with the answer */
	SASL_WANT_CREDENTIALS, /* look up sasl_user, then call sasl_credentials */
	SASL_WANT_PASSWORD,    /* check sasl_user and sasl_password, then call sasl_password_checked */
	SASL_WANT_TOKENS, /* look up the tokens of sasl_user, then call sasl_tokens */
	SASL_SUCCESS, /* sasl_user is authenticated; the output is the additional data, may be empty */
	SASL_FAILURE, /* sasl_condition says which */
};

/* RFC 6120 6.5, one element name each. */
enum sasl_condition {
	SASL_ABORTED,
	SASL_ACCOUNT_DISABLED,
	SASL_CREDENTIALS_EXPIRED,
	SASL_ENCRYPTION_REQUIRED,
	SASL_INCORRECT_ENCODING,
	SASL_INVALID_AUTHZID,
	SASL_INVALID_MECHANISM,
	SASL_MALFORMED_REQUEST,
	SASL_MECHANISM_TOO_WEAK,
	SASL_NOT_AUTHORIZED,
	SASL_TEMPORARY_AUTH_FAILURE,
};
const char *sasl_condition_text(enum sasl_condition condition);

enum sasl_binding { SASL_TLS_EXPORTER, SASL_TLS_SERVER_END_POINT, SASL_TLS_UNIQUE, SASL_BINDINGS };
const char *sasl_binding_text(enum sasl_binding binding); /* "tls-exporter", ... */

/* What the stream knows. Borrowed until sasl_free. */
struct sasl_context {
	struct str host;                    /* prepared domain of the virtual host */
	bool tls;                           /* the stream is encrypted */
	bool allow_plain_text;              /* PLAIN without TLS is allowed: allow_unencrypted_plain */
	struct str bindings[SASL_BINDINGS]; /* channel binding data; empty: not available on this stream */
	const struct jid
	    *certificate_jids; /* verified XmppAddr / SRV identities of the client's certificate */
	size_t certificate_jid_count;
	const struct auth_methods *methods; /* what the host's back ends can do */
	struct str offered_mechanisms; /* XEP-0474: the names as offered, sorted and joined as the XEP says */
	struct str offered_bindings;   /* XEP-0474 */
	bool downgrade_protection;     /* XEP-0474 is on */
};

#define SASL_NAMES_MAX 16
#define SASL_NAMES_SEPARATOR '\x1e'

/* The names to offer to this stream in the order of preference, NULL-terminated, static strings; names_r
 * holds SASL_NAMES_MAX. context is complete but for offered_mechanisms and offered_bindings, which follow
 * from this. */
void sasl_offer(const struct sasl_context *context, const struct str *disabled, size_t disabled_count,
    const char **names_r);

/* Appends the names of a NULL-terminated list as XEP-0474 6.1 joins them: sorted bytewise, %x1E between them.
 * Makes offered_mechanisms and offered_bindings. */
void sasl_join_names(const char *const *names, struct strbuf *out);

/*
 * The same for the mechanisms that take a token in place of a password: HT-SHA-256-EXPR and so on. They are offered
 * and begun apart from the others (XEP-0484 3.1), and offered_mechanisms does not count for them.
 */
void sasl_offer_tokens(const struct sasl_context *context, const struct str *disabled, size_t disabled_count,
    const char **names_r);
/* The static text of a name that sasl_offer_tokens gave; NULL. */
const char *sasl_offered_token(const char *const *names, struct str mechanism);

struct sasl;

/* NULL when there is no such mechanism or it may not be used here: neither is one that offered_mechanisms,
 * when it is not empty, does not name. The struct context is copied; what it points to is borrowed. */
struct sasl *sasl_new(struct str mechanism, const struct sasl_context *context);
/* As sasl_new, for one that takes a token. NULL also when the channel binding that it names is not there. */
struct sasl *sasl_new_token(struct str mechanism, const struct sasl_context *context);
/* What to answer when sasl_new gave NULL: SASL_ENCRYPTION_REQUIRED when TLS is all that is missing, else
 * SASL_INVALID_MECHANISM. */
enum sasl_condition sasl_refusal(struct str mechanism, const struct sasl_context *context);
/* Overwrites secrets. */
void sasl_free(struct sasl **sasl);
/*
 * The client's (initial) response. has_input false: none was given with <auth/>. Appends to output. A call
 * that does not fit the result before it ends in SASL_FAILURE. input may hold a password: overwrite it
 * afterwards.
 */
enum sasl_result sasl_step(struct sasl *sasl, struct str input, bool has_input, struct strbuf *output);
/* After SASL_WANT_CREDENTIALS. credentials NULL: no such user (the exchange goes on and fails as with a wrong
 * password, at the same cost); so it does when there are no keys of sasl_hash. Not kept after the call.
 * unavailable: the back end failed -> temporary-auth-failure. */
enum sasl_result sasl_credentials(
    struct sasl *sasl, const struct auth_credentials *credentials, bool unavailable, struct strbuf *output);
/* After SASL_WANT_PASSWORD. */
enum sasl_result sasl_password_checked(struct sasl *sasl, enum auth_outcome outcome, struct strbuf *output);

#define SASL_TOKENS_MAX 4
struct sasl_token {
	struct str text;
	bool expired; /* it ends in credentials-expired where it would have been right */
};
/* After SASL_WANT_TOKENS: those that were made for this user, this client and this mechanism. */
enum sasl_result sasl_tokens(struct sasl *sasl, const struct sasl_token *tokens, size_t count,
    bool unavailable, struct strbuf *output);
/* After the success of such a mechanism: which of them it was. */
unsigned sasl_token_used(const struct sasl *sasl);
struct str sasl_user(
    const struct sasl *sasl); /* prepared local part; for ANONYMOUS a made-up one. Until sasl_free */
struct str sasl_password(
    const struct sasl *sasl); /* prepared password of PLAIN; overwritten by the next call */
const char *sasl_mechanism(const struct sasl *sasl);
/* Which keys SASL_WANT_CREDENTIALS is about: the hash in struct auth_request. AUTH_HASHES when it is about
 * none of them (EXTERNAL asks only whether there is such an account). */
enum auth_hash sasl_hash(const struct sasl *sasl);
enum sasl_condition sasl_condition(const struct sasl *sasl);
/* It takes a token. */
bool sasl_by_token(const struct sasl *sasl);
/* A sentence for the client's <text/>, NULL when there is none. Never says whether the user exists. */
const char *sasl_failure_text(const struct sasl *sasl);
