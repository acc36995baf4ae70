/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_mam/query.h"
#include "modules/mod_mam/room_archive.h"
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

static void open_tombstone(struct xml_writer *out, const struct stanza *original)
{
	out->default_ns = NS_CLIENT;
	xml_open(out, "message", "jabber:client");
	xml_put_attr(out, "from", xml_attr(original->root, "from"));
	xml_put_attr(out, "to", xml_attr(original->root, "to"));
	if (stanza_type_text(original->type)[0])
		xml_put_attr(out, "type", str_of(stanza_type_text(original->type)));
	xml_put_attr(out, "id", original->id);
}

static void open_retracted(struct xml_writer *out, int64_t at, struct str by)
{
	char stamp[DATETIME_MAX];
	datetime_format(stamp, at, 6);
	xml_open(out, "retracted", NS_RETRACT);
	xml_put_attr(out, "stamp", str_of(stamp));
	xml_put_attr(out, "id", by);
}

/* XEP-0424 4 */
static void write_tombstone(
    struct xml_writer *out, const struct mam_retraction *retraction, const struct stanza *original)
{
	open_tombstone(out, original);
	open_retracted(out, retraction->at, retraction->by);
	xml_close(out);
	xml_close(out);
}

struct candidate {
	int64_t id; /* the serial number of the row */
	struct xml_writer tombstone;
};

static struct stanza *parse_row(struct str row)
{
	struct err err;
	struct strbuf buf = {0};
	struct str xml;
	bool good = mam_unpack(row, &buf, &xml, &err) == 0;
	struct stanza *original = good ? stanza_parse(xml, &row_limits, &err) : NULL;
	strbuf_fini(&buf);
	return original;
}

/* 1: it is the one. */
static int look_at(const struct mam_retraction *retraction, struct db_rows *rows, struct candidate *found)
{
	struct stanza *original = parse_row(db_text(rows, 1));
	bool may = original && may_retract(retraction, original);
	if (may) {
		found->id = db_int(rows, 0);
		write_tombstone(&found->tombstone, retraction, original);
	}
	stanza_unref(&original);
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

/* The tombstone takes the place of the message, whose words are not found any more. */
static int bury(
    struct db *db, struct str host, struct str username, const struct candidate *found, struct err *err)
{
	if (mam_text_forget(db, host, username, found->id, err) < 0)
		return -1;
	int64_t rows =
	    DB_EXEC(db, err, "UPDATE archive SET xml = ?, txt = '' WHERE {host=} username = ? AND id = ?",
		DB_P_TEXT(strbuf_view(&found->tombstone.buf)), DB_P_TEXT(host), DB_P_TEXT(username),
		DB_P_INT(found->id));
	return rows < 0 ? -1 : 1;
}

int mam_retract(struct db *db, const struct mam_retraction *retraction, struct err *err)
{
	struct candidate found = {0};
	int result = find(db, retraction, &found, err);
	if (result > 0)
		result = bury(db, retraction->host, retraction->user, &found, err);
	xml_writer_fini(&found.tombstone);
	return result;
}

/* --- rooms ---------------------------------------------------------------------------------------------- */

/* XEP-0424 5, XEP-0425 3 */
static bool may_retract_said(
    const struct mam_room_retraction *retraction, const struct stanza *original, struct str bare_peer)
{
	return original->kind == STANZA_MESSAGE && !xml_child(original->root, "retracted", NS_RETRACT) &&
	       !xml_child(original->root, "retract", NS_RETRACT) &&
	       (retraction->moderation || str_eq(bare_peer, jid_bare(retraction->from)));
}

/* XEP-0425 4: who said it, and who took it out, are still to be known. */
static void write_room_tombstone(
    struct xml_writer *out, const struct mam_room_retraction *retraction, const struct stanza *original)
{
	const struct xml *child;
	open_tombstone(out, original);
	for (child = xml_first_element(original->root); child; child = xml_next_element(child))
		if (xml_is(child, "occupant-id", NS_OCCUPANT_ID) || xml_is(child, "x", NS_MUC_USER))
			xml_put(out, child);
	open_retracted(out, retraction->at, retraction->by);
	child = retraction->moderation ? xml_first_element(retraction->moderation) : NULL;
	for (; child; child = xml_next_element(child))
		if (xml_is(child, "moderated", NS_MODERATE) || xml_is(child, "reason", NS_RETRACT))
			xml_put(out, child);
	xml_close(out);
	xml_close(out);
}

int mam_retract_in_room(struct db *db, const struct mam_room_retraction *retraction, struct err *err)
{
	struct candidate found = {0};
	struct db_rows *rows =
	    DB_QUERY(db, err, "SELECT id, xml, bare_peer FROM archive WHERE {host=} username = ? AND timestamp = ?",
		DB_P_TEXT(retraction->host), DB_P_TEXT(retraction->room), DB_P_INT(retraction->id));
	int rc, result = 0;
	while (!result && (rc = db_next(rows, err)) != 0) {
		struct stanza *original = rc > 0 ? parse_row(db_text(rows, 1)) : NULL;
		if (original && may_retract_said(retraction, original, db_text(rows, 2))) {
			found.id = db_int(rows, 0);
			write_room_tombstone(&found.tombstone, retraction, original);
			result = 1;
		}
		stanza_unref(&original);
		result = rc < 0 ? rc : result;
	}
	db_end(&rows);
	if (result > 0)
		result = bury(db, retraction->host, retraction->room, &found, err);
	xml_writer_fini(&found.tombstone);
	return result;
}
