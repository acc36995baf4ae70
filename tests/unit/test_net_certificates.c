/* SPDX-License-Identifier: Apache-2.0 */
/* Loading certificates, finding them by name, making self-signed ones, choosing by SNI. */
#include <sys/stat.h>

#include "test_net_tls.h"

static struct err err;

static struct tls_store *load(const char *a, const char *b, const char *c)
{
	struct str files[3] = {str_of(a), str_of(b), str_of(c)};
	size_t count = c ? 3 : b ? 2 : 1;
	struct strbuf full[3] = {{0}};

	for (size_t i = 0; i < count; i++) {
		strbuf_printf(&full[i], "%s/%.*s", directory, STR_FMT(files[i]));
		files[i] = strbuf_view(&full[i]);
	}
	err.text[0] = 0;
	struct tls_store *store = tls_store_load(files, count, &err);
	for (size_t i = 0; i < count; i++)
		strbuf_fini(&full[i]);
	return store;
}

static bool found(const struct tls_store *store, const char *name, const struct issued *want)
{
	const struct tls_name *at = tls_store_find(store, str_of(name));

	for (unsigned type = 0; at && want && type < TLS_KEY_TYPES; type++)
		if (at->certificates[type] && X509_cmp(at->certificates[type]->leaf, want->certificate) == 0)
			return true;
	return !at && !want;
}

static void test_names(void)
{
	struct issued plain =
	    issue("ignored.example", "DNS:Example.COM,DNS:xn--bcher-kva.example", NULL, false, false, 9);
	struct issued wild = issue("w", "DNS:*.example.com", NULL, false, false, 9);
	struct issued xmpp = issue("x",
	    "otherName:1.3.6.1.5.5.7.8.5;UTF8:im.example.net,"
	    "otherName:1.3.6.1.5.5.7.8.7;IA5:_xmpp-client.srv.example.net,"
	    "otherName:1.3.6.1.5.5.7.8.5;UTF8:user@mail.example.net",
	    NULL, false, false, 9);
	struct issued old = issue("old.example", NULL, NULL, false, false, 9);

	write_pem("1.pem", &plain, NULL, &plain);
	write_pem("2.pem", &wild, NULL, &wild);
	write_pem("3.pem", &xmpp, NULL, &xmpp);
	write_pem("4.pem", &old, NULL, &old);
	struct tls_store *store = load("[1-4].pem", NULL, NULL);
	if (!ok(store != NULL))
		printf("# %s\n", err.text);
	ok(found(store, "example.com", &plain));
	ok(found(store, "EXAMPLE.com.", &plain));
	ok(found(store,
	    "b\xc3\xbc"
	    "cher.example",
	    &plain));
	ok(found(store, "conference.example.com", &wild));
	ok(found(store, "a.conference.example.com", NULL));
	ok(found(store, "im.example.net", &xmpp));
	ok(found(store, "srv.example.net", &xmpp));
	ok(found(store, "mail.example.net", NULL));
	ok(found(store, "old.example", &old));
	ok(found(store, "ignored.example", NULL));
	ok(found(store, "", NULL));
	tls_store_unref(&store);
	issued_free(&plain);
	issued_free(&wild);
	issued_free(&xmpp);
	issued_free(&old);
}

static void test_pieces_in_any_order(void)
{
	struct issued root = issue("root", NULL, NULL, true, false, 30);
	struct issued middle = issue("middle", NULL, &root, true, false, 30);
	struct issued leaf = issue("leaf.example", "DNS:leaf.example", &middle, false, true, 30);
	struct issued other = issue("leaf.example", "DNS:leaf.example", &middle, false, false, 30);

	write_pem("keys.pem", NULL, NULL, &leaf);
	write_pem("a.pem", &root, &middle, &other);
	write_pem("b.pem", &leaf, &other, NULL);
	struct tls_store *store = load("keys.pem", "a.pem", "b.pem");
	if (!ok(store != NULL))
		printf("# %s\n", err.text);
	const struct tls_name *name = tls_store_find(store, STR("leaf.example"));
	ok(name && name->certificates[TLS_KEY_RSA] && name->certificates[TLS_KEY_EC]);
	const struct tls_certificate *rsa = name->certificates[TLS_KEY_RSA];
	is_int(X509_cmp(rsa->leaf, leaf.certificate), 0);
	is_int(sk_X509_num(rsa->chain), 1);
	is_int(X509_cmp(sk_X509_value(rsa->chain, 0), middle.certificate), 0);
	ok(!rsa->self_signed);
	ok(str_ends(str_of(rsa->file), "/b.pem"));
	tls_store_unref(&store);
	issued_free(&root);
	issued_free(&middle);
	issued_free(&leaf);
	issued_free(&other);
}

