/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "modules/mod_mam/query.h"

/*
 * A key of the index is the id of the message and, below it, so many bits of the number of the row: so keys
 * are in the order of time, and messages of the same moment in several archives have several keys.
 */
#define ROW_BITS 10
#define ROW_MASK ((INT64_C(1) << ROW_BITS) - 1)
#define ID_LARGEST ((INT64_C(1) << (62 - ROW_BITS)) - 1)
#define STEP_ROWS 500
#define TAGS_MAX 48

static int64_t key_of(int64_t id, int64_t row)
{
	return id << ROW_BITS | (row & ROW_MASK);
}

/* FNV-1a. It is in databases: it stays as it is. */
static uint64_t hash_more(uint64_t hash, struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(0x100000001b3);
	return (hash ^ 0xff) *
	       UINT64_C(0x100000001b3); /* no byte of UTF-8: texts do not run into each other */
}

static uint64_t owner_hash(struct str host, struct str username)
{
	return hash_more(hash_more(UINT64_C(0xcbf29ce484222325), host), username);
}

/* In a database of one host its name is not in the table, and not in the tags. */
static struct str tag_host(const struct db *db, struct str host)
{
	return db_multihost(db) ? host : STR("");
}

/* Whose archive it is in, and with whom. */
static void tags_of(char *out, struct str host, struct str username, struct str bare_peer)
{
	uint64_t owner = owner_hash(host, username);
	snprintf(out, TAGS_MAX, "o%016" PRIx64 " p%016" PRIx64, owner, hash_more(owner, bare_peer));
}

static struct str bare_of(struct str jid)
{
	struct str rest;
	return str_cut(jid, '/', &rest);
}

static void tag_wanted(char *out, const struct mam_query *query, const struct db *db)
{
	uint64_t owner = owner_hash(tag_host(db, query->host), query->username);
	if (query->with.ptr)
		snprintf(out, TAGS_MAX, "p%016" PRIx64, hash_more(owner, bare_of(query->with)));
	else
		snprintf(out, TAGS_MAX, "o%016" PRIx64, owner);
}

/* --- finding -------------------------------------------------------------------------------------------- */

static struct db_rows *find(
    const struct mam_query *query, struct db *db, int64_t from, int64_t to, struct err *err)
{
	char tag[TAGS_MAX];
	struct db_text_range range = {
	    .from = key_of(from > 0 ? from : 0, 0),
	    .to = key_of(to < ID_LARGEST ? to : ID_LARGEST, ROW_MASK),
	    .backwards = query->backwards,
	};
	if (from > ID_LARGEST || to < 0)
		range.from = range.to + 1;
	tag_wanted(tag, query, db);
	return db_text_find(db, str_of(tag), query->words, &range, err);
}

struct fits {
	const struct mam_query *query;
	bool any;
};

static bool note_fit(void *arg, const struct mam_archived *row)
{
	struct fits *fits = arg;
	fits->any = mam_row_fits(row, fits->query);
	return !fits->any;
}

/* What the index has may be gone from the archive: another program deleted it. */
int mam_text_ids(const struct mam_query *query, struct db *db, int64_t from, int64_t to, int64_t *ids,
    size_t most, size_t *count_r, struct err *err)
{
	struct db_rows *keys = find(query, db, from, to, err);
	size_t count = 0;
	int rc = keys ? 1 : -1;
	while (rc > 0 && count < most && (rc = db_next(keys, err)) > 0) {
		struct fits fits = {.query = query};
		int64_t id = db_int(keys, 0) >> ROW_BITS;
		if (count && ids[count - 1] == id)
			continue;
		if (mam_rows_each(query, db, id, note_fit, &fits, err) < 0)
			rc = -1;
		else if (fits.any)
			ids[count++] = id;
	}
	db_end(&keys);
	*count_r = count;
	return rc < 0 ? -1 : 0;
}

/* Keys whose messages have gone meanwhile are among them; XEP-0059 2.7 allows that. */
static int count_keys(const struct mam_query *query, struct db *db, int64_t from, int64_t to, int64_t most,
    int64_t *count_r, struct err *err)
{
	struct db_rows *keys = find(query, db, from, to, err);
	int64_t count = 0;
	int rc = keys ? 1 : -1;
	while (rc > 0 && count <= most && (rc = db_next(keys, err)) > 0)
		count++;
	db_end(&keys);
	*count_r = count;
	return rc < 0 ? -1 : 0;
}

int mam_text_count(const struct mam_query *query, struct db *db, int64_t from, int64_t to, int64_t most,
    int64_t *count_r, struct err *err)
{
	int64_t ids[MAM_COUNT_MOST + 1];
	size_t count, room = most < MAM_COUNT_MOST ? (size_t)most + 1 : MAM_COUNT_MOST + 1;
	if (!query->with_full && !query->no_groupchat)
		return count_keys(query, db, from, to, most, count_r, err);
	if (mam_text_ids(query, db, from, to, ids, room, &count, err) < 0)
		return -1;
	*count_r = count == room ? most + 1 : (int64_t)count;
	return 0;
}

