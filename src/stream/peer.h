/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What streams with other servers and with components share: framing, stream errors, restarts, the time that
 * negotiation may take, an orderly end. The owner embeds a struct peer and says with peer_ops what is
 * special. On the connection's worker. RFC 6120 4.
 */
#pragma once

#include "base/list.h"
#include "loop/timer.h"
#include "net/conn.h"
#include "stream/stream_error.h"
#include "xml/stream.h"

struct peer;

struct peer_ops {
	const char *name; /* in log lines: "s2s_in" */
	/* The other side's stream header: of a new stream, or of a restarted one. */
	void (*header)(struct peer *peer, const struct xml *root);
	/* A complete element. The tree is the callee's, with stanza_head_room in front. */
	void (*element)(struct peer *peer, struct xml_tree *tree);
	/* The other side's stream error, before the stream closes. May be NULL. */
	void (*errored)(struct peer *peer, const struct xml *error);
	/* Queues our own stream header (peer_send): a stream error must have one in front. */
	void (*send_header)(struct peer *peer);
	/* The TLS handshake that conn_start_tls... began is complete; the stream was restarted. May be NULL.
	 */
	void (*secured)(struct peer *peer);
	/* conn_ops.drained, .emptied and .blocked. May be NULL. emptied comes while the stream closes, too.
	 */
	void (*drained)(struct peer *peer);
	void (*emptied)(struct peer *peer);
	void (*blocked)(struct peer *peer);
	/* The stream ends, by whichever side: nothing more goes out or comes in. Once, before gone. May be
	 * NULL. */
	void (*closing)(struct peer *peer);
	/* The connection is gone; called after closing. peer->conn can still be looked at. The owner
	 * frees itself, and what it waits for is called off (peer_wait in force: peer_resume first). */
	void (*gone)(struct peer *peer, const char *reason);
};

struct peer {
	const struct peer_ops *ops;
	struct conn *conn; /* not to be used any more after gone */
	struct xml_stream *xml;
	struct xml_limits limits;
	struct timer timer; /* peer_expect_within */
	const char *late;   /* what is said when that time is over */
	struct timer stall; /* while output waits */
	uint64_t stall_ms; /* how long the other side may take none of it; the owner may change it; 0: ever */
	struct list link;  /* all of the worker */
	bool header_sent;  /* of the present stream */
	bool header_due;   /* the other side's must come next */
	bool restarted;    /* nothing but white space has come of the new stream */
	bool secured;      /* TLS is on; what was sent in the clear behind its start does not count */
	bool waiting;      /* peer_wait */
	bool choked;       /* nothing is read until the other side takes what we have for it */
	unsigned pauses;   /* peer_pause */
	bool is_closing, is_gone;
	bool cut;            /* the other side ended the connection before the stream */
	uint64_t bytes_out; /* is_gone: what the socket took of conn_write's bytes */
};

/* Takes the connection over; limits are copied. The owner's memory must be zeroed before. direct_tls: its
 * handshake is done or under way already. */
void peer_init(struct peer *peer, struct conn *conn, enum xml_ns content_ns, const struct xml_limits *limits,
    const struct peer_ops *ops);
/* Frees what belongs to the peer itself; from the owner, when it is gone and not waiting. */
void peer_fini(struct peer *peer);
void peer_set_limits(struct peer *peer, const struct xml_limits *limits);

void peer_send(struct peer *peer, struct str bytes);
/* Queues the writer's content and empties it. */
void peer_send_writer(struct peer *peer, struct xml_writer *writer);
/* A stream error, the closing tag, then the connection closes. text may be NULL. */
void peer_fail(struct peer *peer, enum stream_condition condition, const char *text);
/* With an application-specific condition (RFC 6120 4.9.4), serialised; empty: none. */
void peer_fail_with(
    struct peer *peer, enum stream_condition condition, const char *text, struct str application);
/* The closing tag, then the connection closes. */
void peer_close(struct peer *peer);
/* RFC 6120 4.3.3: a new stream begins on the same connection; the other side's header comes first (incoming),
 * or ours (outgoing: then call send_header). */
void peer_restart(struct peer *peer);
/* Ends with connection-timeout and this text (a literal) unless it is called again, or with ms 0, in time. */
void peer_expect_within(struct peer *peer, uint64_t ms, const char *text);
/* Nothing is read until peer_resume. peer_resume: false when the stream ended meanwhile. */
void peer_wait(struct peer *peer);
bool peer_resume(struct peer *peer);
/* Nothing is read until peer_unpause has been called as often. For a stream that is too fast: unlike
 * peer_wait nothing has to come back when the stream ends. */
void peer_pause(struct peer *peer);
void peer_unpause(struct peer *peer);
/* Around conn_move: out of this worker's list and timers, and into that one's. */
void peer_leaves(struct peer *peer);
void peer_arrived(struct peer *peer);

/* Every peer of the calling worker: for shutdown and listing; each may fail or close it. */
void peers_each(void (*each)(void *arg, struct peer *peer), void *arg);
unsigned peers_count(void);
/* Ends all of the calling worker. */
void peers_close(enum stream_condition condition, const char *text);
