/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "modules/mod_muc_admin/muc_admin.h"

json_t *admin_json(struct str text)
{
	return json_stringn(text.ptr ? text.ptr : "", text.len);
}

/* --- which room ----------------------------------------------------------------------------------------- */

enum command_outcome admin_room_init(struct admin_room *room_r, struct command_call *call)
{
	struct admin_room *room = room_r;
	struct str local, domain;
	struct err err = {0};
	*room = (struct admin_room){0};
	if (jid_prep_local(command_string(call, "room"), &room->arena, &local, &err) < 0 || !local.len)
		return command_say(call, COMMAND_USAGE, "room: %s", err.text[0] ? err.text : "it is empty");
	if (jid_prep_domain(command_string(call, "service"), &room->arena, &domain, &err) < 0)
		return command_say(call, COMMAND_USAGE, "service: %s", err.text);
	room->muc = muc_serving(domain);
	if (!room->muc)
		return command_say(call, COMMAND_NOT_FOUND, "%.*s is no service of rooms here", STR_FMT(domain));
	jid_make(local, domain, STR_NULL, &room->arena, &room->jid, NULL);
	return COMMAND_OK;
}

int admin_room_parse(struct admin_room *room_r, struct str text, struct err *err)
{
	struct admin_room *room = room_r;
	*room = (struct admin_room){0};
	if (jid_parse(text, &room->arena, &room->jid, err) < 0)
		return -1;
	room->jid = jid_to_bare(&room->jid);
	if (!room->jid.local_len)
		return err_set(err, "%.*s is no address of a room", STR_FMT(text));
	room->muc = muc_serving(jid_domain(&room->jid));
	if (!room->muc)
		return err_set(err, "%.*s is no service of rooms here", STR_FMT(jid_domain(&room->jid)));
	return 0;
}

void admin_room_fini(struct admin_room *room)
{
	arena_fini(&room->arena);
}

/* --- to it ---------------------------------------------------------------------------------------------- */

struct visit {
	const struct jid *jid;
	void (*fn)(void *arg, struct room *room);
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t over;
	bool done;
};

/* The visitor, and the visit with it, may be gone after the unlock. */
static void on_room(void *arg, struct room *room)
{
	struct visit *visit = arg;
	if (room)
		room_hold(room);
	visit->fn(visit->arg, room);
	if (room)
		room_release(room);
	pthread_mutex_lock(&visit->lock);
	visit->done = true;
	pthread_cond_signal(&visit->over);
	pthread_mutex_unlock(&visit->lock);
}

static void begin(void *arg)
{
	struct visit *visit = arg;
	room_load(visit->jid, on_room, visit);
}

void admin_room_visit(const struct admin_room *room, void (*fn)(void *arg, struct room *room), void *arg)
{
	struct visit visit = {.jid = &room->jid, .fn = fn, .arg = arg};
	pthread_mutex_init(&visit.lock, NULL);
	pthread_cond_init(&visit.over, NULL);
	command_on_home(jid_bare(&room->jid), begin, &visit);
	pthread_mutex_lock(&visit.lock);
	while (!visit.done)
		pthread_cond_wait(&visit.over, &visit.lock);
	pthread_mutex_unlock(&visit.lock);
	pthread_mutex_destroy(&visit.lock);
	pthread_cond_destroy(&visit.over);
}

struct looking {
	void (*fn)(void *arg, struct room *room);
	void *arg;
	bool found;
};

static void look(void *arg, struct room *room)
{
	struct looking *looking = arg;
	looking->found = room && !room->ending;
	if (looking->found)
		looking->fn(looking->arg, room);
}

enum command_outcome admin_visit(
    struct command_call *call, void (*fn)(void *arg, struct room *room), void *arg)
{
	struct admin_room room;
	struct looking looking = {fn, arg, false};
	enum command_outcome outcome = admin_room_init(&room, call);
	if (outcome == COMMAND_OK)
		admin_room_visit(&room, look, &looking);
	if (outcome == COMMAND_OK && !looking.found)
		outcome = command_say(call, COMMAND_NOT_FOUND, "there is no room %.*s", STR_FMT(jid_bare(&room.jid)));
	admin_room_fini(&room);
	return outcome;
}

/* --- services ------------------------------------------------------------------------------------------- */

enum command_outcome admin_services_init(struct admin_services *services_r, struct command_call *call)
{
	struct admin_services *services = services_r;
	struct str given = command_string(call, "service");
	struct err err = {0};
	*services = (struct admin_services){0};
	if (str_is(given, "global")) {
		services->count =
		    muc_all(services->list, sizeof(services->list) / sizeof(services->list[0]));
		return COMMAND_OK;
	}
	if (jid_prep_domain(given, &services->arena, &services->domain, &err) < 0)
		return command_say(call, COMMAND_USAGE, "service: %s", err.text);
	services->list[0] = muc_serving(services->domain);
	services->count = 1;
	if (!services->list[0])
		return command_say(
		    call, COMMAND_NOT_FOUND, "%.*s is no service of rooms here", STR_FMT(services->domain));
	return COMMAND_OK;
}

void admin_services_fini(struct admin_services *services)
{
	arena_fini(&services->arena);
}

void admin_services_each(const struct admin_services *services,
    bool (*each)(void *arg, const struct directory_entry *entry), void *arg)
{
	for (size_t i = 0; i < services->count; i++)
		directory_each(services->list[i]->directory, services->domain, STR_NULL, each, arg);
}
