/* SPDX-License-Identifier: Apache-2.0 */
/* The client's elements of stream management (XEP-0198 3 to 6), and the way back into a session. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "conf/access.h"
#include "route/host_private.h"
#include "stanzad/log.h"
#include "stream/c2s_private.h"
#include "stream/mgmt.h"

/* A resumption waits so long for what the client sent before to be dealt with, and for sessions of before a restart. */
#define HANDLE_WAIT_MS 2000
#define RESTORE_WAIT_MS 60000
#define LOOK_AGAIN_MS 20

static void send_failed(struct c2s *c2s, const char *ns, enum stanza_condition condition, const uint64_t *h)
{
	struct strbuf out = {0};
	strbuf_printf(&out, "<failed xmlns='%s'", ns);
	if (h)
		strbuf_printf(&out, " h='%u'", (unsigned)(uint32_t)*h);
	strbuf_printf(&out, "><%s xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
	    stanza_condition_text(condition));
	c2s_send(c2s, strbuf_view(&out));
	strbuf_fini(&out);
}

static bool read_h(const struct xml *elem, uint32_t *h_r)
{
	uint64_t h;
	if (!str_to_u64(xml_attr(elem, "h"), &h) || h > UINT32_MAX)
		return false;
	*h_r = (uint32_t)h;
	return true;
}

/* XEP-0198 6. */
static void too_high(struct c2s *c2s, const struct mgmt *mgmt, uint32_t h)
{
	char detail[160], text[120];
	unsigned sent = (unsigned)(uint32_t)mgmt->out.sent;
	snprintf(detail, sizeof(detail), "<handled-count-too-high xmlns='%s' h='%u' send-count='%u'/>", mgmt->ns,
	    (unsigned)h, sent);
	snprintf(text, sizeof(text), "%u stanzas were acknowledged, but only %u were sent", (unsigned)h, sent);
	c2s_fail_with(c2s, STREAM_undefined_condition, text, str_of(detail));
}

/* --- enable --------------------------------------------------------------------------------------------- */

static bool is_true(struct str value)
{
	return str_is(value, "true") || str_is(value, "1");
}

void c2s_mgmt_enable(struct c2s *c2s, const struct xml *enable, const char *ns, struct strbuf *out)
{
	uint64_t wanted = 0;
	struct str location;
	str_to_u64(xml_attr(enable, "max"), &wanted);
	struct mgmt *mgmt = mgmt_start(c2s, ns, is_true(xml_attr(enable, "resume")), wanted);
	location = conf_module_get(mgmt_options(c2s->host), "location")->string;
	strbuf_printf(out, "<enabled xmlns='%s'", ns);
	if (mgmt->resumable) {
		strbuf_printf(out, " id='%s' resume='true' max='%llu'", mgmt->id,
		    (unsigned long long)(mgmt->resume_ms / 1000));
		if (location.len) {
			strbuf_cstr(out, " location='");
			xml_escape(out, location);
			strbuf_char(out, '\'');
		}
	}
	strbuf_cstr(out, "/>");
}

static void on_enable(struct c2s *c2s, const struct xml *enable, const char *ns)
{
	struct strbuf out = {0};
	if (c2s->mgmt || c2s->state != C2S_SESSION) {
		send_failed(c2s, ns, SE_unexpected_request, NULL);
		return;
	}
	c2s_mgmt_enable(c2s, enable, ns, &out);
	c2s_send(c2s, strbuf_view(&out));
	strbuf_fini(&out);
}

/* --- acknowledgements ----------------------------------------------------------------------------------- */

static void on_a(struct c2s *c2s, const struct xml *a, const char *ns)
{
	struct mgmt *mgmt = c2s->mgmt;
	uint32_t h;
	if (!mgmt) {
		send_failed(c2s, ns, SE_unexpected_request, NULL);
		return;
	}
	if (!read_h(a, &h)) {
		send_failed(c2s, ns, SE_bad_request, NULL);
		return;
	}
	switch (mgmt_acked(mgmt, h)) {
	case MGMT_ACK_TOO_HIGH:
		too_high(c2s, mgmt, h);
		break;
	case MGMT_ACK_OLD:
		LOG_DEBUG("mgmt.old_ack", LOG_STR("session", jid_full(&mgmt->jid)), LOG_INT("h", h));
		break;
	default:
		break;
	}
}

static void on_r(struct c2s *c2s, const char *ns)
{
	if (c2s->mgmt)
		mgmt_asked(c2s->mgmt);
	else
		send_failed(c2s, ns, SE_unexpected_request, NULL);
}

/* --- resume --------------------------------------------------------------------------------------------- */

static void resume_refused(struct c2s *c2s)
{
	struct c2s_resumption *resumption = &c2s->setup->resumption;
	uint64_t handled;
	bool known = mgmt_gone_find(&c2s->jid, resumption->id, &handled);
	if (c2s_resume(c2s, C2S_AUTHENTICATED))
		resumption->failed(c2s, SE_item_not_found, known ? &handled : NULL);
}

static void failed_element(struct c2s *c2s, enum stanza_condition condition, const uint64_t *handled)
{
	send_failed(c2s, c2s->setup->resumption.ns, condition, handled);
}

static void resumed_element(struct c2s *c2s, struct str element)
{
	c2s_send(c2s, element);
}

