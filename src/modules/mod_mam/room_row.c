/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_mam/query.h"
#include "modules/mod_mam/room.h"
#include "modules/mod_mam/room_archive.h"
#include "stanzad/log.h"

/* --- one row -------------------------------------------------------------------------------------------- */

static void put_attr(struct strbuf *out, const char *name, struct str value)
{
	if (!value.ptr)
		return;
	strbuf_printf(out, " %s='", name);
	xml_escape(out, value);
	strbuf_char(out, '\'');
}

/* XEP-0313 6.1.2: from the occupant's JID, whatever is in the row, and to nobody. */
static void open_message(struct strbuf *out, const struct mam_archived *row, struct str room, const struct xml *message)
{
	strbuf_cstr(out, "<message xmlns='jabber:client' type='groupchat'");
	put_attr(out, "id", xml_attr(message, "id"));
	put_attr(out, "xml:lang", xml_lang(message));
	strbuf_cstr(out, " from='");
	xml_escape(out, room);
	if (row->nick.len) {
		strbuf_char(out, '/');
		xml_escape(out, row->nick);
	}
	strbuf_cstr(out, "'>");
}

/* 8.4: nobody but the archive says who somebody is; and the id is in the result. */
static bool is_claim(const struct xml *child, struct str room)
{
	return xml_is(child, "x", NS_MUC_USER) ||
	       (xml_is(child, "stanza-id", NS_SID) && str_eq(xml_attr_s(child, "by"), room));
}

/* The room's own messages are nobody's. */
static bool shows_jid(const struct mam_archived *row, const struct mam_query *query)
{
	return row->peer.len && !str_eq(row->bare_peer, query->room) &&
	       (query->show_jids || (query->viewer.len && str_eq(row->bare_peer, query->viewer)));
}

/* What the archive wrote is behind what others may have. */
static const struct xml *item_of(const struct xml *message)
{
	const struct xml *x = xml_child(message, "x", NS_MUC_USER), *next;
	while (x && (next = xml_next(x, "x", NS_MUC_USER)))
		x = next;
	return x ? xml_child(x, "item", NULL) : NULL;
}

static void put_sender(struct strbuf *out, const struct mam_archived *row, const struct xml *message)
{
	const struct xml *item = item_of(message);
	strbuf_cstr(out, "<x xmlns='" NS_MUC_USER "'><item");
	put_attr(out, "affiliation", item ? xml_attr(item, "affiliation") : STR_NULL);
	put_attr(out, "role", item ? xml_attr(item, "role") : STR_NULL);
	put_attr(out, "jid", row->peer);
	strbuf_cstr(out, "/></x>");
}

static void put_message(struct strbuf *out, const struct mam_archived *row, const struct mam_query *query,
    const struct xml *message, struct str tail)
{
	open_message(out, row, query->room, message);
	for (const struct xml *child = xml_first_element(message); child; child = xml_next_element(child))
		if (!is_claim(child, query->room))
			xml_write(out, child, NS_CLIENT);
	if (shows_jid(row, query))
		put_sender(out, row, message);
	strbuf_str(out, tail);
	strbuf_cstr(out, "</message>");
}

static bool write_row(
    const struct mam_archived *row, const struct mam_query *query, struct str tail, struct strbuf *out)
{
	struct xml_tree *tree = mam_row_parse(row);
	if (tree)
		put_message(out, row, query, tree->root, tail);
	bool good = tree != NULL;
	xml_tree_unref(&tree);
	return good;
}

bool mam_room_row_write(const struct mam_archived *row, const struct mam_query *query, struct strbuf *out)
{
	return write_row(row, query, STR(""), out);
}

/* --- the latest ones ------------------------------------------------------------------------------------ */

struct kept {
	int64_t id;
	struct str xml;
};

static struct str kept_xml(
    const struct mam_archived *row, const struct mam_query *query, struct strbuf *buf, struct arena *arena)
{
	char stanza_id[MAM_STANZA_ID_MAX];
	size_t len = mam_stanza_id_write(stanza_id, query->room, row->id);
	strbuf_reset(buf);
	if (!write_row(row, query, (struct str){stanza_id, len}, buf))
		return STR_NULL;
	return arena_str(arena, strbuf_view(buf));
}

static int read_latest(const struct mam_query *query, struct db *db, struct arena *arena, struct kept *kept,
    unsigned *count_r, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT timestamp, xml, peer, bare_peer, kind, nick FROM archive WHERE {host=} username = ? AND txt <> '' "
	    "ORDER BY timestamp DESC LIMIT ?",
	    DB_P_TEXT(query->host), DB_P_TEXT(query->room), DB_P_INT(query->max));
	struct strbuf buf = {0};
	unsigned count = 0;
	int rc = rows ? 1 : -1;
	while (rc > 0 && count < query->max && (rc = db_next(rows, err)) > 0) {
		struct mam_archived row = {db_int(rows, 0), db_text(rows, 1), db_text(rows, 2), db_text(rows, 3),
		    db_text(rows, 4), db_text(rows, 5)};
		kept[count].id = row.id;
		kept[count].xml = kept_xml(&row, query, &buf, arena);
		count += kept[count].xml.len > 0;
	}
	strbuf_fini(&buf);
	db_end(&rows);
	*count_r = count;
	return rc < 0 ? -1 : 0;
}

int mam_room_history(struct db *db, struct str host, struct str room_bare, unsigned most, struct arena *arena,
    void (*each)(void *arg, int64_t id, struct str xml), void *arg, struct err *err)
{
	struct mam_query query = {.host = host, .username = room_bare, .room = room_bare, .max = most};
	struct kept *kept = arena_alloc(arena, (most + 1) * sizeof(*kept));
	struct mam_ends ends = {0};
	unsigned count = 0;
	if (mam_ends_find(host, room_bare, db, &ends, err) < 0 ||
	    read_latest(&query, db, arena, kept, &count, err) < 0)
		return -1;
	if (ends.any)
		mam_room_note(room_bare, ends.last);
	while (count-- > 0)
		each(arg, kept[count].id, kept[count].xml);
	return 0;
}

int mam_room_has(struct db *db, struct str host, struct str room_bare, int64_t id, struct err *err)
{
	return mam_has(db, host, room_bare, id, err);
}
