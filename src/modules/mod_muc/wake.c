/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/wake.h"

#include <stdlib.h>

#include "modules/mod_muc/room.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

#define PAGE 500
#define LOAD_MS 15000 /* sessions that are to be resumed are there by then */

/* A room that had people in it. */
struct lived_in {
	struct lived_in *next;
	char bare[];
};

/* Reads the table of rooms, some at a time. */
struct waking {
	struct store_op op;
	struct muc *muc;
	struct room_config defaults;
	char *host;
	struct arena arena;
	struct str last_name, last_host; /* behind these the next page begins */
	struct found *rooms;
	size_t count;
};

struct found {
	struct found *next;
	struct directory_entry entry;
	bool lived_in;
};

/* --- on a storage thread -------------------------------------------------------------------------------- */

static int take_room(struct waking *waking, struct str name, struct str service, struct str opts, struct err *err)
{
	struct arena arena = {0};
	struct room_saved saved;
	struct jid jid;
	struct found *found = arena_zalloc(&waking->arena, sizeof(*found));
	struct err why = {0};
	waking->last_name = arena_str(&waking->arena, name);
	waking->last_host = arena_str(&waking->arena, service);
	waking->count++;
	int rc = jid_make(name, service, STR_NULL, &waking->arena, &jid, &why);
	if (rc == 0) {
		rc = room_saved_read(opts, &waking->defaults, &arena, &saved, &why);
		found->entry = (struct directory_entry){
		    .jid = jid_full(&jid),
		    .title = arena_str(&waking->arena, room_word(&saved.config.title)),
		    .public = saved.config.public,
		    .public_list = saved.config.public_list,
		    .members_only = saved.config.members_only,
		    .persistent = true,
		};
		room_config_fini(&saved.config);
	}
	arena_fini(&arena);
	if (rc < 0) {
		LOG_ERROR("muc.room_damaged", LOG_STR("room", name), LOG_CSTR("reason", why.text));
		return 0;
	}
	found->next = waking->rooms;
	waking->rooms = found;
	(void)err;
	return 0;
}

static int read_page(struct waking *waking, struct db *db, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT name, host, opts FROM muc_room WHERE {host=} (name > ? OR (name = ? AND host > ?)) "
	    "ORDER BY name, host LIMIT 500",
	    DB_P_TEXT(str_of(waking->host)), DB_P_TEXT(waking->last_name), DB_P_TEXT(waking->last_name),
	    DB_P_TEXT(waking->last_host));
	int rc;
	while ((rc = db_next(rows, err)) > 0)
		if (take_room(waking, db_text(rows, 0), db_text(rows, 1), db_text(rows, 2), err) < 0)
			break;
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

static int mark_lived_in(struct waking *waking, struct db *db, struct err *err)
{
	for (struct found *found = waking->rooms; found; found = found->next) {
		struct db_rows *rows = DB_QUERY(db, err, "SELECT 1 FROM mod_muc_client WHERE {host=} room = ? LIMIT 1",
		    DB_P_TEXT(str_of(waking->host)), DB_P_TEXT(found->entry.jid));
		int rc = db_next(rows, err);
		db_end(&rows);
		if (rc < 0)
			return -1;
		found->lived_in = rc > 0;
	}
	return 0;
}

static int wake_run(struct store_op *op, struct db *db, struct err *err)
{
	struct waking *waking = list_entry(op, struct waking, op);
	waking->count = 0;
	waking->rooms = NULL;
	return read_page(waking, db, err) < 0 ? -1 : mark_lived_in(waking, db, err);
}

/* --- who is still there --------------------------------------------------------------------------------- */

/* A client that was in a room, and the room. */
struct asked {
	struct jid client, as; /* full; on the heap */
};

/* On the home of the user. Whoever is not there has left, as if they said so. */
static void ask_one(struct module_instance *instance, void *arg)
{
	struct asked *asked = arg;
	struct user *user = user_find(jid_bare(&asked->client));
	(void)instance;
	if (!user || !user_session(user, jid_resource(&asked->client))) {
		struct stanza *gone = stanza_parse(
		    STR("<presence xmlns='jabber:client' type='unavailable'/>"), &xml_limits_default, NULL);
		route(&asked->client, &asked->as, gone);
		stanza_unref(&gone);
	}
	free((char *)asked->client.text);
	free((char *)asked->as.text);
	free(asked);
}

