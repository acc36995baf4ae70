/* SPDX-License-Identifier: Apache-2.0 */
/* Stream management of streams that other servers open (XEP-0198), and the way back into one that broke. */
#include <stdlib.h>

#include "base/clock.h"
#include "loop/worker.h"
#include "stanzad/log.h"
#include "stream/s2s_in_private.h"

static void send_failed(struct s2s_in *in, enum stanza_condition condition, const uint64_t *h)
{
	struct strbuf out = {0};
	strbuf_cstr(&out, "<failed xmlns='" NS_S2S_SM "'");
	if (h)
		strbuf_printf(&out, " h='%u'", (unsigned)(uint32_t)*h);
	strbuf_printf(&out, "><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
	    stanza_condition_text(condition));
	peer_send(&in->peer, strbuf_view(&out));
	strbuf_fini(&out);
}

/* --- enable --------------------------------------------------------------------------------------------- */

static bool is_true(struct str value)
{
	return str_is(value, "true") || str_is(value, "1");
}

/* Whoever resumes comes to the home of the pair. */
static const struct s2s_pair *pair_at_home(const struct s2s_in *in)
{
	const struct s2s_pair *pair = in->pairs;
	while (pair && (pair->authentication == S2S_AUTH_NONE ||
			   s2s_home(pair->local, pair->remote) != worker_self()))
		pair = pair->next;
	return pair;
}

/* The other server has forgotten what was before. */
static void begin_anew(struct s2s_in *in)
{
	for (struct s2s_pair *pair = in->pairs; pair; pair = pair->next) {
		if (pair->authentication == S2S_AUTH_NONE)
			continue;
		s2s_not_resumed(pair->local, pair->remote);
		s2s_pair_offer(pair);
	}
}

static void enable(struct s2s_in *in, const struct xml *elem)
{
	struct strbuf out = {0};
	const struct s2s_pair *pair = pair_at_home(in);
	uint64_t max_s = 0;
	if (!in->valid_count || in->mgmt) {
		send_failed(in, SE_unexpected_request, NULL);
		return;
	}
	str_to_u64(xml_attr_s(elem, "max"), &max_s);
	in->mgmt = s2s_mgmt_new(&in->peer);
	strbuf_cstr(&out, "<enabled xmlns='" NS_S2S_SM "'");
	if (pair && is_true(xml_attr_s(elem, "resume")) &&
	    s2s_mgmt_offer(in->mgmt, pair->local, pair->remote, max_s))
		strbuf_printf(&out, " id='%s' resume='true' max='%llu'", in->mgmt->id,
		    (unsigned long long)(in->mgmt->max_ms / 1000));
	strbuf_cstr(&out, "/>");
	peer_send(&in->peer, strbuf_view(&out));
	strbuf_fini(&out);
	begin_anew(in);
}

/* --- the end -------------------------------------------------------------------------------------------- */

/* The pair whose link alone goes over the stream, and which is the one that resumes it; NULL. */
static struct s2s_pair *only_carrier(const struct s2s_in *in, const struct s2s_mgmt *mgmt)
{
	struct s2s_pair *found = NULL;
	for (struct s2s_pair *pair = in->pairs; pair; pair = pair->next) {
		if (!pair->link)
			continue;
		if (found || !str_eq(pair->local, mgmt->local) || !str_eq(pair->remote, mgmt->remote))
			return NULL;
		found = pair;
	}
	return found;
}

/* What is not acknowledged waits for the resumption. */
static void leave_remains(struct s2s_pair *pair, struct s2s_mgmt *mgmt)
{
	struct s2s_link *link = pair->link;
	pair->link = NULL;
	mgmt->waiting = link;
	s2s_mgmt_ref(mgmt);
	s2s_link_broken(link, &mgmt->remains, S2S_THEY_RESUME);
}

void s2s_in_mgmt_leave(struct s2s_in *in)
{
	struct s2s_mgmt *mgmt = in->mgmt;
	struct s2s_item *item;
	if (!mgmt)
		return;
	in->mgmt = NULL;
	s2s_mgmt_detach(mgmt);
	struct s2s_pair *pair = mgmt->id && mgmt->sent.count && !in->sent.count ? only_carrier(in, mgmt) : NULL;
	mgmt->lost = !pair && mgmt->sent.count;
	if (pair)
		leave_remains(pair, mgmt);
	else
		while ((item = s2s_queue_take(&mgmt->sent)))
			s2s_queue_add(&in->sent, item);
	if (mgmt->id)
		s2s_mgmt_keep(mgmt);
	s2s_mgmt_unref(&mgmt);
}

/* --- resume --------------------------------------------------------------------------------------------- */

static void refuse(struct s2s_in *in, struct str id)
{
	uint64_t handled;
	const struct s2s_pair *pair = in->pairs;
	while (pair && (pair->authentication == S2S_AUTH_NONE ||
			   !s2s_mgmt_of_before(id, pair->local, pair->remote, &handled)))
		pair = pair->next;
	send_failed(in, SE_item_not_found, pair ? &handled : NULL);
}

/* The other server takes what is left with it, or begins anew. */
static void give_away(struct s2s_in *in, struct s2s_mgmt *mgmt)
{
	LOG_INFO("s2s_in.not_resumable", LOG_STR("local", mgmt->local), LOG_STR("remote", mgmt->remote));
	send_failed(in, SE_item_not_found, &mgmt->in.handled);
	s2s_mgmt_forget(mgmt);
}

