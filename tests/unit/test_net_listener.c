/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners as the configuration lists them: ports, Unix sockets, PROXY headers, limits, direct TLS, reload.
 */
#include "net/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/un.h>

#include "base/clock.h"
#include "net/internal.h"
#include "test_net_tls.h"

static struct owner owner; /* of the last connection that was accepted */
static unsigned accepted_count;
static bool accepted_starttls;

static void on_accepted(struct conn *conn, const struct conf_listener *listener, struct conf *conf)
{
	accepted_count++;
	accepted_starttls = conf_listener_get(listener, "starttls")->boolean;
	is_int(conf_listener_count(conf) > 0, 1);
	owner.conn = conn;
	conn_set_owner(conn, &owner_ops, &owner);
}

static const struct listener_kind c2s = {"ejabberd_c2s", on_accepted, "xmpp-client"};

static int connect_to(const struct sockaddr *address, socklen_t len)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, address, len) < 0) {
		close(fd);
		return -1;
	}
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static int connect_port(const char *ip, unsigned port)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

	if (inet_pton(AF_INET, ip, &in4.sin_addr) == 1)
		return connect_to((struct sockaddr *)&in4, sizeof(in4));
	inet_pton(AF_INET6, ip, &in6.sin6_addr);
	return connect_to((struct sockaddr *)&in6, sizeof(in6));
}

static int connect_path(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return connect_to((struct sockaddr *)&address, sizeof(address));
}

static unsigned free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	bind(fd, (struct sockaddr *)&address, len);
	getsockname(fd, (struct sockaddr *)&address, &len);
	close(fd);
	return ntohs(address.sin_port);
}

