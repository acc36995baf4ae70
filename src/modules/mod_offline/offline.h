/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offline messages: the state of one user and the parts of the module. All of it belongs to the user's home
 * worker, but for the run functions of storage operations.
 *
 * A message that nobody is there for becomes a row of the table spool (keep.c). When a session becomes
 * available, a pump hands the rows to it, a batch at a time, in order; a row is deleted in the transaction
 * that reads the next batch, so what was not handed over is never deleted (pump.c). A client that looks
 * through its messages itself, by XEP-0013, gets them as it asks (retrieval.c). With use_mam_for_storage only
 * the first message that is missed has a row; where the rest begins in the archive can be told from it
 * (archived.c).
 */
#pragma once

#include "stanzad/module.h"

#define NS_OFFLINE "http://jabber.org/protocol/offline"
#define OFFLINE_UNKNOWN (-1)

extern const struct module mod_offline;
extern const struct command offline_commands[];

struct offline_pump;
struct offline_held;

struct offline {
	int64_t count;              /* rows that wait; OFFLINE_UNKNOWN: only storage knows */
	unsigned epoch;             /* count is right as long as nobody else deletes: offline_epoch */
	unsigned kept_since;        /* messages kept since the pump's latest read was submitted */
	struct offline_pump *pumps; /* that are handing messages over */
	int64_t marked;             /* the archive has what was missed behind this id; 0: no row says so */
	unsigned clearing;          /* binds whose rows are being cleared: what is to be handed over waits */
	bool homeless;              /* no account: an anonymous log-in; nothing is kept */
	bool handing;               /* a kept message is being delivered right now */
	bool refused;               /* ... and the session's queue was full */
};

/* The rows of its metrics. */
enum { OFFLINE_METRIC_KEPT, OFFLINE_METRIC_DELIVERED };
/* Rows of many users went away, or some of this one: no row may be relied on. */
void offline_unmark(struct offline *offline);
/* Counts one, where the user is. */
void offline_counted(const struct user *user, unsigned metric);

/* The state of a user; made when there is none. */
struct offline *offline_of(struct user *user);
/* Rows that wait, or OFFLINE_UNKNOWN. */
int64_t offline_count(const struct offline *offline);
void offline_set_count(struct offline *offline, int64_t count);
/* Any thread: counts in memory are not right any more, since rows of many users went away. */
void offline_forget_counts(void);
/* The client of this session, or of another one of the user, looks through the messages itself
 * (XEP-0013 2.2). */
bool offline_is_flexible(const struct user *user);
void offline_set_flexible(struct session *session);

/* --- keep.c: XEP-0160 --- */
enum offline_fate { OFFLINE_KEEP, OFFLINE_DROP, OFFLINE_BOUNCE };
struct offline_rules {
	bool store_groupchat, bounce_groupchat;
	enum { STORE_EMPTY_NEVER, STORE_EMPTY_ALWAYS, STORE_EMPTY_UNLESS_CHAT_STATE } store_empty_body;
};
enum offline_fate offline_fate(const struct stanza *stanza, const struct offline_rules *rules);
/* Writes the message; when that fails, or storage has limit messages already, the sender gets an error. */
void offline_keep(
    struct user *user, const struct jid *from, const struct jid *to, struct stanza *stanza, int64_t limit);

/* --- row.c: a row of spool --- */
struct offline_row {
	int64_t seq;
	struct str xml, created; /* created: as the database writes its timestamps, UTC */
};
struct offline_message {
	struct stanza *stanza; /* with a <delay/> */
	struct jid from, to;
	bool expired; /* XEP-0023 */
	struct arena arena;
};
/* < 0: it is no message. Fini in any case. */
int offline_message_read(const struct offline_row *row, struct offline_message *message_r, struct err *err);
void offline_message_fini(struct offline_message *message);
/* The id of a message, XEP-0013 2.3: its seq with leading zeros. */
#define OFFLINE_NODE_MAX 24
void offline_node(char *out, int64_t seq);
/* False when it is none of ours. */
bool offline_node_parse(struct str node, int64_t *seq_r);

/* --- archived.c: what has no row, since it is in the archive --- */
struct offline_archived {
	bool used;           /* use_mam_for_storage was set when the pump started */
	int64_t marker;      /* the row that tells where it begins; 0: none was found */
	int64_t after, upto; /* archive ids: dealt with; the latest when the pump started */
	int64_t *rows;       /* archive ids of messages that have rows beside the marker */
	size_t row_count;
};
/* Whether the message need not be written: the archive has it behind what the marker is. It is counted then. */
bool offline_archived_has(struct user *user, const struct stanza *stanza);
/* When it has an id in the archive, and a row is made for it. */
void offline_archived_mark(struct user *user, const struct stanza *stanza);
void offline_archived_start(struct offline_archived *archived, struct user *user);
void offline_archived_fini(struct offline_archived *archived);
/* A row was handed over: true when it is the marker, and stays until the rest is. */
bool offline_archived_keeps(
    struct offline_archived *archived, const struct jid *user, int64_t seq, const struct stanza *stanza);
/* On a storage thread: the next messages that came in and have no row, as rows with the archive's id for seq; the
 * first of them becomes the marker. Without any the marker is deleted. Returns how many there are. */
int offline_archived_read(struct offline_archived *archived, const struct jid *user, struct db *db,
    struct arena *arena, struct offline_row *rows, size_t room, struct err *err);
/* Adds the id in the archive, which it would have if it came now. */
void offline_archived_stamp(struct offline_message *message, const struct jid *user, int64_t id);

/* --- pump.c --- */
/* Hands what waits to a session, when one is available with non-negative priority and nobody does so already.
 */
void offline_flood(struct user *user);
/* What was being cleared when it was to begin is. */
void offline_go_on(struct user *user);
/* Hands messages to the session with XEP-0013's item, then answers the IQ; wanted: which ones, taken over;
 * NULL: all. */
void offline_show(struct user *user, struct iq *later, int64_t *wanted, size_t wanted_count);
/* What was held back for the session that such a pump is at; NULL when there is none. */
struct offline_held *offline_held_for(const struct session *session);
/* The module leaves the user, or the workers have ended. */
void offline_pumps_abandon(struct offline *offline);

/* --- clear.c: XEP-0386 3.2 --- */
/* A client that binds so reads the archive: rows of messages that it finds there are deleted, and not delivered. */
enum hook_verdict offline_on_bind(struct module_instance *instance, struct hook_bind2_request *event);

/* --- held.c: what arrives for a session while it gets its offline messages comes behind them --- */
struct offline_held {
	struct offline_held_stanza *first, **end;
	size_t count, bytes;
};
enum hook_verdict offline_on_receive(struct module_instance *instance, struct hook_stanza *event);
enum hook_verdict offline_on_closed(struct module_instance *instance, struct hook_session *event);
/* Hands it all to the session, when there still is one; else messages and requests are routed anew. Empties
 * it. */
void offline_held_release(struct offline_held *held, struct session *session);
/* Frees it all. */
void offline_held_fini(struct offline_held *held);

/* --- retrieval.c: XEP-0013 --- */
enum iq_verdict offline_on_iq(struct iq *iq);
/* Takes disco requests to the user's node of offline messages, whose answers need storage. */
enum hook_verdict offline_on_send(struct module_instance *instance, struct hook_stanza *event);
