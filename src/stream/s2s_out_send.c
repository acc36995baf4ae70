/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "conf/conf.h"
#include "stream/s2s_out.h"

#define UNACKED_MAX 500 /* stanzas */
#define ACK_MS 60000    /* how long an acknowledgement may take */
#define RESEND_MS 60000 /* how long what is not acknowledged waits for the next stream */

static struct s2s_out *out_of_idle(struct timer *timer)
{
	return list_entry(timer, struct s2s_out, idle);
}

/* --- idle ----------------------------------------------------------------------------------------------- */

static void watch_idle(struct s2s_out *out);

static void on_idle(struct timer *timer)
{
	struct s2s_out *out = out_of_idle(timer);
	int64_t timeout = conf_int(conf_current(), out->local, "s2s_timeout");
	bool busy = out->sent.count || !list_empty(&out->checks) || timeout == OPTION_INFINITE ||
		    clock_mono_ms() - out->active_ms < (uint64_t)timeout;
	if (busy)
		watch_idle(out);
	else
		peer_close(&out->peer);
}

static void watch_idle(struct s2s_out *out)
{
	int64_t timeout = conf_int(conf_current(), out->local, "s2s_timeout");
	uint64_t idle = clock_mono_ms() - out->active_ms;
	if (timeout == OPTION_INFINITE)
		return;
	timer_start(&out->idle, (uint64_t)timeout > idle ? (uint64_t)timeout - idle : 1000, on_idle);
}

/* --- what is under way ---------------------------------------------------------------------------------- */

/* Without stream management, what the kernel took has arrived. */
static void forget_sent(struct s2s_out *out, uint64_t bytes_out)
{
	while (out->sent.first && out->sent.first->mark <= bytes_out)
		s2s_item_free(s2s_queue_take(&out->sent));
}

static void forget_queue(struct s2s_queue *queue)
{
	struct s2s_item *item;
	while ((item = s2s_queue_take(queue)))
		s2s_item_free(item);
}

void s2s_out_give_back(struct s2s_out *out)
{
	struct s2s_queue unsent = {0};
	struct s2s_link *link = out->link;
	if (out->sm != S2S_SM_ON)
		forget_sent(out, out->peer.bytes_out);
	/* They get a stream's time anew: what may have arrived must not be bounced for having waited here. */
	for (struct s2s_item *item = out->sent.first; item; item = item->next)
		item->expires_ms = clock_mono_ms() + RESEND_MS;
	unsent = out->sent;
	out->sent = (struct s2s_queue){0};
	out->link = NULL;
	if (link)
		s2s_link_ended(link, &unsent);
	else
		forget_queue(&unsent);
}

static bool has_room(const struct s2s_out *out)
{
	return conn_output(out->peer.conn) <= CONN_OUTPUT_HIGH &&
	       (out->sm == S2S_SM_OFF || out->sent.count < UNACKED_MAX);
}

static void room_again(struct s2s_out *out)
{
	if (!out->full || !out->link || out->peer.is_closing || !has_room(out))
		return;
	out->full = false;
	s2s_link_drained(out->link);
}

void s2s_out_drained(struct s2s_out *out)
{
	if (out->peer.conn && out->sm == S2S_SM_OFF)
		forget_sent(out, conn_traffic(out->peer.conn).bytes_out);
	room_again(out);
}

/* --- stream management: XEP-0198 ------------------------------------------------------------------------ */

static void request_ack(struct s2s_out *out)
{
	if (out->sm != S2S_SM_ON || out->sm_requested || !out->sent.count)
		return;
	out->sm_requested = true;
	peer_send(&out->peer, STR("<r xmlns='" NS_S2S_SM "'/>"));
	peer_expect_within(&out->peer, ACK_MS, "stanzas were not acknowledged in time");
}

static void on_ack(struct s2s_out *out, const struct xml *elem)
{
	uint64_t h;
	uint32_t count;
	if (!str_to_u64(xml_attr_s(elem, "h"), &h) ||
	    (count = (uint32_t)h - out->sm_acked) > out->sent.count || h > UINT32_MAX) {
		peer_fail(
		    &out->peer, STREAM_undefined_condition, "more stanzas are acknowledged than were sent");
		return;
	}
	out->sm_acked = (uint32_t)h;
	while (count--)
		s2s_item_free(s2s_queue_take(&out->sent));
	out->sm_requested = false;
	peer_expect_within(&out->peer, 0, NULL);
	request_ack(out);
	room_again(out);
}

static void answer_ack(struct s2s_out *out)
{
	struct strbuf bytes = {0};
	strbuf_printf(&bytes, "<a xmlns='" NS_S2S_SM "' h='%u'/>", out->sm_received);
	peer_send(&out->peer, strbuf_view(&bytes));
	strbuf_fini(&bytes);
}

bool s2s_out_sm_element(struct s2s_out *out, const struct xml *elem)
{
	if (elem->ns_token != XNS_SM)
		return false;
	if (out->sm == S2S_SM_ASKED && str_is(elem->name, "enabled")) {
		out->sm = S2S_SM_ON;
		out->sm_received = 0;
		request_ack(out);
	} else if (out->sm == S2S_SM_ASKED && str_is(elem->name, "failed")) {
		out->sm = S2S_SM_OFF;
		s2s_out_drained(out);
	} else if (out->sm == S2S_SM_ON && str_is(elem->name, "a")) {
		on_ack(out, elem);
	} else if (out->sm == S2S_SM_ON && str_is(elem->name, "r")) {
		answer_ack(out);
	} else {
		return false;
	}
	return true;
}

/* --- as the stream of a link ---------------------------------------------------------------------------- */

static bool send_item(void *stream, struct s2s_item *item)
{
	struct s2s_out *out = stream;
	struct strbuf bytes = {0};
	if (out->peer.is_closing || !has_room(out)) {
		out->full = true;
		return false;
	}
	s2s_stanza_write(&bytes, item->stanza, &item->from, &item->to);
	peer_send(&out->peer, strbuf_view(&bytes));
	strbuf_fini(&bytes);
	out->active_ms = clock_mono_ms();
	item->mark = conn_traffic(out->peer.conn).bytes_out + conn_output(out->peer.conn);
	s2s_queue_add(&out->sent, item);
	request_ack(out);
	return true;
}

static void close_stream(void *stream, const char *stream_condition, const char *text)
{
	struct s2s_out *out = stream;
	if (stream_condition)
		peer_fail(&out->peer, stream_condition_of(stream_condition), text);
	else
		peer_close(&out->peer);
}

const struct s2s_stream_ops s2s_out_stream_ops = {send_item, close_stream};

void s2s_out_carry(struct s2s_out *out, struct s2s_link *link)
{
	out->link = link;
	if (out->features.sm) {
		peer_send(&out->peer, STR("<enable xmlns='" NS_S2S_SM "'/>"));
		out->sm = S2S_SM_ASKED;
	}
	watch_idle(out);
	s2s_link_opened(link, &s2s_out_stream_ops, out);
}
