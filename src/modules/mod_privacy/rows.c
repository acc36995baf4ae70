/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_privacy/rows.h"

#include "stanzad/log.h"

/* --- reading -------------------------------------------------------------------------------------------- */

/* Makes room for one more in an array of the arena. */
static void *grown(struct arena *arena, void *array, uint32_t count, uint32_t *room, size_t size)
{
	if (count < *room)
		return array;
	*room = *room ? *room * 2 : 4;
	void *larger = arena_zalloc(arena, *room * size);
	if (count)
		memcpy(larger, array, count * size);
	return larger;
}

/* As every database writes it. */
static bool is_true(struct db_rows *rows, unsigned column)
{
	struct str text = db_text(rows, column);
	return text.len && (text.ptr[0] == '1' || text.ptr[0] == 't' || text.ptr[0] == 'T');
}

static bool read_subscription(struct str text, struct privacy_item *item_r)
{
	for (enum roster_subscription each = ROSTER_NONE; each <= ROSTER_BOTH; each++) {
		if (!str_is(text, roster_subscription_text(each)))
			continue;
		item_r->subscription = each;
		return true;
	}
	return false;
}

static bool read_value(struct str type, struct str value, struct arena *arena, struct privacy_item *item_r)
{
	struct err ignored;
	if (str_is(type, "j")) {
		item_r->type = PRIVACY_JID;
		return jid_parse(arena_str(arena, value), arena, &item_r->jid, &ignored) == 0;
	}
	if (str_is(type, "g")) {
		item_r->type = PRIVACY_GROUP;
		item_r->group = arena_str(arena, value);
		return true;
	}
	if (str_is(type, "s")) {
		item_r->type = PRIVACY_SUBSCRIPTION;
		return read_subscription(value, item_r);
	}
	item_r->type = PRIVACY_ANY;
	return str_is(type, "n");
}

static uint8_t read_kinds(struct db_rows *rows, unsigned column)
{
	static const uint8_t kinds[] = {
	    PRIVACY_ALL, PRIVACY_IQ, PRIVACY_MESSAGE, PRIVACY_PRESENCE_IN, PRIVACY_PRESENCE_OUT};
	unsigned found = 0;
	for (unsigned i = 0; i < sizeof(kinds); i++)
		found |= is_true(rows, column + i) ? kinds[i] : 0;
	return (uint8_t)(found & PRIVACY_ALL ? PRIVACY_ALL : found);
}

/* Columns from 2 on: t, value, action, ord, match_*. */
static bool read_item(struct db_rows *rows, struct arena *arena, struct privacy_item *item_r)
{
	struct str action = db_text(rows, 4);
	int64_t order = db_int(rows, 5);
	*item_r = (struct privacy_item){
	    .order = order < 0            ? 0
		     : order > UINT32_MAX ? UINT32_MAX
					  : (uint32_t)order,
	    .kinds = read_kinds(rows, 6),
	    .deny = str_is(action, "d"),
	};
	return (item_r->deny || str_is(action, "a")) && item_r->kinds &&
	       read_value(db_text(rows, 2), db_text(rows, 3), arena, item_r);
}

static struct privacy_row_list *list_of(struct privacy_rows *found, struct db_rows *rows, struct arena *arena)
{
	int64_t id = db_int(rows, 0);
	if (found->count && found->lists[found->count - 1].id == id)
		return &found->lists[found->count - 1];
	found->lists = grown(arena, found->lists, found->count, &found->room, sizeof(found->lists[0]));
	struct privacy_row_list *list = &found->lists[found->count++];
	*list = (struct privacy_row_list){.id = id, .name = arena_str(arena, db_text(rows, 1))};
	return list;
}

static void take_row(struct privacy_rows *found, struct db_rows *rows, struct arena *arena, struct str user)
{
	struct privacy_row_list *list = list_of(found, rows, arena);
	if (db_is_null(rows, 2))
		return;
	list->items = grown(arena, list->items, list->count, &list->room, sizeof(list->items[0]));
	if (read_item(rows, arena, &list->items[list->count]))
		list->count++;
	else
		LOG_WARNING("privacy.bad_item", LOG_STR("user", user), LOG_STR("list", list->name),
		    LOG_STR("type", db_text(rows, 2)), LOG_STR("value", db_text(rows, 3)));
}

