/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes by a stream with stream management (XEP-0198): numbered when it comes, handled when its receipt says so
 * (stanzad/receipt.h), told to the peer up to the first that is not handled. Clients and servers alike. All of it
 * on the stream's worker. The numbers here do not wrap; on the wire they do.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "loop/receipt.h"
#include "loop/timer.h"

struct inbound;
struct stanza;

struct inbound_ops {
	/* One more stanza of it is being handled, or one less: as long as there are any it must stay. */
	void (*hold)(struct inbound *inbound);
	void (*release)(struct inbound *inbound);
	/* handled has grown. */
	void (*advanced)(struct inbound *inbound);
	/* <a/> with what is handled goes to the peer; false: that cannot be now. */
	bool (*answer)(struct inbound *inbound);
};

/* Embedded in its owner, zeroed at first but for ops. */
struct inbound {
	const struct inbound_ops *ops;
	uint64_t received, handled;          /* numbers */
	struct inbound_stanza *first, *last; /* received and not handled; oldest first */
	unsigned pending;                    /* of these */
	uint64_t *replay; /* after a resumption: what the peer sends again of what is being handled; NULL */
	unsigned replay_count, replay_next;
	uint64_t replay_base;      /* the number before the first of them */
	bool asked;                /* <r/> came and was not answered in full */
	uint64_t asked_for;        /* what was received then */
	struct timer answer_timer; /* when it is answered all the same */
};

/* A stanza while it is dealt with, on the caller's stack. */
struct inbound_visit {
	struct inbound_stanza *stanza;
	struct receipt *before;
};

/* A stanza has come: it is counted, and what is done until inbound_leave is done on its behalf. False: the peer
 * repeats what is being handled already, nothing is to be done. */
bool inbound_enter(struct inbound *inbound, const struct stanza *stanza, struct inbound_visit *visit_r);
/* inbound may be gone afterwards. */
void inbound_leave(const struct stanza *stanza, struct inbound_visit *visit);
/* Whether the thread does something on behalf of one of its stanzas. */
bool inbound_is_cause(const struct inbound *inbound);

/* <r/>: answered when all that was received is handled, or a little later with what is; the rest follows unasked. */
void inbound_asked(struct inbound *inbound);
/* Answers it if that can be done now. */
void inbound_answer(struct inbound *inbound);
/* The stream is gone: nothing is owed to it any more. */
void inbound_detach(struct inbound *inbound);
/* The stream is resumed, the peer will send again what was not handled: what is being handled still is
 * recognised. */
void inbound_expect_replay(struct inbound *inbound);
/* The owner is freed; nothing is pending. */
void inbound_fini(struct inbound *inbound);
/* After the loops ended. */
void inbound_spare_fini(void);
