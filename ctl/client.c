/* SPDX-License-Identifier: Apache-2.0 */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_BYTES 65536
#define RUN_SOCKET ".run/data/ctl.sock" /* what 'make run' uses */

/* --- finding and connecting --------------------------------------------------------------------------- */

char *client_path(const char *socket, const char *data_dir)
{
	const char *environment = getenv("STANZAD_SOCKET");
	struct strbuf path = {0};

	if (socket)
		strbuf_cstr(&path, socket);
	else if (data_dir)
		strbuf_printf(&path, "%s/ctl.sock", data_dir);
	else if (environment && *environment)
		strbuf_cstr(&path, environment);
	else if (access(RUN_SOCKET, F_OK) == 0)
		strbuf_cstr(&path, RUN_SOCKET);
	else
		strbuf_cstr(&path, "/var/lib/stanzad/ctl.sock");
	return strbuf_take(&path);
}

/* A path that is too long for a socket address is reached by way of its directory's descriptor. */
static int address_of(const char *path, struct sockaddr_un *address_r, int *dir_r)
{
	const char *slash = strrchr(path, '/');
	size_t len = strlen(path);

	*dir_r = -1;
	*address_r = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (len < sizeof(address_r->sun_path)) {
		memcpy(address_r->sun_path, path, len);
		return 0;
	}
	errno = ENAMETOOLONG;
	if (!slash || strlen(slash) > 64)
		return -1;
	char *dir = str_dup((struct str){path, (size_t)(slash - path)});
	*dir_r = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (*dir_r < 0)
		return -1;
	snprintf(address_r->sun_path, sizeof(address_r->sun_path), "/proc/self/fd/%d%s", *dir_r, slash);
	return 0;
}

const char *client_hint(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return "Only the server's own user and root may: try sudo stanzactl ...\n";
	case ENOENT:
	case ECONNREFUSED:
		return "Start it with 'systemctl start stanzad', or with 'make run' in the source tree.\n"
		       "One with another data directory is reached by: stanzactl --data-dir DIR ...\n";
	default:
		return "";
	}
}

static int explain(const char *path, int error, struct err *err)
{
	if (error == ENOENT || error == ECONNREFUSED)
		err_set(err, "no server answers at %s", path);
	else
		err_set(err, "%s: %s", path, strerror(error));
	errno = error;
	return -1;
}

int client_open(struct client *client_r, const char *path, struct err *err)
{
	struct sockaddr_un address;
	int dir, error = 0;

	*client_r = (struct client){.fd = -1};
	if (address_of(path, &address, &dir) < 0)
		return explain(path, errno, err);
	client_r->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client_r->fd < 0 || connect(client_r->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		error = errno;
	if (dir >= 0)
		close(dir);
	if (!error) {
		fcntl(client_r->fd, F_SETFL, O_NONBLOCK);
		return 0;
	}
	client_close(client_r);
	return explain(path, error, err);
}

void client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	strbuf_fini(&client->in);
	strbuf_fini(&client->out);
	*client = (struct client){.fd = -1};
}

/* --- moving bytes ------------------------------------------------------------------------------------- */

static int add_bytes(const char *bytes, size_t len, void *buf)
{
	strbuf_add(buf, bytes, len);
	return 0;
}

void client_put(struct client *client, json_t *request)
{
	json_dump_callback(request, add_bytes, &client->out, JSON_COMPACT);
	strbuf_char(&client->out, '\n');
	json_decref(request);
}

static int send_some(struct client *client)
{
	while (client->out_sent < client->out.len) {
		ssize_t sent = send(client->fd, client->out.ptr + client->out_sent,
		    client->out.len - client->out_sent, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? 0 : -1;
		client->out_sent += (size_t)sent;
	}
	strbuf_reset(&client->out);
	client->out_sent = 0;
	return 0;
}

static int receive_some(struct client *client)
{
	ssize_t got = recv(client->fd, strbuf_reserve(&client->in, READ_BYTES), READ_BYTES, 0);

	if (got > 0)
		client->in.len += (size_t)got;
	else if (got == 0)
		client->closed = true;
	else if (errno != EAGAIN && errno != EINTR)
		return -1;
	return 0;
}

int client_move(struct client *client, struct err *err)
{
	int sent = send_some(client);

	/* The server may have answered before it closed. */
	if (receive_some(client) < 0 || (sent < 0 && client->closed))
		client->closed = true;
	if (client->closed &&
	    !memchr(client->in.ptr + client->in_taken, '\n', client->in.len - client->in_taken))
		return err_set(err, "the server closed the connection");
	return 0;
}

json_t *client_take(struct client *client, struct err *err)
{
	char *start = client->in.ptr + client->in_taken;
	char *end = client->in.len > client->in_seen
			? memchr(client->in.ptr + client->in_seen, '\n', client->in.len - client->in_seen)
			: NULL;
	json_error_t error;

	if (!end) {
		client->in_seen = client->in.len;
		return NULL;
	}
	json_t *answer = json_loadb(start, (size_t)(end - start), 0, &error);
	client->in_taken = client->in_seen = (size_t)(end - client->in.ptr) + 1;
	if (client->in_taken > client->in.len / 2) {
		memmove(client->in.ptr, client->in.ptr + client->in_taken, client->in.len - client->in_taken);
		client->in.len -= client->in_taken;
		client->in_taken = client->in_seen = 0;
	}
	if (!answer)
		err_set(err, "the server's answer is not JSON: %s", error.text);
	return answer;
}

json_t *client_wait(struct client *client, struct err *err)
{
	err->text[0] = '\0';
	for (;;) {
		json_t *answer = client_take(client, err);
		if (answer || err->text[0])
			return answer;
		if (client_move(client, err) < 0)
			return NULL;
		struct pollfd poller = {.fd = client->fd, .events = POLLIN};
		if (client->out_sent < client->out.len)
			poller.events |= POLLOUT;
		if (client->in_seen == client->in.len && !client->closed)
			poll(&poller, 1, -1);
	}
}
