/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_offline/offline.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/timer.h"

/* What is in memory of a user's kept messages at one time. */
#define BATCH_ROWS 64
#define BATCH_BYTES (128u * 1024)
#define FULL_WAIT_MS 200 /* for a client whose queue is full */

enum { PUMP_READ, PUMP_NO_SUCH_MESSAGE };

struct offline_pump {
	struct store_op op;
	struct offline_pump *next; /* of the same user */
	struct user *user;         /* held */
	struct jid to;             /* the session; heap */
	struct iq *iq;             /* XEP-0013: to be answered; NULL: empties the spool */
	int64_t *wanted;           /* with iq: only these; NULL: all */
	size_t wanted_count, wanted_next;
	int64_t after;      /* the latest row that was dealt with */
	int64_t left;       /* rows that are no messages; they stay */
	struct arena arena; /* of the batch */
	struct offline_row *rows;
	size_t row_count;
	int64_t *taken; /* rows that the session has; deleted with the next read */
	size_t taken_count;
	struct offline_archived archived;
	struct offline_held held;
	struct module_timer *timer; /* NULL until it is needed */
	bool reading; /* storage has op */
	bool waits;   /* for what is being cleared */
	bool rest;    /* the rows are done; what is in the archive comes */
	bool orphan;  /* the module left the user's host: it ends when storage is done */
};

/* --- on a storage thread ---------------------------------------------------------------------- */

static int delete_taken(struct offline_pump *pump, struct db *db, struct err *err)
{
	const struct jid *jid = user_jid(pump->user);
	for (size_t i = 0; i < pump->taken_count; i++)
		if (DB_EXEC(db, err, "DELETE FROM spool WHERE {host=} username = ? AND seq = ?",
			DB_P_TEXT(jid_domain(jid)), DB_P_TEXT(jid_local(jid)), DB_P_INT(pump->taken[i])) < 0)
			return -1;
	return 0;
}

/* Copies rows as long as the batch has room. */
static int take_rows(struct offline_pump *pump, struct db_rows *rows, size_t *bytes, struct err *err)
{
	int rc = rows ? 1 : -1;
	while (
	    rc > 0 && pump->row_count < BATCH_ROWS && *bytes < BATCH_BYTES && (rc = db_next(rows, err)) > 0) {
		struct offline_row *row = &pump->rows[pump->row_count++];
		row->seq = db_int(rows, 0);
		row->xml = arena_str(&pump->arena, db_text(rows, 1));
		row->created = arena_str(&pump->arena, db_text(rows, 2));
		*bytes += row->xml.len;
	}
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

static int read_next(struct offline_pump *pump, struct db *db, struct err *err)
{
	const struct jid *jid = user_jid(pump->user);
	size_t bytes = 0;
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT seq, xml, created_at FROM spool WHERE {host=} username = ? AND seq > ? ORDER BY seq "
	    "LIMIT 64",
	    DB_P_TEXT(jid_domain(jid)), DB_P_TEXT(jid_local(jid)), DB_P_INT(pump->after));
	return take_rows(pump, rows, &bytes, err);
}

static int read_wanted(struct offline_pump *pump, struct db *db, struct err *err)
{
	const struct jid *jid = user_jid(pump->user);
	size_t bytes = 0;
	while (
	    pump->wanted_next < pump->wanted_count && pump->row_count < BATCH_ROWS && bytes < BATCH_BYTES) {
		size_t before = pump->row_count;
		struct db_rows *rows = DB_QUERY(db, err,
		    "SELECT seq, xml, created_at FROM spool WHERE {host=} username = ? AND seq = ?",
		    DB_P_TEXT(jid_domain(jid)), DB_P_TEXT(jid_local(jid)),
		    DB_P_INT(pump->wanted[pump->wanted_next]));
		if (take_rows(pump, rows, &bytes, err) < 0)
			return -1;
		if (pump->row_count == before)
			return PUMP_NO_SUCH_MESSAGE;
		pump->wanted_next++;
	}
	return PUMP_READ;
}

