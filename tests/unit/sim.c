/* SPDX-License-Identifier: Apache-2.0 */
#include "sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <time.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/list.h"
#include "base/log_sink.h"
#include "base/mem.h"
#include "conf/components.h"
#include "loop/executor.h"
#include "loop/worker.h"
#include "modules/modules.h"
#include "net/conn.h"
#include "route/account.h"
#include "route/component.h"
#include "route/host_events.h"
#include "route/hosts.h"
#include "route/iq_request.h"
#include "route/offered.h"
#include "route/s2s.h"
#include "route/user_private.h"
#include "stream/c2s.h"
#include "stream/component.h"
#include "stream/peer.h"
#include "stream/s2s_in.h"
#include "test_store.h"

#define THREADS 2
#define QUIET_TURNS 10       /* without anything new: nothing more will come by itself */
#define SETTLE_PATIENCE_S 30 /* on the clock on the wall; then it is an endless loop */
#define SOCKET_BUFFER 16384  /* of the server's side: a client that does not read is noticed soon */
#define SHOWN 1000           /* bytes of what came instead of the expected */
#define PASSWORD "secret"

struct sim_client {
	struct sim_client *next;
	int fd; /* -1 after sim_cut */
	bool deaf, ended;
	struct strbuf in, out;
	size_t read, written; /* how much of them is done with */
};

static struct sim_client *clients;

_Noreturn static void give_up(const char *what, const char *why)
{
	printf("Bail out! %s: %s\n", what, why);
	fflush(stdout);
	abort();
}

/* --- the clients' sockets ---------------------------------------------------------------------------- */

static bool client_reads(struct sim_client *client)
{
	char bytes[16384];
	bool any = false;
	ssize_t n = 0;

	while (!client->deaf && !client->ended && (n = recv(client->fd, bytes, sizeof(bytes), 0)) > 0) {
		strbuf_add(&client->in, bytes, (size_t)n);
		any = true;
	}
	if (client->deaf || client->ended || (n < 0 && errno == EAGAIN))
		return any;
	client->ended = true;
	return true;
}

static bool client_writes(struct sim_client *client)
{
	bool any = false;
	ssize_t n;

	while (
	    client->written < client->out.len && (n = send(client->fd, client->out.ptr + client->written,
						      client->out.len - client->written, MSG_NOSIGNAL)) > 0) {
		client->written += (size_t)n;
		any = true;
	}
	return any;
}

static bool clients_turn(void)
{
	bool any = false;

	for (struct sim_client *client = clients; client; client = client->next)
		if (client->fd >= 0)
			any |= (int)client_writes(client) | (int)client_reads(client);
	return any;
}

static struct sim_client *client_new(const struct sockaddr *peer, size_t listener)
{
	struct sim_client *client = mem_zalloc(sizeof(*client));
	int ends[2], size = SOCKET_BUFFER;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
		give_up("socketpair", strerror(errno));
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	client->fd = ends[1];
	client->next = clients;
	clients = client;
	const struct conf_listener *options = conf_listener_at(conf_current(), listener);
	if (conf_listener_is_service(options))
		component_accept(conn_new(ends[0], peer), options, conf_current());
	else if (strcmp(conf_listener_module(options), "ejabberd_s2s_in") == 0)
		s2s_in_accept(conn_new(ends[0], peer), options, conf_current());
	else
		c2s_accept(conn_new(ends[0], peer), options, conf_current());
	return client;
}

struct sim_client *sim_client(void)
{
	return client_new(NULL, 0);
}

struct sim_client *sim_peer(void)
{
	return client_new(NULL, conf_listener_count(conf_current()) - 1);
}

struct sim_client *sim_client_at(size_t listener)
{
	return client_new(NULL, listener);
}

