/* SPDX-License-Identifier: Apache-2.0 */
/* Our stanzas over a stream that the other server opened (XEP-0288). */
#include "stream/s2s_in_private.h"

static struct s2s_in *in_of(struct peer *peer)
{
	return list_entry(peer, struct s2s_in, peer);
}

/* --- what is under way ---------------------------------------------------------------------------------- */

size_t s2s_in_unacked(const struct s2s_in *in)
{
	return in->sent.count + (in->mgmt ? in->mgmt->sent.count : 0);
}

void s2s_in_got_through(struct s2s_in *in)
{
	for (struct s2s_pair *pair = in->pairs; pair; pair = pair->next)
		if (pair->link)
			s2s_link_got_through(pair->link);
}

/* Without stream management, what the kernel took has arrived. */
static void forget_sent(struct s2s_in *in, uint64_t bytes_out)
{
	if (in->sent.first && in->sent.first->mark <= bytes_out)
		s2s_in_got_through(in);
	while (in->sent.first && in->sent.first->mark <= bytes_out)
		s2s_item_free(s2s_queue_take(&in->sent));
}

static bool has_room(const struct s2s_in *in)
{
	return conn_output(in->peer.conn) <= CONN_OUTPUT_HIGH && (!in->mgmt || s2s_mgmt_has_room(in->mgmt));
}

void s2s_in_drained(struct peer *peer)
{
	struct s2s_in *in = in_of(peer);
	if (!peer->conn)
		return;
	forget_sent(in, conn_traffic(peer->conn).bytes_out);
	if (!in->full || peer->is_closing || !has_room(in))
		return;
	in->full = false;
	for (struct s2s_pair *pair = in->pairs; pair; pair = pair->next)
		if (pair->link)
			s2s_link_drained(pair->link);
}

static bool is_of(const struct s2s_item *item, const struct s2s_pair *pair)
{
	return str_eq(jid_domain(&item->from), pair->local) && str_eq(jid_domain(&item->to), pair->remote);
}

/* Takes what is of the pair out of the queue. */
static struct s2s_queue pick(struct s2s_queue *queue, const struct s2s_pair *pair)
{
	struct s2s_queue picked = {0}, rest = {0};
	struct s2s_item *item;
	while ((item = s2s_queue_take(queue)))
		s2s_queue_add(is_of(item, pair) ? &picked : &rest, item);
	*queue = rest;
	return picked;
}

void s2s_in_give_back(struct s2s_in *in)
{
	forget_sent(in, in->peer.bytes_out);
	s2s_in_mgmt_leave(in);
	for (struct s2s_pair *pair = in->pairs; pair; pair = pair->next) {
		struct s2s_link *link = pair->link;
		if (!link)
			continue;
		struct s2s_queue unsent = pick(&in->sent, pair);
		pair->link = NULL;
		s2s_link_ended(link, &unsent);
	}
}

/* --- as the stream of a link ---------------------------------------------------------------------------- */

static bool send_item(void *stream, struct s2s_item *item)
{
	struct s2s_in *in = ((struct s2s_pair *)stream)->in;
	struct strbuf out = {0};
	if (in->peer.is_closing || !has_room(in)) {
		in->full = true;
		return false;
	}
	s2s_stanza_write(&out, item->stanza, &item->from, &item->to);
	peer_send(&in->peer, strbuf_view(&out));
	strbuf_fini(&out);
	s2s_in_active(in);
	item->mark = conn_traffic(in->peer.conn).bytes_out + conn_output(in->peer.conn);
	if (in->mgmt)
		s2s_mgmt_sent(in->mgmt, item);
	else
		s2s_queue_add(&in->sent, item);
	return true;
}

static void close_stream(void *stream, const char *stream_condition, const char *text)
{
	struct s2s_in *in = ((struct s2s_pair *)stream)->in;
	if (stream_condition)
		peer_fail(&in->peer, stream_condition_of(stream_condition), text);
	else
		peer_close(&in->peer);
}

const struct s2s_stream_ops s2s_in_stream_ops = {send_item, close_stream};
