/* SPDX-License-Identifier: Apache-2.0 */
/* Connections to other domains: which host, which address, when the next one, when no more. Hosts are
 * loopback addresses; time is moved by the test. */
#include <netinet/tcp.h>

#include "net/outgoing.h"
#include "test_dns.h"

enum { PLUGS = 8 };

static struct caller {
	struct outgoing *outgoing;
	struct owner owner;
	struct dns_target target;
	unsigned connected, failed;
	enum outgoing_failure failure;
	char reason[320], address[64];
	struct strbuf steps;
	bool close_at_once;
} caller;

static unsigned port;

static void on_connected(void *arg, struct conn *conn, const struct dns_target *target)
{
	caller.connected++;
	caller.target = *target;
	caller.owner = (struct owner){.conn = conn, .peer = -1};
	conn_set_owner(conn, &owner_ops, &caller.owner);
	snprintf(caller.address, sizeof(caller.address), "%.*s", STR_FMT(conn_peer_text(conn)));
	if (caller.close_at_once)
		outgoing_close(&caller.outgoing);
}

static void on_failed(void *arg, enum outgoing_failure failure, const char *reason)
{
	caller.failed++;
	caller.failure = failure;
	caller.outgoing = NULL;
	snprintf(caller.reason, sizeof(caller.reason), "%s", reason);
}

static void on_step(void *arg, const char *text)
{
	strbuf_printf(&caller.steps, "%s\n", text);
}

static const struct outgoing_ops ops = {on_connected, on_failed, on_step};

static void begin(const char *domain)
{
	strbuf_fini(&caller.steps);
	caller = (struct caller){.close_at_once = caller.close_at_once};
	caller.outgoing = outgoing_open(STR("probe.example"), str_of(domain), &ops, NULL);
	ok(!caller.connected && !caller.failed);
}

static void end(void)
{
	outgoing_close(&caller.outgoing);
	if (caller.owner.conn)
		owner_close(&caller.owner);
	strbuf_fini(&caller.steps);
}

static bool over(void)
{
	return caller.connected || caller.failed;
}

static bool said(const char *text)
{
	return caller.steps.ptr && strstr(caller.steps.ptr, text);
}

static union dns_address address_of(const char *text)
{
	union dns_address address;

	if (!dns_literal_read(str_of(text), (uint16_t)port, &address))
		abort();
	return address;
}

static int listen_on(const char *text, int backlog)
{
	union dns_address address = address_of(text);
	bool four = address.any.sa_family == AF_INET;
	int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(fd, &address.any, four ? sizeof(address.in4) : sizeof(address.in6)) < 0 ||
	    listen(fd, backlog) < 0)
		abort();
	return fd;
}

/* A host that says nothing at all: its queue is full, so that the kernel drops whoever knocks. */
struct hole {
	int fd, plugs[PLUGS];
};

static struct hole hole_on(const char *text)
{
	struct hole hole = {.fd = listen_on(text, 0)};
	union dns_address address = address_of(text);

	for (int i = 0; i < PLUGS; i++) {
		hole.plugs[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		connect(hole.plugs[i], &address.any, sizeof(address.in4));
	}
	return hole;
}

static void hole_close(struct hole *hole)
{
	for (int i = 0; i < PLUGS; i++)
		close(hole->plugs[i]);
	close(hole->fd);
}

static void choose_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	bind(fd, (struct sockaddr *)&address, sizeof(address));
	getsockname(fd, (struct sockaddr *)&address, &len);
	port = ntohs(address.sin_port);
	close(fd);
}

/* An SRV record on the chosen port; rows live as long as the program. */
static void srv_row(const char *name, unsigned priority, const char *host)
{
	struct strbuf text = {0};

	strbuf_printf(&text, "%u 0 %u %s", priority, port, host);
	dns_row(name, DNS_SRV, strbuf_take(&text));
}

static void rows_free(void)
{
	for (unsigned i = 0; i < dns_server.count; i++)
		if (dns_server.rows[i].type == DNS_SRV)
			free((char *)dns_server.rows[i].text);
}