static int pump_run(struct store_op *op, struct db *db, struct err *err)
{
	struct offline_pump *pump = list_entry(op, struct offline_pump, op);
	pump->rows = arena_zalloc(&pump->arena, BATCH_ROWS * sizeof(*pump->rows));
	if (delete_taken(pump, db, err) < 0)
		return -1;
	if (pump->rest) {
		int count = offline_archived_read(&pump->archived, user_jid(pump->user), db, &pump->arena,
		    pump->rows, BATCH_ROWS, err);
		pump->row_count = count > 0 ? (size_t)count : 0;
		return count < 0 ? -1 : PUMP_READ;
	}
	return pump->wanted ? read_wanted(pump, db, err) : read_next(pump, db, err);
}

/* --- on the user's worker --------------------------------------------------------------------- */

static struct offline_pump *pump_new(struct user *user, const struct jid *to)
{
	struct offline *offline = offline_of(user);
	struct offline_pump *pump = mem_zalloc(sizeof(*pump));
	pump->user = user;
	user_hold(user);
	pump->to = jid_dup_heap(to);
	pump->taken = mem_zalloc(BATCH_ROWS * sizeof(*pump->taken));
	pump->next = offline->pumps;
	offline->pumps = pump;
	return pump;
}

static void pump_unlink(struct offline_pump *pump, struct offline *offline)
{
	struct offline_pump **at = &offline->pumps;
	while (*at != pump)
		at = &(*at)->next;
	*at = pump->next;
}

static void pump_free(struct offline_pump *pump)
{
	module_timer_free(&pump->timer);
	offline_archived_fini(&pump->archived);
	free((char *)pump->to.text);
	free(pump->wanted);
	free(pump->taken);
	arena_fini(&pump->arena);
	offline_held_fini(&pump->held);
	free(pump);
}

static void orphan_end(struct offline_pump *pump)
{
	struct user *user = pump->user;
	pump_free(pump);
	user_release(user);
}

static enum iq_verdict orphan_verdict(const struct offline_pump *pump)
{
	bool somebody_hears = user_first_session(pump->user) != NULL;
	return somebody_hears ? iq_refuse(pump->iq, SE_service_unavailable, NULL) : IQ_SILENT;
}

void offline_pumps_abandon(struct offline *offline)
{
	while (offline->pumps) {
		struct offline_pump *pump = offline->pumps;
		pump_unlink(pump, offline);
		if (pump->iq)
			iq_finish(&pump->iq, orphan_verdict(pump));
		module_timer_free(&pump->timer);
		pump->orphan = true;
		if (!pump->reading)
			orphan_end(pump);
	}
}

static void pump_done(struct store_op *op, int result, const struct err *err);

static void pump_submit(struct offline_pump *pump)
{
	struct offline *offline = offline_of(pump->user);
	arena_fini(&pump->arena);
	pump->row_count = 0;
	if (!pump->iq && !pump->rest)
		offline->kept_since = 0;
	pump->op.kind = pump->taken_count || pump->rest ? STORE_WRITE : STORE_READ;
	pump->op.key = jid_bare(user_jid(pump->user));
	pump->op.run = pump_run;
	pump->op.done = pump_done;
	pump->reading = true;
	store_submit(&pump->op);
}

static void on_waited(struct module_instance *instance, void *arg)
{
	pump_submit(arg);
}

/* When the module has left, offline_pumps_abandon is about to end it. */
static void pump_wait(struct offline_pump *pump)
{
	struct module_instance *instance = host_module(user_host(pump->user), "mod_offline");
	if (!pump->timer && instance)
		pump->timer = module_timer_new(instance, on_waited, pump);
	if (pump->timer)
		module_timer_start(pump->timer, FULL_WAIT_MS);
}

static struct session *session_of(const struct offline_pump *pump)
{
	struct session *session = user_session(pump->user, jid_resource(&pump->to));
	if (!session || pump->iq)
		return session;
	return session_presence(session) && session_priority(session) >= 0 ? session : NULL;
}

