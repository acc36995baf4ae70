/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stanzas that a connection's socket has not taken yet, oldest first: what is to be delivered elsewhere, or
 * bounced, when the connection ends. On the connection's worker.
 */
#pragma once

#include "loop/receipt.h"
#include "net/conn.h"
#include "stanzad/stanza.h"

struct unsent {
	struct unsent *next;
	struct stanza *stanza;
	struct jid from, to;
	struct receipt *receipt; /* dropped when it is freed */
	uint64_t end; /* the byte of the stream behind it; UINT64_MAX: it was never written */
	uint64_t queued_ms;
	int priority; /* the owner's own word */
	bool stored;  /* the owner's own word, too */
	char text[];  /* of from and to */
};

/* A zeroed one is empty. */
struct backlog {
	struct unsent *first, *last;
};

/* Writes a stanza into the output queue. */
void backlog_write(
    struct conn *conn, const struct jid *from, const struct jid *to, const struct stanza *stanza);
/* Remembers a stanza that was just written; the entry, for the owner's own word. */
struct unsent *backlog_add(struct backlog *backlog, const struct conn *conn, const struct jid *from,
    const struct jid *to, struct stanza *stanza);
/* Keeps one that will not be written; its end is UINT64_MAX until the owner says otherwise. */
struct unsent *backlog_keep(
    struct backlog *backlog, const struct jid *from, const struct jid *to, struct stanza *stanza);
/* Forgets what has been sent. */
void backlog_trim(struct backlog *backlog, const struct conn *conn);
/* The oldest one, to be given to unsent_free; NULL. */
struct unsent *backlog_take(struct backlog *backlog);
/* What is done with it is on behalf of who sent it, until receipt_leave; it can be freed before that. */
void unsent_enter(struct unsent *unsent, struct receipt **before_r);
void unsent_free(struct unsent **unsent);

/* After the loops ended. */
void backlog_fini(void);
