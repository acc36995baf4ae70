/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the router that call each other. Everyone else includes stanzad/route.h. On a worker. */
#pragma once

#include "loop/receipt.h"
#include "loop/worker.h"
#include "route/trace.h"
#include "stanzad/module.h"

/* A stanza on its way to another worker, with addresses of its own. */
struct envelope {
	struct mail mail;
	struct stanza *stanza;
	struct trace *trace;
	struct receipt *receipt;
	struct jid from, to;
	char text[];
};

struct envelope *envelope_new(const struct jid *from, const struct jid *to, struct stanza *stanza);
void envelope_free(struct envelope *envelope);
/* What is done with it belongs to what caused it, until envelope_leave. Between the two it can be freed. */
struct envelope_before {
	struct trace *trace;
	struct receipt *receipt;
};
void envelope_enter(struct envelope *envelope, struct envelope_before *before_r);
void envelope_leave(const struct envelope_before *before);

/* local router: to the JID of a host of ours, without a local part. */
void local_deliver(struct host *host, const struct jid *from, const struct jid *to, struct stanza *stanza);
/* session manager: to a user of a host of ours, on the user's home worker. */
void sm_deliver(struct host *host, const struct jid *from, const struct jid *to, struct stanza *stanza);
/* S2S manager: to a domain that is not served here. */
void s2s_deliver(const struct jid *from, const struct jid *to, struct stanza *stanza);
/* A registered local route for the domain; false when there is none. On the recipient's home worker. */
bool local_route_deliver(const struct jid *from, const struct jid *to, struct stanza *stanza);
bool local_route_serves(struct str domain);

/*
 * An IQ get or set for a component of a host. user: the addressed user for IQ_SM, loaded. Answers by itself.
 */
void iq_dispatch(struct host *host, enum iq_component component, struct user *user, const struct jid *from,
    const struct jid *to, struct stanza *stanza);
