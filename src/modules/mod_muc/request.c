/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/invite.h"
#include "modules/mod_muc/voice.h"
#include "stanzad/form.h"

/* A form that is cancelled need not say what it was about. */
static const struct xml *find_form(const struct stanza *stanza)
{
	const struct xml *x = xml_child(stanza->root, "x", NS_DATA);
	for (; x; x = xml_next(x, "x", NS_DATA))
		if (str_is(form_namespace(x), NS_MUC_REQUEST) || str_is(xml_attr(x, "type"), "cancel"))
			return x;
	return NULL;
}

static bool refuse(struct stanza_error *error_r, enum stanza_condition condition, const char *text)
{
	*error_r = (struct stanza_error){.condition = condition, .text = text};
	return false;
}

static bool take(
    struct room *room, const struct jid *from, struct stanza *stanza, struct stanza_error *error_r)
{
	const struct xml *x = xml_child(stanza->root, "x", NS_MUC_USER);
	const struct xml *decline = x ? xml_child(x, "decline", NULL) : NULL;
	const struct xml *form = find_form(stanza);
	/* 17.2 */
	if (room->locked && !room_occupant_of(room, from))
		return refuse(error_r, SE_item_not_found, "the room is not open yet");
	if (x && xml_child(x, "invite", NULL))
		return room_take_invites(room, from, stanza, x, error_r);
	if (decline)
		return room_take_decline(room, from, stanza, decline, error_r);
	if (form)
		return room_take_voice(room, from, form, error_r);
	return refuse(error_r, SE_not_acceptable, "messages to a room are of type groupchat");
}

void room_request(struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct stanza_error error = {0};
	room_hold(room);
	if (!take(room, from, stanza, &error))
		muc_refuse(from, to, stanza, error.condition, error.text);
	room_release(room);
}