struct sim_client *sim_client_from(const char *address)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(40000)};
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(40000)};

	if (inet_pton(AF_INET, address, &in4.sin_addr) == 1)
		return client_new((const struct sockaddr *)&in4, 0);
	if (inet_pton(AF_INET6, address, &in6.sin6_addr) != 1)
		give_up(address, "no address");
	return client_new((const struct sockaddr *)&in6, 0);
}

void sim_send(struct sim_client *client, const char *text)
{
	strbuf_cstr(&client->out, text);
}

void sim_sendf(struct sim_client *client, const char *format, ...)
{
	char *text;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		abort();
	va_end(args);
	sim_send(client, text);
	free(text);
}

void sim_deaf(struct sim_client *client, bool deaf)
{
	client->deaf = deaf;
}

void sim_hear(struct sim_client *client, size_t bytes)
{
	size_t len = client->in.len;

	sim_settle();
	ssize_t n = recv(client->fd, strbuf_reserve(&client->in, bytes), bytes, 0);
	client->in.len = len + (n > 0 ? (size_t)n : 0);
	client->in.ptr[client->in.len] = '\0';
	sim_settle();
}

void sim_cut(struct sim_client *client)
{
	close(client->fd);
	client->fd = -1;
}

void sim_free(struct sim_client *client)
{
	struct sim_client **at = &clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	if (client->fd >= 0)
		close(client->fd);
	strbuf_fini(&client->in);
	strbuf_fini(&client->out);
	free(client);
}

/* --- time -------------------------------------------------------------------------------------------- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static bool held;

static void stopper_run(struct job *job)
{
	(void)job;
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
}

static void stopper_done(struct job *job)
{
	free(job);
}

void sim_hold_jobs(void)
{
	sim_settle();
	pthread_mutex_lock(&gate);
	held = true;
	for (unsigned i = 0; i < THREADS; i++) {
		struct job *job = mem_zalloc(sizeof(*job));
		job->run = stopper_run;
		job->done = stopper_done;
		executor_submit(job, NULL);
	}
}

void sim_release_jobs(void)
{
	held = false;
	pthread_mutex_unlock(&gate);
}

static bool busy(void)
{
	struct store_stats stats;

	store_stats(&stats);
	if (held)
		return stats.writing || worker_backlog(worker_self());
	return executor_load() || stats.waiting || stats.writing || worker_backlog(worker_self());
}

static time_t wall_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

void sim_settle(void)
{
	time_t end = wall_seconds() + SETTLE_PATIENCE_S;

	for (unsigned quiet = 0; quiet < QUIET_TURNS;) {
		bool any = clients_turn();

		worker_turn();
		if (busy()) {
			quiet = 0;
			sched_yield();
		} else {
			quiet = any ? 0 : quiet + 1;
		}
		if (wall_seconds() > end)
			give_up("sim_settle", "it never ends");
	}
}

void sim_advance(uint64_t ms)
{
	sim_settle();
	clock_fake_advance(ms);
	sim_settle();
}

/* --- what came --------------------------------------------------------------------------------------- */

static const char *unread(struct sim_client *client)
{
	return client->in.len ? client->in.ptr + client->read : "";
}

static void show_unread(struct sim_client *client)
{
	struct str text = str_of(unread(client));

	printf("# unread, %zu bytes: ", text.len);
	tap_print((struct str){text.ptr, text.len < SHOWN ? text.len : SHOWN});
	printf("%s\n", client->ended ? " (closed)" : "");
}

bool sim_expect(struct sim_client *client, const char *text)
{
	sim_settle();
	const char *found = strstr(unread(client), text);
	if (!found) {
		show_unread(client);
		return false;
	}
	client->read = (size_t)(found - client->in.ptr) + strlen(text);
	return true;
}

bool sim_nothing(struct sim_client *client)
{
	sim_settle();
	if (client->read < client->in.len)
		show_unread(client);
	return client->read == client->in.len;
}

bool sim_has(struct sim_client *client, const char *text)
{
	sim_settle();
	return strstr(unread(client), text) != NULL;
}

