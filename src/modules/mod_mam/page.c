/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_mam/query.h"

/*
 * A page is found by its ids alone: with DISTINCT and LIMIT they come out of an index in order, as many as
 * are wanted and no more. Each statement is a text of its own, since it is the key of what is prepared.
 */
#define WITH_ALL ""
#define WITH_BARE "bare_peer = ? AND "
#define WITH_FULL "bare_peer = ? AND peer = ? AND "
#define ANY_KIND ""
#define NO_GROUPCHAT " AND (kind IS NULL OR kind <> 'groupchat')"
#define RANGE(with, kind)                                                                                    \
	" FROM archive WHERE {host=} username = ? AND " with "timestamp BETWEEN ? AND ?" kind
#define IDS(with, kind, order)                                                                               \
	"SELECT DISTINCT timestamp" RANGE(with, kind) " ORDER BY timestamp " order " LIMIT ?"
#define COUNT(with, kind) "SELECT COUNT(*) FROM (SELECT 1" RANGE(with, kind) " LIMIT ?) AS matches"
#define FORMS(with, kind)                                                                                    \
	{                                                                                                    \
		IDS(with, kind, "ASC"), IDS(with, kind, "DESC"), COUNT(with, kind)                           \
	}

enum { FORM_FORWARDS, FORM_BACKWARDS, FORM_COUNT, FORMS_OF_EACH };
/* By the peer, then by the kind. */
static const char *const forms[3][2][FORMS_OF_EACH] = {
    {FORMS(WITH_ALL, ANY_KIND), FORMS(WITH_ALL, NO_GROUPCHAT)},
    {FORMS(WITH_BARE, ANY_KIND), FORMS(WITH_BARE, NO_GROUPCHAT)},
    {FORMS(WITH_FULL, ANY_KIND), FORMS(WITH_FULL, NO_GROUPCHAT)},
};

static struct db_rows *ask(const struct mam_query *query, unsigned form, int64_t from, int64_t to,
    int64_t limit, struct db *db, struct err *err)
{
	struct db_param params[7] = {DB_P_TEXT(query->host), DB_P_TEXT(query->username)};
	unsigned with = !query->with.ptr ? 0 : query->with_full ? 2 : 1;
	size_t count = 2;
	struct str resource;
	if (query->with_full)
		params[count++] = DB_P_TEXT(str_cut(query->with, '/', &resource));
	if (with)
		params[count++] = DB_P_TEXT(query->with);
	params[count++] = DB_P_INT(from);
	params[count++] = DB_P_INT(to);
	params[count++] = DB_P_INT(limit);
	return db_query_params(db, forms[with][query->no_groupchat][form], params, count, err);
}

/* --- rows ----------------------------------------------------------------------------------------------- */

bool mam_row_fits(const struct mam_archived *row, const struct mam_query *query)
{
	if (query->no_groupchat && str_is(row->kind, "groupchat"))
		return false;
	return !query->with.ptr || str_eq(query->with, query->with_full ? row->peer : row->bare_peer);
}

int mam_rows_each(const struct mam_query *query, struct db *db, int64_t id,
    bool (*each)(void *arg, const struct mam_archived *row), void *arg, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT timestamp, xml, peer, bare_peer, kind, nick FROM archive "
	    "WHERE {host=} username = ? AND timestamp = ? ORDER BY id",
	    DB_P_TEXT(query->host), DB_P_TEXT(query->username), DB_P_INT(id));
	int rc;
	while ((rc = db_next(rows, err)) > 0) {
		struct mam_archived row = {db_int(rows, 0), db_text(rows, 1), db_text(rows, 2),
		    db_text(rows, 3), db_text(rows, 4), db_text(rows, 5)};
		if (!each(arg, &row))
			break;
	}
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

static int end_of(
    const char *sql, struct str host, struct str username, struct db *db, int64_t *id_r, struct err *err)
{
	struct db_param params[] = {DB_P_TEXT(host), DB_P_TEXT(username)};
	struct db_rows *rows = db_query_params(db, sql, params, 2, err);
	int rc = db_next(rows, err);
	if (rc > 0)
		*id_r = db_int(rows, 0);
	db_end(&rows);
	return rc;
}

