/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/voice.h"

#include "stanzad/clock.h"
#include "stanzad/form.h"

static bool refuse(struct stanza_error *error_r, enum stanza_condition condition, const char *text)
{
	*error_r = (struct stanza_error){.condition = condition, .text = text};
	return false;
}

/* --- what moderators are asked: 8.6 --------------------------------------------------------------------- */

static void put_field(
    struct xml_writer *writer, const char *var, const char *type, const char *label, struct str value)
{
	struct form_field field = {.var = var, .type = type, .label = label};
	form_put(writer, &field, &value, 1);
}

static struct stanza *make_question(const struct occupant *occupant, const struct jid *from)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "message", NULL);
	form_open(&writer, FORM_FORM, NS_MUC_REQUEST);
	xml_put_element(&writer, "title", NULL, STR("Voice request"));
	xml_put_element(&writer, "instructions", NULL,
	    STR("Somebody wants to talk in the room. Submit the form with the box ticked to let them, or "
		"cancel it."));
	put_field(&writer, "muc#role", "list-single", "Requested role", STR("participant"));
	put_field(&writer, "muc#jid", "jid-single", "User ID", jid_full(from));
	put_field(&writer, "muc#roomnick", "text-single", "Room nickname", jid_resource(&occupant->jid));
	put_field(&writer, "muc#request_allow", "boolean", "Grant voice to this person?", STR("false"));
	xml_close(&writer);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return stanza;
}

static bool is_moderator(const struct room_client *client, void *arg)
{
	(void)arg;
	return client->occupant->role == ROOM_MODERATOR;
}

static bool has_moderator(const struct room *room)
{
	for (struct occupant *at = room_first_occupant(room); at; at = occupant_next(at))
		if (at->role == ROOM_MODERATOR)
			return true;
	return false;
}

/* --- a request: 7.13 ------------------------------------------------------------------------------------ */

static bool is_too_soon(const struct room *room, const struct occupant *occupant)
{
	uint64_t interval_ms = (uint64_t)room->config.voice_request_min_interval * 1000;
	return occupant->voice_asked_ms && clock_mono_ms() - occupant->voice_asked_ms < interval_ms;
}

static bool may_ask(const struct room *room, const struct occupant *occupant, struct stanza_error *error_r)
{
	if (!occupant)
		return refuse(error_r, SE_not_acceptable, "you are not in the room");
	if (!room->config.allow_voice_requests)
		return refuse(error_r, SE_forbidden, "nobody may ask for voice in this room");
	if (occupant->role != ROOM_VISITOR)
		return refuse(error_r, SE_not_acceptable, "you have voice");
	if (is_too_soon(room, occupant))
		return refuse(error_r, SE_resource_constraint, "wait before asking again");
	if (!has_moderator(room))
		return refuse(error_r, SE_recipient_unavailable, "no moderator is in the room");
	return true;
}

static bool ask(struct room *room, const struct jid *from, struct stanza_error *error_r)
{
	struct occupant *occupant = room_occupant_of(room, from);
	if (!may_ask(room, occupant, error_r))
		return false;
	struct stanza *question = make_question(occupant, from);
	occupant->voice_asked_ms = clock_mono_ms();
	room_broadcast(room, &room->jid, question, is_moderator, NULL);
	stanza_unref(&question);
	return true;
}

/* --- the answer of a moderator: 8.6 --------------------------------------------------------------------- */

/* By the nick, as long as it is the one that asked. */
static struct occupant *find_asker(const struct room *room, const struct xml *x)
{
	struct arena arena = {0};
	struct str nick, text = form_value(x, "muc#jid");
	struct occupant *occupant = NULL;
	struct jid jid;
	if (jid_prep_resource(form_value(x, "muc#roomnick"), &arena, &nick, NULL) == 0)
		occupant = room_occupant(room, nick);
	if (occupant && text.len &&
	    (jid_parse(text, &arena, &jid, NULL) < 0 || !jid_bare_eq(&jid, &occupant->real)))
		occupant = NULL;
	arena_fini(&arena);
	return occupant;
}

static bool grant(
    struct room *room, const struct jid *from, const struct xml *x, struct stanza_error *error_r)
{
	struct occupant *occupant = find_asker(room, x);
	if (!occupant)
		return refuse(error_r, SE_item_not_found, "they are not in the room any more");
	if (occupant->role == ROOM_VISITOR)
		room_set_role(room, occupant, ROOM_PARTICIPANT, room_occupant_of(room, from), STR_NULL);
	return true;
}

static bool decide(
    struct room *room, const struct jid *from, const struct xml *x, struct stanza_error *error_r)
{
	bool allow;
	if (!room_right(ROOM_DEED_MANAGE_VOICE, room_standing_of(room, from)))
		return refuse(error_r, SE_forbidden, "only moderators grant voice");
	if (form_value_bool(x, "muc#request_allow", &allow) != 0)
		return refuse(error_r, SE_bad_request, "muc#request_allow is neither true nor false");
	return !allow || grant(room, from, x, error_r);
}

bool room_take_voice(
    struct room *room, const struct jid *from, const struct xml *x, struct stanza_error *error_r)
{
	enum form_type type;
	struct err err;
	if (form_type(x, &type, &err) < 0)
		return refuse(error_r, SE_bad_request, "the form is malformed");
	if (type == FORM_CANCEL)
		return true;
	if (type != FORM_SUBMIT)
		return refuse(error_r, SE_bad_request, "the form is not submitted");
	if (!str_is(form_value(x, "muc#role"), "participant"))
		return refuse(error_r, SE_not_acceptable, "only the role of a participant can be asked for");
	return form_field(x, "muc#request_allow") ? decide(room, from, x, error_r) : ask(room, from, error_r);
}