unsigned sim_count(struct sim_client *client, const char *text)
{
	unsigned count = 0;

	sim_settle();
	for (const char *at = unread(client); (at = strstr(at, text)); at += strlen(text))
		count++;
	client->read = client->in.len;
	return count;
}

struct str sim_between(struct sim_client *client, const char *before, const char *behind)
{
	if (!sim_expect(client, before))
		return STR("");
	size_t start = client->read;
	if (!sim_expect(client, behind))
		return STR("");
	return (struct str){client->in.ptr + start, client->read - strlen(behind) - start};
}

struct str sim_unread(struct sim_client *client)
{
	sim_settle();
	return str_of(unread(client));
}

void sim_skip(struct sim_client *client)
{
	sim_settle();
	client->read = client->in.len;
}

bool sim_closed(struct sim_client *client)
{
	sim_settle();
	return client->ended;
}

size_t sim_unsent(struct sim_client *client)
{
	int in_socket = 0;

	sim_settle();
	ioctl(client->fd, TIOCOUTQ, &in_socket);
	return client->out.len - client->written + (size_t)in_socket;
}

/* --- logging in -------------------------------------------------------------------------------------- */

static void must(struct sim_client *client, const char *text)
{
	if (!sim_expect(client, text))
		give_up("logging in, expected", text);
}

struct account {
	struct job job;
	struct str user;
	enum auth_outcome outcome;
};

static void account_run(struct job *job)
{
	struct account *account = list_entry(job, struct account, job);
	struct err err;

	account->outcome = account_register(STR("sim.example"), account->user, STR(PASSWORD), &err);
}

static void account_done(struct job *job)
{
	(void)job;
}

static void make_account(struct str user)
{
	struct account account = {.job = {.run = account_run, .done = account_done}, .user = user};

	executor_submit(&account.job, NULL);
	sim_settle();
	if (account.outcome != AUTH_OK && account.outcome != AUTH_EXISTS)
		give_up("making an account", "refused");
}

void sim_authenticate(struct sim_client *client, const char *user, const char *password)
{
	struct strbuf plain = {0}, data = {0};

	strbuf_char(&plain, '\0');
	strbuf_cstr(&plain, user);
	strbuf_char(&plain, '\0');
	strbuf_cstr(&plain, password);
	base64_encode(&data, plain.ptr, plain.len);
	sim_send(client, SIM_HEADER);
	must(client, "</stream:features>");
	sim_sendf(client, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%.*s</auth>",
	    STR_FMT(strbuf_view(&data)));
	strbuf_fini(&plain);
	strbuf_fini(&data);
	sim_settle();
}

struct sim_client *sim_login(const char *jid)
{
	struct str domain, resource, user = str_cut(str_of(jid), '@', &domain);
	char *name = str_dup(user);
	struct sim_client *client;

	str_cut(domain, '/', &resource);
	make_account(user);
	client = sim_client();
	sim_authenticate(client, name, PASSWORD);
	must(client, "<success ");
	sim_send(client, SIM_HEADER);
	must(client, "</stream:features>");
	if (resource.len) {
		sim_sendf(client,
		    "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
		    "<resource>%.*s</resource></bind></iq>",
		    STR_FMT(resource));
		must(client, "</iq>");
	}
	free(name);
	return client;
}

void sim_befriend(struct sim_client *a, const char *a_jid, struct sim_client *b, const char *b_jid)
{
	sim_sendf(a, "<presence type='subscribe' to='%s'/>", b_jid);
	must(b, "type='subscribe'");
	sim_sendf(
	    b, "<presence type='subscribed' to='%s'/><presence type='subscribe' to='%s'/>", a_jid, a_jid);
	must(a, "type='subscribe'");
	sim_sendf(a, "<presence type='subscribed' to='%s'/>", b_jid);
	must(b, "type='subscribed'");
	sim_skip(a);
	sim_skip(b);
}

