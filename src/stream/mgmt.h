/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream management of client streams (XEP-0198). A struct mgmt stands between a session and its stream: it
 * numbers what goes either way, keeps what the client has not acknowledged, and lives on while the client is away. All
 * of it belongs to the home worker of the user. The stanza numbers here do not wrap; on the wire they do.
 *
 * What the client sends is handled when its receipt says so (stanzad/receipt.h). What it was sent is kept until
 * its <a/>; messages that others wait for to be safe are written to storage when that does not come soon, and
 * become a resumed stream or undelivered messages after a crash.
 */
#pragma once

#include "base/list.h"
#include "loop/timer.h"
#include "route/session.h"
#include "stream/backlog.h"
#include "stream/inbound.h"

/* Numbers of stanzas that came after a restart and before the client: beyond all that it can acknowledge. */
#define MGMT_EPOCH (UINT64_C(1) << 32)
#define MGMT_ID_LEN 26 /* 130 random bits */
#define NS_SM "urn:xmpp:sm:3"
#define NS_SM_OLD "urn:xmpp:sm:2"

struct c2s;
struct conf_module;
struct host;

struct mgmt_out {
	struct backlog unacked; /* unsent.end is the stanza's number */
	size_t count, bytes;
	struct unsent *unseen; /* of these, the first that came while the client was away; NULL */
	uint64_t sent, acked; /* numbers */
	uint64_t noted;       /* acked, as the ledger has it */
	bool asked;           /* <r/> is out */
	bool full;            /* something was refused */
	bool restored; /* of before a restart: nobody knows yet which number comes next */
	bool held;     /* nothing is written to the client until storage has the new numbers */
	uint64_t spooled;     /* the highest number that is in storage or on its way there */
	uint64_t forgotten;   /* up to that number nothing is in storage any more */
	struct deferred ask;
	struct timer spool_timer;
};

struct mgmt {
	uint32_t magic;
	unsigned refs; /* the session, each inbound stanza, each storage operation */
	struct list link; /* all of this worker */
	struct c2s *c2s;  /* NULL: the client is away */
	struct session *session; /* NULL: over */
	struct host *host;
	struct jid jid; /* full; heap */
	char id[MGMT_ID_LEN + 1];
	const char *ns;
	bool resumable;
	bool stored; /* there may be rows of the session */
	bool unwritten; /* its own row is not durable yet: nothing is acknowledged before that */
	struct deferred store;
	uint64_t resume_ms; /* how long it waits for its client */
	uint64_t ack_ms;    /* how long an <a/> may take; UINT64_MAX: for ever */
	size_t queue_max;   /* of what is not acknowledged */
	unsigned slot;      /* in the ledger */
	struct mgmt_out out;
	struct inbound in;
	struct timer timer; /* away: the end of waiting; otherwise: <a/> must come */
	unsigned rerouting; /* pieces of the queue that are on their way elsewhere */
	/* Of the connection, for when there is none. */
	char address[64];
	char client_id[40]; /* session_about */
	unsigned port;
	bool tls;
	int64_t since_us, active_us;
};

/* --- mgmt.c: life --------------------------------------------------------------------------------------- */

extern const struct session_ops mgmt_session_ops;

/* The module's options on a host; NULL: stream management is not there. */
const struct conf_module *mgmt_options(const struct host *host);

/* One reference, on the list of this worker; without a session and an id. */
struct mgmt *mgmt_new(struct host *host, const struct jid *full);
void mgmt_ref(struct mgmt *mgmt);
void mgmt_unref(struct mgmt *mgmt);
/* Begins between a session and its stream; the numbers are 0. wanted_s: the client's max, 0: none. */
struct mgmt *mgmt_start(struct c2s *c2s, const char *ns, bool resumable, uint64_t wanted_s);
/* Who the client of the present stream says it is, for session_about. */
void mgmt_know_client(struct mgmt *mgmt);
/* The stream lets go of the session. */
void mgmt_detach(struct mgmt *mgmt);
/* The client is away from now on: the session waits for it. */
void mgmt_wait(struct mgmt *mgmt);
/* The stream's connection is gone, or about to go: the session waits for its client, or ends if it may not. */
void mgmt_lost(struct mgmt *mgmt);
/* The session ends: what was not acknowledged goes elsewhere. mgmt may be freed. */
void mgmt_end(struct mgmt *mgmt);
/* The server stops: everything is stored for the next one, the session leaves without a word. */
void mgmt_park(struct mgmt *mgmt);
/* Parks all of the calling worker. */
void mgmt_park_all(void);
/* The session of that id, of that user; NULL. */
struct mgmt *mgmt_find(const struct jid *bare, struct str id);
/* Sessions whose clients are away, on the calling worker. */
unsigned mgmt_away_count(void);

