/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "route/host_private.h"
#include "stanzad/log.h"
#include "stream/c2s_private.h"
#include "stream/mgmt.h"
#include "stream/mgmt_ledger.h"

/* So long an <a/> may take before messages that somebody waits for are written to storage. */
#define SPOOL_AFTER_MS 250
#define SPOOL_AGAIN_MS 1000 /* after storage failed; and how often rows are removed */
#define SPOOL_BATCH 256
/* How far back presence is folded while the client is away. */
#define FOLD_DEPTH 512

bool mgmt_matters(const struct stanza *stanza)
{
	return stanza->kind == STANZA_IQ ? stanza_is_request(stanza) : stanza->kind == STANZA_MESSAGE;
}

static bool is_kept(const struct unsent *unsent)
{
	return unsent->stanza->kind == STANZA_MESSAGE;
}

/* About what it takes in memory; a stanza can be shared by several queues. */
static size_t size_of(const struct stanza *stanza)
{
	return sizeof(struct unsent) + stanza->root->inner.len + stanza->tail.len;
}

bool mgmt_has_room(const struct mgmt *mgmt)
{
	return mgmt->out.count < mgmt->queue_max && mgmt->out.bytes < MGMT_BYTES_MAX;
}

struct unsent *mgmt_keep(
    struct mgmt_out *out, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	out->count++;
	out->bytes += size_of(stanza);
	return backlog_keep(&out->unacked, from, to, stanza);
}

static int64_t real_us_of(const struct unsent *unsent)
{
	return clock_real_us() - (int64_t)(clock_mono_ms() - unsent->queued_ms) * 1000;
}

void mgmt_note(struct mgmt *mgmt)
{
	if (!mgmt->out.held)
		mgmt->out.noted = mgmt->out.acked;
	mgmt_ledger_write(mgmt->slot, &(struct mgmt_numbers){mgmt->in.handled, mgmt->out.noted});
}

/* --- asking for acknowledgements ------------------------------------------------------------------------ */

static void on_ack_timeout(struct timer *timer)
{
	struct mgmt *mgmt = list_entry(timer, struct mgmt, timer);
	conn_abort(mgmt->c2s->conn, "the client does not acknowledge");
}

static void on_ask(struct deferred *deferred)
{
	struct mgmt *mgmt = list_entry(deferred, struct mgmt, out.ask);
	struct mgmt_out *out = &mgmt->out;
	if (mgmt->c2s && !out->asked && out->count) {
		struct strbuf text = {0};
		strbuf_printf(&text, "<r xmlns='%s'/>", mgmt->ns);
		c2s_send(mgmt->c2s, strbuf_view(&text));
		strbuf_fini(&text);
		out->asked = true;
		if (mgmt->ack_ms != UINT64_MAX)
			timer_start(&mgmt->timer, mgmt->ack_ms, on_ack_timeout);
	}
	mgmt_unref(mgmt);
}

void mgmt_ask(struct mgmt *mgmt)
{
	if (mgmt->out.asked || mgmt->out.ask.queued)
		return;
	mgmt_ref(mgmt);
	mgmt->out.ask.run = on_ask;
	worker_defer(&mgmt->out.ask);
}

/* --- writing to storage --------------------------------------------------------------------------------- */

static void on_spool(struct timer *timer)
{
	struct mgmt *mgmt = list_entry(timer, struct mgmt, out.spool_timer);
	mgmt_ref(mgmt);
	mgmt_spool(mgmt);
	mgmt_store_forget(mgmt, mgmt->out.acked);
	mgmt_unref(mgmt);
}

static void spool_in(struct mgmt *mgmt, uint64_t ms)
{
	if (!timer_running(&mgmt->out.spool_timer) && mgmt->session)
		timer_start(&mgmt->out.spool_timer, ms, on_spool);
}

static bool is_to_be_spooled(const struct mgmt *mgmt, const struct unsent *unsent)
{
	return !unsent->stored && is_kept(unsent) &&
	       (unsent->receipt || !mgmt->c2s || !mgmt->session);
}

static void spool_one(const struct mgmt *mgmt, struct unsent *unsent, struct mgmt_spooled *one)
{
	one->number = unsent->end;
	one->real_us = real_us_of(unsent);
	one->receipt = unsent->receipt;
	unsent->receipt = NULL;
	unsent->stored = true;
	struct stanza *stanza = stanza_with_delay(unsent->stanza, host_name(mgmt->host), one->real_us);
	stanza_write(&one->xml, stanza, &unsent->from, &unsent->to);
	stanza_unref(&stanza);
}

void mgmt_spool(struct mgmt *mgmt)
{
	struct mgmt_out *out = &mgmt->out;
	struct mgmt_spooled *list = NULL;
	size_t count = 0;
	for (struct unsent *each = out->unacked.first; each; each = each->next) {
		if (!is_to_be_spooled(mgmt, each))
			continue;
		if (!list)
			list = mem_zalloc(SPOOL_BATCH * sizeof(*list));
		spool_one(mgmt, each, &list[count]);
		if (each->end > out->spooled)
			out->spooled = each->end;
		if (++count < SPOOL_BATCH)
			continue;
		mgmt_store_queue(mgmt, list, count, false);
		list = NULL;
		count = 0;
	}
	if (count)
		mgmt_store_queue(mgmt, list, count, false);
}

/* --- sending -------------------------------------------------------------------------------------------- */

static bool is_availability(const struct stanza *stanza)
{
	return stanza->kind == STANZA_PRESENCE &&
	       (stanza->type == PRESENCE_AVAILABLE || stanza->type == PRESENCE_UNAVAILABLE);
}

