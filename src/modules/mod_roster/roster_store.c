/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_roster/roster_store.h"

#include <stdlib.h>

#include "base/map.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

/* --- what a pending request holds ----------------------------------------------------------------------- */

/* askmessage is the text of <status/>, as in ejabberd; a request that holds more is kept as XML. */

static struct xml_tree *request_parse(struct str request)
{
	struct strbuf text = {0};
	struct err err;
	size_t offset;
	strbuf_cstr(&text, "<presence>");
	strbuf_str(&text, request);
	strbuf_cstr(&text, "</presence>");
	struct xml_tree *tree = xml_parse(strbuf_view(&text), NS_CLIENT, &xml_limits_default, &offset, &err);
	strbuf_fini(&text);
	return tree;
}

static bool is_only_status(const struct xml_tree *tree)
{
	const struct xml *child = tree->root->children;
	return child && !child->next && child->kind == XML_ELEMENT && !child->attr_count &&
	       xml_is(child, "status", "jabber:client") && !xml_first_element(child);
}

static void askmessage_put(struct strbuf *out, struct str request)
{
	if (!request.len)
		return;
	struct xml_tree *tree = request_parse(request);
	struct strbuf joined = {0};
	struct str status = STR_NULL;
	if (tree && is_only_status(tree))
		status = xml_text(tree->root->children, &joined);
	strbuf_str(out, status.len && status.ptr[0] != '<' ? status : request);
	strbuf_fini(&joined);
	xml_tree_unref(&tree);
}

static struct str request_of(struct str askmessage, struct arena *arena)
{
	if (!askmessage.len)
		return STR_NULL;
	struct xml_tree *tree = askmessage.ptr[0] == '<' ? request_parse(askmessage) : NULL;
	if (tree) {
		xml_tree_unref(&tree);
		return arena_str(arena, askmessage);
	}
	struct strbuf text = {0};
	strbuf_cstr(&text, "<status>");
	xml_escape(&text, askmessage);
	strbuf_cstr(&text, "</status>");
	struct str request = arena_str(arena, strbuf_view(&text));
	strbuf_fini(&text);
	return request;
}

/* --- reading -------------------------------------------------------------------------------------------- */

struct reading {
	const struct jid *user;
	struct arena *arena;
	struct roster_rows *rows;
	size_t room;
};

static enum roster_subscription subscription_of(struct str column)
{
	switch (column.len ? column.ptr[0] : 'N') {
	case 'B':
		return ROSTER_BOTH;
	case 'T':
		return ROSTER_TO;
	case 'F':
		return ROSTER_FROM;
	default:
		return ROSTER_NONE;
	}
}

/* SQLite and PostgreSQL write a boolean in different ways. */
static bool is_true(struct str column)
{
	return str_is(column, "1") || str_is(column, "t") || str_is(column, "true");
}

static struct roster_item *item_add(struct reading *reading)
{
	struct roster_rows *rows = reading->rows;
	if (rows->count == reading->room) {
		size_t room = reading->room ? 2 * reading->room : 8;
		struct roster_item *items = arena_alloc(reading->arena, room * sizeof(*items));
		if (rows->count)
			memcpy(items, rows->items, rows->count * sizeof(*items));
		rows->items = items;
		reading->room = room;
	}
	struct roster_item *item = &rows->items[rows->count++];
	*item = (struct roster_item){0};
	return item;
}

/* Columns: jid, nick, subscription, approved, ask, askmessage, subscribe. */
static void item_read(struct reading *reading, struct db_rows *row)
{
	struct jid jid;
	struct err err;
	if (jid_parse(arena_str(reading->arena, db_text(row, 0)), reading->arena, &jid, &err) < 0) {
		LOG_WARNING("roster.bad_jid", LOG_STR("user", jid_bare(reading->user)),
		    LOG_STR("contact", db_text(row, 0)), LOG_CSTR("reason", err.text));
		return;
	}
	struct roster_item *item = item_add(reading);
	struct str ask = db_text(row, 4);
	char asked = ask.len ? ask.ptr[0] : 'N';
	item->jid = jid_full(&jid);
	item->name = arena_str(reading->arena, db_text(row, 1));
	item->subscription = subscription_of(db_text(row, 2));
	item->approved = is_true(db_text(row, 3));
	item->pending_in = (asked == 'I' || asked == 'B') && item->subscription != ROSTER_BOTH &&
			   item->subscription != ROSTER_FROM;
	item->ask = (asked == 'O' || asked == 'B' || asked == 'S') &&
		    (item->subscription == ROSTER_NONE || item->subscription == ROSTER_FROM);
	if (item->pending_in)
		item->request = request_of(db_text(row, 5), reading->arena);
	item->listed = item->subscription != ROSTER_NONE || !item->pending_in || item->ask ||
		       item->name.len || item->approved || str_is(db_text(row, 6), "item");
}

