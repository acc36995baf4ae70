/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/inbound.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "stanzad/stanza.h"

/* An <r/> is answered late rather than with too little, but not later than this. */
#define ANSWER_LATE_MS 1500

struct inbound_stanza {
	struct receipt receipt;
	struct inbound *inbound;
	struct inbound_stanza *next;
	uint64_t number;
	uint64_t print; /* what it looks like, to know it again */
	bool done;
	bool unnumbered; /* the peer did not send it again, so does not count it */
};

static struct inbound_stanza *spare[256]; /* one a worker */

static struct inbound_stanza **spare_here(void)
{
	struct worker *self = worker_self();
	return self ? &spare[worker_index(self)] : NULL;
}

static struct inbound_stanza *inbound_stanza_new(struct inbound *inbound)
{
	struct inbound_stanza **kept = spare_here(), *each = kept ? *kept : NULL;
	if (each)
		*kept = NULL;
	else
		each = mem_alloc(sizeof(*each));
	*each = (struct inbound_stanza){.inbound = inbound};
	inbound->ops->hold(inbound);
	return each;
}

static void inbound_stanza_free(struct inbound_stanza *each)
{
	struct inbound_stanza **kept = spare_here();
	struct inbound *inbound = each->inbound;
	if (kept && !*kept)
		*kept = each;
	else
		free(each);
	inbound->ops->release(inbound);
}

void inbound_spare_fini(void)
{
	for (unsigned i = 0; i < 256; i++) {
		free(spare[i]);
		spare[i] = NULL;
	}
}

/* --- answers -------------------------------------------------------------------------------------------- */

void inbound_answer(struct inbound *inbound)
{
	if (!inbound->asked || inbound->handled < inbound->asked_for || !inbound->ops->answer(inbound))
		return;
	inbound->asked = false;
	timer_stop(&inbound->answer_timer);
}

static void on_answer_late(struct timer *timer)
{
	struct inbound *inbound = list_entry(timer, struct inbound, answer_timer);
	if (inbound->asked && !inbound->ops->answer(inbound))
		timer_start(timer, ANSWER_LATE_MS, on_answer_late);
}

void inbound_asked(struct inbound *inbound)
{
	inbound->asked = true;
	inbound->asked_for = inbound->received;
	inbound_answer(inbound);
	if (inbound->asked && !timer_running(&inbound->answer_timer))
		timer_start(&inbound->answer_timer, ANSWER_LATE_MS, on_answer_late);
}

void inbound_detach(struct inbound *inbound)
{
	inbound->asked = false;
	timer_stop(&inbound->answer_timer);
}

/* --- numbers -------------------------------------------------------------------------------------------- */

static void advance(struct inbound *inbound)
{
	uint64_t before = inbound->handled;
	while (inbound->first && inbound->first->done) {
		struct inbound_stanza *first = inbound->first;
		inbound->first = first->next;
		if (!inbound->first)
			inbound->last = NULL;
		inbound->pending--;
		inbound->handled += !first->unnumbered;
		inbound_stanza_free(first);
	}
	if (inbound->handled == before)
		return;
	inbound->ops->advanced(inbound);
	inbound_answer(inbound);
}

static void on_safe(struct receipt *receipt)
{
	struct inbound_stanza *each = list_entry(receipt, struct inbound_stanza, receipt);
	struct inbound *inbound = each->inbound;
	inbound->ops->hold(inbound);
	each->done = true;
	advance(inbound);
	inbound->ops->release(inbound);
}

bool inbound_is_cause(const struct inbound *inbound)
{
	return receipt_now && receipt_now->safe == on_safe &&
	       list_entry(receipt_now, struct inbound_stanza, receipt)->inbound == inbound;
}

/* --- what comes again ----------------------------------------------------------------------------------- */

static uint64_t print_of(const struct stanza *stanza)
{
	uint64_t print = map_hash(stanza->id) ^ (uint64_t)stanza->kind;
	print = print * 31 + map_hash(xml_attr(stanza->root, "from"));
	print = print * 31 + map_hash(xml_attr(stanza->root, "to"));
	return print * 31 + map_hash(stanza->root->inner);
}

static void replay_over(struct inbound *inbound)
{
	free(inbound->replay);
	inbound->replay = NULL;
}

/* The peer sends something new instead, and numbers it so. */
static void replay_broken(struct inbound *inbound)
{
	inbound->received = inbound->replay_base + inbound->replay_next;
	if (inbound->handled > inbound->received)
		inbound->handled = inbound->received;
	for (struct inbound_stanza *each = inbound->first; each; each = each->next)
		each->unnumbered |= each->number > inbound->received;
	replay_over(inbound);
}

static bool is_replay(struct inbound *inbound, const struct stanza *stanza)
{
	if (!inbound->replay)
		return false;
	if (inbound->replay[inbound->replay_next] != print_of(stanza)) {
		replay_broken(inbound);
		return false;
	}
	if (++inbound->replay_next == inbound->replay_count)
		replay_over(inbound);
	return true;
}

void inbound_expect_replay(struct inbound *inbound)
{
	inbound->asked = false;
	replay_over(inbound);
	if (!inbound->first)
		return;
	inbound->replay = mem_zalloc(inbound->pending * sizeof(*inbound->replay));
	inbound->replay_base = inbound->handled;
	inbound->replay_count = inbound->replay_next = 0;
	for (struct inbound_stanza *each = inbound->first; each; each = each->next)
		if (!each->unnumbered)
			inbound->replay[inbound->replay_count++] = each->print;
	if (!inbound->replay_count)
		replay_over(inbound);
}

void inbound_fini(struct inbound *inbound)
{
	timer_stop(&inbound->answer_timer);
	replay_over(inbound);
}

/* --- stanzas -------------------------------------------------------------------------------------------- */

bool inbound_enter(struct inbound *inbound, const struct stanza *stanza, struct inbound_visit *visit_r)
{
	if (is_replay(inbound, stanza))
		return false;
	struct inbound_stanza *each = inbound_stanza_new(inbound);
	each->number = ++inbound->received;
	if (inbound->last)
		inbound->last->next = each;
	else
		inbound->first = each;
	inbound->last = each;
	inbound->pending++;
	each->receipt.safe = on_safe;
	visit_r->stanza = each;
	receipt_begin(&each->receipt, &visit_r->before);
	return true;
}

void inbound_leave(const struct stanza *stanza, struct inbound_visit *visit)
{
	struct inbound_stanza *each = visit->stanza;
	if (__atomic_load_n(&each->receipt.carriers, __ATOMIC_RELAXED) > 1)
		each->print = print_of(stanza);
	receipt_leave(visit->before);
}
