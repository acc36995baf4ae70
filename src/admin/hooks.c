/* SPDX-License-Identifier: Apache-2.0 */
/* hooks: who joins in where, and where one could. */
#include <string.h>

#include "admin/commands.h"
#include "route/host_private.h"
#include "route/hosts.h"

static const char *const stages[] = {"first", "early", "normal", "late", "last"};

struct listing {
	struct str host;     /* empty: all */
	enum hook_name only; /* HOOK_COUNT: all */
	enum hook_name hook; /* whose rows are being added */
	json_t *rows;
	bool any; /* somebody listens to that one */
};

/* Every row has every column: what it does not have is an empty string. */
static json_t *row_add(struct listing *listing, struct str host)
{
	const struct hook_about *about = hook_about(listing->hook);
	json_t *row = json_object();

	json_object_set_new(row, "hook", json_string(about->name));
	json_object_set_new(row, "host", json_stringn(host.len ? host.ptr : "", host.len));
	json_object_set_new(row, "position", json_integer(0));
	json_object_set_new(row, "stage", json_string(""));
	json_object_set_new(row, "module", json_string(""));
	json_object_set_new(row, "after", json_string(""));
	json_object_set_new(row, "scope", json_string(""));
	json_object_set_new(row, "meaning", json_string(about->what));
	json_array_append_new(listing->rows, row);
	return row;
}

static void slot_add(struct listing *listing, struct str host, const struct hook_slot *slot, unsigned position)
{
	json_t *row = row_add(listing, host);
	const char *after = slot->entry.after;

	json_object_set_new(row, "position", json_integer(position));
	json_object_set_new(row, "stage", json_string(stages[slot->entry.stage]));
	json_object_set_new(row, "module", json_string(module_of(slot->instance)->name));
	json_object_set_new(row, "after", json_string(after ? after : ""));
	json_object_set_new(row, "scope", json_string(slot->entry.global ? "global" : "host"));
}

static void add_host(void *arg, struct host *host)
{
	struct listing *listing = arg;
	const struct hook_table *table = host_hooks(host, listing->hook);

	if (listing->host.len && !str_eq(listing->host, host_name(host)))
		return;
	for (unsigned i = 0; i < table->count; i++)
		slot_add(listing, host_name(host), &table->slots[i], i + 1);
	listing->any |= table->count > 0;
}

static void collect(void *arg)
{
	struct listing *listing = arg;

	listing->rows = json_array();
	for (listing->hook = 0; listing->hook < HOOK_COUNT; listing->hook++) {
		if (listing->only != HOOK_COUNT && listing->only != listing->hook)
			continue;
		listing->any = false;
		hosts_each(add_host, listing);
		if (!listing->any)
			row_add(listing, listing->host);
	}
}

static enum hook_name hook_named(struct str name)
{
	enum hook_name hook = 0;

	while (hook < HOOK_COUNT && !str_is(name, hook_about(hook)->name))
		hook++;
	return hook;
}

static enum command_outcome read_arguments(
    struct command_call *call, struct arena *arena, struct listing *listing_r)
{
	struct str host = command_string(call, "host"), hook = command_string(call, "hook");

	*listing_r = (struct listing){.only = HOOK_COUNT};
	/* One argument that is a hook's name is meant as that. */
	if (!hook.len && hook_named(host) < HOOK_COUNT) {
		listing_r->only = hook_named(host);
		return COMMAND_OK;
	}
	if (hook.len && (listing_r->only = hook_named(hook)) == HOOK_COUNT)
		return command_say(call, COMMAND_NOT_FOUND, "there is no hook '%.*s': without it all are listed",
		    STR_FMT(hook));
	return host.len ? command_host(call, "host", arena, &listing_r->host) : COMMAND_OK;
}

static enum command_outcome run_hooks(struct command_call *call)
{
	struct arena arena = {0};
	struct listing listing;
	enum command_outcome outcome = read_arguments(call, &arena, &listing);

	if (outcome == COMMAND_OK) {
		command_on_main(collect, &listing);
		call->result = listing.rows;
	}
	arena_fini(&arena);
	return outcome;
}

static const struct command_argument hooks_arguments[] = {
    {"host", COMMAND_STRING, "virtual host of this server; all when it is left out", ""},
    {"hook", COMMAND_STRING, "name of a hook; all when it is left out", ""},
    {0},
};
static const char *const hooks_columns[] = {
    "hook", "host", "position", "stage", "module", "after", "scope", "meaning", NULL};

const struct command hooks_commands[] = {
    {
	.name = "hooks",
	.tag = "modules",
	.doc = "Lists the hooks and the modules that join in there, in the order in which they run; a hook with "
	       "position 0 has nobody.",
	.arguments = hooks_arguments,
	.result = COMMAND_TABLE,
	.columns = hooks_columns,
	.run = run_hooks,
    },
    {0},
};
