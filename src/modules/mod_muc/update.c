/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_muc/feature.h"

#define STATUS_RENAMED 303

/* --- another presence: 7.7 ------------------------------------------------------------------------------ */

static bool is_status(const struct xml *child, void *arg)
{
	(void)arg;
	return xml_is(child, "status", "jabber:client");
}

/* What others are to see of it: without claims; without a text when visitors may have none. */
static struct stanza *to_be_shown(const struct room *room, const struct occupant *occupant, struct stanza *presence)
{
	struct stanza *shown = room_without_claims(room, presence);
	if (occupant->role == ROOM_VISITOR && !room->config.allow_visitor_status &&
	    xml_child(shown->root, "status", NULL)) {
		struct stanza *silent = stanza_without(shown, is_status, NULL);
		stanza_unref(&shown);
		shown = silent;
	}
	return shown;
}

void room_show(struct room *room, struct room_client *client, struct stanza *presence)
{
	struct occupant *occupant = client->occupant;
	struct room_telling telling;
	stanza_unref(&client->presence);
	client->presence = to_be_shown(room, occupant, presence);
	room_client_dirty(room, client);
	if (occupant->clients != client) {
		room_telling_init(&telling, occupant);
		telling.presence = client->presence;
		telling.client = client;
		telling.answers = presence;
		room_tell_one(room, &telling, client);
		return;
	}
	room_telling_init(&telling, occupant);
	telling.answers = presence;
	room_tell(room, &telling);
}

/* --- another nick: 7.6 ---------------------------------------------------------------------------------- */

static const char *what_is_against(
    const struct room *room, const struct occupant *occupant, struct str nick, enum stanza_condition *condition_r)
{
	struct occupant *other = room_occupant(room, nick);
	*condition_r = SE_jid_malformed;
	if (str_trim(nick).len == 0)
		return "a nick is missing";
	*condition_r = SE_conflict;
	if (other && other != occupant)
		return "somebody else has that nick";
	if (room_nick_is_reserved(room, nick, &occupant->real))
		return "somebody else has reserved that nick";
	*condition_r = SE_not_acceptable;
	if (occupant->role == ROOM_VISITOR && !room->config.allow_visitor_nickchange)
		return "visitors may not change their nick here";
	return NULL;
}

static void tell_renamed(struct room *room, struct occupant *occupant, struct str nick, struct stanza *presence)
{
	struct room_telling telling;
	bool shown = occupant->shown;
	room_telling_init(&telling, occupant);
	telling.unavailable = true;
	telling.presence = NULL;
	telling.status[0] = STATUS_RENAMED;
	telling.nick = nick;
	telling.answers = presence;
	room_tell(room, &telling);
	occupant->shown = shown;
}

static void rename_occupant(struct room *room, struct room_client *client, struct str nick, struct stanza *presence)
{
	struct occupant *occupant = client->occupant;
	struct hook_room_renamed event = {.room = room, .occupant = occupant};
	char *before = str_dup(jid_resource(&occupant->jid));
	tell_renamed(room, occupant, nick, presence);
	occupant_rename(occupant, nick);
	room_show(room, client, presence);
	event.before = str_of(before);
	hook_run_room_renamed(module_host(room->instance), &event);
	free(before);
}

/* ---------------------------------------------------------------------------------------------------------- */

void room_update(struct room *room, struct room_client *client, const struct jid *to, struct stanza *presence)
{
	struct occupant *occupant = client->occupant;
	struct str nick = jid_resource(to);
	enum stanza_condition condition;
	if (str_eq(nick, jid_resource(&occupant->jid))) {
		if (xml_child(presence->root, "x", NS_MUC))
			room_come_again(room, client, presence);
		else if (room_pace_presence(room, client, presence))
			room_show(room, client, presence);
		return;
	}
	const char *against = what_is_against(room, occupant, nick, &condition);
	if (!against && !room_pace_nick(occupant)) {
		condition = SE_resource_constraint;
		against = "you change your nick too often";
	}
	if (against)
		muc_refuse(&client->jid, to, presence, condition, against);
	else
		rename_occupant(room, client, nick, presence);
}
