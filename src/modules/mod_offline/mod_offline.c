/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_offline/offline.h"
#include "stanzad/access.h"
#include "stanzad/mem.h"

#define LIMIT_FALLBACK 100 /* messages, when the rule is missing or nothing in it matches */

/* --- the state of a user ---------------------------------------------------------------------- */

static const struct metric metrics[] = {
    [OFFLINE_METRIC_KEPT] = {"kept_messages", METRIC_COUNTER, "Messages that were kept."},
    [OFFLINE_METRIC_DELIVERED] = {"delivered_messages", METRIC_COUNTER,
	"Kept messages that were handed to a client."},
    {0},
};

void offline_counted(const struct user *user, unsigned metric)
{
	struct module_instance *instance = host_module(user_host(user), "mod_offline");
	if (instance) /* NULL: the module left meanwhile */
		metric_add(instance, metric, 1);
}

static unsigned epoch; /* atomic */

void offline_forget_counts(void)
{
	__atomic_add_fetch(&epoch, 1, __ATOMIC_ACQ_REL);
}

struct offline *offline_of(struct user *user)
{
	struct offline *offline = user_slot(user, &mod_offline);
	if (!offline) {
		offline = mem_zalloc(sizeof(*offline));
		offline->count = OFFLINE_UNKNOWN;
		user_set_slot(user, &mod_offline, offline);
	}
	return offline;
}

int64_t offline_count(const struct offline *offline)
{
	return offline->epoch == __atomic_load_n(&epoch, __ATOMIC_ACQUIRE) ? offline->count : OFFLINE_UNKNOWN;
}

void offline_set_count(struct offline *offline, int64_t count)
{
	offline->count = count;
	offline->epoch = __atomic_load_n(&epoch, __ATOMIC_ACQUIRE);
}

void offline_unmark(struct offline *offline)
{
	offline->marked = 0;
}

bool offline_is_flexible(const struct user *user)
{
	for (struct session *session = user_first_session(user); session; session = session_next(session))
		if (session_slot(session, &mod_offline))
			return true;
	return false;
}

void offline_set_flexible(struct session *session)
{
	session_set_slot(session, &mod_offline, session);
}

struct loaded {
	int64_t count;
	unsigned epoch;
};

static enum hook_verdict on_load(struct module_instance *instance, struct hook_user_load_db *event)
{
	struct loaded *loaded = arena_zalloc(event->arena, sizeof(*loaded));
	loaded->epoch = __atomic_load_n(&epoch, __ATOMIC_ACQUIRE);
	struct db_rows *rows =
	    DB_QUERY(event->db, event->err, "SELECT COUNT(*) FROM spool WHERE {host=} username = ?",
		DB_P_TEXT(event->host), DB_P_TEXT(event->user));
	if (!rows || db_next(rows, event->err) < 0)
		event->result = -1;
	else
		loaded->count = db_int(rows, 0);
	db_end(&rows);
	*event->loaded = loaded;
	return HOOK_PASS;
}

static enum hook_verdict on_loaded(struct module_instance *instance, struct hook_user_loaded *event)
{
	const struct loaded *loaded = event->loaded;
	struct offline *offline = offline_of(event->user);
	offline->homeless = !user_exists(event->user);
	if (!loaded)
		return HOOK_PASS;
	offline->count = loaded->count;
	offline->epoch = loaded->epoch;
	return HOOK_PASS;
}

static enum hook_verdict on_unload(struct module_instance *instance, struct hook_user *event)
{
	struct offline *offline = user_slot(event->user, &mod_offline);
	if (!offline)
		return HOOK_PASS;
	offline_pumps_abandon(offline);
	free(offline);
	user_set_slot(event->user, &mod_offline, NULL);
	return HOOK_PASS;
}

/* --- messages --------------------------------------------------------------------------------- */

static struct offline_rules rules_of(struct module_instance *instance)
{
	return (struct offline_rules){
	    .store_groupchat = module_option(instance, "store_groupchat")->boolean,
	    .bounce_groupchat = module_option(instance, "bounce_groupchat")->boolean,
	    .store_empty_body = (int)module_option(instance, "store_empty_body")->integer,
	};
}

static int64_t limit_of(struct module_instance *instance, const struct user *user)
{
	struct access_subject subject = {.jid = user_jid(user)};
	return module_number(instance, "access_max_user_messages", &subject, LIMIT_FALLBACK);
}

static bool is_archived(struct module_instance *instance, const struct hook_stanza *event)
{
	return module_option(instance, "use_mam_for_storage")->boolean && !event->explain &&
	       offline_archived_has(event->user, event->stanza);
}

static enum hook_verdict keep(struct module_instance *instance, struct hook_stanza *event)
{
	struct offline *offline = offline_of(event->user);
	int64_t limit = limit_of(instance, event->user);
	if (limit != OPTION_INFINITE && offline_count(offline) >= limit)
		return hook_bounce(
		    event, SE_resource_constraint, "too many messages wait for this user already");
	if (is_archived(instance, event))
		return hook_drop(event, "it is in the archive until the user is there");
	if (!event->explain)
		offline_keep(event->user, event->from, event->to, event->stanza, limit);
	if (!event->explain && module_option(instance, "use_mam_for_storage")->boolean)
		offline_archived_mark(event->user, event->stanza);
	return hook_drop(event, "kept until the user is there");
}