/* Applies a configuration; the previous one is let go. */
static int apply(bool all_or_nothing, struct err *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int apply(bool all_or_nothing, struct err *err, const char *format, ...)
{
	struct strbuf text = {0};
	struct conf_report report = {0};
	struct conf *conf;
	va_list args;
	int rc = -1;

	err->text[0] = 0;
	strbuf_cstr(&text, "hosts: [localhost]\n");
	va_start(args, format);
	strbuf_vprintf(&text, format, args);
	va_end(args);
	if (conf_load_text(strbuf_view(&text), "test.yml", &conf, &report) < 0) {
		for (size_t i = 0; i < report.count; i++)
			printf("# line %u: %s\n", report.problems[i].line, report.problems[i].text);
	} else {
		rc = tls_apply(conf, directory, err);
		if (rc == 0)
			rc = listeners_apply(conf, all_or_nothing, err);
		conf_unref(&conf);
	}
	conf_report_fini(&report);
	strbuf_fini(&text);
	turn_idle();
	return rc;
}

static unsigned listed;
static struct strbuf listing;

static void on_listed(void *arg, const char *module, const char *address, unsigned port, bool tls)
{
	listed++;
	strbuf_printf(&listing, "%s %s %u%s;", module, address, port, tls ? " tls" : "");
}

static const char *list(void)
{
	listed = 0;
	strbuf_reset(&listing);
	listeners_each(on_listed, NULL);
	return listing.len ? listing.ptr : "";
}

static bool accepted(unsigned before)
{
	return turn_until(accepted_count > before);
}

static void drop(int *fd)
{
	owner.peer = *fd;
	owner_close(&owner);
	owner = (struct owner){0};
	*fd = -1;
}

static void echo(struct owner *who, struct str bytes)
{
	conn_write(who->conn, bytes);
}

static void test_port(void)
{
	struct err err;
	struct strbuf back = {0};
	unsigned port = free_port(), before = accepted_count;

	is_int(apply(true, &err,
		   "listen: [{port: %u, ip: 127.0.0.1, module: ejabberd_c2s, starttls: true}]\n", port),
	    0);
	strbuf_reset(&back);
	strbuf_printf(&back, "ejabberd_c2s 127.0.0.1 %u;", port);
	is_cstr(list(), back.ptr);
	owner = (struct owner){.on_received = echo};
	int fd = connect_port("127.0.0.1", port);
	ok(accepted(before));
	ok(accepted_starttls);
	is_text(conn_peer_text(owner.conn), "127.0.0.1");
	is_int(listeners_connections(), 1);
	send(fd, "ping", 4, 0);
	strbuf_reset(&back);
	ok(turn_until(peer_read(fd, &back) > 0));
	is_text(strbuf_view(&back), "ping");
	drop(&fd);
	is_int(listeners_connections(), 0);
	strbuf_fini(&back);
}

static void test_reload(void)
{
	struct err err;
	unsigned one = free_port(), two = free_port(), before = accepted_count;
	int taken = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	bind(taken, (struct sockaddr *)&address, len);
	listen(taken, 1);
	getsockname(taken, (struct sockaddr *)&address, &len);
	is_int(apply(true, &err, "listen: [{port: %u, ip: 127.0.0.1, module: ejabberd_c2s}]\n", one), 0);
	int first = connect_port("127.0.0.1", one);
	ok(accepted(before));
	ok(!accepted_starttls);
	ok(apply(true, &err,
	       "listen: [{port: %u, ip: 127.0.0.1, module: ejabberd_c2s},"
	       "{port: %u, ip: 127.0.0.1, module: ejabberd_c2s}]\n",
	       two, ntohs(address.sin_port)) < 0);
	ok(strstr(err.text, "cannot listen on port"));
	list();
	is_int(listed, 1);
	is_int(connect_port("127.0.0.1", two), -1);
	ok(apply(false, &err,
	       "listen: [{port: %u, ip: 127.0.0.1, module: ejabberd_c2s},"
	       "{port: %u, ip: 127.0.0.1, module: ejabberd_c2s, starttls: true},"
	       "{port: %u, ip: 127.0.0.1, module: ejabberd_c2s}]\n",
	       ntohs(address.sin_port), one, two) < 0);
	list();
	is_int(listed, 2);
	before = accepted_count;
	struct owner old = owner;
	conn_set_owner(owner.conn, &owner_ops, &old);
	int second = connect_port("127.0.0.1", one);
	ok(accepted(before));
	ok(accepted_starttls);
	drop(&second);
	is_int(apply(true, &err, "listen: [{port: %u, ip: 127.0.0.1, module: ejabberd_c2s}]\n", two), 0);
	is_int(connect_port("127.0.0.1", one), -1);
	send(first, "still here", 10, 0);
	ok(turn_until(old.got.len == 10));
	old.peer = first;
	owner_close(&old);
	close(taken);
}

static void test_both_families(void)
{
	struct err err;
	unsigned port = free_port(), before = accepted_count;

	is_int(apply(true, &err, "listen: [{port: %u, ip: '::', module: ejabberd_c2s}]\n", port), 0);
	int fd = connect_port("127.0.0.1", port);
	ok(accepted(before));
	is_text(conn_peer_text(owner.conn), "127.0.0.1");
	drop(&fd);
	before = accepted_count;
	fd = connect_port("::1", port);
	if (fd < 0) {
		skip("no IPv6 here");
		return;
	}
	ok(accepted(before));
	is_text(conn_peer_text(owner.conn), "::1");
	drop(&fd);
}

static void test_unix_socket(void)
{
	struct err err;
	struct stat status;
	unsigned before = accepted_count;
	static const char listen_there[] =
	    "listen: [{port: 'unix:c2s.sock', module: ejabberd_c2s, unix_socket: {mode: '0620'}}]\n";

	is_int(apply(true, &err, "%s", listen_there), 0);
	is_int(stat(file_name("c2s.sock"), &status), 0);
	is_int(status.st_mode & 07777, 0620);
	ok(stat(file_name("c2s.sock~"), &status) < 0);
	int fd = connect_path(file_name("c2s.sock"));
	ok(accepted(before));
	is_text(conn_peer_text(owner.conn), "unix");
	drop(&fd);
	/* A second server, here another name of the same file. */
	ok(apply(true, &err, "listen: [{port: 'unix:./c2s.sock', module: ejabberd_c2s}]\n") < 0);
	ok(strstr(err.text, "somebody listens"));
	/* It asked by connecting. */
	fd = -1;
	drop(&fd);
	is_int(apply(true, &err, "listen: []\n"), 0);
	ok(stat(file_name("c2s.sock"), &status) < 0);
	/* What a killed server leaves behind is replaced. */
	struct sockaddr_un left = {.sun_family = AF_UNIX};
	snprintf(left.sun_path, sizeof(left.sun_path), "%s", file_name("c2s.sock"));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(fd, (struct sockaddr *)&left, sizeof(left));
	close(fd);
	is_int(apply(true, &err, "%s", listen_there), 0);
	before = accepted_count;
	fd = connect_path(file_name("c2s.sock"));
	ok(accepted(before));
	drop(&fd);
	FILE *file = fopen(file_name("plain"), "w");
	fclose(file);
	ok(apply(true, &err, "listen: [{port: 'unix:plain', module: ejabberd_c2s}]\n") < 0);
	ok(strstr(err.text, "is no socket"));
}

static const char proxy_listener[] =
    "listen: [{port: 'unix:proxy.sock', module: ejabberd_c2s, use_proxy_protocol: true%s}]\n%s";

static int connect_proxy(struct str bytes)
{
	int fd = connect_path(file_name("proxy.sock"));

	send(fd, bytes.ptr, bytes.len, 0);
	turn_idle();
	return fd;
}

static bool is_closed(int fd)
{
	struct strbuf nothing = {0};
	ssize_t n;
	bool closed = turn_until((n = peer_read(fd, &nothing)) == 0 || (n < 0 && errno == ECONNRESET));

	strbuf_fini(&nothing);
	close(fd);
	return closed;
}

static void test_proxy(void)
{
	struct err err;
	unsigned before = accepted_count;

	is_int(apply(true, &err, proxy_listener, "", ""), 0);
	int fd = connect_proxy(STR("PROXY TCP4 192.0.2.1 198.51.100.2 4711 5222\r\n<stream"));
	ok(accepted(before));
	is_text(conn_peer_text(owner.conn), "192.0.2.1");
	is_int(conn_peer_port(owner.conn), 4711);
	ok(turn_until(owner.got.len == 7));
	is_text(strbuf_view(&owner.got), "<stream");
	drop(&fd);
	before = accepted_count;
	fd = connect_proxy(STR("PROXY TCP6 2001:db"));
	for (const char *at = "8::1 ::1 1 2\r\nabc"; *at; at++) {
		send(fd, at, 1, 0);
		turn_idle();
	}
	is_int(accepted_count, before + 1);
	is_text(conn_peer_text(owner.conn), "2001:db8::1");
	is_text(strbuf_view(&owner.got), "abc");
	drop(&fd);
	fd = connect_proxy(STR("PROXY UNKNOWN\r\n"));
	is_text(conn_peer_text(owner.conn), "unix");
	drop(&fd);
}

static void test_proxy_malformed(void)
{
	unsigned before = accepted_count;

	ok(is_closed(connect_proxy(STR("<?xml version='1.0'?>"))));
	ok(is_closed(connect_proxy(STR("PROXY TCP4 1.2.3.4\r\n"))));
	int fd = connect_proxy(STR("PROXY TCP"));
	shutdown(fd, SHUT_WR);
	ok(is_closed(fd));
	is_int(listeners_connections(), 0);
	is_int(accepted_count, before);
}

static void test_limits(void)
{
	static const char header[] = "PROXY TCP4 192.0.2.55 198.51.100.2 4711 5222\r\n";
	struct err err;
	uint64_t refused = listeners_refused();
	struct owner kept[2];
	int fds[2];

	is_int(apply(true, &err, proxy_listener, "", "max_connections_per_ip: 2\nmax_connections: 3\n"), 0);
	for (int i = 0; i < 2; i++) {
		unsigned before = accepted_count;
		fds[i] = connect_proxy(str_of(header));
		ok(accepted(before));
		kept[i] = owner;
		conn_set_owner(owner.conn, &owner_ops, &kept[i]);
	}
	unsigned before = accepted_count;
	ok(is_closed(connect_proxy(str_of(header))));
	is_int(listeners_refused() - refused, 1);
	int fd = connect_proxy(STR("PROXY TCP4 192.0.2.56 198.51.100.2 4711 5222\r\n"));
	ok(accepted(before));
	before = accepted_count;
	ok(is_closed(connect_proxy(STR("PROXY TCP4 192.0.2.57 198.51.100.2 4711 5222\r\n"))));
	is_int(listeners_refused() - refused, 2);
	is_int(accepted_count, before);
	drop(&fd);
	for (int i = 0; i < 2; i++) {
		kept[i].peer = fds[i];
		owner_close(&kept[i]);
	}
	is_int(listeners_connections(), 0);
}

static void test_direct_tls_behind_proxy(void)
{
	struct err err;
	struct strbuf back = {0};
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
	unsigned before = accepted_count;

	is_int(apply(true, &err, proxy_listener, ", tls: true", ""), 0);
	ok(strstr(list(), " tls;"));
	owner = (struct owner){.on_received = echo};
	/* The header and the first flight of the handshake in one segment. */
	int fd = connect_path(file_name("proxy.sock"));
	SSL *ssl = client_new(client_ctx, fd);
	static const unsigned char protocols[] = "\x0bxmpp-client";
	SSL_set_alpn_protos(ssl, protocols, sizeof(protocols) - 1);
	send(fd, "PROXY TCP4 192.0.2.1 198.51.100.2 4711 5222\r\n", 45, MSG_MORE);
	ok(client_handshake(ssl));
	is_int(accepted_count, before + 1);
	is_int(owner.secured, 1);
	is_text(conn_peer_text(owner.conn), "192.0.2.1");
	client_send(ssl, "hi", 2);
	client_read(ssl, &back, 2);
	is_text(strbuf_view(&back), "hi");
	SSL_free(ssl);
	SSL_CTX_free(client_ctx);
	strbuf_fini(&back);
	drop(&fd);
}

static void on_certificate(
    void *arg, struct str host, const char *file, int64_t not_after_s, bool self_signed)
{
	unsigned *count = arg;

	++*count;
	is_text(host, "localhost");
	ok(self_signed);
	ok(not_after_s > time(NULL));
	ok(str_ends(str_of(file), "/certs/localhost.pem"));
}

static void test_contexts(void)
{
	struct err err;
	unsigned count = 0;

	tls_each_certificate(on_certificate, &count);
	is_int(count, 1);
	ok(apply(true, &err,
	       "listen: [{port: 'unix:a', module: ejabberd_c2s, tls: true, protocol_options: "
	       "[nonsense]}]\n") < 0);
	ok(strstr(err.text, "listener unix:a: 'nonsense' is no word of protocol_options"));
	ok(strstr(list(), "proxy.sock"));
	is_int(apply(true, &err,
		   "c2s_protocol_options: [no_tlsv1_2]\nlisten: [{port: 'unix:a', module: ejabberd_c2s, "
		   "tls: true, protocol_options: [nonsense]}]\n"),
	    0);
	ok(apply(true, &err, "certfiles: [/nonexistent/a.pem]\nlisten: []\n") < 0);
	ok(strstr(list(), "unix:"));
}

/* Without descriptors accepting pauses; the connection is taken when there are some again. */
static void test_out_of_descriptors(void)
{
	struct err err;
	struct rlimit limit, none;
	unsigned before = accepted_count;

	is_int(apply(true, &err, "listen: [{port: 'unix:e', module: ejabberd_c2s}]\n"), 0);
	int fd = connect_path(file_name("e"));
	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &none);
	turn_idle();
	setrlimit(RLIMIT_NOFILE, &limit);
	turn_idle();
	is_int(accepted_count, before);
	clock_fake_advance(1000);
	ok(accepted(before));
	drop(&fd);
}

