/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc_admin/muc_admin.h"
#include "stanzad/clock.h"
#include "stanzad/datetime.h"

#define DAY_US INT64_C(86400000000)

/* A room without occupants. */
struct candidate {
	struct candidate *next;
	struct str jid;
	bool loaded, persistent;
	int64_t active_us; /* when something was last said in it, as far as is known; 0: it is not */
	bool archived;     /* there are messages of it in the archive */
};

struct search {
	struct admin_services services;
	struct arena arena;
	struct candidate *first, **end;
	struct str host; /* of the present service, for the statements */
};

/* --- which rooms ---------------------------------------------------------------------------------------- */

static bool add_candidate(void *arg, const struct directory_entry *entry)
{
	struct search *search = arg;
	if (entry->occupants)
		return true;
	struct candidate *candidate = arena_zalloc(&search->arena, sizeof(*candidate));
	candidate->jid = arena_str(&search->arena, entry->jid);
	candidate->loaded = entry->loaded;
	candidate->persistent = entry->persistent;
	*search->end = candidate;
	search->end = &candidate->next;
	return true;
}

/* --- what storage knows of them ------------------------------------------------------------------------- */

/* A time as databases write it: "2026-11-22 10:09:08", in UTC. */
static int64_t time_of(struct str text)
{
	char copy[40];
	int64_t us = 0;
	if (text.len < 19 || text.len > sizeof(copy) - 2)
		return 0;
	memcpy(copy, text.ptr, text.len);
	copy[10] = 'T';
	copy[text.len] = 'Z';
	datetime_parse((struct str){copy, text.len + 1}, &us);
	return us;
}

static void later(int64_t *us, int64_t other)
{
	if (other > *us)
		*us = other;
}

