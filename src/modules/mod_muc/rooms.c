/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/rooms.h"

#include <stdlib.h>

#include "loop/worker.h"
#include "modules/mod_muc/deliver.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/receipt.h"
#include "stanzad/work.h"

#define WAITING_MOST 10000 /* stanzas for one room that is being loaded */

/* Somebody who waits for a room: a stanza, or a function. */
struct waiting {
	struct waiting *next;
	struct jid from, to; /* on the heap */
	struct stanza *stanza;
	struct receipt *receipt;
	void (*ready)(void *arg, struct room *room);
	void *arg;
};

struct place {
	struct jid jid;    /* bare; on the heap */
	struct room *room; /* NULL: it is being loaded */
	struct module_instance *instance;
	struct waiting *first, **end;
	size_t count;
};

struct muc_worker {
	struct map places; /* by bare JID */
};

static struct muc_worker *here(struct muc *muc)
{
	struct muc_worker **worker = &muc->workers[worker_index(worker_self())];
	if (!*worker)
		*worker = mem_zalloc(sizeof(**worker));
	return *worker;
}

/* --- waiting -------------------------------------------------------------------------------------------- */

static struct waiting *wait_at(struct place *place)
{
	struct waiting *waiting = mem_zalloc(sizeof(*waiting));
	*place->end = waiting;
	place->end = &waiting->next;
	place->count++;
	return waiting;
}

static void wait_stanza(struct place *place, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (place->count >= WAITING_MOST) {
		muc_refuse(from, to, stanza, SE_resource_constraint, "too much waits for this room");
		return;
	}
	struct waiting *waiting = wait_at(place);
	waiting->from = jid_dup_heap(from);
	waiting->to = jid_dup_heap(to);
	waiting->stanza = stanza_ref(stanza);
	waiting->receipt = receipt_carry();
}

static void waiting_free(struct waiting *waiting)
{
	receipt_drop(&waiting->receipt);
	stanza_unref(&waiting->stanza);
	free((char *)waiting->from.text);
	free((char *)waiting->to.text);
	free(waiting);
}

static struct place *place_new(struct muc *muc, const struct jid *bare)
{
	struct place *place = mem_zalloc(sizeof(*place));
	place->jid = jid_dup_heap(bare);
	place->instance = muc->instance;
	place->end = &place->first;
	map_put(&here(muc)->places, jid_full(&place->jid), place);
	return place;
}

static void place_free(struct muc_worker *worker, struct place *place)
{
	map_remove(&worker->places, jid_full(&place->jid));
	free((char *)place->jid.text);
	free(place);
}

/* --- a stanza for a room that is not there -------------------------------------------------------------- */

static bool would_make(const struct jid *to, const struct stanza *stanza)
{
	return stanza->kind == STANZA_PRESENCE && stanza->type == PRESENCE_AVAILABLE && to->resource_len;
}

/* 10.1.1. NULL: it was refused. */
static struct room *make_room(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct muc *muc = muc_of(instance);
	struct jid bare = jid_to_bare(to);
	if (!muc_allows(instance, "access_create", from) && !muc_allows(instance, "access_admin", from))
		muc_refuse(from, to, stanza, SE_not_allowed, "you may not make rooms here");
	else if (!muc_name_allowed(instance, jid_local(to)))
		muc_refuse(from, to, stanza, SE_not_allowed, "a room may not have that name");
	else
		return room_make(muc, &bare);
	return NULL;
}

static void refuse_no_room(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (stanza->kind == STANZA_PRESENCE && stanza->type == PRESENCE_AVAILABLE)
		muc_refuse(from, to, stanza, SE_jid_malformed, "a nick is missing");
	else if (stanza->kind != STANZA_PRESENCE)
		muc_refuse(from, to, stanza, SE_item_not_found, "there is no such room");
}

