/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/tls_internal.h"

struct tls_context {
	pthread_mutex_t lock;
	SSL_CTX *ssl_ctx;
};

int tls_err(struct err *err, const char *what)
{
	unsigned long code = ERR_peek_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;
	err_set(err, "%s: %s", what, reason ? reason : "failed");
	ERR_clear_error();
	return -1;
}

/* The words that ejabberd's protocol_options may hold; those without an option are how it is anyway. */
static const struct {
	const char *word;
	uint64_t option;
} protocol_words[] = {
    {"no_sslv2", 0},
    {"no_sslv3", SSL_OP_NO_SSLv3},
    {"no_tlsv1", SSL_OP_NO_TLSv1},
    {"no_tlsv1_1", SSL_OP_NO_TLSv1_1},
    {"no_tlsv1_2", SSL_OP_NO_TLSv1_2},
    {"no_tlsv1_3", SSL_OP_NO_TLSv1_3},
    {"cipher_server_preference", SSL_OP_CIPHER_SERVER_PREFERENCE},
    {"no_compression", SSL_OP_NO_COMPRESSION},
    {"no_ticket", SSL_OP_NO_TICKET},
    {"no_renegotiation", SSL_OP_NO_RENEGOTIATION},
    {"no_session_resumption_on_renegotiation", SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION},
    {"prioritize_chacha", SSL_OP_PRIORITIZE_CHACHA},
    {"single_dh_use", 0},
    {"single_ecdh_use", 0},
    {"all", SSL_OP_ALL},
};

static int protocol_option(struct str word, uint64_t *options, struct err *err)
{
	for (size_t i = 0; i < sizeof(protocol_words) / sizeof(protocol_words[0]); i++) {
		if (str_ieq(word, str_of(protocol_words[i].word))) {
			*options |= protocol_words[i].option;
			return 0;
		}
	}
	return err_set(err, "'%.*s' is no word of protocol_options", STR_FMT(word));
}

static int set_protocols(SSL_CTX *ctx, struct str words, struct err *err)
{
	uint64_t options = SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
			   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF;
	const uint64_t both = SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3;
	while (words.len) {
		struct str word = str_trim(str_cut(words, '|', &words));
		if (word.len && protocol_option(word, &options, err) < 0)
			return -1;
	}
	if ((options & both) == both)
		return err_set(err, "protocol_options leave no TLS version");
	SSL_CTX_set_options(ctx, options);
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	return 0;
}

/*
 * Where nothing is said: the suite that TLS 1.3 requires first. Behind AES-256 comes SHA-384, which processors
 * have no instructions for, and a handshake hashes more than it encrypts.
 */
#define SUITES "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

/* Names of TLS 1.3 suites can stand among the others. */
static int set_ciphers(SSL_CTX *ctx, struct str ciphers, struct err *err)
{
	struct strbuf old = {0}, suites = {0};
	int rc = 0;
	while (ciphers.len) {
		struct str word = str_trim(str_cut(ciphers, ':', &ciphers));
		struct strbuf *list = str_starts(word, "TLS_") ? &suites : &old;
		if (list->len)
			strbuf_char(list, ':');
		strbuf_str(list, word);
	}
	if ((old.len && !SSL_CTX_set_cipher_list(ctx, old.ptr)) ||
	    !SSL_CTX_set_ciphersuites(ctx, suites.len ? suites.ptr : SUITES))
		rc = tls_err(err, "ciphers");
	strbuf_fini(&old);
	strbuf_fini(&suites);
	return rc;
}

static int set_dh(SSL_CTX *ctx, struct str dhfile, struct err *err)
{
	if (dhfile.len == 0) {
		SSL_CTX_set_dh_auto(ctx, 1);
		return 0;
	}
	char *path = str_dup(dhfile);
	BIO *bio = BIO_new_file(path, "r");
	EVP_PKEY *parameters = bio ? PEM_read_bio_Parameters(bio, NULL) : NULL;
	int rc = 0;
	if (!parameters || !SSL_CTX_set0_tmp_dh_pkey(ctx, parameters)) {
		rc = tls_err(err, path);
		EVP_PKEY_free(parameters);
	}
	BIO_free(bio);
	free(path);
	return rc;
}

