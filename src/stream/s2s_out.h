/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams that we open to other servers. Two objects: an attempt finds the other server, tries one host after
 * the other and ends with a negotiated stream or a reason; a stream (struct s2s_out) lives as long as its
 * connection. All of it on the worker that began the attempt.
 */
#pragma once

#include "net/dns.h"
#include "net/outgoing.h"
#include "route/s2s.h"
#include "stream/s2s_common.h"
#include "stream/s2s_mgmt.h"

struct s2s_attempt;
struct s2s_out;

/* --- s2s_attempt.c -------------------------------------------------------------------------------------- */

/* Why there is no stream. */
struct s2s_failure {
	enum stanza_condition condition; /* for the senders of what waits */
	const char *text;                /* until the call returns */
};

struct s2s_attempt_ops {
	/* Ends in front of the authentication: for dialback's questions, which need none. */
	bool unauthenticated;
	/* The stream is negotiated and the caller's from now on; the attempt is gone. */
	void (*ready)(void *owner, struct s2s_out *out);
	/* There is none to be had; the attempt is gone. */
	void (*failed)(void *owner, const struct s2s_failure *failure);
	/* May be NULL: one line for a person; may not call anything of this file. */
	void (*step)(void *owner, const char *text);
};

/* Neither ready nor failed is called from inside. */
struct s2s_attempt *s2s_attempt_start(
    struct str local, struct str remote, const struct s2s_attempt_ops *ops, void *owner);
/* Nothing is called any more; its stream closes. *attempt may be NULL. */
void s2s_attempt_cancel(struct s2s_attempt **attempt);

