/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_mam/query.h"

#define WHOLE_ROWS 500
#define OF_ALL ""
#define OF_USER "username = ? AND "
#define OF_PEER "username = ? AND bare_peer = ? AND "
#define ALL_KINDS ""
#define CHAT " AND (kind IS NULL OR kind <> 'groupchat')"
#define GROUPCHAT " AND kind = 'groupchat'"
#define RANGE(of, kind) " FROM archive WHERE {host=} " of "timestamp >= ? AND timestamp < ?" kind
#define ROWS(of, kind)                                                                                       \
	"SELECT id, timestamp, username, bare_peer, txt" RANGE(of, kind) " ORDER BY timestamp LIMIT ?"
#define COUNT(of, kind) "SELECT COUNT(*)" RANGE(of, kind)
#define KINDS(form, of)                                                                                      \
	{                                                                                                    \
		form(of, ALL_KINDS), form(of, CHAT), form(of, GROUPCHAT)                                     \
	}

/* By whose, then by enum mam_kind. */
static const char *const rows_sql[3][3] = {KINDS(ROWS, OF_ALL), KINDS(ROWS, OF_USER), KINDS(ROWS, OF_PEER)};
static const char *const count_sql[3][3] = {
    KINDS(COUNT, OF_ALL), KINDS(COUNT, OF_USER), KINDS(COUNT, OF_PEER)};

static struct db_rows *ask(const struct mam_purge *purge, const char *const sql[3][3], unsigned limit,
    struct db *db, struct err *err)
{
	struct db_param params[6] = {DB_P_TEXT(purge->host)};
	unsigned of = !purge->username.ptr ? 0 : purge->peer.ptr ? 2 : 1;
	size_t count = 1;
	if (of > 0)
		params[count++] = DB_P_TEXT(purge->username);
	if (of > 1)
		params[count++] = DB_P_TEXT(purge->peer);
	params[count++] = DB_P_INT(purge->cursor);
	params[count++] = DB_P_INT(purge->before);
	if (limit)
		params[count++] = DB_P_INT(limit);
	return db_query_params(db, sql[of][purge->kind], params, count, err);
}

/* What is deleted is read first; its words only when there is an index that has them. */
static int read_rows(const struct mam_purge *purge, bool words, unsigned most, struct db *db,
    struct arena *arena, struct mam_text_row *rows_r, struct err *err)
{
	struct db_rows *rows = ask(purge, rows_sql, most, db, err);
	int rc = rows ? 1 : -1, count = 0;
	while (rc > 0 && (unsigned)count < most && (rc = db_next(rows, err)) > 0) {
		struct mam_text_row *row = &rows_r[count++];
		*row =
		    (struct mam_text_row){.row = db_int(rows, 0), .id = db_int(rows, 1), .host = purge->host};
		if (!words)
			continue;
		row->username = arena_str(arena, db_text(rows, 2));
		row->bare_peer = arena_str(arena, db_text(rows, 3));
		row->txt = arena_str(arena, db_text(rows, 4));
	}
	db_end(&rows);
	return rc < 0 ? -1 : count;
}

static int delete_row(const struct mam_text_row *row, int64_t mark, struct db *db, struct err *err)
{
	if (mam_text_forget_row(db, mark, row, err) < 0)
		return -1;
	return DB_EXEC(db, err, "DELETE FROM archive WHERE id = ?", DB_P_INT(row->row)) < 0 ? -1 : 0;
}

int mam_purge_step(struct mam_purge *purge, unsigned most, struct db *db, struct err *err)
{
	struct arena arena = {0};
	struct mam_text_row *rows = arena_alloc(&arena, most * sizeof(*rows));
	int64_t mark = MAM_TEXT_NO_MARK;
	int count = mam_text_mark(db, &mark, err);
	if (count == 0)
		count = read_rows(purge, mark != MAM_TEXT_NO_MARK, most, db, &arena, rows, err);
	for (int i = 0; i < count; i++)
		if (delete_row(&rows[i], mark, db, err) < 0)
			count = -1;
	if (count > 0)
		purge->cursor = rows[count - 1].id;
	arena_fini(&arena);
	return count;
}

int mam_purge_whole(struct mam_purge *purge, struct db *db, struct err *err)
{
	int count;
	while ((count = mam_purge_step(purge, WHOLE_ROWS, db, err)) == WHOLE_ROWS)
		;
	return count < 0 ? -1 : 0;
}

int mam_purge_count(const struct mam_purge *purge, struct db *db, int64_t *count_r, struct err *err)
{
	struct db_rows *rows = ask(purge, count_sql, 0, db, err);
	int rc = db_next(rows, err);
	if (rc > 0)
		*count_r = db_int(rows, 0);
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}