static void take_link(struct s2s_in *in, struct s2s_mgmt *mgmt, struct s2s_pair *pair)
{
	struct s2s_link *link = mgmt->waiting;
	if (!link) {
		s2s_pair_offer(pair);
		return;
	}
	mgmt->waiting = NULL;
	s2s_link_take_remains(link);
	s2s_mgmt_unref(&mgmt);
	pair->link = link;
	s2s_link_opened(link, &s2s_in_stream_ops, pair);
	(void)in;
}

static void take_over(struct s2s_in *in, struct s2s_mgmt *mgmt, struct s2s_pair *pair, bool got_through)
{
	struct strbuf out = {0};
	s2s_mgmt_ref(mgmt);
	in->mgmt = mgmt;
	s2s_mgmt_back(mgmt, &in->peer);
	strbuf_printf(&out, "<resumed xmlns='" NS_S2S_SM "' previd='%s' h='%u'/>", mgmt->id,
	    (unsigned)(uint32_t)mgmt->in.handled);
	peer_send(&in->peer, strbuf_view(&out));
	strbuf_fini(&out);
	LOG_INFO("s2s_in.resumed", LOG_STR("local", pair->local), LOG_STR("remote", pair->remote),
	    LOG_INT("again", (int64_t)mgmt->sent.count), LOG_STR("address", conn_peer_text(in->peer.conn)));
	inbound_expect_replay(&mgmt->in);
	s2s_mgmt_send_again(mgmt);
	take_link(in, mgmt, pair);
	if (got_through)
		s2s_in_got_through(in);
	s2s_in_active(in);
}

static void resume(struct s2s_in *in, struct s2s_mgmt *mgmt, struct s2s_pair *pair)
{
	uint32_t h = in->resume.h;
	if (mgmt->peer) {
		struct s2s_in *old = list_entry(mgmt->peer, struct s2s_in, peer);
		s2s_in_mgmt_leave(old);
		peer_fail(&old->peer, STREAM_conflict, "the stream was resumed by another one");
	}
	if (mgmt->lost) {
		give_away(in, mgmt);
		return;
	}
	int more = s2s_mgmt_acked(mgmt, h);
	if (more < 0)
		s2s_mgmt_too_high(mgmt, &in->peer, h);
	else if (mgmt->sent.count && !in->bidi)
		give_away(in, mgmt);
	else
		take_over(in, mgmt, pair, more || !mgmt->sent.count);
}

/* The pair of the stream that may resume it; NULL. */
static struct s2s_pair *entitled(const struct s2s_in *in, const struct s2s_mgmt *mgmt)
{
	struct s2s_pair *pair = mgmt ? s2s_pair_find(in, mgmt->local, mgmt->remote) : NULL;
	return pair && pair->authentication != S2S_AUTH_NONE ? pair : NULL;
}

/* Until what came before is handled, for a while. */
static void look(struct timer *timer)
{
	struct s2s_in *in = list_entry(timer, struct s2s_in, resume.timer);
	struct s2s_mgmt *mgmt = s2s_mgmt_find(str_of(in->resume.id));
	struct s2s_pair *pair = entitled(in, mgmt);
	if (pair && mgmt->in.first && clock_mono_ms() - in->resume.since_ms < S2S_MGMT_HANDLE_MS) {
		timer_start(timer, S2S_MGMT_LOOK_MS, look);
		return;
	}
	char *id = in->resume.id;
	in->resume.id = NULL;
	if (peer_resume(&in->peer) && pair)
		resume(in, mgmt, pair);
	else
		refuse(in, str_of(id));
	free(id);
}

void s2s_in_mgmt_end(struct s2s_in *in)
{
	if (!in->resume.id)
		return;
	timer_stop(&in->resume.timer);
	free(in->resume.id);
	in->resume.id = NULL;
	peer_resume(&in->peer);
}

static void on_resume(struct s2s_in *in, const struct xml *elem)
{
	struct str id = xml_attr_s(elem, "previd");
	if (!in->valid_count || in->mgmt) {
		send_failed(in, SE_unexpected_request, NULL);
	} else if (!id.len || !s2s_mgmt_read_h(elem, &in->resume.h)) {
		send_failed(in, SE_bad_request, NULL);
	} else {
		in->resume.id = str_dup(id);
		in->resume.since_ms = clock_mono_ms();
		peer_wait(&in->peer);
		look(&in->resume.timer);
	}
}

/* --- elements ------------------------------------------------------------------------------------------- */

static bool while_on(struct s2s_in *in, const struct xml *elem)
{
	enum s2s_mgmt_result result = s2s_mgmt_element(in->mgmt, elem);
	if (result != S2S_MGMT_ACKED)
		return result == S2S_MGMT_DONE;
	while (in->sent.first) /* they were sent before what arrived */
		s2s_item_free(s2s_queue_take(&in->sent));
	s2s_in_got_through(in);
	s2s_in_drained(&in->peer);
	return true;
}

bool s2s_in_mgmt_element(struct s2s_in *in, const struct xml *elem)
{
	if (elem->ns_token != XNS_SM)
		return false;
	if (str_is(elem->name, "enable"))
		enable(in, elem);
	else if (str_is(elem->name, "resume"))
		on_resume(in, elem);
	else
		return in->mgmt && while_on(in, elem);
	return true;
}
