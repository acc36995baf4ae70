/* SPDX-License-Identifier: Apache-2.0 */
/* TLS between servers: both ends are ours. What a certificate is worth: its chain, its names, DANE. */
#include <openssl/sha.h>

#include "conf_load.h"
#include "net/dns.h"
#include "net/tls_match.h"
#include "test_net_tls.h"

static struct issued authority;
static struct tls_store *local, *remote;
static struct tls_context *to_servers, *from_servers;

/* One connection, and what each end's owner learned. */
static struct owner near, far;

static struct tls_store *store_of(const struct issued *issued, const char *file, const char *host)
{
	struct err err;
	struct str files[] = {str_of(write_pem(file, issued, NULL, issued))};
	struct tls_store *store = tls_store_load(files, 1, &err);

	if (!store || tls_store_add_host(store, str_of(host), directory, &err) < 0)
		abort();
	return store;
}

static struct tls_context *context_with(
    enum tls_role role, struct tls_store *store, const char *ca, const char *protocol_options)
{
	struct err err;
	struct tls_options options = {.role = role,
	    .cafile = str_of(ca),
	    .protocol_options = str_of(protocol_options),
	    .alpn = role == TLS_FROM_SERVERS ? "xmpp-server" : NULL};
	struct tls_context *context = tls_context_new(&options, store, &err);

	if (!context) {
		printf("# %s\n", err.text);
		abort();
	}
	return context;
}

static void setup(void)
{
	char ca[128];

	directory_make();
	authority = issue("Test CA", NULL, NULL, true, false, 30);
	snprintf(ca, sizeof(ca), "%s", write_pem("ca.pem", &authority, NULL, NULL));
	struct issued capulet = issue("capulet.example", "DNS:capulet.example", &authority, false, false, 20);
	struct issued montague = issue(
	    "montague.example", "DNS:montague.example,DNS:*.montague.example", &authority, false, false, 20);
	local = store_of(&capulet, "capulet.pem", "capulet.example");
	remote = store_of(&montague, "montague.pem", "montague.example");
	to_servers = context_with(TLS_TO_SERVERS, local, ca, "");
	from_servers = context_with(TLS_FROM_SERVERS, remote, ca, "");
	issued_free(&capulet);
	issued_free(&montague);
}

static void teardown(void)
{
	tls_context_free(&to_servers);
	tls_context_free(&from_servers);
	tls_store_unref(&local);
	tls_store_unref(&remote);
	issued_free(&authority);
	directory_remove();
}

static void pair_open(void)
{
	owner_open(&near);
	far = (struct owner){.peer = -1, .conn = conn_new(near.peer, NULL)};
	near.peer = -1;
	conn_set_owner(far.conn, &owner_ops, &far);
}

static void pair_close(void)
{
	owner_close(&near);
	owner_close(&far);
}

static bool shake(
    struct tls_context *client, struct tls_context *server, const char *domain, const char *alpn)
{
	pair_open();
	conn_set_tls_name(near.conn, STR("capulet.example"));
	conn_start_tls_client(near.conn, client, str_of(domain), alpn);
	conn_start_tls(far.conn, server);
	turn_until((near.secured && far.secured) || near.gone || far.gone);
	return near.secured && far.secured && near.conn && far.conn;
}

static const char *chain_of(const struct owner *owner)
{
	static struct err err;

	return conn_peer_chain(owner->conn, &err) < 0 ? err.text : "ok";
}

static void test_both_ways(void)
{
	struct err err;

	ok(shake(to_servers, from_servers, "Montague.example", "xmpp-server"));
	is_cstr(conn_tls_version(near.conn), "TLSv1.3");
	is_text(conn_tls_server_name(far.conn), "montague.example");
	is_cstr(chain_of(&near), "ok");
	is_cstr(chain_of(&far), "ok");
	ok(conn_peer_verified(near.conn) && conn_peer_verified(far.conn));
	is_int(conn_peer_matches(near.conn, STR("montague.example"), &err), 0);
	is_int(conn_peer_matches(near.conn, STR("chat.montague.example"), &err), 0);
	is_int(conn_peer_matches(near.conn, STR("capulet.example"), &err), -1);
	is_cstr(err.text,
	    "the certificate is not for capulet.example but for montague.example, *.montague.example");
	is_int(conn_peer_matches(far.conn, STR("capulet.example"), &err), 0);
	is_int(conn_peer_matches(far.conn, STR("montague.example"), &err), -1);
	conn_write(near.conn, STR("from the client"));
	conn_write(far.conn, STR("from the server"));
	ok(turn_until(near.got.len && far.got.len));
	is_text(strbuf_view(&far.got), "from the client");
	is_text(strbuf_view(&near.got), "from the server");
	conn_close(near.conn, 1000);
	ok(turn_until(far.ended));
	pair_close();
}

