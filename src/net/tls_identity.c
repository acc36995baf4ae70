/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net/internal.h"
#include "net/tls_match.h"
#include "net/tls_names.h"

bool conn_peer_verified(const struct conn *conn)
{
	return conn_is_tls(conn) && SSL_get0_peer_certificate(conn->ssl) &&
	       SSL_get_verify_result(conn->ssl) == X509_V_OK;
}

bool conn_peer_shown(const struct conn *conn)
{
	return conn_is_tls(conn) && SSL_get0_peer_certificate(conn->ssl);
}

int conn_peer_chain(const struct conn *conn, struct err *err)
{
	if (!conn_peer_shown(conn))
		return err_set(err, "no certificate");
	long result = SSL_get_verify_result(conn->ssl);
	return result == X509_V_OK ? 0 : err_set(err, "%s", X509_verify_cert_error_string(result));
}

int conn_peer_matches(const struct conn *conn, struct str domain, struct err *err)
{
	X509 *certificate = conn_is_tls(conn) ? SSL_get0_peer_certificate(conn->ssl) : NULL;
	return certificate ? tls_match_server(certificate, domain, err) : err_set(err, "no certificate");
}

unsigned conn_peer_identities(
    const struct conn *conn, void (*each)(void *arg, const char *kind, struct str value), void *arg)
{
	return conn_peer_verified(conn) ? tls_names_each(SSL_get0_peer_certificate(conn->ssl), each, arg) : 0;
}

/* RFC 9266: an exporter is unique to the connection in 1.3, before only with the extended master secret. */
static size_t binding_exporter(SSL *ssl, unsigned char *out)
{
	static const char label[] = "EXPORTER-Channel-Binding";
	if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
		return 0;
	if (!out)
		return 32;
	if (!SSL_export_keying_material(
		ssl, out, 32, label, sizeof(label) - 1, (const unsigned char *)"", 0, 1))
		return 0;
	return 32;
}

/* RFC 5929 4.1: the certificate's own hash function, but never a weak one; none when its signature has none.
 */
static size_t binding_end_point(SSL *ssl, unsigned char *out)
{
	X509 *certificate = SSL_get_certificate(ssl);
	int hash = NID_undef;
	unsigned len = 0;
	if (!certificate || !OBJ_find_sigid_algs(X509_get_signature_nid(certificate), &hash, NULL))
		return 0;
	if (hash == NID_md5 || hash == NID_sha1)
		hash = NID_sha256;
	const EVP_MD *digest = EVP_get_digestbynid(hash);
	if (!digest || EVP_MD_get_size(digest) > 64)
		return 0;
	if (!out)
		return (size_t)EVP_MD_get_size(digest);
	return X509_digest(certificate, digest, out, &len) ? len : 0;
}

/*
 * RFC 5929 3.1: the first Finished message, which is the client's, since sessions are never resumed. It is
 * not defined for TLS 1.3, but clients whose TLS library knows no other binding take it there as well: it is
 * as unique.
 */
static size_t binding_unique(SSL *ssl, unsigned char *out)
{
	if (SSL_session_reused(ssl))
		return 0;
	unsigned char unused[64];
	size_t len = SSL_get_peer_finished(ssl, out ? out : unused, 64);
	return len <= 64 ? len : 0;
}

size_t conn_channel_binding(const struct conn *conn, enum conn_binding kind, unsigned char *out)
{
	size_t len = 0;
	if (!conn_is_tls(conn))
		return 0;
	if (kind == CONN_TLS_EXPORTER)
		len = binding_exporter(conn->ssl, out);
	else if (kind == CONN_TLS_SERVER_END_POINT)
		len = binding_end_point(conn->ssl, out);
	else
		len = binding_unique(conn->ssl, out);
	ERR_clear_error();
	return len;
}