/* XEP-0013 2.4: each message says which one it is. */
static void add_item(struct offline_message *message, int64_t seq)
{
	char node[OFFLINE_NODE_MAX];
	struct strbuf tail = {0};
	offline_node(node, seq);
	strbuf_printf(&tail, "<offline xmlns='" NS_OFFLINE "'><item node='%s'/></offline>", node);
	struct stanza *plain = message->stanza;
	message->stanza = stanza_with_tail(plain, strbuf_view(&tail));
	stanza_unref(&plain);
	strbuf_fini(&tail);
}

static void log_unreadable(const struct offline_pump *pump, int64_t seq, const struct err *err)
{
	LOG_WARNING("offline.unreadable", LOG_STR("user", jid_bare(user_jid(pump->user))),
	    LOG_INT("seq", seq), LOG_CSTR("reason", err->text));
}

/* False: the session cannot take it now. */
static bool hand_over(struct offline_pump *pump, struct session *session, struct offline_message *message)
{
	struct offline *offline = offline_of(pump->user);
	offline->handing = true;
	offline->refused = false;
	session_deliver(session, &message->from, &message->to, message->stanza);
	offline->handing = false;
	return !offline->refused;
}

enum { ROW_TAKEN, ROW_MARKER, ROW_LEFT, ROW_REFUSED };

static int deal_with_message(
    struct offline_pump *pump, struct session *session, int64_t seq, struct offline_message *message)
{
	const struct jid *user = user_jid(pump->user);
	if (pump->rest)
		offline_archived_stamp(message, user, seq);
	if (!message->expired) {
		if (pump->iq)
			add_item(message, seq);
		if (!hand_over(pump, session, message))
			return ROW_REFUSED;
		if (!pump->iq)
			offline_counted(pump->user, OFFLINE_METRIC_DELIVERED);
	}
	bool marker = !pump->rest && offline_archived_keeps(&pump->archived, user, seq, message->stanza);
	return marker ? ROW_MARKER : ROW_TAKEN;
}

static int deal_with(struct offline_pump *pump, struct session *session, const struct offline_row *row)
{
	struct offline_message message;
	struct err err = {0};
	int outcome = ROW_LEFT;
	if (offline_message_read(row, &message, &err) < 0)
		log_unreadable(pump, row->seq, &err);
	else
		outcome = deal_with_message(pump, session, row->seq, &message);
	offline_message_fini(&message);
	return outcome;
}

static void take(struct offline_pump *pump, int64_t seq)
{
	struct offline *offline = offline_of(pump->user);
	if (pump->iq)
		return;
	pump->taken[pump->taken_count++] = seq;
	if (offline->count > 0)
		offline->count--;
}

static void dealt_with(struct offline_pump *pump, int64_t seq, int outcome)
{
	if (pump->rest) {
		pump->archived.after = seq;
		return;
	}
	if (outcome == ROW_TAKEN)
		take(pump, seq);
	else if (outcome == ROW_LEFT)
		pump->left++;
	pump->after = seq;
}

/* How many rows of the batch are dealt with. */
static size_t hand_batch(struct offline_pump *pump)
{
	struct session *session;
	size_t i;
	for (i = 0; i < pump->row_count && (session = session_of(pump)); i++) {
		int outcome = deal_with(pump, session, &pump->rows[i]);
		if (outcome == ROW_REFUSED)
			break;
		dealt_with(pump, pump->rows[i].seq, outcome);
	}
	return i;
}

static void answer(struct iq *iq, int result)
{
	if (result < 0)
		iq_finish(&iq, iq_refuse(iq, SE_internal_server_error, NULL));
	else if (result == PUMP_NO_SUCH_MESSAGE)
		iq_finish(&iq, iq_refuse(iq, SE_item_not_found, NULL));
	else
		iq_finish(&iq, IQ_ANSWER);
}