static void on_room(void *arg, struct room *room)
{
	(void)arg;
	if (!room)
		return;
	for (struct list *at = room->clients.next; at != &room->clients; at = at->next) {
		const struct room_client *client = list_entry(at, struct room_client, in_room);
		if (!host_find(jid_domain(&client->jid)))
			continue;
		struct asked *asked = mem_zalloc(sizeof(*asked));
		asked->client = jid_dup_heap(&client->jid);
		asked->as = jid_dup_heap(&client->occupant->jid);
		module_post(room->instance, jid_bare(&asked->client), ask_one, asked);
	}
}

static void load_room(struct module_instance *instance, void *arg)
{
	struct arena arena = {0};
	struct jid jid;
	(void)instance;
	if (jid_parse(str_of(arg), &arena, &jid, NULL) == 0)
		room_load(&jid, on_room, NULL);
	arena_fini(&arena);
	free(arg);
}

/* --- on worker 0 ---------------------------------------------------------------------------------------- */

static void waking_free(struct waking *waking)
{
	room_config_fini(&waking->defaults);
	arena_fini(&waking->arena);
	free(waking->host);
	free(waking);
}

static void load_later(struct muc *muc, struct str bare)
{
	struct lived_in *room = mem_zalloc(sizeof(*room) + bare.len + 1);
	memcpy(room->bare, bare.ptr, bare.len);
	room->next = muc->lived_in;
	muc->lived_in = room;
}

static void on_time(struct module_instance *instance, void *arg)
{
	struct muc *muc = arg;
	while (muc->lived_in) {
		struct lived_in *room = muc->lived_in;
		muc->lived_in = room->next;
		module_post(instance, str_of(room->bare), load_room, str_dup(str_of(room->bare)));
		free(room);
	}
}

void muc_wake_fini(struct muc *muc)
{
	while (muc->lived_in) {
		struct lived_in *room = muc->lived_in;
		muc->lived_in = room->next;
		free(room);
	}
}

static void list_found(struct muc *muc, const struct found *found)
{
	struct arena arena = {0};
	struct directory_entry there;
	if (!directory_find(muc->directory, found->entry.jid, &arena, &there))
		directory_put(muc->directory, &found->entry);
	arena_fini(&arena);
	if (found->lived_in)
		load_later(muc, found->entry.jid);
}

static void wake_done(struct store_op *op, int result, const struct err *err)
{
	struct waking *waking = list_entry(op, struct waking, op);
	struct host *host = host_find(str_of(waking->host));
	struct module_instance *instance = host ? host_module(host, mod_muc.name) : NULL;
	if (result < 0)
		LOG_ERROR("muc.list_failed", LOG_CSTR("host", waking->host), LOG_CSTR("reason", err->text));
	if (result < 0 || !instance || muc_of(instance) != waking->muc) {
		waking_free(waking);
		return;
	}
	for (const struct found *found = waking->rooms; found; found = found->next)
		list_found(waking->muc, found);
	if (waking->count < PAGE) {
		waking_free(waking);
		return;
	}
	struct arena used = waking->arena;
	waking->arena = (struct arena){0};
	waking->last_name = arena_str(&waking->arena, waking->last_name);
	waking->last_host = arena_str(&waking->arena, waking->last_host);
	arena_fini(&used);
	store_submit(&waking->op);
}

void muc_wake(struct muc *muc)
{
	struct waking *waking = mem_zalloc(sizeof(*waking));
	waking->muc = muc;
	waking->host = str_dup(host_name(module_host(muc->instance)));
	waking->last_name = waking->last_host = STR("");
	room_config_init(&waking->defaults, muc->instance);
	waking->op.kind = STORE_READ;
	waking->op.run = wake_run;
	waking->op.done = wake_done;
	store_submit(&waking->op);
	module_timer_start(module_timer_new(muc->instance, on_time, muc), LOAD_MS);
}
