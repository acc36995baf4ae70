/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_private/private.h"

bool private_is_reserved(struct str ns)
{
	return !ns.len || str_is(ns, NS_PRIVATE) || str_is(ns, "jabber:client") ||
	       str_is(ns, "jabber:server") || str_is(ns, "http://etherx.jabber.org/streams");
}

/* True: a row was put. What another program left there may be no XML. */
static int put_stored(struct xml_writer *writer, struct str data)
{
	struct err ignored;
	size_t offset;
	struct xml_limits limits = {16u * 1024 * 1024, 255, 4096, 1024 * 1024};
	struct xml_tree *tree = xml_parse(data, STR_NULL, &limits, &offset, &ignored);
	if (!tree)
		return 0;
	xml_put(writer, tree->root);
	xml_tree_unref(&tree);
	return 1;
}

int private_read(
    struct db *db, const struct jid *user, const struct xml *elem, struct xml_writer *writer, struct err *err)
{
	struct db_rows *rows =
	    DB_QUERY(db, err, "SELECT data FROM private_storage WHERE {host=} username = ? AND namespace = ?",
		DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)), DB_P_TEXT(elem->ns));
	int rc = rows ? db_next(rows, err) : -1;
	if (rc > 0)
		rc = put_stored(writer, db_text(rows, 0));
	db_end(&rows);
	if (rc == 0)
		xml_put(writer, elem);
	return rc < 0 ? -1 : 0;
}

int private_write(struct db *db, const struct jid *user, const struct xml *elem, struct err *err)
{
	struct strbuf data = {0};
	xml_write(&data, elem, STR_NULL);
	int64_t rows = DB_EXEC(db, err,
	    "INSERT INTO private_storage ({host,} username, namespace, data) VALUES ({?,} ?, ?, ?) "
	    "ON CONFLICT ({host,} username, namespace) DO UPDATE SET data = excluded.data",
	    DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)), DB_P_TEXT(elem->ns),
	    DB_P_TEXT(strbuf_view(&data)));
	strbuf_fini(&data);
	return rows < 0 ? -1 : 0;
}

int private_has_room(struct db *db, const struct jid *user, bool *room_r, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT COUNT(*), SUM(LENGTH(data) + LENGTH(namespace)) FROM private_storage WHERE {host=} "
	    "username = ?",
	    DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)));
	int rc = rows ? db_next(rows, err) : -1;
	if (rc > 0)
		*room_r = db_int(rows, 0) <= PRIVATE_ELEMENTS_MAX && db_int(rows, 1) <= PRIVATE_BYTES_MAX;
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

int private_delete(struct db *db, struct str host, struct str user, struct err *err)
{
	return DB_EXEC(db, err, "DELETE FROM private_storage WHERE {host=} username = ?", DB_P_TEXT(host),
		   DB_P_TEXT(user)) < 0
		   ? -1
		   : 0;
}
