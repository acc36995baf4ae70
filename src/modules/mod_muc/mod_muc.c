/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "loop/worker.h"
#include "modules/captcha/captcha.h"
#include "modules/everywhere.h"
#include "modules/mod_muc/joined.h"
#include "modules/mod_muc/subscribers.h"
#include "modules/mod_muc/wake.h"
#include "modules/service.h"
#include "modules/storage_options.h"
#include "stanzad/mem.h"

struct muc *muc_of(const struct module_instance *instance)
{
	return module_state(instance);
}

static struct everywhere everywhere = EVERYWHERE_INIT;

struct muc *muc_serving(struct str domain)
{
	struct muc *found = NULL;
	pthread_mutex_lock(&everywhere.lock);
	/* The latest: one that was started anew serves while the former one ends. */
	for (size_t i = everywhere.count; i-- > 0 && !found;)
		if (service_has_domain(everywhere.list[i], domain))
			found = muc_of(everywhere.list[i]);
	pthread_mutex_unlock(&everywhere.lock);
	return found;
}

size_t muc_all(struct muc **list, size_t most)
{
	size_t count = 0;
	pthread_mutex_lock(&everywhere.lock);
	for (size_t i = 0; i < everywhere.count && count < most; i++)
		list[count++] = muc_of(everywhere.list[i]);
	pthread_mutex_unlock(&everywhere.lock);
	return count;
}

bool muc_allows(struct module_instance *instance, const char *option, const struct jid *jid)
{
	struct access_subject subject = {.jid = jid};
	return module_allows(instance, option, &subject);
}

void muc_refuse(const struct jid *from, const struct jid *to, struct stanza *stanza, enum stanza_condition condition,
    const char *text)
{
	struct stanza_error error = {.condition = condition, .text = text};
	muc_refuse_with(from, to, stanza, &error);
}

void muc_refuse_with(
    const struct jid *from, const struct jid *to, struct stanza *stanza, const struct stanza_error *error)
{
	struct jid by = jid_to_bare(to);
	struct stanza *answer = stanza_make_error(stanza, error, &by);
	if (answer)
		route(to, from, answer);
	stanza_unref(&answer);
}

/* --- IQs ------------------------------------------------------------------------------------------------ */

void muc_iq_begin(struct iq *iq, struct module_instance *instance, const struct jid *from, const struct jid *to,
    struct stanza *stanza, struct xml_writer *reply)
{
	const struct xml *payload = stanza_payload(stanza);
	*iq = (struct iq){.from = from,
	    .to = to,
	    .type = stanza->type,
	    .id = stanza->id,
	    .ns = payload->ns,
	    .payload = payload,
	    .stanza = stanza,
	    .host = module_host(instance),
	    .instance = instance,
	    .reply = reply};
	iq->lang = xml_lang(payload);
	if (!iq->lang.ptr)
		iq->lang = stanza->lang;
}

void muc_iq_end(struct iq *iq, enum iq_verdict verdict)
{
	struct stanza *result;
	switch (verdict) {
	case IQ_ANSWER:
		result = stanza_make_result(iq->stanza, iq->reply);
		if (result)
			route(iq->to, iq->from, result);
		else
			muc_refuse(iq->from, iq->to, iq->stanza, SE_internal_server_error, NULL);
		stanza_unref(&result);
		break;
	case IQ_REFUSE:
		muc_refuse_with(iq->from, iq->to, iq->stanza, &iq->error);
		break;
	case IQ_PASS:
		muc_refuse(iq->from, iq->to, iq->stanza, SE_service_unavailable, NULL);
		break;
	case IQ_LATER:
	case IQ_SILENT:
		break;
	}
}

/* --- what arrives --------------------------------------------------------------------------------------- */

static void on_stanza(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (stanza->type == STANZA_TYPE_INVALID)
		muc_refuse(from, to, stanza, SE_bad_request, NULL);
	else if (!jid_local(to).len)
		muc_service_deliver(instance, from, to, stanza);
	else if (jid_resource(to).len || !captcha_deliver(from, to, stanza))
		rooms_deliver(instance, from, to, stanza);
}

static const struct service service = {.deliver = on_stanza, .per_domain = true};

/* --- the module ----------------------------------------------------------------------------------------- */