static void test_connects(void)
{
	int fd = listen_on("127.0.0.2", 5);

	srv_row("_xmpps-server._tcp.good.example", 1, "a.good.example");
	dns_row("a.good.example", DNS_A, "127.0.0.2");
	begin("good.example");
	ok(turn_until(over()));
	is_int(caller.connected, 1);
	is_cstr(caller.address, "127.0.0.2");
	is_cstr(caller.target.host, "a.good.example");
	is_int(caller.target.port, port);
	ok(caller.target.direct_tls && !caller.target.secure);
	ok(said("trying a.good.example port") && said("127.0.0.2 port") && said("connected\n"));
	/* The connection is alive without the outgoing. */
	outgoing_close(&caller.outgoing);
	int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	conn_write(caller.owner.conn, STR("hello"));
	struct strbuf got = {0};
	ok(turn_until(peer_read(accepted, &got) > 0));
	is_text(strbuf_view(&got), "hello");
	strbuf_fini(&got);
	close(accepted);
	end();
	close(fd);
}

static void test_next_target(void)
{
	int fd = listen_on("127.0.0.3", 5);
	unsigned count;

	srv_row("_xmpp-server._tcp.several.example", 1, "gone.several.example");
	srv_row("_xmpp-server._tcp.several.example", 2, "refuses.several.example");
	srv_row("_xmpp-server._tcp.several.example", 3, "works.several.example");
	srv_row("_xmpp-server._tcp.several.example", 4, "works2.several.example");
	dns_row("refuses.several.example", DNS_A, "127.0.0.77");
	dns_row("works.several.example", DNS_A, "127.0.0.3");
	dns_row("works2.several.example", DNS_A, "127.0.0.3");
	begin("several.example");
	ok(turn_until(over()));
	is_cstr(caller.target.host, "works.several.example");
	ok(said("gone.several.example A: no such name\n"));
	ok(said("127.0.0.77 port") && said("Connection refused\n"));
	outgoing_tlsa(caller.outgoing, &count);
	is_int(count, 0);
	/* Time passes while the owner tries it: that is not our time. */
	clock_fake_advance(60000);
	turn_idle();
	owner_close(&caller.owner);
	outgoing_next(caller.outgoing, "bad certificate");
	ok(turn_until(caller.connected == 2));
	is_cstr(caller.target.host, "works2.several.example");
	owner_close(&caller.owner);
	outgoing_next(caller.outgoing, "bad certificate");
	is_int(caller.failed, 0);
	ok(turn_until(caller.failed));
	is_int(caller.failure, OUTGOING_UNREACHABLE);
	ok(str_starts(str_of(caller.reason), "works2.several.example port "));
	ok(str_ends(str_of(caller.reason), ": bad certificate"));
	end();
	close(fd);
}

static void test_race(void)
{
	struct hole hole = hole_on("127.0.0.4");
	int fd = listen_on("::1", 5);

	srv_row("_xmpp-server._tcp.race.example", 1, "host.race.example");
	dns_row("host.race.example", DNS_A, "127.0.0.4");
	dns_row("host.race.example", DNS_AAAA, "::1");
	dns_configure("outgoing_s2s_families: [ipv4, ipv6]\n");
	begin("race.example");
	ok(turn_until(said("127.0.0.4 port") || over()));
	clock_fake_advance(249);
	turn_idle();
	ok(!said("::1 port") && !over());
	clock_fake_advance(1);
	ok(turn_until(over()));
	is_cstr(caller.address, "::1");
	end();
	/* The other family first: there is no race at all. */
	dns_configure("");
	begin("race.example");
	ok(turn_until(over()));
	is_cstr(caller.address, "::1");
	ok(!said("127.0.0.4 port"));
	end();
	close(fd);
	hole_close(&hole);
}

/* A refusal does not wait for the quarter of a second. */
static void test_refused_address(void)
{
	int fd = listen_on("127.0.0.5", 5);

	srv_row("_xmpp-server._tcp.refuse.example", 1, "host.refuse.example");
	dns_row("host.refuse.example", DNS_AAAA, "::1");
	dns_row("host.refuse.example", DNS_A, "127.0.0.5");
	begin("refuse.example");
	ok(turn_until(over()));
	ok(said("::1 port") && said("Connection refused\n"));
	is_cstr(caller.address, "127.0.0.5");
	end();
	close(fd);
}