static int items_read(struct reading *reading, struct db *db, struct err *err)
{
	struct db_rows *row = DB_QUERY(db, err,
	    "SELECT jid, nick, subscription, approved, ask, askmessage, subscribe FROM rosterusers "
	    "WHERE {host=} username = ?",
	    DB_P_TEXT(jid_domain(reading->user)), DB_P_TEXT(jid_local(reading->user)));
	int rc;
	while ((rc = db_next(row, err)) > 0)
		item_read(reading, row);
	db_end(&row);
	return rc;
}

static void group_add(struct reading *reading, struct roster_item *item, struct str group)
{
	struct str *groups = arena_alloc(reading->arena, (item->group_count + 1) * sizeof(*groups));
	if (item->group_count)
		memcpy(groups, item->groups, item->group_count * sizeof(*groups));
	groups[item->group_count++] = arena_str(reading->arena, group);
	item->groups = groups;
	item->listed = true;
}

static int groups_read(struct reading *reading, struct db *db, struct err *err)
{
	struct map by_jid = {0};
	for (size_t i = 0; i < reading->rows->count; i++)
		map_put(&by_jid, reading->rows->items[i].jid, &reading->rows->items[i]);
	struct db_rows *row =
	    DB_QUERY(db, err, "SELECT jid, grp FROM rostergroups WHERE {host=} username = ?",
		DB_P_TEXT(jid_domain(reading->user)), DB_P_TEXT(jid_local(reading->user)));
	int rc;
	while ((rc = db_next(row, err)) > 0) {
		struct roster_item *item = map_get(&by_jid, db_text(row, 0));
		if (item && db_text(row, 1).len)
			group_add(reading, item, db_text(row, 1));
	}
	db_end(&row);
	map_fini(&by_jid);
	return rc;
}

static int version_read(struct reading *reading, struct db *db, struct err *err)
{
	struct db_rows *row =
	    DB_QUERY(db, err, "SELECT version FROM roster_version WHERE {host=} username = ?",
		DB_P_TEXT(jid_domain(reading->user)), DB_P_TEXT(jid_local(reading->user)));
	int rc = db_next(row, err);
	if (rc > 0)
		reading->rows->version = arena_str(reading->arena, db_text(row, 0));
	db_end(&row);
	return rc < 0 ? -1 : 0;
}

int roster_rows_read(struct db *db, const struct jid *user, bool with_version, struct arena *arena,
    struct roster_rows **rows_r, struct err *err)
{
	struct reading reading = {
	    .user = user, .arena = arena, .rows = arena_zalloc(arena, sizeof(struct roster_rows))};
	if (items_read(&reading, db, err) < 0 ||
	    (reading.rows->count && groups_read(&reading, db, err) < 0) ||
	    (with_version && version_read(&reading, db, err) < 0))
		return err_prefix(err, "roster of %.*s", STR_FMT(jid_bare(user)));
	*rows_r = reading.rows;
	return 0;
}

void roster_fill(struct roster *roster, const struct roster_rows *rows)
{
	roster_clear(roster);
	for (size_t i = 0; i < rows->count; i++)
		roster_put(roster, &rows->items[i]);
	if (rows->version.len && rows->version.len <= ROSTER_VERSION_LEN) {
		memcpy(roster->version, rows->version.ptr, rows->version.len);
		roster->version[rows->version.len] = '\0';
	}
}

/* --- writing -------------------------------------------------------------------------------------------- */

static const char *subscription_column(const struct roster_item *item)
{
	static const char *const columns[] = {
	    [ROSTER_NONE] = "N",
	    [ROSTER_TO] = "T",
	    [ROSTER_FROM] = "F",
	    [ROSTER_BOTH] = "B",
	};
	return columns[item->subscription];
}

static const char *ask_column(const struct roster_item *item)
{
	if (item->ask)
		return item->pending_in ? "B" : "O";
	return item->pending_in ? "I" : "N";
}

