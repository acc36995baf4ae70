/* SPDX-License-Identifier: Apache-2.0 */
#include "net/conn.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/clock.h"
#include "test_net.h"

enum { BIG = 3 * 1024 * 1024 };

static char *pattern(size_t len)
{
	char *bytes = malloc(len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 31 + (i >> 8) * 7 + (i >> 16));
	return bytes;
}

static void echo(struct owner *owner, struct str bytes)
{
	conn_write(owner->conn, bytes);
}

static void test_echo(void)
{
	struct owner owner;
	struct strbuf back = {0};

	owner_open(&owner);
	owner.on_received = echo;
	is_int(send(owner.peer, "hello", 5, 0), 5);
	ok(turn_until(peer_read(owner.peer, &back) > 0));
	is_text(strbuf_view(&back), "hello");
	is_int(conn_traffic(owner.conn).bytes_in, 5);
	is_int(conn_traffic(owner.conn).bytes_out, 5);
	is_int(conn_output(owner.conn), 0);
	ok(conn_peer_port(owner.conn) == 0);
	is_text(conn_peer_text(owner.conn), "unix");
	ok(conn_tls_version(owner.conn) == NULL);
	strbuf_fini(&back);
	owner_close(&owner);
	is_cstr(owner.reason, "end of test");
}

static void test_one_write_a_turn(void)
{
	struct owner owner;
	struct strbuf back = {0};

	owner_open(&owner);
	turn_idle();
	for (int i = 0; i < 100; i++)
		conn_write(owner.conn, STR("0123456789"));
	memcpy(conn_reserve(owner.conn, 100), "end", 3);
	conn_wrote(owner.conn, 3);
	is_int(conn_output(owner.conn), 1003);
	is_int(peer_read(owner.peer, &back), -1);
	worker_turn();
	is_int(peer_read(owner.peer, &back), 1003);
	ok(str_ends(strbuf_view(&back), "789end"));
	conn_reserve(owner.conn, 10);
	conn_wrote(owner.conn, 0);
	turn_idle();
	is_int(conn_output(owner.conn), 0);
	strbuf_fini(&back);
	owner_close(&owner);
}

static void test_big_output(void)
{
	struct owner owner;
	struct strbuf back = {0};
	char *bytes = pattern(BIG);

	owner_open(&owner);
	for (size_t at = 0, part = 1; at < BIG; at += part, part = part * 3 % 20011 + 1) {
		if (part > BIG - at)
			part = BIG - at;
		conn_write(owner.conn, (struct str){bytes + at, part});
	}
	turn_idle();
	ok(conn_output(owner.conn) > CONN_OUTPUT_HIGH);
	is_int(owner.drained, 0);
	ok(turn_until((peer_read(owner.peer, &back), back.len >= BIG)));
	is_int(back.len, BIG);
	ok(memcmp(back.ptr, bytes, BIG) == 0);
	ok(turn_until(owner.drained));
	is_int(owner.drained, 1);
	is_int(conn_output(owner.conn), 0);
	is_int(conn_stalled_ms(owner.conn), 0);
	free(bytes);
	strbuf_fini(&back);
	owner_close(&owner);
}

static void test_big_input(void)
{
	struct owner owner;
	char *bytes = pattern(BIG);
	size_t sent = 0;

	owner_open(&owner);
	while (owner.got.len < BIG && in_time()) {
		ssize_t n = send(owner.peer, bytes + sent, BIG - sent, MSG_DONTWAIT);
		if (n > 0)
			sent += (size_t)n;
		worker_turn();
	}
	is_int(owner.got.len, BIG);
	ok(memcmp(owner.got.ptr, bytes, BIG) == 0);
	free(bytes);
	owner_close(&owner);
}

