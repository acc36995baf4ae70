/* SPDX-License-Identifier: Apache-2.0 */
#include "net/limits.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/clock.h"
#include "tap.h"

static bool log_due;

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage made = {0};
	struct sockaddr_in *in4 = (struct sockaddr_in *)&made;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&made;

	made.ss_family = AF_INET;
	if (inet_pton(AF_INET, text, &in4->sin_addr) != 1) {
		made.ss_family = AF_INET6;
		inet_pton(AF_INET6, text, &in6->sin6_addr);
	}
	return made;
}

static enum limit_verdict enter(const char *text, struct limit_peer **peer)
{
	struct sockaddr_storage from = address(text);

	return limits_peer_enter((struct sockaddr *)&from, peer, &log_due);
}

static void test_connections(void)
{
	limits_set(&(struct limits){2, LIMITS_NONE, LIMITS_NONE});
	is_int(limits_enter(), LIMIT_ADMITTED);
	is_int(limits_enter(), LIMIT_ADMITTED);
	is_int(limits_enter(), LIMIT_CONNECTIONS);
	is_int(limits_connections(), 2);
	limits_leave();
	is_int(limits_enter(), LIMIT_ADMITTED);
	limits_leave();
	limits_leave();
}

static void test_per_address(void)
{
	struct limit_peer *peers[4];

	limits_set(&(struct limits){LIMITS_NONE, 2, LIMITS_NONE});
	is_int(enter("192.0.2.1", &peers[0]), LIMIT_ADMITTED);
	is_int(enter("192.0.2.1", &peers[1]), LIMIT_ADMITTED);
	ok(!log_due);
	is_int(enter("192.0.2.1", &peers[2]), LIMIT_PER_ADDRESS);
	ok(log_due);
	ok(!peers[2]);
	is_int(enter("192.0.2.1", &peers[2]), LIMIT_PER_ADDRESS);
	ok(!log_due);
	clock_fake_advance(60000);
	is_int(enter("192.0.2.1", &peers[2]), LIMIT_PER_ADDRESS);
	ok(log_due);
	is_int(enter("192.0.2.2", &peers[2]), LIMIT_ADMITTED);
	limits_peer_leave(&peers[0]);
	ok(!peers[0]);
	is_int(enter("192.0.2.1", &peers[0]), LIMIT_ADMITTED);
	for (int i = 0; i < 3; i++)
		limits_peer_leave(&peers[i]);
}

static void test_networks(void)
{
	struct limit_peer *peers[3], *none;

	limits_set(&(struct limits){LIMITS_NONE, 1, LIMITS_NONE});
	is_int(enter("2001:db8:0:1::1", &peers[0]), LIMIT_ADMITTED);
	is_int(enter("2001:db8:0:1:ffff::2", &none), LIMIT_PER_ADDRESS);
	is_int(enter("2001:db8:0:2::1", &peers[1]), LIMIT_ADMITTED);
	limits_peer_leave(&peers[0]);
	limits_peer_leave(&peers[1]);
}

static void test_not_limited(void)
{
	struct sockaddr unix_address = {.sa_family = AF_UNIX};
	struct limit_peer *peer;

	limits_set(&(struct limits){LIMITS_NONE, 1, 1});
	for (int i = 0; i < 3; i++) {
		is_int(enter("127.0.0.1", &peer), LIMIT_ADMITTED);
		is_int(enter("127.9.9.9", &peer), LIMIT_ADMITTED);
		is_int(enter("::1", &peer), LIMIT_ADMITTED);
		is_int(limits_peer_enter(&unix_address, &peer, &log_due), LIMIT_ADMITTED);
	}
	limits_peer_leave(&peer);
}

static void test_rate(void)
{
	struct limit_peer *peer;

	limits_set(&(struct limits){LIMITS_NONE, LIMITS_NONE, 6});
	for (int i = 0; i < 6; i++) {
		is_int(enter("198.51.100.1", &peer), LIMIT_ADMITTED);
		limits_peer_leave(&peer);
	}
	is_int(enter("198.51.100.1", &peer), LIMIT_RATE);
	clock_fake_advance(9999);
	is_int(enter("198.51.100.1", &peer), LIMIT_RATE);
	clock_fake_advance(2);
	is_int(enter("198.51.100.1", &peer), LIMIT_ADMITTED);
	limits_peer_leave(&peer);
	is_int(enter("198.51.100.1", &peer), LIMIT_RATE);
	clock_fake_advance(3600 * 1000);
	for (int i = 0; i < 6; i++) {
		is_int(enter("198.51.100.1", &peer), LIMIT_ADMITTED);
		limits_peer_leave(&peer);
	}
	is_int(enter("198.51.100.1", &peer), LIMIT_RATE);
}

static void test_bounded(void)
{
	struct limit_peer *held, *peer;
	char text[32];

	limits_set(&(struct limits){LIMITS_NONE, 1, LIMITS_NONE});
	is_int(enter("203.0.113.1", &held), LIMIT_ADMITTED);
	for (unsigned i = 0; i < 40000; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.1", i >> 8, i & 255);
		if (enter(text, &peer) == LIMIT_ADMITTED)
			limits_peer_leave(&peer);
	}
	ok(limits_addresses() <= 16384 + 1);
	is_int(enter("203.0.113.1", &peer), LIMIT_PER_ADDRESS);
	limits_peer_leave(&held);
}

int main(void)
{
	clock_fake(0);
	run(test_connections);
	run(test_per_address);
	run(test_networks);
	run(test_not_limited);
	run(test_rate);
	run(test_bounded);
	limits_fini();
	is_int(limits_addresses(), 0);
	return tap_done();
}
