/* SPDX-License-Identifier: Apache-2.0 */
/* TLS connections: handshakes, data, STARTTLS, ALPN, channel bindings, client certificates. */
#include "test_net_tls.h"

enum { BIG = 1024 * 1024 };

static struct issued authority, server;
static struct tls_store *store;
static SSL_CTX *client_ctx;

static struct tls_context *context_with(const struct tls_options *options)
{
	struct err err;
	struct tls_context *context = tls_context_new(options, store, &err);

	if (!ok(context != NULL))
		printf("# %s\n", err.text);
	return context;
}

static void setup(void)
{
	struct str files[1];
	struct err err;

	directory_make();
	authority = issue("Test CA", NULL, NULL, true, false, 30);
	server = issue("localhost", "DNS:localhost,otherName:1.3.6.1.5.5.7.8.5;UTF8:localhost", &authority,
	    false, false, 20);
	write_pem("ca.pem", &authority, NULL, NULL);
	files[0] = str_of(write_pem("server.pem", &server, &authority, &server));
	store = tls_store_load(files, 1, &err);
	if (!store || tls_store_add_host(store, STR("localhost"), directory, &err) < 0)
		abort();
	client_ctx = SSL_CTX_new(TLS_client_method());
}

static void teardown(void)
{
	SSL_CTX_free(client_ctx);
	tls_store_unref(&store);
	issued_free(&server);
	issued_free(&authority);
	directory_remove();
}

static SSL *start(struct owner *owner, struct tls_context *context)
{
	owner_open(owner);
	conn_start_tls(owner->conn, context);
	return client_new(client_ctx, owner->peer);
}

static void echo(struct owner *owner, struct str bytes)
{
	conn_write(owner->conn, bytes);
}

static void compare_binding(struct conn *conn, enum conn_binding kind, const unsigned char *want, size_t len)
{
	unsigned char got[64];

	is_int(conn_channel_binding(conn, kind, got), len);
	ok(memcmp(got, want, len) == 0);
}

static void check_bindings(struct conn *conn, SSL *ssl)
{
	unsigned char want[64];
	unsigned len = 0;
	size_t finished;

	SSL_export_keying_material(
	    ssl, want, 32, "EXPORTER-Channel-Binding", 24, (const unsigned char *)"", 0, 1);
	compare_binding(conn, CONN_TLS_EXPORTER, want, 32);
	X509_digest(SSL_get0_peer_certificate(ssl), EVP_sha256(), want, &len);
	compare_binding(conn, CONN_TLS_SERVER_END_POINT, want, len);
	finished = SSL_get_finished(ssl, want, sizeof(want));
	compare_binding(conn, CONN_TLS_UNIQUE, want, finished);
}

