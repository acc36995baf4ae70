/* SPDX-License-Identifier: Apache-2.0 */
/* Stanzas inside others: XEP-0297, for servers and components that trust each other. Any thread. */
#pragma once

#include "stanzad/stanza.h"

#define NS_FORWARD "urn:xmpp:forward:0"

/* <forwarded/> with the stanza under these addresses and this id. */
void forward_put(struct xml_writer *writer, const struct stanza *stanza, const struct jid *from,
    const struct jid *to, struct str id);
/* The stanza in the only <forwarded/> of an element: the only one there of that name in
 * jabber:client. NULL. */
const struct xml *forward_get(const struct xml *elem, const char *name);
/* The only child of elem that is an element; NULL when there is none, or more than one. */
const struct xml *forward_only_child(const struct xml *elem);
