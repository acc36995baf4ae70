/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IQs that the server itself asks, and their answers. Answers are taken only from the JID that was asked. On
 * a worker.
 */
#pragma once

#include "loop/timer.h"
#include "stanzad/stanza.h"

/*
 * Asks 'to' from the host's own JID ('from'). payload is the writer's content, one element. answered is
 * called once on this worker: with the result or error stanza, or NULL when none came within timeout_ms or
 * before the server's end.
 */
void iq_request(const struct jid *from, const struct jid *to, enum stanza_type type,
    struct xml_writer *payload, unsigned timeout_ms, void (*answered)(void *arg, struct stanza *answer),
    void *arg);
/* A result or error arrived for the server: gives it to the request that it answers, or drops it. */
void iq_request_answered(const struct jid *from, const struct jid *to, struct stanza *stanza);
/* Nobody will answer the requests of the calling worker: for workers_visit, after the loops ended, before
 * users_fini. */
void iq_requests_fini(void *unused);