static int read_standard(
    struct db *db, struct str host, struct str user, struct privacy_rows *found, struct err *err)
{
	struct db_rows *rows =
	    DB_QUERY(db, err, "SELECT name FROM privacy_default_list WHERE {host=} username = ?",
		DB_P_TEXT(host), DB_P_TEXT(user));
	int rc = rows ? db_next(rows, err) : -1;
	for (uint32_t i = 0; rc > 0 && i < found->count; i++)
		found->lists[i].standard = str_eq(found->lists[i].name, db_text(rows, 0));
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

int privacy_rows_read(struct db *db, struct str host, struct str user, struct arena *arena,
    struct privacy_rows **rows_r, struct err *err)
{
	struct privacy_rows *found = NULL;
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT l.id, l.name, d.t, d.value, d.action, d.ord, d.match_all, d.match_iq, d.match_message, "
	    "d.match_presence_in, d.match_presence_out FROM privacy_list l LEFT JOIN privacy_list_data d ON "
	    "d.id = l.id WHERE {host=} l.username = ? ORDER BY l.id, d.ord",
	    DB_P_TEXT(host), DB_P_TEXT(user));
	int rc = rows ? 1 : -1;
	while (rc > 0 && (rc = db_next(rows, err)) > 0) {
		if (!found)
			found = arena_zalloc(arena, sizeof(*found));
		take_row(found, rows, arena, user);
	}
	db_end(&rows);
	if (rc == 0 && found)
		rc = read_standard(db, host, user, found, err);
	if (rc >= 0)
		*rows_r = found;
	return rc;
}

/* --- writing -------------------------------------------------------------------------------------------- */

/* 1: it is there; *id_r is its number. */
static int find_id(struct db *db, const struct jid *user, struct str name, int64_t *id_r, struct err *err)
{
	struct db_rows *rows =
	    DB_QUERY(db, err, "SELECT id FROM privacy_list WHERE {host=} username = ? AND name = ?",
		DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)), DB_P_TEXT(name));
	int rc = rows ? db_next(rows, err) : -1;
	if (rc > 0)
		*id_r = db_int(rows, 0);
	db_end(&rows);
	return rc;
}

static int make_id(struct db *db, const struct jid *user, struct str name, int64_t *id_r, struct err *err)
{
	if (DB_EXEC(db, err, "INSERT INTO privacy_list ({host,} username, name) VALUES ({?,} ?, ?)",
		DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)), DB_P_TEXT(name)) < 0)
		return -1;
	*id_r = db_last_id(db);
	return 0;
}

static struct str type_letter(const struct privacy_item *item)
{
	static const char letters[] = {
	    [PRIVACY_ANY] = 'n', [PRIVACY_JID] = 'j', [PRIVACY_GROUP] = 'g', [PRIVACY_SUBSCRIPTION] = 's'};
	return (struct str){&letters[item->type], 1};
}

static int insert_item(struct db *db, int64_t id, const struct privacy_item *item, struct err *err)
{
	return DB_EXEC(db, err,
		   "INSERT INTO privacy_list_data (id, t, value, action, ord, match_all, match_iq, "
		   "match_message, "
		   "match_presence_in, match_presence_out) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		   DB_P_INT(id), DB_P_TEXT(type_letter(item)), DB_P_TEXT(privacy_item_value(item)),
		   DB_P_TEXT(item->deny ? STR("d") : STR("a")), DB_P_INT(item->order),
		   DB_P_INT((item->kinds & PRIVACY_ALL) != 0), DB_P_INT((item->kinds & PRIVACY_IQ) != 0),
		   DB_P_INT((item->kinds & PRIVACY_MESSAGE) != 0),
		   DB_P_INT((item->kinds & PRIVACY_PRESENCE_IN) != 0),
		   DB_P_INT((item->kinds & PRIVACY_PRESENCE_OUT) != 0)) < 0
		   ? -1
		   : 0;
}