/* --- mgmt_out.c ----------------------------------------------------------------------------------------- */

#define MGMT_BYTES_MAX (4u * 1024 * 1024) /* of what one client has not acknowledged */
/* Whether another stanza may be kept. */
bool mgmt_has_room(const struct mgmt *mgmt);
/* One more behind the others; its number is the caller's. */
struct unsent *mgmt_keep(
    struct mgmt_out *out, const struct jid *from, const struct jid *to, struct stanza *stanza);
/* To the client: numbered, kept until it is acknowledged, written when the client is there. */
void mgmt_send(struct mgmt *mgmt, const struct jid *from, const struct jid *to, struct stanza *stanza);
enum mgmt_ack { MGMT_ACKED, MGMT_ACK_OLD, MGMT_ACK_TOO_HIGH };
/* The client's h, as on the wire. */
enum mgmt_ack mgmt_acked(struct mgmt *mgmt, uint32_t h);
/* Everything that is not acknowledged once more, stamped with when it was sent first. */
void mgmt_send_again(struct mgmt *mgmt);
/* <r/> at the end of the turn when there is something to be acknowledged. */
void mgmt_ask(struct mgmt *mgmt);
/* What is not in storage and should be is written there now. */
void mgmt_spool(struct mgmt *mgmt);
/* Storage took nothing: soon once more. */
void mgmt_spool_again(struct mgmt *mgmt);

/* --- mgmt_reroute.c ------------------------------------------------------------------------------------- */

/* The session is over: each to other resources, kept for later, or bounced, as the options say. */
void mgmt_reroute(struct mgmt *mgmt);
/* Something that must not be lost without a word. */
bool mgmt_matters(const struct stanza *stanza);
/* An address that names this very session's stanza as its cause does not wait for itself. */
bool mgmt_receipt_is_own(const struct mgmt *mgmt);

/* The numbers go into the ledger. */
void mgmt_note(struct mgmt *mgmt);
/* Storage has the numbers as they are after a restart. */
void mgmt_renumbered(struct mgmt *mgmt);

/* --- mgmt_in.c ------------------------------------------------------------------------------------------ */

extern const struct inbound_ops mgmt_inbound_ops;
/* A stanza from the client: counted, then given to c2s_stanza. */
void mgmt_receive(struct mgmt *mgmt, struct stanza *stanza);
/* <r/> */
void mgmt_asked(struct mgmt *mgmt);
/* Answers the client's <r/> if that can be done now. */
void mgmt_answer(struct mgmt *mgmt);
/* The client is about to send again what was not handled: what is being handled still is recognised. */
void mgmt_expect_replay(struct mgmt *mgmt);
void mgmt_in_fini(void);

/* --- mgmt_store.c: the tables of mod_stream_mgmt -------------------------------------------------------- */

/* At the end of the turn the session's row is written as it is then. */
void mgmt_store_later(struct mgmt *mgmt);
void mgmt_store_now(struct mgmt *mgmt);
/* Writes these, in place of all rows or in addition; then their receipts are dropped. list is taken over. */
struct mgmt_spooled {
	uint64_t number;
	int64_t real_us;
	struct receipt *receipt;
	struct strbuf xml;
};
void mgmt_store_queue(struct mgmt *mgmt, struct mgmt_spooled *list, size_t count, bool anew);
/* Rows up to this number are not needed any more. */
void mgmt_store_forget(struct mgmt *mgmt, uint64_t number);
/* All of the session is not needed any more, then its slot in the ledger is free. */
void mgmt_store_remove(struct mgmt *mgmt);
/* One row, in the transaction of somebody else. */
int mgmt_store_forget_one(struct db *db, const struct mgmt *mgmt, uint64_t number, struct err *err);

/* --- mgmt_gone.c ---------------------------------------------------------------------------------------- */

/* It was not resumed in time. */
void mgmt_gone_remember(const struct mgmt *mgmt);
/* How many of the user's stanzas such a session had handled. */
bool mgmt_gone_find(const struct jid *bare, struct str id, uint64_t *handled_r);
void mgmt_gone_fini(void);

/* --- mgmt_restore.c ------------------------------------------------------------------------------------- */

/* Some sessions of before the start are not there yet. Any thread. */
bool mgmt_restoring(void);
