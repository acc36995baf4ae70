/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <glob.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/tls_internal.h"
#include "stanzad/log.h"

enum { CHAIN_MAX = 10 };

/* What the files hold, before keys and certificates have found each other. */
struct pile {
	STACK_OF(X509) * certificates;
	STACK_OF(EVP_PKEY) * keys;
	char **files; /* of each certificate */
};

static void pile_init(struct pile *pile)
{
	*pile = (struct pile){sk_X509_new_null(), sk_EVP_PKEY_new_null(), NULL};
}

static void pile_fini(struct pile *pile)
{
	for (int i = 0; pile->files && i < sk_X509_num(pile->certificates); i++)
		free(pile->files[i]);
	free(pile->files);
	sk_X509_pop_free(pile->certificates, X509_free);
	sk_EVP_PKEY_pop_free(pile->keys, EVP_PKEY_free);
}

static int pile_read(struct pile *pile, const char *path, struct err *err)
{
	int before = sk_X509_num(pile->certificates);
	int rc = tls_file_read(path, pile->certificates, pile->keys, err);
	int after = sk_X509_num(pile->certificates);
	if (after > before)
		pile->files = mem_realloc_array(pile->files, (size_t)after, sizeof(char *));
	for (int i = before; i < after; i++)
		pile->files[i] = str_dup(str_of(path));
	return rc;
}

static int pile_read_pattern(struct pile *pile, struct str pattern, struct err *err)
{
	char *text = str_dup(pattern);
	glob_t found;
	int rc = 0;
	switch (glob(text, GLOB_NOSORT | GLOB_NOMAGIC, NULL, &found)) {
	case 0:
		for (size_t i = 0; i < found.gl_pathc && rc == 0; i++)
			rc = pile_read(pile, found.gl_pathv[i], err);
		globfree(&found);
		break;
	case GLOB_NOMATCH:
		LOG_WARNING("tls.no_file", LOG_STR("pattern", pattern));
		break;
	default:
		rc = err_set(err, "%s: cannot read the directory", text);
	}
	free(text);
	return rc;
}

static bool self_signed(X509 *certificate)
{
	return X509_self_signed(certificate, 0) == 1;
}

static X509 *find_issuer(const struct pile *pile, X509 *certificate)
{
	for (int i = 0; i < sk_X509_num(pile->certificates); i++) {
		X509 *other = sk_X509_value(pile->certificates, i);
		if (other != certificate && X509_check_issued(other, certificate) == X509_V_OK)
			return other;
	}
	return NULL;
}

/* Intermediate certificates in order; clients have the root themselves. */
static STACK_OF(X509) * build_chain(const struct pile *pile, X509 *leaf)
{
	STACK_OF(X509) *chain = sk_X509_new_null();
	X509 *last = leaf;
	while (!self_signed(last) && sk_X509_num(chain) < CHAIN_MAX) {
		X509 *issuer = find_issuer(pile, last);
		if (!issuer || self_signed(issuer))
			break;
		X509_up_ref(issuer);
		sk_X509_push(chain, issuer);
		last = issuer;
	}
	return chain;
}

static unsigned key_type(EVP_PKEY *key)
{
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_RSA:
		return TLS_KEY_RSA;
	case EVP_PKEY_EC:
		return TLS_KEY_EC;
	default:
		return TLS_KEY_OTHER;
	}
}

static bool is_valid_now(const struct tls_certificate *certificate)
{
	return X509_cmp_current_time(X509_get0_notBefore(certificate->leaf)) < 0 &&
	       X509_cmp_current_time(X509_get0_notAfter(certificate->leaf)) > 0;
}

/* Of two for the same name: the one that is valid now, then the one that a CA signed, then the one that lasts
 * longer. */
static bool is_better(const struct tls_certificate *a, const struct tls_certificate *b)
{
	bool a_valid = is_valid_now(a), b_valid = is_valid_now(b);
	if (a_valid != b_valid)
		return a_valid;
	if (a->self_signed != b->self_signed)
		return b->self_signed;
	return ASN1_TIME_compare(X509_get0_notAfter(a->leaf), X509_get0_notAfter(b->leaf)) > 0;
}

