/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_names.h"

#include <idn2.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

bool tls_name_normal(struct str name, char out[256])
{
	bool ascii = true;
	if (name.len > 0 && name.ptr[name.len - 1] == '.')
		name.len--;
	if (name.len == 0 || name.len > 255 || memchr(name.ptr, 0, name.len))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		ascii &= !((unsigned char)c & 0x80);
		out[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	out[name.len] = 0;
	if (ascii)
		return true;
	char *converted = NULL;
	int rc = idn2_to_ascii_8z(out, &converted, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
	bool fits = rc == IDN2_OK && strlen(converted) < 256;
	if (fits)
		memcpy(out, converted, strlen(converted) + 1);
	idn2_free(converted);
	return fits;
}

/* A string of the certificate; NUL inside one is an attempt to be taken for another name. */
static bool text_of(const ASN1_STRING *string, struct str *text_r)
{
	struct str text = {(const char *)ASN1_STRING_get0_data(string), (size_t)ASN1_STRING_length(string)};
	if (text.len == 0 || text.len > 3071 || memchr(text.ptr, 0, text.len))
		return false;
	*text_r = text;
	return true;
}

static bool is_oid(const ASN1_OBJECT *object, const char *oid)
{
	char text[64];
	return OBJ_obj2txt(text, sizeof(text), object, 1) > 0 && strcmp(text, oid) == 0;
}

static bool other_name(const OTHERNAME *other, const char **kind_r, struct str *text_r)
{
	int type = other->value->type;
	if (is_oid(other->type_id, "1.3.6.1.5.5.7.8.5") && type == V_ASN1_UTF8STRING)
		*kind_r = "xmpp";
	else if (is_oid(other->type_id, "1.3.6.1.5.5.7.8.7") && type == V_ASN1_IA5STRING)
		*kind_r = "srv";
	else
		return false;
	return text_of(other->value->value.asn1_string, text_r);
}

unsigned tls_names_each(const X509 *certificate, tls_name_each *each, void *arg)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	unsigned count = 0;
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const char *kind = "dns";
		struct str text;
		if (name->type == GEN_DNS
			? !text_of(name->d.dNSName, &text)
			: name->type != GEN_OTHERNAME || !other_name(name->d.otherName, &kind, &text))
			continue;
		each(arg, kind, text);
		count++;
	}
	GENERAL_NAMES_free(names);
	return count;
}

bool tls_common_name(const X509 *certificate, char out[256])
{
	const X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	struct str text;
	if (at < 0 || !text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), &text))
		return false;
	return tls_name_normal(text, out);
}
