/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/room.h"

#include <assert.h>
#include <stdlib.h>

#include "modules/mod_muc/feature.h"
#include "modules/mod_muc/rooms.h"
#include "modules/mod_muc/subscribers.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/metric.h"

#define MAGIC 0x524f4f4du /* "ROOM" */
#define RESTLESS_MS 60000 /* for a room that loses nothing when it leaves memory */
#define LOCKED_MS 1800000 /* 10.1.1: for its owner to configure it */

/* --- memory --------------------------------------------------------------------------------------------- */

struct room *room_new(struct muc *muc, const struct jid *jid)
{
	static uint64_t serial; /* atomic */
	struct room *room = mem_zalloc(sizeof(*room));
	room->magic = MAGIC;
	room->serial = __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED);
	room->jid = jid_dup_heap(jid);
	room->muc = muc;
	room->instance = muc->instance;
	room_config_init(&room->config, muc->instance);
	list_init(&room->occupants);
	list_init(&room->clients);
	metric_add(room->instance, MUC_METRIC_ROOMS, 1);
	return room;
}

void room_free(struct room **room)
{
	struct room *gone = *room;
	*room = NULL;
	assert(gone->magic == MAGIC);
	gone->magic = 0;
	for (const struct room_feature *const *feature = room_features; *feature; feature++)
		if ((*feature)->unload)
			(*feature)->unload(gone);
	room_occupants_fini(gone);
	room_clients_fini(gone);
	room_pending_fini(gone);
	room_affiliates_fini(gone);
	room_subject_fini(gone);
	room_history_free(gone);
	room_config_fini(&gone->config);
	module_timer_free(&gone->idle);
	module_timer_free(&gone->again);
	metric_add(gone->instance, MUC_METRIC_ROOMS, -1);
	free(gone->slots);
	free(gone->others);
	free((char *)gone->jid.text);
	free(gone);
}

void room_hold(struct room *room)
{
	assert(room->magic == MAGIC);
	room->holds++;
}

void room_release(struct room *room)
{
	assert(room->magic == MAGIC && room->holds > 0);
	if (--room->holds > 0)
		return;
	if (room->ended)
		room_free(&room);
	else
		room_settle(room);
}

/* It is not found any more; freed when nobody holds it. */
static void end(struct room *room)
{
	struct hook_room event = {.room = room};
	hook_run_room_unload(module_host(room->instance), &event);
	rooms_forget(room);
	room->ended = true;
	if (room->idle)
		module_timer_stop(room->idle);
}

/* --- the list of rooms ---------------------------------------------------------------------------------- */

static void list_room(const struct room *room, bool loaded)
{
	struct directory_entry entry = {
	    .jid = jid_full(&room->jid),
	    .title = room_word(&room->config.title),
	    .occupants = room->occupant_count,
	    .public = room->config.public && !room->locked,
	    .public_list = room->config.public_list,
	    .members_only = room->config.members_only,
	    .persistent = room->config.persistent,
	    .loaded = loaded,
	};
	directory_put(room->muc->directory, &entry);
}

void room_counted(struct room *room)
{
	list_room(room, true);
}

void room_changed(struct room *room)
{
	if (room->ended)
		return;
	list_room(room, true);
	room_save(room);
}

void room_is_there(struct room *room, bool made)
{
	struct hook_room event = {.room = room};
	list_room(room, true);
	if (made)
		hook_run_room_created(module_host(room->instance), &event);
	hook_run_room_loaded(module_host(room->instance), &event);
	LOG_INFO(made ? "muc.room_made" : "muc.room_loaded", LOG_STR("room", jid_full(&room->jid)));
}

/* --- going to sleep ------------------------------------------------------------------------------------- */

static bool is_busy(const struct room *room)
{
	for (const struct room_feature *const *feature = room_features; *feature; feature++)
		if ((*feature)->busy && (*feature)->busy(room))
			return true;
	return room->client_count > 0 || room->saving || room->unsaved || room->clients_saving;
}

static void on_idle(struct module_instance *instance, void *arg)
{
	struct room *room = arg;
	if (room->locked) {
		room_destroy(room, &(struct room_end){.reason = STR("the room was not configured in time")});
		return;
	}
	if (is_busy(room) || room->holds)
		return;
	list_room(room, false);
	end(room);
	room_free(&room);
	(void)instance;
}

