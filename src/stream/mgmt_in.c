/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/c2s_private.h"
#include "stream/mgmt.h"

/* Stanzas of one client that are being handled: above it nothing is read from it for a while. */
#define PENDING_MAX 2000
#define PENDING_SLOW_MS 20

static struct mgmt *mgmt_of(struct inbound *in)
{
	return list_entry(in, struct mgmt, in);
}

static void hold(struct inbound *in)
{
	mgmt_ref(mgmt_of(in));
}

static void release(struct inbound *in)
{
	mgmt_unref(mgmt_of(in));
}

static void advanced(struct inbound *in)
{
	mgmt_note(mgmt_of(in));
}

static bool answer(struct inbound *in)
{
	const struct mgmt *mgmt = mgmt_of(in);
	struct strbuf out = {0};
	if (!mgmt->c2s || mgmt->unwritten)
		return false;
	strbuf_printf(&out, "<a xmlns='%s' h='%u'/>", mgmt->ns, (unsigned)(uint32_t)in->handled);
	c2s_send(mgmt->c2s, strbuf_view(&out));
	strbuf_fini(&out);
	return true;
}

const struct inbound_ops mgmt_inbound_ops = {hold, release, advanced, answer};

void mgmt_in_fini(void)
{
	inbound_spare_fini();
}

void mgmt_asked(struct mgmt *mgmt)
{
	inbound_asked(&mgmt->in);
}

void mgmt_answer(struct mgmt *mgmt)
{
	inbound_answer(&mgmt->in);
}

bool mgmt_receipt_is_own(const struct mgmt *mgmt)
{
	return inbound_is_cause(&mgmt->in);
}

void mgmt_expect_replay(struct mgmt *mgmt)
{
	inbound_expect_replay(&mgmt->in);
}

void mgmt_receive(struct mgmt *mgmt, struct stanza *stanza)
{
	struct inbound_visit visit;
	if (!inbound_enter(&mgmt->in, stanza, &visit))
		return;
	mgmt_ref(mgmt);
	c2s_stanza(mgmt->c2s, stanza);
	inbound_leave(stanza, &visit);
	if (mgmt->in.pending >= PENDING_MAX && mgmt->session)
		mgmt_session_ops.slow_down(mgmt, PENDING_SLOW_MS);
	mgmt_unref(mgmt);
}
