/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands about rooms, as ejabberd names them. They run on threads of their own, and go to the home of a room for what
 * they want of it; a room that sleeps is loaded for that. While one of them runs, no module can be unloaded that has
 * the commands, and none that it needs.
 */
#pragma once

#include "modules/mod_muc/room.h"
#include "stanzad/command.h"

extern const struct module mod_muc_admin;

/* --- visit.c --- */

/* What the arguments 'room' and 'service' name. */
struct admin_room {
	struct jid jid; /* bare */
	struct muc *muc;
	struct arena arena;
};
/* COMMAND_OK, or the text says what is wrong. Fini in any case. */
enum command_outcome admin_room_init(struct admin_room *room_r, struct command_call *call);
void admin_room_fini(struct admin_room *room);
/* The same for a JID as text. */
int admin_room_parse(struct admin_room *room_r, struct str jid, struct err *err);
/* Calls fn(arg, room) on its home, when it is loaded, and waits. room NULL: there is none. */
void admin_room_visit(const struct admin_room *room, void (*fn)(void *arg, struct room *room), void *arg);
/* The same, of a room that there must be: when there is none, COMMAND_NOT_FOUND, and the text says so. */
enum command_outcome admin_visit(
    struct command_call *call, void (*fn)(void *arg, struct room *room), void *arg);
/* The services that the argument 'service' names, which may be global. */
struct admin_services {
	struct muc *list[64];
	size_t count;
	struct str domain; /* empty: all of each */
	struct arena arena;
};
enum command_outcome admin_services_init(struct admin_services *services_r, struct command_call *call);
void admin_services_fini(struct admin_services *services);
/* Calls each for every room of theirs, as directory_each. */
void admin_services_each(const struct admin_services *services,
    bool (*each)(void *arg, const struct directory_entry *entry), void *arg);

json_t *admin_json(struct str text);

/* --- people.c --- */
/* Two names, of somebody who need not be of this server. */
enum command_outcome admin_person(
    struct command_call *call, struct str user, struct str host, struct arena *arena, struct jid *jid_r);

/* --- subscriptions.c --- */
/* "juliet@example.org=Nick=messages=subject;...". room NULL: only looked at. */
int admin_read_subscribers(struct room *room, struct str list, struct err *err);

/* --- one file each --- */
enum command_outcome admin_create_room(struct command_call *call);
enum command_outcome admin_create_room_with_opts(struct command_call *call);
enum command_outcome admin_create_rooms_file(struct command_call *call);
enum command_outcome admin_destroy_room(struct command_call *call);
enum command_outcome admin_destroy_rooms_file(struct command_call *call);

enum command_outcome admin_online_rooms(struct command_call *call);
enum command_outcome admin_online_rooms_by_regex(struct command_call *call);
enum command_outcome admin_online_rooms_count(struct command_call *call);
enum command_outcome admin_user_rooms(struct command_call *call);

enum command_outcome admin_unused_list(struct command_call *call);
enum command_outcome admin_unused_destroy(struct command_call *call);
enum command_outcome admin_empty_list(struct command_call *call);
enum command_outcome admin_empty_destroy(struct command_call *call);

enum command_outcome admin_room_options(struct command_call *call);
enum command_outcome admin_change_option(struct command_call *call);
enum command_outcome admin_room_history(struct command_call *call);

enum command_outcome admin_affiliation(struct command_call *call);
enum command_outcome admin_affiliations(struct command_call *call);
enum command_outcome admin_set_affiliation(struct command_call *call);
enum command_outcome admin_occupants(struct command_call *call);
enum command_outcome admin_occupants_number(struct command_call *call);
enum command_outcome admin_invite(struct command_call *call);

enum command_outcome admin_subscribe(struct command_call *call);
enum command_outcome admin_subscribe_many(struct command_call *call);
enum command_outcome admin_unsubscribe(struct command_call *call);
enum command_outcome admin_subscribers(struct command_call *call);
enum command_outcome admin_user_subscriptions(struct command_call *call);

enum command_outcome admin_register_nick(struct command_call *call);
enum command_outcome admin_unregister_nick(struct command_call *call);
enum command_outcome admin_registered_nick(struct command_call *call);
enum command_outcome admin_registered_nicks(struct command_call *call);

/* When the commands were there first: real time. */
int64_t admin_started_us(void);
