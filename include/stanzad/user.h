/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A local user while anything of theirs is in memory, and their sessions. Both belong to the user's home
 * worker: all functions here run there, and nothing here is touched from another thread.
 */
#pragma once

#include "stanzad/stanza.h"

struct host;
struct user;
struct session;
struct module;

/* The user of a bare JID when it is in memory and loaded; NULL otherwise. On that user's home worker. */
struct user *user_find(struct str bare);
/* Calls ready(arg, user) when the user is loaded: at once when it is in memory. user NULL: storage failed.
 * The user stays at least for the call. exists is false for a local part without an account (and without a
 * session). */
void user_load(const struct jid *jid, void (*ready)(void *arg, struct user *user), void *arg);
const struct jid *user_jid(const struct user *user);
struct host *user_host(const struct user *user);
bool user_exists(const struct user *user);
/* Keeps the user in memory until the same number of user_release. */
void user_hold(struct user *user);
void user_release(struct user *user);

/*
 * A module's own state of a user or session: the slot that user_slot or session_slot in its struct module asked
 * for. NULL until set, and again when the module leaves the host: by then its hooks user_unload and
 * session_closed were called, which free what is in it. A module that came after the start has its slots
 * beside the user, at the price of a look-up.
 */
void *user_slot(const struct user *user, const struct module *module);
void user_set_slot(struct user *user, const struct module *module, void *state);
void *session_slot(const struct session *session, const struct module *module);
void session_set_slot(struct session *session, const struct module *module, void *state);

/* Sessions: connected resources, available or not, oldest first. */
struct session *user_first_session(const struct user *user);
struct session *session_next(const struct session *session);
struct session *user_session(const struct user *user, struct str resource);
unsigned user_session_count(const struct user *user);

/* Whose it is, and its full JID; both as long as the session. */
struct user *session_user(const struct session *session);
const struct jid *session_jid(const struct session *session);
/* The latest available presence that was broadcast; NULL while the resource is not available. */
struct stanza *session_presence(const struct session *session);
int session_priority(const struct session *session); /* -128..127; 0 while not available */
/* Asked for its roster: gets roster pushes (RFC 6121 2.1.6). */
bool session_interested(const struct session *session);
void session_set_interested(struct session *session);
/* XEP-0409: while it is available it gets the messages that are for the user, whatever its priority. */
void session_set_takes_all(struct session *session, bool takes_all);
/* Hands a stanza to this very session, behind the hooks privacy_check and user_receive. */
void session_deliver(
    struct session *session, const struct jid *from, const struct jid *to, struct stanza *stanza);
/*
 * What the server sends in the name of a user to others, such as presence to contacts: hook privacy_check is
 * asked first, and what it refuses is not sent. session_route is from the session's JID; user_route from any
 * JID of the user's.
 */
void user_route(struct user *user, const struct jid *from, const struct jid *to, struct stanza *stanza);
void session_route(struct session *session, const struct jid *to, struct stanza *stanza);
/* Its client is away, and the session waits for it to resume (XEP-0198). */
bool session_hibernates(const struct session *session);
/* The server stops, and the session waits in storage for its client to resume: nobody is told that it ends. */
bool session_is_parked(const struct session *session);
/* How long it waits then; nothing for a session that cannot be resumed. */
void session_set_resume_timeout(struct session *session, uint64_t ms);
/* What hook session_save writes of it is not what it was. */
void session_state_changed(struct session *session);
/* Ends it with a stream error and a text, after what is queued went out. */
void session_close(struct session *session, const char *stream_condition, const char *text);

struct session_about {
	struct str address; /* "127.0.0.1"; until the next session_about on this thread */
	unsigned port;
	const char *connection; /* ejabberd's words: c2s, c2s_tls, ... */
	int64_t since_us;       /* real time of the bind */
	bool tls;
	/* Of the client's <user-agent/> (XEP-0388), as long as the session; empty: it did not say. */
	struct str client_id;
};
/* What there is to know about the connection. */
void session_about(const struct session *session, struct session_about *about_r);
/* Real time in microseconds when the latest stanza came in from the client. */
int64_t session_active_us(const struct session *session);