/* --- the server -------------------------------------------------------------------------------------- */

static void must_work(int rc, const char *what, const struct err *err)
{
	if (rc < 0)
		give_up(what, err->text);
}

#define OFFERED_MAX 64
static const struct module *offered[OFFERED_MAX]; /* NULL-terminated */
static size_t offered_count;

static void register_modules(const struct module *const *modules)
{
	for (size_t i = 0; modules[i]; i++) {
		if (offered_count == OFFERED_MAX - 1)
			give_up("modules", "too many");
		conf_register_module(modules[i]->name, modules[i]->options, CONF_AVAILABLE);
		offered[offered_count++] = modules[i];
	}
}

void sim_offer(const struct module *const *modules)
{
	register_modules(modules);
}

static void register_once(void)
{
	static bool registered;

	if (registered)
		return;
	registered = true;
	register_modules(modules_builtin);
	s2s_in_init();
	log_set_level(LOG_LEVEL_ERROR);
}

static struct conf *load(const char *listener, const char *rest)
{
	struct strbuf text = {0};
	struct conf_report report = {0};
	struct conf *conf = NULL;

	strbuf_printf(&text,
	    "hosts: [sim.example]\n"
	    "auth_password_format: plain\n"
	    "listen: [{port: 5222, module: ejabberd_c2s, allow_unencrypted_plain: true%s}, "
	    "{port: 5269, module: ejabberd_s2s_in}]\n%s",
	    listener, rest);
	if (conf_load_text(strbuf_view(&text), "sim", &conf, &report) < 0)
		give_up("configuration", report.count ? report.problems[0].text : "refused");
	conf_report_fini(&report);
	strbuf_fini(&text);
	return conf;
}

void sim_start(const char *listener, const char *rest)
{
	struct err err = {0};

	register_once();
	clock_fake(SIM_START_US);
	fresh_dir();
	modules_offer(offered);
	struct conf *conf = load(listener, rest);
	must_work(workers_init(1, &err), "workers_init", &err);
	must_work(executor_init(THREADS, &err), "executor_init", &err);
	must_work(store_open(conf, test_dir, &err), "store_open", &err);
	must_work(hosts_apply(conf, &err), "hosts_apply", &err);
	conf_install(conf);
	components_expect(conf);
	host_events_in_force();
	host_events_started();
}

bool sim_try_reload(const char *listener, const char *rest, struct err *err)
{
	struct conf *conf = load(listener, rest), *previous;

	components_drop(conf);
	if (hosts_apply(conf, err) < 0) {
		components_expect(conf_current());
		conf_unref(&conf);
		return false;
	}
	previous = conf_install(conf);
	components_expect(conf);
	components_close_gone();
	host_events_in_force();
	host_events_reloaded();
	sim_settle();
	conf_unref(&previous);
	return true;
}

void sim_reload(const char *listener, const char *rest)
{
	struct err err = {0};

	must_work(sim_try_reload(listener, rest, &err) ? 0 : -1, "hosts_apply", &err);
}

static void clients_free(void)
{
	while (clients)
		sim_free(clients);
}

void sim_stop(void)
{
	struct conf *conf;

	host_events_stopping();
	c2s_close_all("system-shutdown", NULL);
	peers_close(STREAM_system_shutdown, NULL);
	clients_free();
	sim_settle();
	if (c2s_count() || peers_count())
		give_up("sim_stop", "a stream is left");
	host_events_down();
	executor_fini();
	store_close();
	workers_visit(iq_requests_fini, NULL);
	workers_visit(s2s_fini, NULL);
	s2s_in_fini();
	workers_visit(accounts_fini, NULL);
	workers_visit(users_fini, NULL);
	workers_fini();
	hosts_fini();
	components_fini();
	conn_pools_fini();
	c2s_fini();
	conf = conf_install(NULL);
	conf_unref(&conf);
	remove_dir();
}
