/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Push notifications: what is registered for a user, and the parts of the module. All of it belongs to the
 * user's home worker, but for push_store.c.
 *
 * A registration is a node of a push service (push.c), enabled and disabled by its client (push_iq.c), and a row of the
 * table push_session (push_store.c). What happens while its client is away is judged (push_worth.c) and told to the
 * service, one notification at a time for each registration, at a bounded rate, and with a bounded number of answers
 * that a service owes (push_send.c).
 */
#pragma once

#include "base/map.h"
#include "modules/mod_push/wake.h"
#include "stanzad/list.h"
#include "stanzad/module.h"

#define NS_PUSH "urn:xmpp:push:0"
#define PUSH_REGISTRATIONS_MAX 16 /* of a user; the oldest without a session goes when there is one more */
#define PUSH_NODE_MAX 1023        /* bytes */
#define PUSH_OPTIONS_MAX 8192     /* bytes of a form of publish-options */
#define PUSH_BODY_MAX 4096        /* bytes of a message's text in a notification: the rest is left out */
#define PUSH_CONTACTS_MAX 1000    /* contacts whose request for a subscription is counted */

extern const struct module mod_push;
extern const struct command push_commands[];

struct push_line;
struct module_timer;

struct push_registration {
	struct push *push;
	struct push_registration *next; /* the oldest first */
	uint64_t id;                    /* never used twice on a worker */
	struct jid service;             /* heap */
	char *node;                     /* "": none */
	char *options;                  /* <x/> of publish-options, a secret; NULL: none */
	int64_t since_us;               /* when it was enabled for the last time */
	struct session *session;        /* that enabled it; NULL: it has ended */
	/* What is to be told. */
	unsigned messages; /* that the client has not got */
	char *sender, *body; /* of the latest one that was not told; NULL: not to be told, or nothing new */
	bool wanted;         /* there is something new */
	/* How. */
	bool asked;             /* an answer is awaited */
	struct list line;       /* among those that wait for one service ... */
	struct push_line *service_line; /* ... which is this one */
	struct module_timer *timer; /* NULL until it was used */
	uint64_t due_ms;            /* what was sent is paid for then, see push_send.c */
};

/* The user slot; NULL: nothing was ever registered. */
struct push {
	struct user *user;
	struct push_registration *registrations;
	unsigned count, enabling; /* enabling: requests whose row is being written */
	struct map pending;       /* contacts that want a subscription: JID text -> that text */
	int64_t cutoff_us;        /* what was removed for its age is gone from here, up to this age */
};

enum push_worth {
	PUSH_NOTHING,
	PUSH_SILENT,  /* tell the service, so that it wakes the client */
	PUSH_MESSAGE, /* something to read: it counts */
};

/* What is told of a stanza. */
struct push_news {
	enum push_worth worth;
	char *sender, *body; /* heap, or NULL; fini frees them */
};

/* --- push.c --- */
/* NULL when nothing is registered. Forgets what delete_old_push_sessions removed. */
struct push *push_of(struct user *user);
/* Made when there is none. */
struct push *push_needed(struct user *user);
/* Takes it out of the user's slot. *push may be NULL. */
void push_free(struct push **push);
struct push_registration *push_find(struct push *push, const struct jid *service, struct str node);
/* Copies all it gets. options may be empty. */
struct push_registration *push_add(
    struct push *push, const struct jid *service, struct str node, struct str options, int64_t since_us);
/* From memory alone. */
void push_drop(struct push_registration *registration);
/* From memory and from storage; says why in the log. */
void push_remove(struct push_registration *registration, const char *reason);
/* The client is there: nothing is to be told of what was before. */
void push_calm(struct push_registration *registration);
/* Any thread: what is older is not in storage any more. */
void push_forget_before(int64_t us);
/* The latest of these times. Any thread. */
int64_t push_cutoff_us(void);
void push_set_pending(struct push *push, struct str contact, bool pending);

/* The rows of its metrics. */
enum { PUSH_METRIC_SENT, PUSH_METRIC_FAILED, PUSH_METRIC_UNANSWERED, PUSH_METRIC_REMOVED };

/* --- push_iq.c --- */
enum iq_verdict push_on_iq(struct iq *iq);

/* --- push_worth.c: pure --- */
struct push_rules {
	bool messages_only, include_sender;
	enum { PUSH_BODY_NONE, PUSH_BODY_REAL, PUSH_BODY_FIXED } body;
	struct str fixed_body;
};
/* Fini the news in any case. */
void push_judge(const struct stanza *stanza, const struct jid *from, const struct push_rules *rules,
    struct push_news *news_r);
void push_news_fini(struct push_news *news);

/* --- push_send.c --- */
/* It has news: push_flush sends them. Takes over what is in the news, which is empty afterwards. */
void push_tell(struct push_registration *registration, struct push_news *news);
/* Sends what can be sent now; the rest goes when its time comes. Registrations may be gone afterwards. */
void push_flush(struct user *user);
/* It is about to go, or has nothing to tell any more. */
void push_silence(struct push_registration *registration);

/* --- push_store.c: rows of push_session --- */
struct push_row {
	struct push_row *next;
	struct str service, node, options;
	int64_t since_us;
};
struct push_rows {
	struct push_row *rows; /* the oldest first */
	int64_t cutoff_us;     /* as it was before they were read */
	struct push_contact {
		struct push_contact *next;
		struct str jid;
	} *pending;
};
/* Registrations, and when there are any, the pending requests for subscriptions. In run. */
int push_read(struct db *db, struct str host, struct str user, struct arena *arena, struct push_rows *rows_r,
    struct err *err);
int push_read_pending(struct db *db, struct str host, struct str user, struct arena *arena,
    struct push_rows *rows_r, struct err *err);
int push_write(struct db *db, const struct jid *user, const struct push_row *row, struct err *err);
/* node NULL: all of the service. */
int push_delete(struct db *db, const struct jid *user, struct str service, const struct str *node, struct err *err);
int push_delete_all(struct db *db, struct str host, struct str user, struct err *err);
/* Deletes one in its own time. On the user's home. */
void push_delete_later(const struct jid *user, struct str service, struct str node);
