/* SPDX-License-Identifier: Apache-2.0 */
/* DNS records from bytes, literal addresses, and the order of SRV records. */
#include <arpa/inet.h>

#include "net/dns_internal.h"
#include "tap.h"

static bool name_is(const char *bytes, size_t len, const char *want)
{
	char got[DNS_NAME_SIZE];

	return dns_name_read((const unsigned char *)bytes, len, got) && strcmp(got, want) == 0;
}

static bool refused(const char *bytes, size_t len)
{
	char got[DNS_NAME_SIZE];

	return !dns_name_read((const unsigned char *)bytes, len, got);
}

#define BYTES(literal) (literal), sizeof(literal) - 1

static void test_names(void)
{
	unsigned char longest[260];

	ok(name_is(BYTES("\4xmpp\7example\0"), "xmpp.example"));
	ok(name_is(BYTES("\4XMpp\7Example\0"), "xmpp.example"));
	ok(name_is(BYTES("\0"), ""));
	ok(name_is(BYTES("\1_\1-\0"), "_.-"));
	ok(refused(BYTES("")));
	ok(refused(BYTES("\4xmpp")));
	ok(refused(BYTES("\4xmp\0")));
	ok(refused(BYTES("\4xmpp\0\0")));
	ok(refused(BYTES("\4x.pp\0")));
	ok(refused(BYTES("\4x\0pp\0")));
	ok(refused(BYTES("\4x\npp\0")));
	ok(refused(BYTES("\xc0\x0c")));
	memset(longest, 'a', sizeof(longest));
	for (int i = 0; i < 256; i += 64)
		longest[i] = 63;
	longest[254] = 0;
	longest[192] = 61;
	ok(!refused((char *)longest, 255));
	longest[256] = 0;
	longest[192] = 63;
	ok(refused((char *)longest, 257));
}

static void test_srv(void)
{
	struct dns_target target;

	ok(dns_srv_read((unsigned char *)"\0\5\1\0\x14\x95\1a\0", 9, &target));
	is_int(target.priority, 5);
	is_int(target.weight, 256);
	is_int(target.port, 5269);
	is_cstr(target.host, "a");
	ok(dns_srv_read((unsigned char *)"\0\0\0\0\0\0\0", 7, &target));
	is_cstr(target.host, "");
	ok(!dns_srv_read((unsigned char *)"\0\0\0\0\0\0", 6, &target));
	ok(!dns_srv_read((unsigned char *)"\0\0\0\0\0\0\1a\0", 9, &target));
	ok(!dns_srv_read((unsigned char *)"\0\0\0\0\0\1\1a", 8, &target));
}

static void test_tlsa(void)
{
	struct dns_tlsa tlsa;

	ok(dns_tlsa_read((unsigned char *)"\3\1\1xyz", 6, &tlsa));
	is_int(tlsa.usage, 3);
	is_int(tlsa.selector, 1);
	is_int(tlsa.matching, 1);
	is_int(tlsa.len, 3);
	ok(memcmp(tlsa.bytes, "xyz", 3) == 0);
	free(tlsa.bytes);
	ok(!dns_tlsa_read((unsigned char *)"\3\1\1", 3, &tlsa));
	ok(!dns_tlsa_read((unsigned char *)"", 0, &tlsa));
	ok(!dns_tlsa_read((unsigned char *)"", 9000, &tlsa));
}

static const char *literal(const char *text)
{
	static char out[80];
	union dns_address address;

	return dns_literal_read(str_of(text), 5269, &address) ? dns_address_text(&address, out) : "none";
}

static void test_literals(void)
{
	static const char *const none[] = {"", "[]", "[", "]", "192.0.2", "192.0.2.256", "192.0.2.1.", "1",
	    "127.1", "0x7f.1", "example.com", "[2001:db8::1", "::1]", "fe80::1%lo", "192.0.2.1:5269",
	    "2001:db8:0:0:0:0:0:0:1", "1111111111111111111111111111111111111111111111111111111"};

	is_cstr(literal("192.0.2.1"), "192.0.2.1 port 5269");
	is_cstr(literal("[2001:db8::1]"), "2001:db8::1 port 5269");
	is_cstr(literal("2001:db8::1"), "2001:db8::1 port 5269");
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (!is_cstr(literal(none[i]), "none"))
			printf("# %s\n", none[i]);
}

static uint64_t least(uint64_t n)
{
	return 0;
}

static uint64_t most(uint64_t n)
{
	return n;
}

static uint64_t state = 1;

static uint64_t dice(uint64_t n)
{
	state = state * 6364136223846793005U + 1442695040888963407U;
	return (state >> 33) % (n + 1);
}

/* "priority/weight ..." in the order that came out. */
static const char *ordered(uint64_t (*chance)(uint64_t n), const unsigned (*rows)[2], unsigned count)
{
	static char text[256];
	struct dns_target targets[16] = {0};
	size_t used = 0;

	for (unsigned i = 0; i < count; i++) {
		targets[i].priority = (uint16_t)rows[i][0];
		targets[i].weight = (uint16_t)rows[i][1];
	}
	dns_targets_order(targets, count, chance);
	text[0] = 0;
	for (unsigned i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u/%u", i ? " " : "",
		    targets[i].priority, targets[i].weight);
	return text;
}

static void test_order(void)
{
	static const unsigned mixed[][2] = {{20, 1}, {10, 5}, {65535, 9}, {20, 0}, {10, 60}, {0, 0}};

	is_cstr(ordered(least, mixed, 6), "0/0 10/5 10/60 20/0 20/1 65535/9");
	is_cstr(ordered(most, mixed, 6), "0/0 10/60 10/5 20/1 20/0 65535/9");
	is_cstr(ordered(most, mixed, 0), "");
	is_cstr(ordered(most, mixed, 1), "20/1");
}

/* How often of 10000 the first one has that weight. */
static unsigned first_has(const unsigned (*rows)[2], unsigned count, unsigned weight)
{
	unsigned hits = 0;

	for (int i = 0; i < 10000; i++) {
		struct dns_target targets[16] = {0};
		for (unsigned r = 0; r < count; r++)
			targets[r].weight = (uint16_t)rows[r][1];
		dns_targets_order(targets, count, dice);
		hits += targets[0].weight == weight;
	}
	return hits;
}

static void test_weights(void)
{
	static const unsigned weighted[][2] = {{0, 10}, {0, 60}, {0, 30}};
	static const unsigned with_zero[][2] = {{0, 100}, {0, 0}};
	unsigned zeros[4] = {0};
	unsigned often = first_has(weighted, 3, 60);

	ok(often > 5700 && often < 6300);
	often = first_has(weighted, 3, 10);
	ok(often > 800 && often < 1300);
	often = first_has(with_zero, 2, 0);
	ok(often > 20 && often < 250);
	/* All of weight 0: each is the first one as often. */
	for (int i = 0; i < 10000; i++) {
		struct dns_target targets[4] = {{.port = 0}, {.port = 1}, {.port = 2}, {.port = 3}};
		dns_targets_order(targets, 4, dice);
		zeros[targets[0].port]++;
	}
	for (int i = 0; i < 4; i++)
		ok(zeros[i] > 2200 && zeros[i] < 2800);
}

int main(void)
{
	run(test_names);
	run(test_srv);
	run(test_tlsa);
	run(test_literals);
	run(test_order);
	run(test_weights);
	return tap_done();
}
