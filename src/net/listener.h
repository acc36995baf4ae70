/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets. Each listener accepts on all workers (SO_REUSEPORT is not used: the socket is shared, so
 * no connection is lost when listeners change). Limits on connections and on connection attempts per address
 * are kept here (max_connections, max_connections_per_ip, connection_rate_per_ip); what they refuse is closed
 * without a word, counted, and logged once a minute for each address.
 */
#pragma once

#include "conf/conf.h"
#include "net/conn.h"
#include "net/tls.h"

/* What listens for which module name: registered by the stream code ("ejabberd_c2s"). */
struct listener_kind {
	const char *module;
	/*
	 * A connection was accepted (PROXY header read, direct TLS not yet begun); the kind sets the owner at
	 * once. The listener's options are valid for the call; conf is the snapshot that they are from (take
	 * a reference to keep them).
	 */
	void (*accepted)(struct conn *conn, const struct conf_listener *listener, struct conf *conf);
	/* ALPN for direct TLS, as in RFC 7301: "xmpp-client"; NULL: none */
	const char *alpn;
};
void listener_register_kind(const struct listener_kind *kind);

/* Where relative paths of Unix sockets begin: DATA_DIR. Before listeners_apply. */
void listeners_set_directory(const char *directory);
/*
 * Worker 0, after tls_apply. Opens what the snapshot lists and is not open yet, closes what it lists no more,
 * keeps the rest with their connections and gives them their new options. Listeners of modules that nobody
 * registered are left out. < 0: some could not be opened (err names the first); with all_or_nothing nothing
 * has changed then.
 */
int listeners_apply(const struct conf *conf, bool all_or_nothing, struct err *err);
/* Worker 0. The sockets are closed when every worker has heard of it; connections stay, except those that owe
 * a header. */
void listeners_close(void);
/* Number of open connections, and of those refused by a limit since the start. Any thread. */
unsigned listeners_connections(void);
uint64_t listeners_refused(void);
/* "127.0.0.1", 5222, ... or "unix:PATH", 0: what is bound, for the banner. Calls each on worker 0. */
void listeners_each(
    void (*each)(void *arg, const char *module, const char *address, unsigned port, bool tls), void *arg);
