/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in a message, for those who decide whether to keep, copy or announce it. Pure; any thread.
 */
#pragma once

#include "stanzad/stanza.h"

/* A <body/> that is not empty. */
bool message_has_body(const struct stanza *message);
/* Nothing in it but a chat state (XEP-0085) and what only accompanies one: thread, delay, hints, ids. */
bool message_is_chat_state(const struct stanza *message);
/* XEP-0334: "store", "no-copy", ...; "no-store" answers to its old name no-storage as well. */
bool message_has_hint(const struct stanza *message, const char *hint);
/* A receipt (XEP-0184), a marker (XEP-0333), or what only asks for one. */
bool message_has_receipt(const struct stanza *message);
/* Its content is in an element that only the recipient can read: OMEMO, OX, OTR, legacy PGP. */
bool message_is_encrypted(const struct stanza *message);
/* The <message/> that a room tells a subscriber of (ejabberd's MUC/Sub); NULL: it is no such thing. */
const struct xml *message_of_subscription(const struct stanza *message);
