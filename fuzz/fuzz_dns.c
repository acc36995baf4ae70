/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What other servers' DNS and certificates are made of. The first byte says what the rest is: a name,
 * records, a list to be ordered, or a certificate. A name that is read is a host name and comes from the
 * bytes that it stands for; ordering loses and invents nothing; a certificate matches a host only if it
 * matches the server of that name.
 */
#include "fuzz.h"

#include <ctype.h>
#include <openssl/err.h>
#include <string.h>

#include "net/dns_internal.h"
#include "net/tls_match.h"

enum { TARGETS = 32 };

static void name(const uint8_t *bytes, size_t len)
{
	char text[DNS_NAME_SIZE];
	size_t at = 0;

	if (!dns_name_read(bytes, len, text))
		return;
	fuzz_check(strlen(text) < DNS_NAME_SIZE - 1 && (len == 1 || strlen(text) + 2 == len));
	for (const char *c = text; *c; c++, at++) {
		fuzz_check(islower(*c) || isdigit(*c) || strchr("-_.", *c));
		fuzz_check(*c == '.' ? bytes[at + 1] < 64 : tolower(bytes[at + 1]) == *c);
	}
}

static void records(const uint8_t *bytes, size_t len)
{
	struct dns_target target;
	struct dns_tlsa tlsa;
	union dns_address address;

	if (dns_srv_read(bytes, len, &target))
		fuzz_check(len >= 7 && (target.port || !target.host[0]));
	if (dns_tlsa_read(bytes, len, &tlsa)) {
		fuzz_check(tlsa.len + 3U == len && memcmp(tlsa.bytes, bytes + 3, tlsa.len) == 0);
		free(tlsa.bytes);
	}
	fuzz_check(dns_address_read(DNS_A, bytes, len, 1, &address) == (len == 4));
	fuzz_check(dns_address_read(DNS_AAAA, bytes, len, 1, &address) == (len == 16));
	dns_literal_read((struct str){(const char *)bytes, len}, 1, &address);
}

static uint64_t state;

static uint64_t chance(uint64_t n)
{
	state = state * 6364136223846793005U + 1442695040888963407U;
	return (state >> 33) % (n + 1);
}

static void order(const uint8_t *bytes, size_t len)
{
	struct dns_target targets[TARGETS] = {0};
	unsigned count = 0, seen = 0;

	state = len;
	for (; count < TARGETS && len >= 4; count++, bytes += 4, len -= 4) {
		targets[count].priority = (uint16_t)(bytes[0] << 8 | bytes[1]);
		targets[count].weight = (uint16_t)(bytes[2] << 8 | bytes[3]);
		targets[count].port = (uint16_t)count;
	}
	dns_targets_order(targets, count, chance);
	for (unsigned i = 0; i < count; i++) {
		fuzz_check(!i || targets[i - 1].priority <= targets[i].priority);
		fuzz_check(!(seen & 1U << targets[i].port));
		seen |= 1U << targets[i].port;
	}
}

static void certificate(const uint8_t *bytes, size_t len)
{
	X509 *read = d2i_X509(NULL, &bytes, (long)len);
	struct err err;

	if (read && tls_match_host(read, STR("xmpp.example.com"), &err) == 0)
		fuzz_check(tls_match_server(read, STR("xmpp.example.com"), &err) == 0);
	if (read)
		tls_match_server(read, STR("192.0.2.1"), &err);
	X509_free(read);
	ERR_clear_error();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static void (*const kinds[])(const uint8_t *bytes, size_t len) = {name, records, order, certificate};

	if (size)
		kinds[input[0] % 4](input + 1, size - 1);
	return 0;
}
