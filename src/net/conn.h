/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection: TCP or Unix socket, with or without TLS, bytes in and bytes out, never blocking.
 *
 * Reading uses one large buffer per worker, so an idle connection owns none; output collects in pooled chunks
 * and goes out once per turn of the loop, in one write. A connection belongs to one worker and can be moved
 * to another. Every function here is for the connection's worker, from conn_new or accepted until gone or
 * conn_move.
 */
#pragma once

#include <stdint.h>
#include <sys/socket.h>

#include "stanzad/err.h"
#include "stanzad/str.h"

struct conn;
struct dns_tlsa;
struct tls_context;
struct worker;

/* What a stream does with its connection. owner is what conn_set_owner said. On the connection's worker. Any
 * but received and gone may be NULL; an ended that is NULL aborts the connection. */
struct conn_ops {
	/*
	 * Bytes arrived (decrypted); valid for the call. May write, pause, start TLS, move, close. Returns
	 * how many bytes it used. Fewer only after conn_pause or conn_move: the rest is presented again after
	 * conn_resume, or on the other worker. What is left after conn_start_tls, conn_close or conn_abort is
	 * dropped.
	 */
	size_t (*received)(void *owner, const char *bytes, size_t len);
	/* The TLS handshake that conn_start_tls began (or a direct TLS listener's) is complete. */
	void (*secured)(void *owner);
	/* The peer ended its direction (TCP FIN or close_notify); output still works. */
	void (*ended)(void *owner);
	/* The output queue fell below the low mark after conn_output had been over the high one. */
	void (*drained)(void *owner);
	/* Everything that was queued has been handed to the socket. */
	void (*emptied)(void *owner);
	/* The socket takes nothing more for now. Only to take note: nothing may be done to the connection. */
	void (*blocked)(void *owner);
	/* It is gone, for whatever reason ("closed", "reset by peer", a TLS error): last call. The conn is
	 * freed after it. */
	void (*gone)(void *owner, const char *reason);
};

enum {
	CONN_OUTPUT_HIGH = 64 * 1024, /* bytes; above it a sender should be held back until drained */
	CONN_OUTPUT_LOW = 16 * 1024,
};

/*
 * Takes over a connected stream socket on the calling worker (accepted here by listeners; by others for
 * control sockets and tests). peer NULL: what the kernel says. Set the owner at once; input is presented from
 * the loop only.
 */
struct conn *conn_new(int fd, const struct sockaddr *peer);
void conn_set_owner(struct conn *conn, const struct conn_ops *ops, void *owner);

/* Queues bytes; they leave at the end of this turn of the loop. Never fails: a broken connection reports
 * gone. */
void conn_write(struct conn *conn, struct str bytes);
/* Room for len bytes at the end of the output queue, to be filled at once, then conn_wrote(written <= len).
 */
char *conn_reserve(struct conn *conn, size_t len);
void conn_wrote(struct conn *conn, size_t written);
/* Bytes that wait to be sent. */
size_t conn_output(const struct conn *conn);
/* Bytes wait because the socket takes none at present. */
bool conn_blocked(const struct conn *conn);
/*
 * How long (ms) the socket has taken nothing although bytes wait, and the peer has taken nothing from the
 * socket, as far as can be told: progress is noticed from one call to the next. 0 when the socket takes them
 * or the queue is empty.
 */
uint64_t conn_stalled_ms(struct conn *conn);

/* No more received calls until resume; counted. Meanwhile a peer that goes away is noticed only by writing.
 */
void conn_pause(struct conn *conn);
void conn_resume(struct conn *conn);
/* At most rate bytes per second are read (0: no limit), burst at once: reading pauses, nothing is lost. */
void conn_set_shaper(struct conn *conn, int64_t rate, int64_t burst);

/* Sends what is queued, then TLS close_notify and FIN, waits up to linger_ms for both, then gone. No received
 * calls. */
void conn_close(struct conn *conn, unsigned linger_ms);
/* At once. gone is called from the loop, never from within this call. */
void conn_abort(struct conn *conn, const char *reason);

/*
 * Server side of STARTTLS, after the <proceed/> was queued: output so far goes out in the clear first;
 * nothing may be written until secured. Input that was read in the clear, but not used yet, is dropped: a
 * client may not send anything between <starttls/> and <proceed/>, and bytes that an attacker put there must
 * not be taken for the client's once the stream is encrypted (RFC 6120 5.4.3.3).
 */
void conn_start_tls(struct conn *conn, struct tls_context *context);
/*
 * The host whose certificate is used: of conn_start_tls when the client names none by SNI (the stream
 * header's 'to'), of conn_start_tls_client always (the stream header's 'from'). Before either.
 */
