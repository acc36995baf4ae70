/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions from the side of the stream that holds the client (stanzad/user.h is everyone else's view). On the
 * home worker of the user.
 */
#pragma once

#include "stanzad/hooks.h"
#include "stanzad/user.h"

/* What a stream can do for its session. stream is the stream's own. */
struct session_ops {
	/* The stanza goes into the output queue. false: the queue is at its limit; nothing was queued. */
	bool (*deliver)(void *stream, const struct jid *from, const struct jid *to, struct stanza *stanza);
	/* A stream error, then closing. The session was already removed, or will be when the stream is gone.
	 */
	void (*close)(void *stream, const char *stream_condition, const char *text);
	void (*about)(void *stream, struct session_about *about_r);
	int64_t (*active_us)(void *stream);
	/* The recipient of what this session sends cannot keep up: read nothing for a while. */
	void (*slow_down)(void *stream, unsigned ms);
	/* What hook session_save writes is different now; NULL: it is never written. */
	void (*changed)(void *stream);
	/* How long it waits for a client that is away; NULL: not at all. */
	void (*wait_for)(void *stream, uint64_t ms);
};

enum session_bind_result {
	SESSION_BOUND,
	SESSION_CONFLICT,    /* resource in use and resource_conflict: closenew */
	SESSION_LIMIT,       /* max_user_sessions */
	SESSION_UNAVAILABLE, /* the user could not be read from storage */
	SESSION_BAD_RESOURCE,
	SESSION_GONE, /* the account was removed meanwhile */
};

/* One bind under way; embedded in the stream. The stream must stay until done was called. */
struct session_bind {
	const struct jid *user; /* bare */
	struct str resource;    /* prepared; empty: the server makes one */
	bool anonymous;         /* exists without an account */
	bool yields;            /* SESSION_CONFLICT when the resource is in use, whatever the option says */
	const struct session_ops *ops;
	void *stream;
	void (*done)(struct session_bind *bind, enum session_bind_result result, struct session *session);
};

/*
 * Binds a resource (RFC 6120 7). done is called at once or later, on this worker. By resource_conflict an
 * older session with the same resource is ended (conflict), the new one refused, or given another resource.
 */
void session_bind_start(struct session_bind *bind);
#define SESSION_SLOW_MS 50 /* the usual while */
/* The recipient of something from this JID cannot keep up: its session reads nothing for ms, or else the
 * streams that come from its domain are slowed down. */
void session_slow_sender(const struct jid *from, unsigned ms);
/*
 * From this JID come stanzas that nobody can slow down: it is of a domain of ours, and no session of a client. What
 * it sends too much of is bounced (stanzad/route.h).
 */
bool session_cannot_slow(const struct jid *from);
/* What slows down the streams of a domain that is not served here; at the start. Any worker calls it. */
void session_set_remote_slow(void (*slow)(struct str domain));
/* The output queue refused something and is short again: what was kept meanwhile may follow. */
void session_drained(struct session *session);
/*
 * A stanza that a session took, but that never went out to its client (user: bare JID, on the home worker,
 * after the session is unbound). It is delivered as if it came now: to other sessions, kept for later, or
 * bounced; not to those who got it then: priority and time (clock_mono_ms) are those of the delivery.
 */
void session_undelivered(const struct jid *user, const struct jid *from, const struct jid *to,
    struct stanza *stanza, int priority, uint64_t delivered_ms);
/* Another one holds the client from now on, and what session_holder finds. */
void session_hold_by(struct session *session, const struct session_ops *ops, void *stream);
/* The stream, if it is one of these operations; NULL. */
void *session_holder(const struct session *session, const struct session_ops *ops);
/* The client is away, or back: hook session_hibernated or session_resumed. */
void session_hibernate(struct session *session, bool away);
/* Like session_unbind, but the contacts hear nothing: the next process of the server has the session again. */
void session_park(struct session **session);
/* The stream is going: hooks run, unavailable presence goes out, the session is freed. */
void session_unbind(struct session **session);

/*
 * The client sends a stanza: hooks user_send and, for what that left, privacy_check. HOOK_PASS: event->stanza
 * may be routed. event: from, to and stanza; hook_stanza_fini it.
 */
enum hook_verdict session_sends(struct session *session, struct hook_stanza *event);
/*
 * The client's undirected presence: sets availability and priority, then hook presence_out. The stanza's type
 * is available or unavailable; priority is taken from it (RFC 6121 4.7.2.3). < 0 with an error for the client
 * when the priority is none, or when a module refuses it: then everything is as before.
 */
int session_set_presence(struct session *session, struct stanza *stanza, struct stanza_error *error_r);
/* What counts as its presence from now on; nothing when the session has ended meanwhile. */
void session_keep_presence(struct user *user, struct session *session, struct stanza *stanza);