struct naming {
	struct tls_store *store;
	const struct tls_certificate *certificate;
	unsigned count;
};

static void name_certificate(struct naming *naming, const char *normal)
{
	struct tls_name *name = map_get(&naming->store->names, str_of(normal));
	unsigned type = key_type(naming->certificate->key);
	if (!name) {
		name = mem_zalloc(sizeof(*name));
		name->name = str_dup(str_of(normal));
		map_put(&naming->store->names, str_of(name->name), name);
	}
	naming->count++;
	if (!name->certificates[type] || is_better(naming->certificate, name->certificates[type]))
		name->certificates[type] = naming->certificate;
}

static void on_name(void *arg, const char *kind, struct str value)
{
	char normal[256];
	/* "_xmpp-client.example.com" */
	if (strcmp(kind, "srv") == 0)
		str_cut(value, '.', &value);
	/* A client's address is no name of a server. */
	if (!memchr(value.ptr, '@', value.len) && tls_name_normal(value, normal))
		name_certificate(arg, normal);
}

static void store_add(struct tls_store *store, const struct pile *pile, int index, EVP_PKEY *key)
{
	X509 *leaf = sk_X509_value(pile->certificates, index);
	struct tls_certificate *certificate = mem_zalloc(sizeof(*certificate));
	struct naming naming = {store, certificate, 0};
	char normal[256];
	X509_up_ref(leaf);
	EVP_PKEY_up_ref(key);
	certificate->leaf = leaf;
	certificate->key = key;
	certificate->chain = build_chain(pile, leaf);
	certificate->file = str_dup(str_of(pile->files[index]));
	certificate->self_signed = self_signed(leaf);
	certificate->next = store->certificates;
	store->certificates = certificate;
	tls_names_each(leaf, on_name, &naming);
	if (naming.count == 0 && tls_common_name(leaf, normal))
		name_certificate(&naming, normal);
	if (!is_valid_now(certificate))
		LOG_WARNING("tls.not_valid_now", LOG_CSTR("file", certificate->file));
}

static EVP_PKEY *find_key(const struct pile *pile, X509 *certificate)
{
	for (int i = 0; i < sk_EVP_PKEY_num(pile->keys); i++)
		if (X509_check_private_key(certificate, sk_EVP_PKEY_value(pile->keys, i)) == 1)
			return sk_EVP_PKEY_value(pile->keys, i);
	ERR_clear_error();
	return NULL;
}

static bool is_ca(X509 *certificate)
{
	return X509_check_ca(certificate) != 0;
}

/* Each key with its certificate. CA certificates need no key; another without one, or a key without, is a
 * mistake. */
static int store_match(struct tls_store *store, const struct pile *pile, struct err *err)
{
	for (int i = 0; i < sk_X509_num(pile->certificates); i++) {
		X509 *certificate = sk_X509_value(pile->certificates, i);
		EVP_PKEY *key = find_key(pile, certificate);
		if (key)
			store_add(store, pile, i, key);
		else if (!is_ca(certificate))
			return err_set(
			    err, "%s: no key in certfiles belongs to this certificate", pile->files[i]);
	}
	for (int k = 0; k < sk_EVP_PKEY_num(pile->keys); k++) {
		bool used = false;
		for (struct tls_certificate *at = store->certificates; at && !used; at = at->next)
			used = EVP_PKEY_eq(at->key, sk_EVP_PKEY_value(pile->keys, k)) == 1;
		if (!used)
			return err_set(err, "certfiles hold a key that belongs to none of the certificates");
	}
	ERR_clear_error();
	return 0;
}

struct tls_store *tls_store_load(const struct str *files, size_t count, struct err *err)
{
	struct tls_store *store = mem_zalloc(sizeof(*store));
	struct pile pile;
	int rc = 0;
	store->refs = 1;
	pile_init(&pile);
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = pile_read_pattern(&pile, files[i], err);
	if (rc == 0)
		rc = store_match(store, &pile, err);
	pile_fini(&pile);
	if (rc < 0)
		tls_store_unref(&store);
	return store;
}

