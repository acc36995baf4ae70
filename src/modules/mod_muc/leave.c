/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/room.h"

static void telling_of(
    struct room_telling *telling, struct occupant *occupant, const struct room_leaving *leaving)
{
	room_telling_init(telling, occupant);
	telling->unavailable = true;
	telling->presence = leaving->presence;
	telling->role = ROOM_NO_ROLE;
	telling->affiliation = leaving->why == ROOM_LEFT_END ? ROOM_NONE : occupant->affiliation;
	telling->status[0] = leaving->status;
	telling->by = leaving->by;
	telling->by_jid = leaving->by_jid;
	telling->reason = leaving->presence ? STR_NULL : leaving->reason;
	telling->extra = leaving->extra;
}

static void run_left(struct occupant *occupant, const struct room_leaving *leaving)
{
	struct room *room = occupant->room;
	struct hook_room_left event = {.room = room,
	    .occupant = occupant,
	    .why = leaving->why,
	    .reason = leaving->reason,
	    .by = leaving->by};
	hook_run_room_left(module_host(room->instance), &event);
}

static void remove_all(struct room *room, struct occupant *occupant)
{
	while (!room_remove_client(room, occupant->clients))
		;
}

/* Others see another client of theirs now. */
static void show_next(struct room *room, struct occupant *occupant)
{
	struct room_telling telling;
	room_telling_init(&telling, occupant);
	room_tell(room, &telling);
}

void room_client_leaves(struct room *room, struct room_client *client, const struct room_leaving *leaving)
{
	struct occupant *occupant = client->occupant;
	struct room_telling telling;
	bool seen = occupant->clients == client;
	if (!client->next && seen) {
		room_occupant_leaves(room, occupant, leaving);
		return;
	}
	telling_of(&telling, occupant, leaving);
	telling.client = client;
	room_tell_one(room, &telling, client);
	room_remove_client(room, client);
	if (seen)
		show_next(room, occupant);
}

void room_occupant_ends(struct room *room, struct occupant *occupant, const struct room_leaving *leaving)
{
	struct room_telling telling;
	telling_of(&telling, occupant, leaving);
	for (struct room_client *client = occupant->clients; client; client = client->next)
		room_tell_one(room, &telling, client);
	run_left(occupant, leaving);
	remove_all(room, occupant);
}

void room_occupant_leaves(struct room *room, struct occupant *occupant, const struct room_leaving *leaving)
{
	struct room_telling telling;
	room_hold(room);
	telling_of(&telling, occupant, leaving);
	room_tell(room, &telling);
	run_left(occupant, leaving);
	remove_all(room, occupant);
	room_release(room);
}

void room_expel(struct room *room, struct occupant *occupant, enum room_left why, struct str reason)
{
	struct room_leaving leaving = {
	    .why = why, .status = why == ROOM_LEFT_BANNED ? 301 : 307, .reason = reason};
	room_occupant_leaves(room, occupant, &leaving);
}