/* Newer presence takes the place of what the client has not seen yet. */
static bool fold(struct mgmt *mgmt, const struct jid *from, struct stanza *stanza)
{
	unsigned depth = 0;
	if (mgmt->c2s || !is_availability(stanza))
		return false;
	for (struct unsent *each = mgmt->out.unseen; each && depth++ < FOLD_DEPTH; each = each->next) {
		if (!is_availability(each->stanza) || !jid_eq(&each->from, from))
			continue;
		mgmt->out.bytes += size_of(stanza) - size_of(each->stanza);
		stanza_unref(&each->stanza);
		each->stanza = stanza_ref(stanza);
		each->queued_ms = clock_mono_ms();
		return true;
	}
	return false;
}

static void tell_waits(
    struct mgmt *mgmt, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct hook_session_waits event = {mgmt->session, from, to, stanza};
	hook_run_session_waits(mgmt->host, &event);
}

static void keep_for_later(
    struct mgmt *mgmt, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (mgmt_matters(stanza))
		spool_in(mgmt, 0);
	if (mgmt->session && !mgmt->c2s)
		tell_waits(mgmt, from, to, stanza);
}

void mgmt_send(struct mgmt *mgmt, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct mgmt_out *out = &mgmt->out;
	if (fold(mgmt, from, stanza))
		return;
	struct unsent *unsent = mgmt_keep(out, from, to, stanza);
	unsent->end = ++out->sent;
	unsent->priority = mgmt->session ? session_priority(mgmt->session) : 0;
	if (unsent->receipt && (!is_kept(unsent) || mgmt_receipt_is_own(mgmt)))
		receipt_drop(&unsent->receipt);
	if (!mgmt->c2s || out->held) {
		if (!out->unseen)
			out->unseen = unsent;
		keep_for_later(mgmt, from, to, stanza);
		return;
	}
	backlog_write(mgmt->c2s->conn, from, to, stanza);
	mgmt_ask(mgmt);
	if (unsent->receipt)
		spool_in(mgmt, SPOOL_AFTER_MS);
}

/* --- acknowledgements ----------------------------------------------------------------------------------- */

static void release(struct mgmt_out *out, uint64_t number)
{
	while (out->unacked.first && out->unacked.first->end <= number) {
		struct unsent *first = backlog_take(&out->unacked);
		if (out->unseen == first)
			out->unseen = first->next;
		out->bytes -= size_of(first->stanza);
		out->count--;
		unsent_free(&first);
	}
}

/* What is left is numbered as the client will count it, and storage has it with these numbers. */
static void renumber(struct mgmt *mgmt)
{
	struct mgmt_out *out = &mgmt->out;
	struct mgmt_spooled *list = mem_zalloc((out->count + 1) * sizeof(*list));
	size_t count = 0;
	out->sent = out->acked;
	for (struct unsent *each = out->unacked.first; each; each = each->next) {
		each->end = ++out->sent;
		if (is_kept(each))
			spool_one(mgmt, each, &list[count++]);
	}
	out->spooled = out->sent;
	out->forgotten = 0;
	mgmt_store_queue(mgmt, list, count, true);
}

void mgmt_renumbered(struct mgmt *mgmt)
{
	mgmt->out.held = false;
	mgmt_note(mgmt);
	if (mgmt->c2s)
		mgmt_send_again(mgmt);
}

/*
 * The first h after a restart of the server. Until storage knows what it means for the numbers of the rest, neither
 * the ledger nor the client learns of it: a crash in between must find old numbers with old acknowledgements.
 */
static enum mgmt_ack acked_restored(struct mgmt *mgmt, uint32_t more)
{
	struct mgmt_out *out = &mgmt->out;
	if (more > INT32_MAX)
		return MGMT_ACK_OLD;
	out->restored = false;
	out->held = true;
	out->acked += more;
	release(out, out->acked);
	renumber(mgmt);
	return MGMT_ACKED;
}

enum mgmt_ack mgmt_acked(struct mgmt *mgmt, uint32_t h)
{
	struct mgmt_out *out = &mgmt->out;
	uint32_t more = h - (uint32_t)out->acked;
	uint64_t before = out->acked;
	if (out->restored)
		return acked_restored(mgmt, more);
	if (more > out->sent - out->acked)
		return more > INT32_MAX ? MGMT_ACK_OLD : MGMT_ACK_TOO_HIGH;
	out->acked += more;
	out->asked = false;
	if (mgmt->c2s)
		timer_stop(&mgmt->timer);
	mgmt_ref(mgmt);
	if (more)
		mgmt_note(mgmt);
	release(out, out->acked);
	if (out->forgotten < out->acked && before < out->spooled)
		spool_in(mgmt, SPOOL_AGAIN_MS);
	if (out->count && mgmt->c2s)
		mgmt_ask(mgmt);
	if (more && out->full && mgmt->session) {
		out->full = false;
		session_drained(mgmt->session);
	}
	mgmt_unref(mgmt);
	return MGMT_ACKED;
}

void mgmt_send_again(struct mgmt *mgmt)
{
	struct str host = host_name(mgmt->host);
	if (mgmt->out.held)
		return;
	mgmt->out.unseen = NULL;
	for (struct unsent *each = mgmt->out.unacked.first; each; each = each->next) {
		struct stanza *stanza = stanza_with_delay(each->stanza, host, real_us_of(each));
		backlog_write(mgmt->c2s->conn, &each->from, &each->to, stanza);
		stanza_unref(&stanza);
	}
	mgmt->out.asked = false;
	if (mgmt->out.count)
		mgmt_ask(mgmt);
}

void mgmt_spool_again(struct mgmt *mgmt)
{
	spool_in(mgmt, SPOOL_AGAIN_MS);
}
