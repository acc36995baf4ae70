/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is logged: things that happened in a room, and what a page says of the room on top. Values that are made on the
 * room's worker and read on the executor.
 */
#pragma once

#include "stanzad/room.h"

enum muclog_kind {
	MUCLOG_MESSAGE, /* nick, text; nick empty: by the room */
	MUCLOG_SUBJECT, /* nick, text */
	MUCLOG_JOIN,    /* nick */
	MUCLOG_LEAVE,   /* nick, text: why; may be empty, as in all that follow */
	MUCLOG_KICK,    /* nick, by, text */
	MUCLOG_BAN,
	MUCLOG_NO_MEMBER, /* has to go, being none */
	MUCLOG_ERROR,     /* nick: the connection is lost */
	MUCLOG_RENAME,    /* by: the nick before; nick: the one now */
	MUCLOG_AFFILIATION, /* nick, by, text; affiliation */
	MUCLOG_CONFIGURED, /* text: what has changed, one thing a line */
	MUCLOG_CREATED,
	MUCLOG_DESTROYED, /* by, text */
	MUCLOG_STARTED,   /* the service; only written when the room has a log that is older */
	MUCLOG_CLOSED,    /* by the service */
	MUCLOG_LOST,      /* text: how many events are not there */
};

struct muclog_event {
	struct muclog_event *next;
	enum muclog_kind kind;
	enum room_affiliation affiliation;
	bool corrected; /* MUCLOG_MESSAGE: of an earlier one, XEP-0308 */
	int64_t at_us;  /* real time; names the line, too */
	struct str nick, by, text; /* in the same allocation */
};

/* A copy of *like on the heap: free() it. next is NULL. */
struct muclog_event *muclog_event_new(const struct muclog_event *like);
size_t muclog_event_size(const struct muclog_event *event);

/* What a page tells of the room. Immutable, shared by count. */
struct muclog_head {
	unsigned refs;
	struct jid room;
	struct str title, description, lang, subject, author; /* may be empty, and so is what has no value */
	unsigned options; /* bits: the rows of muclog_options */
};

/* The options of a room that are told, and what is said when it has them and when not. */
struct muclog_option {
	const char *name; /* NULL ends the table */
	const char *yes, *no;
};
extern const struct muclog_option muclog_options[];

/* Made from the room as it is, on its worker. subject, author: of what was set last. */
struct muclog_head *muclog_head_new(const struct room *room, struct str subject, struct str author);
/* A copy with one reference. */
struct muclog_head *muclog_head_copy(const struct muclog_head *like);
struct muclog_head *muclog_head_ref(struct muclog_head *head);
/* *head may be NULL. */
void muclog_head_unref(struct muclog_head **head);
/* Appends what is another in 'now' than in 'before', one thing a line; nothing when they are the same. */
void muclog_put_changes(struct strbuf *out, const struct muclog_head *before, const struct muclog_head *now);
