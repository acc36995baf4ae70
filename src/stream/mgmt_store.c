/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/receipt.h"
#include "route/host_private.h"
#include "stanzad/log.h"
#include "stanzad/store.h"
#include "stream/c2s_private.h"
#include "stream/mgmt.h"
#include "stream/mgmt_ledger.h"

/* --- one operation -------------------------------------------------------------------------------------- */

struct mgmt_op {
	struct store_op op;
	struct mgmt *mgmt;
	uint64_t number;
	unsigned slot;
	struct mgmt_spooled *list;
	size_t count;
	bool anew;
	struct strbuf state;
};

static void op_free(struct mgmt_op *op)
{
	struct mgmt *mgmt = op->mgmt;
	for (size_t i = 0; i < op->count; i++) {
		strbuf_fini(&op->list[i].xml);
		receipt_drop(&op->list[i].receipt);
	}
	free(op->list);
	strbuf_fini(&op->state);
	free(op);
	mgmt_unref(mgmt);
}

static void on_done(struct store_op *store_op, int result, const struct err *err)
{
	struct mgmt_op *op = list_entry(store_op, struct mgmt_op, op);
	if (result < 0)
		LOG_ERROR("mgmt.store_failed", LOG_STR("session", jid_full(&op->mgmt->jid)),
		    LOG_CSTR("reason", err->text));
	op_free(op);
}

/* No receipt: nobody's stanza waits for what is written here but those in the list. */
static void submit(struct mgmt *mgmt, struct mgmt_op *op, int (*run)(struct store_op *, struct db *, struct err *),
    void (*done)(struct store_op *, int, const struct err *))
{
	struct receipt *before;
	mgmt_ref(mgmt);
	op->mgmt = mgmt;
	op->op.kind = STORE_WRITE;
	op->op.key = jid_bare(&mgmt->jid);
	op->op.run = run;
	op->op.done = done;
	receipt_enter(NULL, &before);
	store_submit(&op->op);
	receipt_leave(before);
}

static struct str id_of(const struct mgmt *mgmt)
{
	return (struct str){mgmt->id, MGMT_ID_LEN};
}

/* --- the session's row ---------------------------------------------------------------------------------- */

static void write_presence(struct xml_writer *state, const struct session *session)
{
	struct strbuf text = {0};
	if (!session_presence(session))
		return;
	stanza_write(&text, session_presence(session), NULL, NULL);
	xml_put_raw(state, strbuf_view(&text));
	strbuf_fini(&text);
}

static void write_state(struct mgmt *mgmt, struct strbuf *out)
{
	struct xml_writer state = {.default_ns = NS_CLIENT};
	struct hook_session_save event = {mgmt->session, &state};
	xml_open(&state, "state", NULL);
	if (session_interested(mgmt->session))
		xml_put_attr(&state, "interested", STR("1"));
	xml_put_attr(&state, "ns", str_of(mgmt->ns));
	if (mgmt->client_id[0])
		xml_put_attr(&state, "client", str_of(mgmt->client_id));
	write_presence(&state, mgmt->session);
	hook_run_session_save(mgmt->host, &event);
	xml_close(&state);
	strbuf_str(out, strbuf_view(&state.buf));
	xml_writer_fini(&state);
}

static int run_row(struct store_op *store_op, struct db *db, struct err *err)
{
	struct mgmt_op *op = list_entry(store_op, struct mgmt_op, op);
	const struct mgmt *mgmt = op->mgmt;
	struct str host = jid_domain(&mgmt->jid);
	if (DB_EXEC(db, err, "DELETE FROM mod_stream_mgmt WHERE {host=} id = ?", DB_P_TEXT(host),
		DB_P_TEXT(id_of(mgmt))) < 0)
		return -1;
	return DB_EXEC(db, err,
		   "INSERT INTO mod_stream_mgmt ({host,} id, username, resource, slot, state, resume_ms) "
		   "VALUES ({?,} ?, ?, ?, ?, ?, ?)",
		   DB_P_TEXT(host), DB_P_TEXT(id_of(mgmt)), DB_P_TEXT(jid_local(&mgmt->jid)),
		   DB_P_TEXT(jid_resource(&mgmt->jid)), DB_P_INT(op->slot),
		   DB_P_TEXT(strbuf_view(&op->state)), DB_P_INT((int64_t)op->number)) < 0
		   ? -1
		   : 0;
}

static void on_row_done(struct store_op *store_op, int result, const struct err *err)
{
	struct mgmt *mgmt = list_entry(store_op, struct mgmt_op, op)->mgmt;
	/* Without a row there is no resumption after a crash; what is acknowledged is safe all the same. */
	if (mgmt->unwritten) {
		mgmt->unwritten = false;
		mgmt_answer(mgmt);
	}
	on_done(store_op, result, err);
}

void mgmt_store_now(struct mgmt *mgmt)
{
	if (!mgmt->session || !mgmt->resumable)
		return;
	struct mgmt_op *op = mem_zalloc(sizeof(*op));
	write_state(mgmt, &op->state);
	op->slot = mgmt->slot;
	op->number = mgmt->resume_ms;
	mgmt->stored = true;
	submit(mgmt, op, run_row, on_row_done);
}

static void on_store(struct deferred *deferred)
{
	struct mgmt *mgmt = list_entry(deferred, struct mgmt, store);
	mgmt_store_now(mgmt);
	mgmt_unref(mgmt);
}