int mam_ends_find(
    struct str host, struct str username, struct db *db, struct mam_ends *ends_r, struct err *err)
{
	int first =
	    end_of("SELECT timestamp FROM archive WHERE {host=} username = ? ORDER BY timestamp LIMIT 1",
		host, username, db, &ends_r->first, err);
	int last = first > 0 ? end_of("SELECT timestamp FROM archive WHERE {host=} username = ? ORDER BY "
				      "timestamp DESC LIMIT 1",
				   host, username, db, &ends_r->last, err)
			     : first;
	ends_r->any = last > 0;
	return last < 0 ? -1 : 0;
}

/* --- the three ways to find ids ------------------------------------------------------------------------- */

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

static int fits_query(const struct mam_query *query, struct db *db, int64_t id, bool *fits_r, struct err *err)
{
	struct fits fits = {.query = query};
	size_t found = 1;
	int64_t same;
	if (mam_rows_each(query, db, id, note_fit, &fits, err) < 0)
		return -1;
	if (fits.any && query->words.len && mam_text_ids(query, db, id, id, &same, 1, &found, err) < 0)
		return -1;
	*fits_r = fits.any && found > 0;
	return 0;
}

/* Those of the field ids: there are few of them. */
static int listed_ids(const struct mam_query *query, struct db *db, int64_t from, int64_t to, int64_t *ids,
    size_t most, size_t *count_r, struct err *err)
{
	size_t count = 0;
	for (size_t i = 0; i < query->id_count && count < most; i++) {
		int64_t id = query->ids[query->backwards ? query->id_count - 1 - i : i];
		bool fits = false;
		if (id < from || id > to)
			continue;
		if (fits_query(query, db, id, &fits, err) < 0)
			return -1;
		if (fits)
			ids[count++] = id;
	}
	*count_r = count;
	return 0;
}

static int plain_ids(const struct mam_query *query, struct db *db, int64_t from, int64_t to, int64_t *ids,
    size_t most, size_t *count_r, struct err *err)
{
	struct db_rows *rows =
	    ask(query, query->backwards ? FORM_BACKWARDS : FORM_FORWARDS, from, to, (int64_t)most, db, err);
	size_t count = 0;
	int rc = rows ? 1 : -1;
	while (rc > 0 && count < most && (rc = db_next(rows, err)) > 0)
		ids[count++] = db_int(rows, 0);
	db_end(&rows);
	*count_r = count;
	return rc < 0 ? -1 : 0;
}

static int find_ids(const struct mam_query *query, struct db *db, int64_t from, int64_t to, int64_t *ids,
    size_t most, size_t *count_r, struct err *err)
{
	*count_r = 0;
	if (from > to)
		return 0;
	if (query->by_ids)
		return listed_ids(query, db, from, to, ids, most, count_r, err);
	if (query->words.len)
		return mam_text_ids(query, db, from, to, ids, most, count_r, err);
	return plain_ids(query, db, from, to, ids, most, count_r, err);
}

/* RSM_UNKNOWN when there are more than most. */
static int count_ids(const struct mam_query *query, struct db *db, int64_t from, int64_t to, int64_t most,
    int64_t *count_r, struct err *err)
{
	int64_t ids[MAM_IDS_MOST], count = 0;
	size_t listed = 0;
	int rc = 0;
	if (from > to) {
		*count_r = 0;
		return 0;
	}
	if (query->by_ids) {
		rc = listed_ids(query, db, from, to, ids, MAM_IDS_MOST, &listed, err);
		count = (int64_t)listed;
	} else if (query->words.len) {
		rc = mam_text_count(query, db, from, to, most, &count, err);
	} else {
		struct db_rows *rows = ask(query, FORM_COUNT, from, to, most + 1, db, err);
		rc = db_next(rows, err);
		count = rc > 0 ? db_int(rows, 0) : 0;
		db_end(&rows);
	}
	*count_r = count > most ? RSM_UNKNOWN : count;
	return rc < 0 ? -1 : 0;
}

/* --- the page ------------------------------------------------------------------------------------------- */

