/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "modules/mod_muc/muc.h"
#include "stanzad/list.h"
#include "stanzad/mem.h"

#define KEY_MAX (2 * (2 * JID_PART_MAX + 1) + 1)

/* All registrations at one place. */
struct place {
	struct list rows;
	size_t where_len;
	char where[];
};

/* One registration. Its keys are in text: where NUL bare, then where NUL nick. */
struct row {
	struct place *place;
	struct list at_place;
	size_t where_len, bare_len, nick_len;
	char text[];
};

struct muc_nicks {
	pthread_mutex_t lock;
	bool loaded; /* atomic */
	struct map by_bare, by_nick, places;
};

static struct str row_bare_key(const struct row *row)
{
	return (struct str){row->text, row->where_len + 1 + row->bare_len};
}

static struct str row_nick_key(const struct row *row)
{
	return (struct str){row->text + row_bare_key(row).len, row->where_len + 1 + row->nick_len};
}

static struct str row_bare(const struct row *row)
{
	return (struct str){row->text + row->where_len + 1, row->bare_len};
}

static struct str row_nick(const struct row *row)
{
	return (struct str){row_nick_key(row).ptr + row->where_len + 1, row->nick_len};
}

static char *put_key(char *at, struct str where, struct str what)
{
	memcpy(at, where.ptr, where.len);
	at[where.len] = '\0';
	memcpy(at + where.len + 1, what.ptr, what.len);
	return at + where.len + 1 + what.len;
}

static struct row *row_new(struct str where, struct str bare, struct str nick)
{
	struct row *row = mem_alloc(sizeof(*row) + 2 * (where.len + 1) + bare.len + nick.len);
	row->where_len = where.len;
	row->bare_len = bare.len;
	row->nick_len = nick.len;
	put_key(put_key(row->text, where, bare), where, nick);
	return row;
}

/* With the lock. */
static struct row *find(const struct map *map, struct str where, struct str what)
{
	char key[KEY_MAX];
	if (!what.len || where.len + 1 + what.len > sizeof(key))
		return NULL;
	size_t len = (size_t)(put_key(key, where, what) - key);
	return map_get(map, (struct str){key, len});
}

struct muc_nicks *muc_nicks_new(void)
{
	struct muc_nicks *nicks = mem_zalloc(sizeof(*nicks));
	pthread_mutex_init(&nicks->lock, NULL);
	return nicks;
}

void muc_nicks_free(struct muc_nicks **nicks)
{
	uint32_t position = 0;
	if (!*nicks)
		return;
	for (struct row *row; (row = map_next(&(*nicks)->by_bare, &position, NULL));)
		free(row);
	position = 0;
	for (struct place *place; (place = map_next(&(*nicks)->places, &position, NULL));)
		free(place);
	map_fini(&(*nicks)->places);
	map_fini(&(*nicks)->by_bare);
	map_fini(&(*nicks)->by_nick);
	pthread_mutex_destroy(&(*nicks)->lock);
	free(*nicks);
	*nicks = NULL;
}

/* --- in memory ------------------------------------------------------------------------------------------ */

/* With the lock, as all of these. */
static struct place *place_at(struct muc_nicks *nicks, struct str where)
{
	struct place *place = map_get(&nicks->places, where);
	if (place)
		return place;
	place = mem_alloc(sizeof(*place) + where.len);
	list_init(&place->rows);
	place->where_len = where.len;
	memcpy(place->where, where.ptr, where.len);
	map_put(&nicks->places, (struct str){place->where, where.len}, place);
	return place;
}

static void drop(struct muc_nicks *nicks, struct row *row)
{
	struct place *place = row->place;
	map_remove(&nicks->by_bare, row_bare_key(row));
	if (map_get(&nicks->by_nick, row_nick_key(row)) == row)
		map_remove(&nicks->by_nick, row_nick_key(row));
	list_remove(&row->at_place);
	free(row);
	if (list_empty(&place->rows)) {
		map_remove(&nicks->places, (struct str){place->where, place->where_len});
		free(place);
	}
}

/* Where two have the same nick, which only others can have written, the first one has it. */
static void keep(struct muc_nicks *nicks, struct str where, struct str bare, struct str nick)
{
	struct row *before = find(&nicks->by_bare, where, bare);
	if (before)
		drop(nicks, before);
	if (!nick.len)
		return;
	struct row *row = row_new(where, bare, nick);
	row->place = place_at(nicks, where);
	list_init(&row->at_place);
	list_add_before(&row->place->rows, &row->at_place);
	map_put(&nicks->by_bare, row_bare_key(row), row);
	if (!map_get(&nicks->by_nick, row_nick_key(row)))
		map_put(&nicks->by_nick, row_nick_key(row), row);
}

void muc_nicks_note(struct muc *muc, struct str where, struct str bare, struct str nick)
{
	struct muc_nicks *nicks = muc->nicks;
	pthread_mutex_lock(&nicks->lock);
	if (nicks->loaded)
		keep(nicks, where, bare, nick);
	pthread_mutex_unlock(&nicks->lock);
}

bool muc_nicks_any(struct muc *muc, struct str where)
{
	pthread_mutex_lock(&muc->nicks->lock);
	bool any = map_get(&muc->nicks->places, where) != NULL;
	pthread_mutex_unlock(&muc->nicks->lock);
	return any;
}

