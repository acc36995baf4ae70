/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_mam/mam.h"
#include "modules/message.h"

static void look_at_hint(struct mam_content *content, const struct xml *hint)
{
	content->store |= str_is(hint->name, "store");
	/* XEP-0334 4.1, 4.2, and what the latter was called once */
	content->no_store |= str_is(hint->name, "no-store") || str_is(hint->name, "no-permanent-store") ||
			     str_is(hint->name, "no-storage") || str_is(hint->name, "no-permanent-storage");
}

static void look_at_id(struct mam_content *content, const struct xml *id)
{
	if (!str_is(id->name, "origin-id"))
		content->stanza_ids = true;
	else if (!content->origin_id.len)
		content->origin_id = xml_attr_s(id, "id");
}

static void look_at_other(struct mam_content *content, const struct xml *child)
{
	if (!xml_is(child, "retract", NS_RETRACT))
		return;
	content->retracted = xml_attr_s(child, "id");
	content->body = true;
}

/* What was said in a room that the user follows. */
static bool is_said_in_a_room(const struct stanza *message)
{
	const struct xml *said = message_of_subscription(message);
	const struct xml *body = said ? xml_child(said, "body", NULL) : NULL;
	return (body && body->inner.len) || (said && xml_child(said, "subject", NULL));
}

struct mam_content mam_content_of(const struct stanza *message)
{
	struct mam_content content = {.origin_id = message->id};
	for (const struct xml *child = message->root->children; child; child = child->next) {
		if (child->kind != XML_ELEMENT)
			continue;
		if (child->ns_token == XNS_CLIENT)
			content.body |= child->inner.len && (child->name_token == XN_body ||
								child->name_token == XN_subject);
		else if (child->ns_token == XNS_HINTS)
			look_at_hint(&content, child);
		else if (child->ns_token == XNS_SID)
			look_at_id(&content, child);
		else if (child->ns_token == XNS_OTHER)
			look_at_other(&content, child);
	}
	content.body |= is_said_in_a_room(message);
	return content;
}

/* XEP-0313 6.1.1, XEP-0334 4 */
bool mam_content_counts(const struct stanza *message, const struct mam_content *content)
{
	if (message->type == STANZA_ERROR || message->type == MESSAGE_GROUPCHAT || content->no_store)
		return false;
	if (content->store)
		return true;
	return message->type != MESSAGE_HEADLINE && (content->body || message_is_encrypted(message));
}
