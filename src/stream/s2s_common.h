/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What streams from and to other servers share: what the options want, headers, features, what a certificate
 * is worth, stanzas that arrive. On the connection's worker unless said otherwise.
 */
#pragma once

#include "stanzad/stanza.h"
#include "stream/inbound.h"
#include "stream/peer.h"
#include "stream/s2s_stream.h"

struct conf;
struct dns_tlsa;

#define NS_DIALBACK "jabber:server:dialback"
#define NS_DIALBACK_FEATURE "urn:xmpp:features:dialback"
#define NS_BIDI "urn:xmpp:bidi"
#define NS_BIDI_FEATURE "urn:xmpp:features:bidi"
#define NS_S2S_SM "urn:xmpp:sm:3"

enum {
	S2S_STREAM_ID_LEN = 26,                   /* 130 random bits: RFC 6120 4.7.3 */
	S2S_UNAUTHENTICATED_MAX_BYTES = 64 * 1024 /* an element before the other server is known */
};

/* --- what the options want ------------------------------------------------------------------------------ */

/* s2s_use_starttls for a domain of ours. Each demands what is above it, and more. */
enum s2s_tls {
	S2S_TLS_NEVER,    /* false */
	S2S_TLS_OPTIONAL, /* optional, true: when the other side can */
	S2S_TLS_REQUIRED, /* required: without it there is no stream; any certificate will do for dialback */
	S2S_TLS_TRUSTED,  /* required_trusted: and the certificate must be good */
};
enum s2s_tls s2s_tls_wanted(const struct conf *conf, struct str local);
/* mod_s2s_dialback is there, and its access rule lets remote: dialback may vouch for remote, and for us
 * before it. */
bool s2s_dialback_allowed(const struct conf *conf, struct str local, struct str remote);
/* mod_s2s_bidi is there. */
bool s2s_bidi_wanted(const struct conf *conf, struct str local);
/* Whether text, as a peer wrote it, is that prepared domain. */
bool s2s_domain_is(struct str text, struct str domain);
/* A domain that is served here: a virtual host, a service, a component. */
bool s2s_is_local(struct str domain);

/* --- stream headers: RFC 6120 4.7 ----------------------------------------------------------------------- */

struct s2s_header {
	struct str from, to, id; /* ptr NULL: left out */
	struct str lang;         /* read: interned, or ptr NULL; written: left out when NULL */
	bool versioned;          /* version='1.0', or a later one */
	bool dialback;           /* read: xmlns:db was declared; written: always */
};
void s2s_header_write(struct strbuf *out, const struct s2s_header *header);
/* The other side's; its strings are views into root. False: it is none of jabber:server, and the stream was
 * failed. */
bool s2s_header_read(struct peer *peer, const struct xml *root, struct s2s_header *header_r);

/* --- features ------------------------------------------------------------------------------------------- */

struct s2s_features {
	bool starttls, starttls_required;
	bool external; /* among the SASL mechanisms */
	bool dialback, dialback_errors;
	bool bidi;
	bool sm;
};
/* features: <stream:features/>. */
void s2s_features_read(const struct xml *features, struct s2s_features *features_r);

/* --- certificates: RFC 6120 13.7, XEP-0178, RFC 7712 ---------------------------------------------------- */

enum s2s_certificate {
	S2S_CERTIFICATE_BAD,     /* not valid, not from a known authority, or not for the domain */
	S2S_CERTIFICATE_GOOD,    /* chain and names are right */
	S2S_CERTIFICATE_DANE,    /* a TLSA record vouches for it */
	S2S_CERTIFICATE_REFUSED, /* there are TLSA records, and it is none of theirs: RFC 7673 4 */
};

/* What the DNS said about the host that was connected to; zeroed for a connection that came in. */
struct s2s_vouching {
	const struct dns_tlsa *tlsa;
	unsigned tlsa_count;
	struct str host;
	bool host_is_secure; /* DNSSEC led from the domain to the host: its name will do, too */
};

/* The certificate of the other side, after TLS is on. why: for BAD and REFUSED. */
enum s2s_certificate s2s_certificate_check(
    const struct conn *conn, struct str domain, const struct s2s_vouching *vouching, struct err *why);

/* --- dialback on any stream ----------------------------------------------------------------------------- */

/* A dialback element of ours: <db:NAME from to [id] [type]>text</db:NAME>; a NULL ptr is left out. */
struct s2s_dialback {
	const char *name; /* "result", "verify" */
	struct str from, to, id, type, text;
	const char *condition; /* type error: the stanza error's element name */
};
void s2s_dialback_write(struct strbuf *out, const struct s2s_dialback *dialback);
/* Whether it is one, of that name. */
bool s2s_is_dialback(const struct xml *elem, const char *name);
/* Answers <db:verify/> without a type, as the authoritative server: XEP-0220 2.2.2. */
void s2s_verify_answer(struct peer *peer, const struct xml *verify);

/* --- stanzas that arrive -------------------------------------------------------------------------------- */

/* May stanzas from remote to local come by this stream? */
typedef bool s2s_authorized(void *arg, struct str local, struct str remote);
/*
 * Takes the tree over, made with stanza_head_room. A stanza from and to where authorized says it may is routed;
 * anything else fails the stream, as RFC 6120 8.1.1.2, 8.1.2.2 and 4.9.3 want it. lang: of the stream. inbound
 * counts it; NULL: nobody does.
 */
void s2s_receive(struct peer *peer, struct xml_tree *tree, struct str lang, struct inbound *inbound,
    s2s_authorized *authorized, void *arg);

/*
 * The stanza as it goes to another server: like stanza_write, where the default namespace is jabber:server.
 * What says itself that it is in jabber:client, but belongs to the stanza, goes along; what is quoted inside
 * of something else (XEP-0297) stays.
 */
void s2s_stanza_write(
    struct strbuf *out, const struct stanza *stanza, const struct jid *from, const struct jid *to);