static void take_over(struct c2s *c2s, struct mgmt *mgmt)
{
	struct c2s *old = mgmt->c2s;
	if (old) {
		mgmt_detach(mgmt);
		c2s_fail(old, STREAM_conflict, "the session was resumed by another stream");
	}
	mgmt->c2s = c2s;
	c2s->mgmt = mgmt;
	c2s->session = mgmt->session;
	mgmt_know_client(mgmt);
	mgmt->in.asked = false;
}

static void say_resumed(struct c2s *c2s, struct mgmt *mgmt)
{
	struct strbuf out = {0};
	strbuf_printf(&out, "<resumed xmlns='%s' previd='%s' h='%u'/>", c2s->setup->resumption.ns, mgmt->id,
	    (unsigned)(uint32_t)mgmt->in.handled);
	c2s->setup->resumption.done(c2s, strbuf_view(&out));
	strbuf_fini(&out);
}

static void resume_session(struct c2s *c2s, struct mgmt *mgmt)
{
	uint32_t h = c2s->setup->resumption.h;
	if (!c2s_resume(c2s, C2S_SESSION))
		return;
	take_over(c2s, mgmt);
	mgmt_ref(mgmt);
	timer_stop(&mgmt->timer);
	if (mgmt_acked(mgmt, h) == MGMT_ACK_TOO_HIGH) {
		too_high(c2s, mgmt, h);
	} else {
		say_resumed(c2s, mgmt);
		c2s_session_settle(c2s);
		mgmt_expect_replay(mgmt);
		mgmt_send_again(mgmt);
		LOG_INFO("mgmt.resumed", LOG_STR("session", jid_full(&mgmt->jid)),
		    LOG_STR("address", conn_peer_text(c2s->conn)),
		    LOG_INT("again", (int64_t)mgmt->out.count));
		session_hibernate(mgmt->session, false);
	}
	mgmt_unref(mgmt);
}

static void look(struct c2s *c2s);

static void on_look_again(struct timer *timer)
{
	look(list_entry(timer, struct c2s_resumption, timer)->c2s);
}

static void look(struct c2s *c2s)
{
	struct c2s_resumption *resumption = &c2s->setup->resumption;
	struct mgmt *mgmt = mgmt_find(&c2s->jid, resumption->id);
	uint64_t waited = clock_mono_ms() - resumption->since_ms;
	bool later = mgmt ? mgmt->in.first && waited < HANDLE_WAIT_MS
			  : mgmt_restoring() && waited < RESTORE_WAIT_MS;
	if (later && !c2s->gone && c2s->state != C2S_CLOSING)
		timer_start(&resumption->timer, LOOK_AGAIN_MS, on_look_again);
	else if (mgmt && !c2s->gone && c2s->state != C2S_CLOSING)
		resume_session(c2s, mgmt);
	else
		resume_refused(c2s);
}

static void on_moved(void *owner)
{
	struct c2s *c2s = owner;
	c2s_arrived(c2s);
	look(c2s);
}

void c2s_mgmt_resume(struct c2s *c2s, const struct c2s_resumption *resumption)
{
	c2s->setup->resumption = *resumption;
	c2s->setup->resumption.id = arena_str(&c2s->setup->arena, resumption->id);
	c2s->setup->resumption.c2s = c2s;
	c2s->setup->resumption.since_ms = clock_mono_ms();
	c2s_wait(c2s);
	struct worker *home = worker_home(map_hash(jid_bare(&c2s->jid)));
	if (home == worker_self()) {
		look(c2s);
		return;
	}
	c2s_leaves(c2s);
	conn_move(c2s->conn, home, on_moved);
}

bool c2s_mgmt_read_resume(const struct xml *resume, struct c2s_resumption *resumption_r)
{
	*resumption_r = (struct c2s_resumption){.id = xml_attr(resume, "previd")};
	return resumption_r->id.len && read_h(resume, &resumption_r->h);
}

static void on_resume(struct c2s *c2s, const struct xml *resume, const char *ns)
{
	struct c2s_resumption resumption;
	if (c2s->state != C2S_AUTHENTICATED) {
		send_failed(c2s, ns, SE_unexpected_request, NULL);
	} else if (!c2s_mgmt_read_resume(resume, &resumption)) {
		send_failed(c2s, ns, SE_bad_request, NULL);
	} else {
		resumption.ns = ns;
		resumption.done = resumed_element;
		resumption.failed = failed_element;
		c2s_mgmt_resume(c2s, &resumption);
	}
}

/* --- elements ------------------------------------------------------------------------------------------- */

static const char *namespace_of(const struct xml *elem)
{
	if (str_is(elem->ns, NS_SM))
		return NS_SM;
	return str_is(elem->ns, NS_SM_OLD) ? NS_SM_OLD : NULL;
}

bool c2s_mgmt_element(struct c2s *c2s, const struct xml *elem)
{
	const char *ns = namespace_of(elem);
	if (!ns || !c2s->host || (!c2s->mgmt && !mgmt_options(c2s->host)))
		return false;
	if (str_is(elem->name, "r"))
		on_r(c2s, ns);
	else if (str_is(elem->name, "a"))
		on_a(c2s, elem, ns);
	else if (str_is(elem->name, "enable"))
		on_enable(c2s, elem, ns);
	else if (str_is(elem->name, "resume"))
		on_resume(c2s, elem, ns);
	else
		send_failed(c2s, ns, SE_bad_request, NULL);
	return true;
}
