/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made on the spot, and a TLS client on the other end of an owner's socket. */
#pragma once

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "net/tls_internal.h"
#include "test_net.h"

static char directory[64];

static inline void directory_make(void)
{
	snprintf(directory, sizeof(directory), "/tmp/stanzad-test-XXXXXX");
	if (!mkdtemp(directory))
		abort();
}

static inline void directory_remove(void)
{
	struct strbuf command = {0};

	strbuf_printf(&command, "rm -rf '%s'", directory);
	if (system(command.ptr) != 0)
		abort();
	strbuf_fini(&command);
}

/* In the test's directory; valid until the next call but one. */
static inline const char *file_name(const char *name)
{
	static char paths[2][128];
	static unsigned turn;
	char *path = paths[turn++ % 2];

	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

struct issued {
	X509 *certificate;
	EVP_PKEY *key;
};

static inline void add_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	if (!extension)
		abort();
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

/* names: OpenSSL's syntax for subjectAltName, or NULL. issuer NULL: self-signed. rsa: else P-256. */
static inline struct issued issue(
    const char *common_name, const char *names, const struct issued *issuer, bool ca, bool rsa, long days)
{
	static long serial = 1;
	struct issued made = {X509_new(), rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256")};
	X509 *certificate = made.certificate;

	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -20 * 86400);
	X509_gmtime_adj(X509_getm_notAfter(certificate), days * 86400);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
	    (const unsigned char *)common_name, -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(issuer ? issuer->certificate : certificate));
	X509_set_pubkey(certificate, made.key);
	add_extension(certificate, NID_basic_constraints, ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	if (names)
		add_extension(certificate, NID_subject_alt_name, names);
	X509_sign(certificate, issuer ? issuer->key : made.key, EVP_sha256());
	return made;
}

static inline void issued_free(struct issued *issued)
{
	X509_free(issued->certificate);
	EVP_PKEY_free(issued->key);
}

/* Any of them may be NULL. */
static inline const char *write_pem(
    const char *name, const struct issued *certificate, const struct issued *chain, const struct issued *key)
{
	const char *path = file_name(name);
	FILE *file = fopen(path, "w");

	if (certificate)
		PEM_write_X509(file, certificate->certificate);
	if (chain)
		PEM_write_X509(file, chain->certificate);
	if (key)
		PEM_write_PrivateKey(file, key->key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	return path;
}

/* Takes the client's handshake and the worker's turns until it ends; true when it succeeded. */
static inline bool client_handshake(SSL *ssl)
{
	int rc = 0;

	while (in_time()) {
		ERR_clear_error();
		rc = SSL_do_handshake(ssl);
		if (rc == 1 || (SSL_get_error(ssl, rc) != SSL_ERROR_WANT_READ &&
				   SSL_get_error(ssl, rc) != SSL_ERROR_WANT_WRITE))
			break;
		worker_turn();
	}
	turn_idle();
	return rc == 1;
}

static inline SSL *client_new(SSL_CTX *ctx, int fd)
{
	SSL *ssl = SSL_new(ctx);

	SSL_set_fd(ssl, fd);
	SSL_set_connect_state(ssl);
	return ssl;
}

/* Sends all of it, and turns the loop meanwhile. */
static inline void client_send(SSL *ssl, const char *bytes, size_t len)
{
	while (len && in_time()) {
		int n = SSL_write(ssl, bytes, len > 100000 ? 100000 : (int)len);
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
		}
		worker_turn();
	}
}

/* Reads until there are len bytes in all, or the end. */
static inline void client_read(SSL *ssl, struct strbuf *into, size_t len)
{
	while (into->len < len && in_time()) {
		char *room = strbuf_reserve(into, 16384);
		int n = SSL_read(ssl, room, 16384);
		if (n > 0)
			into->len += (size_t)n;
		else if (SSL_get_error(ssl, n) != SSL_ERROR_WANT_READ)
			return;
		worker_turn();
	}
}
