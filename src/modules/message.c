/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/message.h"

bool message_has_body(const struct stanza *message)
{
	const struct xml *body = xml_child_token(message->root, XN_body, XNS_CLIENT);
	for (; body; body = xml_next(body, "body", NULL))
		if (body->inner.len)
			return true;
	return false;
}

bool message_is_chat_state(const struct stanza *message)
{
	for (const struct xml *child = xml_first_element(message->root); child;
	     child = xml_next_element(child)) {
		bool accompanies = child->ns_token == XNS_CHATSTATES || child->ns_token == XNS_DELAY ||
				   child->ns_token == XNS_HINTS || child->ns_token == XNS_SID ||
				   (child->ns_token == XNS_CLIENT && child->name_token == XN_thread);
		if (!accompanies)
			return false;
	}
	return true;
}

static bool has_child(const struct stanza *message, const char *name, const char *ns)
{
	return xml_child(message->root, name, ns) != NULL;
}

bool message_has_hint(const struct stanza *message, const char *hint)
{
	bool no_store = str_is(str_of(hint), "no-store");
	return has_child(message, hint, "urn:xmpp:hints") ||
	       (no_store && has_child(message, "no-storage", "urn:xmpp:hints"));
}

static bool has_any_of(const struct stanza *message, const char *const (*namespaces)[2])
{
	for (; (*namespaces)[0]; namespaces++)
		if (has_child(message, (*namespaces)[1], (*namespaces)[0]))
			return true;
	return false;
}

bool message_has_receipt(const struct stanza *message)
{
	static const char *const receipts[][2] = {
	    {"urn:xmpp:receipts", "received"},
	    {"urn:xmpp:receipts", "request"},
	    {"urn:xmpp:chat-markers:0", "markable"},
	    {"urn:xmpp:chat-markers:0", "received"},
	    {"urn:xmpp:chat-markers:0", "displayed"},
	    {"urn:xmpp:chat-markers:0", "acknowledged"},
	    {0},
	};
	return has_any_of(message, receipts);
}

bool message_is_encrypted(const struct stanza *message)
{
	static const char *const envelopes[][2] = {
	    {"eu.siacs.conversations.axolotl", "encrypted"},
	    {"urn:xmpp:omemo:1", "encrypted"},
	    {"urn:xmpp:omemo:2", "encrypted"},
	    {"urn:xmpp:openpgp:0", "openpgp"},
	    {"jabber:x:encrypted", "x"},
	    {"urn:xmpp:otr:0", "otr"},
	    {0},
	};
	return has_any_of(message, envelopes);
}

const struct xml *message_of_subscription(const struct stanza *message)
{
	static const struct xml_step steps[] = {XML_ELEM_NS("event", "http://jabber.org/protocol/pubsub#event"),
	    XML_ELEM("items"), XML_ELEM("item"), XML_ELEM_NS("message", "jabber:client"), XML_END};
	const struct xml *event = xml_child(message->root, "event", steps[0].ns);
	const struct xml *items = event ? xml_child(event, "items", NULL) : NULL;
	if (!str_starts(xml_attr_s(items, "node"), "urn:xmpp:mucsub:nodes:"))
		return NULL;
	return xml_path_steps(message->root, NULL, steps).elem;
}
