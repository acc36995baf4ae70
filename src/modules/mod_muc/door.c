/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/door.h"

#include <stdlib.h>

#include "modules/captcha/captcha.h"
#include "modules/mod_muc/feature.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

/* A client at the door. */
struct knock {
	struct list node;
	struct room *room;
	struct jid from, to; /* on the heap */
	struct stanza *presence;
	struct captcha *captcha;
	bool passed; /* has neither presence nor captcha any more */
};

struct door {
	struct list knocks; /* oldest first */
	unsigned count;
};

static struct door *door_of(const struct room *room)
{
	return room_slot(room, ROOM_FEATURE_door);
}

static struct door *door_begin(struct room *room)
{
	struct door *door = door_of(room);
	if (!door) {
		door = mem_zalloc(sizeof(*door));
		list_init(&door->knocks);
		room_set_slot(room, ROOM_FEATURE_door, door);
	}
	return door;
}

static struct knock *find(const struct room *room, const struct jid *from)
{
	const struct door *door = door_of(room);
	for (struct list *at = door ? door->knocks.next : NULL; door && at != &door->knocks; at = at->next) {
		struct knock *knock = list_entry(at, struct knock, node);
		if (str_eq(jid_full(&knock->from), jid_full(from)))
			return knock;
	}
	return NULL;
}

static void knock_free(struct knock *knock)
{
	captcha_cancel(&knock->captcha);
	list_remove(&knock->node);
	door_of(knock->room)->count--;
	stanza_unref(&knock->presence);
	free((char *)knock->from.text);
	free((char *)knock->to.text);
	free(knock);
}

static void refuse(const struct knock *knock, enum captcha_outcome outcome)
{
	if (outcome == CAPTCHA_NO_PICTURE)
		muc_refuse(&knock->from, &knock->to, knock->presence, SE_internal_server_error,
		    "a CAPTCHA cannot be made at the moment");
	else
		muc_refuse(&knock->from, &knock->to, knock->presence, SE_not_authorized,
		    "entering takes the right answer to a CAPTCHA");
}

/* --- who need not answer -------------------------------------------------------------------------------- */

static bool is_whitelisted(const struct room *room, const struct jid *jid)
{
	struct str rest = room_word(&room->config.captcha_whitelist);
	while (rest.len) {
		struct str line = str_cut(rest, '\n', &rest);
		if (str_eq(line, jid_full(jid)) || str_eq(line, jid_bare(jid)) ||
		    str_eq(line, jid_domain(jid)))
			return true;
	}
	return false;
}

/* With another client. */
static bool is_inside(const struct room *room, const struct jid *from, struct str nick)
{
	const struct occupant *occupant = room_occupant(room, nick);
	return occupant && jid_bare_eq(&occupant->real, from);
}

/* --- the end of a challenge ----------------------------------------------------------------------------- */

static void come_in(struct room *room, struct knock *knock)
{
	struct jid from = jid_dup_heap(&knock->from), to = jid_dup_heap(&knock->to);
	struct stanza *presence = knock->presence;
	knock->presence = NULL;
	knock->passed = true;
	room_enter(room, &from, &to, presence, false);
	stanza_unref(&presence);
	free((char *)from.text);
	free((char *)to.text);
}

static void on_ended(struct module_instance *instance, void *arg, enum captcha_outcome outcome)
{
	struct knock *knock = arg;
	struct room *room = knock->room;
	(void)instance;
	knock->captcha = NULL;
	room_hold(room);
	LOG_INFO("muc.captcha", LOG_STR("room", jid_full(&room->jid)), LOG_STR("jid", jid_full(&knock->from)),
	    LOG_BOOL("passed", outcome == CAPTCHA_PASSED));
	if (outcome == CAPTCHA_PASSED) {
		come_in(room, knock);
	} else {
		refuse(knock, outcome);
		knock_free(knock);
	}
	room_release(room);
}

/* --- its beginning -------------------------------------------------------------------------------------- */

