/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_roster/roster_save.h"

#include <stdlib.h>

#include "modules/mod_roster/roster_push.h"
#include "modules/mod_roster/roster_store.h"
#include "modules/mod_roster/roster_view.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/module.h"
#include "stanzad/rand.h"

#define STORED_VERSION_LEN 20 /* 100 random bits */

struct roster *roster_of(const struct user *user)
{
	return user_slot(user, &mod_roster);
}

struct roster *roster_make(struct user *user)
{
	struct roster *roster = roster_of(user);
	if (!roster) {
		roster = roster_new();
		user_set_slot(user, &mod_roster, roster);
	}
	return roster;
}

struct module_instance *roster_instance(const struct user *user)
{
	return host_module(user_host(user), "mod_roster");
}

/* --- version -------------------------------------------------------------------------------------------- */

static bool has_option(const struct user *user, const char *option)
{
	struct module_instance *instance = roster_instance(user);
	return instance && module_option(instance, option)->boolean;
}

bool roster_version(struct user *user, char version_r[ROSTER_VERSION_LEN + 1])
{
	const struct roster *roster = roster_of(user);
	struct roster_view view;
	if (!has_option(user, "versioning"))
		return false;
	roster_view_open(user, &view);
	/* A stored version knows nothing of what others add. */
	if (roster && roster->version[0] && view.roster == roster && has_option(user, "store_current_id"))
		strcpy(version_r, roster->version);
	else
		roster_hash(view.roster, version_r);
	roster_view_close(&view);
	return true;
}

static void version_change(const struct user *user, struct roster *roster)
{
	roster->version[0] = '\0';
	if (has_option(user, "versioning") && has_option(user, "store_current_id"))
		rand_id(roster->version, STORED_VERSION_LEN);
}

/* --- after a write that failed -------------------------------------------------------------------------- */

/* One for a roster at a time: in roster->reread. */
struct reread {
	struct store_op op;
	struct jid user; /* heap */
	char **contacts; /* heap, as each: whose items could not be written */
	size_t count;
	struct arena arena;
	struct roster_rows *rows;
	uint32_t changes; /* of the roster when this reading began */
};

static int reread_run(struct store_op *op, struct db *db, struct err *err)
{
	struct reread *reread = (struct reread *)op;
	return roster_rows_read(db, &reread->user, true, &reread->arena, &reread->rows, err);
}

static void reread_submit(struct reread *reread, const struct roster *roster)
{
	arena_fini(&reread->arena);
	reread->arena = (struct arena){0};
	reread->changes = roster->changes;
	store_submit(&reread->op);
}

static void reread_free(struct reread *reread)
{
	for (size_t i = 0; i < reread->count; i++)
		free(reread->contacts[i]);
	free(reread->contacts);
	arena_fini(&reread->arena);
	free((char *)reread->user.text);
	free(reread);
}

static void reread_apply(struct user *user, struct roster *roster, const struct reread *reread)
{
	roster_fill(roster, reread->rows);
	for (size_t i = 0; i < reread->count; i++) {
		struct str contact = str_of(reread->contacts[i]);
		const struct roster_item *item = roster_get(roster, contact);
		struct roster_item gone = {.jid = contact, .subscription = ROSTER_REMOVE};
		roster_push(user, item && item->listed ? item : &gone);
	}
}

/* What has changed meanwhile may or may not be in what was read: once more. */
static void reread_done(struct store_op *op, int result, const struct err *err)
{
	struct reread *reread = (struct reread *)op;
	struct user *user = user_find(jid_bare(&reread->user));
	struct roster *roster = user ? roster_of(user) : NULL;
	bool current = roster && roster->reread == reread;
	if (current && result >= 0 && roster->changes != reread->changes) {
		reread_submit(reread, roster);
		return;
	}
	if (current)
		roster->reread = NULL;
	if (result < 0)
		LOG_ERROR("roster.read_failed", LOG_STR("user", jid_bare(&reread->user)),
		    LOG_CSTR("reason", err->text));
	else if (current)
		reread_apply(user, roster, reread);
	reread_free(reread);
}

