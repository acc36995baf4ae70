/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_mam/query.h"
#include "modules/mod_mam/room_archive.h"
#include "stanzad/datetime.h"
#include "stanzad/log.h"

#define NS_FORWARD "urn:xmpp:forward:0"

/* What was let in once is let out, whatever the limits are today. */
static const struct xml_limits row_limits = {
    .max_bytes = 64u * 1024 * 1024,
    .max_depth = 255,
    .max_attrs = 4096,
    .max_elements = 1024 * 1024,
};

struct xml_tree *mam_row_parse(const struct mam_archived *row)
{
	struct err err = {.text = "it is no message"};
	struct strbuf buf = {0};
	struct str xml;
	struct xml_tree *tree = NULL;
	if (mam_unpack(row->xml, &buf, &xml, &err) == 0)
		tree = xml_parse(xml, NS_CLIENT, &row_limits, NULL, &err);
	if (tree && !xml_is(tree->root, "message", "jabber:client"))
		xml_tree_unref(&tree);
	if (!tree && row->xml.len)
		LOG_WARNING("mam.unreadable_row", LOG_STR("peer", row->peer), LOG_INT("id", row->id),
		    LOG_CSTR("reason", err.text));
	strbuf_fini(&buf);
	return tree;
}

static void put_row(struct strbuf *out, const struct mam_archived *row)
{
	struct xml_tree *tree = mam_row_parse(row);
	if (tree)
		xml_write(out, tree->root, STR(NS_FORWARD));
	xml_tree_unref(&tree);
}

static void put_result(struct strbuf *out, const struct mam_query *query, const struct mam_archived *row)
{
	char id[MAM_ID_MAX];
	mam_id_write(id, row->id);
	strbuf_cstr(out, "<message><result xmlns='" NS_MAM "'");
	if (query->queryid.ptr) {
		strbuf_cstr(out, " queryid='");
		xml_escape(out, query->queryid);
		strbuf_char(out, '\'');
	}
	strbuf_printf(out, " id='%s'><forwarded xmlns='" NS_FORWARD "'>", id);
	datetime_delay(out, STR(""), row->id, STR(""));
	if (query->room.ptr)
		mam_room_row_write(row, query, out);
	else
		put_row(out, row);
	strbuf_cstr(out, "</forwarded></result></message>");
}

struct stanza *mam_result(const struct mam_query *query, const struct mam_archived *row)
{
	struct strbuf text = {0};
	struct err err;
	put_result(&text, query, row);
	struct stanza *stanza = stanza_parse(strbuf_view(&text), &row_limits, &err);
	if (!stanza) { /* the message is as deep as a stanza can be: three levels more are too many */
		struct mam_archived bare = *row;
		bare.xml = STR("");
		strbuf_reset(&text);
		put_result(&text, query, &bare);
		stanza = stanza_parse(strbuf_view(&text), &row_limits, &err);
	}
	strbuf_fini(&text);
	return stanza;
}
