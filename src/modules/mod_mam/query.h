/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the archive, XEP-0313 4 and 5, and getting rid of what is in it.
 *
 * A request becomes a struct mam_query (query.c). On a storage thread it becomes a page: the ids of its
 * messages, at most MAM_PAGE_MOST, found by index however large the archive is (page.c). A job of the asker
 * reads the messages of the page, hands them over in order, and answers the request behind them (query_job.c).
 * What is deleted goes in small steps, each a transaction of its own (purge.c); words are found with an index
 * that is made when somebody first looks for words, and then follows the archive (fulltext.c).
 */
#pragma once

#include "modules/mod_mam/mam.h"
#include "stanzad/rsm.h"

#define NS_MAM_EXTENDED "urn:xmpp:mam:2#extended"
#define NS_MAM_GROUPCHAT "urn:xmpp:mam:2#groupchat-field"
#define NS_FULLTEXT "urn:xmpp:fulltext:0"
#define MAM_FIELD_FULLTEXT "{urn:xmpp:fulltext:0}fulltext"

#define MAM_PAGE_USUAL 50
#define MAM_PAGE_MOST 250
#define MAM_IDS_MOST 1000      /* values of the field ids */
#define MAM_COUNT_MOST 1000    /* more than that is not counted for a page */
#define MAM_COUNT_ALONE 100000 /* nor this when the count is all that was asked for */
#define MAM_QUERYID_MAX 1024   /* bytes */
#define MAM_ID_MAX 24          /* an id as text, with its NUL */

/* --- query.c
 * ------------------------------------------------------------------------------------------------------ */

struct mam_query {
	struct str host, username; /* whose archive: as in the table */
	struct str with;           /* ptr NULL: all */
	bool with_full;            /* with has a resource */
	bool no_groupchat;
	bool flip;
	bool by_ids;
	int64_t start, end; /* both inclusive */
	int64_t after_id,
	    before_id; /* of the form; 0 and INT64_MAX: not given; MAM_ID_NONE: an id that there is not */
	int64_t after, before; /* the same of RSM */
	const int64_t *ids;
	size_t id_count;
	struct str words; /* full text; empty: none */
	uint32_t max;     /* messages of the page; 0: only the count */
	bool backwards;
	struct str queryid; /* ptr NULL: none */
	struct str room;    /* bare JID of the room whose archive it is; ptr NULL: of a user */
	bool show_jids;     /* room: everybody's; else */
	struct str viewer;  /* only of this bare JID */
};
#define MAM_ID_NONE (-1)

/* XEP-0313 4 and 5: the requests query and metadata. On the user's home worker. */
enum iq_verdict mam_query_on_iq(struct iq *iq);
enum iq_verdict mam_metadata_on_iq(struct iq *iq);
/* The second one for any archive; iq is to its JID. */
enum iq_verdict mam_metadata_ask(struct iq *iq, struct str host, struct str username);
void mam_metadata_write(struct xml_writer *out, const struct mam_ends *ends);
/* Reads <query/> for the archive of that user; who has another archive sets host and username. What it points
 * to lives in arena and in the element. < 0: refused. */
int mam_query_parse(const struct xml *elem, const struct jid *owner, struct arena *arena,
    struct mam_query *query_r, struct stanza_error *error_r);
/* An id as it is written and read; MAM_ID_NONE when it is none of ours. */
void mam_id_write(char *out, int64_t id);
int64_t mam_id_read(struct str text);

/* --- query_form.c
 * ------------------------------------------------------------------------------------------------- */

/* 4.1.5: the fields that there are. */
void mam_form_write(struct xml_writer *reply);
/* Reads the form of a query into *query. < 0: refused. */
int mam_form_read(
    const struct xml *form, struct arena *arena, struct mam_query *query, struct stanza_error *error_r);

/* --- page.c: on a storage thread
 * ---------------------------------------------------------------------------------- */

struct mam_page {
	int64_t *ids; /* in order of time; in the arena */
	size_t count;
	bool complete;   /* there is nothing more in this direction */
	bool unstable;   /* the index of words is behind the archive */
	int64_t index;   /* of the first one, or RSM_UNKNOWN */
	int64_t matches; /* how many there are in all, or RSM_UNKNOWN */
};

