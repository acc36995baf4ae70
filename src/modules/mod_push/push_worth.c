/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/forward.h"
#include "modules/message.h"
#include "modules/mod_push/push.h"

#define NS_CARBONS "urn:xmpp:carbons:2"

/* --- what there is in a message ------------------------------------------------------------------------- */

/* Tells of a message, of typing, or of how to treat the stanza, and says nothing itself. */
static bool accompanies(const struct xml *child)
{
	static const char *const namespaces[] = {"http://jabber.org/protocol/chatstates", "urn:xmpp:receipts",
	    "urn:xmpp:chat-markers:0", "urn:xmpp:delay", "urn:xmpp:hints", "urn:xmpp:sid:0", NULL};
	for (const char *const *ns = namespaces; *ns; ns++)
		if (str_is(child->ns, *ns))
			return true;
	return xml_is(child, "thread", "jabber:client");
}

static bool says_something(const struct xml *message)
{
	for (const struct xml *child = xml_first_element(message); child; child = xml_next_element(child))
		if (!accompanies(child))
			return true;
	return false;
}

static bool is_readable(const struct stanza *message)
{
	return message->type != STANZA_ERROR && message->type != MESSAGE_HEADLINE &&
	       (message_has_body(message) || message_is_encrypted(message));
}

/* --- what is told of it --------------------------------------------------------------------------------- */

/* At most PUSH_BODY_MAX bytes, and no character in halves. */
static struct str shortened(struct str text)
{
	if (text.len <= PUSH_BODY_MAX)
		return text;
	text.len = PUSH_BODY_MAX;
	while (text.len && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80)
		text.len--;
	return text;
}

static void summarise(const struct stanza *message, struct str from, const struct push_rules *rules,
    struct push_news *news)
{
	struct strbuf joined = {0};
	if (rules->include_sender)
		news->sender = str_dup(from);
	if (rules->body == PUSH_BODY_FIXED)
		news->body = str_dup(rules->fixed_body);
	else if (rules->body == PUSH_BODY_REAL)
		news->body = str_dup(shortened(xml_child_text(message->root, "body", &joined)));
	strbuf_fini(&joined);
}

static void judge_plain(const struct stanza *message, struct str from, const struct push_rules *rules,
    struct push_news *news)
{
	if (is_readable(message)) {
		news->worth = PUSH_MESSAGE;
		summarise(message, from, rules, news);
	} else if (!rules->messages_only && says_something(message->root)) {
		news->worth = PUSH_SILENT;
	}
}

static void judge_inner(const struct xml *inner, const struct push_rules *rules, struct push_news *news)
{
	struct strbuf text = {0};
	struct err err;
	xml_write(&text, inner, NS_CLIENT);
	struct stanza *message = stanza_parse(strbuf_view(&text), &xml_limits_default, &err);
	if (message)
		judge_plain(message, xml_attr_s(inner, "from"), rules, news);
	stanza_unref(&message);
	strbuf_fini(&text);
}

/* XEP-0280: what another device got. What another one sent is known to the user. */
static bool judge_carbon(const struct stanza *stanza, const struct push_rules *rules, struct push_news *news)
{
	const struct xml *received = xml_child(stanza->root, "received", NS_CARBONS);
	const struct xml *inner = forward_get(received, "message");
	if (!received)
		return xml_child(stanza->root, "sent", NS_CARBONS) != NULL;
	if (inner)
		judge_inner(inner, rules, news);
	return true;
}

/* What was said in a room that the user follows is the message. */
static bool judge_subscription(
    const struct stanza *stanza, const struct push_rules *rules, struct push_news *news)
{
	const struct xml *inner = message_of_subscription(stanza);
	if (inner)
		judge_inner(inner, rules, news);
	return inner != NULL;
}

void push_judge(const struct stanza *stanza, const struct jid *from, const struct push_rules *rules,
    struct push_news *news_r)
{
	*news_r = (struct push_news){PUSH_NOTHING, NULL, NULL};
	switch (stanza->kind) {
	case STANZA_MESSAGE:
		if (!judge_carbon(stanza, rules, news_r) && !judge_subscription(stanza, rules, news_r))
			judge_plain(stanza, jid_full(from), rules, news_r);
		break;
	case STANZA_IQ:
		if (!rules->messages_only && stanza_is_request(stanza))
			news_r->worth = PUSH_SILENT;
		break;
	case STANZA_PRESENCE:
		if (!rules->messages_only && stanza->type == PRESENCE_SUBSCRIBE)
			news_r->worth = PUSH_SILENT;
		break;
	}
}

void push_news_fini(struct push_news *news)
{
	free(news->sender);
	free(news->body);
	news->sender = news->body = NULL;
}