static void test_older_tls(void)
{
	struct tls_context *old = context_with(TLS_TO_SERVERS, local, file_name("ca.pem"), "no_tlsv1_3");
	struct tls_context *new = context_with(TLS_FROM_SERVERS, remote, file_name("ca.pem"), "no_tlsv1_2");

	ok(shake(old, from_servers, "montague.example", NULL));
	is_cstr(conn_tls_version(near.conn), "TLSv1.2");
	is_cstr(chain_of(&near), "ok");
	is_cstr(chain_of(&far), "ok");
	pair_close();
	ok(!shake(old, new, "montague.example", NULL));
	pair_close();
	tls_context_free(&old);
	tls_context_free(&new);
}

static void test_protocol_and_name(void)
{
	/* The server wants xmpp-server when anything is offered. */
	ok(!shake(to_servers, from_servers, "montague.example", "xmpp-client"));
	pair_close();
	ok(shake(to_servers, from_servers, "montague.example", NULL));
	pair_close();
	ok(shake(to_servers, from_servers, "127.0.0.1", NULL));
	is_int(conn_tls_server_name(far.conn).len, 0);
	pair_close();
	ok(shake(to_servers, from_servers, "[2001:db8::1]", NULL));
	is_int(conn_tls_server_name(far.conn).len, 0);
	pair_close();
	ok(shake(to_servers, from_servers, "b\u00fccher.example", NULL));
	is_text(conn_tls_server_name(far.conn), "xn--bcher-kva.example");
	pair_close();
}

/* A local host that has no certificate shows none. */
static void test_no_certificate(void)
{
	struct err err;

	pair_open();
	conn_set_tls_name(near.conn, STR("other.example"));
	conn_start_tls_client(near.conn, to_servers, STR("montague.example"), NULL);
	conn_start_tls(far.conn, from_servers);
	ok(turn_until(near.secured && far.secured));
	is_cstr(chain_of(&far), "no certificate");
	ok(!conn_peer_verified(far.conn));
	is_int(conn_peer_matches(far.conn, STR("capulet.example"), &err), -1);
	is_cstr(err.text, "no certificate");
	is_int(conn_peer_dane(far.conn, NULL, 0, STR("a"), STR("a"), &err), -1);
	pair_close();
	owner_open(&near);
	is_int(conn_peer_chain(near.conn, &err), -1);
	is_int(conn_peer_matches(near.conn, STR("capulet.example"), &err), -1);
	owner_close(&near);
}

/* What the server end thinks of a client's certificate. */
static const char *chain_with(const struct issued *issued)
{
	static char text[128];
	struct tls_store *store = store_of(issued, "client.pem", "capulet.example");
	struct tls_context *context = context_with(TLS_TO_SERVERS, store, file_name("ca.pem"), "");

	ok(shake(context, from_servers, "montague.example", NULL));
	snprintf(text, sizeof(text), "%s", chain_of(&far));
	pair_close();
	tls_context_free(&context);
	tls_store_unref(&store);
	return text;
}

static const char *chain_for_purpose(const char *usage)
{
	struct issued issued = issue("x", "DNS:capulet.example", &authority, false, false, 20);

	add_extension(issued.certificate, NID_ext_key_usage, usage);
	X509_sign(issued.certificate, authority.key, EVP_sha256());
	const char *text = chain_with(&issued);
	issued_free(&issued);
	return text;
}

static void test_chains(void)
{
	struct issued alone = issue("x", "DNS:capulet.example", NULL, false, false, 20);
	struct issued expired = issue("x", "DNS:capulet.example", &authority, false, false, -1);
	struct issued foreign_authority = issue("Other CA", NULL, NULL, true, false, 30);
	struct issued foreign = issue("x", "DNS:capulet.example", &foreign_authority, false, false, 20);

	is_cstr(chain_with(&alone), "self-signed certificate");
	is_cstr(chain_with(&expired), "certificate has expired");
	is_cstr(chain_with(&foreign), "unable to verify the first certificate");
	is_cstr(chain_for_purpose("serverAuth"), "ok");
	is_cstr(chain_for_purpose("clientAuth"), "ok");
	is_cstr(chain_for_purpose("serverAuth,clientAuth"), "ok");
	is_cstr(chain_for_purpose("codeSigning"), "unsuitable certificate purpose");
	issued_free(&alone);
	issued_free(&expired);
	issued_free(&foreign);
	issued_free(&foreign_authority);
}

