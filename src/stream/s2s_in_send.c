/* SPDX-License-Identifier: Apache-2.0 */
/* Our stanzas over a stream that the other server opened (XEP-0288), and stream management (XEP-0198). */
#include "stream/s2s_in_private.h"

#define UNACKED_MAX 500 /* stanzas */

static struct s2s_in *in_of(struct peer *peer)
{
	return list_entry(peer, struct s2s_in, peer);
}

/* --- what is under way ---------------------------------------------------------------------------------- */

static void forget_first(struct s2s_in *in)
{
	s2s_item_free(s2s_queue_take(&in->sent));
	in->uncounted -= in->uncounted > 0;
}

/* Without stream management, what the kernel took has arrived. */
static void forget_sent(struct s2s_in *in, uint64_t bytes_out)
{
	while (in->sent.first && in->sent.first->mark <= bytes_out && (!in->managed || in->uncounted))
		forget_first(in);
}

static bool has_room(const struct s2s_in *in)
{
	return conn_output(in->peer.conn) <= CONN_OUTPUT_HIGH &&
	       (!in->managed || in->sent.count < UNACKED_MAX);
}

static void room_again(struct s2s_in *in)
{
	if (!in->full || in->peer.is_closing || !has_room(in))
		return;
	in->full = false;
	for (struct s2s_pair *pair = in->pairs; pair; pair = pair->next)
		if (pair->link)
			s2s_link_drained(pair->link);
}

void s2s_in_drained(struct peer *peer)
{
	struct s2s_in *in = in_of(peer);
	if (peer->conn)
		forget_sent(in, conn_traffic(peer->conn).bytes_out);
	if (peer->conn)
		room_again(in);
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
	for (struct s2s_pair *pair = in->pairs; pair; pair = pair->next) {
		struct s2s_link *link = pair->link;
		if (!link)
			continue;
		struct s2s_queue unsent = pick(&in->sent, pair);
		pair->link = NULL;
		s2s_link_ended(link, &unsent);
	}
}

/* --- stream management: XEP-0198 ------------------------------------------------------------------------ */

static void request_ack(struct s2s_in *in)
{
	if (!in->managed || in->sm_requested || !in->sent.count)
		return;
	in->sm_requested = true;
	peer_send(&in->peer, STR("<r xmlns='" NS_S2S_SM "'/>"));
	peer_expect_within(&in->peer, S2S_IN_ACK_MS, "stanzas were not acknowledged in time");
}

static void on_ack(struct s2s_in *in, const struct xml *elem)
{
	uint64_t h;
	uint32_t count;
	if (!str_to_u64(xml_attr_s(elem, "h"), &h) || h > UINT32_MAX ||
	    (count = (uint32_t)h - in->sm_acked) > in->sent.count - in->uncounted) {
		peer_fail(&in->peer, STREAM_undefined_condition,
		    "more stanzas are acknowledged than were sent");
		return;
	}
	in->sm_acked = (uint32_t)h;
	while (in->uncounted && count)
		forget_first(in);
	while (count--)
		forget_first(in);
	in->sm_requested = false;
	peer_expect_within(&in->peer, 0, NULL);
	request_ack(in);
	room_again(in);
}

static void answer_ack(struct s2s_in *in)
{
	struct strbuf out = {0};
	strbuf_printf(&out, "<a xmlns='" NS_S2S_SM "' h='%u'/>", in->sm_received);
	peer_send(&in->peer, strbuf_view(&out));
	strbuf_fini(&out);
}

static void enable(struct s2s_in *in)
{
	if (!in->valid_count || in->managed) {
		peer_send(&in->peer,
		    STR("<failed xmlns='" NS_S2S_SM "'><unexpected-request "
			"xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"));
		return;
	}
	in->managed = true;
	in->uncounted = in->sent.count;
	in->sm_received = 0;
	peer_send(&in->peer, STR("<enabled xmlns='" NS_S2S_SM "'/>"));
}

static void cannot_resume(struct s2s_in *in)
{
	peer_send(&in->peer,
	    STR("<failed xmlns='" NS_S2S_SM "'><item-not-found "
		"xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"));
}

bool s2s_in_sm_element(struct s2s_in *in, const struct xml *elem)
{
	if (elem->ns_token != XNS_SM)
		return false;
	if (str_is(elem->name, "enable"))
		enable(in);
	else if (str_is(elem->name, "resume"))
		cannot_resume(in);
	else if (in->managed && str_is(elem->name, "r"))
		answer_ack(in);
	else if (in->managed && str_is(elem->name, "a"))
		on_ack(in, elem);
	else
		return false;
	return true;
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
	s2s_queue_add(&in->sent, item);
	request_ack(in);
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
