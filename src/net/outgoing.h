/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to another domain's server: finds its hosts (net/dns.h), tries them in order, the addresses
 * of each in a race, and hands out the first connection that comes about. An owner for whom that one is of
 * no use (the stream or TLS failed) asks for the next host's.  out = outgoing_open(from, domain, &ops, me);
 * connected:  conn_set_owner(conn, ...); direct_tls? conn_start_tls_client(...) : <stream:stream ...> it
 * works:   outgoing_close(&out), the connection stays; it does not: outgoing_next(out, "why") failed:
 * give up; out is gone  Everything here is for the worker that opens it. Calls come from the loop, never
 * from inside a function of this file.
 */
#pragma once

#include "net/dns.h"

struct conn;
struct outgoing;

enum outgoing_failure {
	OUTGOING_NOT_FOUND,   /* no such domain, or an address instead of one: <remote-server-not-found/> */
	OUTGOING_REFUSED,     /* the domain says that it has no XMPP server: <remote-server-not-found/> */
	OUTGOING_DNS,         /* the DNS has no answer, or a wrong one: <remote-server-timeout/> */
	OUTGOING_UNREACHABLE, /* none of its hosts can be reached, or was of use: <remote-server-timeout/> */
};

struct outgoing_ops {
	/*
	 * A connection, the receiver's from now on; its owner is to be set in this call. target is valid
	 * until outgoing_next or outgoing_close, which may be called from here.
	 */
	void (*connected)(void *owner, struct conn *conn, const struct dns_target *target);
	/* There is nothing left to try. Last call; the outgoing is freed. */
	void (*failed)(void *owner, enum outgoing_failure failure, const char *reason);
	/*
	 * May be NULL. What is being done, one line each: for a person who wants to know why it does not
	 * work. It may not call anything of this file.
	 */
	void (*step)(void *owner, const char *text);
};

/*
 * from is the local host that it is for: its options count (outgoing_s2s_*, s2s_dns_*,
 * s2s_allow_literal_addresses), as they are now. domain is a prepared JID domain. outgoing_s2s_timeout
 * bounds the time of connecting, to all hosts together, each of which gets its share; questions to the DNS
 * have limits of their own (s2s_dns_timeout, s2s_dns_retries), and the time that the owner has a connection
 * does not count.
 */
struct outgoing *outgoing_open(
    struct str from, struct str domain, const struct outgoing_ops *ops, void *owner);
/*
 * The connection that was handed out is of no use: on with the next host. The owner ends the connection
 * itself.
 */
void outgoing_next(struct outgoing *outgoing, const char *why);
/* At any time: no call comes after it. A connection that was handed out stays. *outgoing may be NULL. */
void outgoing_close(struct outgoing **outgoing);
/* The TLSA records of the host that the connection handed out last goes to; for conn_peer_dane. Valid until
 * outgoing_next or outgoing_close. */
const struct dns_tlsa *outgoing_tlsa(const struct outgoing *outgoing, unsigned *count_r);
