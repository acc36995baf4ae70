/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/internal.h"
#include "net/tls_internal.h"

static void start(struct conn *conn, struct tls_context *context)
{
	assert(conn->tls_state == CONN_TLS_NONE);
	conn->ssl = tls_context_ssl(context);
	BIO *bio = conn_bio_new(conn);
	SSL_set_bio(conn->ssl, bio, bio);
	SSL_set_app_data(conn->ssl, conn->tls_name);
	conn->tls_state = CONN_TLS_DUE;
	free(conn->in);
	conn->in = NULL;
	conn->in_len = 0;
	conn_schedule(conn);
}

void conn_start_tls(struct conn *conn, struct tls_context *context)
{
	if (conn->state != CONN_OPEN)
		return;
	start(conn, context);
	SSL_set_accept_state(conn->ssl);
}

/* RFC 6066 3: an address is no server name. */
static void set_server_name(SSL *ssl, struct str domain)
{
	char name[256];
	unsigned char address[16];
	if (tls_name_normal(domain, name) && name[0] != '[' && inet_pton(AF_INET, name, address) != 1)
		SSL_set_tlsext_host_name(ssl, name);
}

void conn_start_tls_client(
    struct conn *conn, struct tls_context *context, struct str domain, const char *alpn)
{
	unsigned char protocols[256];
	size_t len = alpn ? strlen(alpn) : 0;
	if (conn->state != CONN_OPEN)
		return;
	start(conn, context);
	SSL_set_connect_state(conn->ssl);
	set_server_name(conn->ssl, domain);
	if (len == 0)
		return;
	assert(len < sizeof(protocols));
	protocols[0] = (unsigned char)len;
	memcpy(protocols + 1, alpn, len);
	SSL_set_alpn_protos(conn->ssl, protocols, (unsigned)len + 1);
}

void conn_set_tls_name(struct conn *conn, struct str host)
{
	assert(conn->tls_state == CONN_TLS_NONE);
	free(conn->tls_name);
	conn->tls_name = str_dup(host);
}

bool conn_is_tls(const struct conn *conn)
{
	return conn->tls_state == CONN_TLS_SECURE;
}

/* What an earlier call left would be taken for this one's. */
static void forget_errors(void)
{
	if (ERR_peek_error())
		ERR_clear_error();
}

static void tls_fail(struct conn *conn, const char *what)
{
	char reason[160];
	unsigned long code = ERR_peek_error();
	const char *text = code ? ERR_reason_error_string(code) : NULL;
	snprintf(reason, sizeof(reason), "%s: %s", what, text ? text : "connection closed");
	ERR_clear_error();
	conn->tls_broken = true;
	conn_fail(conn, reason);
}

/* What OpenSSL wants after a call that did not get through: CONN_AGAIN, 0 at the end, or CONN_FAILED. */
static ssize_t tls_outcome(struct conn *conn, int rc, int error, const char *what)
{
	switch (SSL_get_error(conn->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		conn->tls_wants_write = false;
		return CONN_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		conn->tls_wants_write = true;
		return CONN_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		conn->tls_broken = true;
		if (error)
			conn_fail_errno(conn, what, error);
		else
			tls_fail(conn, what);
		return CONN_FAILED;
	default:
		tls_fail(conn, what);
		return CONN_FAILED;
	}
}

static void handshake_done(struct conn *conn)
{
	conn->tls_state = CONN_TLS_SECURE;
	conn->tls_wants_write = false;
	SSL_set_app_data(conn->ssl, NULL);
	free(conn->tls_name);
	conn->tls_name = NULL;
	conn->input_due = true;
	conn_schedule(conn);
	if (conn->ops->secured)
		conn->ops->secured(conn->owner);
}

void conn_tls_handshake(struct conn *conn)
{
	forget_errors();
	errno = 0;
	int rc = SSL_do_handshake(conn->ssl);
	int error = errno;
	if (rc == 1)
		handshake_done(conn);
	else if (tls_outcome(conn, rc, error, "TLS handshake") == 0)
		tls_fail(conn, "TLS handshake");
}

void conn_tls_begin(struct conn *conn)
{
	conn->tls_state = CONN_TLS_HANDSHAKE;
	/* A client speaks first. */
	if (!SSL_is_server(conn->ssl))
		conn_tls_handshake(conn);
}

ssize_t conn_tls_recv(struct conn *conn, char *bytes, size_t room)
{
	forget_errors();
	errno = 0;
	int rc = SSL_read(conn->ssl, bytes, (int)room);
	if (rc > 0) {
		conn->tls_wants_write = false;
		return rc;
	}
	return tls_outcome(conn, rc, errno, "TLS");
}

bool conn_tls_pending(const struct conn *conn)
{
	return SSL_has_pending(conn->ssl);
}

/* The bytes of the next record: small chunks are put together, since each record is a system call and 22
 * bytes or more. */
static const char *next_record(struct conn *conn, size_t *len_r)
{
	struct chunk *chunk = conn->out_first;
	size_t len = chunk->end - chunk->start;
	if (!chunk->next || len >= NET_RECORD_SIZE) {
		*len_r = len < NET_RECORD_SIZE ? len : NET_RECORD_SIZE;
		return chunk->bytes + chunk->start;
	}
	char *record = net_worker()->record;
	*len_r = 0;
	for (; chunk && *len_r < NET_RECORD_SIZE; chunk = chunk->next) {
		len = chunk->end - chunk->start;
		if (len > NET_RECORD_SIZE - *len_r)
			len = NET_RECORD_SIZE - *len_r;
		memcpy(record + *len_r, chunk->bytes + chunk->start, len);
		*len_r += len;
	}
	return record;
}

void conn_tls_flush(struct conn *conn)
{
	bool progress = false;
	while (conn->out_bytes) {
		size_t len;
		const char *bytes = next_record(conn, &len);
		forget_errors();
		errno = 0;
		int rc = SSL_write(conn->ssl, bytes, (int)len);
		if (rc <= 0) {
			bool wants_write = conn->tls_wants_write;
			ssize_t outcome = tls_outcome(conn, rc, errno, "TLS");
			conn->tls_wants_write = wants_write;
			if (outcome == 0)
				conn_fail(conn, "closed by peer");
			else if (outcome == CONN_AGAIN)
				conn_output_blocked(conn, progress);
			return;
		}
		progress = true;
		conn_output_sent(conn, (size_t)rc);
	}
	conn->blocked_ms = 0;
}

void conn_tls_shutdown(struct conn *conn)
{
	if (conn->tls_state != CONN_TLS_SECURE || conn->tls_broken)
		return;
	forget_errors();
	SSL_shutdown(conn->ssl);
	forget_errors();
}

void conn_tls_fini(struct conn *conn)
{
	SSL_free(conn->ssl);
	conn->ssl = NULL;
	free(conn->tls_name);
	conn->tls_name = NULL;
}

const char *conn_tls_version(const struct conn *conn)
{
	return conn_is_tls(conn) ? SSL_get_version(conn->ssl) : NULL;
}

const char *conn_tls_cipher(const struct conn *conn)
{
	return conn_is_tls(conn) ? SSL_get_cipher_name(conn->ssl) : NULL;
}

struct str conn_tls_server_name(const struct conn *conn)
{
	return conn_is_tls(conn) ? str_of(SSL_get_servername(conn->ssl, TLSEXT_NAMETYPE_host_name))
				 : STR_NULL;
}