enum { MAM_PAGE_FOUND, MAM_PAGE_NO_SUCH_ID, MAM_PAGE_NO_WORDS /* this database has no full-text search */ };
int mam_page_find(const struct mam_query *query, struct db *db, struct arena *arena, struct mam_page *page_r,
    struct err *err);

/* A row of the table. The strings live until the next row. */
struct mam_archived {
	int64_t id; /* and the time, in microseconds since 1970 */
	struct str xml, peer, bare_peer, kind, nick;
};
/* Whether it is one that the query asks for, apart from its id and its words. */
bool mam_row_fits(const struct mam_archived *row, const struct mam_query *query);
/* Calls each for every row with that id (ejabberd may have written two), until one returns false. < 0 on
 * failure. */
int mam_rows_each(const struct mam_query *query, struct db *db, int64_t id,
    bool (*each)(void *arg, const struct mam_archived *row), void *arg, struct err *err);

/* 5: the first and the last message. */
int mam_ends_find(
    struct str host, struct str username, struct db *db, struct mam_ends *ends_r, struct err *err);

/* --- query_row.c
 * --------------------------------------------------------------------------------------------------- */

/* The message of a row, unref it. NULL: it is no message; the log says so, and the result has none (3.2). Any
 * thread. */
struct xml_tree *mam_row_parse(const struct mam_archived *row);
/* 4.2: <message/> with the result, without addresses. Any thread. */
struct stanza *mam_result(const struct mam_query *query, const struct mam_archived *row);

/* --- query_job.c: on the home worker of the archive
 * ----------------------------------------------------------------- */

/*
 * To whom results go, one query after another: to a session of the user whose archive it is (query_session.c),
 * or from a room to a JID anywhere (room_query.c). The first member of a struct of theirs.
 */
struct mam_job;
struct mam_asker;
struct mam_asker_kind {
	unsigned jobs_most; /* under way, or waiting for the one before */
	/* Where nobody tells when there is room again: what the messages of a page may have together, but for the last
	 * one. The page is as much shorter, and all of it in memory. 0: any, some at a time. */
	size_t page_bytes;
	/* False: it cannot take the result now, and mam_asker_go_on is called when it can. */
	bool (*hand)(struct mam_asker *asker, const struct iq *iq, struct stanza *result);
	/* A job came that is the only one, or one has ended: first, if there is one, is the next to be run. The asker
	 * may be freed. */
	void (*turn)(struct mam_asker *asker);
};
struct mam_asker {
	const struct mam_asker_kind *kind;
	struct mam_job *first, **end;
	unsigned count;
};
void mam_asker_init(struct mam_asker *asker, const struct mam_asker_kind *kind);
/* Runs the first of its jobs. */
void mam_asker_run(struct mam_asker *asker);
/* It can take results again, or may be so. */
void mam_asker_go_on(struct mam_asker *asker);
/* Ends all of its jobs with an error, and forgets them; turn is not called. */
void mam_asker_abandon(struct mam_asker *asker, enum stanza_condition condition);

/* iq is to the JID of the archive. Takes arena over, with all that query points to. */
enum iq_verdict mam_job_start(
    struct mam_asker *asker, struct iq *iq, const struct mam_query *query, struct arena *arena);

/* --- query_session.c: on the user's home worker
 * ---------------------------------------------------------------- */

/* The session that asks; NULL: there is none. */
struct mam_asker *mam_session_asker(const struct iq *iq);
/* Hooks of the module. */
enum hook_verdict mam_session_on_refused(struct module_instance *instance, struct hook_message_offline *event);
enum hook_verdict mam_session_on_undelivered(
    struct module_instance *instance, struct hook_message_undelivered *event);
enum hook_verdict mam_session_on_drained(struct module_instance *instance, struct hook_session_drained *event);
enum hook_verdict mam_session_on_closed(struct module_instance *instance, struct hook_session_closed *event);

/* --- fulltext.c: on a storage thread, unless it says otherwise
 * ------------------------------------------------------ */

/* A page of what has the words, as mam_page_find does it for the rest. Ids between from and to, both
 * inclusive. */
int mam_text_ids(const struct mam_query *query, struct db *db, int64_t from, int64_t to, int64_t *ids,
    size_t most, size_t *count_r, struct err *err);
