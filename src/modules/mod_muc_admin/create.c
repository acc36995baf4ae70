/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modules/mod_muc_admin/muc_admin.h"

#define LINE_MOST (2 * JID_PART_MAX + 16) /* bytes of a line in a file of rooms */

/* A room that is to be made. */
struct making {
	const struct admin_room *where;
	const json_t *options; /* objects with name and value; NULL: none */
	bool persistent;       /* whatever the options say */
	int result;            /* 0 done, 1 it is there, < 0 err */
	struct err err;
};

/* --- options -------------------------------------------------------------------------------------------- */

static struct str text_of(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return (struct str){json_string_value(value), json_string_length(value)};
}

/* "owner=juliet@example.org;member=romeo@example.org". room NULL: only looked at. */
static int read_affiliations(struct room *room, struct str list, struct err *err)
{
	struct arena arena = {0};
	int rc = 0;
	while (list.len && rc == 0) {
		struct str jid_text, word = str_cut(str_cut(list, ';', &list), '=', &jid_text);
		enum room_affiliation affiliation;
		struct jid jid;
		if (room_affiliation_read(str_trim(word), &affiliation) < 0)
			rc = err_set(err, "affiliations: there is no '%.*s'", STR_FMT(word));
		else if (jid_parse(str_trim(jid_text), &arena, &jid, err) < 0)
			rc = err_prefix(err, "affiliations");
		else if (room)
			room_affiliate_put(room, &jid, affiliation, STR_NULL);
	}
	arena_fini(&arena);
	return rc;
}

/* Whoever names subscribers wants the room to have them. */
static int read_option(struct room_config *config, struct str name, struct str value, struct err *err)
{
	if (str_is(name, "affiliations"))
		return read_affiliations(NULL, value, err);
	if (!str_is(name, "subscribers"))
		return room_config_set(config, name, value, err);
	config->allow_subscription = true;
	return admin_read_subscribers(NULL, value, err);
}

static int read_options(const json_t *options, struct room_config *config, struct err *err)
{
	const json_t *option;
	size_t i;
	json_array_foreach(options, i, option)
	{
		struct str name = text_of(option, "name"), value = text_of(option, "value");
		if (read_option(config, name, value, err) < 0)
			return -1;
	}
	return 0;
}

static void set_subscribers(struct room *room, const json_t *options)
{
	const json_t *option;
	size_t i;
	json_array_foreach(options, i, option) if (str_is(text_of(option, "name"), "subscribers"))
	    admin_read_subscribers(room, text_of(option, "value"), NULL);
}

static void set_affiliations(struct room *room, const json_t *options)
{
	const json_t *option;
	size_t i;
	json_array_foreach(options, i, option) if (str_is(text_of(option, "name"), "affiliations"))
	    read_affiliations(room, text_of(option, "value"), NULL);
}

/* --- one room ------------------------------------------------------------------------------------------- */

static int configure(struct making *making, struct room *room)
{
	struct room_config config = {0};
	room_config_copy(&config, &room->config);
	int rc = read_options(making->options, &config, &making->err);
	config.persistent |= making->persistent;
	room->kept = rc == 0;
	if (rc == 0) {
		set_affiliations(room, making->options);
		room_configure(room, &config, NULL);
		set_subscribers(room, making->options);
	}
	room_config_fini(&config);
	return rc;
}

static void make(void *arg, struct room *there)
{
	struct making *making = arg;
	making->result = 1;
	if (there)
		return;
	struct room *room = room_make(making->where->muc, &making->where->jid);
	if (!room)
		return;
	room_hold(room);
	making->result = configure(making, room);
	room_release(room);
}

static int make_room(struct making *making)
{
	struct arena arena = {0};
	struct directory_entry entry;
	bool known = directory_find(making->where->muc->directory, jid_bare(&making->where->jid), &arena, &entry);
	arena_fini(&arena);
	making->result = 1;
	if (!known)
		admin_room_visit(making->where, make, making);
	return making->result;
}

