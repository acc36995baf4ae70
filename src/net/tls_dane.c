/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "net/dns.h"
#include "net/internal.h"
#include "net/tls_match.h"

enum { DANE_EE = 3 }; /* RFC 7218 2.1 */

/* How many of the records OpenSSL understands. */
static unsigned add_records(SSL *ssl, const struct dns_tlsa *records, size_t count)
{
	unsigned added = 0;
	for (size_t i = 0; i < count; i++)
		if (SSL_dane_tlsa_add(ssl, records[i].usage, records[i].selector, records[i].matching,
			records[i].bytes, records[i].len) > 0)
			added++;
	return added;
}

/*
 * The same check that a handshake does, with the chain that the handshake brought. ssl carries the records.
 */
static int verify(SSL *ssl, const SSL *peer, X509 *leaf, struct err *err)
{
	X509_STORE_CTX *store = X509_STORE_CTX_new();
	int rc = -1;
	if (!store || !X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)), leaf,
			  SSL_get_peer_cert_chain(peer)))
		abort();
	X509_STORE_CTX_set_default(store, "ssl_server");
	X509_STORE_CTX_set0_dane(store, SSL_get0_dane(ssl));
	if (X509_verify_cert(store) == 1)
		rc = 0;
	else
		err_set(err, "%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
	X509_STORE_CTX_free(store);
	return rc;
}

/* RFC 7671 5.1: a record for the very certificate or key vouches for all of it. */
static int check_names(SSL *ssl, X509 *leaf, struct str host, struct str domain, struct err *err)
{
	uint8_t usage = 0, selector, matching;
	const unsigned char *bytes;
	size_t len;
	if (SSL_get0_dane_tlsa(ssl, &usage, &selector, &matching, &bytes, &len) < 0)
		return err_set(err, "no TLSA record matches");
	if (usage == DANE_EE || tls_match_host(leaf, host, NULL) == 0)
		return 0;
	return tls_match_server(leaf, domain, err);
}

int conn_peer_dane(const struct conn *conn, const struct dns_tlsa *records, size_t count, struct str host,
    struct str domain, struct err *err)
{
	X509 *leaf = conn_is_tls(conn) ? SSL_get0_peer_certificate(conn->ssl) : NULL;
	if (!leaf)
		return err_set(err, "no certificate");
	SSL *ssl = SSL_new(SSL_get_SSL_CTX(conn->ssl));
	if (!ssl)
		abort();
	int rc = 1;
	if (SSL_dane_enable(ssl, NULL) > 0 && add_records(ssl, records, count) > 0) {
		rc = verify(ssl, conn->ssl, leaf, err);
		if (rc == 0)
			rc = check_names(ssl, leaf, host, domain, err);
	}
	SSL_free(ssl);
	ERR_clear_error();
	return rc;
}