static void deliver_one(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct jid bare = jid_to_bare(to);
	struct place *place = map_get(&here(muc_of(instance))->places, jid_full(&bare));
	if (place && place->room) {
		room_deliver(place->room, from, to, stanza, false);
	} else if (place) {
		wait_stanza(place, from, to, stanza);
	} else if (would_make(to, stanza) && !room_knows_way_in(instance, stanza)) {
		room_not_in(from, to);
	} else if (would_make(to, stanza)) {
		struct room *room = make_room(instance, from, to, stanza);
		if (room)
			room_deliver(room, from, to, stanza, true);
	} else {
		refuse_no_room(from, to, stanza);
	}
}

static void serve_waiting(struct module_instance *instance, struct waiting *waiting, bool failed, struct str bare)
{
	struct receipt *before;
	struct place *place = map_get(&here(muc_of(instance))->places, bare);
	receipt_enter(waiting->receipt, &before);
	waiting->receipt = NULL;
	if (waiting->ready)
		waiting->ready(waiting->arg, place ? place->room : NULL);
	else if (failed)
		muc_refuse(&waiting->from, &waiting->to, waiting->stanza, SE_internal_server_error,
		    "the room cannot be read now");
	else
		deliver_one(instance, &waiting->from, &waiting->to, waiting->stanza);
	waiting_free(waiting);
	receipt_leave(before);
}

static struct muc *muc_of_room(const struct jid *jid)
{
	return muc_serving(jid_domain(jid));
}

/* --- loading -------------------------------------------------------------------------------------------- */

/* The room in the place, or none; those who waited are served in order. */
static void settle_place(struct muc *muc, struct place *place, struct room *room, bool failed)
{
	struct waiting *waiting = place->first, *next;
	struct module_instance *instance = place->instance;
	struct jid jid = jid_dup_heap(&place->jid);
	place->room = room;
	place->first = NULL;
	place->end = &place->first;
	if (room) {
		room_hold(room);
		room_is_there(room, false);
		room_cleanup(room);
	} else {
		place_free(here(muc), place);
	}
	for (; waiting; waiting = next) {
		next = waiting->next;
		serve_waiting(instance, waiting, failed, jid_full(&jid));
	}
	if (room)
		room_release(room);
	free((char *)jid.text);
}

static void on_loaded(struct room_load *load, int result, const struct err *err)
{
	struct muc *muc = muc_of_room(&load->jid);
	struct place *place = muc ? map_get(&here(muc)->places, jid_full(&load->jid)) : NULL;
	struct room *room = NULL;
	bool failed = result < 0;
	if (!place || place->room)
		return;
	if (failed)
		LOG_ERROR("muc.load_failed", LOG_STR("room", jid_full(&load->jid)), LOG_CSTR("reason", err->text));
	if (!failed && load->opts.ptr) {
		room = room_new(muc, &load->jid);
		if (!room_load_apply(load, room)) {
			room_free(&room);
			failed = true;
		}
	}
	settle_place(muc, place, room, failed);
}

static struct place *begin_loading(struct muc *muc, const struct jid *bare)
{
	struct place *place = place_new(muc, bare);
	room_load_begin(muc, bare, on_loaded);
	return place;
}

void rooms_deliver(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct muc *muc = muc_of(instance);
	struct jid bare = jid_to_bare(to);
	struct place *place = map_get(&here(muc)->places, jid_full(&bare));
	if (place && place->room)
		room_deliver(place->room, from, to, stanza, false);
	else
		wait_stanza(place ? place : begin_loading(muc, &bare), from, to, stanza);
}

void room_load(const struct jid *jid, void (*ready)(void *arg, struct room *room), void *arg)
{
	struct muc *muc = muc_of_room(jid);
	struct place *place = muc ? map_get(&here(muc)->places, jid_full(jid)) : NULL;
	if (!muc || (place && place->room)) {
		ready(arg, place ? place->room : NULL);
		return;
	}
	struct waiting *waiting = wait_at(place ? place : begin_loading(muc, jid));
	waiting->ready = ready;
	waiting->arg = arg;
	waiting->receipt = receipt_carry();
}

