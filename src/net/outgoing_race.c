/* SPDX-License-Identifier: Apache-2.0 */
#include "net/outgoing_race.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/io.h"
#include "loop/timer.h"
#include "net/dns_internal.h"

enum { STAGGER_MS = 250 };

struct attempt {
	struct race *race;
	union dns_address address;
	int fd;
	struct io *io; /* NULL: not begun, or failed */
};

struct race {
	const struct race_ops *ops;
	void *arg;
	struct race_source source;
	unsigned count, begun, running;
	struct timer timer;
	char reason[160];
	struct attempt attempts[DNS_ADDRESSES_MAX];
};

static void attempt_end(struct attempt *attempt)
{
	if (!attempt->io)
		return;
	io_free(&attempt->io);
	if (attempt->fd >= 0)
		close(attempt->fd);
	attempt->fd = -1;
	attempt->race->running--;
}

void race_cancel(struct race **race)
{
	struct race *gone = *race;
	*race = NULL;
	if (!gone)
		return;
	for (unsigned i = 0; i < gone->begun; i++)
		attempt_end(&gone->attempts[i]);
	timer_stop(&gone->timer);
	free(gone);
}

unsigned race_begun(const struct race *race)
{
	return race->begun;
}

static void say(struct race *race, const struct attempt *attempt, const char *what)
{
	char address[80], text[sizeof(race->reason)];
	snprintf(text, sizeof(text), "%s: %s", dns_address_text(&attempt->address, address), what);
	race->ops->step(race->arg, text);
}

static void note(struct race *race, const struct attempt *attempt, int error)
{
	char address[80];
	snprintf(race->reason, sizeof(race->reason), "%s: %s", dns_address_text(&attempt->address, address),
	    strerror(error));
	race->ops->step(race->arg, race->reason);
}

static void win(struct attempt *attempt)
{
	struct race *race = attempt->race;
	const struct race_ops *ops = race->ops;
	void *arg = race->arg;
	int fd = attempt->fd;
	union dns_address address = attempt->address;
	say(race, attempt, "connected");
	attempt->fd = -1;
	race_cancel(&race);
	ops->won(arg, fd, &address);
}

static void lose(struct race *race)
{
	const struct race_ops *ops = race->ops;
	void *arg = race->arg;
	char reason[sizeof(race->reason)];
	memcpy(reason, race->reason, sizeof(reason));
	race_cancel(&race);
	ops->lost(arg, reason);
}

static void begin_next(struct race *race);

static void on_writable(void *arg, unsigned events)
{
	struct attempt *attempt = arg;
	struct race *race = attempt->race;
	int error = 0;
	socklen_t len = sizeof(error);
	if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (!error) {
		win(attempt);
		return;
	}
	note(race, attempt, error);
	attempt_end(attempt);
	if (race->begun < race->count)
		begin_next(race);
	else if (race->running == 0)
		lose(race);
}

/* The port is chosen when the kernel knows the other end, so that few own addresses go a long way. */
static int bind_source(int fd, const struct race_source *source, sa_family_t family)
{
	const union dns_address *from = family == AF_INET ? &source->from4 : &source->from6;
	if (from->any.sa_family != family)
		return 0;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
	return bind(fd, &from->any, family == AF_INET ? sizeof(from->in4) : sizeof(from->in6));
}

static int open_socket(const struct race *race, const union dns_address *address)
{
	sa_family_t family = address->any.sa_family;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (bind_source(fd, &race->source, family) == 0 &&
	    (connect(fd, &address->any, family == AF_INET ? sizeof(address->in4) : sizeof(address->in6)) ==
		    0 ||
		errno == EINPROGRESS))
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static void on_stagger(struct timer *timer)
{
	begin_next((struct race *)((char *)timer - offsetof(struct race, timer)));
}

/* Begins with the next address that does not fail at once. */
static void begin_next(struct race *race)
{
	timer_stop(&race->timer);
	while (race->begun < race->count) {
		struct attempt *attempt = &race->attempts[race->begun++];
		attempt->fd = open_socket(race, &attempt->address);
		if (attempt->fd < 0) {
			note(race, attempt, errno);
			continue;
		}
		say(race, attempt, "connecting");
		attempt->io = io_new(attempt->fd, on_writable, attempt);
		io_want(attempt->io, IO_WRITE);
		race->running++;
		if (race->begun < race->count)
			timer_start(&race->timer, STAGGER_MS, on_stagger);
		return;
	}
	if (race->running == 0)
		lose(race);
}

struct race *race_start(const union dns_address *addresses, unsigned count, const struct race_source *source,
    const struct race_ops *ops, void *arg)
{
	struct race *race = mem_zalloc(sizeof(*race));
	race->ops = ops;
	race->arg = arg;
	race->source = *source;
	race->count = count;
	for (unsigned i = 0; i < count; i++)
		race->attempts[i] = (struct attempt){.race = race, .address = addresses[i], .fd = -1};
	timer_start(&race->timer, 0, on_stagger);
	return race;
}
