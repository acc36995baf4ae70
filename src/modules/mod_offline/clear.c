/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_mam/mam.h"
#include "modules/mod_offline/offline.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

#define BATCH_ROWS 64 /* in the statement, too */

struct clear {
	struct store_op op;
	struct user *user;   /* held */
	int64_t after, upto; /* seq: dealt with; the latest at the time of the bind, 0: not known yet */
	int64_t archived[BATCH_ROWS];
	size_t count, archived_count; /* of the batch */
};

/* --- on a storage thread ---------------------------------------------------------------------- */

static int find_upto(struct clear *clear, struct db *db, struct err *err)
{
	const struct jid *jid = user_jid(clear->user);
	struct db_rows *rows = DB_QUERY(db, err, "SELECT MAX(seq) FROM spool WHERE {host=} username = ?",
	    DB_P_TEXT(jid_domain(jid)), DB_P_TEXT(jid_local(jid)));
	int rc = db_next(rows, err);
	if (rc > 0)
		clear->upto = db_int(rows, 0);
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

/* 1: the user finds it in the archive. What cannot be read is not cleared. */
static int is_archived(const struct jid *user, const struct offline_row *row, struct db *db, struct err *err)
{
	struct offline_message message;
	struct err ignored;
	int64_t id = 0;
	if (offline_message_read(row, &message, &ignored) == 0)
		id = mam_stanza_id_kept(message.stanza, jid_bare(user));
	offline_message_fini(&message);
	return id ? mam_has(db, jid_domain(user), jid_local(user), id, err) : 0;
}

static int look(struct clear *clear, struct db_rows *rows, struct db *db, struct err *err)
{
	struct offline_row row = {db_int(rows, 0), db_text(rows, 1), db_text(rows, 2)};
	int rc = is_archived(user_jid(clear->user), &row, db, err);
	clear->after = row.seq;
	clear->count++;
	if (rc > 0)
		clear->archived[clear->archived_count++] = row.seq;
	return rc;
}

static int find(struct clear *clear, struct db *db, struct err *err)
{
	const struct jid *jid = user_jid(clear->user);
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT seq, xml, created_at FROM spool WHERE {host=} username = ? AND seq > ? AND seq <= ? "
	    "ORDER BY seq LIMIT 64",
	    DB_P_TEXT(jid_domain(jid)), DB_P_TEXT(jid_local(jid)), DB_P_INT(clear->after),
	    DB_P_INT(clear->upto));
	int rc;
	while ((rc = db_next(rows, err)) > 0)
		if ((rc = look(clear, rows, db, err)) < 0)
			break;
	db_end(&rows);
	return rc;
}

static int clear_run(struct store_op *op, struct db *db, struct err *err)
{
	struct clear *clear = list_entry(op, struct clear, op);
	const struct jid *jid = user_jid(clear->user);
	clear->count = clear->archived_count = 0;
	if ((!clear->upto && find_upto(clear, db, err) < 0) || find(clear, db, err) < 0)
		return -1;
	for (size_t i = 0; i < clear->archived_count; i++)
		if (DB_EXEC(db, err, "DELETE FROM spool WHERE {host=} username = ? AND seq = ?",
			DB_P_TEXT(jid_domain(jid)), DB_P_TEXT(jid_local(jid)),
			DB_P_INT(clear->archived[i])) < 0)
			return -1;
	return 0;
}

/* --- on the user's worker --------------------------------------------------------------------- */

static void finish(struct clear *clear, struct offline *offline)
{
	if (offline && offline->clearing && --offline->clearing == 0)
		offline_go_on(clear->user);
	user_release(clear->user);
	free(clear);
}

static void clear_done(struct store_op *op, int result, const struct err *err)
{
	struct clear *clear = list_entry(op, struct clear, op);
	struct offline *offline = user_slot(clear->user, &mod_offline); /* NULL: the module left meanwhile */
	if (result < 0)
		LOG_ERROR("offline.not_cleared", LOG_STR("user", jid_bare(user_jid(clear->user))),
		    LOG_CSTR("reason", err->text));
	if (offline && clear->archived_count)
		offline_set_count(offline, OFFLINE_UNKNOWN);
	if (result == 0 && offline && clear->count == BATCH_ROWS)
		store_submit(&clear->op);
	else
		finish(clear, offline);
}

enum hook_verdict offline_on_bind(struct module_instance *instance, struct hook_bind2_request *event)
{
	struct user *user = session_user(event->session);
	struct offline *offline = offline_of(user);
	if (offline->homeless || offline_count(offline) == 0 || !mam_user_of(user))
		return HOOK_PASS;
	struct clear *clear = mem_zalloc(sizeof(*clear));
	offline->clearing++;
	offline_unmark(offline); /* the row that it means goes */
	clear->user = user;
	user_hold(user);
	clear->op.kind = STORE_WRITE;
	clear->op.key = jid_bare(user_jid(user));
	clear->op.run = clear_run;
	clear->op.done = clear_done;
	store_submit(&clear->op);
	return HOOK_PASS;
}
