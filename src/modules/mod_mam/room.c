/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_mam/room_archive.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "modules/mod_mam/query.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/work.h"

#define NOTES 256

struct mam_room {
	struct jid jid; /* bare; on the heap */
	struct module_instance *instance;
	int64_t last_id;
	bool loaded;  /* the room is in memory */
	bool looking; /* storage has the operation */
	struct mam_room_askers *askers;
};

/* A room is of its home worker; the lock is for the table. */
static struct {
	pthread_mutex_t lock;
	struct map by_jid;
	struct {
		char *jid; /* NULL: none */
		int64_t id;
	} notes[NOTES];
	unsigned next_note;
} rooms = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- the last id ---------------------------------------------------------------------------------------- */

void mam_room_note(struct str bare, int64_t id)
{
	char *jid = str_dup(bare);
	pthread_mutex_lock(&rooms.lock);
	unsigned at = rooms.next_note++ % NOTES;
	char *before = rooms.notes[at].jid;
	rooms.notes[at].jid = jid;
	rooms.notes[at].id = id;
	pthread_mutex_unlock(&rooms.lock);
	free(before);
}

/* With the lock. 0: there is none. */
static int64_t take_note(struct str bare)
{
	int64_t id = 0;
	for (unsigned i = 0; i < NOTES; i++) {
		if (!rooms.notes[i].jid || !str_is(bare, rooms.notes[i].jid))
			continue;
		id = rooms.notes[i].id > id ? rooms.notes[i].id : id;
		free(rooms.notes[i].jid);
		rooms.notes[i].jid = NULL;
	}
	return id;
}

struct look {
	struct store_op op;
	struct mam_room *own; /* stays until it is done */
	struct str host;
	struct mam_ends ends;
	char text[];
};

static int look_run(struct store_op *op, struct db *db, struct err *err)
{
	struct look *look = list_entry(op, struct look, op);
	return mam_ends_find(look->host, op->key, db, &look->ends, err);
}

static void look_done(struct store_op *op, int result, const struct err *err)
{
	struct look *look = list_entry(op, struct look, op);
	struct mam_room *own = look->own;
	if (result < 0)
		LOG_ERROR("mam.read_failed", LOG_STR("archive", op->key), LOG_CSTR("reason", err->text));
	else if (look->ends.any && look->ends.last > own->last_id)
		own->last_id = look->ends.last;
	own->looking = false;
	free(look);
	mam_room_settle(own);
}

static void look(struct mam_room *own)
{
	struct str host = host_name(module_host(own->instance));
	struct look *look = mem_alloc(sizeof(*look) + host.len);
	*look = (struct look){.own = own, .host = {look->text, host.len}};
	memcpy(look->text, host.ptr, host.len);
	own->looking = true;
	look->op.kind = STORE_READ;
	look->op.key = jid_bare(&own->jid);
	look->op.run = look_run;
	look->op.done = look_done;
	store_submit(&look->op);
}

/* --- life ----------------------------------------------------------------------------------------------- */

static struct mam_room *find(struct str bare)
{
	pthread_mutex_lock(&rooms.lock);
	struct mam_room *own = map_get(&rooms.by_jid, bare);
	pthread_mutex_unlock(&rooms.lock);
	return own;
}

static struct mam_room *make(const struct jid *jid)
{
	struct mam_room *own = mem_zalloc(sizeof(*own));
	own->jid = jid_dup_heap(jid);
	pthread_mutex_lock(&rooms.lock);
	own->last_id = take_note(jid_bare(jid));
	map_put(&rooms.by_jid, jid_bare(&own->jid), own);
	pthread_mutex_unlock(&rooms.lock);
	return own;
}

struct mam_room *mam_room_of(struct module_instance *instance, const struct room *room)
{
	struct mam_room *own = find(jid_bare(room_jid(room)));
	if (own && own->loaded)
		return own;
	if (!own)
		own = make(room_jid(room));
	own->instance = instance;
	own->loaded = true;
	if (!own->looking)
		look(own);
	return own;
}

void mam_room_settle(struct mam_room *own)
{
	if (own->loaded || own->looking || own->askers)
		return;
	pthread_mutex_lock(&rooms.lock);
	map_remove(&rooms.by_jid, jid_bare(&own->jid));
	pthread_mutex_unlock(&rooms.lock);
	free((char *)own->jid.text);
	free(own);
}

int64_t mam_room_next_id(struct mam_room *own)
{
	own->last_id = mam_id_after(own->last_id);
	return own->last_id;
}

struct mam_room_askers **mam_room_askers(struct mam_room *own)
{
	return &own->askers;
}

static void let_go(struct mam_room *own, enum stanza_condition condition)
{
	own->loaded = false;
	mam_room_askers_end(&own->askers, condition);
	mam_room_settle(own);
}

static void on_leave(struct module_instance *instance, void *arg)
{
	char *bare = arg;
	struct mam_room *own = find(str_of(bare));
	if (own && own->instance == instance)
		let_go(own, SE_service_unavailable);
	free(bare);
}

void mam_rooms_leave(struct module_instance *instance)
{
	uint32_t at = 0;
	struct mam_room *own;
	pthread_mutex_lock(&rooms.lock);
	while ((own = map_next(&rooms.by_jid, &at, NULL)))
		if (own->instance == instance)
			module_post(instance, jid_bare(&own->jid), on_leave, str_dup(jid_bare(&own->jid)));
	pthread_mutex_unlock(&rooms.lock);
}

/* --- hooks ---------------------------------------------------------------------------------------------- */

static void clear(struct module_instance *instance, const struct room *room)
{
	if (module_option(instance, "clear_archive_on_room_destroy")->boolean)
		mam_room_clear(host_name(module_host(instance)), jid_bare(room_jid(room)));
}

/* What is left of an earlier room of that name is not for those who enter this one. */
enum hook_verdict mam_room_on_created(struct module_instance *instance, struct hook_room *event)
{
	mam_room_of(instance, event->room);
	clear(instance, event->room);
	return HOOK_PASS;
}

enum hook_verdict mam_room_on_loaded(struct module_instance *instance, struct hook_room *event)
{
	if (room_flag(event->room, "mam"))
		mam_room_of(instance, event->room);
	return HOOK_PASS;
}

enum hook_verdict mam_room_on_configured(struct module_instance *instance, struct hook_room_configured *event)
{
	if (room_flag(event->room, "mam"))
		mam_room_of(instance, event->room);
	return HOOK_PASS;
}

enum hook_verdict mam_room_on_destroyed(struct module_instance *instance, struct hook_room_destroyed *event)
{
	struct mam_room *own = find(jid_bare(room_jid(event->room)));
	if (own)
		mam_room_askers_end(&own->askers, SE_item_not_found);
	clear(instance, event->room);
	return HOOK_PASS;
}

enum hook_verdict mam_room_on_unload(struct module_instance *instance, struct hook_room *event)
{
	struct mam_room *own = find(jid_bare(room_jid(event->room)));
	if (!own)
		return HOOK_PASS;
	if (own->last_id)
		mam_room_note(jid_bare(&own->jid), own->last_id);
	own->loaded = false;
	mam_room_settle(own);
	return HOOK_PASS;
}
