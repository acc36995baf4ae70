/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a client stream, for the files c2s_*.c. All of it belongs to the worker that the connection is
 * on. */
#pragma once

#include "auth/auth.h"
#include "auth/sasl.h"
#include "base/list.h"
#include "conf/conf.h"
#include "loop/timer.h"
#include "net/conn.h"
#include "route/session.h"
#include "stream/backlog.h"
#include "stream/stream_error.h"
#include "xml/stream.h"

struct c2s;
struct mgmt;

#define C2S_MAGIC 0x63327331u

enum c2s_state {
	C2S_WAIT_HEADER,   /* a stream header must come next */
	C2S_NEGOTIATING,   /* features are out; STARTTLS, SASL, registration */
	C2S_SASL,          /* a mechanism waits for the client's response */
	C2S_WAITING,       /* for storage, a password check, a hook or a bind; the connection is paused */
	C2S_AUTHENTICATED, /* features with bind are out */
	C2S_SESSION,
	C2S_CLOSING, /* our closing tag is queued; nothing that arrives counts */
};

/* A client wants back into a session (XEP-0198 5). */
struct c2s_resumption {
	const char *ns;
	struct str id;
	uint32_t h;
	uint64_t since_ms;
	struct c2s *c2s;
	struct timer timer;
	/* One of them is called, now or later, when the stream has not ended: with <resumed/>, the session is there and
	 * what it owes the client follows; or why it is not. h is NULL when it is not known. */
	void (*done)(struct c2s *c2s, struct str element);
	void (*failed)(struct c2s *c2s, enum stanza_condition condition, const uint64_t *h);
};

/* What only the time before the session needs. */
struct c2s_setup {
	struct auth_request auth;
	struct sasl_context context;
	struct sasl *sasl;
	struct strbuf mechanisms, bindings; /* as offered, XEP-0474 */
	struct strbuf mechanisms2;          /* the same by XEP-0388 */
	const char *offer2[SASL_NAMES_MAX]; /* NULL-terminated */
	struct auth_methods methods2;
	struct c2s_sasl2 *sasl2; /* a log-in by XEP-0388 that is under way */
	struct jid from;         /* whom the stream header names, bare, not to be trusted; text NULL: nobody */
	bool looked_up;          /* auth holds what is known of that user */
	unsigned char binding_bytes[SASL_BINDINGS][64];
	struct auth_methods methods;
	struct arena arena;
	struct jid *certificate_jids;
	size_t certificate_jid_count;
	unsigned failures;
	uint64_t time_left_ms; /* of negotiation_timeout, on the way to another worker */
	struct session_bind bind;
	struct str resource;
	struct stanza *bind_iq;
	struct c2s_resumption resumption;
	bool anonymous;
	bool authenticated;
	struct stream_hold *hold;
};

struct c2s {
	uint32_t magic;
	enum c2s_state state : 8;
	bool header_sent;            /* of the present stream */
	bool restarted;              /* nothing but white space has come of the new stream */
	bool waiting;                /* an auth request, hook or bind is under way and will come back */
	bool gone;                   /* the connection is; free when nothing is waiting */
	bool slowed;                 /* reading is paused for the sake of a recipient */
	bool refused;                /* the queue was at its limit and took no more */
	bool choked;                 /* reading is paused until the client takes what we have for it */
	bool secure;                 /* TLS */
	struct conn *conn;
	struct xml_stream *xml;
	struct c2s_setup *setup; /* NULL in a session */
	struct session *session;
	struct mgmt *mgmt; /* of the session; NULL: the stream is not managed */
	struct host *host; /* NULL until the stream header named it */
	struct conf *conf; /* of the time when it connected */
	const struct conf_listener *listener;
	struct str lang; /* of the stream; interned */
	struct jid jid;  /* heap: bare after authentication; the session has its own */
	char *client_id; /* heap: of the <user-agent/> (XEP-0388); NULL: it did not say */
	struct xml_limits limits;
	struct timer timer; /* negotiation; in a session, the next look at a client that does not read */
	struct timer slow_timer;
	struct backlog backlog; /* what the socket has not taken yet */
	struct list link;  /* all streams of this worker */
	int64_t since_us;  /* the bind, real time */
	int64_t active_us; /* the latest element */
};

/* --- c2s.c ---- */
/* Queues bytes. */
void c2s_send(struct c2s *c2s, struct str bytes);
/* Queues the writer's content and empties it. */
void c2s_send_writer(struct c2s *c2s, struct xml_writer *writer);
/* A stream error, the closing tag, then the connection closes; the session ends now. */
void c2s_fail(struct c2s *c2s, enum stream_condition condition, const char *text);
/* With an application-specific condition, serialised. */
void c2s_fail_with(
    struct c2s *c2s, enum stream_condition condition, const char *text, struct str application);
/* The closing tag, then the connection closes. */
void c2s_close(struct c2s *c2s);
/* Reading stops until c2s_resume, which goes back to state. */
void c2s_wait(struct c2s *c2s);
/* False when the stream ended meanwhile: it is freed, return at once. */
bool c2s_resume(struct c2s *c2s, enum c2s_state state);
/* RFC 6120 4.3.3: a new stream begins on the same connection, with the client's header. */
void c2s_restart(struct c2s *c2s);
/* A stanza straight to this client, past its session. */
void c2s_answer(struct c2s *c2s, struct stanza *answer, const struct jid *from);
/* A stanza error straight to this client, as if from 'from' (NULL: from the server). */
void c2s_refuse(struct c2s *c2s, struct stanza *stanza, const struct jid *from,
    enum stanza_condition condition, const char *text);