struct tls_store *tls_store_ref(struct tls_store *store)
{
	__atomic_add_fetch(&store->refs, 1, __ATOMIC_RELAXED);
	return store;
}

void tls_store_unref(struct tls_store **store)
{
	struct tls_store *gone = *store;
	*store = NULL;
	if (!gone || __atomic_sub_fetch(&gone->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	uint32_t position = 0;
	struct str key;
	for (struct tls_name *name; (name = map_next(&gone->names, &position, &key));) {
		free(name->name);
		free(name);
	}
	map_fini(&gone->names);
	while (gone->certificates) {
		struct tls_certificate *certificate = gone->certificates;
		gone->certificates = certificate->next;
		X509_free(certificate->leaf);
		EVP_PKEY_free(certificate->key);
		sk_X509_pop_free(certificate->chain, X509_free);
		free(certificate->file);
		free(certificate);
	}
	free(gone);
}

const struct tls_name *tls_store_find(const struct tls_store *store, struct str name)
{
	char normal[256], wildcard[256];
	if (!tls_name_normal(name, normal))
		return NULL;
	const struct tls_name *found = map_get(&store->names, str_of(normal));
	const char *rest = strchr(normal, '.');
	if (found || !rest)
		return found;
	snprintf(wildcard, sizeof(wildcard), "*%s", rest);
	return map_get(&store->names, str_of(wildcard));
}

/* DATA_DIR/certs/HOST.pem; what could mean something to the file system is written as %XX. */
static char *selfsigned_path(const char *directory, struct str host)
{
	struct strbuf path = {0};
	char normal[256];
	if (tls_name_normal(host, normal))
		host = str_of(normal);
	strbuf_printf(&path, "%s/", directory);
	for (size_t i = 0; i < host.len; i++) {
		unsigned char c = (unsigned char)host.ptr[i];
		bool plain =
		    (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || (c == '.' && i > 0);
		if (plain)
			strbuf_char(&path, (char)c);
		else
			strbuf_printf(&path, "%%%02X", c);
	}
	strbuf_cstr(&path, ".pem");
	return strbuf_take(&path);
}

static bool expired(const char *path)
{
	STACK_OF(X509) *certificates = sk_X509_new_null();
	STACK_OF(EVP_PKEY) *keys = sk_EVP_PKEY_new_null();
	bool over = tls_file_read(path, certificates, keys, NULL) == 0 && sk_X509_num(certificates) == 1 &&
		    X509_cmp_current_time(X509_get0_notAfter(sk_X509_value(certificates, 0))) < 0;
	sk_X509_pop_free(certificates, X509_free);
	sk_EVP_PKEY_pop_free(keys, EVP_PKEY_free);
	return over;
}

static int add_selfsigned(struct tls_store *store, struct str host, const char *directory, struct err *err)
{
	char *path = selfsigned_path(directory, host);
	struct pile pile;
	pile_init(&pile);
	int rc = 0;
	if (access(path, F_OK) < 0 || expired(path)) {
		if (mkdir(directory, 0700) < 0 && errno != EEXIST)
			rc = err_set(err, "%s: %s", directory, strerror(errno));
		else
			rc = tls_selfsigned_write(path, host, err);
		if (rc == 0)
			LOG_INFO("tls.self_signed_made", LOG_STR("host", host), LOG_CSTR("file", path));
	}
	if (rc == 0)
		rc = pile_read(&pile, path, err);
	if (rc == 0)
		rc = store_match(store, &pile, err);
	pile_fini(&pile);
	free(path);
	return rc;
}

int tls_store_add_host(struct tls_store *store, struct str host, const char *directory, struct err *err)
{
	if (!tls_store_find(store, host) && add_selfsigned(store, host, directory, err) < 0)
		return -1;
	if (!store->fallback)
		store->fallback = tls_store_find(store, host);
	return 0;
}
