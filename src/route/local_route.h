/* SPDX-License-Identifier: Apache-2.0 */
/* Domains that this process serves beside its virtual hosts: service modules, components. */
#pragma once

#include "stanzad/route.h"

/*
 * A domain, or, beginning with "*.", all below it. deliver runs on the worker that is the home of the
 * recipient's bare JID and borrows what it gets.
 */
struct local_route {
	struct str domain;
	void (*deliver)(void *arg, const struct jid *from, const struct jid *to, struct stanza *stanza);
	/* Instead of deliver for a stanza that is only explained: says with TRACE what would happen. NULL: it
	 * would be handled. */
	void (*explain)(void *arg, const struct jid *from, const struct jid *to);
	void *arg;
};
/* Worker 0. < 0 with a reason when the domain is taken. The route must stay until route_unregister. */
int route_register(struct local_route *local, struct err *err);
/* Worker 0; gone(arg) is called on worker 0 when no worker can be inside deliver any more. */
void route_unregister(struct local_route *local, void (*gone)(void *arg));
/* Exactly this domain, no wildcard for it; NULL. Until the calling worker returns to its loop. */
const struct local_route *local_route_of(struct str domain);
/* The nearest host above a domain; NULL. */
struct host *host_above(struct str domain);
/* Forgets all routes; after workers_fini. */
void local_routes_fini(void);