static int check_options(const struct module_instance *instance, struct err *err)
{
	return room_config_check_defaults(instance, err) < 0 ? -1 : muc_names_check(instance, err);
}

static struct muc *muc_new(struct module_instance *instance)
{
	struct muc *muc = mem_zalloc(sizeof(*muc));
	muc->instance = instance;
	muc->directory = directory_new();
	muc->nicks = muc_nicks_new();
	muc->joined = joined_new();
	muc->worker_count = worker_count();
	muc->workers = mem_zalloc(muc->worker_count * sizeof(struct muc_worker *));
	return muc;
}

static void muc_free(struct muc *muc)
{
	rooms_free(muc);
	muc_wake_fini(muc);
	free(muc->workers);
	joined_free(&muc->joined);
	muc_nicks_free(&muc->nicks);
	directory_free(&muc->directory);
	free(muc);
}

static int on_start(struct module_instance *instance, struct err *err)
{
	if (check_options(instance, err) < 0)
		return -1;
	struct muc *muc = muc_new(instance);
	module_set_state(instance, muc);
	if (service_start(instance, &service, err) < 0) {
		muc_free(muc);
		module_set_state(instance, NULL);
		return -1;
	}
	everywhere_add(&everywhere, instance);
	muc_wake(muc);
	return 0;
}

static int on_reload(struct module_instance *instance, struct err *err)
{
	return check_options(instance, err) < 0 ? -1 : service_reload(instance, &service, err);
}

static void on_leave(struct module_instance *instance)
{
	captcha_leave(instance);
	rooms_leave(muc_of(instance));
}

static void on_stop(struct module_instance *instance)
{
	everywhere_remove(&everywhere, instance);
	muc_free(muc_of(instance));
	captcha_stop(instance);
	module_set_state(instance, NULL);
}

static enum hook_verdict on_items(struct module_instance *instance, struct hook_disco_items *event)
{
	service_list(instance, &service, event);
	return HOOK_PASS;
}

static enum hook_verdict on_stopping(struct module_instance *instance, struct hook_server_stopping *event)
{
	rooms_stopping(muc_of(instance));
	return HOOK_PASS;
}