static void test_pause(void)
{
	struct owner owner;

	owner_open(&owner);
	owner.use = 3;
	send(owner.peer, "abcdefgh", 8, 0);
	ok(turn_until(owner.received));
	send(owner.peer, "ij", 2, 0);
	turn_idle();
	is_int(owner.received, 1);
	is_text(strbuf_view(&owner.got), "abc");
	conn_resume(owner.conn);
	is_int(owner.received, 1);
	ok(turn_until(owner.received == 2));
	is_text(strbuf_view(&owner.got), "abcdef");
	conn_pause(owner.conn);
	conn_resume(owner.conn);
	turn_idle();
	is_int(owner.received, 2);
	owner.use = 0;
	conn_resume(owner.conn);
	ok(turn_until(owner.got.len == 10));
	is_text(strbuf_view(&owner.got), "abcdefghij");
	owner_close(&owner);
}

static void test_pause_hides_the_end(void)
{
	struct owner owner;

	owner_open(&owner);
	conn_pause(owner.conn);
	send(owner.peer, "last", 4, 0);
	shutdown(owner.peer, SHUT_WR);
	turn_idle();
	is_int(owner.received, 0);
	is_int(owner.ended, 0);
	conn_resume(owner.conn);
	ok(turn_until(owner.ended));
	is_text(strbuf_view(&owner.got), "last");
	owner_close(&owner);
}

static void test_shaper(void)
{
	struct owner owner;
	char bytes[5000];

	memset(bytes, 'x', sizeof(bytes));
	clock_fake(0);
	owner_open(&owner);
	conn_set_shaper(owner.conn, 1000, 2000);
	is_int(send(owner.peer, bytes, sizeof(bytes), 0), sizeof(bytes));
	ok(turn_until(owner.got.len >= 2000));
	turn_idle();
	is_int(owner.got.len, 2000);
	clock_fake_advance(500);
	turn_idle();
	is_int(owner.got.len, 2500);
	clock_fake_advance(1500);
	turn_idle();
	is_int(owner.got.len, 4000);
	conn_set_shaper(owner.conn, 0, 0);
	ok(turn_until(owner.got.len == 5000));
	owner_close(&owner);
}

/* A rate below one byte a millisecond must not round to nothing. */
static void test_slow_shaper(void)
{
	struct owner owner;

	clock_fake(0);
	owner_open(&owner);
	conn_set_shaper(owner.conn, 10, 1);
	send(owner.peer, "abcdefghij", 10, 0);
	turn_idle();
	is_int(owner.got.len, 1);
	for (int i = 0; i < 500; i++) {
		clock_fake_advance(1);
		worker_turn();
	}
	ok(owner.got.len >= 4 && owner.got.len <= 6);
	owner_close(&owner);
}

static void test_ended(void)
{
	struct owner owner;
	struct strbuf back = {0};

	owner_open(&owner);
	shutdown(owner.peer, SHUT_WR);
	ok(turn_until(owner.ended));
	turn_idle();
	is_int(owner.ended, 1);
	is_int(owner.gone, 0);
	conn_write(owner.conn, STR("bye"));
	conn_close(owner.conn, 1000);
	ok(turn_until(owner.gone));
	is_cstr(owner.reason, "closed");
	is_int(peer_read(owner.peer, &back), 3);
	is_int(peer_read(owner.peer, &back), 0);
	strbuf_fini(&back);
	owner_close(&owner);
}

static void test_close_flushes(void)
{
	struct owner owner;
	struct strbuf back = {0};
	char *bytes = pattern(BIG);

	owner_open(&owner);
	conn_write(owner.conn, (struct str){bytes, BIG});
	conn_close(owner.conn, 60000);
	send(owner.peer, "ignored", 7, 0);
	ok(turn_until(peer_read(owner.peer, &back) == 0));
	is_int(back.len, BIG);
	turn_idle();
	is_int(owner.gone, 0);
	close(owner.peer);
	owner.peer = -1;
	ok(turn_until(owner.gone));
	is_cstr(owner.reason, "closed");
	is_int(owner.received, 0);
	free(bytes);
	strbuf_fini(&back);
	owner_close(&owner);
}

