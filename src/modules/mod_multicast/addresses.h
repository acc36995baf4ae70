/* SPDX-License-Identifier: Apache-2.0 */
/* The address header of a stanza: XEP-0033 4. Pure functions. */
#pragma once

#include "stanzad/stanza.h"

#define NS_ADDRESS "http://jabber.org/protocol/address"

/* Somebody who is to get a copy. */
struct destination {
	struct jid jid;
	const struct xml *address; /* the element; NULL: not in the header */
	bool bcc;
};

struct addresses {
	const struct xml *header;
	struct destination *list; /* in the order of the header, each JID once */
	size_t count;
	size_t delivered; /* destinations that somebody else has served: left out of the list */
	struct arena arena;
};

/*
 * Reads the header of a stanza. max: how many destinations there may be. < 0: the condition and a text, a
 * literal, of the error to answer with; there is nothing to free then.
 */
int addresses_read(const struct stanza *stanza, uint64_t max, struct addresses *addresses_r,
    enum stanza_condition *condition_r, const char **text_r);
void addresses_fini(struct addresses *addresses);
/*
 * The header as recipients see it (4.5, 4.6.3): who got a copy is marked, blind copies are not there, but for
 * the address of the one who reads it (NULL: of nobody). Nothing is written when no address is left.
 */
void addresses_write(struct strbuf *out, const struct addresses *addresses, const struct xml *blind);
