/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_mam/query.h"
#include "stanzad/datetime.h"

/* Ids should be unique (XEP-0424 6.1); where they are not, the latest message counts. */
#define CANDIDATES_MAX 16
/* So many messages of a conversation are looked through, latest first: no index has the ids. */
#define REACH "10000"

static const struct xml_limits row_limits = {
    .max_bytes = 64u * 1024 * 1024,
    .max_depth = 255,
    .max_attrs = 4096,
    .max_elements = 1024 * 1024,
};

/* XEP-0424 5: the same bare JID sent both. What is retracted already, or retracts, stays. */
static bool may_retract(const struct mam_retraction *retraction, const struct stanza *original)
{
	struct arena arena = {0};
	struct err err;
	struct jid from;
	bool may = original->kind == STANZA_MESSAGE &&
		   jid_parse(xml_attr_s(original->root, "from"), &arena, &from, &err) == 0 &&
		   jid_bare_eq(&from, retraction->from) &&
		   !xml_child(original->root, "retracted", NS_RETRACT) &&
		   !xml_child(original->root, "retract", NS_RETRACT);
	arena_fini(&arena);
	return may;
}

/* XEP-0424 4 */
static void write_tombstone(
    struct xml_writer *out, const struct mam_retraction *retraction, const struct stanza *original)
{
	char stamp[DATETIME_MAX];
	datetime_format(stamp, retraction->at, 6);
	xml_open(out, "message", "jabber:client");
	xml_put_attr(out, "from", xml_attr(original->root, "from"));
	xml_put_attr(out, "to", xml_attr(original->root, "to"));
	if (stanza_type_text(original->type)[0])
		xml_put_attr(out, "type", str_of(stanza_type_text(original->type)));
	xml_put_attr(out, "id", original->id);
	xml_open(out, "retracted", NS_RETRACT);
	xml_put_attr(out, "stamp", str_of(stamp));
	xml_put_attr(out, "id", retraction->by);
	xml_close(out);
	xml_close(out);
}

struct candidate {
	int64_t id; /* the serial number of the row */
	struct xml_writer tombstone;
};

/* 1: it is the one. */
static int look_at(const struct mam_retraction *retraction, struct db_rows *rows, struct candidate *found)
{
	struct err err;
	struct strbuf buf = {0};
	struct str xml;
	bool good = mam_unpack(db_text(rows, 1), &buf, &xml, &err) == 0;
	struct stanza *original = good ? stanza_parse(xml, &row_limits, &err) : NULL;
	bool may = original && may_retract(retraction, original);
	if (may) {
		found->id = db_int(rows, 0);
		found->tombstone.default_ns = NS_CLIENT;
		write_tombstone(&found->tombstone, retraction, original);
	}
	stanza_unref(&original);
	strbuf_fini(&buf);
	return may;
}

static int find(
    struct db *db, const struct mam_retraction *retraction, struct candidate *found, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT id, xml FROM archive WHERE id IN (SELECT id FROM (SELECT id, origin_id FROM archive "
	    "WHERE {host=} username = ? AND bare_peer = ? AND timestamp < ? AND kind = 'chat' "
	    "ORDER BY timestamp DESC LIMIT " REACH ") AS latest WHERE origin_id = ? LIMIT ?) "
	    "ORDER BY timestamp DESC",
	    DB_P_TEXT(retraction->host), DB_P_TEXT(retraction->user), DB_P_TEXT(retraction->peer),
	    DB_P_INT(retraction->at), DB_P_TEXT(retraction->id), DB_P_INT(CANDIDATES_MAX));
	int rc, there = 0;
	while (!there && (rc = db_next(rows, err)) > 0)
		there = look_at(retraction, rows, found);
	db_end(&rows);
	return there ? 1 : rc;
}

int mam_retract(struct db *db, const struct mam_retraction *retraction, struct err *err)
{
	struct candidate found = {0};
	int result = find(db, retraction, &found, err);
	if (result > 0 &&
	    (mam_text_forget(db, retraction->host, retraction->user, found.id, err) < 0 ||
		DB_EXEC(db, err, "UPDATE archive SET xml = ?, txt = '' WHERE {host=} username = ? AND id = ?",
		    DB_P_TEXT(strbuf_view(&found.tombstone.buf)), DB_P_TEXT(retraction->host),
		    DB_P_TEXT(retraction->user), DB_P_INT(found.id)) < 0))
		result = -1;
	xml_writer_fini(&found.tombstone);
	return result;
}
