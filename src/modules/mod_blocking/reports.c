/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_blocking/blocking.h"
#include "stanzad/clock.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

#define REASON_MAX 255 /* bytes */
#define TEXT_MAX 4096  /* bytes */
#define STANZA_IDS_MAX 50
#define STANZA_ID_MAX 1024 /* bytes, of id and by together */

/* --- the table ------------------------------------------------------------------------------------------ */

static const struct db_column columns[] = {
    {"id", DB_TYPE_SERIAL},
    {"username", DB_TYPE_KEY},
    {"jid", DB_TYPE_TEXT},
    {"reason", DB_TYPE_TEXT},
    {"comment", DB_TYPE_TEXT},
    {"stanza_ids", DB_TYPE_TEXT},
    {"report_origin", DB_TYPE_INT},
    {"third_party", DB_TYPE_INT},
    {"reported_at", DB_TYPE_INT},
    {0},
};

static const struct db_index indexes[] = {{"{host,} username", false}, {0}};

static const struct db_table tables[] = {
    {"mod_blocking_reports", columns, NULL, indexes},
    {0},
};

const struct db_schema report_schema = {.version = 1, .tables = tables};

/* --- reading -------------------------------------------------------------------------------------------- */

/* At most so many bytes, and no part of a character. */
static struct str cut(struct str text, size_t most)
{
	if (text.len <= most)
		return text;
	while (most && ((unsigned char)text.ptr[most] & 0xc0) == 0x80)
		most--;
	return (struct str){text.ptr, most};
}

static struct str read_text(const struct xml *elem, struct arena *arena)
{
	struct strbuf joined = {0};
	struct str text = arena_str(arena, cut(str_trim(xml_child_text(elem, "text", &joined)), TEXT_MAX));
	strbuf_fini(&joined);
	return text;
}

static struct str read_stanza_ids(const struct xml *elem, struct arena *arena)
{
	struct xml_writer writer = {0};
	unsigned count = 0;
	for (const struct xml *child = xml_child(elem, "stanza-id", "urn:xmpp:sid:0"); child;
	     child = xml_next(child, "stanza-id", "urn:xmpp:sid:0")) {
		struct str id = xml_attr_s(child, "id"), by = xml_attr_s(child, "by");
		if (!id.len || id.len + by.len > STANZA_ID_MAX || count++ >= STANZA_IDS_MAX)
			continue;
		xml_open(&writer, "stanza-id", "urn:xmpp:sid:0");
		xml_put_attr(&writer, "by", by);
		xml_put_attr(&writer, "id", id);
		xml_close(&writer);
	}
	struct str ids = arena_str(arena, strbuf_view(&writer.buf));
	xml_writer_fini(&writer);
	return ids;
}

bool report_read(const struct xml *item, const struct jid *jid, struct arena *arena, struct report *report_r)
{
	const struct xml *elem = xml_child(item, "report", NS_REPORTING);
	struct str reason = xml_attr_s(elem, "reason");
	if (!reason.len || reason.len > REASON_MAX)
		return false;
	*report_r = (struct report){
	    .jid = *jid,
	    .reason = reason,
	    .text = read_text(elem, arena),
	    .stanza_ids = read_stanza_ids(elem, arena),
	    .report_origin = xml_child(elem, "report-origin", NULL) != NULL,
	    .third_party = xml_child(elem, "third-party", NULL) != NULL,
	};
	return true;
}

/* --- storing -------------------------------------------------------------------------------------------- */

struct storing {
	struct store_op op;
	struct arena arena;
	struct jid reporter;
	struct report *reports;
	size_t count, stored;
	int64_t most;
};

static int count_of(struct db *db, const struct jid *reporter, int64_t *count_r, struct err *err)
{
	struct db_rows *rows =
	    DB_QUERY(db, err, "SELECT COUNT(*) FROM mod_blocking_reports WHERE {host=} username = ?",
		DB_P_TEXT(jid_domain(reporter)), DB_P_TEXT(jid_local(reporter)));
	int rc = rows ? db_next(rows, err) : -1;
	if (rc > 0)
		*count_r = db_int(rows, 0);
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

static int insert(struct db *db, const struct jid *reporter, const struct report *report, struct err *err)
{
	return DB_EXEC(db, err,
		   "INSERT INTO mod_blocking_reports ({host,} username, jid, reason, comment, stanza_ids, "
		   "report_origin, third_party, reported_at) VALUES ({?,} ?, ?, ?, ?, ?, ?, ?, ?)",
		   DB_P_TEXT(jid_domain(reporter)), DB_P_TEXT(jid_local(reporter)),
		   DB_P_TEXT(jid_full(&report->jid)), DB_P_TEXT(report->reason), DB_P_TEXT(report->text),
		   DB_P_TEXT(report->stanza_ids), DB_P_INT(report->report_origin),
		   DB_P_INT(report->third_party), DB_P_INT(clock_real_us() / 1000000)) < 0
		   ? -1
		   : 0;
}

static int storing_run(struct store_op *op, struct db *db, struct err *err)
{
	struct storing *storing = list_entry(op, struct storing, op);
	int64_t there = 0;
	if (count_of(db, &storing->reporter, &there, err) < 0)
		return -1;
	for (storing->stored = 0; storing->stored < storing->count; storing->stored++) {
		if (there + (int64_t)storing->stored >= storing->most)
			break;
		if (insert(db, &storing->reporter, &storing->reports[storing->stored], err) < 0)
			return -1;
	}
	return 0;
}

static void storing_done(struct store_op *op, int result, const struct err *err)
{
	struct storing *storing = list_entry(op, struct storing, op);
	struct str reporter = jid_bare(&storing->reporter);
	if (result < 0)
		LOG_ERROR("blocking.report_failed", LOG_STR("user", reporter), LOG_CSTR("reason", err->text));
	for (size_t i = 0; result >= 0 && i < storing->count; i++)
		LOG_INFO("blocking.report", LOG_STR("user", reporter),
		    LOG_STR("about", jid_full(&storing->reports[i].jid)),
		    LOG_STR("reason", storing->reports[i].reason), LOG_BOOL("stored", i < storing->stored));
	arena_fini(&storing->arena);
	free(storing);
}

void reports_store(const struct jid *reporter, const struct report *reports, size_t count, int64_t most)
{
	struct storing *storing = mem_zalloc(sizeof(*storing));
	struct arena *arena = &storing->arena;
	storing->reporter = jid_dup(reporter, arena);
	storing->reports = arena_alloc(arena, count * sizeof(*reports));
	storing->count = count;
	storing->most = most;
	for (size_t i = 0; i < count; i++) {
		struct report *copy = &storing->reports[i];
		*copy = reports[i];
		copy->jid = jid_dup(&reports[i].jid, arena);
		copy->reason = arena_str(arena, reports[i].reason);
		copy->text = arena_str(arena, reports[i].text);
		copy->stanza_ids = arena_str(arena, reports[i].stanza_ids);
	}
	storing->op = (struct store_op){
	    .kind = STORE_WRITE,
	    .key = jid_bare(&storing->reporter),
	    .run = storing_run,
	    .done = storing_done,
	};
	store_submit(&storing->op);
}

int reports_delete_of(struct db *db, struct str host, struct str user, struct err *err)
{
	return DB_EXEC(db, err, "DELETE FROM mod_blocking_reports WHERE {host=} username = ?",
		   DB_P_TEXT(host), DB_P_TEXT(user)) < 0
		   ? -1
		   : 0;
}
