/* SPDX-License-Identifier: Apache-2.0 */
/* Stream management of streams that we open (XEP-0198): asked for, and resumed when the connection broke. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "stanzad/log.h"
#include "stream/s2s_out.h"

#define ANSWER_MS 20000

static struct s2s_mgmt *mgmt_of(struct s2s_remains *remains)
{
	return list_entry(remains, struct s2s_mgmt, remains);
}

/* --- enable --------------------------------------------------------------------------------------------- */

static void enable(struct s2s_out *out)
{
	peer_send(&out->peer, STR("<enable xmlns='" NS_S2S_SM "' resume='true'/>"));
	out->mgmt = s2s_mgmt_new(&out->peer);
	out->sm = S2S_SM_ASKED;
}

static bool is_true(struct str value)
{
	return str_is(value, "true") || str_is(value, "1");
}

static void on_enabled(struct s2s_out *out, const struct xml *elem)
{
	struct str id = xml_attr(elem, "id");
	if (id.len && id.len <= S2S_MGMT_ID_MAX && is_true(xml_attr_s(elem, "resume")))
		out->mgmt->id = str_dup(id);
	out->sm = S2S_SM_ON;
	s2s_mgmt_ask(out->mgmt);
}

static void on_refused(struct s2s_out *out)
{
	out->sent = out->mgmt->sent;
	out->mgmt->sent = (struct s2s_queue){0};
	out->sm = S2S_SM_OFF;
	s2s_mgmt_detach(out->mgmt);
	s2s_mgmt_unref(&out->mgmt);
	s2s_out_drained(out);
}

/* --- resume --------------------------------------------------------------------------------------------- */

static void send_resume(struct s2s_out *out)
{
	struct s2s_mgmt *mgmt = out->mgmt;
	struct strbuf bytes = {0};
	strbuf_printf(&bytes, "<resume xmlns='" NS_S2S_SM "' h='%u' previd='", (unsigned)(uint32_t)mgmt->in.handled);
	xml_escape(&bytes, str_of(mgmt->id));
	strbuf_cstr(&bytes, "'/>");
	inbound_expect_replay(&mgmt->in);
	peer_send(&out->peer, strbuf_view(&bytes));
	strbuf_fini(&bytes);
	peer_expect_within(&out->peer, ANSWER_MS, "the other server does not answer to the resumption");
}

/* What came by the old connection should be handled first. */
static void on_look(struct timer *timer)
{
	struct s2s_out *out = list_entry(timer, struct s2s_out, resume);
	bool late = clock_mono_ms() - out->resume_since_ms >= S2S_MGMT_HANDLE_MS;
	if (out->mgmt->in.first && !late)
		timer_start(timer, S2S_MGMT_LOOK_MS, on_look);
	else
		send_resume(out);
}

void s2s_out_mgmt_start(struct s2s_out *out)
{
	struct s2s_remains *remains = s2s_link_take_remains(out->link);
	struct s2s_queue unsent = {0};
	if (remains && out->features.sm) {
		out->mgmt = mgmt_of(remains);
		out->sm = S2S_SM_RESUMING;
		out->resume_since_ms = clock_mono_ms();
		on_look(&out->resume);
		return;
	}
	if (remains)
		remains->give_up(remains, &unsent);
	s2s_link_put_back(out->link, &unsent);
	if (out->features.sm)
		enable(out);
}

static void on_resumed(struct s2s_out *out, const struct xml *elem)
{
	struct s2s_mgmt *mgmt = out->mgmt;
	uint32_t h = 0;
	int more = s2s_mgmt_read_h(elem, &h) ? s2s_mgmt_acked(mgmt, h) : -1;
	if (more < 0) {
		free(mgmt->id); /* it makes no sense to try again */
		mgmt->id = NULL;
		s2s_mgmt_too_high(mgmt, &out->peer, h);
		return;
	}
	peer_expect_within(&out->peer, 0, NULL);
	if (more || !mgmt->sent.count)
		s2s_link_got_through(out->link);
	LOG_INFO("s2s.resumed", LOG_STR("local", out->local), LOG_STR("remote", out->remote),
	    LOG_INT("again", (int64_t)mgmt->sent.count));
	out->sm = S2S_SM_ON;
	mgmt->peer = &out->peer;
	s2s_mgmt_send_again(mgmt);
	s2s_out_drained(out);
}

/* It begins anew on the same connection, with what is left. */
static void on_not_resumed(struct s2s_out *out, const struct xml *elem)
{
	struct s2s_remains *remains = &out->mgmt->remains;
	struct s2s_queue unsent;
	uint32_t h;
	bool told = s2s_mgmt_read_h(elem, &h);
	if (told && s2s_mgmt_acked(out->mgmt, h) > 0)
		s2s_link_got_through(out->link);
	out->mgmt = NULL;
	remains->give_up(remains, &unsent);
	LOG_INFO("s2s.not_resumed", LOG_STR("local", out->local), LOG_STR("remote", out->remote),
	    LOG_BOOL("told", told), LOG_INT("again", (int64_t)unsent.count));
	peer_expect_within(&out->peer, 0, NULL);
	s2s_link_put_back(out->link, &unsent);
	enable(out);
	s2s_out_drained(out);
}

/* --- elements ------------------------------------------------------------------------------------------- */

static bool while_on(struct s2s_out *out, const struct xml *elem)
{
	enum s2s_mgmt_result result = s2s_mgmt_element(out->mgmt, elem);
	if (result != S2S_MGMT_ACKED)
		return result == S2S_MGMT_DONE;
	s2s_link_got_through(out->link);
	s2s_out_drained(out);
	return true;
}

bool s2s_out_mgmt_element(struct s2s_out *out, const struct xml *elem)
{
	if (elem->ns_token != XNS_SM)
		return false;
	if (out->sm == S2S_SM_ON)
		return while_on(out, elem);
	if (out->sm == S2S_SM_ASKED && str_is(elem->name, "enabled"))
		on_enabled(out, elem);
	else if (out->sm == S2S_SM_ASKED && str_is(elem->name, "failed"))
		on_refused(out);
	else if (out->sm == S2S_SM_RESUMING && str_is(elem->name, "resumed"))
		on_resumed(out, elem);
	else if (out->sm == S2S_SM_RESUMING && str_is(elem->name, "failed"))
		on_not_resumed(out, elem);
	else
		return false;
	return true;
}

/* --- the end -------------------------------------------------------------------------------------------- */

/* Something may not have arrived, at either end. */
static bool is_worth_it(const struct s2s_out *out)
{
	return out->mgmt->sent.count || (out->bidi && !out->farewell);
}

bool s2s_out_mgmt_keep(struct s2s_out *out, struct s2s_link *link)
{
	struct s2s_mgmt *mgmt = out->mgmt;
	timer_stop(&out->resume);
	if (!mgmt)
		return false;
	s2s_mgmt_detach(mgmt);
	if (link && mgmt->id && is_worth_it(out) && !s2s_is_stopped()) {
		out->mgmt = NULL;
		s2s_link_broken(link, &mgmt->remains, S2S_WE_RESUME);
		return true;
	}
	out->sent = mgmt->sent;
	mgmt->sent = (struct s2s_queue){0};
	s2s_mgmt_unref(&out->mgmt);
	return false;
}