static int read_created(struct search *search, struct candidate *candidate, struct db *db, struct err *err)
{
	struct str domain, local = str_cut(candidate->jid, '@', &domain);
	struct db_rows *rows =
	    DB_QUERY(db, err, "SELECT created_at FROM muc_room WHERE {host=} name = ? AND host = ?",
		DB_P_TEXT(search->host), DB_P_TEXT(local), DB_P_TEXT(domain));
	int rc = db_next(rows, err);
	if (rc > 0)
		later(&candidate->active_us, time_of(db_text(rows, 0)));
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

static int read_archive(struct search *search, struct candidate *candidate, struct db *db, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err, "SELECT MAX(timestamp) FROM archive WHERE {host=} username = ?",
	    DB_P_TEXT(search->host), DB_P_TEXT(candidate->jid));
	int rc = db_next(rows, err);
	if (rc > 0 && !db_is_null(rows, 0)) {
		candidate->archived = true;
		later(&candidate->active_us, db_int(rows, 0));
	}
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

static int run_read(void *arg, struct db *db, struct err *err)
{
	struct search *search = arg;
	for (struct candidate *at = search->first; at; at = at->next) {
		struct str domain;
		str_cut(at->jid, '@', &domain);
		struct muc *muc = muc_serving(domain);
		if (!muc)
			continue;
		search->host = host_name(module_host(muc->instance));
		if (read_created(search, at, db, err) < 0 || read_archive(search, at, db, err) < 0)
			return -1;
	}
	return 0;
}

/* --- what the rooms themselves know --------------------------------------------------------------------- */

static void note_said(void *arg, const struct jid *as, struct stanza *stanza, int64_t at_us)
{
	later(arg, at_us);
}

static void note_room(void *arg, struct room *room)
{
	if (!room)
		return;
	room_history_each(room, note_said, arg);
	later(arg, room->subject.at_us);
}

static void ask_rooms(struct search *search)
{
	for (struct candidate *at = search->first; at; at = at->next) {
		struct admin_room room;
		if (at->loaded && admin_room_parse(&room, at->jid, NULL) == 0) {
			admin_room_visit(&room, note_room, &at->active_us);
			admin_room_fini(&room);
		}
	}
}

/* --- the commands --------------------------------------------------------------------------------------- */

static enum command_outcome search_init(struct search *search, struct command_call *call)
{
	struct err err = {0};
	*search = (struct search){.end = NULL};
	search->end = &search->first;
	enum command_outcome outcome = admin_services_init(&search->services, call);
	if (outcome != COMMAND_OK)
		return outcome;
	admin_services_each(&search->services, add_candidate, search);
	if (store_call(STORE_READ, STR_NULL, run_read, search, &err) < 0)
		return command_say(call, COMMAND_FAILED, "%s", err.text);
	return COMMAND_OK;
}

static void search_fini(struct search *search)
{
	admin_services_fini(&search->services);
	arena_fini(&search->arena);
}

static void keep_if(struct search *search, bool (*keep)(const struct candidate *candidate, int64_t before_us),
    int64_t before_us)
{
	for (struct candidate **at = &search->first; *at;) {
		if (keep(*at, before_us))
			at = &(*at)->next;
		else
			*at = (*at)->next;
	}
}

/* Nobody may have come in meanwhile. */
static void destroy(void *arg, struct room *room)
{
	bool *done = arg;
	*done = room && !room->client_count;
	if (*done)
		room_destroy(room, &(struct room_end){0});
}

static void destroy_found(struct search *search)
{
	for (struct candidate **at = &search->first; *at;) {
		struct admin_room room;
		bool done = false;
		if (admin_room_parse(&room, (*at)->jid, NULL) == 0)
			admin_room_visit(&room, destroy, &done);
		admin_room_fini(&room);
		if (done)
			at = &(*at)->next;
		else
			*at = (*at)->next;
	}
}

static json_t *names(const struct search *search)
{
	json_t *list = json_array();
	for (const struct candidate *at = search->first; at; at = at->next)
		json_array_append_new(list, admin_json(at->jid));
	return list;
}

/* Since the server runs there can have been talk that left no trace in a room that sleeps. */
static bool is_unused(const struct candidate *candidate, int64_t before_us)
{
	return candidate->active_us < before_us && admin_started_us() < before_us;
}

static enum command_outcome unused(struct command_call *call, bool end)
{
	struct search search;
	int64_t days = command_integer(call, "days");
	if (days < 0 || days > clock_real_us() / DAY_US)
		return command_say(call, COMMAND_USAGE, "days is a number from 0 on");
	enum command_outcome outcome = search_init(&search, call);
	if (outcome == COMMAND_OK) {
		ask_rooms(&search);
		keep_if(&search, is_unused, clock_real_us() - days * DAY_US);
		if (end)
			destroy_found(&search);
		call->result = names(&search);
	}
	search_fini(&search);
	return outcome;
}

enum command_outcome admin_unused_list(struct command_call *call)
{
	return unused(call, false);
}

enum command_outcome admin_unused_destroy(struct command_call *call)
{
	return unused(call, true);
}

static void ask_archives(void *arg)
{
	struct search *search = arg;
	for (struct candidate *at = search->first; at; at = at->next) {
		struct str domain;
		str_cut(at->jid, '@', &domain);
		const struct muc *muc = muc_serving(domain);
		/* where nothing is archived, an empty archive says nothing */
		at->archived |= !muc || !host_module(module_host(muc->instance), "mod_mam");
	}
}

static bool is_empty(const struct candidate *candidate, int64_t before_us)
{
	return candidate->persistent && !candidate->archived;
}

static enum command_outcome find_empty(struct search *search, struct command_call *call)
{
	enum command_outcome outcome = search_init(search, call);
	if (outcome == COMMAND_OK) {
		command_on_home(STR("rooms"), ask_archives, search);
		keep_if(search, is_empty, 0);
	}
	return outcome;
}

enum command_outcome admin_empty_list(struct command_call *call)
{
	struct search search;
	enum command_outcome outcome = find_empty(&search, call);
	if (outcome == COMMAND_OK)
		call->result = names(&search);
	search_fini(&search);
	return outcome;
}

enum command_outcome admin_empty_destroy(struct command_call *call)
{
	struct search search;
	unsigned count = 0;
	enum command_outcome outcome = find_empty(&search, call);
	if (outcome == COMMAND_OK) {
		destroy_found(&search);
		for (const struct candidate *at = search.first; at; at = at->next)
			count++;
		char *text = arena_printf(&search.arena, "Destroyed rooms: %u", count);
		call->result = json_string(text);
	}
	search_fini(&search);
	return outcome;
}
