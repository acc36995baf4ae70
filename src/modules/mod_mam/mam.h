/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archive of users' messages: XEP-0313, with XEP-0441, XEP-0359 and the tombstones of XEP-0424. Those of rooms
 * are in room_archive.h.
 *
 * A row is of one user and one peer; its id is the time when the message came or went, in microseconds since
 * 1970, as in ejabberd's table 'archive'. Ids of one archive are unique and grow, whatever the clock does. What
 * a message looks like is decided in content.c, whom the user wants to have archived in prefs.c; archive.c
 * numbers and writes, retract.c puts tombstones into the place of what was retracted.
 */
#pragma once

#include "stanzad/module.h"

#define NS_MAM "urn:xmpp:mam:2"
#define NS_SID "urn:xmpp:sid:0"
#define NS_RETRACT "urn:xmpp:message-retract:1"
#define NS_MODERATE "urn:xmpp:message-moderate:1"

extern const struct module mod_mam;
/* What an archive can do besides NS_MAM, of users and of rooms alike; NULL-terminated. */
extern const char *const mam_features[];

/* The rows of its metrics. */
enum { MAM_METRIC_ARCHIVED, MAM_METRIC_FAILED, MAM_METRIC_RETRACTED };

/* --- prefs.c: XEP-0441 --- */
enum mam_default { MAM_ALWAYS, MAM_NEVER, MAM_ROSTER }; /* the words of the option */

struct mam_jids {
	struct jid *list; /* their text is on the heap */
	size_t count;
};

struct mam_prefs {
	bool given; /* the user has said something: there is a row */
	enum mam_default def;
	struct mam_jids always, never;
};

void mam_prefs_fini(struct mam_prefs *prefs);
/* As it is in the table; the text is in an arena. */
struct mam_prefs_row {
	bool there;
	struct str def, always, never;
};
/* On a storage thread. */
int mam_prefs_read(struct db *db, struct str host, struct str user, struct arena *arena,
    struct mam_prefs_row *row_r, struct err *err);
/* What cannot be read is logged, and counts as not said: 'never', and empty lists. Fini. */
void mam_prefs_parse(const struct mam_prefs_row *row, const struct jid *user, struct mam_prefs *prefs_r);
/* Whether the user wants messages from and to the peer. */
bool mam_prefs_want(struct module_instance *instance, const struct user *user, const struct jid *peer);
/* A client asked for the archive: with request_activates_archiving it begins now. */
void mam_prefs_activate(struct module_instance *instance, struct user *user);
enum iq_verdict mam_prefs_on_iq(struct iq *iq);

/* --- prefs_text.c: lists of JIDs as ejabberd writes them: [{<<"juliet">>,<<"example.org">>,<<>>}] --- */
void mam_jids_write(struct strbuf *out, const struct mam_jids *jids);
/* < 0: it is no such list. A JID that is none is left out. */
int mam_jids_read(struct str text, struct mam_jids *jids_r, struct err *err);
void mam_jids_add(struct mam_jids *jids, const struct jid *jid);
void mam_jids_fini(struct mam_jids *jids);

/* --- content.c: what is in a message. Pure; any thread --- */
struct mam_content {
	bool body;              /* or anything else that people want to find again */
	bool store, no_store;   /* XEP-0334 */
	struct str origin_id;   /* of the message, or else of <origin-id/>; may be empty */
	struct str retracted;   /* the id in <retract/>; ptr NULL: there is none */
	bool stanza_ids;        /* there are some */
};
struct mam_content mam_content_of(const struct stanza *message);
/* Whether a message like this belongs into the archives of users. */
bool mam_content_counts(const struct stanza *message, const struct mam_content *content);

/* --- pack.c: the column xml of archive with compress_xml: a mark, then text. Any thread --- */
#define MAM_PACKED_MOST (4u * 1024 * 1024) /* bytes of a message; larger ones are written as they are */
/* Appends the row for a message; false: it would not be shorter, and nothing is appended. */
bool mam_pack(struct str xml, struct strbuf *out);
/* The message of a row, packed or not: a view of the row, or of buf, whose fini is the caller's. < 0: it is packed, and
 * damaged, or larger than what is written so. */
int mam_unpack(struct str row, struct strbuf *buf, struct str *xml_r, struct err *err);

/* --- stanza_id.c: XEP-0359 --- */
#define MAM_STANZA_ID_MAX (2 * JID_PART_MAX + 100)
/* <stanza-id/> by a bare JID; returns how many bytes it has. out has MAM_STANZA_ID_MAX bytes. */
size_t mam_stanza_id_write(char *out, struct str bare, int64_t id);
/* The id that this server gave a message that is in the archive of that bare JID, when it was added to it since it
 * came; 0: there is none. */
