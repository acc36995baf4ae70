/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc_admin/muc_admin.h"

/* --- affiliations --------------------------------------------------------------------------------------- */

struct asking {
	struct jid jid;
	enum room_affiliation affiliation;
};

static void ask_affiliation(void *arg, struct room *room)
{
	struct asking *asking = arg;
	asking->affiliation = room_affiliation_of(room, &asking->jid);
}

enum command_outcome admin_affiliation(struct command_call *call)
{
	struct arena arena = {0};
	struct err err = {0};
	struct asking asking = {0};
	enum command_outcome outcome;
	if (jid_parse(command_string(call, "jid"), &arena, &asking.jid, &err) < 0)
		outcome = command_say(call, COMMAND_USAGE, "jid: %s", err.text);
	else
		outcome = admin_visit(call, ask_affiliation, &asking);
	if (outcome == COMMAND_OK)
		call->result = json_string(room_affiliation_text(asking.affiliation));
	arena_fini(&arena);
	return outcome;
}

static void list_affiliations(void *arg, struct room *room)
{
	uint32_t position = 0;
	const struct room_affiliate *affiliate;
	while ((affiliate = map_next(&room->affiliates, &position, NULL)))
		json_array_append_new(arg,
		    json_pack("{s:o, s:s, s:o}", "jid", admin_json(jid_full(&affiliate->jid)), "affiliation",
			room_affiliation_text(affiliate->affiliation), "reason",
			admin_json(room_word(&affiliate->reason))));
}

/* What fn puts into an array is the result. */
static enum command_outcome list(struct command_call *call, void (*fn)(void *arg, struct room *room))
{
	json_t *rows = json_array();
	enum command_outcome outcome = admin_visit(call, fn, rows);
	if (outcome == COMMAND_OK)
		call->result = json_incref(rows);
	json_decref(rows);
	return outcome;
}

enum command_outcome admin_affiliations(struct command_call *call)
{
	return list(call, list_affiliations);
}

static void set_affiliation(void *arg, struct room *room)
{
	struct asking *asking = arg;
	room_set_affiliation(room, &asking->jid, asking->affiliation, NULL, STR_NULL);
}

enum command_outcome admin_person(
    struct command_call *call, struct str user, struct str host, struct arena *arena, struct jid *jid_r)
{
	struct str local, domain;
	struct err err = {0};
	if (jid_prep_local(user, arena, &local, &err) < 0)
		return command_say(call, COMMAND_USAGE, "user: %s", err.text);
	if (jid_prep_domain(host, arena, &domain, &err) < 0)
		return command_say(call, COMMAND_USAGE, "host: %s", err.text);
	jid_make(local, domain, STR_NULL, arena, jid_r, NULL);
	return COMMAND_OK;
}

enum command_outcome admin_set_affiliation(struct command_call *call)
{
	struct arena arena = {0};
	struct asking asking;
	enum command_outcome outcome;
	if (room_affiliation_read(command_string(call, "affiliation"), &asking.affiliation) < 0)
		outcome = command_say(
		    call, COMMAND_USAGE, "affiliation is owner, admin, member, outcast or none");
	else
		outcome = admin_person(
		    call, command_string(call, "user"), command_string(call, "host"), &arena, &asking.jid);
	if (outcome == COMMAND_OK)
		outcome = admin_visit(call, set_affiliation, &asking);
	arena_fini(&arena);
	return outcome;
}

/* --- occupants ------------------------------------------------------------------------------------------ */

static void list_occupants(void *arg, struct room *room)
{
	for (struct list *at = room->clients.next; at != &room->clients; at = at->next) {
		const struct room_client *client = list_entry(at, struct room_client, in_room);
		json_array_append_new(arg,
		    json_pack("{s:o, s:o, s:s}", "jid", admin_json(jid_full(&client->jid)), "nick",
			admin_json(jid_resource(&client->occupant->jid)), "role",
			room_role_text(client->occupant->role)));
	}
}

enum command_outcome admin_occupants(struct command_call *call)
{
	return list(call, list_occupants);
}

static void count_occupants(void *arg, struct room *room)
{
	*(unsigned *)arg = room->occupant_count;
}

enum command_outcome admin_occupants_number(struct command_call *call)
{
	unsigned count = 0;
	enum command_outcome outcome = admin_visit(call, count_occupants, &count);
	if (outcome == COMMAND_OK)
		call->result = json_integer(count);
	return outcome;
}

/* --- invitations: XEP-0249 ------------------------------------------------------------------------------ */

static struct stanza *invitation(const struct jid *room, struct str password, struct str reason)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "message", NULL);
	xml_open(&writer, "x", NS_CONFERENCE);
	xml_put_attr(&writer, "jid", jid_bare(room));
	if (password.len && !str_is(password, "none"))
		xml_put_attr(&writer, "password", password);
	if (reason.len && !str_is(reason, "none"))
		xml_put_attr(&writer, "reason", reason);
	xml_close(&writer);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return stanza;
}

struct guests {
	const json_t *users;
	struct stanza *invitation;
	const struct jid *room;
};

static bool is_inside(const struct room *room, const struct jid *jid)
{
	for (struct occupant *at = room ? room_first_occupant(room) : NULL; at; at = occupant_next(at))
		if (jid_bare_eq(&at->real, jid))
			return true;
	return false;
}

/* Whoever is there already needs no invitation. */
static void invite(void *arg, struct room *room)
{
	const struct guests *guests = arg;
	const json_t *user;
	size_t i;
	json_array_foreach(guests->users, i, user)
	{
		struct arena arena = {0};
		struct jid jid;
		struct str text = {json_string_value(user), json_string_length(user)};
		if (jid_parse(text, &arena, &jid, NULL) == 0 && !is_inside(room, &jid))
			route(guests->room, &jid, guests->invitation);
		arena_fini(&arena);
	}
}

static enum command_outcome check_users(struct command_call *call, const json_t *users)
{
	const json_t *user;
	size_t i;
	json_array_foreach(users, i, user)
	{
		struct arena arena = {0};
		struct jid jid;
		struct err err = {0};
		struct str text = {json_string_value(user), json_string_length(user)};
		int rc = jid_parse(text, &arena, &jid, &err);
		arena_fini(&arena);
		if (rc < 0)
			return command_say(call, COMMAND_USAGE, "users: %.*s: %s", STR_FMT(text), err.text);
	}
	return COMMAND_OK;
}

enum command_outcome admin_invite(struct command_call *call)
{
	struct admin_room room;
	struct guests guests = {.users = command_list(call, "users"), .room = &room.jid};
	enum command_outcome outcome = admin_room_init(&room, call);
	if (outcome == COMMAND_OK)
		outcome = check_users(call, guests.users);
	if (outcome == COMMAND_OK) {
		guests.invitation =
		    invitation(&room.jid, command_string(call, "password"), command_string(call, "reason"));
		admin_room_visit(&room, invite, &guests);
		stanza_unref(&guests.invitation);
	}
	admin_room_fini(&room);
	return outcome;
}
