/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_mam/mam.h"
#include "stanzad/clock.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

struct mam_row {
	struct store_op op;
	struct user *user;           /* held */
	struct stanza *stanza;       /* without the <stanza-id/> of this archive */
	const struct stanza *live;   /* what is delivered; only compared */
	struct jid from, to;
	int64_t id;
	bool outgoing, packed;
	bool owed; /* the sender hears of it only when this fails */
	char text[];
};

struct mam_user *mam_user_of(const struct user *user)
{
	return user_slot(user, &mod_mam);
}

/* --- on a storage thread ---------------------------------------------------------------------- */

static int retract(const struct mam_row *row, struct db *db, struct str retracted, struct err *err)
{
	const struct jid *jid = user_jid(row->user);
	struct mam_retraction retraction = {
	    .host = jid_domain(jid),
	    .user = jid_local(jid),
	    .from = &row->from,
	    .peer = jid_bare(row->outgoing ? &row->to : &row->from),
	    .id = retracted,
	    .by = row->stanza->id,
	    .at = row->id,
	};
	return mam_retract(db, &retraction, err);
}

int mam_insert(struct db *db, const struct mam_new *new, struct err *err)
{
	int64_t rows = DB_EXEC(db, err,
	    "INSERT INTO archive ({host,} username, timestamp, peer, bare_peer, xml, txt, kind, nick, origin_id) "
	    "VALUES ({?,} ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	    DB_P_TEXT(new->host), DB_P_TEXT(new->username), DB_P_INT(new->id), DB_P_TEXT(jid_full(new->peer)),
	    DB_P_TEXT(jid_bare(new->peer)), DB_P_TEXT(new->xml), DB_P_TEXT(new->text), DB_P_TEXT(new->kind),
	    DB_P_TEXT(new->nick), DB_P_TEXT(new->origin_id));
	return rows < 0 ? -1 : 0;
}

static int insert(const struct mam_row *row, struct db *db, struct str xml, struct str text,
    struct str origin_id, struct err *err)
{
	const struct jid *jid = user_jid(row->user);
	struct mam_new new = {
	    .host = jid_domain(jid),
	    .username = jid_local(jid),
	    .id = row->id,
	    .peer = row->outgoing ? &row->to : &row->from,
	    .xml = xml,
	    .text = text,
	    .kind = STR("chat"),
	    .nick = STR(""),
	    .origin_id = origin_id,
	};
	return mam_insert(db, &new, err);
}

static int row_run(struct store_op *op, struct db *db, struct err *err)
{
	const struct mam_row *row = list_entry(op, struct mam_row, op);
	struct mam_content content = mam_content_of(row->stanza);
	struct strbuf xml = {0}, shorter = {0}, buf = {0};
	strbuf_reserve(&xml, row->stanza->root->inner.len + row->stanza->tail.len + 512);
	stanza_write(&xml, row->stanza, &row->from, &row->to);
	struct str text = xml_child_text(row->stanza->root, "body", &buf);
	bool packed = row->packed && mam_pack(strbuf_view(&xml), &shorter);
	int result = insert(row, db, strbuf_view(packed ? &shorter : &xml), text, content.origin_id, err);
	if (result == 0 && content.retracted.len)
		result = retract(row, db, content.retracted, err);
	strbuf_fini(&buf);
	strbuf_fini(&shorter);
	strbuf_fini(&xml);
	return result;
}

int mam_has(struct db *db, struct str host, struct str user, int64_t id, struct err *err)
{
	struct db_rows *rows =
	    DB_QUERY(db, err, "SELECT 1 FROM archive WHERE {host=} username = ? AND timestamp = ? LIMIT 1",
		DB_P_TEXT(host), DB_P_TEXT(user), DB_P_INT(id));
	int rc = db_next(rows, err);
	db_end(&rows);
	return rc;
}

int mam_read_range(struct db *db, const struct mam_range *range,
    bool (*row)(void *arg, int64_t id, struct str xml), void *arg, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT timestamp, xml FROM archive WHERE {host=} username = ? AND timestamp > ? AND timestamp <= ? "
	    "ORDER BY timestamp",
	    DB_P_TEXT(range->host), DB_P_TEXT(range->user), DB_P_INT(range->after), DB_P_INT(range->upto));
	struct strbuf buf = {0};
	struct str xml;
	struct err bad;
	bool more = true;
	int rc = 1;
	while (more && (rc = db_next(rows, err)) > 0)
		if (mam_unpack(db_text(rows, 1), &buf, &xml, &bad) == 0)
			more = row(arg, db_int(rows, 0), xml);
		else
			LOG_WARNING("mam.unreadable_row", LOG_STR("user", range->user), LOG_INT("id", db_int(rows, 0)),
			    LOG_CSTR("reason", bad.text));
	strbuf_fini(&buf);
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