static struct reread *reread_start(const struct jid *user, struct roster *roster)
{
	struct reread *reread = mem_zalloc(sizeof(*reread));
	reread->user = jid_dup_heap(user);
	reread->op = (struct store_op){
	    .kind = STORE_READ,
	    .key = jid_bare(&reread->user),
	    .run = reread_run,
	    .done = reread_done,
	};
	roster->reread = reread;
	reread_submit(reread, roster);
	return reread;
}

static void undo(const struct jid *user_jid, struct str contact)
{
	struct user *user = user_find(jid_bare(user_jid));
	struct roster *roster = user ? roster_of(user) : NULL;
	if (!roster || roster->memory_only)
		return;
	struct reread *reread = roster->reread ? roster->reread : reread_start(user_jid, roster);
	reread->contacts = mem_realloc_array(reread->contacts, reread->count + 1, sizeof(*reread->contacts));
	reread->contacts[reread->count++] = str_dup(contact);
}

/* --- writing -------------------------------------------------------------------------------------------- */

int roster_check(struct user *user, struct roster_item *draft, struct arena *arena, struct stanza_error *error_r)
{
	struct str jid = draft->jid;
	struct hook_roster_item event = {
	    .user = user,
	    .item = draft,
	    .previous = roster_get(roster_of(user), jid),
	    .arena = arena,
	    .error = {.condition = SE_not_allowed},
	};
	enum hook_verdict verdict = hook_run_roster_item(user_host(user), &event);
	draft->jid = jid;
	if (verdict == HOOK_PASS)
		return 0;
	*error_r = event.error;
	return -1;
}

static void tell_changed(const struct jid *jid, struct user *user, const struct roster_item *item)
{
	struct host *host = host_find(jid_domain(jid));
	struct hook_roster_changed event = {.jid = jid, .user = user, .item = item};
	if (host)
		hook_run_roster_changed(host, &event);
}

struct write {
	struct store_op op;
	struct jid user; /* heap */
	struct roster_item *item;
	char version[ROSTER_VERSION_LEN + 1];
	void (*saved)(void *arg, int result);
	void *arg;
};

static int write_run(struct store_op *op, struct db *db, struct err *err)
{
	struct write *write = (struct write *)op;
	return roster_item_write(
	    db, &write->user, write->item, write->version[0] ? write->version : NULL, err);
}

static void write_done(struct store_op *op, int result, const struct err *err)
{
	struct write *write = (struct write *)op;
	if (result < 0) {
		LOG_ERROR("roster.write_failed", LOG_STR("user", jid_bare(&write->user)),
		    LOG_STR("contact", write->item->jid), LOG_CSTR("reason", err->text));
		undo(&write->user, write->item->jid);
	} else {
		tell_changed(&write->user, user_find(jid_bare(&write->user)), write->item);
	}
	if (write->saved)
		write->saved(write->arg, result < 0 ? -1 : 0);
	free(write->item);
	free((char *)write->user.text);
	free(write);
}

bool roster_save(
    struct user *user, const struct roster_item *draft, void (*saved)(void *arg, int result), void *arg)
{
	struct roster *roster = roster_make(user);
	struct roster_item *item = roster_item_new(draft);
	if (item->subscription == ROSTER_REMOVE)
		roster_remove(roster, item->jid);
	else
		roster_put(roster, item);
	version_change(user, roster);
	if (roster->memory_only) {
		tell_changed(user_jid(user), user, item);
		free(item);
		return false;
	}
	struct write *write = mem_zalloc(sizeof(*write));
	write->user = jid_dup_heap(user_jid(user));
	write->item = item;
	strcpy(write->version, roster->version);
	write->saved = saved;
	write->arg = arg;
	write->op = (struct store_op){
	    .kind = STORE_WRITE,
	    .key = jid_bare(&write->user),
	    .run = write_run,
	    .done = write_done,
	};
	store_submit(&write->op);
	return true;
}