static void test_time(void)
{
	struct hole first = hole_on("127.0.0.6"), second = hole_on("127.0.0.7");

	srv_row("_xmpp-server._tcp.holes.example", 1, "first.holes.example");
	srv_row("_xmpp-server._tcp.holes.example", 2, "second.holes.example");
	dns_row("first.holes.example", DNS_A, "127.0.0.6");
	dns_row("second.holes.example", DNS_A, "127.0.0.7");
	begin("holes.example");
	ok(turn_until(said("127.0.0.6 port")));
	clock_fake_advance(4999);
	turn_idle();
	ok(!said("trying second"));
	clock_fake_advance(1);
	ok(turn_until(said("127.0.0.7 port") || over()));
	ok(said("first.holes.example port") && said("no connection in time\n"));
	clock_fake_advance(4999);
	turn_idle();
	ok(!over());
	clock_fake_advance(1);
	turn_idle();
	is_int(caller.failed, 1);
	is_int(caller.failure, OUTGOING_UNREACHABLE);
	ok(str_starts(str_of(caller.reason), "second.holes.example port "));
	end();
	/* Without end. */
	dns_configure("outgoing_s2s_timeout: infinity\n");
	begin("holes.example");
	ok(turn_until(said("127.0.0.6 port")));
	clock_fake_advance(10000000);
	turn_idle();
	ok(!over());
	end();
	dns_configure("");
	hole_close(&first);
	hole_close(&second);
}

static void test_failures(void)
{
	dns_row("_xmpp-server._tcp.off.example", DNS_SRV, str_dup(STR("0 0 0 .")));
	dns_row("sick.example", DNS_SERVFAIL, "");
	begin("off.example");
	ok(turn_until(over()));
	is_int(caller.failure, OUTGOING_REFUSED);
	end();
	begin("nothing.example");
	ok(turn_until(over()));
	is_int(caller.failure, OUTGOING_NOT_FOUND);
	is_cstr(caller.reason, "nothing.example: no address");
	end();
	begin("sick.example");
	ok(turn_until(over()));
	is_int(caller.failure, OUTGOING_DNS);
	end();
	begin("127.0.0.1");
	ok(turn_until(over()));
	is_int(caller.failure, OUTGOING_NOT_FOUND);
	is_cstr(caller.reason, "127.0.0.1: an address is no domain");
	end();
}

static void test_literal_and_source(void)
{
	int fd = listen_on("127.0.0.8", 5);
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	char text[256];

	snprintf(text, sizeof(text),
	    "s2s_allow_literal_addresses: true\noutgoing_s2s_port: %u\noutgoing_s2s_ipv4_address: "
	    "127.0.0.99\n",
	    port);
	dns_configure(text);
	begin("127.0.0.8");
	ok(turn_until(over()));
	is_int(caller.connected, 1);
	int accepted = accept4(fd, (struct sockaddr *)&from, &len, SOCK_CLOEXEC);
	is_int(ntohl(from.sin_addr.s_addr), 0x7f000063);
	close(accepted);
	end();
	dns_configure("outgoing_s2s_ipv4_address: 192.0.2.1\n");
	begin("refuse.example");
	ok(turn_until(over()));
	ok(said("Cannot assign requested address"));
	end();
	dns_configure("");
	close(fd);
}

/* Closed after more and more turns of the loop, and in the very call: nothing comes any more, nothing is
 * lost. */
static void test_close(void)
{
	int fd = listen_on("127.0.0.9", 100);
	unsigned early = 0, late = 0;

	srv_row("_xmpp-server._tcp.cancel.example", 1, "host.cancel.example");
	dns_row("host.cancel.example", DNS_A, "127.0.0.9");
	dns_row("host.cancel.example", DNS_AAAA, "::1");
	for (int i = 0; i < 60; i++) {
		begin("cancel.example");
		for (int turn = 0; turn < i * 10; turn++)
			worker_turn();
		unsigned before = caller.connected;
		*(before ? &late : &early) += 1;
		outgoing_close(&caller.outgoing);
		turn_idle();
		is_int(caller.connected, before);
		is_int(caller.failed, 0);
		end();
		close(accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
	}
	ok(early > 0);
	printf("# %u before it was connected, %u after\n", early, late);
	caller.close_at_once = true;
	begin("cancel.example");
	ok(turn_until(over()));
	ok(caller.outgoing == NULL);
	end();
	caller.close_at_once = false;
	/* While the next one is due. */
	begin("cancel.example");
	ok(turn_until(over()));
	owner_close(&caller.owner);
	outgoing_next(caller.outgoing, "no");
	outgoing_close(&caller.outgoing);
	turn_idle();
	is_int(caller.failed, 0);
	end();
	outgoing_close(&(struct outgoing *){NULL});
	close(fd);
}

int main(void)
{
	dns_start();
	choose_port();
	run(test_connects);
	run(test_next_target);
	run(test_race);
	run(test_refused_address);
	run(test_time);
	run(test_failures);
	run(test_literal_and_source);
	run(test_close);
	dns_stop();
	rows_free();
	return tap_done();
}
