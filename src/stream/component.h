/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of components: XEP-0114. Registers the listener module "ejabberd_service". */
#pragma once

#include "stanzad/str.h"

struct conf;
struct conf_listener;
struct conn;

/* Before the first listener opens. */
void component_init(void);
/* What the listener does with a new connection, as in net/listener.h: takes it over. conf is referenced. */
void component_accept(struct conn *conn, const struct conf_listener *listener, struct conf *conf);
/* On each worker, after a reload: closes the components of domains that are not theirs any more. */
void components_close_gone(void);

struct component_about {
	const struct str *domains; /* that it serves; all views live as long as the call */
	size_t domain_count;
	struct str address;
	unsigned port;
	const char *connection; /* "component" or "component_tls" */
	int64_t since_us;       /* real time */
	uint64_t received, sent; /* stanzas from it and to it */
	size_t queued;           /* bytes that it has not taken yet */
};
/* Every component of the calling worker that serves a domain. */
void components_each(void (*each)(void *arg, const struct component_about *about), void *arg);
