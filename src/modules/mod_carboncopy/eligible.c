/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/map.h"
#include "modules/message.h"
#include "modules/mod_carboncopy/carbons.h"
#include "stanzad/mem.h"

#define NS_JINGLE_MESSAGE "urn:xmpp:jingle-message:0"
#define NS_INVITATION "jabber:x:conference"

/* --- errors answer messages ----------------------------------------------------------------------------- */

#define REMEMBERED 64

struct remembered {
	uint64_t answers[REMEMBERED]; /* what an error to it has: whom it is exchanged with, and the id */
	unsigned next;
};

static uint64_t answer_hash(const struct jid *peer, struct str id)
{
	return map_hash(jid_bare(peer)) * 31 + map_hash(id);
}

void carbon_remember(struct user *user, const struct jid *peer, const struct stanza *message)
{
	struct remembered *remembered = user_slot(user, &mod_carboncopy);
	if (!message->id.len)
		return;
	if (!remembered) {
		remembered = mem_zalloc(sizeof(*remembered));
		user_set_slot(user, &mod_carboncopy, remembered);
	}
	remembered->answers[remembered->next++ % REMEMBERED] = answer_hash(peer, message->id);
}

void carbon_forget(struct user *user)
{
	free(user_slot(user, &mod_carboncopy));
	user_set_slot(user, &mod_carboncopy, NULL);
}

static bool answers_copied(const struct user *user, const struct jid *peer, const struct stanza *error)
{
	const struct remembered *remembered = user_slot(user, &mod_carboncopy);
	if (!remembered || !error->id.len)
		return false;
	uint64_t hash = answer_hash(peer, error->id);
	for (unsigned i = 0; i < REMEMBERED; i++)
		if (remembered->answers[i] == hash)
			return true;
	return false;
}

/* --- XEP-0280 6.1 --------------------------------------------------------------------------------------- */

bool carbon_is_copy(const struct stanza *message)
{
	for (const struct xml *child = xml_first_element(message->root); child;
	     child = xml_next_element(child))
		if (child->ns_token == XNS_CARBONS &&
		    (str_is(child->name, "sent") || str_is(child->name, "received")))
			return true;
	return false;
}

static bool is_private(const struct stanza *message)
{
	return xml_child(message->root, "private", NS_CARBONS) || message_has_hint(message, "no-copy");
}

/* What instant messaging exchanges without a body. */
static bool has_payload(const struct stanza *message)
{
	for (const struct xml *child = xml_first_element(message->root); child;
	     child = xml_next_element(child))
		if (child->ns_token == XNS_CHATSTATES || str_is(child->ns, NS_JINGLE_MESSAGE))
			return true;
	return message_has_receipt(message) || message_is_encrypted(message);
}

/* XEP-0249, and the mediated ones of XEP-0045 7.8.2. */
static bool is_invitation(const struct stanza *message)
{
	const struct xml *room = xml_child_token(message->root, XN_x, XNS_MUC_USER);
	return (room && xml_child(room, "invite", NULL)) || xml_child(message->root, "x", NS_INVITATION);
}

/* The room sends it to each of the devices that are in there. */
static bool is_from_occupant(const struct stanza *message, const struct jid *from)
{
	return from->resource_len && xml_child_token(message->root, XN_x, XNS_MUC_USER);
}

static bool fits_type(const struct stanza *message)
{
	switch (message->type) {
	case MESSAGE_CHAT:
		return true;
	case MESSAGE_NORMAL:
		return xml_child_token(message->root, XN_body, XNS_CLIENT) || has_payload(message) ||
		       is_invitation(message);
	case MESSAGE_HEADLINE:
		return has_payload(message) || is_invitation(message);
	default:
		return false;
	}
}

bool carbon_is_eligible(struct user *user, const struct jid *from, const struct jid *to,
    const struct stanza *message, enum carbon_direction direction)
{
	if (message->type == STANZA_ERROR)
		return answers_copied(user, direction == CARBON_SENT ? to : from, message);
	if (!fits_type(message) || is_private(message) || carbon_is_copy(message))
		return false;
	return direction == CARBON_SENT || is_invitation(message) || !is_from_occupant(message, from);
}