/* The handshake fails in the defined way on the client's side, too. */
static void test_failing(void)
{
	pair_open();
	conn_start_tls_client(near.conn, to_servers, STR("montague.example"), NULL);
	conn_write(far.conn, STR("HTTP/1.0 400 Bad Request\r\n\r\n"));
	ok(turn_until(near.gone));
	is_cstr(near.reason, "TLS handshake: wrong version number");
	pair_close();
	pair_open();
	conn_start_tls_client(near.conn, to_servers, STR("montague.example"), NULL);
	turn_idle();
	conn_abort(far.conn, "test");
	ok(turn_until(near.gone));
	ok(!near.secured);
	pair_close();
	/* Ours gone while it shakes hands. */
	pair_open();
	conn_start_tls_client(near.conn, to_servers, STR("montague.example"), NULL);
	turn_idle();
	conn_abort(near.conn, "given up");
	ok(turn_until(near.gone));
	is_cstr(near.reason, "given up");
	pair_close();
	pair_open();
	conn_abort(near.conn, "before");
	conn_start_tls_client(near.conn, to_servers, STR("montague.example"), NULL);
	ok(turn_until(near.gone));
	pair_close();
}

static void test_wildcards(void)
{
	static const struct {
		const char *pattern, *name;
		bool match;
	} rows[] = {
	    {"example.com", "example.com", true},
	    {"EXAMPLE.com", "example.com", true},
	    {"example.com.", "example.com", true},
	    {"example.com", "a.example.com", false},
	    {"a.example.com", "example.com", false},
	    {"*.example.com", "a.example.com", true},
	    {"*.example.com", "xn--bcher-kva.example.com", true},
	    {"*.example.com", "example.com", false},
	    {"*.example.com", "b.a.example.com", false},
	    {"*.example.com", ".example.com", false},
	    {"*a.example.com", "ba.example.com", false},
	    {"a*.example.com", "ab.example.com", false},
	    {"xn--*.example.com", "xn--bcher-kva.example.com", false},
	    {"a.*.example.com", "a.b.example.com", false},
	    {"*.*.com", "a.example.com", false},
	    {"*", "com", false},
	    {"*.com", "example.com", false},
	    {"*.", "example", false},
	    {"**.example.com", "a.example.com", false},
	    {"", "example.com", false},
	    {"b\u00fccher.example", "xn--bcher-kva.example", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!is_int(tls_match_dns(str_of(rows[i].pattern), rows[i].name), rows[i].match))
			printf("# %s %s\n", rows[i].pattern, rows[i].name);
}

#define XMPP "otherName:1.3.6.1.5.5.7.8.5;UTF8:"
#define SRV "otherName:1.3.6.1.5.5.7.8.7;IA5:"

static void test_names(void)
{
	static const struct {
		const char *names, *domain;
		bool match;
	} rows[] = {
	    {"DNS:example.com", "example.com", true}, {"DNS:other.com,DNS:example.com", "example.com", true},
	    {"DNS:other.com", "example.com", false},
	    {"DNS:xn--bcher-kva.example", "b\u00fccher.example", true},
	    {"DNS:*.example.com", "a.example.com", true}, {XMPP "example.com", "example.com", true},
	    {XMPP "Example.COM", "example.com", true},
	    {XMPP "xn--bcher-kva.example", "b\u00fccher.example", true},
	    {XMPP "juliet@example.com", "example.com", false}, {XMPP "example.com/x", "example.com", false},
	    {XMPP "*.example.com", "a.example.com", false},
	    {SRV "_xmpp-server.example.com", "example.com", true},
	    {SRV "_XMPP-Server.example.com", "example.com", true},
	    {SRV "_xmpp-client.example.com", "example.com", false},
	    {SRV "_xmpp-server.*.example.com", "a.example.com", false},
	    {SRV "_xmpp-server", "example.com", false}, {SRV "example.com", "example.com", false},
	    {"email:example.com", "example.com", false}, {"URI:xmpp:example.com", "example.com", false},
	    {"IP:192.0.2.1", "192.0.2.1", true}, {"IP:192.0.2.2", "192.0.2.1", false},
	    {"DNS:192.0.2.1", "192.0.2.1", false}, {"IP:2001:db8::1", "[2001:db8::1]", true},
	    {NULL, "example.com", false}, /* the common name */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct issued issued = issue("example.com", rows[i].names, &authority, false, false, 20);
		struct err err;

		if (!is_int(tls_match_server(issued.certificate, str_of(rows[i].domain), &err) == 0,
			rows[i].match))
			printf("# %s for %s\n", rows[i].names, rows[i].domain);
		issued_free(&issued);
	}
}

/* The error is shown to people: no bytes that mean something to a terminal. */
static void test_unprintable(void)
{
	struct issued issued = issue("x", XMPP "a\x1b[31mb", &authority, false, false, 20);
	struct err err;

	is_int(tls_match_server(issued.certificate, STR("example.com"), &err), -1);
	is_cstr(err.text, "the certificate is not for example.com but for a?[31mb");
	is_int(tls_match_host(issued.certificate, STR(""), &err), -1);
	issued_free(&issued);
}

static struct dns_tlsa record(
    const struct issued *issued, unsigned usage, unsigned selector, unsigned matching)
{
	struct dns_tlsa tlsa = {(uint8_t)usage, (uint8_t)selector, (uint8_t)matching, 0, NULL};
	unsigned char *bytes = NULL;
	int len = selector ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(issued->certificate), &bytes)
			   : i2d_X509(issued->certificate, &bytes);

	tlsa.bytes = malloc((size_t)len + 64);
	if (matching == 0)
		memcpy(tlsa.bytes, bytes, (size_t)len);
	tlsa.len = (uint16_t)(matching == 0 ? len : matching == 1 ? 32 : 64);
	if (matching == 1)
		SHA256(bytes, (size_t)len, tlsa.bytes);
	if (matching == 2)
		SHA512(bytes, (size_t)len, tlsa.bytes);
	OPENSSL_free(bytes);
	return tlsa;
}

