/* SPDX-License-Identifier: Apache-2.0 */
/* The bodies of users and sessions, for src/route only. */
#pragma once

#include "loop/timer.h"
#include "loop/worker.h"
#include "route/session.h"
#include "stanzad/module.h"

struct host_tables;

#define USER_MAGIC 0x75736572u
#define SESSION_MAGIC 0x73657373u

struct session {
	uint32_t magic;
	int8_t priority;
	bool interested;
	bool hibernates;
	bool parked;
	bool takes_all; /* session_set_takes_all */
	uint64_t bound_ms; /* clock_mono_ms */
	struct session *next;
	struct user *user;
	struct jid jid; /* heap */
	struct stanza *presence;
	const struct session_ops *ops;
	void *stream;
	void *slots[]; /* modules_session_slots */
};

/* session_deliver, when privacy_check has been asked already. */
void session_hand_over(
    struct session *session, const struct jid *from, const struct jid *to, struct stanza *stanza);

/* Something that waits until the user is loaded. */
struct user_waiter {
	struct user_waiter *next;
	/* user NULL: storage failed. Frees the waiter. */
	void (*ready)(struct user_waiter *waiter, struct user *user);
};

struct user {
	uint32_t magic;
	bool loaded, exists;
	unsigned holds;
	unsigned loads; /* of modules that came after it was loaded */
	struct jid jid; /* bare; heap */
	struct host *host;
	struct session *sessions; /* oldest first */
	struct user_waiter *waiters, **waiters_end;
	struct timer idle;
	void *slots[]; /* modules_user_slots */
};

/*
 * The modules of the user's host were those in old: those that are gone see the user and the sessions end,
 * those that are new load the user. users_migrate does that for every user of a host on the calling worker.
 */
void user_migrate(struct user *user, struct host_tables *old);
void users_migrate(struct host *host, struct host_tables *old);
/* Loaded, or being loaded. */
bool user_in_memory(struct str bare);
/* Calls ready when the user of this bare JID is loaded, at once or later; jid's host is served. */
void user_wait(const struct jid *jid, struct host *host, struct user_waiter *waiter);
/* Starts the idle clock when nothing needs the user. */
void user_settle(struct user *user);
/* Every user of this worker; for shutdown and host removal. */
void users_each(void (*each)(void *arg, struct user *user), void *arg);
/* Frees all users of the calling worker: for workers_visit, after the loops ended. Sessions must be gone. */
void users_fini(void *unused);
