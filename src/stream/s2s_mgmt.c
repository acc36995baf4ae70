/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/s2s_mgmt.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "stream/mgmt_ledger.h"
#include "stream/s2s_common.h"

/* --- life ----------------------------------------------------------------------------------------------- */

static struct s2s_mgmt *mgmt_of(struct inbound *in)
{
	return list_entry(in, struct s2s_mgmt, in);
}

static void hold(struct inbound *in)
{
	s2s_mgmt_ref(mgmt_of(in));
}

static void release(struct inbound *in)
{
	struct s2s_mgmt *mgmt = mgmt_of(in);
	s2s_mgmt_unref(&mgmt);
}

static void write_ledger(const struct s2s_mgmt *mgmt)
{
	mgmt_ledger_write(mgmt->slot, &(struct mgmt_numbers){mgmt->in.handled, mgmt->acked});
}

static void advanced(struct inbound *in)
{
	write_ledger(mgmt_of(in));
}

static bool answer(struct inbound *in)
{
	const struct s2s_mgmt *mgmt = mgmt_of(in);
	struct strbuf out = {0};
	if (!mgmt->peer)
		return false;
	strbuf_printf(&out, "<a xmlns='" NS_S2S_SM "' h='%u'/>", (unsigned)(uint32_t)in->handled);
	peer_send(mgmt->peer, strbuf_view(&out));
	strbuf_fini(&out);
	return true;
}

static void give_up(struct s2s_remains *remains, struct s2s_queue *unsent_r)
{
	struct s2s_mgmt *mgmt = list_entry(remains, struct s2s_mgmt, remains);
	*unsent_r = mgmt->sent;
	mgmt->sent = (struct s2s_queue){0};
	mgmt->lost |= unsent_r->count > 0;
	mgmt->waiting = NULL;
	s2s_mgmt_unref(&mgmt);
}

static size_t count(const struct s2s_remains *remains)
{
	return list_entry(remains, const struct s2s_mgmt, remains)->sent.count;
}

struct s2s_mgmt *s2s_mgmt_new(struct peer *peer)
{
	static const struct inbound_ops ops = {hold, release, advanced, answer};
	struct s2s_mgmt *mgmt = mem_zalloc(sizeof(*mgmt));
	mgmt->remains = (struct s2s_remains){give_up, count};
	mgmt->refs = 1;
	mgmt->peer = peer;
	mgmt->in.ops = &ops;
	mgmt->slot = MGMT_NO_SLOT;
	list_init(&mgmt->link);
	return mgmt;
}

void s2s_mgmt_ref(struct s2s_mgmt *mgmt)
{
	mgmt->refs++;
}

void s2s_mgmt_unref(struct s2s_mgmt **mgmt_ptr)
{
	struct s2s_mgmt *mgmt = *mgmt_ptr;
	*mgmt_ptr = NULL;
	if (!mgmt || --mgmt->refs)
		return;
	struct s2s_item *item;
	assert(!mgmt->peer && !mgmt->waiting);
	while ((item = s2s_queue_take(&mgmt->sent)))
		s2s_item_free(item);
	inbound_fini(&mgmt->in);
	timer_stop(&mgmt->timer);
	list_remove(&mgmt->link);
	if (!s2s_is_stopped()) /* the next process will want to know */
		mgmt_ledger_give(mgmt->slot);
	free(mgmt->id);
	free((char *)mgmt->local.ptr);
	free((char *)mgmt->remote.ptr);
	free(mgmt);
}

void s2s_mgmt_detach(struct s2s_mgmt *mgmt)
{
	inbound_detach(&mgmt->in);
	mgmt->asked = false;
	mgmt->peer = NULL;
}

/* --- what goes ------------------------------------------------------------------------------------------ */

void s2s_mgmt_ask(struct s2s_mgmt *mgmt)
{
	if (mgmt->asked || !mgmt->sent.count)
		return;
	mgmt->asked = true;
	peer_send(mgmt->peer, STR("<r xmlns='" NS_S2S_SM "'/>"));
	peer_expect_within(mgmt->peer, S2S_MGMT_ACK_MS, "stanzas were not acknowledged in time");
}

void s2s_mgmt_sent(struct s2s_mgmt *mgmt, struct s2s_item *item)
{
	s2s_queue_add(&mgmt->sent, item);
	s2s_mgmt_ask(mgmt);
}

void s2s_mgmt_send_again(struct s2s_mgmt *mgmt)
{
	struct strbuf bytes = {0};
	for (const struct s2s_item *item = mgmt->sent.first; item; item = item->next) {
		s2s_stanza_write(&bytes, item->stanza, &item->from, &item->to);
		peer_send(mgmt->peer, strbuf_view(&bytes));
		strbuf_reset(&bytes);
	}
	strbuf_fini(&bytes);
	s2s_mgmt_ask(mgmt);
}

bool s2s_mgmt_read_h(const struct xml *elem, uint32_t *h_r)
{
	uint64_t h;
	if (!str_to_u64(xml_attr_s(elem, "h"), &h) || h > UINT32_MAX)
		return false;
	*h_r = (uint32_t)h;
	return true;
}

int s2s_mgmt_acked(struct s2s_mgmt *mgmt, uint32_t h)
{
	uint32_t more = h - (uint32_t)mgmt->acked;
	if (more > INT32_MAX)
		return 0;
	if (more > mgmt->sent.count)
		return -1;
	mgmt->acked += more;
	for (uint32_t i = 0; i < more; i++)
		s2s_item_free(s2s_queue_take(&mgmt->sent));
	if (more)
		write_ledger(mgmt);
	return (int)more;
}

void s2s_mgmt_too_high(const struct s2s_mgmt *mgmt, struct peer *peer, uint32_t h)
{
	char detail[160], text[120];
	unsigned sent = (unsigned)(uint32_t)(mgmt->acked + mgmt->sent.count);
	snprintf(detail, sizeof(detail),
	    "<handled-count-too-high xmlns='" NS_S2S_SM "' h='%u' send-count='%u'/>", (unsigned)h, sent);
	snprintf(text, sizeof(text), "%u stanzas were acknowledged, but only %u were sent", (unsigned)h, sent);
	peer_fail_with(peer, STREAM_undefined_condition, text, str_of(detail));
}

/* --- elements ------------------------------------------------------------------------------------------- */

static enum s2s_mgmt_result on_a(struct s2s_mgmt *mgmt, const struct xml *elem)
{
	uint32_t h;
	int more = 0;
	if (!s2s_mgmt_read_h(elem, &h)) {
		peer_fail(mgmt->peer, STREAM_undefined_condition, "an acknowledgement has a number");
		return S2S_MGMT_DONE;
	}
	more = s2s_mgmt_acked(mgmt, h);
	if (more < 0) {
		s2s_mgmt_too_high(mgmt, mgmt->peer, h);
		return S2S_MGMT_DONE;
	}
	mgmt->asked = false;
	peer_expect_within(mgmt->peer, 0, NULL);
	s2s_mgmt_ask(mgmt);
	return more ? S2S_MGMT_ACKED : S2S_MGMT_DONE;
}

enum s2s_mgmt_result s2s_mgmt_element(struct s2s_mgmt *mgmt, const struct xml *elem)
{
	if (str_is(elem->name, "a"))
		return on_a(mgmt, elem);
	if (!str_is(elem->name, "r"))
		return S2S_MGMT_NOT_MINE;
	inbound_asked(&mgmt->in);
	return S2S_MGMT_DONE;
}
