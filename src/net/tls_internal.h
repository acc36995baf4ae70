/* SPDX-License-Identifier: Apache-2.0 */
/* What the TLS files share: certificates by name, contexts, and asking OpenSSL for the reason of a failure.
 */
#pragma once

#include <openssl/ssl.h>

#include "base/map.h"
#include "net/tls.h"
#include "net/tls_names.h"

DEFINE_STACK_OF(EVP_PKEY)

/* The same name can have a certificate of each key type. */
enum { TLS_KEY_TYPES = 3, TLS_KEY_RSA = 0, TLS_KEY_EC, TLS_KEY_OTHER };

struct tls_certificate {
	X509 *leaf;
	EVP_PKEY *key;
	STACK_OF(X509) * chain; /* without the leaf and without the root */
	char *file;
	bool self_signed;
	struct tls_certificate *next;
};

struct tls_name {
	char *name; /* lower-case A-labels, "*.example.com" for a wildcard */
	const struct tls_certificate *certificates[TLS_KEY_TYPES];
};

/* All certificates of a configuration. Immutable once loaded; shared by the contexts made from it. */
struct tls_store {
	unsigned refs; /* atomic */
	struct tls_certificate *certificates;
	struct map names;                /* to struct tls_name */
	const struct tls_name *fallback; /* the first host's */
};

/* files: names or patterns. On failure NULL with a reason. One reference. */
struct tls_store *tls_store_load(const struct str *files, size_t count, struct err *err);
struct tls_store *tls_store_ref(struct tls_store *store);
void tls_store_unref(struct tls_store **store);
/* Makes sure that host has a certificate: one of its own in directory when none of the files names it. The
 * first host is the fallback. */
int tls_store_add_host(struct tls_store *store, struct str host, const char *directory, struct err *err);
/* Exact, then wildcard; NULL. name in any case, U-labels or A-labels. */
const struct tls_name *tls_store_find(const struct tls_store *store, struct str name);

/* tls_file.c: reads one PEM file: certificates and keys are pushed (caller frees what is in them). */
int tls_file_read(
    const char *path, STACK_OF(X509) * certificates, STACK_OF(EVP_PKEY) * keys, struct err *err);

/* tls_selfsigned.c: makes path (mode 0600) with a new key and certificate for host. */
int tls_selfsigned_write(const char *path, struct str host, struct err *err);

/* Who is at the other end. */
enum tls_role {
	TLS_FROM_CLIENTS, /* they connect to us */
	TLS_FROM_SERVERS, /* other servers connect to us */
	TLS_TO_SERVERS,   /* we connect to them */
};

struct tls_options {
	enum tls_role role;
	struct str ciphers;          /* OpenSSL's syntax; empty: its default, in 1.3 AES-128 first */
	struct str protocol_options; /* ejabberd's words, separated by '|' */
	struct str dhfile, cafile;   /* empty: none */
	bool verify;      /* of clients: ask for a certificate, accept none too; servers are always asked */
	const char *alpn; /* NULL: ALPN is ignored */
};

/* An SSL_CTX from options and certificates; NULL with a reason. */
SSL_CTX *tls_ssl_ctx_new(const struct tls_options *options, struct tls_store *store, struct err *err);
struct tls_context *tls_context_new(
    const struct tls_options *options, struct tls_store *store, struct err *err);
void tls_context_free(struct tls_context **context);
/* Takes the SSL_CTX over; handshakes from now on use it. */
void tls_context_swap(struct tls_context *context, SSL_CTX *ssl_ctx);
/* A new SSL for one connection. Any thread. */
SSL *tls_context_ssl(struct tls_context *context);

/* "what: OpenSSL's reason"; returns -1. Clears OpenSSL's error queue. */
int tls_err(struct err *err, const char *what);
