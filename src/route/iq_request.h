/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IQs that modules ask from the host's JID or a user's bare JID (stanzad/request.h), and their answers. Answers are
 * taken only from the JID that was asked, to the one that asked. On a worker.
 */
#pragma once

#include "stanzad/stanza.h"

struct module_instance;

/* A result or error arrived for the server or a user's bare JID: gives it to the request that it answers, or drops
 * it. */
void iq_request_answered(const struct jid *from, const struct jid *to, struct stanza *stanza);
/* Nobody will answer what this instance (NULL: any) asked on the calling worker. */
void iq_requests_end_here(const struct module_instance *instance);
/* The same for all: for workers_visit, after the loops ended, before users_fini. */
void iq_requests_fini(void *unused);