static int groups_delete(struct db *db, const struct jid *user, struct str contact, struct err *err)
{
	int64_t rc = DB_EXEC(db, err, "DELETE FROM rostergroups WHERE {host=} username = ? AND jid = ?",
	    DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)), DB_P_TEXT(contact));
	return rc < 0 ? -1 : 0;
}

static int groups_write(
    struct db *db, const struct jid *user, const struct roster_item *item, struct err *err)
{
	int64_t rc = groups_delete(db, user, item->jid, err);
	for (uint32_t i = 0; rc >= 0 && i < item->group_count; i++)
		rc = DB_EXEC(db, err,
		    "INSERT INTO rostergroups ({host,} username, jid, grp) VALUES ({?,} ?, ?, ?)",
		    DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)), DB_P_TEXT(item->jid),
		    DB_P_TEXT(item->groups[i]));
	return rc < 0 ? -1 : 0;
}

/* An item that clients see although it is only a pending request says so in 'subscribe', which ejabberd does
 * not read. */
static int row_write(struct db *db, const struct jid *user, const struct roster_item *item, struct err *err)
{
	struct strbuf askmessage = {0};
	askmessage_put(&askmessage, item->request);
	int64_t rc = DB_EXEC(db, err,
	    "INSERT INTO rosterusers ({host,} username, jid, nick, subscription, approved, ask, askmessage, "
	    "server, "
	    "subscribe, type) VALUES ({?,} ?, ?, ?, ?, ?, ?, ?, 'N', ?, 'item') "
	    "ON CONFLICT ({host,} username, jid) DO UPDATE SET nick = {excluded}.nick, "
	    "subscription = {excluded}.subscription, approved = {excluded}.approved, ask = {excluded}.ask, "
	    "askmessage = {excluded}.askmessage, subscribe = {excluded}.subscribe",
	    DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)), DB_P_TEXT(item->jid),
	    DB_P_TEXT(item->name), DB_P_TEXT(str_of(subscription_column(item))), DB_P_INT(item->approved),
	    DB_P_TEXT(str_of(ask_column(item))), DB_P_TEXT(strbuf_view(&askmessage)),
	    DB_P_TEXT(item->listed ? STR("item") : STR("")));
	strbuf_fini(&askmessage);
	return rc < 0 ? -1 : 0;
}

static int row_delete(struct db *db, const struct jid *user, struct str contact, struct err *err)
{
	int64_t rc = DB_EXEC(db, err, "DELETE FROM rosterusers WHERE {host=} username = ? AND jid = ?",
	    DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)), DB_P_TEXT(contact));
	return rc < 0 ? -1 : groups_delete(db, user, contact, err);
}

/* A version of yesterday must not outlive a change that was made without one. */
static int version_write(struct db *db, const struct jid *user, const char *version, struct err *err)
{
	int64_t rc;
	if (version)
		rc = DB_EXEC(db, err,
		    "INSERT INTO roster_version ({host,} username, version) VALUES ({?,} ?, ?) "
		    "ON CONFLICT ({host,} username) DO UPDATE SET version = {excluded}.version",
		    DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)), DB_P_TEXT(str_of(version)));
	else
		rc = DB_EXEC(db, err, "DELETE FROM roster_version WHERE {host=} username = ?",
		    DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)));
	return rc < 0 ? -1 : 0;
}

int roster_item_write(struct db *db, const struct jid *user, const struct roster_item *item,
    const char *version, struct err *err)
{
	int rc;
	if (item->subscription == ROSTER_REMOVE)
		rc = row_delete(db, user, item->jid, err);
	else
		rc = row_write(db, user, item, err) < 0 ? -1 : groups_write(db, user, item, err);
	return rc < 0 ? -1 : version_write(db, user, version, err);
}

int roster_delete(struct db *db, struct str host, struct str user, struct err *err)
{
	struct db_param params[] = {DB_P_TEXT(host), DB_P_TEXT(user)};
	if (db_exec_params(db, "DELETE FROM rosterusers WHERE {host=} username = ?", params, 2, err) < 0 ||
	    db_exec_params(db, "DELETE FROM rostergroups WHERE {host=} username = ?", params, 2, err) < 0 ||
	    db_exec_params(db, "DELETE FROM roster_version WHERE {host=} username = ?", params, 2, err) < 0)
		return -1;
	return 0;
}