/* --- for the stream, while it is negotiated --- */
const struct s2s_attempt_ops *s2s_attempt_ops(const struct s2s_attempt *attempt);
void s2s_attempt_step(struct s2s_attempt *attempt, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The stream is negotiated: hands it over. */
void s2s_attempt_succeed(struct s2s_attempt *attempt);
/* It came to nothing: on with the next host, unless what it said counts for all of them. */
void s2s_attempt_stream_failed(
    struct s2s_attempt *attempt, enum stanza_condition condition, const char *text, bool final);

/* Cancels what is left of the calling worker; after workers_run. */
void s2s_attempts_fini(void *unused);

/* --- s2s_out.c: the stream ------------------------------------------------------------------------------ */

enum s2s_out_state {
	S2S_OUT_TLS,      /* a handshake is under way */
	S2S_OUT_HEADER,   /* ours is out */
	S2S_OUT_FEATURES, /* theirs came */
	S2S_OUT_PROCEED,  /* <starttls/> is out */
	S2S_OUT_SASL,     /* <auth/> is out */
	S2S_OUT_DIALBACK, /* <db:result/> is out */
	S2S_OUT_READY,    /* negotiated; authenticated says how far */
};

struct s2s_out {
	struct peer peer;
	enum s2s_out_state state;
	struct s2s_attempt *attempt; /* until the stream is negotiated */
	struct str local, remote;    /* in text */
	struct str lang;             /* theirs, interned */
	struct s2s_features features;
	enum s2s_tls tls;
	enum s2s_certificate certificate;
	enum s2s_authentication authentication;
	bool dialback_declared; /* xmlns:db in their header */
	bool external_failed;
	bool bidi;       /* asked for: stanzas may come, too */
	bool failing;    /* text and condition say why */
	bool final;      /* no other host would do better */
	char *stream_id; /* theirs */
	char why[300];
	enum stanza_condition condition;
	uint64_t since_ms, active_ms;
	uint64_t deadline_ms, late_ms; /* of the negotiation; of the present step */
	/* DNS names of the present host; records are of the attempt's outgoing. */
	struct s2s_vouching vouching;
	char host[DNS_NAME_SIZE];

	/* s2s_out_send.c */
	struct s2s_link *link; /* NULL: not for stanzas */
	struct s2s_queue sent; /* without stream management: not known to have arrived, in order */
	enum { S2S_SM_OFF, S2S_SM_ASKED, S2S_SM_ON, S2S_SM_RESUMING } sm;
	struct s2s_mgmt *mgmt; /* unless S2S_SM_OFF */
	bool full;             /* the link was told no */
	bool farewell;         /* one side said that the stream ends */
	struct timer idle;
	uint64_t resume_since_ms;
	struct timer resume;

	/* s2s_out_slow.c */
	bool slowed;
	uint64_t slow_free_ms;
	struct timer slow;

	/* dialback_check.c */
	struct list checks; /* questions that are out */
	bool for_checks;    /* closes when there are none */
	char text[];
};

extern const struct peer_ops s2s_out_peer_ops;

/* A stream on a connection that an attempt got; it belongs to the connection. */
struct s2s_out *s2s_out_new(struct s2s_attempt *attempt, struct str local, struct str remote,
    struct conn *conn, const struct dns_target *target, const struct s2s_vouching *vouching);
/* The attempt lost interest: the stream closes. */
void s2s_out_abandon(struct s2s_out *out);
/* Ends a stream that is being negotiated; the attempt hears of it. condition: what is said on the wire, or
 * STREAM_CONDITIONS for nothing but the closing tag. */
void s2s_out_fail(struct s2s_out *out, enum stream_condition condition, enum stanza_condition bounce,
    bool final, const char *format, ...) __attribute__((format(printf, 5, 6)));
void s2s_out_step(struct s2s_out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The next answer must come within the usual time. */
void s2s_out_expect(struct s2s_out *out, enum s2s_out_state state, const char *late);
/* Our stream header, for a new stream. */
void s2s_out_header(struct s2s_out *out);

/* --- s2s_out_auth.c: from features to authentication ---------------------------------------------------- */

/* The other side's features, or none of a server without version. */
void s2s_out_negotiate(struct s2s_out *out);
/* TLS begins, and with it a new stream. alpn: with direct TLS (XEP-0368), else NULL. */
void s2s_out_start_tls(struct s2s_out *out, const char *alpn);
void s2s_out_secured(struct s2s_out *out);
/* An element of STARTTLS, SASL or dialback; false: it is none that is expected. */
bool s2s_out_auth_element(struct s2s_out *out, const struct xml *elem);

/* --- s2s_out_send.c: as the stream of a link ------------------------------------------------------------ */

extern const struct s2s_stream_ops s2s_out_stream_ops;
void s2s_out_carry(struct s2s_out *out, struct s2s_link *link);
void s2s_out_drained(struct s2s_out *out);
/* Stanzas that are not known to have arrived. */
size_t s2s_out_unacked(const struct s2s_out *out);
/* The connection is gone: what did not arrive goes back. */
void s2s_out_give_back(struct s2s_out *out);

/* --- s2s_out_mgmt.c: stream management, XEP-0198 -------------------------------------------------------- */

/* The stream carries a link from now on: resumes what the link has left, or begins anew. */
void s2s_out_mgmt_start(struct s2s_out *out);
/* An element of stream management; false: it is none. */
bool s2s_out_mgmt_element(struct s2s_out *out, const struct xml *elem);
/* The connection is gone: true when what was not acknowledged stays with the link for a stream that resumes
 * this one. Otherwise it is in out->sent. */
bool s2s_out_mgmt_keep(struct s2s_out *out, struct s2s_link *link);

/* --- s2s_out_slow.c ------------------------------------------------------------------------------------- */

/* The streams of this worker that also bring stanzas from the domain are not read for a moment. */
void s2s_out_slow(struct str remote);
/* This one is not, because too much that came by it is being handled. */
void s2s_out_slow_down(struct s2s_out *out);
void s2s_out_slow_fini(struct s2s_out *out);

/* --- dialback_check.c ----------------------------------------------------------------------------------- */

void s2s_out_verified(struct s2s_out *out, const struct xml *verify);
/* The stream is gone: its questions stay unanswered. */
void s2s_out_unverified(struct s2s_out *out);
/* Frees what is left of the calling worker, with its attempts. */
void s2s_verifiers_fini(void);

/* --- the whole worker ----------------------------------------------------------------------------------- */

extern const struct s2s_opener s2s_out_opener;
void s2s_out_describe(struct peer *peer, void (*each)(void *arg, const struct s2s_about *about), void *arg);
/* From now on nothing is opened any more, and what waits goes back. On a worker. */
void s2s_out_stop(void);
/* Closes the streams of domains that are not served any more. */
void s2s_out_close_gone(struct peer *peer);
