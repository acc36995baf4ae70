/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/mgmt_restore.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "loop/worker.h"
#include "route/host_private.h"
#include "stanzad/log.h"
#include "stanzad/store.h"
#include "stream/c2s_private.h"
#include "stream/mgmt.h"
#include "stream/mgmt_ledger.h"
#include "xmpp/stanza_limits.h"

static unsigned restoring; /* hosts and sessions that are being read; atomic */

bool mgmt_restoring(void)
{
	return __atomic_load_n(&restoring, __ATOMIC_ACQUIRE) > 0;
}

static void begun(void)
{
	__atomic_add_fetch(&restoring, 1, __ATOMIC_ACQ_REL);
}

static void finished(void)
{
	if (__atomic_sub_fetch(&restoring, 1, __ATOMIC_ACQ_REL) == 0)
		mgmt_ledger_sweep();
}

/* --- one session, on its home worker -------------------------------------------------------------------- */

/* Made on a storage thread, finished on the home worker. Text is in the arena. */
struct restored {
	struct restored *next;
	struct mail mail;
	struct store_op op;
	struct session_bind bind;
	struct host *host;
	struct arena arena;
	struct jid jid;
	struct str id, state;
	unsigned slot;
	uint64_t resume_ms;
	bool orphan; /* rows of the queue alone are left */
	struct mgmt *mgmt;
	struct row {
		struct row *next;
		uint64_t number;
		int64_t real_us;
		struct str xml;
	} *rows, **rows_end;
};

static void restored_free(struct restored *restored)
{
	arena_fini(&restored->arena);
	free(restored);
	finished();
}

static void put_back(struct mgmt *mgmt, const struct row *row)
{
	struct arena arena = {0};
	struct jid from, to;
	struct err err = {0};
	struct stanza *stanza = stanza_parse(row->xml, &stanza_own_limits, &err);
	if (stanza && jid_parse(xml_attr(stanza->root, "from"), &arena, &from, &err) == 0 &&
	    jid_parse(xml_attr(stanza->root, "to"), &arena, &to, &err) == 0) {
		struct unsent *unsent = mgmt_keep(&mgmt->out, &from, &to, stanza);
		unsent->end = row->number;
		unsent->stored = true;
	} else {
		LOG_ERROR("mgmt.row_lost", LOG_STR("session", jid_full(&mgmt->jid)),
		    LOG_CSTR("reason", err.text));
	}
	stanza_unref(&stanza);
	arena_fini(&arena);
}

/* False: the process before this one did not leave the numbers. */
static bool set_numbers(struct restored *restored, struct mgmt *mgmt)
{
	struct mgmt_numbers numbers = {0};
	bool known = !restored->orphan && mgmt_ledger_retake(restored->slot, mgmt->id, &numbers);
	mgmt->slot = known ? restored->slot : MGMT_NO_SLOT;
	mgmt->in.received = mgmt->in.handled = numbers.handled;
	mgmt->out.acked = mgmt->out.noted = mgmt->out.sent = numbers.acked;
	for (const struct row *row = restored->rows; row; row = row->next) {
		if (row->number > numbers.acked)
			put_back(mgmt, row);
		if (row->number > mgmt->out.sent)
			mgmt->out.sent = row->number;
	}
	mgmt->out.sent += MGMT_EPOCH;
	mgmt->out.spooled = mgmt->out.sent;
	mgmt->out.restored = true;
	return known;
}

static void restore_presence(struct mgmt *mgmt, const struct xml *state)
{
	const struct xml *child = xml_child(state, "presence", NULL);
	struct strbuf text = {0};
	struct stanza_error ignored;
	struct err err;
	if (!child)
		return;
	xml_write(&text, child, NS_CLIENT);
	struct stanza *presence = stanza_parse(strbuf_view(&text), &stanza_own_limits, &err);
	if (presence)
		session_set_presence(mgmt->session, presence, &ignored);
	stanza_unref(&presence);
	strbuf_fini(&text);
}

static void restore_state(struct restored *restored, struct mgmt *mgmt)
{
	size_t offset;
	struct err err = {0};
	struct xml_tree *tree = xml_parse(restored->state, NS_CLIENT, &stanza_own_limits, &offset, &err);
	if (!tree) {
		LOG_ERROR("mgmt.state_lost", LOG_STR("session", jid_full(&mgmt->jid)),
		    LOG_CSTR("reason", err.text));
		return;
	}
	if (str_is(xml_attr_s(tree->root, "ns"), NS_SM_OLD))
		mgmt->ns = NS_SM_OLD;
	if (xml_attr(tree->root, "interested").ptr)
		session_set_interested(mgmt->session);
	snprintf(mgmt->client_id, sizeof(mgmt->client_id), "%.*s", STR_FMT(xml_attr_s(tree->root, "client")));
	hook_run_session_restore(mgmt->host, &(struct hook_session_restore){mgmt->session, tree->root});
	restore_presence(mgmt, tree->root);
	xml_tree_unref(&tree);
}

static void on_bound(struct session_bind *bind, enum session_bind_result result, struct session *session)
{
	struct restored *restored = list_entry(bind, struct restored, bind);
	struct mgmt *mgmt = restored->mgmt;
	if (result != SESSION_BOUND) {
		mgmt_end(mgmt);
		restored_free(restored);
		return;
	}
	mgmt->session = session;
	mgmt->resumable = true;
	mgmt_ref(mgmt);
	mgmt_wait(mgmt);
	/* A module may end the session. */
	if (mgmt->session)
		restore_state(restored, mgmt);
	if (mgmt->session)
		LOG_INFO("mgmt.restored", LOG_STR("session", jid_full(&mgmt->jid)),
		    LOG_INT("unacknowledged", (int64_t)mgmt->out.count));
	mgmt_unref(mgmt);
	restored_free(restored);
}