static void finish(struct offline_pump *pump, int result)
{
	struct user *user = pump->user;
	struct iq *iq = pump->iq;
	struct offline_held held = pump->held;
	struct session *session = user_session(user, jid_resource(&pump->to));
	pump->held = (struct offline_held){0};
	pump_unlink(pump, offline_of(user));
	pump_free(pump);
	if (!iq)
		offline_unmark(offline_of(user));
	if (iq)
		answer(iq, result);
	/* From here on nothing is held back any more. */
	offline_held_release(&held, session);
	user_release(user);
}

/* The session is not available any more: another one takes over. */
static void abandoned(struct offline_pump *pump)
{
	struct user *user = pump->user;
	user_hold(user);
	finish(pump, PUMP_READ);
	offline_flood(user);
	user_release(user);
}

/* Storage had no further row. */
static void all_read(struct offline_pump *pump)
{
	struct offline *offline = offline_of(pump->user);
	bool kept = !pump->iq && offline->kept_since, rest = pump->archived.marker && !pump->rest;
	if (kept || rest) {
		pump->rest = !kept;
		pump_submit(pump);
		return;
	}
	if (!pump->iq)
		offline_set_count(offline, pump->left);
	finish(pump, PUMP_READ);
}

static void next_batch(struct offline_pump *pump, size_t dealt)
{
	size_t refused = pump->row_count - dealt;
	if (pump->wanted)
		pump->wanted_next -= refused;
	if (dealt)
		pump_submit(pump);
	else
		pump_wait(pump);
}

static void pump_done(struct store_op *op, int result, const struct err *err)
{
	struct offline_pump *pump = list_entry(op, struct offline_pump, op);
	pump->reading = false;
	if (pump->orphan) {
		orphan_end(pump);
		return;
	}
	pump->taken_count = 0;
	if (result < 0) {
		LOG_ERROR("offline.read_failed", LOG_STR("user", jid_bare(user_jid(pump->user))),
		    LOG_CSTR("reason", err->text));
		offline_set_count(offline_of(pump->user), OFFLINE_UNKNOWN);
	}
	if (result != PUMP_READ)
		finish(pump, result);
	else if (!session_of(pump))
		abandoned(pump);
	else if (pump->row_count == 0)
		all_read(pump);
	else
		next_batch(pump, hand_batch(pump));
}

struct offline_held *offline_held_for(const struct session *session)
{
	const struct offline *offline = user_slot(session_user(session), &mod_offline);
	struct offline_pump *pump = offline && !offline->handing ? offline->pumps : NULL;
	while (pump && (pump->iq || !jid_eq(&pump->to, session_jid(session))))
		pump = pump->next;
	return pump ? &pump->held : NULL;
}

/* --- starting --------------------------------------------------------------------------------- */

static bool floods_already(const struct offline *offline)
{
	for (const struct offline_pump *pump = offline->pumps; pump; pump = pump->next)
		if (!pump->iq)
			return true;
	return false;
}

void offline_flood(struct user *user)
{
	struct offline *offline = offline_of(user);
	if (offline_count(offline) == 0 || floods_already(offline) || offline_is_flexible(user))
		return;
	struct session *session = user_first_session(user);
	while (session && (!session_presence(session) || session_priority(session) < 0))
		session = session_next(session);
	if (!session)
		return;
	struct offline_pump *pump = pump_new(user, session_jid(session));
	offline_archived_start(&pump->archived, user);
	pump->waits = offline->clearing > 0;
	if (!pump->waits)
		pump_submit(pump);
}

void offline_go_on(struct user *user)
{
	struct offline_pump *pump = offline_of(user)->pumps;
	while (pump && !pump->waits)
		pump = pump->next;
	if (!pump)
		return;
	pump->waits = false;
	pump_submit(pump);
}

void offline_show(struct user *user, struct iq *later, int64_t *wanted, size_t wanted_count)
{
	struct offline_pump *pump = pump_new(user, later->from);
	pump->iq = later;
	pump->wanted = wanted;
	pump->wanted_count = wanted_count;
	pump_submit(pump);
}
