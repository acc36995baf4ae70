/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_push/push.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

int push_read_pending(struct db *db, struct str host, struct str user, struct arena *arena,
    struct push_rows *rows_r, struct err *err)
{
	/* I: the contact asks, B: both ask; see mod_roster. */
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT jid FROM rosterusers WHERE {host=} username = ? AND ask IN ('I', 'B') LIMIT ?", DB_P_TEXT(host),
	    DB_P_TEXT(user), DB_P_INT(PUSH_CONTACTS_MAX));
	int rc;
	while ((rc = db_next(rows, err)) > 0) {
		struct push_contact *contact = arena_alloc(arena, sizeof(*contact));
		*contact = (struct push_contact){rows_r->pending, arena_str(arena, db_text(rows, 0))};
		rows_r->pending = contact;
	}
	db_end(&rows);
	return rc;
}

int push_read(struct db *db, struct str host, struct str user, struct arena *arena, struct push_rows *rows_r,
    struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT service, node, xml, timestamp FROM push_session WHERE {host=} username = ? "
	    "ORDER BY timestamp DESC LIMIT ?",
	    DB_P_TEXT(host), DB_P_TEXT(user), DB_P_INT(PUSH_REGISTRATIONS_MAX));
	int rc;
	while ((rc = db_next(rows, err)) > 0) {
		struct push_row *row = arena_alloc(arena, sizeof(*row));
		*row = (struct push_row){rows_r->rows, arena_str(arena, db_text(rows, 0)),
		    arena_str(arena, db_text(rows, 1)), arena_str(arena, db_text(rows, 2)), db_int(rows, 3)};
		rows_r->rows = row;
	}
	db_end(&rows);
	if (rc == 0 && rows_r->rows)
		rc = push_read_pending(db, host, user, arena, rows_r, err);
	return rc;
}

int push_write(struct db *db, const struct jid *user, const struct push_row *row, struct err *err)
{
	return DB_EXEC(db, err,
		   "INSERT INTO push_session ({host,} username, timestamp, service, node, xml) "
		   "VALUES ({?,} ?, ?, ?, ?, ?) ON CONFLICT ({host,} username, service, node) DO UPDATE SET "
		   "timestamp = {excluded}.timestamp, xml = {excluded}.xml",
		   DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)), DB_P_INT(row->since_us),
		   DB_P_TEXT(row->service), DB_P_TEXT(row->node), DB_P_TEXT(row->options)) < 0
		   ? -1
		   : 0;
}

int push_delete(struct db *db, const struct jid *user, struct str service, const struct str *node, struct err *err)
{
	struct str host = jid_domain(user), name = jid_local(user);
	int64_t rows;
	if (node)
		rows = DB_EXEC(db, err,
		    "DELETE FROM push_session WHERE {host=} username = ? AND service = ? AND node = ?",
		    DB_P_TEXT(host), DB_P_TEXT(name), DB_P_TEXT(service), DB_P_TEXT(*node));
	else
		rows = DB_EXEC(db, err, "DELETE FROM push_session WHERE {host=} username = ? AND service = ?",
		    DB_P_TEXT(host), DB_P_TEXT(name), DB_P_TEXT(service));
	return rows < 0 ? -1 : 0;
}

int push_delete_all(struct db *db, struct str host, struct str user, struct err *err)
{
	return DB_EXEC(db, err, "DELETE FROM push_session WHERE {host=} username = ?", DB_P_TEXT(host),
		   DB_P_TEXT(user)) < 0
		   ? -1
		   : 0;
}

/* --- one that is not wanted any more -------------------------------------------------------------------- */

struct deletion {
	struct store_op op;
	struct jid user; /* bare; heap */
	struct str service, node;
	struct arena arena;
};

static int deletion_run(struct store_op *op, struct db *db, struct err *err)
{
	struct deletion *deletion = list_entry(op, struct deletion, op);
	return push_delete(db, &deletion->user, deletion->service, &deletion->node, err);
}

static void deletion_done(struct store_op *op, int result, const struct err *err)
{
	struct deletion *deletion = list_entry(op, struct deletion, op);
	if (result < 0)
		LOG_ERROR("push.not_deleted", LOG_STR("user", jid_bare(&deletion->user)),
		    LOG_CSTR("reason", err->text));
	arena_fini(&deletion->arena);
	free((char *)deletion->user.text);
	free(deletion);
}

void push_delete_later(const struct jid *user, struct str service, struct str node)
{
	struct deletion *deletion = mem_zalloc(sizeof(*deletion));
	deletion->user = jid_dup_heap(user);
	deletion->service = arena_str(&deletion->arena, service);
	deletion->node = arena_str(&deletion->arena, node);
	deletion->op.kind = STORE_WRITE;
	deletion->op.key = jid_bare(&deletion->user);
	deletion->op.run = deletion_run;
	deletion->op.done = deletion_done;
	store_submit(&deletion->op);
}
