/* SPDX-License-Identifier: Apache-2.0 */
/* The body of the S2S manager, for the files s2s*.c: a link's life is in s2s_link.c, what goes over it in s2s.c. */
#pragma once

#include "base/map.h"
#include "loop/timer.h"
#include "route/s2s.h"

struct s2s_link {
	enum s2s_link_state state;
	struct str local, remote; /* in key */
	struct s2s_queue queue;
	const struct s2s_stream_ops *ops; /* S2S_LINK_OPEN */
	void *stream;
	void *opening; /* S2S_LINK_OPENING: the opener's */
	bool full;     /* the stream takes nothing for now */
	uint64_t since_ms, rest_ms;
	struct timer timer; /* the first item expires; the rest is over */
	/* After a break. */
	struct s2s_remains *remains; /* NULL */
	bool awaited;                /* the other server resumes it */
	bool troubled;               /* since trouble_ms nothing has got through */
	uint64_t trouble_ms, pause_ms;
	struct timer pause; /* S2S_LINK_HELD */
	enum stanza_condition condition;
	char text[200]; /* why the last attempt failed */
	char key[];     /* "local remote" */
};

/* One for each worker. */
struct s2s_manager {
	struct map links;
	unsigned opening;
};

extern const struct s2s_opener *s2s_opener;
struct s2s_manager *s2s_manager(void);

/* --- s2s_queue.c --- */
/* Puts 'first' in front of queue, and empties it. */
void s2s_queue_join(struct s2s_queue *queue, struct s2s_queue *first);
void s2s_bounce(const struct jid *from, const struct jid *to, struct stanza *stanza,
    enum stanza_condition condition, const char *text);
/* All of it; the queue is empty then. */
void s2s_queue_bounce(struct s2s_queue *queue, enum stanza_condition condition, const char *text);

/* --- s2s_link.c --- */
/* "local remote", into 2 * JID_PART_MAX + 1 bytes; its length. */
size_t s2s_pair_key(char *key, struct str local, struct str remote);
struct s2s_link *s2s_link_find(struct str local, struct str remote);
struct s2s_link *s2s_link_new(struct str local, struct str remote);
void s2s_link_free(struct s2s_link *link);
/* Asks for a stream. */
void s2s_link_open(struct s2s_link *link);
/* Hands what waits to the stream. */
void s2s_link_flush(struct s2s_link *link);
/* The first that waits has changed. */
void s2s_link_watch(struct s2s_link *link);
/* Everything waits no longer than now: a stream is asked for. */
void s2s_link_hold_no_more(struct s2s_link *link);