/* --- on the user's worker --------------------------------------------------------------------- */

static void count(const struct user *user, unsigned metric)
{
	struct module_instance *instance = host_module(user_host(user), "mod_mam");
	if (instance) /* NULL: the module left meanwhile */
		metric_add(instance, metric, 1);
}

static void tell_sender(const struct mam_row *row)
{
	struct stanza_error error = {
	    .condition = SE_service_unavailable, .text = "the message could not be archived"};
	route_error(&row->from, &row->to, row->stanza, &error);
}

static void row_failed(const struct mam_row *row, const struct err *err)
{
	LOG_ERROR("mam.not_archived", LOG_STR("user", jid_bare(user_jid(row->user))),
	    LOG_CSTR("reason", err->text));
	count(row->user, MAM_METRIC_FAILED);
	mam_ends_forget();
	if (row->owed)
		tell_sender(row);
}

static void row_kept(const struct mam_row *row)
{
	count(row->user, MAM_METRIC_ARCHIVED);
	if (row->owed)
		hook_run_message_kept(user_host(row->user),
		    &(struct hook_message_kept){row->user, &row->from, &row->to, row->stanza});
}

static void row_done(struct store_op *op, int result, const struct err *err)
{
	struct mam_row *row = list_entry(op, struct mam_row, op);
	struct mam_user *mam = mam_user_of(row->user);
	if (mam && mam->latest == row)
		mam->latest = NULL;
	if (result < 0)
		row_failed(row, err);
	else
		row_kept(row);
	if (result > 0)
		count(row->user, MAM_METRIC_RETRACTED);
	user_release(row->user);
	stanza_unref(&row->stanza);
	free(row);
}

static struct mam_row *row_new(struct user *user, const struct jid *from, const struct jid *to)
{
	struct str from_text = jid_full(from), to_text = jid_full(to);
	struct mam_row *row = mem_alloc(sizeof(*row) + from_text.len + to_text.len);
	*row = (struct mam_row){.user = user, .from = *from, .to = *to};
	memcpy(row->text, from_text.ptr, from_text.len);
	memcpy(row->text + from_text.len, to_text.ptr, to_text.len);
	row->from.text = row->text;
	row->to.text = row->text + from_text.len;
	return row;
}

int64_t mam_id_after(int64_t last)
{
	int64_t now = clock_real_us();
	return now > last ? now : last + 1;
}

int64_t mam_next_id(struct mam_user *mam)
{
	mam->last_id = mam_id_after(mam->last_id);
	return mam->last_id;
}

static bool packs(const struct user *user)
{
	const struct module_instance *instance = host_module(user_host(user), "mod_mam");
	return instance && module_option(instance, "compress_xml")->boolean;
}

void mam_archive(struct user *user, const struct jid *from, const struct jid *to, struct stanza *message,
    int64_t id, const struct stanza *live)
{
	struct mam_user *mam = mam_user_of(user);
	struct mam_row *row = row_new(user, from, to);
	user_hold(user);
	row->stanza = stanza_ref(message);
	row->live = live;
	row->id = id;
	row->outgoing = !live;
	row->packed = packs(user);
	if (live)
		mam->latest = row;
	mam_ends_add(mam, id);
	row->op.kind = STORE_WRITE;
	row->op.key = jid_bare(user_jid(user));
	row->op.single = !xml_child(message->root, "retract", NS_RETRACT);
	row->op.run = row_run;
	row->op.done = row_done;
	store_submit(&row->op);
}

bool mam_archive_owes(struct mam_user *mam, const struct stanza *live)
{
	if (!mam->latest || mam->latest->live != live)
		return false;
	mam->latest->owed = true;
	return true;
}

struct stanza *mam_sent_copy(const struct user *user, struct stanza *message)
{
	const struct mam_user *mam = mam_user_of(user);
	if (!mam || mam->sent.stanza != message)
		return stanza_ref(message);
	char stanza_id[MAM_STANZA_ID_MAX];
	size_t len = mam_stanza_id_write(stanza_id, jid_bare(user_jid(user)), mam->sent.id);
	return stanza_with_tail(message, (struct str){stanza_id, len});
}