static void test_close_times_out(void)
{
	struct owner owner;
	char *bytes = pattern(BIG);

	clock_fake(0);
	owner_open(&owner);
	conn_write(owner.conn, (struct str){bytes, BIG});
	turn_idle();
	clock_fake_advance(700);
	is_int(conn_stalled_ms(owner.conn), 700);
	conn_close(owner.conn, 5000);
	turn_idle();
	clock_fake_advance(4999);
	turn_idle();
	is_int(owner.gone, 0);
	clock_fake_advance(1);
	ok(turn_until(owner.gone));
	is_cstr(owner.reason, "closed with output unsent");
	free(bytes);
	owner_close(&owner);
}

static void abort_now(struct owner *owner, struct str bytes)
{
	conn_abort(owner->conn, "had enough");
	is_int(owner->gone, 0);
	conn_write(owner->conn, STR("too late"));
}

static void test_abort_in_received(void)
{
	struct owner owner;

	owner_open(&owner);
	owner.on_received = abort_now;
	send(owner.peer, "abc", 3, 0);
	ok(turn_until(owner.gone));
	is_int(owner.gone, 1);
	is_cstr(owner.reason, "had enough");
	owner_close(&owner);
}

static int tcp_pair(int *accepted_r)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listening = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(listening, (struct sockaddr *)&address, len) < 0 || listen(listening, 1) < 0 ||
	    getsockname(listening, (struct sockaddr *)&address, &len) < 0 ||
	    connect(client, (struct sockaddr *)&address, len) < 0)
		abort();
	*accepted_r = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
	close(listening);
	return client;
}

static void test_reset(void)
{
	struct owner owner = {0};
	struct linger reset = {1, 0};
	int accepted;

	owner.peer = tcp_pair(&accepted);
	owner.conn = conn_new(accepted, NULL);
	conn_set_owner(owner.conn, &owner_ops, &owner);
	turn_idle();
	is_text(conn_peer_text(owner.conn), "127.0.0.1");
	ok(conn_peer_port(owner.conn) > 0);
	setsockopt(owner.peer, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(owner.peer);
	owner.peer = -1;
	ok(turn_until(owner.gone));
	is_cstr(owner.reason, "reset by peer");
	owner_close(&owner);
}

static void test_write_to_the_dead(void)
{
	struct owner owner;

	owner_open(&owner);
	conn_pause(owner.conn);
	turn_idle();
	close(owner.peer);
	owner.peer = -1;
	conn_write(owner.conn, STR("anybody there?"));
	ok(turn_until(owner.gone));
	is_cstr(owner.reason, "reset by peer");
	owner_close(&owner);
}

static void test_mapped_address(void)
{
	struct owner owner = {0};
	struct sockaddr_in6 mapped = {.sin6_family = AF_INET6, .sin6_port = htons(4711)};
	int pair[2];

	inet_pton(AF_INET6, "::ffff:192.0.2.7", &mapped.sin6_addr);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	owner.peer = pair[1];
	owner.conn = conn_new(pair[0], (struct sockaddr *)&mapped);
	conn_set_owner(owner.conn, &owner_ops, &owner);
	is_text(conn_peer_text(owner.conn), "192.0.2.7");
	is_int(conn_peer(owner.conn)->sa_family, AF_INET);
	is_int(conn_peer_port(owner.conn), 4711);
	owner_close(&owner);
}

int main(void)
{
	start_worker();
	run(test_echo);
	run(test_one_write_a_turn);
	run(test_big_output);
	run(test_big_input);
	run(test_pause);
	run(test_pause_hides_the_end);
	run(test_ended);
	run(test_close_flushes);
	run(test_abort_in_received);
	run(test_reset);
	run(test_write_to_the_dead);
	run(test_mapped_address);
	/* From here on time stands still. */
	run(test_shaper);
	run(test_slow_shaper);
	run(test_close_times_out);
	stop_worker();
	return tap_done();
}
