/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/listener_internal.h"

static void set_option(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

static int parse_ip(
    struct str ip, unsigned port, struct sockaddr_storage *address_r, socklen_t *len_r, struct err *err)
{
	char text[INET6_ADDRSTRLEN];
	struct sockaddr_in *in4 = (struct sockaddr_in *)address_r;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address_r;
	snprintf(text, sizeof(text), "%.*s", STR_FMT(ip));
	memset(address_r, 0, sizeof(*address_r));
	if (inet_pton(AF_INET, text, &in4->sin_addr) == 1) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons((uint16_t)port);
		*len_r = sizeof(*in4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		*len_r = sizeof(*in6);
		return 0;
	}
	return err_set(err, "'%s' is no IP address", text);
}

/* Options of the listening socket are inherited by what it accepts: no system call per connection. */
static int bind_tcp(const struct sockaddr_storage *address, socklen_t len, unsigned backlog)
{
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NET_NOT_SENT_MAX);
	if (address->ss_family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (bind(fd, (const struct sockaddr *)address, len) == 0 && listen(fd, (int)backlog) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int open_tcp(const struct listener_place *place, struct err *err)
{
	struct sockaddr_storage address;
	socklen_t len;
	if (parse_ip(place->ip, place->port, &address, &len, err) < 0)
		return -1;
	int fd = bind_tcp(&address, len, place->backlog);
	/* A kernel without IPv6: "all addresses" is still all there are. */
	if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL) && str_is(place->ip, "::")) {
		parse_ip(STR("0.0.0.0"), place->port, &address, &len, err);
		fd = bind_tcp(&address, len, place->backlog);
	}
	if (fd < 0)
		return err_set(err, "cannot listen on port %u of %.*s: %s", place->port, STR_FMT(place->ip),
		    strerror(errno));
	return fd;
}

static bool somebody_listens(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	bool answered =
	    connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN;
	close(fd);
	return answered;
}

static int set_rights(const char *path, const struct listener_place *place)
{
	if (place->owner >= 0 || place->group >= 0)
		if (chown(path, (uid_t)place->owner, (gid_t)place->group) < 0)
			return -1;
	return place->mode >= 0 ? chmod(path, (mode_t)place->mode) : 0;
}

/* Under a name of its own until it has its rights and listens; the old socket file is replaced at once. */
static int bind_path(const struct sockaddr_un *address, const char *path, const struct listener_place *place)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	unlink(address->sun_path);
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0) {
		if (set_rights(address->sun_path, place) == 0 && listen(fd, (int)place->backlog) == 0 &&
		    rename(address->sun_path, path) == 0)
			return fd;
		int error = errno;
		unlink(address->sun_path);
		errno = error;
	}
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int open_unix(const struct listener_place *place, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(place->path) + sizeof("~") > sizeof(address.sun_path))
		return err_set(err, "the path of a Unix socket is too long: %s", place->path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", place->path);
	struct stat status;
	if (lstat(place->path, &status) == 0 && !S_ISSOCK(status.st_mode))
		return err_set(err, "%s is there and is no socket", place->path);
	if (somebody_listens(&address))
		return err_set(err, "somebody listens on %s already", place->path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s~", place->path);
	int fd = bind_path(&address, place->path, place);
	return fd < 0 ? err_set(err, "cannot listen on %s: %s", place->path, strerror(errno)) : fd;
}

int listener_socket_open(const struct listener_place *place, struct err *err)
{
	return place->path ? open_unix(place, err) : open_tcp(place, err);
}

void listener_socket_adjust(int fd, const struct listener_place *place)
{
	listen(fd, (int)place->backlog);
	if (place->path)
		set_rights(place->path, place);
}
