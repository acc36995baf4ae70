/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_carboncopy/carbons.h"
#include "stanzad/mem.h"
#include "stanzad/receipt.h"

/* Errors and what names one resource alone are not for all; a room sends back what is sent to it. */
static bool is_reflected(const struct hook_stanza *event)
{
	if (event->stanza->type == STANZA_ERROR || event->stanza->type == MESSAGE_GROUPCHAT ||
	    (event->stanza->type == MESSAGE_HEADLINE && event->to->resource_len) ||
	    jid_bare_eq(event->to, user_jid(event->user)))
		return false;
	return !xml_child(event->stanza->root, "im-ng", NS_IM_ROUTING);
}

/* XEP-0409 3.3. Those that are still there: to deliver may end a session. */
void carbon_reflect(struct hook_stanza *event)
{
	struct receipt *before;
	if (!is_reflected(event))
		return;
	receipt_enter(NULL, &before);
	struct session *next;
	for (struct session *session = user_first_session(event->user); session; session = next) {
		next = session_next(session);
		if (carbon_mode(session) == CARBON_ALL && session_presence(session))
			session_deliver(session, event->from, event->to, event->stanza);
	}
	receipt_leave(before);
}
