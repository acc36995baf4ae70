/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_muc/room.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/receipt.h"

#define WRITE_MS 1000

/* What is to be written of a client; presence ptr NULL: it is gone. */
struct change {
	struct change *next;
	char *jid, *nick, *presence;
	enum room_role role;
};

struct room_clients {
	struct map changes; /* struct change, by full JID */
	struct module_timer *timer;
	bool at_once; /* asked for while a write was under way: the next one follows it */
};

/* Some changes on their way. */
struct writing {
	struct store_op op;
	uint64_t serial; /* of the room */
	struct map changes;
	char *host, *bare;
};

static void change_free(struct change *change)
{
	free(change->jid);
	free(change->nick);
	free(change->presence);
	free(change);
}

static void changes_fini(struct map *changes)
{
	uint32_t at = 0;
	struct change *change;
	while ((change = map_next(changes, &at, NULL)))
		change_free(change);
	map_fini(changes);
}

/* --- writing -------------------------------------------------------------------------------------------- */

static int write_one(const struct writing *writing, const struct change *change, struct db *db, struct err *err)
{
	struct str host = str_of(writing->host), room = str_of(writing->bare), jid = str_of(change->jid);
	if (DB_EXEC(db, err, "DELETE FROM mod_muc_client WHERE {host=} room = ? AND jid = ?", DB_P_TEXT(host),
		DB_P_TEXT(room), DB_P_TEXT(jid)) < 0)
		return -1;
	if (!change->presence)
		return 0;
	return DB_EXEC(db, err,
		   "INSERT INTO mod_muc_client ({host,} room, jid, nick, role, presence) VALUES ({?,} ?, ?, ?, ?, ?)",
		   DB_P_TEXT(host), DB_P_TEXT(room), DB_P_TEXT(jid), DB_P_TEXT(str_of(change->nick)),
		   DB_P_INT(change->role), DB_P_TEXT(str_of(change->presence))) < 0
	           ? -1
	           : 0;
}

static int write_run(struct store_op *op, struct db *db, struct err *err)
{
	struct writing *writing = list_entry(op, struct writing, op);
	uint32_t at = 0;
	const struct change *change;
	while ((change = map_next(&writing->changes, &at, NULL)))
		if (write_one(writing, change, db, err) < 0)
			return -1;
	return 0;
}

static void written(struct room *room)
{
	struct room_clients *clients = room->unsaved_clients;
	room->clients_saving = false;
	if (clients && clients->at_once)
		room_clients_flush(room);
	else if (clients && clients->changes.count)
		module_timer_start(clients->timer, WRITE_MS);
	room_settle(room);
}

static void write_done(struct store_op *op, int result, const struct err *err)
{
	struct writing *writing = list_entry(op, struct writing, op);
	if (result < 0)
		LOG_ERROR("muc.write_failed", LOG_CSTR("room", writing->bare), LOG_CSTR("reason", err->text));
	struct room *room = room_find_same(str_of(writing->bare), writing->serial);
	if (room)
		written(room);
	changes_fini(&writing->changes);
	free(writing->host);
	free(writing->bare);
	free(writing);
}

void room_clients_flush(struct room *room)
{
	struct room_clients *clients = room->unsaved_clients;
	struct receipt *before;
	if (!clients || !clients->changes.count)
		return;
	clients->at_once = room->clients_saving;
	if (room->clients_saving)
		return;
	struct writing *writing = mem_zalloc(sizeof(*writing));
	writing->serial = room->serial;
	writing->changes = clients->changes;
	clients->changes = (struct map){0};
	writing->host = str_dup(host_name(module_host(room->instance)));
	writing->bare = str_dup(jid_full(&room->jid));
	writing->op.kind = STORE_WRITE;
	writing->op.key = str_of(writing->bare);
	writing->op.run = write_run;
	writing->op.done = write_done;
	room->clients_saving = true;
	receipt_enter(NULL, &before);
	store_submit(&writing->op);
	receipt_leave(before);
}

static void on_due(struct module_instance *instance, void *arg)
{
	(void)instance;
	room_clients_flush(arg);
}

/* --- what changed --------------------------------------------------------------------------------------- */

static struct room_clients *clients_of(struct room *room)
{
	struct room_clients *clients = room->unsaved_clients;
	if (!clients) {
		clients = room->unsaved_clients = mem_zalloc(sizeof(*clients));
		clients->timer = module_timer_new(room->instance, on_due, room);
	}
	if (!module_timer_is_running(clients->timer) && !room->clients_saving)
		module_timer_start(clients->timer, WRITE_MS);
	return clients;
}

static struct change *change_of(struct room *room, const struct room_client *client)
{
	struct room_clients *clients = clients_of(room);
	struct change *change = map_get(&clients->changes, jid_full(&client->jid));
	if (!change) {
		change = mem_zalloc(sizeof(*change));
		change->jid = str_dup(jid_full(&client->jid));
		map_put(&clients->changes, str_of(change->jid), change);
	}
	free(change->nick);
	free(change->presence);
	change->nick = change->presence = NULL;
	return change;
}

void room_client_dirty(struct room *room, struct room_client *client)
{
	struct strbuf presence = {0};
	if (!room->config.persistent)
		return;
	struct change *change = change_of(room, client);
	stanza_write(&presence, client->presence, NULL, NULL);
	change->presence = strbuf_take(&presence);
	change->nick = str_dup(jid_resource(&client->occupant->jid));
	change->role = client->occupant->role;
}

void room_client_gone(struct room *room, struct room_client *client)
{
	if (room->config.persistent)
		change_of(room, client);
}

void room_clients_write_all(struct room *room)
{
	for (struct list *at = room->clients.next; at != &room->clients; at = at->next)
		room_client_dirty(room, list_entry(at, struct room_client, in_room));
}

void room_clients_fini(struct room *room)
{
	struct room_clients *clients = room->unsaved_clients;
	if (!clients)
		return;
	changes_fini(&clients->changes);
	module_timer_free(&clients->timer);
	free(clients);
	room->unsaved_clients = NULL;
}
