/* SPDX-License-Identifier: Apache-2.0 */
/* IQs that a module asks from the host's own JID or in the name of its users, and their answers. A service asks from
 * its own domain by route, and gets the answers in its deliver. */
#pragma once

#include "stanzad/stanza.h"

struct module_instance;

/* answer: the result or error stanza, borrowed for the call; NULL: none came in time, or the module leaves. */
typedef void module_answered(struct module_instance *instance, void *arg, struct stanza *answer);

/*
 * Asks 'to'. type: IQ_GET or IQ_SET. payload: a writer that holds the one element of the request; it stays the
 * caller's. answered is called exactly once on the calling worker, never from inside this call when the one who is
 * asked lives elsewhere: with the answer of exactly that JID, or with NULL when there is none within timeout_ms, and
 * before .leave when the module leaves the host. On a worker.
 */
void module_ask(struct module_instance *instance, const struct jid *to, enum stanza_type type,
    struct xml_writer *payload, unsigned timeout_ms, module_answered *answered, void *arg);

/*
 * The same from another JID: the bare JID of a user of the host, who learns nothing of it. Asked at that very JID it
 * is a request of the owner (own in struct iq), and, unlike one of a client, has no resource.
 */
void module_ask_as(struct module_instance *instance, const struct jid *from, const struct jid *to,
    enum stanza_type type, struct xml_writer *payload, unsigned timeout_ms, module_answered *answered, void *arg);