/* --- following the archive ------------------------------------------------------------------------------ */

static int newest_row(struct db *db, int64_t *row_r, struct err *err)
{
	struct db_rows *rows = db_query_params(db, "SELECT MAX(id) FROM archive", NULL, 0, err);
	int rc = db_next(rows, err);
	if (rc > 0)
		*row_r = db_int(rows, 0);
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

int mam_text_is_behind(struct db *db, bool *behind_r, struct err *err)
{
	enum db_text_state state;
	int64_t mark = 0, newest = 0;
	if (db_text_state(db, &state, err) < 0)
		return -1;
	if (state == DB_TEXT_THERE && (db_text_mark(db, &mark, err) < 0 || newest_row(db, &newest, err) < 0))
		return -1;
	*behind_r = newest > mark;
	return 0;
}

/* The columns of the rows that follow: id, username, timestamp, bare_peer, txt, host. */
#define TEXT_COLUMNS "id, username, timestamp, bare_peer, txt"

static struct db_rows *rows_behind(struct db *db, int64_t mark, struct err *err)
{
	struct db_param params[] = {DB_P_INT(mark), DB_P_INT(STEP_ROWS)};
	return db_multihost(db)
		   ? db_query_params(db,
			 "SELECT " TEXT_COLUMNS ", server_host FROM archive WHERE id > ? ORDER BY id LIMIT ?",
			 params, 2, err)
		   : db_query_params(db,
			 "SELECT " TEXT_COLUMNS ", '' FROM archive WHERE id > ? ORDER BY id LIMIT ?", params,
			 2, err);
}

static bool is_indexed(struct str txt, int64_t id)
{
	return txt.len && id > 0 && id <= ID_LARGEST;
}

static int put_row(struct db *db, struct db_rows *rows, struct err *err)
{
	char tags[TAGS_MAX];
	if (!is_indexed(db_text(rows, 4), db_int(rows, 2)))
		return 0;
	tags_of(tags, tag_host(db, db_text(rows, 5)), db_text(rows, 1), db_text(rows, 3));
	return db_text_put(db, key_of(db_int(rows, 2), db_int(rows, 0)), str_of(tags), db_text(rows, 4), err);
}

static int put_step(struct db *db, struct err *err)
{
	int64_t mark = 0;
	unsigned count = 0;
	if (db_text_mark(db, &mark, err) < 0)
		return -1;
	struct db_rows *rows = rows_behind(db, mark, err);
	int rc = rows ? 1 : -1;
	while (rc > 0 && (rc = db_next(rows, err)) > 0) {
		mark = db_int(rows, 0);
		count++;
		if (put_row(db, rows, err) < 0)
			rc = -1;
	}
	db_end(&rows);
	if (rc < 0 || (count && db_text_set_mark(db, mark, err) < 0))
		return -1;
	return count == STEP_ROWS ? MAM_TEXT_MORE : MAM_TEXT_DONE;
}

int mam_text_catch_up(struct db *db, struct err *err)
{
	enum db_text_state state;
	if (db_text_state(db, &state, err) < 0)
		return -1;
	if (state == DB_TEXT_NEVER)
		return MAM_TEXT_NEVER;
	if (state == DB_TEXT_CAN_BE && db_text_make(db, err) < 0)
		return -1;
	return put_step(db, err);
}

/* --- forgetting ----------------------------------------------------------------------------------------- */

int mam_text_mark(struct db *db, int64_t *mark_r, struct err *err)
{
	enum db_text_state state;
	if (db_text_state(db, &state, err) < 0)
		return -1;
	if (state == DB_TEXT_THERE)
		return db_text_mark(db, mark_r, err);
	*mark_r = MAM_TEXT_NO_MARK;
	return 0;
}

int mam_text_forget_row(struct db *db, int64_t mark, const struct mam_text_row *row, struct err *err)
{
	char tags[TAGS_MAX];
	if (row->row > mark || !is_indexed(row->txt, row->id))
		return 0;
	tags_of(tags, tag_host(db, row->host), row->username, row->bare_peer);
	return db_text_remove(db, key_of(row->id, row->row), str_of(tags), row->txt, err);
}

int mam_text_forget(struct db *db, struct str host, struct str username, int64_t row, struct err *err)
{
	int64_t mark = MAM_TEXT_NO_MARK;
	if (mam_text_mark(db, &mark, err) < 0)
		return -1;
	if (row > mark)
		return 0;
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT timestamp, bare_peer, txt FROM archive WHERE {host=} username = ? AND id = ?",
	    DB_P_TEXT(host), DB_P_TEXT(username), DB_P_INT(row));
	int rc = db_next(rows, err);
	if (rc > 0) {
		struct mam_text_row found = {
		    row, db_int(rows, 0), host, username, db_text(rows, 1), db_text(rows, 2)};
		rc = mam_text_forget_row(db, mark, &found, err);
	}
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}