static enum hook_verdict on_message(struct module_instance *instance, struct hook_stanza *event)
{
	struct offline *offline = offline_of(event->user);
	struct offline_rules rules = rules_of(instance);
	if (offline->handing) {
		offline->refused = true; /* it has its row still */
		return hook_drop(event, "it is kept already");
	}
	if (offline->homeless)
		return HOOK_PASS;
	switch (offline_fate(event->stanza, &rules)) {
	case OFFLINE_KEEP:
		return keep(instance, event);
	case OFFLINE_BOUNCE:
		return HOOK_PASS;
	default:
		return hook_drop(event, "a message like this is not kept");
	}
}

static enum hook_verdict on_presence(struct module_instance *instance, struct hook_presence_out *event)
{
	if (event->stanza->type == PRESENCE_AVAILABLE && session_priority(event->session) >= 0)
		offline_flood(session_user(event->session));
	return HOOK_PASS;
}

/* What it was too slow for was kept. */
static enum hook_verdict on_drained(struct module_instance *instance, struct hook_session *event)
{
	offline_flood(session_user(event->session));
	return HOOK_PASS;
}

/* --- accounts --------------------------------------------------------------------------------- */

static enum hook_verdict on_removed(struct module_instance *instance, struct hook_user_removed *event)
{
	if (DB_EXEC(event->db, event->err, "DELETE FROM spool WHERE {host=} username = ?",
		DB_P_TEXT(event->host), DB_P_TEXT(event->user)) < 0)
		event->result = -1;
	return HOOK_PASS;
}

static enum hook_verdict on_gone(struct module_instance *instance, struct hook_user *event)
{
	offline_set_count(offline_of(event->user), 0);
	offline_unmark(offline_of(event->user));
	return HOOK_PASS;
}

/* --- the module ------------------------------------------------------------------------------- */

static const struct option options[] = {
    {"access_max_user_messages", OPTION_SHAPER, "max_user_offline_messages",
	"How many messages may wait for a user: a rule of `shaper_rules`, or a number. A message beyond it "
	"is refused "
	"with `resource-constraint`."},
    {"store_empty_body", OPTION_ENUM, "unless_chat_state",
	"Keep messages without a body: never, always, or when there is more in them than a chat state "
	"(XEP-0085).",
	"false|true|unless_chat_state"},
    {"store_groupchat", OPTION_BOOL, "false", "Keep messages of type `groupchat`, too."},
    {"bounce_groupchat", OPTION_BOOL, "false",
	"Answer messages of type `groupchat` that are not kept with an error instead of dropping them."},
    {"use_mam_for_storage", OPTION_BOOL, "false",
	"Take what was missed from the archive of `mod_mam` instead of keeping it apart."},
    {"db_type", OPTION_ENUM, NULL, "Messages are kept in the database of the server.", "internal|mnesia|sql",
	.flags = OPTION_IGNORED},
    {"use_cache", OPTION_BOOL, NULL, "The number of messages is in memory as long as the user is.",
	.flags = OPTION_IGNORED},
    {"cache_size", OPTION_INT, NULL, "See `use_cache`.", .flags = OPTION_IGNORED | OPTION_INFINITY},
    {"cache_life_time", OPTION_DURATION, NULL, "See `use_cache`.", .flags = OPTION_IGNORED | OPTION_INFINITY},
    {0},
};

static const struct module_iq iqs[] = {
    {.ns = NS_OFFLINE, .component = IQ_SM, .handler = offline_on_iq, .needs_user = true, .owner_only = true},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(user_load_db, on_load, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_loaded, on_loaded, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_unload, on_unload, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_send, offline_on_send, HOOK_LATE, NULL),
    {.used = true,
	.hook = HOOK_message_offline,
	.stage = HOOK_NORMAL,
	.explains = true,
	.fn.message_offline = on_message},
    HOOK_ENTRY(presence_out, on_presence, HOOK_LATE, NULL),
    HOOK_ENTRY(user_receive, offline_on_receive, HOOK_FIRST, NULL),
    HOOK_ENTRY(session_drained, on_drained, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_closed, offline_on_closed, HOOK_FIRST, NULL),
    HOOK_ENTRY(bind2_request, offline_on_bind, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_removed, on_removed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_gone, on_gone, HOOK_NORMAL, NULL),
    {0},
};

static const char *const features[] = {NS_OFFLINE, "msgoffline", NULL};

const struct module mod_offline = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_offline",
    .doc = "Keeps messages for users who are away (XEP-0160, XEP-0013).",
    .options = options,
    .iqs = iqs,
    .hooks = hooks,
    .commands = offline_commands,
    .metrics = metrics,
    .features = features,
    .user_slot = true,
    .session_slot = true,
    .reload = module_reload_nothing,
};
