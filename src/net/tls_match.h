/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a certificate is made out for an XMPP server. RFC 6120 13.7.1.2, RFC 6125 6.4, XEP-0178. */
#pragma once

#include <openssl/x509.h>

#include "stanzad/err.h"
#include "stanzad/str.h"

/* What conn_peer_matches promises. */
int tls_match_server(const X509 *certificate, struct str domain, struct err *err);
/* The same for a host name that is no XMPP domain: DNS-IDs only. */
int tls_match_host(const X509 *certificate, struct str host, struct err *err);
/*
 * Whether pattern (a DNS-ID) stands for name (lower-case A-labels): equal, or "*." and all but name's first
 * label, of which two must be left.
 */
bool tls_match_dns(struct str pattern, const char *name);
