/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rand.h"
#include "net/tls_internal.h"

/*
 * Nobody but the people who accepted it vouches for this certificate: clients pin it, and a new one looks to
 * them like an attack. An early end would buy no safety and break every one of them on that day.
 */
enum { VALID_DAYS = 3650 };

static void add_name(GENERAL_NAMES *names, int type, int string_type, struct str value)
{
	ASN1_STRING *text = ASN1_STRING_type_new(string_type);
	GENERAL_NAME *name = GENERAL_NAME_new();
	if (!text || !name || !ASN1_STRING_set(text, value.ptr, (int)value.len))
		abort();
	GENERAL_NAME_set0_value(name, type, text);
	sk_GENERAL_NAME_push(names, name);
}

static void add_xmpp_address(GENERAL_NAMES *names, struct str host)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_TYPE *value = ASN1_TYPE_new();
	ASN1_UTF8STRING *text = ASN1_UTF8STRING_new();
	if (!name || !value || !text || !ASN1_STRING_set(text, host.ptr, (int)host.len))
		abort();
	ASN1_TYPE_set(value, V_ASN1_UTF8STRING, text);
	GENERAL_NAME_set0_othername(name, OBJ_nid2obj(NID_XmppAddr), value);
	sk_GENERAL_NAME_push(names, name);
}

static void add_alternative_names(X509 *certificate, struct str host)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	unsigned char address[16];
	char ascii[256];
	char *literal = str_dup(host);
	if (inet_pton(AF_INET, literal, address) == 1)
		add_name(names, GEN_IPADD, V_ASN1_OCTET_STRING, (struct str){(char *)address, 4});
	else if (inet_pton(AF_INET6, literal, address) == 1)
		add_name(names, GEN_IPADD, V_ASN1_OCTET_STRING, (struct str){(char *)address, 16});
	else if (tls_name_normal(host, ascii))
		add_name(names, GEN_DNS, V_ASN1_IA5STRING, str_of(ascii));
	add_xmpp_address(names, host);
	X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0);
	GENERAL_NAMES_free(names);
	free(literal);
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	if (extension)
		X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

static void set_serial(X509 *certificate)
{
	unsigned char bytes[16];
	rand_bytes(bytes, sizeof(bytes));
	bytes[0] = (bytes[0] & 0x7f) | 0x40; /* positive, and always as long */
	BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
	BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
	BN_free(number);
}

static X509 *make_certificate(EVP_PKEY *key, struct str host)
{
	X509 *certificate = X509_new();
	if (!certificate)
		abort();
	X509_set_version(certificate, X509_VERSION_3);
	set_serial(certificate);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
	X509_time_adj_ex(X509_getm_notAfter(certificate), VALID_DAYS, 0, NULL);
	X509_NAME *subject = X509_get_subject_name(certificate);
	/* X.520: 64 characters; the name that counts is in the subjectAltName. */
	if (host.len <= 64)
		X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
		    (const unsigned char *)host.ptr, (int)host.len, -1, 0);
	X509_set_issuer_name(certificate, subject);
	X509_set_pubkey(certificate, key);
	add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE");
	add_extension(certificate, NID_key_usage, "critical,digitalSignature");
	add_extension(certificate, NID_ext_key_usage, "serverAuth,clientAuth");
	add_extension(certificate, NID_subject_key_identifier, "hash");
	add_alternative_names(certificate, host);
	if (!X509_sign(certificate, key, EVP_sha256())) {
		X509_free(certificate);
		return NULL;
	}
	return certificate;
}

static int write_pem(const char *path, EVP_PKEY *key, X509 *certificate, struct err *err)
{
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	if (!file) {
		err_set(err, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	bool written = PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) &&
		       PEM_write_X509(file, certificate) && fflush(file) == 0 && fsync(fd) == 0;
	if (fclose(file) != 0 || !written)
		return err_set(err, "%s: cannot write it: %s", path, strerror(errno));
	return 0;
}

int tls_selfsigned_write(const char *path, struct str host, struct err *err)
{
	struct strbuf fresh = {0};
	strbuf_printf(&fresh, "%s.new", path);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = key ? make_certificate(key, host) : NULL;
	int rc =
	    certificate ? write_pem(fresh.ptr, key, certificate, err) : tls_err(err, "making a certificate");
	if (rc == 0 && rename(fresh.ptr, path) < 0)
		rc = err_set(err, "%s: %s", path, strerror(errno));
	if (rc < 0)
		unlink(fresh.ptr);
	X509_free(certificate);
	EVP_PKEY_free(key);
	strbuf_fini(&fresh);
	return rc;
}
