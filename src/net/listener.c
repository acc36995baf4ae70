/* SPDX-License-Identifier: Apache-2.0 */
#include "net/listener.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/listener_internal.h"
#include "stanzad/log.h"

enum { KINDS_MAX = 16 };

static const struct listener_kind *kinds[KINDS_MAX];
static unsigned kind_count;
static struct listener **listeners;
static size_t listener_count;
static char *directory;

void listener_register_kind(const struct listener_kind *kind)
{
	assert(kind_count < KINDS_MAX);
	kinds[kind_count++] = kind;
}

void listeners_set_directory(const char *path)
{
	free(directory);
	directory = str_dup(str_of(path));
}

static const struct listener_kind *kind_find(const char *module)
{
	for (unsigned i = 0; i < kind_count; i++)
		if (strcmp(kinds[i]->module, module) == 0)
			return kinds[i];
	return NULL;
}

/* Numbers of the unix_socket map; an octal mode is written in quotes. */
static int map_number(const struct option_node *map, const char *key, int base)
{
	const struct option_node *node = map ? option_node_get(map, key) : NULL;
	char digits[16];
	if (!node || node->scalar.len == 0 || node->scalar.len >= sizeof(digits))
		return -1;
	snprintf(digits, sizeof(digits), "%.*s", STR_FMT(node->scalar));
	char *end;
	long value = strtol(digits, &end, base);
	return *end || value < 0 || value > INT32_MAX ? -1 : (int)value;
}

static char *unix_path(struct str path)
{
	struct strbuf full = {0};
	if (path.len && path.ptr[0] != '/' && directory)
		strbuf_printf(&full, "%s/", directory);
	strbuf_str(&full, path);
	return strbuf_take(&full);
}

/* path_r is on the heap, or NULL for TCP. */
static void read_place(const struct conf_listener *options, struct listener_place *place_r, char **path_r)
{
	const struct option_value *port = conf_listener_get(options, "port");
	const struct option_value *unix_socket = conf_listener_get(options, "unix_socket");
	struct str ip = conf_listener_get(options, "ip")->string, prefix;
	uint64_t number = 0;
	*path_r = NULL;
	if (str_starts(port->string, "unix:"))
		*path_r = unix_path((struct str){port->string.ptr + 5, port->string.len - 5});
	else if (!str_to_u64(port->string, &number))
		number = (uint64_t)port->integer;
	*place_r = (struct listener_place){
	    .ip = str_cut(ip, '/', &prefix), /* "::1/128" is one address too */
	    .port = (unsigned)number,
	    .path = *path_r,
	    .backlog = (unsigned)conf_listener_get(options, "backlog")->integer,
	    .mode = map_number(unix_socket->node, "mode", 8),
	    .owner = map_number(unix_socket->node, "owner", 10),
	    .group = map_number(unix_socket->node, "group", 10),
	};
}

static bool has_tls(const struct conf_listener *options)
{
	return conf_listener_get(options, "tls")->boolean;
}

static struct listener *listener_new(const struct conf_listener *options, const struct listener_kind *kind)
{
	struct listener *listener =
	    mem_zalloc(sizeof(*listener) + worker_count() * sizeof(listener->acceptors[0]));
	listener->refs = 1;
	listener->kind = kind;
	listener->label = str_dup(str_of(conf_listener_label(options)));
	pthread_mutex_init(&listener->lock, NULL);
	return listener;
}

/* What connections from now on get. */
static void listener_set_options(struct listener *listener, const struct conf *conf,
    const struct conf_listener *options, struct tls_context *tls)
{
	struct conf *old = listener->conf;
	pthread_mutex_lock(&listener->lock);
	listener->conf = conf_ref((struct conf *)conf);
	listener->options = options;
	listener->tls = tls;
	pthread_mutex_unlock(&listener->lock);
	conf_unref(&old);
	int64_t interval = conf_listener_get(options, "accept_interval")->integer;
	__atomic_store_n(&listener->accept_interval, (unsigned)interval, __ATOMIC_RELAXED);
	__atomic_store_n(
	    &listener->proxy, conf_listener_get(options, "use_proxy_protocol")->boolean, __ATOMIC_RELAXED);
}

/* One listener of the snapshot: what is open already, or what was opened for it. */
struct wanted {
	const struct conf_listener *options;
	struct listener *listener;
	struct tls_context *tls;
	bool opened;
};

static struct listener *find_open(const char *label)
{
	for (size_t i = 0; i < listener_count; i++)
		if (!listeners[i]->wanted && strcmp(listeners[i]->label, label) == 0)
			return listeners[i];
	return NULL;
}