static void handshake_with(int version, const char *name)
{
	struct tls_context *context = context_with(&(struct tls_options){0});
	struct owner owner;
	struct strbuf back = {0};
	SSL *ssl = start(&owner, context);

	SSL_set_min_proto_version(ssl, version);
	SSL_set_max_proto_version(ssl, version);
	SSL_set_tlsext_host_name(ssl, "localhost");
	owner.on_received = echo;
	ok(!conn_is_tls(owner.conn));
	ok(client_handshake(ssl));
	is_int(owner.secured, 1);
	ok(conn_is_tls(owner.conn));
	is_cstr(conn_tls_version(owner.conn), name);
	is_cstr(conn_tls_cipher(owner.conn), SSL_get_cipher_name(ssl));
	is_text(conn_tls_server_name(owner.conn), "localhost");
	ok(SSL_get0_peer_certificate(ssl) &&
	    X509_cmp(SSL_get0_peer_certificate(ssl), server.certificate) == 0);
	check_bindings(owner.conn, ssl);
	client_send(ssl, "hello", 5);
	client_read(ssl, &back, 5);
	is_text(strbuf_view(&back), "hello");
	ok(!SSL_session_reused(ssl));
	conn_close(owner.conn, 10000);
	turn_idle();
	client_read(ssl, &back, 6);
	is_int(SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
	is_int(owner.gone, 0);
	SSL_free(ssl);
	close(owner.peer);
	owner.peer = -1;
	ok(turn_until(owner.gone));
	is_cstr(owner.reason, "closed");
	strbuf_fini(&back);
	owner_close(&owner);
	tls_context_free(&context);
}

static void test_tls13(void)
{
	handshake_with(TLS1_3_VERSION, "TLSv1.3");
}

static void test_tls12(void)
{
	handshake_with(TLS1_2_VERSION, "TLSv1.2");
}

static void test_old_versions(void)
{
	struct tls_context *context = context_with(&(struct tls_options){0});
	struct owner owner;
	SSL *ssl = start(&owner, context);

	SSL_set_security_level(ssl, 0);
	SSL_set_cipher_list(ssl, "ALL:@SECLEVEL=0");
	SSL_set_min_proto_version(ssl, TLS1_VERSION);
	SSL_set_max_proto_version(ssl, TLS1_1_VERSION);
	ok(!client_handshake(ssl));
	ok(turn_until(owner.gone));
	ok(str_starts(str_of(owner.reason), "TLS handshake: "));
	is_int(owner.secured, 0);
	SSL_free(ssl);
	owner_close(&owner);
	tls_context_free(&context);
}

static void test_protocol_options(void)
{
	struct err err;
	struct tls_context *context = context_with(
	    &(struct tls_options){.protocol_options = STR("no_sslv3|cipher_server_preference | no_tlsv1_3")});
	struct owner owner;
	SSL *ssl = start(&owner, context);

	ok(client_handshake(ssl));
	is_cstr(conn_tls_version(owner.conn), "TLSv1.2");
	SSL_free(ssl);
	owner_close(&owner);
	tls_context_free(&context);
	ok(!tls_context_new(&(struct tls_options){.protocol_options = STR("no_tlsv9")}, store, &err));
	is_cstr(err.text, "'no_tlsv9' is no word of protocol_options");
	ok(!tls_context_new(
	    &(struct tls_options){.protocol_options = STR("no_tlsv1_2|no_tlsv1_3")}, store, &err));
	ok(!tls_context_new(&(struct tls_options){.ciphers = STR("NOSUCHCIPHER")}, store, &err));
	ok(!tls_context_new(&(struct tls_options){.dhfile = STR("/nonexistent")}, store, &err));
	ok(!tls_context_new(
	    &(struct tls_options){.cafile = STR("/nonexistent"), .verify = true}, store, &err));
}

static void test_ciphers(void)
{
	struct tls_context *context = context_with(&(struct tls_options){
	    .ciphers = STR("TLS_CHACHA20_POLY1305_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256:!aNULL")});
	struct owner owner;
	SSL *ssl = start(&owner, context);

	ok(client_handshake(ssl));
	is_cstr(conn_tls_cipher(owner.conn), "TLS_CHACHA20_POLY1305_SHA256");
	SSL_free(ssl);
	owner_close(&owner);
	ssl = start(&owner, context);
	SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
	ok(client_handshake(ssl));
	is_cstr(conn_tls_cipher(owner.conn), "ECDHE-ECDSA-AES128-GCM-SHA256");
	SSL_free(ssl);
	owner_close(&owner);
	tls_context_free(&context);
}

static void test_default_suite(void)
{
	struct tls_context *context = context_with(&(struct tls_options){0});
	struct owner owner;
	SSL *ssl = start(&owner, context);

	ok(client_handshake(ssl));
	is_cstr(conn_tls_cipher(owner.conn), "TLS_AES_128_GCM_SHA256");
	SSL_free(ssl);
	owner_close(&owner);
	ssl = start(&owner, context);
	SSL_set_ciphersuites(ssl, "TLS_AES_256_GCM_SHA384");
	ok(client_handshake(ssl));
	is_cstr(conn_tls_cipher(owner.conn), "TLS_AES_256_GCM_SHA384");
	SSL_free(ssl);
	owner_close(&owner);
	tls_context_free(&context);
}

static void test_big_both_ways(void)
{
	struct tls_context *context = context_with(&(struct tls_options){0});
	struct owner owner;
	struct strbuf back = {0};
	SSL *ssl = start(&owner, context);
	char *bytes = malloc(BIG);

	for (size_t i = 0; i < BIG; i++)
		bytes[i] = (char)(i * 13 + (i >> 10));
	ok(client_handshake(ssl));
	client_send(ssl, bytes, BIG);
	ok(turn_until(owner.got.len == BIG));
	ok(memcmp(owner.got.ptr, bytes, BIG) == 0);
	for (size_t at = 0; at < BIG; at += 1024)
		conn_write(owner.conn, (struct str){bytes + at, 1024});
	turn_idle();
	ok(conn_output(owner.conn) > 0);
	/* More behind a record that is stuck half way. */
	conn_write(owner.conn, STR("end"));
	client_read(ssl, &back, BIG + 3);
	is_int(back.len, BIG + 3);
	ok(memcmp(back.ptr, bytes, BIG) == 0);
	ok(str_ends(strbuf_view(&back), "end"));
	ok(turn_until(owner.drained));
	free(bytes);
	strbuf_fini(&back);
	SSL_free(ssl);
	owner_close(&owner);
	tls_context_free(&context);
}

/* Records that OpenSSL has read already raise no event: resume must look for them. */
static void test_pause(void)
{
	struct tls_context *context = context_with(&(struct tls_options){0});
	struct owner owner;
	SSL *ssl = start(&owner, context);

	ok(client_handshake(ssl));
	owner.use = 2;
	SSL_write(ssl, "abcd", 4);
	SSL_write(ssl, "efgh", 4);
	SSL_write(ssl, "ij", 2);
	turn_idle();
	is_text(strbuf_view(&owner.got), "ab");
	conn_resume(owner.conn);
	turn_idle();
	is_text(strbuf_view(&owner.got), "abcdef");
	conn_resume(owner.conn);
	turn_idle();
	is_text(strbuf_view(&owner.got), "abcdefghij");
	SSL_free(ssl);
	owner_close(&owner);
	tls_context_free(&context);
}

static struct tls_context *starttls_context;

static void starttls(struct owner *owner, struct str bytes)
{
	if (conn_is_tls(owner->conn))
		return;
	conn_write(owner->conn, STR("<proceed/>"));
	conn_start_tls(owner->conn, starttls_context);
}

static void test_starttls_drops_injected(void)
{
	static const char stream[] = "<starttls/><message>injected</message>";
	struct owner owner;
	struct strbuf back = {0};

	starttls_context = context_with(&(struct tls_options){0});
	owner_open(&owner);
	owner.on_received = starttls;
	owner.use = sizeof("<starttls/>") - 1;
	send(owner.peer, stream, sizeof(stream) - 1, 0);
	ok(turn_until(peer_read(owner.peer, &back) > 0));
	is_text(strbuf_view(&back), "<proceed/>");
	owner.use = 0;
	SSL *ssl = client_new(client_ctx, owner.peer);
	ok(client_handshake(ssl));
	ok(conn_is_tls(owner.conn));
	strbuf_reset(&owner.got);
	conn_resume(owner.conn);
	turn_idle();
	is_int(owner.got.len, 0);
	client_send(ssl, "<secret/>", 9);
	ok(turn_until(owner.got.len));
	is_text(strbuf_view(&owner.got), "<secret/>");
	SSL_free(ssl);
	strbuf_fini(&back);
	owner_close(&owner);
	tls_context_free(&starttls_context);
}

static void test_plain_text_instead(void)
{
	struct tls_context *context = context_with(&(struct tls_options){0});
	struct owner owner;

	owner_open(&owner);
	conn_start_tls(owner.conn, context);
	turn_idle();
	send(owner.peer, "<?xml version='1.0'?>", 21, 0);
	ok(turn_until(owner.gone));
	is_cstr(owner.reason, "TLS handshake: wrong version number");
	owner_close(&owner);
	owner_open(&owner);
	conn_start_tls(owner.conn, context);
	turn_idle();
	shutdown(owner.peer, SHUT_WR);
	ok(turn_until(owner.gone));
	ok(str_starts(str_of(owner.reason), "TLS handshake: "));
	owner_close(&owner);
	owner_open(&owner);
	conn_start_tls(owner.conn, context);
	turn_idle();
	conn_close(owner.conn, 1000);
	ok(turn_until(owner.gone));
	is_cstr(owner.reason, "closed during the TLS handshake");
	owner_close(&owner);
	tls_context_free(&context);
}

static bool alpn_with(struct tls_context *context, const char *protocols, struct strbuf *chosen)
{
	struct owner owner;
	SSL *ssl = start(&owner, context);
	const unsigned char *selected = NULL;
	unsigned len = 0;
	bool done;

	if (protocols)
		SSL_set_alpn_protos(ssl, (const unsigned char *)protocols, (unsigned)strlen(protocols));
	done = client_handshake(ssl);
	if (!done)
		is_int(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
	SSL_get0_alpn_selected(ssl, &selected, &len);
	strbuf_reset(chosen);
	strbuf_add(chosen, selected, len);
	SSL_free(ssl);
	owner_close(&owner);
	return done;
}

static void test_alpn(void)
{
	struct tls_context *context = context_with(&(struct tls_options){.alpn = "xmpp-client"});
	struct tls_context *without = context_with(&(struct tls_options){0});
	struct strbuf chosen = {0};

	ok(alpn_with(context, "\x0bxmpp-client", &chosen));
	is_text(strbuf_view(&chosen), "xmpp-client");
	ok(alpn_with(context, "\x02h2\x0bxmpp-client", &chosen));
	is_text(strbuf_view(&chosen), "xmpp-client");
	ok(!alpn_with(context, "\x02h2\x08http/1.1", &chosen));
	ok(alpn_with(context, NULL, &chosen));
	is_int(chosen.len, 0);
	ok(alpn_with(without, "\x02h2", &chosen));
	is_int(chosen.len, 0);
	strbuf_fini(&chosen);
	tls_context_free(&context);
	tls_context_free(&without);
}

static void on_identity(void *arg, const char *kind, struct str value)
{
	strbuf_printf(arg, "%s=%.*s ", kind, STR_FMT(value));
}

static unsigned identities_of(
    struct tls_context *context, const struct issued *client, struct strbuf *text, bool *verified_r)
{
	struct owner owner;
	SSL *ssl = start(&owner, context);
	unsigned count;

	if (client && !SSL_use_cert_and_key(ssl, client->certificate, client->key, NULL, 1))
		abort();
	ok(client_handshake(ssl));
	ok(turn_until(owner.secured));
	strbuf_reset(text);
	count = conn_peer_identities(owner.conn, on_identity, text);
	*verified_r = conn_peer_verified(owner.conn);
	SSL_free(ssl);
	owner_close(&owner);
	return count;
}

static void test_client_certificates(void)
{
	static const char names[] =
	    "otherName:1.3.6.1.5.5.7.8.5;UTF8:juliet@capulet.lit,DNS:capulet.lit,"
	    "otherName:1.3.6.1.5.5.7.8.7;IA5:_xmpp-server.capulet.lit,email:juliet@example.org";
	char cafile[128];
	snprintf(cafile, sizeof(cafile), "%s", file_name("ca.pem"));
	struct tls_context *context =
	    context_with(&(struct tls_options){.cafile = str_of(cafile), .verify = true});
	struct tls_context *silent = context_with(&(struct tls_options){0});
	struct issued trusted = issue("juliet", names, &authority, false, false, 5);
	struct issued stranger = issue("mercutio", names, NULL, false, false, 5);
	struct issued expired = issue("romeo", names, &authority, false, false, -1);
	struct strbuf text = {0};
	bool verified;

	is_int(identities_of(context, &trusted, &text, &verified), 3);
	ok(verified);
	is_text(strbuf_view(&text), "xmpp=juliet@capulet.lit dns=capulet.lit srv=_xmpp-server.capulet.lit ");
	is_int(identities_of(context, &stranger, &text, &verified), 0);
	ok(!verified);
	is_int(identities_of(context, &expired, &text, &verified), 0);
	ok(!verified);
	is_int(identities_of(context, NULL, &text, &verified), 0);
	ok(!verified);
	is_int(identities_of(silent, &trusted, &text, &verified), 0);
	ok(!verified);
	strbuf_fini(&text);
	issued_free(&trusted);
	issued_free(&stranger);
	issued_free(&expired);
	tls_context_free(&context);
	tls_context_free(&silent);
}

int main(void)
{
	start_worker();
	setup();
	run(test_tls13);
	run(test_tls12);
	run(test_old_versions);
	run(test_protocol_options);
	run(test_ciphers);
	run(test_default_suite);
	run(test_big_both_ways);
	run(test_pause);
	run(test_starttls_drops_injected);
	run(test_plain_text_instead);
	run(test_alpn);
	run(test_client_certificates);
	teardown();
	stop_worker();
	return tap_done();
}