/* Who has no certificate, or one that nobody trusts, is let in: what it is worth is asked later. */
static int accept_any(int verified, X509_STORE_CTX *store)
{
	return 1;
}

/*
 * A server that connects to us shows the certificate that it has as a server: public CAs no longer say
 * "client" in it. One that is for clients only is as good.
 */
static int accept_any_server(int verified, X509_STORE_CTX *store)
{
	if (!verified && X509_STORE_CTX_get_error(store) == X509_V_ERR_INVALID_PURPOSE &&
	    X509_STORE_CTX_get_error_depth(store) == 0 &&
	    X509_check_purpose(X509_STORE_CTX_get_current_cert(store), X509_PURPOSE_SSL_CLIENT, 0) == 1)
		X509_STORE_CTX_set_error(store, X509_V_OK);
	return 1;
}

static int trust_file(SSL_CTX *ctx, const struct tls_options *options, struct err *err)
{
	char *path = str_dup(options->cafile);
	int rc = SSL_CTX_load_verify_file(ctx, path) ? 0 : tls_err(err, path);
	/* The names help people's programs to choose a certificate; a server has but one. */
	if (rc == 0 && options->role == TLS_FROM_CLIENTS) {
		STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);
		if (names)
			SSL_CTX_set_client_CA_list(ctx, names);
		else
			rc = tls_err(err, path);
	}
	free(path);
	return rc;
}

static int set_verify(SSL_CTX *ctx, const struct tls_options *options, struct err *err)
{
	static const unsigned char session_context[] = "stanzad";
	bool servers = options->role != TLS_FROM_CLIENTS;
	if (!options->verify && !servers)
		return 0;
	SSL_CTX_set_verify(
	    ctx, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, servers ? accept_any_server : accept_any);
	SSL_CTX_set_session_id_context(ctx, session_context, sizeof(session_context) - 1);
	if (options->role == TLS_FROM_SERVERS)
		SSL_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER);
	if (servers && SSL_CTX_dane_enable(ctx) <= 0)
		return tls_err(err, "DANE");
	if (options->cafile.len)
		return trust_file(ctx, options, err);
	SSL_CTX_set_default_verify_paths(ctx);
	return 0;
}