/* How many there are, as long as they are at most that many; one more when they are more. */
int mam_text_count(const struct mam_query *query, struct db *db, int64_t from, int64_t to, int64_t most,
    int64_t *count_r, struct err *err);

enum { MAM_TEXT_DONE, MAM_TEXT_MORE, MAM_TEXT_NEVER };
/* In a write: puts further rows into the index, which is made when there is none. MAM_TEXT_MORE: there are
 * more. */
int mam_text_catch_up(struct db *db, struct err *err);
/* Whether there is an index, and it is behind. In a read. */
int mam_text_is_behind(struct db *db, bool *behind_r, struct err *err);
/* In a write: the row of that number (column id) is about to lose its text. Before it does. */
int mam_text_forget(struct db *db, struct str host, struct str username, int64_t row, struct err *err);
/* The same for rows whose columns are known already. */
struct mam_text_row {
	int64_t row, id; /* columns id and timestamp */
	struct str host, username, bare_peer, txt;
};
#define MAM_TEXT_NO_MARK (-1)
/* The last row in the index; MAM_TEXT_NO_MARK: there is no index, and nothing to be forgotten. */
int mam_text_mark(struct db *db, int64_t *mark_r, struct err *err);
int mam_text_forget_row(struct db *db, int64_t mark, const struct mam_text_row *row, struct err *err);

/* --- purge.c
 * ------------------------------------------------------------------------------------------------------- */

enum mam_kind { MAM_KIND_ALL, MAM_KIND_CHAT, MAM_KIND_GROUPCHAT };

/* What is to be deleted of a host. A zeroed cursor begins. */
struct mam_purge {
	struct str host;
	struct str username; /* ptr NULL: of all archives */
	struct str peer;     /* bare; ptr NULL: with everybody. Only with username */
	enum mam_kind kind;
	int64_t before; /* only what is older, in microseconds since 1970 */
	int64_t cursor;
};
/* In a write: deletes at most that many rows. How many were deleted; fewer than most: it is done. < 0 on
 * failure. */
int mam_purge_step(struct mam_purge *purge, unsigned most, struct db *db, struct err *err);
/* All of it, in the write of the caller: an account goes with its archive, or not at all. */
int mam_purge_whole(struct mam_purge *purge, struct db *db, struct err *err);
/* How many there are to delete. In a read. */
int mam_purge_count(const struct mam_purge *purge, struct db *db, int64_t *count_r, struct err *err);

/* --- keeper.c
 * ------------------------------------------------------------------------------------------------------ */

/* clang-format off */
#define MAM_RETENTION_OPTIONS \
	{"retention", OPTION_DURATION, "infinity", \
	    "How long archived messages are kept. What is older is deleted, some at a time, within an hour or so.", \
	    .flags = OPTION_INFINITY}, \
	{"retention_rule", OPTION_SHAPER, NULL, \
	    "A rule of `shaper_rules` that says for how many days the messages of a user or a room are kept. Who is " \
	    "not in it has what `retention` says."}
/* clang-format on */

/* What goes on in the background of a host: retention, the index of words, delete_old_mam_messages_batch.
 * Worker 0. keeper_end is for .leave. */
void mam_keeper_start(struct module_instance *instance);
void mam_keeper_end(struct module_instance *instance);

enum mam_batch_outcome { MAM_BATCH_OK, MAM_BATCH_BUSY, MAM_BATCH_NONE, MAM_BATCH_NO_HOST };
struct mam_batch {
	enum { MAM_BATCH_NEVER, MAM_BATCH_RUNS, MAM_BATCH_ENDED, MAM_BATCH_ABORTED, MAM_BATCH_FAILED } state;
	int64_t deleted, total;
	struct err err;
};
/* Any thread: rate is in rows a minute. */
enum mam_batch_outcome mam_batch_start(
    struct str host, enum mam_kind kind, int64_t before, int64_t total, unsigned size, int64_t rate);
enum mam_batch_outcome mam_batch_status(struct str host, struct mam_batch *batch_r);
enum mam_batch_outcome mam_batch_abort(struct str host);

/* --- commands.c
 * ---------------------------------------------------------------------------------------------------- */

extern const struct command mam_commands[];
