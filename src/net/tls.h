/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS contexts: one per set of options, certificates chosen by SNI from certfiles, hot-swapped on reload.
 * TLS 1.2 and 1.3 only, whatever the options say (RFC 8996); no compression, renegotiation, tickets or
 * session cache. Only src/net includes openssl/ssl.h.
 */
#pragma once

#include "conf/conf.h"
#include "stanzad/err.h"

struct tls_context;

/*
 * Loads every certificate and key that conf's certfiles names, checks that they belong together, builds the
 * store by name (subjectAltName dNSName, xmppAddr and SRVName, wildcards). Where a served host has none, a
 * self-signed ECDSA P-256 certificate is made once in DATA_DIR/certs and used. Clients that name no host, or
 * an unknown one, get the certificate of conn_set_tls_name, else of the first host. Connections that are open
 * keep what they have. < 0 and nothing changed on failure. Worker 0.
 */
int tls_apply(const struct conf *conf, const char *data_dir, struct err *err);
/* After the last connection. */
void tls_fini(void);
/*
 * For a listener's options (ciphers, protocol_options, dhfile, cafile, tls_verify); as in ejabberd, a top-
 * level c2s_ option of the same purpose counts instead when it is given, or an s2s_ one for
 * ejabberd_s2s_in. A client certificate is asked for, but not required, with tls_verify or a cafile, and
 * always by ejabberd_s2s_in, where it may be of any kind (conn_peer_chain, conn_peer_matches,
 * conn_peer_dane say what it is worth); the CAs are those of the cafile, else of ca_file, else the
 * system's. alpn (static storage): the protocol that a client must have among those it offers, if it offers
 * any; NULL: not looked at. After tls_apply; the context is cached, refreshed by tls_apply, and borrowed
 * until tls_fini. NULL with a reason. Any worker.
 */
struct tls_context *tls_context_get(
    const struct conf *conf, const struct conf_listener *listener, const char *alpn, struct err *err);
/*
 * For connections from a local host to other servers: s2s_ciphers, s2s_protocol_options, s2s_dhfile,
 * s2s_cafile (else ca_file, else the system's) as they are for that host; the certificate is that of
 * conn_set_tls_name, shown when the other asks for it. No handshake fails for a certificate: afterwards see
 * conn_peer_chain, conn_peer_matches, conn_peer_dane. Cached, refreshed and borrowed like the above. Any
 * worker.
 */
struct tls_context *tls_outgoing_context_get(const struct conf *conf, struct str host, struct err *err);
/* The certificate that each served host uses. not_after_s: seconds since 1970. Any thread;
 * each must not call back. */
void tls_each_certificate(
    void (*each)(void *arg, struct str host, const char *file, int64_t not_after_s, bool self_signed),
    void *arg);