/* RFC 7301 3.2: a client that offers protocols, but not ours, is told so. */
static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
    unsigned in_len, void *arg)
{
	struct str wanted = str_of(arg);
	for (unsigned at = 0; at < in_len; at += 1U + in[at]) {
		if (str_eq(wanted, (struct str){(const char *)in + at + 1, in[at]})) {
			*out = in + at + 1;
			*out_len = in[at];
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int use_certificates(SSL *ssl, const struct tls_name *name)
{
	SSL_certs_clear(ssl);
	for (unsigned type = 0; type < TLS_KEY_TYPES; type++) {
		const struct tls_certificate *certificate = name->certificates[type];
		if (certificate &&
		    !SSL_use_cert_and_key(ssl, certificate->leaf, certificate->key, certificate->chain, 1))
			return -1;
	}
	return 0;
}

/* Called for every handshake, also when the client names no host. */
static int select_certificate(SSL *ssl, int *alert, void *arg)
{
	const struct tls_store *store = arg;
	struct str asked = str_of(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
	const char *hint = SSL_get_app_data(ssl);
	const struct tls_name *name = asked.len ? tls_store_find(store, asked) : NULL;
	bool found = name != NULL;
	if (!name && hint)
		name = tls_store_find(store, str_of(hint));
	if (name && name != store->fallback && use_certificates(ssl, name) < 0) {
		*alert = SSL_AD_INTERNAL_ERROR;
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	}
	return found ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* We are the client: the certificate of the local host that the stream is from, or none. */
static int choose_own_certificate(SSL *ssl, void *arg)
{
	const struct tls_store *store = arg;
	const char *host = SSL_get_app_data(ssl);
	const struct tls_name *name = host ? tls_store_find(store, str_of(host)) : NULL;
	return !name || use_certificates(ssl, name) == 0;
}

static int set_fallback(SSL_CTX *ctx, const struct tls_name *name, struct err *err)
{
	for (unsigned type = 0; name && type < TLS_KEY_TYPES; type++) {
		const struct tls_certificate *certificate = name->certificates[type];
		if (certificate && !SSL_CTX_use_cert_and_key(
				       ctx, certificate->leaf, certificate->key, certificate->chain, 1))
			return tls_err(err, certificate->file);
	}
	return 0;
}

static int store_index = -1;

static void store_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
	struct tls_store *store = ptr;
	if (store)
		tls_store_unref(&store);
}

static void init_once(void)
{
	store_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, store_free);
	/* OpenSSL writes with write(2): a closed peer is an error there, not the end of the process. */
	signal(SIGPIPE, SIG_IGN);
}

static void set_memory(SSL_CTX *ctx)
{
	SSL_CTX_set_mode(ctx,
	    SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_read_ahead(ctx, 1);
}

static int configure(
    SSL_CTX *ctx, const struct tls_options *options, struct tls_store *store, struct err *err)
{
	set_memory(ctx);
	if (set_protocols(ctx, options->protocol_options, err) < 0 ||
	    set_ciphers(ctx, options->ciphers, err) < 0 || set_dh(ctx, options->dhfile, err) < 0 ||
	    set_verify(ctx, options, err) < 0)
		return -1;
	SSL_CTX_set_ex_data(ctx, store_index, tls_store_ref(store));
	if (options->role == TLS_TO_SERVERS) {
		SSL_CTX_set_cert_cb(ctx, choose_own_certificate, store);
		return 0;
	}
	if (set_fallback(ctx, store->fallback, err) < 0)
		return -1;
	if (options->alpn)
		SSL_CTX_set_alpn_select_cb(ctx, select_alpn, (void *)options->alpn);
	SSL_CTX_set_tlsext_servername_callback(ctx, select_certificate);
	SSL_CTX_set_tlsext_servername_arg(ctx, store);
	return 0;
}

SSL_CTX *tls_ssl_ctx_new(const struct tls_options *options, struct tls_store *store, struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, init_once);
	SSL_CTX *ctx =
	    SSL_CTX_new(options->role == TLS_TO_SERVERS ? TLS_client_method() : TLS_server_method());
	if (!ctx)
		abort();
	if (configure(ctx, options, store, err) < 0) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

struct tls_context *tls_context_new(
    const struct tls_options *options, struct tls_store *store, struct err *err)
{
	SSL_CTX *ctx = tls_ssl_ctx_new(options, store, err);
	if (!ctx)
		return NULL;
	struct tls_context *context = mem_zalloc(sizeof(*context));
	pthread_mutex_init(&context->lock, NULL);
	context->ssl_ctx = ctx;
	return context;
}

void tls_context_swap(struct tls_context *context, SSL_CTX *ssl_ctx)
{
	pthread_mutex_lock(&context->lock);
	SSL_CTX *old = context->ssl_ctx;
	context->ssl_ctx = ssl_ctx;
	pthread_mutex_unlock(&context->lock);
	SSL_CTX_free(old);
}

void tls_context_free(struct tls_context **context)
{
	if (!*context)
		return;
	SSL_CTX_free((*context)->ssl_ctx);
	pthread_mutex_destroy(&(*context)->lock);
	free(*context);
	*context = NULL;
}

SSL *tls_context_ssl(struct tls_context *context)
{
	pthread_mutex_lock(&context->lock);
	SSL *ssl = SSL_new(context->ssl_ctx);
	pthread_mutex_unlock(&context->lock);
	if (!ssl)
		abort();
	return ssl;
}
