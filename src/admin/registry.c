/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/registry.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

static struct {
	pthread_rwlock_t lock;
	const struct command **rows; /* ordered by name */
	size_t count;
	struct held {
		const struct command *command;
		unsigned holds;
	} * held;
	size_t held_count;
} registry = {.lock = PTHREAD_RWLOCK_INITIALIZER};

static char plain(char c)
{
	return c == '-' ? '_' : c;
}

static int name_cmp(struct str given, const char *name)
{
	for (size_t i = 0; i < given.len; i++) {
		char c = plain(given.ptr[i]);
		if (c != name[i])
			return (unsigned char)c < (unsigned char)name[i] ? -1 : 1;
	}
	return name[given.len] ? -1 : 0;
}

/* The place of a name, or where it would be; with the lock. */
static size_t place_of(struct str name, bool *there_r)
{
	size_t low = 0, high = registry.count;

	*there_r = false;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = name_cmp(name, registry.rows[middle]->name);
		if (order == 0) {
			*there_r = true;
			return middle;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bool insert(const struct command *command)
{
	bool there;
	size_t at = place_of(str_of(command->name), &there);

	if (there)
		return false;
	registry.rows = mem_realloc_array(registry.rows, registry.count + 1, sizeof(*registry.rows));
	memmove(registry.rows + at + 1, registry.rows + at, (registry.count - at) * sizeof(*registry.rows));
	registry.rows[at] = command;
	registry.count++;
	return true;
}

static void take_out(const struct command *command)
{
	bool there;
	size_t at = place_of(str_of(command->name), &there);

	if (!there || registry.rows[at] != command)
		return;
	registry.count--;
	memmove(registry.rows + at, registry.rows + at + 1, (registry.count - at) * sizeof(*registry.rows));
	if (registry.count == 0) {
		free(registry.rows);
		registry.rows = NULL;
	}
}

int command_register(const struct command *commands, struct err *err)
{
	const struct command *taken = NULL;

	pthread_rwlock_wrlock(&registry.lock);
	for (const struct command *command = commands; command->name && !taken; command++)
		if (!insert(command))
			taken = command;
	for (const struct command *command = commands; taken && command != taken; command++)
		take_out(command);
	pthread_rwlock_unlock(&registry.lock);
	return taken ? err_set(err, "there is a command %s already", taken->name) : 0;
}

void command_unregister(const struct command *commands)
{
	pthread_rwlock_wrlock(&registry.lock);
	for (const struct command *command = commands; command->name; command++)
		take_out(command);
	pthread_rwlock_unlock(&registry.lock);
}

const struct command *command_find(struct str name)
{
	bool there;

	pthread_rwlock_rdlock(&registry.lock);
	size_t at = place_of(name, &there);
	const struct command *command = there ? registry.rows[at] : NULL;
	pthread_rwlock_unlock(&registry.lock);
	return command;
}

/* --- commands that somebody is about to run, or runs --------------------------------------------------- */

static struct held *held_of(const struct command *command)
{
	for (size_t i = 0; i < registry.held_count; i++)
		if (registry.held[i].command == command)
			return &registry.held[i];
	return NULL;
}

static void hold(const struct command *command)
{
	struct held *held = held_of(command);

	if (!held) {
		registry.held =
		    mem_realloc_array(registry.held, registry.held_count + 1, sizeof(*registry.held));
		held = &registry.held[registry.held_count++];
		*held = (struct held){.command = command};
	}
	held->holds++;
}

const struct command *command_hold(struct str name)
{
	bool there;

	pthread_rwlock_wrlock(&registry.lock);
	size_t at = place_of(name, &there);
	const struct command *command = there ? registry.rows[at] : NULL;
	if (command)
		hold(command);
	pthread_rwlock_unlock(&registry.lock);
	return command;
}

void command_release(const struct command *command)
{
	pthread_rwlock_wrlock(&registry.lock);
	struct held *held = held_of(command);
	if (--held->holds == 0)
		*held = registry.held[--registry.held_count];
	if (registry.held_count == 0) {
		free(registry.held);
		registry.held = NULL;
	}
	pthread_rwlock_unlock(&registry.lock);
}

bool command_is_running(const struct command *commands)
{
	bool running = false;

	pthread_rwlock_rdlock(&registry.lock);
	for (const struct command *command = commands; command && command->name; command++)
		running |= held_of(command) != NULL;
	pthread_rwlock_unlock(&registry.lock);
	return running;
}

void commands_each(void (*each)(void *arg, const struct command *command), void *arg)
{
	pthread_rwlock_rdlock(&registry.lock);
	for (size_t i = 0; i < registry.count; i++)
		each(arg, registry.rows[i]);
	pthread_rwlock_unlock(&registry.lock);
}

/* --- the name that was meant -------------------------------------------------------------------------- */

#define NAME_MAX_LEN 64
#define DISTANCE_MAX 3 /* letters that may be wrong */

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* How many letters must be put in, taken out or changed. */
static unsigned distance(struct str given, const char *name)
{
	unsigned row[NAME_MAX_LEN + 1];
	size_t len = strlen(name);

	if (given.len > NAME_MAX_LEN || len > NAME_MAX_LEN)
		return NAME_MAX_LEN;
	for (size_t j = 0; j <= len; j++)
		row[j] = (unsigned)j;
	for (size_t i = 0; i < given.len; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i + 1;
		for (size_t j = 0; j < len; j++) {
			unsigned changed = diagonal + (plain(given.ptr[i]) != name[j]);
			diagonal = row[j + 1];
			row[j + 1] = least(changed, least(row[j], row[j + 1]) + 1);
		}
	}
	return row[len];
}

const char *command_nearest(struct str name)
{
	const char *best = NULL;
	unsigned best_distance = DISTANCE_MAX + 1;

	pthread_rwlock_rdlock(&registry.lock);
	for (size_t i = 0; i < registry.count; i++) {
		unsigned here = distance(name, registry.rows[i]->name);
		if (here < best_distance && here < name.len) {
			best = registry.rows[i]->name;
			best_distance = here;
		}
	}
	pthread_rwlock_unlock(&registry.lock);
	return best;
}

/* --- describing --------------------------------------------------------------------------------------- */

const char *command_result_text(enum command_result_kind kind)
{
	static const char *const texts[] = {
	    [COMMAND_RESCODE] = "rescode",
	    [COMMAND_RESTUPLE] = "restuple",
	    [COMMAND_VALUE] = "value",
	    [COMMAND_LIST] = "list",
	    [COMMAND_TABLE] = "table",
	    [COMMAND_OBJECT] = "object",
	};

	return texts[kind];
}

static json_t *describe_argument(const struct command_argument *argument)
{
	static const char *const types[] = {
	    [COMMAND_STRING] = "string",
	    [COMMAND_INTEGER] = "integer",
	    [COMMAND_STRINGS] = "strings",
	    [COMMAND_TUPLES] = "tuples",
	};
	json_t *object = json_object();

	json_object_set_new(object, "name", json_string(argument->name));
	json_object_set_new(object, "type", json_string(types[argument->type]));
	json_object_set_new(object, "doc", json_string(argument->doc));
	if (argument->def)
		json_object_set_new(object, "default", json_string(argument->def));
	if (argument->fields)
		json_object_set_new(object, "fields", json_array());
	for (const char *const *field = argument->fields; field && *field; field++)
		json_array_append_new(json_object_get(object, "fields"), json_string(*field));
	return object;
}

json_t *command_describe(const struct command *command)
{
	json_t *object = json_object(), *arguments = json_array(), *columns = json_array();
	const struct command_argument *argument = command->arguments;

	for (; argument && argument->name; argument++)
		json_array_append_new(arguments, describe_argument(argument));
	for (const char *const *column = command->columns; column && *column; column++)
		json_array_append_new(columns, json_string(*column));
	json_object_set_new(object, "name", json_string(command->name));
	json_object_set_new(object, "tag", json_string(command->tag));
	json_object_set_new(object, "doc", json_string(command->doc));
	json_object_set_new(object, "result", json_string(command_result_text(command->result)));
	json_object_set_new(object, "columns", columns);
	json_object_set_new(object, "arguments", arguments);
	return object;
}