void muc_nicks_forget(struct muc *muc, struct str where)
{
	struct place *place;
	pthread_mutex_lock(&muc->nicks->lock);
	while ((place = map_get(&muc->nicks->places, where)))
		drop(muc->nicks, list_entry(place->rows.next, struct row, at_place));
	pthread_mutex_unlock(&muc->nicks->lock);
}

struct str muc_nicks_owner(struct muc *muc, struct str where, struct str nick, struct arena *arena)
{
	struct str bare = STR_NULL;
	pthread_mutex_lock(&muc->nicks->lock);
	const struct row *row = find(&muc->nicks->by_nick, where, nick);
	if (row)
		bare = arena_str(arena, row_bare(row));
	pthread_mutex_unlock(&muc->nicks->lock);
	return bare;
}

struct str muc_nicks_of(struct muc *muc, struct str where, struct str bare, struct arena *arena)
{
	struct str nick = STR_NULL;
	pthread_mutex_lock(&muc->nicks->lock);
	const struct row *row = find(&muc->nicks->by_bare, where, bare);
	if (row)
		nick = arena_str(arena, row_nick(row));
	pthread_mutex_unlock(&muc->nicks->lock);
	return nick;
}

/* --- on storage ----------------------------------------------------------------------------------------- */

static struct str muc_server(const struct muc *muc)
{
	return host_name(module_host(muc->instance));
}

/* With the lock. What cannot be a registration is left where it is. */
static int load(struct muc *muc, struct db *db, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT host, jid, nick FROM muc_registered WHERE {host=} nick <> ?",
	    DB_P_TEXT(muc_server(muc)), DB_P_TEXT(STR("")));
	int rc;
	while ((rc = db_next(rows, err)) > 0) {
		struct str where = db_text(rows, 0), bare = db_text(rows, 1), nick = db_text(rows, 2);
		if (where.len && bare.len && where.len + 1 + bare.len <= KEY_MAX &&
		    where.len + 1 + nick.len <= KEY_MAX)
			keep(muc->nicks, where, bare, nick);
	}
	db_end(&rows);
	return rc;
}

int muc_nicks_ensure(struct muc *muc, struct db *db, struct err *err)
{
	struct muc_nicks *nicks = muc->nicks;
	int rc = 0;
	if (__atomic_load_n(&nicks->loaded, __ATOMIC_ACQUIRE))
		return 0;
	pthread_mutex_lock(&nicks->lock);
	if (!nicks->loaded)
		rc = load(muc, db, err);
	if (rc >= 0)
		__atomic_store_n(&nicks->loaded, true, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&nicks->lock);
	return rc < 0 ? -1 : 0;
}

static struct str domain_of(struct str where)
{
	struct str domain;
	str_cut(where, '@', &domain);
	return domain.len ? domain : where;
}

/* A registration at one place keeps others from a nick at the other: the same place, the service of the room, a room
 * of the service. */
static bool bears_on(struct str place, struct str where)
{
	if (str_eq(place, where))
		return true;
	bool room = !str_eq(domain_of(where), where), place_room = !str_eq(domain_of(place), place);
	return room != place_room && str_eq(domain_of(place), domain_of(where));
}

static int is_taken(
    struct muc *muc, struct db *db, struct str where, struct str bare, struct str nick, struct err *err)
{
	struct db_rows *rows =
	    DB_QUERY(db, err, "SELECT host, jid FROM muc_registered WHERE {host=} nick = ?",
		DB_P_TEXT(muc_server(muc)), DB_P_TEXT(nick));
	bool taken = false;
	int rc = 0;
	while (!taken && (rc = db_next(rows, err)) > 0)
		taken = bears_on(db_text(rows, 0), where) && !str_eq(db_text(rows, 1), bare);
	db_end(&rows);
	return rc < 0 ? -1 : taken;
}

static int upsert(
    struct muc *muc, struct db *db, struct str where, struct str bare, struct str nick, struct err *err)
{
	int64_t changed = DB_EXEC(db, err, "UPDATE muc_registered SET nick = ? WHERE {host=} jid = ? AND host = ?",
	    DB_P_TEXT(nick), DB_P_TEXT(muc_server(muc)), DB_P_TEXT(bare), DB_P_TEXT(where));
	if (changed == 0)
		changed = DB_EXEC(db, err,
		    "INSERT INTO muc_registered ({host,} jid, host, nick) VALUES ({?,} ?, ?, ?)",
		    DB_P_TEXT(muc_server(muc)), DB_P_TEXT(bare), DB_P_TEXT(where), DB_P_TEXT(nick));
	return changed < 0 ? -1 : 0;
}

int muc_nicks_write(
    struct muc *muc, struct db *db, struct str where, struct str bare, struct str nick, struct err *err)
{
	if (!nick.len)
		return DB_EXEC(db, err, "DELETE FROM muc_registered WHERE {host=} jid = ? AND host = ?",
			   DB_P_TEXT(muc_server(muc)), DB_P_TEXT(bare), DB_P_TEXT(where)) < 0
			   ? -1
			   : 0;
	int rc = is_taken(muc, db, where, bare, nick, err);
	return rc ? rc : upsert(muc, db, where, bare, nick, err);
}

int muc_nicks_remove(struct muc *muc, struct db *db, struct str where, struct err *err)
{
	return DB_EXEC(db, err, "DELETE FROM muc_registered WHERE {host=} host = ?", DB_P_TEXT(muc_server(muc)),
		   DB_P_TEXT(where)) < 0
		   ? -1
		   : 0;
}
