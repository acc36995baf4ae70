/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_match.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "net/tls_names.h"

enum { SHOWN = 300 }; /* bytes of the names that are told in an error */

bool tls_match_dns(struct str pattern, const char *name)
{
	char normal[256];
	for (size_t i = 0; i < pattern.len; i++)
		if ((unsigned char)pattern.ptr[i] & 0x80)
			return false;
	if (!tls_name_normal(pattern, normal))
		return false;
	if (normal[0] != '*')
		return !strchr(normal, '*') && strcmp(normal, name) == 0;
	const char *rest = strchr(name, '.');
	if (normal[1] != '.' || strchr(normal + 1, '*') || !strchr(normal + 2, '.'))
		return false;
	return rest && rest > name && strcmp(normal + 1, rest) == 0;
}

/* "_xmpp-server.example.com": RFC 4985. */
static bool match_srv(struct str value, const char *name)
{
	struct str rest, service = str_cut(value, '.', &rest);
	return str_ieq(service, STR("_xmpp-server")) && !memchr(rest.ptr, '*', rest.len) &&
	       tls_match_dns(rest, name);
}

/* A bare domain; an address with a local part is somebody's, not a server's. */
static bool match_xmpp(struct str value, const char *name)
{
	char normal[256];
	if (memchr(value.ptr, '@', value.len) || memchr(value.ptr, '/', value.len))
		return false;
	return tls_name_normal(value, normal) && strcmp(normal, name) == 0;
}

struct matching {
	char name[256];
	bool host_only;
	bool matched;
	struct strbuf seen;
};

static void on_name(void *arg, const char *kind, struct str value)
{
	struct matching *matching = arg;
	if (strcmp(kind, "dns") == 0)
		matching->matched |= tls_match_dns(value, matching->name);
	else if (matching->host_only)
		return;
	else if (strcmp(kind, "srv") == 0)
		matching->matched |= match_srv(value, matching->name);
	else
		matching->matched |= match_xmpp(value, matching->name);
	if (matching->seen.len < SHOWN)
		strbuf_printf(&matching->seen, "%s%.*s", matching->seen.len ? ", " : "",
		    value.len < 100 ? (int)value.len : 100, value.ptr);
}

/* Bytes of a certificate go into logs and onto terminals. */
static const char *printable(struct strbuf *text)
{
	for (size_t i = 0; i < text->len; i++)
		if ((unsigned char)text->ptr[i] < ' ' || (unsigned char)text->ptr[i] == 0x7f)
			text->ptr[i] = '?';
	return text->len ? text->ptr : "nobody";
}

static int match(const X509 *certificate, struct str domain, bool host_only, struct err *err)
{
	struct matching matching = {.host_only = host_only};
	if (!tls_name_normal(domain, matching.name))
		return err_set(err, "'%.*s' is no domain name", STR_FMT(domain));
	tls_names_each(certificate, on_name, &matching);
	int rc = 0;
	if (!matching.matched)
		rc = err_set(err, "the certificate is not for %s but for %s", matching.name,
		    printable(&matching.seen));
	strbuf_fini(&matching.seen);
	return rc;
}

static bool address_of(struct str domain, char out[INET6_ADDRSTRLEN])
{
	unsigned char bytes[16];
	if (domain.len >= 2 && domain.ptr[0] == '[' && domain.ptr[domain.len - 1] == ']')
		domain = (struct str){domain.ptr + 1, domain.len - 2};
	if (domain.len >= INET6_ADDRSTRLEN)
		return false;
	snprintf(out, INET6_ADDRSTRLEN, "%.*s", STR_FMT(domain));
	return inet_pton(AF_INET, out, bytes) == 1 || inet_pton(AF_INET6, out, bytes) == 1;
}

int tls_match_server(const X509 *certificate, struct str domain, struct err *err)
{
	char address[INET6_ADDRSTRLEN];
	if (!address_of(domain, address))
		return match(certificate, domain, false, err);
	int rc = X509_check_ip_asc((X509 *)certificate, address, 0);
	ERR_clear_error();
	return rc == 1 ? 0 : err_set(err, "the certificate is not for %s", address);
}

int tls_match_host(const X509 *certificate, struct str host, struct err *err)
{
	return match(certificate, host, true, err);
}
