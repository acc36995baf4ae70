/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S2S manager: what goes to domains that are not served here. For each pair of a domain of ours and a foreign
 * one there is a link while it has something to do, on the worker that is the home of the pair. It keeps what
 * comes while no stream is open, has one opened, hands everything to it in order, and gives back to the
 * senders what cannot be delivered: each stanza once. RFC 6120 10.4.
 *
 * route/ knows no streams: whoever can open one sets s2s_opener, and reports what became of it.
 */
#pragma once

#include <stdint.h>

#include "stanzad/stanza.h"

struct s2s_link;

/* One stanza on its way to another server: owned by the link's queue, then by the stream that took it. */
struct s2s_item {
	struct s2s_item *next;
	struct stanza *stanza;
	struct jid from, to;
	struct receipt *receipt; /* dropped with it */
	uint64_t expires_ms; /* clock_mono_ms: bounced when no stream has taken it by then */
	bool again;          /* a stream had taken it and broke */
	uint64_t mark;       /* the stream's own: where it ends in what was sent */
	char text[];         /* of from and to */
};
void s2s_item_free(struct s2s_item *item);

/* In the order of arrival; a zeroed one is empty. */
struct s2s_queue {
	struct s2s_item *first, *last;
	size_t count;
};
void s2s_queue_add(struct s2s_queue *queue, struct s2s_item *item);
/* The first, taken out; NULL. */
struct s2s_item *s2s_queue_take(struct s2s_queue *queue);

/* A stream that carries a link's stanzas; all of it on the link's worker. */
struct s2s_stream_ops {
	/* Takes the item over, or returns false: no room; s2s_link_drained says when there is. */
	bool (*send)(void *stream, struct s2s_item *item);
	/* Ends it, after what is queued went out; s2s_link_ended follows, now or later. */
	void (*close)(void *stream, const char *stream_condition, const char *text);
};

/*
 * What a broken stream leaves that can be resumed (XEP-0198 5). The stanzas that were not acknowledged stay in it:
 * only the resumption tells which of them arrived. It belongs to the stream, then to the link.
 */
struct s2s_remains {
	/* It will not be resumed: hands the stanzas out, in order. It may be freed. */
	void (*give_up)(struct s2s_remains *remains, struct s2s_queue *unsent_r);
	/* How many there are. */
	size_t (*count)(const struct s2s_remains *remains);
};

/*
 * Called on the link's worker when a stream is needed: leads to s2s_link_opened or s2s_link_failed, now or
 * later. cancel is called on the same worker when that is no longer wanted: nothing may be reported after it.
 * opening is the opener's own word.
 */
struct s2s_opener {
	void *(*open)(struct s2s_link *link);
	void (*cancel)(void *opening);
};
/* Before the first stanza; NULL: this server does not talk to others. */
void s2s_set_opener(const struct s2s_opener *opener);

struct str s2s_link_local(const struct s2s_link *link);
struct str s2s_link_remote(const struct s2s_link *link);

/* The stream that was asked for is authenticated: it gets what waits, and what comes. */
void s2s_link_opened(struct s2s_link *link, const struct s2s_stream_ops *ops, void *stream);
/* There is none to be had: what waits goes back with this error, and for a growing while what comes, too.
 * text: copied. */
void s2s_link_failed(struct s2s_link *link, enum stanza_condition condition, const char *text);
/* The stream's output has room again. */
void s2s_link_drained(struct s2s_link *link);
/*
 * The stream ended. unsent: what it took and certainly did not deliver; it goes to the next stream, which is
 * opened when there is anything (the queue is empty afterwards). The link may be freed: the stream forgets
 * it.
 */
void s2s_link_ended(struct s2s_link *link, struct s2s_queue *unsent);

/*
 * The stream broke and can be resumed. By us: the opener is asked for a new one, again and again for a minute, and
 * what it opens asks for s2s_link_take_remains. By them: the other server is waited for, as long. What comes
 * meanwhile waits behind it. Then, or when an attempt fails for good, what was not delivered goes back.
 */
enum s2s_resumer { S2S_WE_RESUME, S2S_THEY_RESUME };
void s2s_link_broken(struct s2s_link *link, struct s2s_remains *remains, enum s2s_resumer resumer);
/* The caller's from now on; NULL. */
struct s2s_remains *s2s_link_take_remains(struct s2s_link *link);
/* In front of everything that waits; the queue is empty afterwards. */
void s2s_link_put_back(struct s2s_link *link, struct s2s_queue *unsent);
/* Something is known to have arrived: the stream is good for something. */
void s2s_link_got_through(struct s2s_link *link);
/* The other server begins anew: a link that waits for it to resume does so no longer. On the pair's home. */
void s2s_not_resumed(struct str local, struct str remote);

/* The other server is there: after attempts to reach it failed, the next one need not wait. On the pair's home;
 * elsewhere nothing happens. */
void s2s_is_back(struct str local, struct str remote);

/*
 * A stream that the other server opened and that may carry our stanzas, too (XEP-0288): becomes the stream of
 * the pair when there is none open, on the worker that is the pair's home. NULL: there is one, or one that can be
 * resumed, or one that is being opened and goes on, or this is not the home. Of two that are opened at the same time
 * the one of the domain that sorts first is used.
 */
struct s2s_link *s2s_offer(
    struct str local, struct str remote, const struct s2s_stream_ops *ops, void *stream);
/* The worker that is the home of a pair. */
struct worker *s2s_home(struct str local, struct str remote);

/* May this server talk to that one: s2s_access, by the rules of local's host. Any worker. */
bool s2s_allowed(struct str local, struct str remote);

enum s2s_link_state {
	S2S_LINK_NEW,
	S2S_LINK_OPENING,
	S2S_LINK_OPEN,
	S2S_LINK_RESTING, /* an attempt failed: nothing waits, what comes goes back */
	S2S_LINK_HELD,    /* a stream broke: everything waits for the next one */
};
struct s2s_link_about {
	struct str local, remote; /* until the link changes */
	enum s2s_link_state state;
	const struct s2s_stream_ops *ops; /* S2S_LINK_OPEN; tells whose stream it is */
	void *stream;
	size_t queued;
	uint64_t since_ms;     /* clock_mono_ms: in this state */
	const char *last_text; /* S2S_LINK_RESTING: why the last attempt failed */
};
/* Every link of the calling worker. */
void s2s_links_each(void (*each)(void *arg, const struct s2s_link_about *about), void *arg);
/* Ends the streams of links to remote (empty: all), and lets the next stanza try at once. Returns how many
 * were open. */
unsigned s2s_links_close(struct str remote, const char *stream_condition, const char *text);
/* The server ends: what waits goes back, no stream is opened or waited for any more. On worker 0. */
void s2s_stop(void);
/* Any thread. */
bool s2s_is_stopped(void);
/* Frees everything of the calling worker; nothing is bounced any more. After the streams are gone. */
void s2s_fini(void *unused);