/* Connects to a server that has that certificate, and asks what the record says. */
static const char *dane(
    const struct issued *server, const struct issued *chain, struct dns_tlsa tlsa, const char *host)
{
	static const char *const hosts[] = {"montague.example", "h.example", "stranger.example"};
	static struct err err;
	struct str files[] = {str_of(write_pem("dane.pem", server, chain, server))};
	struct tls_store *store = tls_store_load(files, 1, &err);

	/* The first host has it that the certificate names, so that it is shown for others, too. */
	for (unsigned i = 0; store && i < 3; i++)
		if (tls_store_find(store, str_of(hosts[i])))
			tls_store_add_host(store, str_of(hosts[i]), directory, &err);
	if (!store || !store->fallback)
		abort();
	struct tls_context *context = context_with(TLS_FROM_SERVERS, store, file_name("ca.pem"), "");
	ok(shake(to_servers, context, "montague.example", NULL));
	int rc = conn_peer_dane(near.conn, &tlsa, 1, str_of(host), STR("montague.example"), &err);
	pair_close();
	tls_context_free(&context);
	tls_store_unref(&store);
	free(tlsa.bytes);
	return rc < 0 ? err.text : rc > 0 ? "unusable" : "ok";
}

static void test_dane_of_the_certificate(void)
{
	struct issued alone = issue("x", "DNS:montague.example", NULL, false, false, 20);
	struct issued expired = issue("x", "DNS:montague.example", NULL, false, false, -1);
	struct issued other = issue("x", "DNS:montague.example", NULL, false, false, 20);
	struct dns_tlsa broken = record(&alone, 3, 1, 1), unknown = record(&alone, 3, 1, 1);

	for (unsigned selector = 0; selector < 2; selector++)
		for (unsigned matching = 0; matching < 3; matching++)
			is_cstr(dane(&alone, NULL, record(&alone, 3, selector, matching), "h.example"), "ok");
	is_cstr(dane(&expired, NULL, record(&expired, 3, 1, 1), "h.example"), "ok");
	is_cstr(dane(&other, NULL, record(&alone, 3, 1, 1), "h.example"), "no matching DANE TLSA records");
	broken.len = 31;
	is_cstr(dane(&alone, NULL, broken, "h.example"), "unusable");
	unknown.usage = 77;
	is_cstr(dane(&alone, NULL, unknown, "h.example"), "unusable");
	issued_free(&alone);
	issued_free(&expired);
	issued_free(&other);
}