static int challenge(struct knock *knock, struct stanza_error *error_r)
{
	struct strbuf text = {0};
	strbuf_printf(&text,
	    "The room %.*s lets you in when you have answered a CAPTCHA: enter the digits on the picture.",
	    STR_FMT(jid_full(&knock->room->jid)));
	struct captcha_wish wish = {
	    .challenger = &knock->room->jid,
	    .addressed = &knock->to,
	    .asked = &knock->from,
	    .sid = knock->presence->id,
	    .lang = knock->presence->lang,
	    .text = strbuf_view(&text),
	    .ended = on_ended,
	    .arg = knock,
	};
	int rc = captcha_challenge(knock->room->instance, &wish, &knock->captcha, error_r);
	strbuf_fini(&text);
	return rc;
}

/* The oldest one that has passed without coming in gives way. */
static bool has_place(struct door *door)
{
	struct list *at = door->knocks.next;
	if (door->count < DOOR_MOST)
		return true;
	while (at != &door->knocks && !list_entry(at, struct knock, node)->passed)
		at = at->next;
	if (at == &door->knocks)
		return false;
	knock_free(list_entry(at, struct knock, node));
	return true;
}

static struct knock *knock_new(
    struct room *room, const struct jid *from, const struct jid *to, struct stanza *presence)
{
	struct door *door = door_of(room);
	struct knock *knock = mem_zalloc(sizeof(*knock));
	knock->room = room;
	knock->from = jid_dup_heap(from);
	knock->to = jid_dup_heap(to);
	knock->presence = stanza_ref(presence);
	list_init(&knock->node);
	list_add_before(&door->knocks, &knock->node);
	door->count++;
	return knock;
}

bool room_door_opens(struct room *room, const struct jid *from, const struct jid *to, struct stanza *presence,
    enum room_affiliation affiliation)
{
	struct knock *knock = find(room, from);
	struct stanza_error error = {0};
	if (!room->config.captcha_protected || affiliation > ROOM_NONE || (knock && knock->passed) ||
	    is_whitelisted(room, from) || is_inside(room, from, jid_resource(to)))
		return true;
	if (knock)
		knock_free(knock);
	if (!has_place(door_begin(room))) {
		muc_refuse(
		    from, to, presence, SE_resource_constraint, "too many are at the door of this room");
		return false;
	}
	knock = knock_new(room, from, to, presence);
	if (challenge(knock, &error) < 0) {
		muc_refuse_with(from, to, presence, &error);
		knock_free(knock);
	}
	return false;
}

/* --- who does not need it any more ---------------------------------------------------------------------- */

void room_door_leave(struct room *room, const struct jid *from)
{
	struct knock *knock = find(room, from);
	if (knock)
		knock_free(knock);
}

static void on_entered(struct room *room, struct room_client *client)
{
	room_door_leave(room, &client->jid);
}

static void on_disco(struct room *room, struct xml_writer *reply)
{
	if (room->config.captcha_protected)
		disco_put_feature(reply, NS_CAPTCHA);
}

static bool is_busy(const struct room *room)
{
	const struct door *door = door_of(room);
	for (struct list *at = door ? door->knocks.next : NULL; door && at != &door->knocks; at = at->next)
		if (!list_entry(at, struct knock, node)->passed)
			return true;
	return false;
}

/* Those who wait for a room that was destroyed hear of it; when the server stops, nobody is told. */
static void on_unload(struct room *room)
{
	struct door *door = door_of(room);
	while (door && !list_empty(&door->knocks)) {
		struct knock *knock = list_entry(door->knocks.next, struct knock, node);
		if (room->ended && knock->presence)
			muc_refuse(&knock->from, &knock->to, knock->presence, SE_item_not_found,
			    "the room is not there any more");
		knock_free(knock);
	}
	free(door);
	room_set_slot(room, ROOM_FEATURE_door, NULL);
}

const struct room_feature room_feature_door = {
    .name = "door",
    .entered = on_entered,
    .disco = on_disco,
    .unload = on_unload,
    .busy = is_busy,
};
