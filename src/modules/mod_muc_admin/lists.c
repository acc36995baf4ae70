/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>

#include "conf/pattern.h"
#include "modules/mod_muc_admin/muc_admin.h"
#include "stanzad/mem.h"

/* --- the rooms of a service ----------------------------------------------------------------------------- */

struct listing {
	json_t *result;
	const struct pattern *pattern;
	int64_t count;
};

static enum command_outcome list(struct command_call *call,
    bool (*each)(void *arg, const struct directory_entry *entry), struct listing *listing)
{
	struct admin_services services;
	enum command_outcome outcome = admin_services_init(&services, call);
	if (outcome == COMMAND_OK) {
		admin_services_each(&services, each, listing);
		call->result = listing->result ? json_incref(listing->result) : json_integer(listing->count);
	}
	json_decref(listing->result);
	admin_services_fini(&services);
	return outcome;
}

static bool add_name(void *arg, const struct directory_entry *entry)
{
	struct listing *listing = arg;
	json_array_append_new(listing->result, admin_json(entry->jid));
	return true;
}

enum command_outcome admin_online_rooms(struct command_call *call)
{
	return list(call, add_name, &(struct listing){.result = json_array()});
}

static bool add_one(void *arg, const struct directory_entry *entry)
{
	((struct listing *)arg)->count++;
	return true;
}

enum command_outcome admin_online_rooms_count(struct command_call *call)
{
	return list(call, add_one, &(struct listing){0});
}

static bool add_matching(void *arg, const struct directory_entry *entry)
{
	struct listing *listing = arg;
	struct str domain, local = str_cut(entry->jid, '@', &domain);
	if (pattern_match(listing->pattern, local))
		json_array_append_new(listing->result,
		    json_pack("{s:o, s:s, s:I}", "jid", admin_json(entry->jid), "public",
			entry->public ? "true" : "false", "participants", (json_int_t)entry->occupants));
	return true;
}

enum command_outcome admin_online_rooms_by_regex(struct command_call *call)
{
	struct arena arena = {0};
	struct pattern *all = NULL;
	struct err err = {0};
	const struct pattern *pattern = pattern_new(command_string(call, "regex"), false, &arena, &all, &err);
	enum command_outcome outcome;
	if (pattern)
		outcome = list(call, add_matching, &(struct listing){.result = json_array(), .pattern = pattern});
	else
		outcome = command_say(call, COMMAND_USAGE, "regex: %s", err.text);
	pattern_free_all(all);
	arena_fini(&arena);
	return outcome;
}

/* --- the rooms of somebody ------------------------------------------------------------------------------ */

struct finding {
	pthread_mutex_t lock; /* all workers look at once */
	const struct jid *jid;
	json_t *rooms;
};

static void look_for_user(void *arg, struct room *room)
{
	struct finding *finding = arg;
	for (struct occupant *at = room_first_occupant(room); at; at = occupant_next(at)) {
		if (!jid_bare_eq(&at->real, finding->jid))
			continue;
		pthread_mutex_lock(&finding->lock);
		json_array_append_new(finding->rooms, admin_json(jid_bare(&room->jid)));
		pthread_mutex_unlock(&finding->lock);
		return;
	}
}

static void on_worker(void *arg)
{
	struct muc *services[64];
	size_t count = muc_all(services, sizeof(services) / sizeof(services[0]));
	for (size_t i = 0; i < count; i++)
		rooms_each(services[i], look_for_user, arg);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

static json_t *sorted(json_t *strings)
{
	size_t count = json_array_size(strings);
	json_t **list = mem_zalloc((count + 1) * sizeof(json_t *)), *result = json_array();
	for (size_t i = 0; i < count; i++)
		list[i] = json_array_get(strings, i);
	qsort(list, count, sizeof(json_t *), by_text);
	for (size_t i = 0; i < count; i++)
		json_array_append(result, list[i]);
	free(list);
	json_decref(strings);
	return result;
}

enum command_outcome admin_user_rooms(struct command_call *call)
{
	struct command_account account;
	enum command_outcome outcome = command_account(call, &account);
	if (outcome == COMMAND_OK) {
		struct finding finding = {PTHREAD_MUTEX_INITIALIZER, &account.jid, json_array()};
		command_on_workers(on_worker, &finding);
		pthread_mutex_destroy(&finding.lock);
		call->result = sorted(finding.rooms);
	}
	command_account_fini(&account);
	return outcome;
}