static int delete_item(struct db *db, int64_t id, const struct privacy_item *item, struct err *err)
{
	return DB_EXEC(db, err, "DELETE FROM privacy_list_data WHERE id = ? AND ord = ?", DB_P_INT(id),
		   DB_P_INT(item->order)) < 0
		   ? -1
		   : 0;
}

static int delete_items(struct db *db, int64_t id, struct err *err)
{
	return DB_EXEC(db, err, "DELETE FROM privacy_list_data WHERE id = ?", DB_P_INT(id)) < 0 ? -1 : 0;
}

static int remove_list(struct db *db, const struct jid *user, struct str name, struct err *err)
{
	int64_t id;
	int rc = find_id(db, user, name, &id, err);
	if (rc <= 0)
		return rc;
	if (delete_items(db, id, err) < 0 ||
	    DB_EXEC(db, err, "DELETE FROM privacy_list WHERE id = ?", DB_P_INT(id)) < 0)
		return -1;
	return 0;
}

/* What is in both is left alone: a long block list grows by one row at a time. */
static int write_difference(struct db *db, int64_t id, const struct privacy_list *before,
    const struct privacy_list *after, struct err *err)
{
	uint32_t a = 0, b = 0;
	while (a < before->count || b < after->count) {
		const struct privacy_item *old = a < before->count ? &before->items[a] : NULL;
		const struct privacy_item *new = b < after->count ? &after->items[b] : NULL;
		int order = !old ? 1 : !new ? -1 : privacy_item_by_order(old, new);
		bool same = order == 0 && privacy_item_eq(old, new);
		if (!same && order <= 0 && delete_item(db, id, old, err) < 0)
			return -1;
		if (!same && order >= 0 && insert_item(db, id, new, err) < 0)
			return -1;
		a += order <= 0;
		b += order >= 0;
	}
	return 0;
}

static int write_all(struct db *db, int64_t id, const struct privacy_list *after, struct err *err)
{
	if (delete_items(db, id, err) < 0)
		return -1;
	for (uint32_t i = 0; i < after->count; i++)
		if (insert_item(db, id, &after->items[i], err) < 0)
			return -1;
	return 0;
}

int privacy_list_write(struct db *db, const struct jid *user, const struct privacy_list *before,
    const struct privacy_list *after, struct err *err)
{
	int64_t id;
	if (!after)
		return before ? remove_list(db, user, before->name, err) : 0;
	int there = find_id(db, user, after->name, &id, err);
	if (there < 0 || (!there && make_id(db, user, after->name, &id, err) < 0))
		return -1;
	if (there && before && !before->loose)
		return write_difference(db, id, before, after, err);
	return write_all(db, id, after, err);
}

int privacy_standard_write(struct db *db, const struct jid *user, struct str name, struct err *err)
{
	int64_t rows;
	if (name.len)
		rows = DB_EXEC(db, err,
		    "INSERT INTO privacy_default_list ({host,} username, name) VALUES ({?,} ?, ?) "
		    "ON CONFLICT ({host,} username) DO UPDATE SET name = excluded.name",
		    DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)), DB_P_TEXT(name));
	else
		rows = DB_EXEC(db, err, "DELETE FROM privacy_default_list WHERE {host=} username = ?",
		    DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)));
	return rows < 0 ? -1 : 0;
}

int privacy_delete(struct db *db, struct str host, struct str user, struct err *err)
{
	if (DB_EXEC(db, err,
		"DELETE FROM privacy_list_data WHERE id IN "
		"(SELECT id FROM privacy_list WHERE {host=} username = ?)",
		DB_P_TEXT(host), DB_P_TEXT(user)) < 0 ||
	    DB_EXEC(db, err, "DELETE FROM privacy_list WHERE {host=} username = ?", DB_P_TEXT(host),
		DB_P_TEXT(user)) < 0 ||
	    DB_EXEC(db, err, "DELETE FROM privacy_default_list WHERE {host=} username = ?", DB_P_TEXT(host),
		DB_P_TEXT(user)) < 0)
		return -1;
	return 0;
}