void c2s_refuse_with(struct c2s *c2s, struct stanza *stanza, const struct jid *from,
    const struct stanza_error *error);
/* The limits for stanzas before and after authentication. */
void c2s_limit_size(struct c2s *c2s, bool before_login);
void c2s_setup_free(struct c2s_setup **setup);

/* Between workers: out of this worker's list, into that one's. */
void c2s_leaves(struct c2s *c2s);
void c2s_arrived(struct c2s *c2s);

/* --- c2s_header.c ---- */
void c2s_header(struct c2s *c2s, const struct xml *root);
/* Our header, if it did not go out yet. */
void c2s_header_send(struct c2s *c2s);
/* The features of the present state; it goes on from them. */
void c2s_features_send(struct c2s *c2s);

/* --- c2s_auth.c ---- */
/* The names that may be offered now, for features; fills setup->context. */
void c2s_auth_offer(struct c2s *c2s, const char **names_r);
bool c2s_binding_offered(const struct c2s *c2s, enum sasl_binding binding);
/* True when it was <starttls/>, <auth/>, <response/> or <abort/>, or something of XEP-0388. */
bool c2s_auth_element(struct c2s *c2s, struct xml_tree *tree);
/* The parts that both protocols have in common; which one it is, setup->sasl2 tells. data NULL: there is
 * none. */
void c2s_auth_begin(struct c2s *c2s, struct str mechanism, const struct xml *data);
void c2s_auth_step(struct c2s *c2s, const struct xml *data);
void c2s_auth_proceed(struct c2s *c2s, enum sasl_result result, struct strbuf *output);
/* <failure/>; the log-in is over, and the stream may be. */
void c2s_auth_failed(struct c2s *c2s, enum sasl_condition condition, const char *text);
/* The client is who it says: reported, and the stream is authenticated. setup->sasl is gone. */
void c2s_auth_accepted(struct c2s *c2s);

/* --- c2s_sasl2.c, and what is behind it: c2s_sasl2.h ---- */
void c2s_sasl2_free(struct c2s_sasl2 **sasl2);
/* The stream header says from='...' (may be empty). True: the user is looked up first, and c2s_features_send
 * follows. */
bool c2s_sasl2_look_up(struct c2s *c2s, struct str from);
/* <authentication/>, when there is something to offer. */
void c2s_sasl2_features(struct c2s *c2s, struct xml_writer *features);
/* True when it was something of XEP-0388, or came within its exchange. */
bool c2s_sasl2_element(struct c2s *c2s, struct xml_tree *tree);

/* --- c2s_bind.c ---- */
/* The stream has a session from now on; c2s_session_settle follows when the client was told. */
void c2s_session_begins(struct c2s *c2s, struct session *session);
/* Takes a stanza before there is a session. */
void c2s_presession_stanza(struct c2s *c2s, struct stanza *stanza);

/* A bind came back, and the stream goes on. False: it had ended meanwhile, and so has the session. */
bool c2s_bind_returned(struct c2s *c2s, enum session_bind_result result, struct session *session);
/* The session is there: from now on its own limits and shaper count; what came before it is freed. */
void c2s_session_settle(struct c2s *c2s);

/* --- c2s_mgmt.c ---- */
/* True when it was an element of stream management. */
bool c2s_mgmt_element(struct c2s *c2s, const struct xml *elem);
/* Begins it for a session without; the answer is appended. */
void c2s_mgmt_enable(struct c2s *c2s, const struct xml *enable, const char *ns, struct strbuf *out);
/* False: previd or h is missing or wrong. Borrows from the element. */
bool c2s_mgmt_read_resume(const struct xml *resume, struct c2s_resumption *resumption_r);
/* An authenticated stream without a session; id is copied. The stream waits until done or failed was called. */
void c2s_mgmt_resume(struct c2s *c2s, const struct c2s_resumption *resumption);

/* --- c2s_stanza.c ---- */
/* A stanza of an established session. */
void c2s_stanza(struct c2s *c2s, struct stanza *stanza);

/* --- c2s_backlog.c ---- */
/* Remembers a stanza that was just queued, until it is sent. Only messages and requests: nobody waits for
 * others. */
void c2s_backlog_add(struct c2s *c2s, const struct jid *from, const struct jid *to, struct stanza *stanza);
/* Forgets what has been sent. */
void c2s_backlog_trim(struct c2s *c2s);
/* The connection has ended, and the session: what was not sent goes elsewhere, is kept or bounces. */
void c2s_backlog_give_back(struct c2s *c2s);

/* --- c2s_delay.c ---- */
/* The stanza, or one without what claims that this server delayed it (XEP-0203 5). The caller unrefs it. */
struct stanza *c2s_without_forged_delay(struct stanza *stanza);

/* --- c2s_session.c ---- */
/* Room for a stanza from there; slows the sender down when there is little. */
bool c2s_has_room(struct c2s *c2s, const struct jid *from);
/* After a stanza or a time: stops reading from a client that does not take what it asks for. */
void c2s_choke(struct c2s *c2s);
/* conn_ops.drained, emptied, blocked */
void c2s_drained(void *owner);
void c2s_emptied(void *owner);
void c2s_blocked(void *owner);
extern const struct session_ops c2s_session_ops;