static int wanted_open(
    struct wanted *wanted, const struct conf *conf, const struct listener_kind *kind, struct err *err)
{
	struct listener_place place;
	if (has_tls(wanted->options)) {
		wanted->tls = tls_context_get(conf, wanted->options, kind->alpn, err);
		if (!wanted->tls)
			return err_prefix(err, "listener %s", conf_listener_label(wanted->options));
	}
	struct listener *open = find_open(conf_listener_label(wanted->options));
	if (open && open->kind == kind) {
		wanted->listener = open;
		open->wanted = true;
		return 0;
	}
	struct listener *listener = listener_new(wanted->options, kind);
	read_place(wanted->options, &place, &listener->path);
	listener->fd = listener_socket_open(&place, err);
	if (listener->fd < 0) {
		listener_unref(&listener);
		return -1;
	}
	wanted->listener = listener;
	wanted->opened = true;
	return 0;
}

/* Undoes what wanted_open did. */
static void wanted_abort(struct wanted *wanted, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct listener *listener = wanted[i].listener;
		if (!wanted[i].opened) {
			if (listener)
				listener->wanted = false;
			continue;
		}
		close(listener->fd);
		if (listener->path)
			unlink(listener->path);
		listener_unref(&listener);
	}
}

static void wanted_commit(struct wanted *wanted, size_t count, const struct conf *conf)
{
	struct listener **kept = mem_zalloc((count + 1) * sizeof(struct listener *));
	size_t kept_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct listener *listener = wanted[i].listener;
		if (!listener)
			continue;
		listener_set_options(listener, conf, wanted[i].options, wanted[i].tls);
		if (wanted[i].opened) {
			listener_start(listener);
		} else {
			struct listener_place place;
			char *path;
			read_place(wanted[i].options, &place, &path);
			listener_socket_adjust(listener->fd, &place);
			free(path);
		}
		listener->wanted = true;
		kept[kept_count++] = listener;
	}
	for (size_t i = 0; i < listener_count; i++)
		if (!listeners[i]->wanted)
			listener_stop(&listeners[i]);
	for (size_t i = 0; i < kept_count; i++)
		kept[i]->wanted = false;
	free(listeners);
	listeners = kept;
	listener_count = kept_count;
}

static uint32_t read_limit(const struct conf *conf, const char *name)
{
	int64_t value = conf_int(conf, STR_NULL, name);
	return value < LIMITS_NONE ? (uint32_t)value : LIMITS_NONE;
}

static void apply_limits(const struct conf *conf)
{
	limits_set(&(struct limits){
	    .connections = read_limit(conf, "max_connections"),
	    .per_address = read_limit(conf, "max_connections_per_ip"),
	    .rate_per_address = read_limit(conf, "connection_rate_per_ip"),
	});
}

int listeners_apply(const struct conf *conf, bool all_or_nothing, struct err *err)
{
	size_t count = conf_listener_count(conf);
	struct wanted *wanted = mem_zalloc((count + 1) * sizeof(*wanted));
	struct err problem;
	int rc = 0;
	for (size_t i = 0; i < count; i++) {
		wanted[i].options = conf_listener_at(conf, i);
		const struct listener_kind *kind = kind_find(conf_listener_module(wanted[i].options));
		if (!kind || conf_listener_availability(wanted[i].options) != CONF_AVAILABLE)
			continue;
		if (wanted_open(&wanted[i], conf, kind, rc == 0 ? err : &problem) < 0)
			rc = -1;
	}
	if (rc < 0 && all_or_nothing) {
		wanted_abort(wanted, count);
	} else {
		wanted_commit(wanted, count, conf);
		apply_limits(conf);
	}
	free(wanted);
	return rc;
}

void listeners_close(void)
{
	for (size_t i = 0; i < listener_count; i++)
		listener_stop(&listeners[i]);
	free(listeners);
	listeners = NULL;
	listener_count = 0;
	free(directory);
	directory = NULL;
}

static void each_address(const struct listener *listener, char *text, size_t room, unsigned *port_r)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} address = {0};
	socklen_t len = sizeof(address);
	*port_r = 0;
	if (listener->path) {
		snprintf(text, room, "unix:%s", listener->path);
		return;
	}
	getsockname(listener->fd, &address.any, &len);
	*port_r = ntohs(address.in4.sin_port);
	if (address.any.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &address.in6.sin6_addr, text, (socklen_t)room);
	else
		inet_ntop(AF_INET, &address.in4.sin_addr, text, (socklen_t)room);
}

void listeners_each(
    void (*each)(void *arg, const char *module, const char *address, unsigned port, bool tls), void *arg)
{
	for (size_t i = 0; i < listener_count; i++) {
		char text[128];
		unsigned port;
		each_address(listeners[i], text, sizeof(text), &port);
		each(arg, listeners[i]->kind->module, text, port, listeners[i]->tls != NULL);
	}
}