static struct module_timer *idle_timer(struct room *room)
{
	if (!room->idle)
		room->idle = module_timer_new(room->instance, on_idle, room);
	return room->idle;
}

/* How long an empty persistent room stays. */
static int64_t rest_ms(const struct room *room)
{
	int64_t ms = module_option(room->instance, "hibernation_timeout")->integer;
	bool loses = room->history && !room->config.mam;
	return !loses && ms > RESTLESS_MS ? RESTLESS_MS : ms;
}

void room_settle(struct room *room)
{
	if (room->ended || room->holds)
		return;
	if (room->client_count)
		room->kept = false;
	if (room->locked && room->client_count) {
		if (!room->idle || !module_timer_is_running(room->idle))
			module_timer_start(idle_timer(room), LOCKED_MS);
	} else if (is_busy(room)) {
		if (room->idle)
			module_timer_stop(room->idle);
	} else if (!room->config.persistent) {
		if (!room->kept)
			room_destroy(room, &(struct room_end){0});
	} else if (rest_ms(room) != OPTION_INFINITE &&
		   (!room->idle || !module_timer_is_running(room->idle))) {
		module_timer_start(idle_timer(room), (uint64_t)rest_ms(room));
	}
}

/* --- the end: 10.9 -------------------------------------------------------------------------------------- */

static void put_destroy(struct strbuf *out, const struct room_end *why)
{
	struct xml_writer writer = {.default_ns = STR(NS_MUC_USER)};
	xml_open(&writer, "destroy", NS_MUC_USER);
	if (why->alternate)
		xml_put_attr(&writer, "jid", jid_full(why->alternate));
	if (why->password.len)
		xml_put_element(&writer, "password", NULL, why->password);
	if (why->reason.len)
		xml_put_element(&writer, "reason", NULL, why->reason);
	xml_close(&writer);
	strbuf_str(out, strbuf_view(&writer.buf));
	xml_writer_fini(&writer);
}

void room_send_all_away(struct room *room, const struct room_end *why)
{
	struct strbuf extra = {0};
	struct room_leaving leaving = {.why = ROOM_LEFT_END, .status = why->status};
	if (why->status)
		leaving.reason = why->reason;
	else
		put_destroy(&extra, why);
	if (!why->status)
		subscription_tell_end(room, strbuf_view(&extra));
	leaving.extra = strbuf_view(&extra);
	room_walk_begin(room);
	while (!list_empty(&room->occupants)) {
		struct occupant *occupant = list_entry(room->occupants.next, struct occupant, node);
		room_occupant_ends(room, occupant, &leaving);
	}
	room_walk_end(room);
	strbuf_fini(&extra);
}

void room_destroy(struct room *room, const struct room_end *why)
{
	struct hook_room_destroyed event = {.room = room, .by = why->by, .reason = why->reason};
	if (room->ending)
		return;
	room_hold(room);
	room->ending = true;
	LOG_INFO("muc.room_destroyed", LOG_STR("room", jid_full(&room->jid)), LOG_STR("reason", why->reason));
	hook_run_room_destroyed(module_host(room->instance), &event);
	room_send_all_away(room, why);
	room_delete(room);
	room_registrations_drop(room);
	directory_remove(room->muc->directory, jid_full(&room->jid));
	end(room);
	room_release(room);
}

/* --- for other modules ---------------------------------------------------------------------------------- */

const struct jid *room_jid(const struct room *room)
{
	return &room->jid;
}

struct module_instance *room_instance(const struct room *room)
{
	return room->instance;
}

bool room_flag(const struct room *room, const char *option)
{
	return room_config_flag(&room->config, option);
}

struct str room_text(const struct room *room, const char *option)
{
	return room_config_text(&room->config, option);
}

struct str room_subject(const struct room *room)
{
	return room_word(&room->subject.text);
}

struct str room_subject_author(const struct room *room)
{
	return room_word(&room->subject.author);
}

void *room_slot(const struct room *room, enum room_feature_row row)
{
	return room->slots ? room->slots[row] : NULL;
}

void room_set_slot(struct room *room, enum room_feature_row row, void *state)
{
	if (!room->slots)
		room->slots = mem_zalloc((ROOM_FEATURE_COUNT + 1) * sizeof(void *));
	room->slots[row] = state;
}
