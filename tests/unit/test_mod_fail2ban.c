/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_fail2ban/bans.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "base/clock.h"
#include "stanzad/option.h"
#include "tap.h"

#define NOW INT64_C(1800000000000000)
#define LIFETIME_MS 60000

static const struct sockaddr *address(const char *text)
{
	static struct sockaddr_in6 in6;
	static struct sockaddr_in in4;
	in6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
	in4 = (struct sockaddr_in){.sin_family = AF_INET};
	if (inet_pton(AF_INET, text, &in4.sin_addr) == 1)
		return (const struct sockaddr *)&in4;
	inet_pton(AF_INET6, text, &in6.sin6_addr);
	return (const struct sockaddr *)&in6;
}

static bool is_banned(const char *text)
{
	int64_t until_us;
	return bans_check(address(text), &until_us);
}

static void ban(const char *text)
{
	while (!bans_failed(address(text), 3, LIFETIME_MS))
		;
}

static unsigned lift(const char *text)
{
	struct ip_network network;
	return ip_network_parse(str_of(text), &network) ? bans_lift(&network) : 99;
}

static void test_ban(void)
{
	int64_t until_us = 0;
	ok(!bans_failed(address("192.0.2.1"), 3, LIFETIME_MS));
	ok(!bans_failed(address("192.0.2.1"), 3, LIFETIME_MS));
	ok(!is_banned("192.0.2.1"));
	clock_fake_advance(LIFETIME_MS - 1);
	ok(bans_failed(address("192.0.2.1"), 3, LIFETIME_MS));
	ok(bans_check(address("192.0.2.1"), &until_us));
	is_int(until_us, NOW + (2 * LIFETIME_MS - 1) * 1000);
	ok(!is_banned("192.0.2.2"));
	ok(is_banned("::ffff:192.0.2.1"));
	clock_fake_advance(LIFETIME_MS - 1);
	ok(is_banned("192.0.2.1"));
	clock_fake_advance(1);
	ok(!is_banned("192.0.2.1"));
}

static void test_failures_are_forgotten(void)
{
	ok(!bans_failed(address("2001:db8::1"), 2, LIFETIME_MS));
	clock_fake_advance(LIFETIME_MS);
	ok(!bans_failed(address("2001:db8::1"), 2, LIFETIME_MS));
	bans_succeeded(address("2001:db8::1"));
	ok(!bans_failed(address("2001:db8::1"), 2, LIFETIME_MS));
	ok(bans_failed(address("2001:db8::1"), 2, LIFETIME_MS));
	/* Trying on does not make the ban longer. */
	clock_fake_advance(LIFETIME_MS - 1);
	ok(bans_failed(address("2001:db8::1"), 2, LIFETIME_MS));
	clock_fake_advance(1);
	ok(!is_banned("2001:db8::1"));
}

static void test_for_ever(void)
{
	int64_t until_us = 0;
	ok(bans_failed(address("192.0.2.9"), 1, OPTION_INFINITE));
	clock_fake_advance(UINT64_C(86400000) * 365);
	ok(bans_check(address("192.0.2.9"), &until_us));
	is_int(until_us, INT64_MAX);
	is_int(lift("192.0.2.9"), 1);
}

static void test_lift(void)
{
	ban("192.0.2.1");
	ban("192.0.2.77");
	ban("198.51.100.1");
	ban("2001:db8::1");
	is_int(lift("203.0.113.0/24"), 0);
	is_int(lift("192.0.2.0/24"), 2);
	ok(!is_banned("192.0.2.1"));
	ok(is_banned("198.51.100.1"));
	is_int(lift("::ffff:198.51.100.1/128"), 1);
	is_int(lift("2001:db8::/32"), 1);
	ok(!is_banned("2001:db8::1"));
	bans_failed(address("192.0.2.1"), 3, LIFETIME_MS);
	is_int(lift("0.0.0.0/0"), 0);
}

static void test_other_families(void)
{
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	int64_t until_us;
	ok(!bans_failed((const struct sockaddr *)&local, 1, LIFETIME_MS));
	ok(!bans_check((const struct sockaddr *)&local, &until_us));
	bans_succeeded((const struct sockaddr *)&local);
	ok(!bans_failed(NULL, 1, LIFETIME_MS));
}

static void test_bound(void)
{
	char text[32];
	ban("192.0.2.1");
	for (unsigned i = 0; i < BANS_MAX; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
		bans_failed(address(text), 1, LIFETIME_MS);
	}
	ok(!is_banned("192.0.2.1"));
	ok(is_banned("10.0.0.0"));
	is_int(lift("10.0.0.0/8"), BANS_MAX);
}

int main(void)
{
	clock_fake(NOW);
	run(test_ban);
	run(test_failures_are_forgotten);
	run(test_for_ever);
	run(test_lift);
	run(test_other_families);
	run(test_bound);
	bans_fini();
	return tap_done();
}