static void test_proxy_timeout(void)
{
	struct err err;

	is_int(apply(true, &err, proxy_listener, "", ""), 0);
	int fd = connect_proxy(STR("PROXY TCP4"));
	is_int(listeners_connections(), 1);
	clock_fake_advance(9999);
	turn_idle();
	is_int(listeners_connections(), 1);
	clock_fake_advance(1);
	ok(is_closed(fd));
	is_int(listeners_connections(), 0);
	fd = connect_proxy(STR("PROXY TCP4"));
	is_int(listeners_connections(), 1);
	is_int(apply(true, &err, "listen: []\n"), 0);
	ok(is_closed(fd));
	is_int(listeners_connections(), 0);
}

int main(void)
{
	start_worker();
	directory_make();
	listener_register_kind(&c2s);
	listeners_set_directory(directory);
	run(test_port);
	run(test_reload);
	run(test_both_families);
	run(test_unix_socket);
	run(test_proxy);
	run(test_proxy_malformed);
	run(test_limits);
	run(test_direct_tls_behind_proxy);
	run(test_contexts);
	/* From here on time stands still. */
	clock_fake(0);
	run(test_out_of_descriptors);
	run(test_proxy_timeout);
	listeners_close();
	turn_idle();
	tls_fini();
	limits_fini();
	directory_remove();
	strbuf_fini(&listing);
	stop_worker();
	return tap_done();
}
