/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/scalar.h"

#include "conf/ip.h"
#include "conf/nearest.h"
#include "conf/pattern.h"
#include "tap.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

static int64_t duration(const char *text)
{
	int64_t value = -1;

	return scalar_duration(str_of(text), &value) ? value : -1;
}

static int64_t size(const char *text)
{
	int64_t value = -1;

	return scalar_size(str_of(text), &value) ? value : -1;
}

static void test_duration(void)
{
	is_int(duration("90"), 90000);
	is_int(duration("0"), 0);
	is_int(duration("10 minutes"), 600000);
	is_int(duration("5 min"), 300000);
	is_int(duration("5min"), 300000);
	is_int(duration("1 m"), 60000);
	is_int(duration("250 ms"), 250);
	is_int(duration("1.5 h"), 5400000);
	is_int(duration("2 Hours"), 7200000);
	is_int(duration("72 hours"), 72 * 3600000LL);
	is_int(duration("1 day"), 86400000);
	is_int(duration("3 d"), 3 * 86400000LL);
	is_int(duration("1 second"), 1000);
	is_int(duration("  30 sec "), 30000);
	is_int(duration("-1"), -1);
	is_int(duration("-5 s"), -1);
	is_int(duration("1.5 ms"), -1);
	is_int(duration("5 fortnights"), -1);
	is_int(duration("minutes"), -1);
	is_int(duration(""), -1);
	is_int(duration("1. s"), -1);
	is_int(duration("9223372036854775807"), -1);
	is_int(duration("9223372036854775 days"), -1);
}

static void test_size(void)
{
	is_int(size("65536"), 65536);
	is_int(size("64 KiB"), 65536);
	is_int(size("10MB"), 10000000);
	is_int(size("1.5 kb"), 1500);
	is_int(size("1 GiB"), 1 << 30);
	is_int(size("12 bytes"), 12);
	is_int(size("12 pounds"), -1);
	is_int(size("9223372036854775808"), -1);
	is_int(size("99999999999999999 GiB"), -1);
}

static void test_words(void)
{
	bool value = false;

	ok(scalar_bool(STR("yes"), &value) && value);
	ok(scalar_bool(STR("Off"), &value) && !value);
	ok(scalar_bool(STR("on"), &value) && value);
	ok(!scalar_bool(STR("1"), &value));
	ok(!scalar_bool(STR(""), &value));
	ok(scalar_is_infinity(STR("unlimited")));
	ok(scalar_is_infinity(STR("infinity")));
	ok(!scalar_is_infinity(STR("inf")));
	is_int(scalar_word("a|bc|d", STR("bc")), 1);
	is_int(scalar_word("a|bc|d", STR("b")), -1);
	is_int(scalar_word("a|bc|d", STR("")), -1);
	is_text(scalar_word_at("a|bc|d", 2), "d");
}

static void test_nearest(void)
{
	struct nearest nearest = {.word = STR("hots")};

	is_int(nearest_distance(STR("hots"), STR("hosts"), 3), 1);
	is_int(nearest_distance(STR("abcd"), STR("abdc"), 3), 1);
	is_int(nearest_distance(STR("kitten"), STR("sitting"), 3), 3);
	is_int(nearest_distance(STR("kitten"), STR("sitting"), 2), 3);
	is_int(nearest_distance(STR("same"), STR("same"), 1), 0);
	nearest_try_words(&nearest, "ports|shots|hosts|listen");
	is_text(nearest.best, "hosts");
	nearest = (struct nearest){.word = STR("qwertz")};
	nearest_try_words(&nearest, "hosts|listen");
	ok(!nearest.best.ptr);
}

static bool in_network(const char *network, const char *address)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct ip_network parsed;

	if (!ip_network_parse(str_of(network), &parsed))
		return false;
	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
		return ip_network_has(&parsed, (struct sockaddr *)&v4);
	inet_pton(AF_INET6, address, &v6.sin6_addr);
	return ip_network_has(&parsed, (struct sockaddr *)&v6);
}

static void test_networks(void)
{
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	struct ip_network network;

	ok(in_network("127.0.0.1/8", "127.9.9.9"));
	ok(!in_network("127.0.0.1/8", "128.0.0.1"));
	ok(in_network("127.0.0.0/8", "::ffff:127.0.0.1"));
	ok(in_network("::ffff:10.0.0.0/104", "10.1.2.3"));
	ok(in_network("::1", "::1"));
	ok(!in_network("::1/128", "::2"));
	ok(in_network("2001:db8::/33", "2001:db8:7fff::1"));
	ok(!in_network("2001:db8::/33", "2001:db8:8000::1"));
	ok(in_network("0.0.0.0/0", "203.0.113.9"));
	ok(!in_network("0.0.0.0/0", "2001:db8::1"));
	ok(in_network("::/0", "203.0.113.9"));
	ok(!ip_network_parse(STR("10.0.0.0/33"), &network));
	ok(!ip_network_parse(STR("10.0.0.0/"), &network));
	ok(!ip_network_parse(STR("10.0.0"), &network));
	ok(!ip_network_parse(STR(""), &network));
	ok(ip_network_parse(STR("::/0"), &network) && !ip_network_has(&network, (struct sockaddr *)&local));
	ok(!ip_network_has(&network, NULL));
}

static bool matches(const char *pattern, bool glob, const char *subject)
{
	struct arena arena = {0};
	struct pattern *all = NULL;
	const struct pattern *made = pattern_new(str_of(pattern), glob, &arena, &all, NULL);
	bool result = made && pattern_match(made, str_of(subject));

	pattern_free_all(all);
	arena_fini(&arena);
	return result;
}

static void test_globs(void)
{
	ok(matches("*", true, ""));
	ok(matches("*", true, "abc"));
	ok(!matches("", true, "a"));
	ok(matches("", true, ""));
	ok(matches("a*c", true, "abbbc"));
	ok(!matches("a*c", true, "abbb"));
	ok(matches("*ab*ab*", true, "xabyabz"));
	ok(!matches("*ab*ab*", true, "xabyaz"));
	ok(matches("a?c", true,
	    "a\xc3\xa4"
	    "c"));
	ok(!matches("a?c", true, "ac"));
	ok(matches("test[0-9]", true, "test7"));
	ok(!matches("test[!0-9]", true, "test7"));
	ok(matches("test[!0-9]", true, "testx"));
	ok(matches("[]x]", true, "]"));
	ok(matches("a[b", true, "a[b"));
	ok(!matches("a.c", true, "abc"));
}

static void test_regexps(void)
{
	ok(matches("", false, ""));
	ok(matches("", false, "anything"));
	ok(matches("^test[0-9]*$", false, "test42"));
	ok(!matches("^test[0-9]*$", false, "testing"));
	ok(matches("est", false, "testing"));
	ok(matches("^.$", false, "\xc3\xa4"));
	ok(!matches("([", false, "(["));
	/* It would take ages; it is cut off and does not match. */
	ok(!matches("^(a+)+$", false, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"));
}

int main(void)
{
	run(test_duration);
	run(test_size);
	run(test_words);
	run(test_nearest);
	run(test_networks);
	run(test_globs);
	run(test_regexps);
	return tap_done();
}
