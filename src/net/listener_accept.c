/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/listener_internal.h"
#include "net/tls_internal.h"
#include "stanzad/log.h"

enum {
	ACCEPT_BATCH = 8,      /* then the other workers, and this one's connections, have their turn */
	ACCEPT_PAUSE_MS = 250, /* after running out of descriptors */
	PROXY_TIMEOUT_MS = 10000,
	LOG_MS = 60000,
};

static uint64_t refused;
static uint64_t full_logged_ms, exhausted_logged_ms;

uint64_t listeners_refused(void)
{
	return __atomic_load_n(&refused, __ATOMIC_RELAXED);
}

unsigned listeners_connections(void)
{
	return limits_connections();
}

/* Once a minute, whoever comes first. */
static bool log_due(uint64_t *logged_ms)
{
	uint64_t now = clock_mono_ms() + 1, last = __atomic_load_n(logged_ms, __ATOMIC_RELAXED);
	if (last && now - last < LOG_MS)
		return false;
	return __atomic_compare_exchange_n(logged_ms, &last, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

struct listener *listener_ref(struct listener *listener)
{
	__atomic_add_fetch(&listener->refs, 1, __ATOMIC_RELAXED);
	return listener;
}

void listener_unref(struct listener **listener)
{
	struct listener *gone = *listener;
	*listener = NULL;
	if (!gone || __atomic_sub_fetch(&gone->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	conf_unref(&gone->conf);
	pthread_mutex_destroy(&gone->lock);
	free(gone->label);
	free(gone->path);
	free(gone);
}

void listener_forget(struct conn *conn)
{
	limits_peer_leave(&conn->limit);
	if (!conn->listener)
		return;
	limits_leave();
	listener_unref(&conn->listener);
}

static void refuse(const char *limit, struct str address, bool log)
{
	__atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
	if (log)
		LOG_WARNING("net.refused", LOG_STR("address", address), LOG_CSTR("limit", limit));
}

static bool admit_peer(struct conn *conn)
{
	bool log;
	enum limit_verdict verdict = limits_peer_enter(conn_peer(conn), &conn->limit, &log);
	if (verdict == LIMIT_ADMITTED)
		return true;
	refuse(limit_verdict_text(verdict), conn_peer_text(conn), log);
	conn_fail(conn, "refused");
	return false;
}

void listener_welcome(struct conn *conn)
{
	struct listener *listener = conn->listener;
	if (!admit_peer(conn))
		return;
	pthread_mutex_lock(&listener->lock);
	struct conf *conf = conf_ref(listener->conf);
	const struct conf_listener *options = listener->options;
	struct tls_context *tls = listener->tls;
	pthread_mutex_unlock(&listener->lock);
	listener->kind->accepted(conn, options, conf);
	if (tls && conn->state == CONN_OPEN)
		conn_start_tls(conn, tls);
	conf_unref(&conf);
}

static void admit(struct listener *listener, int fd, const struct sockaddr *peer)
{
	if (limits_enter() != LIMIT_ADMITTED) {
		refuse("max_connections", STR("any"), log_due(&full_logged_ms));
		close(fd);
		return;
	}
	struct conn *conn = conn_adopt(fd, peer);
	conn->listener = listener_ref(listener);
	if (__atomic_load_n(&listener->proxy, __ATOMIC_RELAXED))
		conn_proxy_begin(conn, PROXY_TIMEOUT_MS);
	else
		listener_welcome(conn);
}

static void on_pause_over(struct timer *timer)
{
	io_want(((struct acceptor *)((char *)timer - offsetof(struct acceptor, pause)))->io, IO_READ);
}

static void acceptor_pause(struct acceptor *acceptor, unsigned ms)
{
	io_want(acceptor->io, 0);
	timer_start(&acceptor->pause, ms, on_pause_over);
}

/* Others can have been faster: EAGAIN is usual. */
static void accept_failed(struct acceptor *acceptor, int error)
{
	if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM)
		return;
	if (log_due(&exhausted_logged_ms))
		LOG_ERROR("net.accept_failed", LOG_CSTR("listener", acceptor->listener->label),
		    LOG_CSTR("reason", strerror(error)));
	acceptor_pause(acceptor, ACCEPT_PAUSE_MS);
}

static void on_acceptable(void *arg, unsigned events)
{
	struct acceptor *acceptor = arg;
	struct listener *listener = acceptor->listener;
	unsigned interval = __atomic_load_n(&listener->accept_interval, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage peer = {.ss_family = AF_UNIX};
		socklen_t len = sizeof(peer);
		int fd = accept4(listener->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd < 0) {
			accept_failed(acceptor, errno);
			return;
		}
		admit(listener, fd, (struct sockaddr *)&peer);
		if (interval) {
			acceptor_pause(acceptor, interval);
			return;
		}
	}
}

static void acceptor_start(void *arg)
{
	struct listener *listener = arg;
	struct acceptor *acceptor = &listener->acceptors[worker_index(worker_self())];
	acceptor->listener = listener;
	acceptor->io = io_new(listener->fd, on_acceptable, acceptor);
	io_want(acceptor->io, IO_READ);
}

static void acceptor_stop(void *arg)
{
	struct listener *listener = arg;
	struct acceptor *acceptor = &listener->acceptors[worker_index(worker_self())];
	timer_stop(&acceptor->pause);
	io_free(&acceptor->io);
	conn_proxy_end(listener);
}

static void all_started(void *arg)
{
	struct listener *listener = arg;
	listener_unref(&listener);
}

static void all_stopped(void *arg)
{
	struct listener *listener = arg;
	if (listener->path)
		unlink(listener->path);
	close(listener->fd);
	listener_unref(&listener);
}

void listener_start(struct listener *listener)
{
	workers_each(acceptor_start, all_started, listener_ref(listener));
}

void listener_stop(struct listener **listener)
{
	workers_each(acceptor_stop, all_stopped, *listener);
	*listener = NULL;
}
