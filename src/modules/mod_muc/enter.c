/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/door.h"
#include "modules/mod_muc/feature.h"
#include "modules/mod_muc/joined.h"
#include "modules/mod_muc/subscribers.h"
#include "stanzad/log.h"

#define STATUS_LOGGED 170
#define STATUS_CREATED 201

/* Somebody at the door. */
struct entering {
	struct room *room;
	const struct jid *from, *to;
	struct stanza *presence;
	const struct xml *x; /* <x xmlns='…muc'/>; NULL: groupchat 1.0 */
	enum room_affiliation affiliation;
};

static const struct xml *muc_x(const struct stanza *presence)
{
	return xml_child(presence->root, "x", NS_MUC);
}

/* --- conditions: 7.2 ------------------------------------------------------------------------------------ */

/* Those who have the place for one more: 7.2.9. */
static bool has_place(const struct entering *entering)
{
	const struct room *room = entering->room;
	int64_t own = room->config.max_users, most = module_option(room->instance, "max_users")->integer;
	if (own > most)
		own = most;
	if (entering->affiliation >= ROOM_ADMIN)
		own += module_option(room->instance, "max_users_admin_threshold")->integer;
	return room->occupant_count < own;
}

static bool is_in_too_many(const struct entering *entering)
{
	const struct room *room = entering->room;
	return joined_count(room->muc->joined, jid_bare(entering->from)) >=
	       module_option(room->instance, "max_user_conferences")->integer;
}

/* 7.2.8: somebody else has the nick, or has reserved it. */
static bool nick_is_taken(const struct room *room, struct str nick, const struct jid *who)
{
	struct occupant *occupant = room_occupant(room, nick);
	return (occupant && !jid_bare_eq(&occupant->real, who)) || room_nick_is_reserved(room, nick, who);
}

bool room_nick_is_reserved(const struct room *room, struct str nick, const struct jid *who)
{
	struct arena arena = {0};
	struct str owner = muc_nicks_owner(room->muc, jid_domain(&room->jid), nick, &arena);
	if (!owner.ptr)
		owner = muc_nicks_owner(room->muc, jid_full(&room->jid), nick, &arena);
	bool reserved = owner.ptr && !str_eq(owner, jid_bare(who));
	const struct subscriber *subscriber = room_subscriber_by_nick(room, nick);
	reserved |= subscriber && !jid_bare_eq(&subscriber->jid, who);
	arena_fini(&arena);
	return reserved;
}

/* 7.2.5. Owners come in without it. */
static bool knows_password(const struct entering *entering)
{
	const struct room_config *config = &entering->room->config;
	struct strbuf buf = {0};
	if (!config->password_protected || entering->affiliation == ROOM_OWNER)
		return true;
	struct str given = entering->x ? xml_child_text(entering->x, "password", &buf) : STR_NULL;
	bool knows = str_eq_consttime(given, room_word(&config->password));
	strbuf_fini(&buf);
	return knows;
}

static bool blank(struct str nick)
{
	return str_trim(nick).len == 0;
}

/* NULL: nothing is against it. */
static const char *what_is_against(const struct entering *entering, enum stanza_condition *condition_r)
{
	const struct room *room = entering->room;
	struct str nick = jid_resource(entering->to);
	bool inside = room_occupant(room, nick) && jid_bare_eq(&room_occupant(room, nick)->real, entering->from);
	*condition_r = SE_jid_malformed;
	if (!nick.len || blank(nick))
		return "a nick is missing";
	*condition_r = SE_forbidden;
	if (!muc_allows(room->instance, "access", entering->from))
		return "you may not use this service";
	if (entering->affiliation == ROOM_OUTCAST)
		return "you are banned from this room";
	*condition_r = SE_item_not_found;
	if (room->ending || (room->locked && entering->affiliation != ROOM_OWNER))
		return "the room is not open yet";
	*condition_r = SE_registration_required;
	if (room->config.members_only && entering->affiliation < ROOM_MEMBER)
		return "this room is for members only";
	*condition_r = SE_conflict;
	if (nick_is_taken(room, nick, entering->from))
		return "somebody else has that nick";
	*condition_r = SE_not_authorized;
	if (!knows_password(entering))
		return "entering takes the right password";
	*condition_r = SE_resource_constraint;
	if (!inside && is_in_too_many(entering))
		return "you are in too many rooms";
	*condition_r = SE_service_unavailable;
	return inside || has_place(entering) ? NULL : "the room is full";
}

static void refuse(const struct entering *entering, enum stanza_condition condition, const char *text)
{
	struct stanza_error error = {.condition = condition, .text = text};
	if (condition == SE_service_unavailable)
		error.type = 'w'; /* 7.2.9 */
	muc_refuse_with(entering->from, entering->to, entering->presence, &error);
}