int64_t mam_stanza_id_own(const struct stanza *message, struct str bare);
/* The same when it is among the children: for messages that were archived or kept before they were read again. */
int64_t mam_stanza_id_kept(const struct stanza *message, struct str bare);
/* The message without what others claim to be such ids; NULL: there is nothing to take out. */
struct stanza *mam_stanza_id_strip(const struct stanza *message, struct str bare);

/* --- archive.c: on the user's home worker, but for what takes a db --- */
struct mam_row;

/* The ids of the first and the last message of an archive; any is false when there is none. */
struct mam_ends {
	bool any;
	int64_t first, last;
};

struct mam_user {
	int64_t last_id;
	struct mam_prefs prefs;
	struct mam_row *latest; /* what came in latest, as long as it is being written */
	struct {
		const struct stanza *stanza;
		int64_t id;
	} sent; /* the latest message that was archived when the user sent it */
	bool asked; /* a client has read the archive since the user is in memory */
	/* ends.c; what is being written is among it */
	struct mam_ends ends;
	unsigned ends_epoch;
	bool ends_asked; /* storage is being asked for them */
};

/* NULL: nothing is archived for this user, who has no account or was loaded without the module. */
struct mam_user *mam_user_of(const struct user *user);
/* The time, or one more than last: the clock may have stepped back, two messages may come within a microsecond. */
int64_t mam_id_after(int64_t last);
/* The id of the next message. */
int64_t mam_next_id(struct mam_user *mam);
/* Archives a message under that id. live: what is delivered of it; NULL: the user sent it. */
void mam_archive(struct user *user, const struct jid *from, const struct jid *to, struct stanza *message,
    int64_t id, const struct stanza *live);
/* What was delivered as live is being archived, and its sender hears nothing else of it: when it cannot be
 * written they get an error. False: it is not, or was archived long before. */
bool mam_archive_owes(struct mam_user *mam, const struct stanza *live);
/* A message that the user just sent as the user's other clients may see it, with its <stanza-id/> when it is archived
 * (XEP-0313 3.5): in hook user_send, after mod_mam. The caller unrefs it. */
struct stanza *mam_sent_copy(const struct user *user, struct stanza *message);

/* A row of the table archive. */
struct mam_new {
	struct str host, username;
	int64_t id;
	const struct jid *peer;
	struct str xml, text, kind, nick, origin_id;
};
/* On a storage thread. */
int mam_insert(struct db *db, const struct mam_new *new, struct err *err);

/* On a storage thread: 1 when the archive of the user has a message with that id, 0 when it has none. */
int mam_has(struct db *db, struct str host, struct str user, int64_t id, struct err *err);
/* What is in the archive of a user between two ids: behind the first, up to the second. */
struct mam_range {
	struct str host, user;
	int64_t after, upto;
};
/* On a storage thread: calls row for each, oldest first, until it says false. */
int mam_read_range(struct db *db, const struct mam_range *range,
    bool (*row)(void *arg, int64_t id, struct str xml), void *arg, struct err *err);

/* --- ends.c: what a bind tells of the archive at once, XEP-0386 3.2 --- */
/*
 * Any thread: rows of some archives were deleted, and it is durable; or one could not be written. Where an archive
 * begins and ends is not known in memory then; the next bind of its user has it read for the one after that.
 */
void mam_ends_forget(void);
/* How often that was called; taken before storage is asked for what goes to mam_ends_set. */
unsigned mam_ends_epoch(void);
/* On the user's home worker, these. */
void mam_ends_set(struct mam_user *mam, const struct mam_ends *ends, unsigned epoch);
void mam_ends_add(struct mam_user *mam, int64_t id);
/* Hooks of the module. */
enum hook_verdict mam_ends_on_bind_features(struct module_instance *instance, struct hook_bind2_features *event);
enum hook_verdict mam_ends_on_bind(struct module_instance *instance, struct hook_bind2_request *event);

/* --- retract.c: XEP-0424 4 --- */
struct mam_retraction {
	struct str host, user;  /* whose archive */
	struct str peer;        /* bare */
	const struct jid *from; /* who retracts */
	struct str id;          /* of what is retracted */
	struct str by;          /* the id of the retraction */
	int64_t at;             /* its id in the archive */
};
/* On a storage thread: 1 when there was something, and now there is a tombstone. */
int mam_retract(struct db *db, const struct mam_retraction *retraction, struct err *err);

/* In the archive of a room: by who said it, or by a moderator. */
struct mam_room_retraction {
	struct str host, room;  /* whose archive */
	const struct jid *from; /* who retracts, really */
	int64_t id;             /* of what is retracted */
	struct str by;          /* the id of the retraction; ptr NULL: it has none */
	int64_t at;             /* its id in the archive */
	const struct xml *moderation; /* XEP-0425: <retract/> of the room, with <moderated/>; NULL: their own message */
};
int mam_retract_in_room(struct db *db, const struct mam_room_retraction *retraction, struct err *err);