/* clang-format off */
static const struct option options[] = {
    SERVICE_OPTIONS("conference", "Chatrooms"),
    {"access", OPTION_ACCESS, "all", "Who may use the service."},
    {"access_admin", OPTION_ACCESS, "none",
	"Who administers it: they are owners of all rooms, and what they send to the service or to a room where they "
	"are not is announced there."},
    {"access_create", OPTION_ACCESS, "all", "Who may make rooms."},
    {"access_mam", OPTION_ACCESS, "all", "Who may change the room option `mam`."},
    {"access_persistent", OPTION_ACCESS, "all", "Who may change the room option `persistent`."},
    {"access_register", OPTION_ACCESS, "all", "Who may register a nick with the service and in rooms."},
    {"append_module_config", OPTION_MAP, NULL, "`name` and `vcard` for one of several `hosts`."},
    {"cleanup_affiliations_on_start", OPTION_BOOL, "false",
	"When a room is loaded, those of its people who are users of this server without an account are forgotten."},
    {"default_room_options", OPTION_MAP, NULL, "How new rooms are configured."},
    {"groupchat_1_0", OPTION_BOOL, "false",
	"Whether a presence without the element of XEP-0045 enters a room, as clients of before 2002 sent it. "
	"Otherwise its sender is told not to be in the room: it is most often a client that thinks it still is."},
    {"hibernation_timeout", OPTION_DURATION, "infinity",
	"How long a persistent room that nobody is in stays in memory. A room that loses nothing by it, not even the "
	"latest messages, leaves after a minute anyway, and is there again when somebody asks for it.",
	.flags = OPTION_INFINITY},
    {"history_size", OPTION_INT, "20", "How many messages a room keeps for those who enter.", NULL, 0, 10000},
    {"max_captcha_whitelist", OPTION_INT, "infinity", "Characters of a room's CAPTCHA whitelist.",
	.flags = OPTION_INFINITY},
    {"max_password", OPTION_INT, "infinity", "Characters of a room's password.", .flags = OPTION_INFINITY},
    {"max_room_desc", OPTION_INT, "infinity", "Characters of a room's description.", .flags = OPTION_INFINITY},
    {"max_room_id", OPTION_INT, "infinity", "Characters of a new room's address before the @.",
	.flags = OPTION_INFINITY},
    {"max_room_name", OPTION_INT, "infinity", "Characters of a room's title.", .flags = OPTION_INFINITY},
    {"max_rooms_discoitems", OPTION_INT, "100",
	"When there are more rooms than this, only those with people in them are listed.", .flags = OPTION_INFINITY},
    {"max_user_conferences", OPTION_INT, "100", "How many rooms somebody may be in."},
    {"max_users", OPTION_INT, "200", "How many occupants a room may have at most, whatever its own option says."},
    {"max_users_admin_threshold", OPTION_INT, "5",
	"How many owners and administrators may enter a room that is full."},
    {"max_users_presence", OPTION_INT, "1000",
	"With more occupants than this, those who enter are not shown to the others, nor the others to them."},
    {"min_message_interval", OPTION_DURATION, "0",
	"The least time between two messages of an occupant; what comes earlier is refused."},
    {"min_presence_interval", OPTION_DURATION, "0",
	"The least time between two changes of an occupant's presence; of what comes earlier the latest is told "
	"afterwards."},
    {"preload_rooms", OPTION_BOOL, "true",
	"All rooms are listed from the start, and are loaded when somebody needs them.", .flags = OPTION_IGNORED},
    {"queue_type", OPTION_ENUM, NULL, "Queues are in memory, and bounded.", "ram|file", .flags = OPTION_IGNORED},
    {"ram_db_type", OPTION_ENUM, NULL, "Rooms in memory are known to the server itself.", "internal|mnesia|sql",
	.flags = OPTION_IGNORED},
    {"regexp_room_id", OPTION_STRING, "''", "What the address of a new room must match before the @."},
    {"room_shaper", OPTION_SHAPER, "none", "How much may be said in a room: what comes faster waits."},
    {"user_message_shaper", OPTION_SHAPER, "none", "The same for the messages of one occupant."},
    {"user_presence_shaper", OPTION_SHAPER, "none", "The same for the presence of one occupant."},
    {"db_type", OPTION_ENUM, NULL, "It is in the database of the server.", "internal|mnesia|sql",
	.flags = OPTION_IGNORED},
    {0},
};
/* clang-format on */

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(disco_items, on_items, HOOK_NORMAL, NULL),
    HOOK_ENTRY(server_stopping, on_stopping, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_removed, subscriptions_on_removed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_gone, subscriptions_on_gone, HOOK_NORMAL, NULL),
    {0},
};

static const struct metric metrics[] = {
    [MUC_METRIC_ROOMS] = {.name = "loaded_rooms", .kind = METRIC_GAUGE, .doc = "Rooms in memory."},
    [MUC_METRIC_OCCUPANTS] = {.name = "occupants", .kind = METRIC_GAUGE, .doc = "Clients in rooms."},
    [MUC_METRIC_MESSAGES] = {.name = "room_messages",
	.kind = METRIC_COUNTER,
	.doc = "Messages that were sent to all occupants of a room."},
    [MUC_METRIC_COPIES] = {.name = "room_copies", .kind = METRIC_COUNTER, .doc = "Copies that came of them."},
    {0},
};

static const struct db_column key_columns[] = {
    {"name", DB_TYPE_KEY, NULL, false},
    {"value", DB_TYPE_TEXT, NULL, false},
    {0},
};

static const struct db_column client_columns[] = {
    {"room", DB_TYPE_KEY, NULL, false},
    {"jid", DB_TYPE_TEXT, NULL, false},
    {"nick", DB_TYPE_TEXT, NULL, false},
    {"role", DB_TYPE_INT, NULL, false},
    {"presence", DB_TYPE_TEXT, NULL, false},
    {0},
};

static const struct db_index client_indexes[] = {{"{host,} room", false}, {0}};

static const struct db_table tables[] = {
    {"mod_muc_key", key_columns, "{host,} name", NULL},
    {"mod_muc_client", client_columns, NULL, client_indexes},
    {0},
};

static const struct db_schema schema = {.version = 1, .tables = tables};

const struct module mod_muc = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_muc",
    .doc = "Rooms where many people talk (XEP-0045).",
    .options = options,
    .hooks = hooks,
    .metrics = metrics,
    .schema = &schema,
    .start = on_start,
    .leave = on_leave,
    .stop = on_stop,
    .reload = on_reload,
};
