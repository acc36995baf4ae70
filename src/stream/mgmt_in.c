/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "stream/c2s_private.h"
#include "stream/mgmt.h"

/* An <r/> is answered late rather than with too little, but not later than this. */
#define ANSWER_LATE_MS 1500
/* Stanzas of one client that are being handled: above it nothing is read from it for a while. */
#define PENDING_MAX 2000
#define PENDING_SLOW_MS 20

/* A stanza of the client's that is being handled. */
struct inbound {
	struct receipt receipt;
	struct mgmt *mgmt;
	struct inbound *next;
	uint64_t number;
	uint64_t print; /* what it looks like, to know it again */
	bool done;
	bool unnumbered; /* the client did not send it again, so does not count it */
};

static struct inbound *spare[256]; /* one a worker */

static struct inbound **spare_here(void)
{
	struct worker *self = worker_self();
	return self ? &spare[worker_index(self)] : NULL;
}

static struct inbound *inbound_new(struct mgmt *mgmt)
{
	struct inbound **kept = spare_here(), *inbound = kept ? *kept : NULL;
	if (inbound)
		*kept = NULL;
	else
		inbound = mem_alloc(sizeof(*inbound));
	*inbound = (struct inbound){.mgmt = mgmt};
	mgmt_ref(mgmt);
	return inbound;
}

static void inbound_free(struct inbound *inbound)
{
	struct inbound **kept = spare_here();
	struct mgmt *mgmt = inbound->mgmt;
	if (kept && !*kept)
		*kept = inbound;
	else
		free(inbound);
	mgmt_unref(mgmt);
}

void mgmt_in_fini(void)
{
	for (unsigned i = 0; i < 256; i++) {
		free(spare[i]);
		spare[i] = NULL;
	}
}

/* --- answers -------------------------------------------------------------------------------------------- */

static void send_a(struct mgmt *mgmt)
{
	struct strbuf out = {0};
	strbuf_printf(&out, "<a xmlns='%s' h='%u'/>", mgmt->ns, (unsigned)(uint32_t)mgmt->in.handled);
	c2s_send(mgmt->c2s, strbuf_view(&out));
	strbuf_fini(&out);
}

void mgmt_answer(struct mgmt *mgmt)
{
	if (!mgmt->in.asked || !mgmt->c2s || mgmt->unwritten || mgmt->in.handled < mgmt->in.asked_for)
		return;
	mgmt->in.asked = false;
	timer_stop(&mgmt->in.answer_timer);
	send_a(mgmt);
}

/* What is missing follows unasked. */
static void on_answer_late(struct timer *timer)
{
	struct mgmt *mgmt = list_entry(timer, struct mgmt, in.answer_timer);
	if (mgmt->c2s && mgmt->in.asked)
		send_a(mgmt);
}

void mgmt_asked(struct mgmt *mgmt)
{
	mgmt->in.asked = true;
	mgmt->in.asked_for = mgmt->in.received;
	mgmt_answer(mgmt);
	if (mgmt->in.asked && !timer_running(&mgmt->in.answer_timer))
		timer_start(&mgmt->in.answer_timer, ANSWER_LATE_MS, on_answer_late);
}

/* --- numbers -------------------------------------------------------------------------------------------- */

static void unlink_first(struct mgmt_in *in)
{
	struct inbound *first = in->first;
	in->first = first->next;
	if (!in->first)
		in->last = NULL;
	in->pending--;
}

static void advance(struct mgmt *mgmt)
{
	struct mgmt_in *in = &mgmt->in;
	uint64_t before = in->handled;
	while (in->first && in->first->done) {
		struct inbound *first = in->first;
		in->handled += !first->unnumbered;
		unlink_first(in);
		inbound_free(first);
	}
	if (in->handled == before)
		return;
	mgmt_note(mgmt);
	mgmt_answer(mgmt);
}

static void on_safe(struct receipt *receipt)
{
	struct inbound *inbound = list_entry(receipt, struct inbound, receipt);
	struct mgmt *mgmt = inbound->mgmt;
	mgmt_ref(mgmt);
	inbound->done = true;
	advance(mgmt);
	mgmt_unref(mgmt);
}

bool mgmt_receipt_is_own(const struct mgmt *mgmt)
{
	return receipt_now && receipt_now->safe == on_safe &&
	       list_entry(receipt_now, struct inbound, receipt)->mgmt == mgmt;
}

/* --- stanzas -------------------------------------------------------------------------------------------- */

static uint64_t print_of(const struct stanza *stanza)
{
	uint64_t print = map_hash(stanza->id) ^ (uint64_t)stanza->kind;
	print = print * 31 + map_hash(xml_attr(stanza->root, "to"));
	return print * 31 + map_hash(stanza->root->inner);
}

static void replay_over(struct mgmt_in *in)
{
	free(in->replay);
	in->replay = NULL;
}

/* The client sends something new instead, and numbers it so. */
static void replay_broken(struct mgmt_in *in)
{
	in->received = in->replay_base + in->replay_next;
	if (in->handled > in->received)
		in->handled = in->received;
	for (struct inbound *each = in->first; each; each = each->next)
		each->unnumbered |= each->number > in->received;
	replay_over(in);
}

static bool is_replay(struct mgmt *mgmt, const struct stanza *stanza)
{
	struct mgmt_in *in = &mgmt->in;
	if (!in->replay)
		return false;
	if (in->replay[in->replay_next] != print_of(stanza)) {
		replay_broken(in);
		return false;
	}
	if (++in->replay_next == in->replay_count)
		replay_over(in);
	return true;
}

void mgmt_expect_replay(struct mgmt *mgmt)
{
	struct mgmt_in *in = &mgmt->in;
	in->asked = false;
	replay_over(in);
	if (!in->first)
		return;
	in->replay = mem_zalloc(in->pending * sizeof(*in->replay));
	in->replay_base = in->handled;
	in->replay_count = in->replay_next = 0;
	for (struct inbound *each = in->first; each; each = each->next)
		if (!each->unnumbered)
			in->replay[in->replay_count++] = each->print;
	if (!in->replay_count)
		replay_over(in);
}

void mgmt_receive(struct mgmt *mgmt, struct stanza *stanza)
{
	struct mgmt_in *in = &mgmt->in;
	if (is_replay(mgmt, stanza))
		return;
	struct inbound *inbound = inbound_new(mgmt);
	struct receipt *before;
	inbound->number = ++in->received;
	if (in->last)
		in->last->next = inbound;
	else
		in->first = inbound;
	in->last = inbound;
	in->pending++;
	inbound->receipt.safe = on_safe;
	receipt_begin(&inbound->receipt, &before);
	mgmt_ref(mgmt);
	c2s_stanza(mgmt->c2s, stanza);
	if (__atomic_load_n(&inbound->receipt.carriers, __ATOMIC_RELAXED) > 1)
		inbound->print = print_of(stanza);
	receipt_leave(before);
	if (in->pending >= PENDING_MAX && mgmt->session)
		mgmt_session_ops.slow_down(mgmt, PENDING_SLOW_MS);
	mgmt_unref(mgmt);
}