static void make(struct restored *restored)
{
	struct mgmt *mgmt = restored->mgmt = mgmt_new(restored->host, &restored->jid);
	memcpy(mgmt->id, restored->id.ptr, restored->id.len);
	mgmt->stored = true;
	mgmt->resume_ms = restored->resume_ms;
	if (!set_numbers(restored, mgmt) || !mgmt_options(mgmt->host)) {
		mgmt_end(mgmt);
		restored_free(restored);
		return;
	}
	restored->bind = (struct session_bind){
	    .user = &restored->jid,
	    .resource = jid_resource(&restored->jid),
	    .yields = true,
	    .ops = &mgmt_session_ops,
	    .stream = mgmt,
	    .done = on_bound,
	};
	session_bind_start(&restored->bind);
}

static int run_rows(struct store_op *op, struct db *db, struct err *err)
{
	struct restored *restored = list_entry(op, struct restored, op);
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT number, created, xml FROM mod_stream_mgmt_queue WHERE {host=} id = ? ORDER BY number",
	    DB_P_TEXT(jid_domain(&restored->jid)), DB_P_TEXT(restored->id));
	int rc = rows ? 1 : -1;
	while (rc > 0 && (rc = db_next(rows, err)) > 0) {
		struct row *row = arena_zalloc(&restored->arena, sizeof(*row));
		row->number = (uint64_t)db_int(rows, 0);
		row->real_us = db_int(rows, 1);
		row->xml = arena_str(&restored->arena, db_text(rows, 2));
		*restored->rows_end = row;
		restored->rows_end = &row->next;
	}
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

static void on_rows(struct store_op *op, int result, const struct err *err)
{
	struct restored *restored = list_entry(op, struct restored, op);
	if (result >= 0) {
		make(restored);
		return;
	}
	/* The rows stay, for the next start. */
	LOG_ERROR("mgmt.restore_failed", LOG_STR("session", jid_full(&restored->jid)),
	    LOG_CSTR("reason", err->text));
	restored_free(restored);
}

static void on_home(struct mail *mail)
{
	struct restored *restored = list_entry(mail, struct restored, mail);
	restored->rows_end = &restored->rows;
	restored->op.kind = STORE_READ;
	restored->op.run = run_rows;
	restored->op.done = on_rows;
	store_submit(&restored->op);
}

/* --- all of a host -------------------------------------------------------------------------------------- */

struct restoration {
	struct store_op op;
	struct host *host;
	struct str name;
	struct restored *first;
};

static void add(struct restoration *all, struct db_rows *rows, bool orphan)
{
	struct restored *restored = mem_zalloc(sizeof(*restored));
	struct err err;
	begun();
	restored->host = all->host;
	restored->orphan = orphan;
	restored->id = arena_str(&restored->arena, db_text(rows, 0));
	bool good =
	    restored->id.len == MGMT_ID_LEN && jid_make(db_text(rows, 1), all->name,
						   orphan ? STR("-") : db_text(rows, 2), &restored->arena,
						   &restored->jid, &err) == 0;
	if (!good) {
		LOG_ERROR("mgmt.row_lost", LOG_STR("id", restored->id));
		restored_free(restored);
		return;
	}
	if (!orphan) {
		restored->slot = (unsigned)db_int(rows, 3);
		restored->state = arena_str(&restored->arena, db_text(rows, 4));
		restored->resume_ms = (uint64_t)db_int(rows, 5);
	}
	restored->next = all->first;
	all->first = restored;
}

static int add_rows(struct restoration *all, struct db_rows *rows, bool orphan, struct err *err)
{
	int rc = rows ? 1 : -1;
	while (rc > 0 && (rc = db_next(rows, err)) > 0)
		add(all, rows, orphan);
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

static int run_all(struct store_op *op, struct db *db, struct err *err)
{
	struct restoration *all = list_entry(op, struct restoration, op);
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT id, username, resource, slot, state, resume_ms FROM mod_stream_mgmt WHERE {host=} 1 = 1",
	    DB_P_TEXT(all->name));
	if (add_rows(all, rows, false, err) < 0)
		return -1;
	rows = DB_QUERY(db, err,
	    "SELECT DISTINCT id, username FROM mod_stream_mgmt_queue WHERE {host=} "
	    "id NOT IN (SELECT id FROM mod_stream_mgmt)",
	    DB_P_TEXT(all->name));
	return add_rows(all, rows, true, err);
}

static void on_all(struct store_op *op, int result, const struct err *err)
{
	struct restoration *all = list_entry(op, struct restoration, op);
	if (result < 0)
		LOG_ERROR("mgmt.restore_failed", LOG_STR("host", all->name), LOG_CSTR("reason", err->text));
	while (all->first) {
		struct restored *restored = all->first;
		all->first = restored->next;
		restored->mail.receive = on_home;
		worker_post(worker_home(map_hash(jid_bare(&restored->jid))), &restored->mail);
	}
	free(all);
	finished();
}

void mgmt_restore_start(struct host *host)
{
	struct restoration *all = mem_zalloc(sizeof(*all));
	begun();
	all->host = host;
	all->name = host_name(host);
	all->op.kind = STORE_READ;
	all->op.run = run_all;
	all->op.done = on_all;
	store_submit(&all->op);
}
