/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/control_private.h"
#include "base/mem.h"
#include "stanzad/log.h"

static struct {
	int fd;
	struct io *io;
	char *path;
	struct list conns;
	unsigned conn_count;
} control = {.fd = -1, .conns = {&control.conns, &control.conns}};

/* --- clients ------------------------------------------------------------------------------------------ */

static bool may_control(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return false;
	if (peer.uid == 0 || peer.uid == geteuid())
		return true;
	LOG_WARNING("control.refused", LOG_INT("uid", peer.uid), LOG_INT("pid", peer.pid));
	return false;
}

static void on_client(void *arg, unsigned events)
{
	int fd = accept4(control.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (control.conn_count >= CONTROL_CONNS_MAX || !may_control(fd)) {
		close(fd);
		return;
	}
	struct control_conn *conn = control_conn_new(fd);
	list_add_before(&control.conns, &conn->node);
	control.conn_count++;
}

void control_conn_gone(struct control_conn *conn)
{
	list_remove(&conn->node);
	control.conn_count--;
}

/* --- the socket --------------------------------------------------------------------------------------- */

/* The name may be longer than a socket address: then by way of the directory's descriptor. */
static int address_of(const char *data_dir, struct sockaddr_un *address_r, int *dir_r, struct err *err)
{
	*dir_r = -1;
	*address_r = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(control.path) < sizeof(address_r->sun_path)) {
		memcpy(address_r->sun_path, control.path, strlen(control.path));
		return 0;
	}
	*dir_r = open(data_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*dir_r < 0)
		return err_set(err, "%s: %s", data_dir, strerror(errno));
	snprintf(address_r->sun_path, sizeof(address_r->sun_path), "/proc/self/fd/%d/ctl.sock", *dir_r);
	return 0;
}

/* Does anybody answer there? */
static bool is_served(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool served = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;

	if (fd >= 0)
		close(fd);
	return served;
}

static int bind_to(const struct sockaddr_un *address, struct err *err)
{
	const struct sockaddr *generic = (const struct sockaddr *)address;
	int result = bind(control.fd, generic, sizeof(*address));

	if (result < 0 && errno == EADDRINUSE) {
		if (is_served(address))
			return err_set(err, "%s: another server answers there", control.path);
		if (unlink(address->sun_path) == 0)
			result = bind(control.fd, generic, sizeof(*address));
	}
	return result < 0 ? err_set(err, "%s: %s", control.path, strerror(errno)) : 0;
}

/* Nobody can connect before listen: the mode is right from the first moment. */
static int listen_at(const struct sockaddr_un *address, struct err *err)
{
	control.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (control.fd < 0)
		return err_set(err, "control socket: %s", strerror(errno));
	if (bind_to(address, err) < 0)
		return -1;
	if (chmod(address->sun_path, 0600) < 0 || listen(control.fd, CONTROL_CONNS_MAX) < 0)
		return err_set(err, "%s: %s", control.path, strerror(errno));
	return 0;
}

static void forget_socket(void)
{
	io_free(&control.io);
	if (control.fd >= 0)
		close(control.fd);
	control.fd = -1;
	free(control.path);
	control.path = NULL;
}

int control_open(const char *data_dir, struct err *err)
{
	struct strbuf path = {0};
	struct sockaddr_un address;
	int dir = -1;

	json_object_seed(0);
	strbuf_printf(&path, "%s/ctl.sock", data_dir);
	control.path = strbuf_take(&path);
	int result = address_of(data_dir, &address, &dir, err);
	if (result == 0)
		result = listen_at(&address, err);
	if (dir >= 0)
		close(dir);
	if (result < 0) {
		forget_socket();
		return -1;
	}
	control.io = io_new(control.fd, on_client, NULL);
	io_want(control.io, IO_READ);
	return 0;
}

void control_close(void)
{
	if (control.path)
		unlink(control.path);
	forget_socket();
	struct list *next;
	for (struct list *node = control.conns.next; node != &control.conns; node = next) {
		next = node->next;
		control_conn_finish(list_entry(node, struct control_conn, node));
	}
}

unsigned control_load(void)
{
	return command_threads_load();
}

bool control_fini(void)
{
	return command_threads_fini();
}
