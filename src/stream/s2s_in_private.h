/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of a stream that another server opened, for the files s2s_in*.c. All of it belongs to the worker
 * that the connection is on.
 *
 * A stream carries pairs: a domain of ours and one of theirs. Each is authenticated for itself, by the
 * certificate or by dialback, and only an authenticated pair lets stanzas through. With XEP-0288 a pair may
 * carry ours, too: then it is the stream of the pair's link (route/s2s.h).
 */
#pragma once

#include "conf/conf.h"
#include "route/s2s.h"
#include "stream/s2s_common.h"
#include "stream/s2s_in.h"
#include "stream/s2s_mgmt.h"

enum {
	S2S_IN_PAIRS_MAX = 100,   /* on one stream */
	S2S_IN_CHECKS_MAX = 10,   /* dialback questions that are out for one stream */
	S2S_IN_FAILURES_MAX = 20, /* then the stream ends */
};

struct s2s_pair {
	struct s2s_in *in;
	struct s2s_pair *next;
	struct list slow;                       /* authenticated ones of the worker, s2s_in_slow.c */
	enum s2s_authentication authentication; /* S2S_AUTH_NONE: dialback asks */
	struct dialback_check *check;
	struct s2s_link *link; /* that this stream carries */
	bool by_sasl;
	struct str local, remote;
	char text[];
};

struct s2s_in {
	struct peer peer;
	struct conf *conf; /* of the time when it connected */
	const struct conf_listener *listener;
	struct str local, remote; /* of the stream header, heap; remote: ptr NULL when it did not say */
	struct str lang;          /* interned */
	char id[S2S_STREAM_ID_LEN + 1];
	bool secure, versioned;
	bool greeted;    /* our header of this connection was answered with theirs once */
	bool external;   /* the certificate is good for remote */
	bool challenged; /* <challenge/> is out */
	bool logged_in;  /* by SASL EXTERNAL */
	bool bidi;       /* asked for */
	bool slowed;
	enum s2s_certificate certificate; /* for remote; with secure */
	unsigned failures, checks;
	unsigned pair_count, valid_count; /* all; authenticated */
	struct s2s_pair *pairs;
	struct s2s_in_dane *dane; /* looks for TLSA records; the header is not answered yet */
	struct s2s_pair *held; /* not freed when the stream closes: on the way to its home, or being answered */
	uint64_t since_ms, active_ms, slow_free_ms;
	struct timer idle, slow_timer;
	/* s2s_in_send.c, s2s_in_mgmt.c */
	bool full;              /* a link was told no */
	struct s2s_queue sent;  /* before stream management or without it: not known to have arrived, in order */
	struct s2s_mgmt *mgmt;  /* XEP-0198; NULL */
	struct {
		char *id; /* heap; NULL: <resume/> is not being answered */
		uint32_t h;
		uint64_t since_ms;
		struct timer timer;
	} resume;
};

/* --- s2s_in.c --- */
/* Something that was refused; logged. False: it was one too many, and the stream was failed. */
bool s2s_in_refused(struct s2s_in *in, const char *what, struct str local, struct str remote, const char *why);
/* A stanza or request of a pair came or went: it is not idle. */
void s2s_in_active(struct s2s_in *in);
struct str s2s_in_dup(struct str s);
static inline struct str s2s_in_shown(struct str s)
{
	return s.ptr ? s : STR("");
}
/* What an element may be, before any pair is authenticated and after. */
struct xml_limits s2s_in_limits(const struct s2s_in *in, bool authenticated);

/* --- s2s_in_header.c --- */
void s2s_in_header(struct peer *peer, const struct xml *root);
void s2s_in_send_header(struct peer *peer);
/* in->certificate is settled: the answer goes out. */
void s2s_in_header_judged(struct s2s_in *in);

/* --- s2s_in_auth.c --- */
/* Whether the certificate that was shown is good for the domain; why it is not. */
enum s2s_certificate s2s_in_certificate(struct s2s_in *in, struct str remote, struct err *why);
/* TLS is demanded, and is not on. */
bool s2s_in_tls_due(const struct s2s_in *in);
/* STARTTLS, SASL, bidi; false: it is none of these. */
bool s2s_in_auth_element(struct s2s_in *in, const struct xml *elem);
void s2s_in_external_succeeded(struct s2s_in *in);

/* --- s2s_in_dane.c --- */
/* Asks the DNS about the certificate that was shown, then s2s_in_header_judged. */
void s2s_in_dane_start(struct s2s_in *in);
void s2s_in_dane_cancel(struct s2s_in *in);

/* --- s2s_in_dialback.c --- */
/* <db:result/> and <db:verify/>; false: it is neither. */
bool s2s_in_dialback_element(struct s2s_in *in, const struct xml *elem);
/* Does not ask any more. */
void s2s_in_uncheck(struct s2s_pair *pair);
void s2s_in_dialback_answer(struct s2s_in *in, const struct s2s_pair *pair, const char *type);

/* --- s2s_in_pair.c --- */
struct s2s_pair *s2s_pair_find(const struct s2s_in *in, struct str local, struct str remote);
/* Without authentication; the caller looked at S2S_IN_PAIRS_MAX. */
struct s2s_pair *s2s_pair_new(struct s2s_in *in, struct str local, struct str remote);
void s2s_pair_free(struct s2s_pair *pair);
/* It is proven: goes to the pair's home first when our stanzas want to go over it, then answers and lets
 * stanzas pass. */
void s2s_pair_authenticated(struct s2s_pair *pair, enum s2s_authentication authentication);
/* Our stanzas of the pair may go over this stream from now on. */
void s2s_pair_offer(struct s2s_pair *pair);

/* --- s2s_in_send.c --- */
void s2s_in_drained(struct peer *peer);
/* Something of ours arrived. */
void s2s_in_got_through(struct s2s_in *in);
/* Stanzas that are not known to have arrived. */
size_t s2s_in_unacked(const struct s2s_in *in);
/* The connection is gone: what certainly did not arrive goes back to the links, or waits to be resumed. */
void s2s_in_give_back(struct s2s_in *in);
extern const struct s2s_stream_ops s2s_in_stream_ops;

/* --- s2s_in_mgmt.c: XEP-0198 --- */
/* An element of stream management; false: it is none. */
bool s2s_in_mgmt_element(struct s2s_in *in, const struct xml *elem);
/* The stream ends: a <resume/> is not answered any more. */
void s2s_in_mgmt_end(struct s2s_in *in);
/* The connection is gone, or another stream takes its place: the management is kept to be resumed. What is not
 * kept in it is in in->sent. */
void s2s_in_mgmt_leave(struct s2s_in *in);

/* --- s2s_in_slow.c --- */
void s2s_in_slow_init(void);
/* It is not read for a moment, because too much that came by it is being handled. */
void s2s_in_slow_down(struct s2s_in *in);
/* Among those that can be slowed down, or not any more. */
void s2s_in_slow_add(struct s2s_pair *pair);
/* The stream is gone. */
void s2s_in_slow_fini(struct s2s_in *in);