struct room *room_find(struct str bare)
{
	struct str domain, local = str_cut(bare, '@', &domain);
	struct muc *muc = local.len ? muc_serving(domain) : NULL;
	struct place *place = muc ? map_get(&here(muc)->places, bare) : NULL;
	return place ? place->room : NULL;
}

struct room *room_find_same(struct str bare, uint64_t serial)
{
	struct room *room = room_find(bare);
	return room && room->serial == serial ? room : NULL;
}

struct room *room_make(struct muc *muc, const struct jid *jid)
{
	if (map_get(&here(muc)->places, jid_full(jid)))
		return NULL;
	struct room *room = room_new(muc, jid);
	place_new(muc, jid)->room = room;
	room_is_there(room, true);
	return room;
}

void rooms_forget(struct room *room)
{
	struct muc_worker *worker = here(room->muc);
	struct place *place = map_get(&worker->places, jid_full(&room->jid));
	if (place && place->room == room)
		place_free(worker, place);
}

/* --- all of them ---------------------------------------------------------------------------------------- */

void rooms_each(struct muc *muc, void (*each)(void *arg, struct room *room), void *arg)
{
	struct muc_worker *worker = here(muc);
	struct room **rooms = mem_zalloc((worker->places.count + 1) * sizeof(struct room *));
	size_t count = 0;
	uint32_t at = 0;
	struct place *place;
	while ((place = map_next(&worker->places, &at, NULL)))
		if (place->room) {
			rooms[count++] = place->room;
			room_hold(place->room);
		}
	for (size_t i = 0; i < count; i++) {
		if (!rooms[i]->ended)
			each(arg, rooms[i]);
		room_release(rooms[i]);
	}
	free(rooms);
}

void room_each(struct host *host, void (*each)(void *arg, struct room *room), void *arg)
{
	struct module_instance *instance = host_module(host, "mod_muc");
	if (instance)
		rooms_each(muc_of(instance), each, arg);
}

static const struct room_end shutting_down = {.status = 332, .reason = {"the service is shutting down", 28}};

static void stop_one(void *arg, struct room *room)
{
	(void)arg;
	if (room->config.persistent)
		room_clients_flush(room);
	else
		room_destroy(room, &shutting_down);
}

static void stop_here(void *arg)
{
	rooms_each(arg, stop_one, NULL);
}

static void stopped(void *arg)
{
	struct muc *muc = arg;
	module_release(muc->instance);
}

void rooms_stopping(struct muc *muc)
{
	__atomic_store_n(&muc->stopping, true, __ATOMIC_RELEASE);
	module_hold(muc->instance);
	workers_each(stop_here, stopped, muc);
}

/* When the server ends, those whose sessions wait are still in persistent rooms afterwards; when the module leaves
 * alone, nobody is. */
static void leave_one(void *arg, struct room *room)
{
	(void)arg;
	if (!room->muc->stopping && room->config.persistent)
		room_send_all_away(room, &shutting_down);
	else if (!room->muc->stopping)
		room_destroy(room, &shutting_down);
	room_clients_flush(room);
}

static void leave_here(struct module_instance *instance, void *arg)
{
	(void)arg;
	rooms_each(muc_of(instance), leave_one, NULL);
}

void rooms_leave(struct muc *muc)
{
	module_post_workers(muc->instance, leave_here, NULL, NULL);
}

void rooms_free(struct muc *muc)
{
	for (unsigned i = 0; i < muc->worker_count; i++) {
		struct muc_worker *worker = muc->workers[i];
		uint32_t at = 0;
		struct place *place;
		while (worker && (place = map_next(&worker->places, &at, NULL))) {
			while (place->first) {
				struct waiting *waiting = place->first;
				place->first = waiting->next;
				waiting_free(waiting);
			}
			if (place->room)
				room_free(&place->room);
			free((char *)place->jid.text);
			free(place);
		}
		if (worker)
			map_fini(&worker->places);
		free(worker);
	}
}
