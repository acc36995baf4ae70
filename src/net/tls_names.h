/* SPDX-License-Identifier: Apache-2.0 */
/* The names that a certificate gives its owner. RFC 6120 13.7.1, RFC 6125, XEP-0178. */
#pragma once

#include <openssl/x509.h>

#include "stanzad/str.h"

typedef void tls_name_each(void *arg, const char *kind, struct str value);

/* Calls each for every dNSName ("dns"), id-on-xmppAddr ("xmpp") and SRVName ("srv"); returns how many. Names
 * that hold a NUL are passed over. */
unsigned tls_names_each(const X509 *certificate, tls_name_each *each, void *arg);
/* The first common name as tls_name_normal gives it: for certificates without any of the above. */
bool tls_common_name(const X509 *certificate, char out[256]);
/* Lower-case A-labels in out; false when it is no domain name. */
bool tls_name_normal(struct str name, char out[256]);
