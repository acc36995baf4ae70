/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/forward.h"
#include "modules/message.h"
#include "modules/mod_client_state/client_state.h"

#define NS_EVENT "http://jabber.org/protocol/pubsub#event"
#define NS_MICROBLOG "urn:xmpp:microblog:0"

static bool option(const struct module_instance *instance, const char *name)
{
	return module_option(instance, name)->boolean;
}

/* --- presence ------------------------------------------------------------------------------------------- */

/* XEP-0045 7.2.2: the user's own presence in a room, which says that a client is in or out. */
static bool is_own_in_room(const struct stanza *presence)
{
	const struct xml *room = xml_child_token(presence->root, XN_x, XNS_MUC_USER);
	const struct xml *status = room ? xml_child(room, "status", NULL) : NULL;
	for (; status; status = xml_next(status, "status", NULL))
		if (str_is(xml_attr(status, "code"), "110"))
			return true;
	return false;
}

static bool presence_key(const struct hook_stanza *event, struct strbuf *key_r)
{
	const struct stanza *presence = event->stanza;
	if ((presence->type != PRESENCE_AVAILABLE && presence->type != PRESENCE_UNAVAILABLE) ||
	    is_own_in_room(presence))
		return false;
	strbuf_printf(key_r, "presence %.*s", STR_FMT(jid_full(event->from)));
	return true;
}

/* --- chat states ---------------------------------------------------------------------------------------- */

static bool has_state(const struct xml *message)
{
	for (const struct xml *child = xml_first_element(message); child; child = xml_next_element(child))
		if (child->ns_token == XNS_CHATSTATES)
			return true;
	return false;
}

static bool is_state(const struct xml *message)
{
	const struct stanza stanza = {.kind = STANZA_MESSAGE, .root = message};
	return has_state(message) && message_is_chat_state(&stanza) &&
	       !str_is(xml_attr_s(message, "type"), "error");
}

/* XEP-0280: the message in a copy, when the copy is from the user's own account. */
static const struct xml *copied(const struct hook_stanza *event)
{
	const struct xml *copy = forward_only_child(event->stanza->root);
	if (!copy || copy->ns_token != XNS_CARBONS || event->from->resource_len ||
	    !jid_bare_eq(event->from, event->to))
		return NULL;
	return forward_get(copy, "message");
}

static bool chat_state_key(const struct hook_stanza *event, struct strbuf *key_r)
{
	const struct xml *message = copied(event);
	if (is_state(message ? message : event->stanza->root)) {
		strbuf_printf(key_r, "state %.*s %.*s %.*s", STR_FMT(jid_full(event->from)),
		    STR_FMT(xml_attr_s(message, "from")), STR_FMT(xml_attr_s(message, "to")));
		return true;
	}
	return false;
}

/* --- personal eventing: XEP-0163 ------------------------------------------------------------------------ */

/*
 * Of a contact's node the latest item is of interest. Not so where every item counts: in a blog, and in the user's own
 * nodes, where other devices keep bookmarks (XEP-0402) and what was read (XEP-0490).
 */
static bool every_item_counts(const struct hook_stanza *event, struct str node)
{
	return jid_bare_eq(event->from, event->to) || str_is(node, NS_MICROBLOG);
}

static void put_ids(const struct xml *items, struct strbuf *key_r)
{
	for (const struct xml *item = xml_first_element(items); item; item = xml_next_element(item))
		strbuf_printf(key_r, "\n%.*s", STR_FMT(xml_attr_s(item, "id")));
}

/* Only items: what is done to a node as a whole changes what came before. */
static bool event_key(const struct hook_stanza *event, struct strbuf *key_r)
{
	const struct stanza *message = event->stanza;
	const struct xml *items =
	    forward_only_child(xml_child(message->root, "event", NS_EVENT));
	bool personal = event->from->local_len && !event->from->resource_len;
	if (!items || !personal || !str_is(items->name, "items") || message->type == STANZA_ERROR ||
	    message->type == MESSAGE_GROUPCHAT || message_has_body(message) ||
	    message_of_subscription(message))
		return false;
	struct str node = xml_attr_s(items, "node");
	strbuf_printf(key_r, "event %.*s %.*s", STR_FMT(jid_full(event->from)), STR_FMT(node));
	if (every_item_counts(event, node))
		put_ids(items, key_r);
	return true;
}

bool client_state_can_wait(
    struct module_instance *instance, const struct hook_stanza *event, struct strbuf *key_r)
{
	switch (event->stanza->kind) {
	case STANZA_PRESENCE:
		return option(instance, "queue_presence") && presence_key(event, key_r);
	case STANZA_MESSAGE:
		return (option(instance, "queue_chat_states") && event->stanza->type != STANZA_ERROR &&
			   chat_state_key(event, key_r)) ||
		       (option(instance, "queue_pep") && event_key(event, key_r));
	default:
		return false;
	}
}
