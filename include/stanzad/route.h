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
 * themselves. What has to happen on the calling worker happens within the call, deliver functions of other
 * modules included; only when such calls cause each other to a depth of 20 does the rest wait for the next turn of
 * the loop.
 *
 * Routing more than a recipient takes is not lost and not kept without end. A client that sends is read from more
 * slowly. A module that sends, from a domain of a service, a host or a user's bare JID, cannot be slowed down, so
 * beyond these bounds its messages and requests come back to it with resource-constraint (type wait), and its
 * presence and answers are dropped:
 *
 *   4 MiB that a client has not read: messages are kept as offline messages as long as these have room, the rest
 *   comes back;
 *   5000 operations that wait for storage: no more messages are kept for later;
 *   50000 stanzas that wait for another worker (answers: 200000).
 */
void route(const struct jid *from, const struct jid *to, struct stanza *stanza);

/* Any thread: the same, from the worker that is the home of from. */
void route_post(const struct jid *from, const struct jid *to, struct stanza *stanza);

/* Answers original, which went from -> to, with a stanza error; nothing when it may not be answered. */
void route_error(
    const struct jid *from, const struct jid *to, struct stanza *original, const struct stanza_error *error);

/*
 * For what is written for each stanza that comes from somebody, before it is. When storage cannot keep up, whoever
 * makes it write is slowed down, since what waits for it is in memory. False: and who cannot be slowed down makes
 * it write no more. On a worker.
 */
bool storage_has_room(const struct jid *from);

/* Calls each for every domain directly or further below the host, but not below another one, that a service or
 * component serves at present. */
struct host;
void route_each_service(
    const struct host *host, void (*each)(void *arg, struct str domain), void *arg);

/* Whether a component (XEP-0114) serves exactly this domain at present. Any worker. */
bool route_is_component(struct str domain);
/* Calls each for every domain that components serve at present. On a worker. */
void route_each_component(void (*each)(void *arg, struct str domain), void *arg);

/*
 * A service: takes every stanza for its domain. On the worker that is the home of the recipient's bare JID;
 * from, to and stanza are borrowed for the call.
 */
struct module_instance;
typedef void module_deliver(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza);
