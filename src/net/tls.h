/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS server contexts: one per set of options, certificates chosen by SNI from certfiles, hot-swapped on reload. Only
 * src/net includes openssl/ssl.h.
 */
#pragma once

#include "conf/conf.h"
#include "stanzad/err.h"

struct tls_context;

/* Loads every certificate and key that conf's certfiles names, checks that they belong together, builds the store by name
 * (subjectAltName dNSName and xmppAddr, wildcards). Where a served host has none, a self-signed ECDSA P-256 certificate in
 * DATA_DIR/certs is made once and used. < 0 and nothing changed on failure. Worker 0. */
int tls_apply(const struct conf *conf, const char *data_dir, struct err *err);
void tls_fini(void);
/* For a listener's options (ciphers, protocol_options, dhfile, cafile, tls_verify) over the global c2s_ ones. The context is
 * cached and refreshed by tls_apply; borrowed. NULL with a reason. */
struct tls_context *tls_context_get(const struct conf *conf, const struct conf_listener *listener, const char *alpn,
    struct err *err);
/* Names without a certificate that a CA signed, for a warning: calls each. */
void tls_each_certificate(void (*each)(void *arg, struct str host, const char *file, int64_t not_after_s, bool self_signed),
    void *arg);
