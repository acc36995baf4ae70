/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending stanzas on their way, and being a place where they arrive. On a worker, unless said otherwise.
 */
#pragma once

#include "stanzad/stanza.h"

struct envelope; /* one stanza under way: private to src/route */

/*
 * Routes a stanza: DESIGN 2, RFC 6120 10, RFC 6121 8. from and to are borrowed for the call, stanza is
 * borrowed (the router takes references of its own). Errors that the stanza causes travel back to from by
 * themselves.
 */
void route(const struct jid *from, const struct jid *to, struct stanza *stanza);

/* Any thread: the same, from the worker that is the home of from. */
void route_post(const struct jid *from, const struct jid *to, struct stanza *stanza);

/* Answers original, which went from -> to, with a stanza error; nothing when it may not be answered. */
void route_error(
    const struct jid *from, const struct jid *to, struct stanza *original, const struct stanza_error *error);

/*
 * A domain (or, beginning with "*.", all below it) that this process serves: a service module, a component.
 * deliver runs on the worker that is the home of the recipient's bare JID and borrows what it gets.
 */
struct local_route {
	struct str domain;
	void (*deliver)(void *arg, const struct jid *from, const struct jid *to, struct stanza *stanza);
	void *arg;
};
/* Worker 0. < 0 with a reason when the domain is taken. The route must stay until route_unregister. */
int route_register(struct local_route *local, struct err *err);
/* Worker 0; gone(arg) is called on worker 0 when no worker can be inside deliver any more. */
void route_unregister(struct local_route *local, void (*gone)(void *arg));