static bool is_of_host(const struct admin_room *room, struct str host)
{
	return str_eq(host_name(module_host(room->muc->instance)), host);
}

static enum command_outcome create(struct command_call *call, const json_t *options)
{
	struct admin_room room;
	struct making making = {.where = &room, .options = options};
	struct str host;
	enum command_outcome outcome = admin_room_init(&room, call);
	if (outcome == COMMAND_OK)
		outcome = command_host(call, "host", &room.arena, &host);
	if (outcome == COMMAND_OK && !is_of_host(&room, host))
		outcome = command_say(call, COMMAND_USAGE, "%.*s is no service of %.*s",
		    STR_FMT(jid_domain(&room.jid)), STR_FMT(host));
	if (outcome == COMMAND_OK && make_room(&making) > 0)
		outcome = command_say(
		    call, COMMAND_CONFLICT, "there is a room %.*s already", STR_FMT(jid_bare(&room.jid)));
	if (outcome == COMMAND_OK && making.result < 0)
		outcome = command_say(call, COMMAND_USAGE, "%s", making.err.text);
	admin_room_fini(&room);
	return outcome;
}

enum command_outcome admin_create_room(struct command_call *call)
{
	return create(call, NULL);
}

enum command_outcome admin_create_room_with_opts(struct command_call *call)
{
	return create(call, command_list(call, "options"));
}

static void destroy(void *arg, struct room *room)
{
	(void)arg;
	room_destroy(room, &(struct room_end){0});
}

enum command_outcome admin_destroy_room(struct command_call *call)
{
	return admin_visit(call, destroy, NULL);
}

/* --- files with a JID on each line ---------------------------------------------------------------------- */

static int create_line(const struct admin_room *room, struct err *err)
{
	struct making making = {.where = room, .persistent = true};
	int rc = make_room(&making);
	return rc > 0 ? err_set(err, "there is such a room already") : rc;
}

struct ending {
	bool found;
};

static void end(void *arg, struct room *room)
{
	((struct ending *)arg)->found = room != NULL;
	if (room)
		destroy(NULL, room);
}

static int destroy_line(const struct admin_room *room, struct err *err)
{
	struct ending ending = {false};
	admin_room_visit(room, end, &ending);
	return ending.found ? 0 : err_set(err, "there is no such room");
}

/* Goes on after a line that fails; err says what was wrong with the first one. Returns how many failed. */
static unsigned each_line(FILE *file, int (*fn)(const struct admin_room *room, struct err *err), struct err *err)
{
	char line[LINE_MOST];
	unsigned number = 0, failed = 0;
	while (fgets(line, sizeof(line), file)) {
		struct admin_room room = {0};
		struct err why = {0};
		struct str text = str_trim(str_of(line));
		number++;
		if (!text.len)
			continue;
		if ((admin_room_parse(&room, text, &why) < 0 || fn(&room, &why) < 0) && failed++ == 0)
			err_set(err, "line %u: %s", number, why.text);
		admin_room_fini(&room);
	}
	return failed;
}

static enum command_outcome with_file(
    struct command_call *call, int (*fn)(const struct admin_room *room, struct err *err))
{
	char *path = str_dup(command_string(call, "file"));
	FILE *file = fopen(path, "re");
	struct err err = {0};
	enum command_outcome outcome = COMMAND_OK;
	if (!file) {
		outcome = command_say(call, COMMAND_FAILED, "%s: %s", path, strerror(errno));
	} else {
		unsigned failed = each_line(file, fn, &err);
		fclose(file);
		if (failed)
			outcome = command_say(call, COMMAND_FAILED, "%s: %s (%u lines failed)", path, err.text, failed);
	}
	free(path);
	return outcome;
}

enum command_outcome admin_create_rooms_file(struct command_call *call)
{
	return with_file(call, create_line);
}

enum command_outcome admin_destroy_rooms_file(struct command_call *call)
{
	return with_file(call, destroy_line);
}
