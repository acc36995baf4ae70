/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/module.h"

#include "modules/mod_roster/commands.h"
#include "modules/mod_roster/presence.h"
#include "modules/mod_roster/roster_iq.h"
#include "modules/mod_roster/roster_save.h"
#include "modules/mod_roster/roster_store.h"
#include "modules/mod_roster/roster_view.h"
#include "modules/mod_roster/subscription_flow.h"
#include "modules/storage_options.h"

/* --- what other modules ask ----------------------------------------------------------------------------- */

const struct roster_item *roster_find(const struct user *user, struct str contact_bare)
{
	return roster_get(roster_of(user), contact_bare);
}

void roster_each(struct user *user,
    void (*each)(void *arg, const struct jid *contact, const struct roster_item *item), void *arg)
{
	struct roster_walk walk = {0};
	struct roster_view view;
	roster_view_open(user, &view);
	while (roster_walk_next(view.roster, &walk))
		if (walk.item->listed)
			each(arg, &walk.jid, walk.item);
	roster_walk_fini(&walk);
	roster_view_close(&view);
}

struct group_search {
	struct str group;
	bool found;
};

static void search_group(void *arg, const struct jid *contact, const struct roster_item *item)
{
	struct group_search *search = arg;
	for (uint32_t i = 0; !search->found && i < item->group_count; i++)
		search->found = str_eq(item->groups[i], search->group);
}

bool roster_has_group(struct user *user, struct str group)
{
	struct group_search search = {.group = group};
	roster_each(user, search_group, &search);
	return search.found;
}

static enum hook_verdict on_subscription(
    struct module_instance *instance, struct hook_roster_subscription *event)
{
	const struct roster_item *item = roster_find(event->user, jid_bare(event->contact));
	if (item)
		event->subscription = item->subscription;
	return HOOK_PASS;
}

/* --- life of a user ------------------------------------------------------------------------------------- */

static enum hook_verdict on_load_db(struct module_instance *instance, struct hook_user_load_db *event)
{
	struct roster_rows *rows = NULL;
	struct jid user;
	bool with_version = module_option(instance, "store_current_id")->boolean;
	event->result = jid_make(event->user, event->host, STR_NULL, event->arena, &user, event->err);
	if (event->result >= 0)
		event->result =
		    roster_rows_read(event->db, &user, with_version, event->arena, &rows, event->err);
	*event->loaded = rows;
	return HOOK_PASS;
}

static enum hook_verdict on_loaded(struct module_instance *instance, struct hook_user_loaded *event)
{
	const struct roster_rows *rows = event->loaded;
	if (!user_exists(event->user))
		roster_make(event->user)->memory_only = true;
	else if (rows && (rows->count || rows->version.len))
		roster_fill(roster_make(event->user), rows);
	return HOOK_PASS;
}

static enum hook_verdict on_unload(struct module_instance *instance, struct hook_user *event)
{
	struct roster *roster = roster_of(event->user);
	user_set_slot(event->user, &mod_roster, NULL);
	roster_free(&roster);
	return HOOK_PASS;
}

static void begin_anew(void *arg)
{
	struct user *user = user_find(jid_bare(arg));
	struct roster *roster = user ? roster_of(user) : NULL;
	if (!roster || !roster->memory_only)
		return;
	roster_clear(roster);
	roster->memory_only = false;
}

/* The name may still be in memory, without an account: of a session that is ending, or anonymous. */
static enum hook_verdict on_registered(struct module_instance *instance, struct hook_user_registered *event)
{
	struct arena arena = {0};
	struct jid jid;
	struct err err;
	if (jid_make(event->user, event->host, STR_NULL, &arena, &jid, &err) == 0)
		command_on_home(jid_bare(&jid), begin_anew, &jid);
	arena_fini(&arena);
	return HOOK_PASS;
}

static enum hook_verdict on_removed(struct module_instance *instance, struct hook_user_removed *event)
{
	event->result = roster_delete(event->db, event->host, event->user, event->err);
	return HOOK_PASS;
}

static enum hook_verdict on_gone(struct module_instance *instance, struct hook_user *event)
{
	subscription_end_all(event->user);
	return HOOK_PASS;
}

/* --- stream features: RFC 6121 2.6.1, 3.4.1 ------------------------------------------------------------- */

static enum hook_verdict on_features(struct module_instance *instance, struct hook_c2s_stream_features *event)
{
	if (!event->authenticated)
		return HOOK_PASS;
	if (module_option(instance, "versioning")->boolean)
		xml_put_element(event->features, "ver", "urn:xmpp:features:rosterver", STR_NULL);
	xml_put_element(event->features, "sub", "urn:xmpp:features:pre-approval", STR_NULL);
	return HOOK_PASS;
}

/* --- the module ----------------------------------------------------------------------------------------- */

static const struct option options[] = {
    {"access", OPTION_ACCESS, "all", "Who may change their roster and send subscription requests."},
    {"versioning", OPTION_BOOL, "false", "Send the roster only when it has changed since the client saw it."},
    {"store_current_id", OPTION_BOOL, "false",
	"Keep the version of a roster in the database instead of computing it from what the roster holds."},
    {"max_items", OPTION_INT, "5000", "How many contacts a roster can have.", NULL, 1, 1000000,
	OPTION_INFINITY},
    {"max_requests", OPTION_INT, "500",
	"How many requests of strangers are kept for an answer; further ones are refused.", NULL, 1, 1000000,
	OPTION_INFINITY},
    {"max_directed", OPTION_INT, "5000",
	"How many addresses outside the roster one session may tell that it is available.", NULL, 1, 1000000,
	OPTION_INFINITY},
    {"max_groups", OPTION_INT, "100", "How many groups a contact can be in.", NULL, 1, 10000},
    {"max_name_length", OPTION_INT, "1023", "How long names of contacts and groups can be, in bytes.", NULL,
	1, 65535},
    MODULE_STORAGE_OPTIONS,
    {0},
};

static const struct module_iq iqs[] = {
    {
	.ns = "jabber:iq:roster",
	.component = IQ_SM,
	.handler = roster_on_iq,
	.needs_user = true,
	.owner_only = true,
	.announce = true,
    },
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(c2s_stream_features, on_features, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_load_db, on_load_db, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_loaded, on_loaded, HOOK_EARLY, NULL),
    HOOK_ENTRY(user_unload, on_unload, HOOK_LATE, NULL),
    HOOK_ENTRY(user_registered, on_registered, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_removed, on_removed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_gone, on_gone, HOOK_NORMAL, NULL),
    HOOK_ENTRY(presence_out, presence_on_out, HOOK_NORMAL, NULL),
    HOOK_ENTRY(presence_directed, presence_on_directed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(presence_in, presence_on_in, HOOK_NORMAL, NULL),
    HOOK_ENTRY(subscription_out, subscription_on_out, HOOK_NORMAL, NULL),
    HOOK_ENTRY(subscription_in, subscription_on_in, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_save, presence_on_save, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_restore, presence_on_restore, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_closed, presence_on_closed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(roster_subscription, on_subscription, HOOK_EARLY, NULL),
    {0},
};

const struct module mod_roster = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_roster",
    .doc = "Rosters, subscriptions and presence (RFC 6121).",
    .options = options,
    .iqs = iqs,
    .hooks = hooks,
    .commands = roster_commands,
    .user_slot = true,
    .session_slot = true,
    .reload = module_reload_nothing,
};