static bool others_let_in(const struct entering *entering)
{
	struct hook_room_enter event = {.room = entering->room,
	    .from = entering->from,
	    .nick = jid_resource(entering->to),
	    .affiliation = entering->affiliation,
	    .error = {.condition = SE_forbidden}};
	if (hook_run_room_enter(module_host(entering->room->instance), &event) == HOOK_PASS)
		return true;
	muc_refuse_with(entering->from, entering->to, entering->presence, &event.error);
	return false;
}

bool room_knows_way_in(const struct module_instance *instance, const struct stanza *presence)
{
	return muc_x(presence) || module_option(instance, "groupchat_1_0")->boolean;
}

void room_not_in(const struct jid *from, const struct jid *to)
{
	room_tell_nobody(to, from, (const int[]){110, 307, 333, 0}, STR("you are not in the room"));
}

/* --- a new room: 10.1 ----------------------------------------------------------------------------------- */

static void take_over(struct room *room, const struct jid *from, bool old)
{
	struct jid bare = jid_to_bare(from);
	room_affiliate_put(room, &bare, ROOM_OWNER, STR_NULL);
	room->locked = !old; /* 10.1.2, and groupchat 1.0 knows no locked rooms */
	room_changed(room);
	LOG_INFO("muc.room_owned", LOG_STR("room", jid_full(&room->jid)), LOG_STR("owner", jid_full(&bare)));
}

void room_enter(struct room *room, const struct jid *from, const struct jid *to, struct stanza *presence, bool made)
{
	struct entering entering = {.room = room, .from = from, .to = to, .presence = presence, .x = muc_x(presence)};
	enum stanza_condition condition;
	if (made)
		take_over(room, from, !entering.x);
	entering.affiliation = room_privilege(room, from);
	const char *against = what_is_against(&entering, &condition);
	if (against)
		refuse(&entering, condition, against);
	else if (others_let_in(&entering) && room_door_opens(room, from, to, presence, entering.affiliation))
		room_let_in(room, from, jid_resource(to), presence, made);
}

/* --- inside --------------------------------------------------------------------------------------------- */

static void ask_features(const struct room_client *client, const struct stanza *presence, struct strbuf *extra)
{
	for (const struct room_feature *const *feature = room_features; *feature; feature++)
		if ((*feature)->own_presence)
			(*feature)->own_presence(client->occupant->room, client, presence, extra);
}

static void tell_entered(struct room *room, struct room_client *client, struct stanza *presence, bool first, bool made)
{
	struct room_telling telling;
	struct strbuf extra = {0};
	int *code = telling.own_status;
	room_telling_init(&telling, client->occupant);
	telling.answers = presence;
	ask_features(client, presence, &extra);
	telling.own_extra = strbuf_view(&extra);
	if (made)
		*code++ = STATUS_CREATED;
	if (room->config.logging)
		*code++ = STATUS_LOGGED;
	if (first)
		room_tell(room, &telling);
	else
		room_tell_one(room, &telling, client);
	strbuf_fini(&extra);
}

static void run_entered(struct room *room, struct room_client *client, bool first)
{
	struct hook_room_entered event = {
	    .room = room, .occupant = client->occupant, .from = &client->jid, .first = first};
	for (const struct room_feature *const *feature = room_features; *feature; feature++)
		if ((*feature)->entered)
			(*feature)->entered(room, client);
	hook_run_room_entered(module_host(room->instance), &event);
}

/* What a client that enters gets, in the order of 7.1. */
static void welcome(struct room *room, struct room_client *client, struct stanza *presence, bool first, bool made)
{
	for (const struct room_feature *const *feature = room_features; *feature; feature++)
		if ((*feature)->welcome)
			(*feature)->welcome(room, client, presence);
	room_tell_all_to(room, client);
	tell_entered(room, client, presence, first, made);
	if (!room_subscriber(room, &client->jid))
		room_history_tell(room, client, muc_x(presence));
	room_subject_tell(room, client);
}

void room_let_in(struct room *room, const struct jid *from, struct str nick, struct stanza *presence, bool made)
{
	struct stanza *shown = room_without_claims(room, presence);
	bool first = !room_occupant(room, nick);
	enum room_role role = room_default_role(room, room_privilege(room, from));
	struct room_client *client = room_add_client(room, from, nick, role, shown);
	room_walk_begin(room);
	welcome(room, client, presence, first, made);
	run_entered(room, client, first);
	room_walk_end(room);
	stanza_unref(&shown);
}

void room_come_again(struct room *room, struct room_client *client, struct stanza *presence)
{
	struct stanza *shown = room_without_claims(room, presence);
	stanza_unref(&client->presence);
	client->presence = shown;
	room_client_dirty(room, client);
	occupant_forget_told(client->occupant);
	welcome(room, client, presence, false, false);
}
