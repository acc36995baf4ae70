/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at sessions from threads of commands: plain copies, taken on every worker. */
#pragma once

#include "stanzad/arena.h"
#include "stanzad/str.h"

struct session_copy {
	struct session_copy *next;
	struct str jid; /* full */
	struct str bare, resource;
	struct str ip;
	unsigned port;
	const char *connection;
	int64_t since_us; /* 0: not known */
	int priority;
	struct str show; /* "available", "chat", "away", "dnd", "xa"; "unavailable" before initial presence */
	struct str status; /* text */
};

struct session_copies {
	struct session_copy *first; /* in no order between users */
	unsigned count;
	struct arena arena;
};

/* Of a host, or of all when it is empty. */
void sessions_copy(struct str host, struct session_copies *copies_r);
/* Of one user, oldest first. */
void sessions_copy_user(struct str bare, struct session_copies *copies_r);
void session_copies_fini(struct session_copies *copies);
unsigned sessions_count(struct str host);
