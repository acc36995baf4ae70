/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "conf/conf.h"
#include "stream/s2s_out.h"

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
	bool busy = s2s_out_unacked(out) || !list_empty(&out->checks) || timeout == OPTION_INFINITE ||
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

size_t s2s_out_unacked(const struct s2s_out *out)
{
	return out->sent.count + (out->mgmt ? out->mgmt->sent.count : 0);
}

/* Without stream management, what the kernel took has arrived. */
static void forget_sent(struct s2s_out *out, uint64_t bytes_out)
{
	if (out->link && out->sent.first && out->sent.first->mark <= bytes_out)
		s2s_link_got_through(out->link);
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
	struct s2s_link *link = out->link;
	forget_sent(out, out->peer.bytes_out);
	out->link = NULL;
	if (s2s_out_mgmt_keep(out, link))
		return;
	if (link)
		s2s_link_ended(link, &out->sent);
	else
		forget_queue(&out->sent);
}

static bool has_room(const struct s2s_out *out)
{
	if (conn_output(out->peer.conn) > CONN_OUTPUT_HIGH || out->sm == S2S_SM_RESUMING)
		return false;
	return !out->mgmt || s2s_mgmt_has_room(out->mgmt);
}

void s2s_out_drained(struct s2s_out *out)
{
	if (out->peer.conn)
		forget_sent(out, conn_traffic(out->peer.conn).bytes_out);
	if (!out->full || !out->link || out->peer.is_closing || !has_room(out))
		return;
	out->full = false;
	s2s_link_drained(out->link);
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
	if (out->sm == S2S_SM_ON)
		s2s_mgmt_sent(out->mgmt, item);
	else
		s2s_queue_add(out->sm == S2S_SM_ASKED ? &out->mgmt->sent : &out->sent, item);
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
	s2s_out_mgmt_start(out);
	watch_idle(out);
	s2s_link_opened(link, &s2s_out_stream_ops, out);
}