static void test_dane_of_the_authority(void)
{
	struct issued apex = issue("Apex", NULL, NULL, true, false, 30);
	struct issued root = issue("Own CA", NULL, &apex, true, false, 30);
	struct issued named = issue("x", "DNS:montague.example", &root, false, false, 20);
	struct issued hosted = issue("x", "DNS:h.example", &root, false, false, 20);
	struct issued stranger = issue("x", "DNS:stranger.example", &root, false, false, 20);
	struct issued expired = issue("x", "DNS:montague.example", &root, false, false, -1);
	struct issued public = issue("x", "DNS:montague.example", &authority, false, false, 20);

	is_cstr(dane(&named, &root, record(&root, 2, 0, 1), "h.example"), "ok");
	is_cstr(dane(&named, &root, record(&root, 2, 1, 2), "h.example"), "ok");
	is_cstr(dane(&hosted, &root, record(&root, 2, 0, 1), "h.example"), "ok");
	is_cstr(dane(&stranger, &root, record(&root, 2, 0, 1), "h.example"),
	    "the certificate is not for montague.example but for stranger.example");
	is_cstr(dane(&expired, &root, record(&root, 2, 0, 1), "h.example"), "certificate has expired");
	is_cstr(
	    dane(&named, &root, record(&authority, 2, 0, 1), "h.example"), "no matching DANE TLSA records");
	/* Usage 1 wants a trusted chain as well. */
	is_cstr(dane(&public, NULL, record(&public, 1, 1, 1), "h.example"), "ok");
	ok(strcmp(dane(&named, &root, record(&named, 1, 1, 1), "h.example"), "ok") != 0);
	issued_free(&apex);
	issued_free(&root);
	issued_free(&named);
	issued_free(&hosted);
	issued_free(&stranger);
	issued_free(&expired);
	issued_free(&public);
}

static struct conf *conf_with(const char *rest)
{
	struct strbuf text = {0};

	strbuf_printf(&text,
	    "hosts: [montague.example, capulet.example]\ncertfiles: [%s/montague.pem, %s/capulet.pem]\n"
	    "ca_file: %s/ca.pem\nlisten: [{port: 5269, module: ejabberd_s2s_in}]\n%s",
	    directory, directory, directory, rest);
	struct conf *conf = must_load(text.ptr);
	strbuf_fini(&text);
	return conf;
}

static void shakes_with(struct tls_context *client, struct tls_context *server)
{
	ok(shake(client, server, "montague.example", "xmpp-server"));
	is_cstr(chain_of(&near), "ok");
	is_cstr(chain_of(&far), "ok");
	pair_close();
}

/* From options: one context for equal ones, and a reload reaches those that are held. */
static void test_contexts(void)
{
	struct conf *conf =
	    conf_with("host_config: {montague.example: {s2s_ciphers: [ECDHE-ECDSA-AES256-GCM-SHA384]}}\n");
	struct conf *strict = conf_with("s2s_protocol_options: [no_tlsv1_3]\n");
	struct conf *broken = conf_with("s2s_ciphers: [NOTHING]\n");
	struct err err;

	is_int(tls_apply(conf, directory, &err), 0);
	struct tls_context *client = tls_outgoing_context_get(conf, STR("capulet.example"), &err);
	struct tls_context *other = tls_outgoing_context_get(conf, STR("montague.example"), &err);
	struct tls_context *server = tls_context_get(conf, conf_listener_at(conf, 0), "xmpp-server", &err);
	ok(client && other && server && client != other && client != server);
	ok(client == tls_outgoing_context_get(conf, STR("capulet.example"), &err));
	ok(server == tls_context_get(conf, conf_listener_at(conf, 0), "xmpp-server", &err));
	shakes_with(client, server);
	is_int(tls_apply(conf, directory, &err), 0);
	shakes_with(client, server);
	struct tls_context *old = tls_context_get(strict, conf_listener_at(strict, 0), "xmpp-server", &err);
	ok(old && old != server);
	ok(shake(client, old, "montague.example", "xmpp-server"));
	is_cstr(conn_tls_version(near.conn), "TLSv1.2");
	pair_close();
	ok(tls_outgoing_context_get(broken, STR("capulet.example"), &err) == NULL);
	is_cstr(err.text, "ciphers: no cipher match");
	ok(tls_context_get(broken, conf_listener_at(broken, 0), NULL, &err) == NULL);
	tls_fini();
	conf_unref(&conf);
	conf_unref(&strict);
	conf_unref(&broken);
}

int main(void)
{
	start_worker();
	setup();
	run(test_both_ways);
	run(test_older_tls);
	run(test_protocol_and_name);
	run(test_no_certificate);
	run(test_chains);
	run(test_failing);
	run(test_wildcards);
	run(test_names);
	run(test_unprintable);
	run(test_dane_of_the_certificate);
	run(test_dane_of_the_authority);
	run(test_contexts);
	teardown();
	stop_worker();
	return tap_done();
}