void mgmt_store_later(struct mgmt *mgmt)
{
	if (mgmt->store.queued || !mgmt->session || !mgmt->resumable)
		return;
	mgmt_ref(mgmt);
	mgmt->store.run = on_store;
	worker_defer(&mgmt->store);
}

/* --- the queue ------------------------------------------------------------------------------------------ */

static int run_queue(struct store_op *store_op, struct db *db, struct err *err)
{
	struct mgmt_op *op = list_entry(store_op, struct mgmt_op, op);
	const struct mgmt *mgmt = op->mgmt;
	if (op->anew && DB_EXEC(db, err, "DELETE FROM mod_stream_mgmt_queue WHERE {host=} id = ?",
			    DB_P_TEXT(jid_domain(&mgmt->jid)), DB_P_TEXT(id_of(mgmt))) < 0)
		return -1;
	for (size_t i = 0; i < op->count; i++)
		if (DB_EXEC(db, err,
			"INSERT INTO mod_stream_mgmt_queue ({host,} id, number, username, created, xml) "
			"VALUES ({?,} ?, ?, ?, ?, ?)",
			DB_P_TEXT(jid_domain(&mgmt->jid)), DB_P_TEXT(id_of(mgmt)),
			DB_P_INT((int64_t)op->list[i].number), DB_P_TEXT(jid_local(&mgmt->jid)),
			DB_P_INT(op->list[i].real_us), DB_P_TEXT(strbuf_view(&op->list[i].xml))) < 0)
			return -1;
	return 0;
}

/* What could not be written waits for the client's <a/> again, and is tried again. */
static void give_back(struct mgmt_op *op)
{
	struct unsent *each = op->mgmt->out.unacked.first;
	for (size_t i = 0; i < op->count && each; i++) {
		while (each && each->end < op->list[i].number)
			each = each->next;
		if (!each || each->end != op->list[i].number)
			continue;
		each->stored = false;
		each->receipt = op->list[i].receipt;
		op->list[i].receipt = NULL;
	}
	mgmt_spool_again(op->mgmt);
}

static void on_queue_done(struct store_op *store_op, int result, const struct err *err)
{
	struct mgmt_op *op = list_entry(store_op, struct mgmt_op, op);
	if (op->anew)
		mgmt_renumbered(op->mgmt);
	if (result < 0)
		give_back(op);
	on_done(store_op, result, err);
}

void mgmt_store_queue(struct mgmt *mgmt, struct mgmt_spooled *list, size_t count, bool anew)
{
	struct mgmt_op *op = mem_zalloc(sizeof(*op));
	op->list = list;
	op->count = count;
	op->anew = anew;
	mgmt->stored = true;
	submit(mgmt, op, run_queue, on_queue_done);
}

static int run_forget(struct store_op *store_op, struct db *db, struct err *err)
{
	struct mgmt_op *op = list_entry(store_op, struct mgmt_op, op);
	return DB_EXEC(db, err, "DELETE FROM mod_stream_mgmt_queue WHERE {host=} id = ? AND number <= ?",
		   DB_P_TEXT(jid_domain(&op->mgmt->jid)), DB_P_TEXT(id_of(op->mgmt)),
		   DB_P_INT((int64_t)op->number)) < 0
		   ? -1
		   : 0;
}

void mgmt_store_forget(struct mgmt *mgmt, uint64_t number)
{
	uint64_t upto = number < mgmt->out.spooled ? number : mgmt->out.spooled;
	if (upto <= mgmt->out.forgotten)
		return;
	mgmt->out.forgotten = upto;
	struct mgmt_op *op = mem_zalloc(sizeof(*op));
	op->number = upto;
	submit(mgmt, op, run_forget, on_done);
}

int mgmt_store_forget_one(struct db *db, const struct mgmt *mgmt, uint64_t number, struct err *err)
{
	return DB_EXEC(db, err, "DELETE FROM mod_stream_mgmt_queue WHERE {host=} id = ? AND number = ?",
		   DB_P_TEXT(jid_domain(&mgmt->jid)), DB_P_TEXT(id_of(mgmt)), DB_P_INT((int64_t)number)) < 0
		   ? -1
		   : 0;
}

/* --- the end -------------------------------------------------------------------------------------------- */

static int run_remove(struct store_op *store_op, struct db *db, struct err *err)
{
	struct mgmt_op *op = list_entry(store_op, struct mgmt_op, op);
	struct str host = jid_domain(&op->mgmt->jid), id = id_of(op->mgmt);
	return DB_EXEC(db, err, "DELETE FROM mod_stream_mgmt_queue WHERE {host=} id = ?", DB_P_TEXT(host),
		   DB_P_TEXT(id)) < 0 ||
			   DB_EXEC(db, err, "DELETE FROM mod_stream_mgmt WHERE {host=} id = ?",
			       DB_P_TEXT(host), DB_P_TEXT(id)) < 0
		   ? -1
		   : 0;
}

static void on_removed(struct store_op *store_op, int result, const struct err *err)
{
	struct mgmt_op *op = list_entry(store_op, struct mgmt_op, op);
	mgmt_ledger_give(op->mgmt->slot);
	op->mgmt->slot = MGMT_NO_SLOT;
	on_done(store_op, result, err);
}

void mgmt_store_remove(struct mgmt *mgmt)
{
	if (mgmt->stored) {
		submit(mgmt, mem_zalloc(sizeof(struct mgmt_op)), run_remove, on_removed);
		return;
	}
	mgmt_ledger_give(mgmt->slot);
	mgmt->slot = MGMT_NO_SLOT;
}
