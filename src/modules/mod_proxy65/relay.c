/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_proxy65/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "modules/mod_proxy65/relay_internal.h"
#include "stanzad/clock.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

enum { EVENTS = 64, ACCEPTS = 16, BACKLOG = 128, TICK_MS = 1000, ACCEPT_PAUSE_MS = 250 };

struct relay *relay;

/* --- the poller ----------------------------------------------------------------------------------------- */

void watched_arm(struct watched *watched, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watched};
	int op = !events ? EPOLL_CTL_DEL : watched->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	if (watched->armed == events)
		return;
	if (epoll_ctl(relay->poller, op, watched->fd, &event) < 0)
		abort();
	watched->armed = events;
}

/* --- commands ------------------------------------------------------------------------------------------- */

static void send_command(struct command *command)
{
	uint64_t one = 1;
	command->next = NULL;
	pthread_mutex_lock(&relay->lock);
	if (relay->last_command)
		relay->last_command->next = command;
	else
		relay->first_command = command;
	relay->last_command = command;
	pthread_mutex_unlock(&relay->lock);
	if (write(relay->wake.fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		abort();
}

/* Commands run at the end of a turn: they may free what the turn's other events are about. */
static void on_wake(struct watched *watched, uint32_t events)
{
	uint64_t count;
	(void)events;
	if (read(watched->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		abort();
}

static void run_commands(void)
{
	pthread_mutex_lock(&relay->lock);
	struct command *command = relay->first_command;
	relay->first_command = relay->last_command = NULL;
	pthread_mutex_unlock(&relay->lock);
	while (command) {
		struct command *next = command->next;
		command->run(command);
		command = next;
	}
}

/* One that its sender waits for. */
struct waited {
	struct command command;
	sem_t done;
	struct listener *listener;
};

static void wait_for(void (*run)(struct command *), struct listener *listener)
{
	struct waited waited = {.command.run = run, .listener = listener};
	sem_init(&waited.done, 0, 0);
	send_command(&waited.command);
	while (sem_wait(&waited.done) < 0)
		;
	sem_destroy(&waited.done);
}

static void do_nothing(struct command *command)
{
	sem_post(&((struct waited *)command)->done);
}

static void do_stop(struct command *command)
{
	relay->stopping = true;
	do_nothing(command);
}

struct activate {
	struct command command;
	struct relay_activation *activation;
};

static void do_activate(struct command *command)
{
	struct activate *activate = (struct activate *)command;
	struct relay_activation *activation = activate->activation;
	enum relay_outcome outcome = stream_activate(activation);
	free(activation->requester);
	activation->done(activation, outcome);
	free(activate);
}

void relay_activate(struct relay_activation *activation)
{
	struct activate *activate = mem_zalloc(sizeof(*activate));
	activate->command.run = do_activate;
	activate->activation = activation;
	send_command(&activate->command);
}

struct logged_in {
	struct command command;
	uint64_t id;
	bool good;
};

static void do_logged_in(struct command *command)
{
	struct logged_in *login = (struct logged_in *)command;
	peer_logged_in(login->id, login->good);
	free(login);
}

void relay_logged_in(uint64_t id, bool good)
{
	struct logged_in *login = mem_zalloc(sizeof(*login));
	*login = (struct logged_in){.command.run = do_logged_in, .id = id, .good = good};
	send_command(&login->command);
}

/* --- listeners: on the thread --------------------------------------------------------------------------- */

static void listener_free(struct listener *listener)
{
	if (listener->watched.fd >= 0)
		close(listener->watched.fd);
	free(listener->owners);
	free(listener->ip);
	free(listener);
}

void listener_drop(struct listener **listener)
{
	struct listener *dropped = *listener;
	*listener = NULL;
	pthread_mutex_lock(&relay->lock);
	bool last = --dropped->refs == 0;
	pthread_mutex_unlock(&relay->lock);
	if (last)
		listener_free(dropped);
}

/* The places in the limits are the connection's, if it is admitted. */
static bool admit(const struct sockaddr *address, struct limit_peer **limit_r)
{
	bool log;
	*limit_r = NULL;
	if (relay->waiting_count >= RELAY_WAITING_MAX || limits_enter() != LIMIT_ADMITTED)
		return false;
	if (limits_peer_enter(address, limit_r, &log) == LIMIT_ADMITTED)
		return true;
	limits_leave();
	return false;
}

static bool accept_one(struct listener *listener)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	struct limit_peer *limit;
	int fd =
	    accept4(listener->watched.fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			watched_arm(&listener->watched, 0);
			listener->paused_ms = relay->now_ms + ACCEPT_PAUSE_MS;
		}
		return errno == ECONNABORTED || errno == EINTR;
	}
	if (!admit((struct sockaddr *)&address, &limit)) {
		close(fd);
		return true;
	}
	pthread_mutex_lock(&relay->lock);
	listener->refs++;
	peer_accept(listener, fd, limit);
	pthread_mutex_unlock(&relay->lock);
	return true;
}

static void listener_ready(struct watched *watched, uint32_t events)
{
	(void)events;
	for (int i = 0; i < ACCEPTS && accept_one((struct listener *)watched); i++)
		;
}

static void do_listen(struct command *command)
{
	watched_arm(&((struct waited *)command)->listener->watched, EPOLLIN);
	do_nothing(command);
}

static void do_close(struct command *command)
{
	struct listener *listener = ((struct waited *)command)->listener;
	watched_arm(&listener->watched, 0);
	close(listener->watched.fd);
	listener->watched.fd = -1;
	listener_drop(&listener);
	do_nothing(command);
}

static void listeners_tick(void)
{
	pthread_mutex_lock(&relay->lock);
	for (struct list *at = relay->listeners.next; at != &relay->listeners; at = at->next) {
		struct listener *listener = list_entry(at, struct listener, node);
		if (listener->paused_ms && listener->paused_ms <= relay->now_ms) {
			listener->paused_ms = 0;
			watched_arm(&listener->watched, EPOLLIN);
		}
	}
	pthread_mutex_unlock(&relay->lock);
}

/* --- the thread ----------------------------------------------------------------------------------------- */

static void end_overdue(void)
{
	for (struct list *at = relay->waiting.next, *next; at != &relay->waiting; at = next) {
		struct peer *peer = list_entry(at, struct peer, node);
		next = at->next;
		if (peer->deadline_ms <= relay->now_ms)
			peer_end(peer);
	}
}

/* It looks at everything there is, so not in every turn. */
static void tick(void)
{
	relay->ticked_ms = relay->now_ms;
	end_overdue();
	streams_tick();
	listeners_tick();
}

static int wait_ms(void)
{
	int ms = streams_wait();
	return ms >= 0 ? ms : TICK_MS;
}

static void turn(void)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(relay->poller, events, EVENTS, wait_ms());
	relay->now_ms = clock_mono_ms();
	for (int i = 0; i < count; i++) {
		struct watched *watched = events[i].data.ptr;
		if (watched->armed)
			watched->ready(watched, events[i].events);
	}
	run_commands();
	if (relay->now_ms - relay->ticked_ms >= (uint64_t)wait_ms())
		tick();
	peers_reap();
}

static void *run(void *arg)
{
	(void)arg;
	relay->now_ms = clock_mono_ms();
	while (!relay->stopping)
		turn();
	while (!list_empty(&relay->streams))
		stream_end(list_entry(relay->streams.next, struct stream, node), "stopped");
	while (!list_empty(&relay->waiting))
		peer_end(list_entry(relay->waiting.next, struct peer, node));
	peers_reap();
	return NULL;
}

static int relay_begin(struct err *err)
{
	sigset_t all, before;
	relay = mem_zalloc(sizeof(*relay));
	pthread_mutex_init(&relay->lock, NULL);
	list_init(&relay->listeners);
	list_init(&relay->waiting);
	list_init(&relay->streams);
	list_init(&relay->dead);
	relay->poller = epoll_create1(EPOLL_CLOEXEC);
	relay->wake = (struct watched){.ready = on_wake, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool begun = relay->poller >= 0 && relay->wake.fd >= 0;
	if (begun) {
		watched_arm(&relay->wake, EPOLLIN);
		begun = pthread_create(&relay->thread, NULL, run, NULL) == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (begun)
		return 0;
	close(relay->poller);
	close(relay->wake.fd);
	free(relay);
	relay = NULL;
	return err_set(err, "cannot start the relay: out of descriptors or threads");
}

static void relay_finish(void)
{
	wait_for(do_stop, NULL);
	pthread_join(relay->thread, NULL);
	close(relay->poller);
	close(relay->wake.fd);
	map_fini(&relay->by_hash);
	pthread_mutex_destroy(&relay->lock);
	free(relay);
	relay = NULL;
}

/* --- owners: worker 0 ----------------------------------------------------------------------------------- */

static int parse(struct str ip, uint16_t port, struct sockaddr_storage *address_r, socklen_t *len_r)
{
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in *in4 = (struct sockaddr_in *)address_r;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address_r;
	*address_r = (struct sockaddr_storage){0};
	snprintf(text, sizeof(text), "%.*s", STR_FMT(ip));
	if (inet_pton(AF_INET, text, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(port);
		*len_r = sizeof(*in4);
		return 0;
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	*len_r = sizeof(*in6);
	return inet_pton(AF_INET6, text, &in6->sin6_addr) == 1 ? 0 : -1;
}

static void set_option(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

/* What is set here is inherited by what is accepted. */
static int open_socket(struct str ip, uint16_t port, const struct relay_settings *settings, struct err *err)
{
	struct sockaddr_storage address;
	socklen_t len;
	if (parse(ip, port, &address, &len) < 0)
		return err_set(err, "'%.*s' is no IP address", STR_FMT(ip));
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
		set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
		set_option(fd, SOL_SOCKET, SO_RCVBUF, settings->recbuf);
		set_option(fd, SOL_SOCKET, SO_SNDBUF, settings->sndbuf);
		if (address.ss_family == AF_INET6)
			set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
		if (bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, BACKLOG) == 0)
			return fd;
	}
	err_set(err, "cannot listen on port %u of %.*s: %s", port, STR_FMT(ip), strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static struct listener *find(struct str ip, uint16_t port)
{
	for (struct list *at = relay->listeners.next; at != &relay->listeners; at = at->next) {
		struct listener *listener = list_entry(at, struct listener, node);
		if (listener->port == port && str_is(ip, listener->ip))
			return listener;
	}
	return NULL;
}

static struct listener *find_owned(const void *owner, size_t *place_r)
{
	for (struct list *at = relay->listeners.next; at != &relay->listeners; at = at->next) {
		struct listener *listener = list_entry(at, struct listener, node);
		for (*place_r = 0; *place_r < listener->owner_count; ++*place_r)
			if (listener->owners[*place_r] == owner)
				return listener;
	}
	return NULL;
}

static void add_owner(struct listener *listener, void *owner, const struct relay_settings *settings)
{
	pthread_mutex_lock(&relay->lock);
	listener->owners = mem_realloc_array(listener->owners, listener->owner_count + 1, sizeof(void *));
	listener->owners[listener->owner_count++] = owner;
	if (listener->owner_count == 1)
		listener->settings = *settings;
	pthread_mutex_unlock(&relay->lock);
}

static int attach(
    void *owner, struct str ip, uint16_t port, const struct relay_settings *settings, struct err *err)
{
	struct listener *listener = find(ip, port);
	if (listener) {
		add_owner(listener, owner, settings);
		return 0;
	}
	int fd = open_socket(ip, port, settings, err);
	if (fd < 0)
		return -1;
	listener = mem_zalloc(sizeof(*listener));
	listener->watched = (struct watched){.ready = listener_ready, .fd = fd};
	listener->ip = str_dup(ip);
	listener->port = port;
	listener->refs = 1;
	add_owner(listener, owner, settings);
	pthread_mutex_lock(&relay->lock);
	list_add_before(&relay->listeners, &listener->node);
	pthread_mutex_unlock(&relay->lock);
	wait_for(do_listen, listener);
	return 0;
}

static void detach(struct listener *listener, size_t place)
{
	pthread_mutex_lock(&relay->lock);
	listener->owner_count--;
	memmove(&listener->owners[place], &listener->owners[place + 1],
	    (listener->owner_count - place) * sizeof(void *));
	bool last = listener->owner_count == 0;
	if (last)
		list_remove(&listener->node);
	pthread_mutex_unlock(&relay->lock);
	if (last)
		wait_for(do_close, listener);
}

int relay_join(
    void *owner, struct str ip, uint16_t port, const struct relay_settings *settings, struct err *err)
{
	if (!relay && relay_begin(err) < 0)
		return -1;
	if (attach(owner, ip, port, settings, err) == 0) {
		relay->owners++;
		return 0;
	}
	if (relay->owners == 0)
		relay_finish();
	return -1;
}

int relay_move(
    void *owner, struct str ip, uint16_t port, const struct relay_settings *settings, struct err *err)
{
	size_t place;
	struct listener *before = find_owned(owner, &place);
	if (before && before->port == port && str_is(ip, before->ip)) {
		pthread_mutex_lock(&relay->lock);
		if (place == 0)
			before->settings = *settings;
		pthread_mutex_unlock(&relay->lock);
		return 0;
	}
	if (attach(owner, ip, port, settings, err) < 0)
		return -1;
	if (before)
		detach(before, place);
	return 0;
}

void relay_leave(void *owner)
{
	size_t place;
	struct listener *listener = find_owned(owner, &place);
	if (listener)
		detach(listener, place);
}

void relay_part(void)
{
	if (--relay->owners == 0)
		relay_finish();
	else
		wait_for(do_nothing, NULL);
}