void conn_set_tls_name(struct conn *conn, struct str host);
/*
 * Client side of STARTTLS after <proceed/>, or at once after connecting (direct TLS); context is one of
 * tls_outgoing_context_get. domain is whose server it must be: it goes into SNI as A-labels, unless it is an
 * address. alpn: "xmpp-server" with direct TLS (XEP-0368 4), else NULL. Otherwise as conn_start_tls.
 */
void conn_start_tls_client(
    struct conn *conn, struct tls_context *context, struct str domain, const char *alpn);
/* The handshake is complete. */
bool conn_is_tls(const struct conn *conn);
/* tls-exporter (1.3, or 1.2 with extended master secret), tls-server-end-point, tls-unique (1.2 only) into
 * out (64 bytes at least); returns the length, 0 when there is none. out NULL: only the length. RFC 9266, RFC
 * 5929. */
enum conn_binding { CONN_TLS_EXPORTER, CONN_TLS_SERVER_END_POINT, CONN_TLS_UNIQUE };
size_t conn_channel_binding(const struct conn *conn, enum conn_binding kind, unsigned char *out);
/* "TLSv1.3", "TLS_AES_256_GCM_SHA384"; NULL without TLS. The server name that the client asked for, or empty.
 */
const char *conn_tls_version(const struct conn *conn);
const char *conn_tls_cipher(const struct conn *conn);
struct str conn_tls_server_name(const struct conn *conn);
/*
 * The client's certificate: calls each for every id-on-xmppAddr (kind "xmpp"), SRVName ("srv"), dNSName
 * ("dns") of a certificate that verified against the trust store. Returns how many; 0 also without a
 * certificate or when it did not verify. XEP-0178, RFC 6125.
 */
unsigned conn_peer_identities(
    const struct conn *conn, void (*each)(void *arg, const char *kind, struct str value), void *arg);
bool conn_peer_verified(const struct conn *conn);
/* There is a certificate, of whatever worth. */
bool conn_peer_shown(const struct conn *conn);
/*
 * The other server's certificate, on either side of the connection, once secured. Three separate questions;
 * XMPP accepts it when the first and the second are answered with yes, or the third.
 *
 * Whether its chain leads to a trusted authority, is valid now, and so on: < 0 with the reason when it is
 * not, or when there is no certificate.
 */
int conn_peer_chain(const struct conn *conn, struct err *err);
/*
 * Whether it was made out for domain, a prepared JID domain: id-on-xmppAddr, SRV-ID _xmpp-server, DNS-ID,
 * where a left-most label may be "*"; for an address the iPAddress. The common name does not count. Says
 * nothing about who made it out. RFC 6120 13.7.1, RFC 6125 6.4, XEP-0178. < 0 with the names that it does
 * have. A target that DNSSEC vouches for (dns_target.secure) may be asked about in place of the domain: RFC
 * 7712 5.1.
 */
int conn_peer_matches(const struct conn *conn, struct str domain, struct err *err);
/*
 * Whether a DANE record says that this is the right one: RFC 7671, RFC 7673. host is the target that the
 * records belong to; with usage 2 (and 0, 1) the certificate must name host or domain, with usage 3 the
 * record is enough. < 0 with the reason, 0 it matches, > 0 none of the records is of a known kind: as if
 * there were none.
 */
int conn_peer_dane(const struct conn *conn, const struct dns_tlsa *records, size_t count, struct str host,
    struct str domain, struct err *err);

/* The peer; after a PROXY header the address that it names. An IPv4-mapped address is AF_INET; AF_UNIX has no
 * path. */
const struct sockaddr *conn_peer(const struct conn *conn);
/* "192.0.2.1" or "unix"; NUL-terminated, until the thread asks again. */
struct str conn_peer_text(const struct conn *conn);
unsigned conn_peer_port(const struct conn *conn);

/*
 * Moves it to another worker: from now on no call on this worker, by nobody; moved(owner) is the first one
 * there. Output and unread input come along. Only when no TLS handshake is under way and it is not closing.
 */
void conn_move(struct conn *conn, struct worker *worker, void (*moved)(void *owner));

/* It can be moved as far as its end goes: it is neither gone, closing nor on the way. */
bool conn_is_open(const struct conn *conn);

/* Bytes on the wire without the TLS framing. */
struct conn_counts {
	uint64_t bytes_in, bytes_out;
};
struct conn_counts conn_traffic(const struct conn *conn);

/* After workers_fini: gives back what the workers pooled. */
void conn_pools_fini(void);