/* 4.1.3, 4.3.2: what is named must be there, whether it fits or not. */
static int check_ids(const struct mam_query *query, struct db *db, struct err *err)
{
	const int64_t named[] = {query->after_id, query->after, query->before_id, query->before};
	int rc = 1;
	for (size_t i = 0; i < 4 && rc > 0; i++)
		if (named[i] != (i < 2 ? 0 : INT64_MAX))
			rc = mam_has(db, query->host, query->username, named[i], err);
	for (size_t i = 0; i < query->id_count && rc > 0; i++)
		rc = mam_has(db, query->host, query->username, query->ids[i], err);
	return rc < 0 ? -1 : rc > 0 ? MAM_PAGE_FOUND : MAM_PAGE_NO_SUCH_ID;
}

struct range {
	int64_t from, to; /* both inclusive */
};

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* All that the form asks for, and what RSM leaves of it. */
static struct range range_of_form(const struct mam_query *query)
{
	int64_t to = query->before_id == INT64_MAX ? INT64_MAX : query->before_id - 1;
	return (struct range){
	    larger(query->start, query->after_id ? query->after_id + 1 : 0), smaller(query->end, to)};
}

static struct range range_of_page(const struct mam_query *query)
{
	struct range range = range_of_form(query);
	if (query->after)
		range.from = larger(range.from, query->after + 1);
	if (query->before != INT64_MAX)
		range.to = smaller(range.to, query->before - 1);
	return range;
}

static void reverse(int64_t *ids, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		int64_t other = ids[count - 1 - i];
		ids[count - 1 - i] = ids[i];
		ids[i] = other;
	}
}

/*
 * Only forwards: slixmpp takes a page whose index and size make the count for the last one in either
 * direction, and would never go back beyond it. Nothing is counted in a set that was too large to count.
 */
static int find_index(const struct mam_query *query, struct db *db, struct mam_page *page, struct err *err)
{
	if (query->backwards || (query->after && page->matches == RSM_UNKNOWN))
		return 0;
	page->index = 0;
	if (!query->after)
		return 0;
	int64_t from = range_of_form(query).from;
	return count_ids(query, db, from, page->ids[0] - 1, MAM_COUNT_MOST, &page->index, err);
}

static int find_counts(const struct mam_query *query, struct db *db, struct mam_page *page, struct err *err)
{
	struct range all = range_of_form(query);
	int64_t most = query->max ? MAM_COUNT_MOST : MAM_COUNT_ALONE;
	page->index = page->matches = RSM_UNKNOWN;
	/* To count what has the words is to look at all that has one of them. */
	if (query->words.len && query->max) {
		bool whole = page->complete && !query->after && query->before == INT64_MAX;
		page->matches = whole ? (int64_t)page->count : RSM_UNKNOWN;
		page->index = page->count && !query->after && !query->backwards ? 0 : RSM_UNKNOWN;
		return 0;
	}
	if (count_ids(query, db, all.from, all.to, most, &page->matches, err) < 0)
		return -1;
	return page->count ? find_index(query, db, page, err) : 0;
}

static int check_words(const struct mam_query *query, struct db *db, struct mam_page *page, struct err *err)
{
	enum db_text_state state;
	if (!query->words.len)
		return MAM_PAGE_FOUND;
	if (db_text_state(db, &state, err) < 0 || mam_text_is_behind(db, &page->unstable, err) < 0)
		return -1;
	return state == DB_TEXT_THERE ? MAM_PAGE_FOUND : MAM_PAGE_NO_WORDS;
}

int mam_page_find(const struct mam_query *query, struct db *db, struct arena *arena, struct mam_page *page_r,
    struct err *err)
{
	struct range range = range_of_page(query);
	struct mam_page page = {.ids = arena_alloc(arena, (query->max + 1) * sizeof(*page.ids))};
	int rc = check_ids(query, db, err);
	if (rc == MAM_PAGE_FOUND)
		rc = check_words(query, db, &page, err);
	if (rc != MAM_PAGE_FOUND)
		return rc;
	/* One more than wanted tells whether there is more. */
	if (find_ids(query, db, range.from, range.to, page.ids, query->max + 1, &page.count, err) < 0)
		return -1;
	page.complete = page.count <= query->max;
	if (!page.complete)
		page.count--;
	if (query->backwards)
		reverse(page.ids, page.count);
	if (find_counts(query, db, &page, err) < 0)
		return -1;
	*page_r = page;
	return MAM_PAGE_FOUND;
}
