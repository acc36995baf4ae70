/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stream management of a stream between servers, whoever opened it (XEP-0198). What comes is counted and acknowledged
 * when it is handled (stream/inbound.h); what goes is kept until it is acknowledged. It outlives its stream while
 * that can be resumed, and while something that came by it is being handled. All of it on one worker.
 *
 * s2s_out_mgmt.c resumes streams that we opened; s2s_in_mgmt.c lets those be resumed that others opened, with
 * s2s_mgmt_table.c, which knows them all.
 */
#pragma once

#include "base/list.h"
#include "route/s2s.h"
#include "stream/inbound.h"
#include "stream/peer.h"

enum {
	S2S_MGMT_UNACKED_MAX = 500, /* stanzas; then the link waits */
	S2S_MGMT_PENDING_MAX = 2000, /* stanzas that are being handled; then the stream is slowed down */
	S2S_MGMT_ACK_MS = 60000, /* how long an acknowledgement may take */
	S2S_MGMT_HANDLE_MS = 2000, /* a resumption waits so long for what came before to be handled */
	S2S_MGMT_LOOK_MS = 20,
	S2S_MGMT_ID_LEN = 26, /* of ours; 130 random bits */
	S2S_MGMT_ID_MAX = 1000, /* of others; longer ones cannot be resumed */
};

struct s2s_mgmt {
	struct s2s_remains remains;
	unsigned refs;       /* who holds it; each stanza that is being handled */
	struct peer *peer;   /* NULL: there is no stream */
	struct inbound in;
	struct s2s_queue sent; /* not acknowledged, in order */
	uint64_t acked;        /* number */
	bool asked;            /* <r/> is out */
	char *id;              /* that it can be resumed with; heap; NULL: it cannot */
	bool lost;             /* what was not acknowledged was given back: only the count of what came is left */
	/* Of streams that came in. */
	unsigned slot;             /* in the ledger */
	struct str local, remote;  /* the pair that resumes it; heap */
	struct list link;          /* all of the worker that are away, the oldest first */
	struct timer timer;        /* while it is away */
	uint64_t max_ms;           /* how long it may be */
	struct s2s_link *waiting;  /* the link that the remains are with */
};

/* --- s2s_mgmt.c ----------------------------------------------------------------------------------------- */

/* The numbers are 0. One reference. */
struct s2s_mgmt *s2s_mgmt_new(struct peer *peer);
void s2s_mgmt_ref(struct s2s_mgmt *mgmt);
/* *mgmt may be NULL; NULLs it. */
void s2s_mgmt_unref(struct s2s_mgmt **mgmt);
/* The stream is gone. */
void s2s_mgmt_detach(struct s2s_mgmt *mgmt);

/* Asks for an acknowledgement, if there is anything to be acknowledged. */
void s2s_mgmt_ask(struct s2s_mgmt *mgmt);
/* A stanza was written: it is kept, and an acknowledgement is asked for. */
void s2s_mgmt_sent(struct s2s_mgmt *mgmt, struct s2s_item *item);
static inline bool s2s_mgmt_has_room(const struct s2s_mgmt *mgmt)
{
	return mgmt->sent.count < S2S_MGMT_UNACKED_MAX;
}
/* Everything that is not acknowledged is written once more. */
void s2s_mgmt_send_again(struct s2s_mgmt *mgmt);
/* The h of an element, as on the wire; false: there is none. */
bool s2s_mgmt_read_h(const struct xml *elem, uint32_t *h_r);
/* The other side has handled so many: how many more, none when it said more before. < 0: more than were sent. */
int s2s_mgmt_acked(struct s2s_mgmt *mgmt, uint32_t h);
/* What follows from < 0: XEP-0198 6. */
void s2s_mgmt_too_high(const struct s2s_mgmt *mgmt, struct peer *peer, uint32_t h);

enum s2s_mgmt_result {
	S2S_MGMT_NOT_MINE,
	S2S_MGMT_DONE,
	S2S_MGMT_ACKED, /* something arrived: there may be room again */
};
/* <a/> and <r/> while there is a stream. It may fail the stream. */
enum s2s_mgmt_result s2s_mgmt_element(struct s2s_mgmt *mgmt, const struct xml *elem);

/* --- s2s_mgmt_table.c: those that others may resume ----------------------------------------------------- */

/* Gives it an id by which a stream of the pair can resume it. max_s: for as long as the other side wants; 0: it did not
 * say. False: that is not to be. */
bool s2s_mgmt_offer(struct s2s_mgmt *mgmt, struct str local, struct str remote, uint64_t max_s);
/* By its id, of the calling worker; NULL. */
struct s2s_mgmt *s2s_mgmt_find(struct str id);
/* It has no stream any more: kept for a while, with what is in it or for the count alone. */
void s2s_mgmt_keep(struct s2s_mgmt *mgmt);
/* It has one again. */
void s2s_mgmt_back(struct s2s_mgmt *mgmt, struct peer *peer);
/* How many stanzas of a stream with that id, of that pair, were handled by this program before it was killed. */
bool s2s_mgmt_of_before(struct str id, struct str local, struct str remote, uint64_t *handled_r);
/* Not to be resumed any more. mgmt may be freed. */
void s2s_mgmt_forget(struct s2s_mgmt *mgmt);
/* As each worker after workers_run. */
void s2s_mgmt_table_fini(void);
