/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/stat.h>

#include "net/tls_internal.h"

enum { PEM_FILE_MAX = 16 * 1024 * 1024 };

/* Instead of asking on the terminal. */
static int no_password(char *buf, int size, int writing, void *arg)
{
	*(bool *)arg = true;
	return -1;
}

static bool is_key(const char *name)
{
	return strcmp(name, PEM_STRING_PKCS8) == 0 || strcmp(name, PEM_STRING_PKCS8INF) == 0 ||
	       strcmp(name, PEM_STRING_RSA) == 0 || strcmp(name, PEM_STRING_ECPRIVATEKEY) == 0;
}

static bool is_certificate(const char *name)
{
	return strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0 ||
	       strcmp(name, PEM_STRING_X509_TRUSTED) == 0;
}

static int add_certificate(const unsigned char *der, long len, STACK_OF(X509) * certificates)
{
	X509 *certificate = d2i_X509(NULL, &der, len);
	if (!certificate)
		return -1;
	for (int i = 0; i < sk_X509_num(certificates); i++) {
		if (X509_cmp(sk_X509_value(certificates, i), certificate) == 0) {
			X509_free(certificate);
			return 0;
		}
	}
	sk_X509_push(certificates, certificate);
	return 0;
}

/* Goes over the blocks of the file; kinds that are of no use here (DH parameters, for one) are passed over.
 */
static int read_certificates(BIO *bio, STACK_OF(X509) * certificates, unsigned *keys_r)
{
	char *name, *header;
	unsigned char *der;
	long len;
	int rc = 0;
	while (rc == 0 && PEM_read_bio(bio, &name, &header, &der, &len)) {
		if (is_key(name))
			++*keys_r;
		else if (is_certificate(name))
			rc = add_certificate(der, len, certificates);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)len);
	}
	if (rc == 0 && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		rc = -1;
	if (rc == 0)
		ERR_clear_error();
	return rc;
}

static int read_keys(BIO *bio, unsigned count, STACK_OF(EVP_PKEY) * keys, const char *path, struct err *err)
{
	bool encrypted = false;
	for (unsigned i = 0; i < count; i++) {
		EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, &encrypted);
		if (!key && encrypted)
			return err_set(err, "%s: the key needs a password; store it without one", path);
		if (!key)
			return tls_err(err, path);
		sk_EVP_PKEY_push(keys, key);
	}
	return 0;
}

int tls_file_read(const char *path, STACK_OF(X509) * certificates, STACK_OF(EVP_PKEY) * keys, struct err *err)
{
	struct stat status;
	if (stat(path, &status) < 0)
		return err_set(err, "%s: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode) || status.st_size > PEM_FILE_MAX)
		return err_set(err, "%s: not a PEM file", path);
	ERR_clear_error();
	BIO *bio = BIO_new_file(path, "r");
	if (!bio)
		return tls_err(err, path);
	int before = sk_X509_num(certificates);
	unsigned key_count = 0;
	int rc = read_certificates(bio, certificates, &key_count);
	if (rc < 0)
		tls_err(err, path);
	else if (key_count == 0 && sk_X509_num(certificates) == before && status.st_size == 0)
		rc = err_set(err, "%s: the file is empty", path);
	if (rc == 0 && BIO_seek(bio, 0) >= 0)
		rc = read_keys(bio, key_count, keys, path, err);
	BIO_free(bio);
	return rc;
}
