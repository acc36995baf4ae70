/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a component's stream, for the files component*.c. All of it belongs to its worker. */
#pragma once

#include "conf/components.h"
#include "route/component.h"
#include "stream/backlog.h"
#include "stream/peer.h"

#define COMPONENT_ID_LEN 26 /* 130 random bits: RFC 6120 4.7.3 */

enum component_state {
	COMPONENT_WAIT_HEADER,
	COMPONENT_HANDSHAKE, /* our header is out; <handshake/> must come next */
	COMPONENT_JOINING,   /* it knew the password; reading is paused until it is known what it serves */
	COMPONENT_OPEN,
};

struct component {
	struct peer peer; /* first */
	enum component_state state : 8;
	bool announced; /* our <handshake/> is out: what comes for it may follow */
	bool choked;    /* reading is paused until it takes what we have for it */
	bool slowed;    /* reading is paused because a worker cannot keep up with it */
	struct conf *conf; /* of the time when it connected */
	const struct conf_listener *listener;
	char id[COMPONENT_ID_LEN + 1];
	struct str domain; /* heap: that the stream header named */
	struct str lang;   /* of the stream; interned */
	struct component_link *link; /* from COMPONENT_JOINING to the end */
	const struct str *domains;   /* the link's, from COMPONENT_OPEN on */
	size_t domain_count;
	struct backlog backlog;
	struct timer stall_timer, slow_timer;
	int64_t since_us;
	uint64_t received, sent;
};

/* --- component_header.c: until it is known what it serves ---- */
void component_header(struct peer *peer, const struct xml *root);
void component_send_header(struct peer *peer);
/* An element before authentication. */
void component_handshake(struct component *component, const struct xml *elem);
/* Says that the password was right, unless that was said. */
void component_announce(struct component *component);

/* --- component_stanza.c ---- */
/* A stanza from it; borrowed. */
void component_stanza(struct component *component, struct stanza *stanza);
/* It serves the domain. */
bool component_serves(const struct component *component, struct str domain);

/* --- component_queue.c: what goes to it ---- */
extern const struct component_ops component_link_ops;
/* Stops reading from one that does not take what it asks for. */
void component_choke(struct component *component);
/* peer_ops */
void component_drained(struct peer *peer);
void component_emptied(struct peer *peer);
void component_blocked(struct peer *peer);
/* The stream ends. What is written is still on its way out: only what has certainly not gone out when the
 * connection is gone (at_last) is given back. */
void component_part(struct component *component, bool at_last);

/* --- component.c ---- */
/* component_ops.opened */
void component_opened(void *stream, const struct str *domains, size_t count, const char *refused);