static void test_renewed(void)
{
	struct issued authority = issue("ca", NULL, NULL, true, false, 30);
	struct issued expired = issue("r", "DNS:r.example", &authority, false, false, -1);
	struct issued shorter = issue("r", "DNS:r.example", &authority, false, false, 5);
	struct issued longer = issue("r", "DNS:r.example", &authority, false, false, 10);

	write_pem("e.pem", &expired, NULL, &expired);
	write_pem("s.pem", &shorter, NULL, &shorter);
	write_pem("l.pem", &longer, NULL, &longer);
	struct tls_store *store = load("l.pem", "e.pem", "s.pem");
	ok(found(store, "r.example", &longer));
	tls_store_unref(&store);
	store = load("e.pem", "s.pem", NULL);
	ok(found(store, "r.example", &shorter));
	tls_store_unref(&store);
	issued_free(&authority);
	issued_free(&expired);
	issued_free(&shorter);
	issued_free(&longer);
}

static void write_text(const char *name, const char *text)
{
	FILE *file = fopen(file_name(name), "w");

	fputs(text, file);
	fclose(file);
}

static void test_mistakes(void)
{
	struct issued one = issue("one", "DNS:one.example", NULL, false, false, 9);
	struct issued two = issue("two", "DNS:two.example", NULL, false, false, 9);
	FILE *file = fopen(file_name("locked.pem"), "w");

	PEM_write_X509(file, one.certificate);
	PEM_write_PrivateKey(file, one.key, EVP_aes_128_cbc(), (unsigned char *)"secret", 6, NULL, NULL);
	fclose(file);
	ok(!load("locked.pem", NULL, NULL));
	ok(strstr(err.text, "locked.pem: the key needs a password"));
	write_pem("wrong.pem", &one, NULL, &two);
	ok(!load("wrong.pem", NULL, NULL));
	ok(strstr(err.text, "wrong.pem: no key in certfiles belongs to this certificate"));
	write_pem("bare.pem", NULL, NULL, &two);
	ok(!load("bare.pem", NULL, NULL));
	ok(strstr(err.text, "a key that belongs to none"));
	write_text("broken.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
	ok(!load("broken.pem", NULL, NULL));
	ok(strstr(err.text, "broken.pem: "));
	write_text("cut.pem", "-----BEGIN CERTIFICATE-----\nMIIB");
	ok(!load("cut.pem", NULL, NULL));
	write_text("empty.pem", "");
	ok(!load("empty.pem", NULL, NULL));
	ok(!load("missing.pem", NULL, NULL));
	ok(strstr(err.text, "missing.pem: No such file"));
	struct tls_store *store = load("missing-*.pem", NULL, NULL);
	ok(store != NULL);
	tls_store_unref(&store);
	issued_free(&one);
	issued_free(&two);
}

static bool names_host(X509 *certificate, const char *host)
{
	return X509_check_host(certificate, host, 0, X509_CHECK_FLAG_NO_WILDCARDS, NULL) == 1;
}

static void test_self_signed(void)
{
	struct tls_store *store = tls_store_load(NULL, 0, &err);
	const char *certs = file_name("certs");
	struct stat status;
	struct strbuf path = {0};

	is_int(tls_store_add_host(store, STR("chat.example"), certs, &err), 0);
	is_int(tls_store_add_host(store,
		   STR("b\xc3\xbc"
		       "cher.example"),
		   certs, &err),
	    0);
	is_int(tls_store_add_host(store, STR("127.0.0.1"), certs, &err), 0);
	is_int(tls_store_add_host(store, STR("../../evil"), certs, &err), 0);
	strbuf_printf(&path, "%s/chat.example.pem", certs);
	is_int(stat(path.ptr, &status), 0);
	is_int(status.st_mode & 0777, 0600);
	is_int(stat(certs, &status), 0);
	is_int(status.st_mode & 0777, 0700);
	strbuf_reset(&path);
	strbuf_printf(&path, "%s/%%2E.%%2F..%%2Fevil.pem", certs);
	is_int(stat(path.ptr, &status), 0);
	const struct tls_name *name = tls_store_find(store, STR("chat.example"));
	ok(name && name == store->fallback);
	X509 *made = name->certificates[TLS_KEY_EC]->leaf;
	ok(name->certificates[TLS_KEY_EC]->self_signed);
	ok(names_host(made, "chat.example"));
	ok(X509_verify(made, name->certificates[TLS_KEY_EC]->key) == 1);
	ok(X509_cmp_current_time(X509_get0_notBefore(made)) < 0);
	name = tls_store_find(store, STR("xn--bcher-kva.example"));
	ok(name && names_host(name->certificates[TLS_KEY_EC]->leaf, "xn--bcher-kva.example"));
	name = tls_store_find(store, STR("127.0.0.1"));
	ok(name && X509_check_ip_asc(name->certificates[TLS_KEY_EC]->leaf, "127.0.0.1", 0) == 1);
	/* The next start uses the same. */
	struct tls_store *again = tls_store_load(NULL, 0, &err);
	is_int(tls_store_add_host(again, STR("chat.example"), certs, &err), 0);
	is_int(X509_cmp(tls_store_find(again, STR("chat.example"))->certificates[TLS_KEY_EC]->leaf, made), 0);
	tls_store_unref(&again);
	tls_store_unref(&store);
	strbuf_fini(&path);
}

static void count_kinds(void *arg, const char *kind, struct str value)
{
	strbuf_printf(arg, "%s=%.*s ", kind, STR_FMT(value));
}

static void test_self_signed_names(void)
{
	struct tls_store *store = tls_store_load(NULL, 0, &err);
	struct strbuf names = {0};

	is_int(tls_store_add_host(store, STR("names.example"), file_name("certs"), &err), 0);
	is_int(tls_names_each(tls_store_find(store, STR("names.example"))->certificates[TLS_KEY_EC]->leaf,
		   count_kinds, &names),
	    2);
	is_text(strbuf_view(&names), "dns=names.example xmpp=names.example ");
	strbuf_fini(&names);
	tls_store_unref(&store);
	write_text("file", "");
	store = tls_store_load(NULL, 0, &err);
	ok(tls_store_add_host(store, STR("nowhere.example"), file_name("file"), &err) < 0);
	tls_store_unref(&store);
}

static X509 *certificate_for(struct tls_context *context, const char *sni, const char *hint)
{
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
	struct owner owner;

	owner_open(&owner);
	if (hint)
		conn_set_tls_name(owner.conn, str_of(hint));
	conn_start_tls(owner.conn, context);
	SSL *ssl = client_new(client_ctx, owner.peer);
	if (sni)
		SSL_set_tlsext_host_name(ssl, sni);
	ok(client_handshake(ssl));
	is_text(conn_tls_server_name(owner.conn), sni ? sni : "");
	X509 *got = SSL_get1_peer_certificate(ssl);
	SSL_free(ssl);
	owner_close(&owner);
	SSL_CTX_free(client_ctx);
	return got;
}

static void chooses(struct tls_context *context, const char *sni, const char *hint, const struct issued *want)
{
	X509 *got = certificate_for(context, sni, hint);

	ok(got && X509_cmp(got, want->certificate) == 0);
	X509_free(got);
}

static void test_sni(void)
{
	struct issued first = issue("1", "DNS:first.example", NULL, false, false, 9);
	struct issued second = issue("2", "DNS:second.example", NULL, false, true, 9);
	struct issued wild = issue("3", "DNS:*.second.example", NULL, false, false, 9);
	struct issued renewed = issue("1", "DNS:first.example", NULL, false, false, 99);

	write_pem("sni1.pem", &first, NULL, &first);
	write_pem("sni2.pem", &second, NULL, &second);
	write_pem("sni3.pem", &wild, NULL, &wild);
	write_pem("new1.pem", &renewed, NULL, &renewed);
	struct tls_store *store = load("sni1.pem", "sni2.pem", "sni3.pem");
	is_int(tls_store_add_host(store, STR("first.example"), directory, &err), 0);
	struct tls_context *context = tls_context_new(&(struct tls_options){0}, store, &err);
	chooses(context, "first.example", NULL, &first);
	chooses(context, "second.example", NULL, &second);
	chooses(context, "chat.second.example", NULL, &wild);
	chooses(context, "unknown.example", NULL, &first);
	chooses(context, NULL, NULL, &first);
	chooses(context, NULL, "second.example", &second);
	chooses(context, "unknown.example", "second.example", &second);
	chooses(context, "first.example", "second.example", &first);
	tls_store_unref(&store);
	store = load("new1.pem", NULL, NULL);
	is_int(tls_store_add_host(store, STR("first.example"), directory, &err), 0);
	tls_context_swap(context, tls_ssl_ctx_new(&(struct tls_options){0}, store, &err));
	chooses(context, "first.example", NULL, &renewed);
	tls_context_free(&context);
	tls_store_unref(&store);
	issued_free(&first);
	issued_free(&second);
	issued_free(&wild);
	issued_free(&renewed);
}

int main(void)
{
	start_worker();
	directory_make();
	run(test_names);
	run(test_pieces_in_any_order);
	run(test_renewed);
	run(test_mistakes);
	run(test_self_signed);
	run(test_self_signed_names);
	run(test_sni);
	directory_remove();
	stop_worker();
	return tap_done();
}
