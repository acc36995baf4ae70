/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_mam/mam.h"
#include "modules/mod_mam/query.h"
#include "modules/mod_mam/room_archive.h"
#include "modules/storage_options.h"
#include "stanzad/mem.h"

/* --- users ------------------------------------------------------------------------------------ */

struct loaded {
	struct mam_ends ends;
	unsigned ends_epoch;
	struct mam_prefs_row prefs;
};

static enum hook_verdict on_load(struct module_instance *instance, struct hook_user_load_db *event)
{
	struct loaded *loaded = arena_zalloc(event->arena, sizeof(*loaded));
	*event->loaded = loaded;
	loaded->ends_epoch = mam_ends_epoch();
	if (mam_ends_find(event->host, event->user, event->db, &loaded->ends, event->err) < 0 ||
	    mam_prefs_read(event->db, event->host, event->user, event->arena, &loaded->prefs, event->err) < 0)
		event->result = -1;
	return HOOK_PASS;
}

static enum hook_verdict on_loaded(struct module_instance *instance, struct hook_user_loaded *event)
{
	const struct loaded *loaded = event->loaded;
	if (!loaded)
		return HOOK_PASS;
	struct mam_user *mam = mem_zalloc(sizeof(*mam));
	mam->last_id = loaded->ends.last;
	mam_ends_set(mam, &loaded->ends, loaded->ends_epoch);
	mam_prefs_parse(&loaded->prefs, user_jid(event->user), &mam->prefs);
	user_set_slot(event->user, &mod_mam, mam);
	return HOOK_PASS;
}

static enum hook_verdict on_unload(struct module_instance *instance, struct hook_user *event)
{
	struct mam_user *mam = mam_user_of(event->user);
	if (!mam)
		return HOOK_PASS;
	mam_prefs_fini(&mam->prefs);
	free(mam);
	user_set_slot(event->user, &mod_mam, NULL);
	return HOOK_PASS;
}

/* --- messages --------------------------------------------------------------------------------- */

/* XEP-0359 3: whoever it is from, nobody else says what is in this archive. */
static void strip(struct hook_stanza *event)
{
	hook_replace(event, mam_stanza_id_strip(event->stanza, jid_bare(user_jid(event->user))));
}

static bool is_own_server(const struct user *user, const struct jid *peer)
{
	return !peer->local_len && str_eq(jid_domain(peer), jid_domain(user_jid(user)));
}

/* XEP-0313 6.1: what the user's lists refuse does not appear in the archive. */
static bool passes_lists(
    const struct hook_stanza *event, struct session *session, enum hook_direction direction)
{
	struct host *host = user_host(event->user);
	const struct jid *peer = direction == HOOK_OUT ? event->to : event->from;
	struct hook_stanza question = *event;
	question.session = session;
	question.direction = direction;
	return !hook_is_used(host, HOOK_privacy_check) || is_own_server(event->user, peer) ||
	       jid_bare_eq(peer, user_jid(event->user)) ||
	       hook_run_privacy_check(host, &question) == HOOK_PASS;
}

static void archive_inbound(struct mam_user *mam, struct hook_stanza *event)
{
	char stanza_id[MAM_STANZA_ID_MAX];
	int64_t id = mam_next_id(mam);
	size_t len = mam_stanza_id_write(stanza_id, jid_bare(user_jid(event->user)), id);
	struct stanza *live = stanza_with_tail(event->stanza, (struct str){stanza_id, len});
	if (!event->explain)
		mam_archive(event->user, event->from, event->to, event->stanza, id, live);
	hook_replace(event, live);
}

static void archive_outbound(struct mam_user *mam, struct hook_stanza *event)
{
	if (event->explain)
		return;
	mam->sent.stanza = event->stanza;
	mam->sent.id = mam_next_id(mam);
	mam_archive(event->user, event->from, event->to, event->stanza, mam->sent.id, NULL);
}

static enum hook_verdict on_send(struct module_instance *instance, struct hook_stanza *event)
{
	if (event->stanza->kind != STANZA_MESSAGE)
		return HOOK_PASS;
	struct mam_user *mam = mam_user_of(event->user);
	struct mam_content content = mam_content_of(event->stanza);
	if (mam)
		mam->sent.stanza = NULL;
	if (content.stanza_ids)
		strip(event);
	if (!mam || !mam_content_counts(event->stanza, &content) ||
	    !mam_prefs_want(instance, event->user, event->to) || !passes_lists(event, event->session, HOOK_OUT))
		return HOOK_PASS;
	if (!event->explain)
		storage_has_room(event->from);
	/* What goes to oneself is there once, and may carry its id from the beginning. */
	if (jid_bare_eq(event->to, user_jid(event->user)))
		archive_inbound(mam, event);
	else
		archive_outbound(mam, event);
	return HOOK_PASS;
}

/* RFC 6121 8.5.3.2.1: it goes back when nobody has this resource. */
static bool will_bounce(const struct hook_stanza *event, const struct session *session)
{
	return event->to->resource_len && !session && event->stanza->type == MESSAGE_NORMAL;
}

static bool is_wanted(
    struct module_instance *instance, const struct hook_stanza *event, const struct mam_content *content)
{
	if (!mam_content_counts(event->stanza, content) ||
	    !mam_prefs_want(instance, event->user, event->from))
		return false;
	struct session *session =
	    event->to->resource_len ? user_session(event->user, jid_resource(event->to)) : NULL;
	return !will_bounce(event, session) && passes_lists(event, session, HOOK_IN);
}

static enum hook_verdict on_inbound(struct module_instance *instance, struct hook_stanza *event)
{
	if (event->stanza->kind != STANZA_MESSAGE)
		return HOOK_PASS;
	struct mam_user *mam = mam_user_of(event->user);
	/* What is routed anew was archived when it came first, and what one sent to oneself when it was sent. */
	if (event->stanza->tail.len && mam_stanza_id_own(event->stanza, jid_bare(user_jid(event->user))))
		return HOOK_PASS;
	struct mam_content content = mam_content_of(event->stanza);
	if (content.stanza_ids)
		strip(event);
	if (!mam || !is_wanted(instance, event, &content))
		return HOOK_PASS;
	if (!event->explain && !storage_has_room(event->from))
		return hook_bounce(event, SE_resource_constraint, NULL);
	archive_inbound(mam, event);
	return HOOK_PASS;
}

/* Without mod_offline, or when that does not want it. */
static enum hook_verdict on_offline(struct module_instance *instance, struct hook_stanza *event)
{
	struct mam_user *mam = mam_user_of(event->user);
	if (!mam || !mam_stanza_id_kept(event->stanza, jid_bare(user_jid(event->user))))
		return HOOK_PASS;
	if (!event->explain)
		mam_archive_owes(mam, event->stanza);
	return hook_drop(event, "it is in the archive");
}

/* What a lost connection did not take, the client reads from the archive when it is back. */
static enum hook_verdict on_undelivered(struct module_instance *instance, struct hook_message_undelivered *event)
{
	const struct mam_user *mam = mam_user_of(event->user);
	bool assumed = mam && mam->asked && module_option(instance, "assume_mam_usage")->boolean;
	return assumed && mam_stanza_id_kept(event->stanza, jid_bare(user_jid(event->user))) ? HOOK_STOP
											       : HOOK_PASS;
}

/* --- requests --------------------------------------------------------------------------------- */

/* All requests are in one namespace; the name of the payload tells which one it is. */
static const struct request {
	const char *name;
	iq_handler *handler;
} requests[] = {
    {"prefs", mam_prefs_on_iq},
    {"query", mam_query_on_iq},
    {"metadata", mam_metadata_on_iq},
    {0},
};

static enum iq_verdict on_iq(struct iq *iq)
{
	struct mam_user *mam = mam_user_of(iq->user);
	const struct request *request = requests;
	if (!mam)
		return iq_refuse(iq, SE_service_unavailable, NULL);
	mam->asked |= str_is(iq->payload->name, "query");
	while (request->name && !str_is(iq->payload->name, request->name))
		request++;
	if (!request->name)
		return iq_refuse(iq, SE_feature_not_implemented, NULL);
	mam_prefs_activate(iq->instance, iq->user);
	return request->handler(iq);
}

/* --- accounts --------------------------------------------------------------------------------- */

static enum hook_verdict on_removed(struct module_instance *instance, struct hook_user_removed *event)
{
	struct mam_purge purge = {.host = event->host, .username = event->user, .before = INT64_MAX};
	if (mam_purge_whole(&purge, event->db, event->err) < 0 ||
	    DB_EXEC(event->db, event->err, "DELETE FROM archive_prefs WHERE {host=} username = ?",
		DB_P_TEXT(event->host), DB_P_TEXT(event->user)) < 0)
		event->result = -1;
	return HOOK_PASS;
}

static enum hook_verdict on_gone(struct module_instance *instance, struct hook_user *event)
{
	struct mam_user *mam = mam_user_of(event->user);
	if (!mam)
		return HOOK_PASS;
	mam_prefs_fini(&mam->prefs);
	mam->ends = (struct mam_ends){0};
	return HOOK_PASS;
}

/* --- the module ------------------------------------------------------------------------------- */

static const struct option options[] = {
    {"default", OPTION_ENUM, "never",
	"Which messages are archived for users who have not said anything: all, none, or those from and to "
	"contacts in the roster.",
	"always|never|roster"},
    {"request_activates_archiving", OPTION_BOOL, "false",
	"Nothing is archived for a user until a client of theirs asks for the archive or its preferences."},
    {"access_preferences", OPTION_ACCESS, "all", "Who may see and change their own preferences (XEP-0441)."},
    {"assume_mam_usage", OPTION_BOOL, "false",
	"A message that a lost connection did not take is not kept for later when it is in the archive, and a "
	"client of the user has read the archive."},
    {"compress_xml", OPTION_BOOL, "false",
	"Write messages into the archive in a compact form where that is shorter. ejabberd cannot read such rows."},
    {"archive_muc_as_mucsub", OPTION_BOOL, "false",
	"What subscribers of a room were sent is in their archive as it came.", .flags = OPTION_LATER},
    {"user_mucsub_from_muc_archive", OPTION_BOOL, "false",
	"What subscribers of a room were sent is in their archive as it came.", .flags = OPTION_LATER},
    {"clear_archive_on_room_destroy", OPTION_BOOL, "true",
	"Whether the archive of a room is deleted when the room is destroyed."},
    MAM_RETENTION_OPTIONS,
    MODULE_STORAGE_OPTIONS,
    {0},
};

static int on_start(struct module_instance *instance, struct err *err)
{
	mam_keeper_start(instance);
	return 0;
}

static void on_leave(struct module_instance *instance)
{
	mam_rooms_leave(instance);
	mam_keeper_end(instance);
}

static const struct module_iq iqs[] = {
    {.ns = NS_MAM,
	.component = IQ_SM,
	.handler = on_iq,
	.needs_user = true,
	.owner_only = true,
	.announce = true},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(user_load_db, on_load, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_loaded, on_loaded, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_unload, on_unload, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_send, on_send, HOOK_LATE, NULL),
    HOOK_ENTRY(user_inbound, on_inbound, HOOK_LATE, NULL),
    HOOK_ENTRY(message_undelivered, mam_session_on_undelivered, HOOK_EARLY, NULL),
    HOOK_ENTRY(message_undelivered, on_undelivered, HOOK_NORMAL, NULL),
    HOOK_ENTRY(message_offline, mam_session_on_refused, HOOK_FIRST, NULL),
    {.used = true,
	.hook = HOOK_message_offline,
	.stage = HOOK_LAST,
	.explains = true,
	.fn.message_offline = on_offline},
    HOOK_ENTRY(session_drained, mam_session_on_drained, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_closed, mam_session_on_closed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(bind2_features, mam_ends_on_bind_features, HOOK_NORMAL, NULL),
    HOOK_ENTRY(bind2_request, mam_ends_on_bind, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_removed, on_removed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_gone, on_gone, HOOK_NORMAL, NULL),
    HOOK_ENTRY(room_created, mam_room_on_created, HOOK_NORMAL, NULL),
    HOOK_ENTRY(room_loaded, mam_room_on_loaded, HOOK_NORMAL, NULL),
    HOOK_ENTRY(room_message, mam_room_on_message, HOOK_LAST, NULL),
    HOOK_ENTRY(room_iq, mam_room_on_iq, HOOK_NORMAL, NULL),
    HOOK_ENTRY(room_disco, mam_room_on_disco, HOOK_NORMAL, NULL),
    HOOK_ENTRY(room_configured, mam_room_on_configured, HOOK_NORMAL, NULL),
    HOOK_ENTRY(room_destroyed, mam_room_on_destroyed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(room_unload, mam_room_on_unload, HOOK_LAST, NULL),
    {0},
};

const char *const mam_features[] = {
    NS_MAM_EXTENDED, NS_MAM_GROUPCHAT, NS_FULLTEXT, NS_SID, NS_RETRACT, NS_RETRACT "#tombstone", NULL};

static const struct metric metrics[] = {
    [MAM_METRIC_ARCHIVED] = {"archived_messages", METRIC_COUNTER, "Messages that were archived."},
    [MAM_METRIC_FAILED] = {"failed_messages", METRIC_COUNTER, "Messages that could not be archived."},
    [MAM_METRIC_RETRACTED] = {"retracted_messages", METRIC_COUNTER,
	"Archived messages that their senders took back."},
    {0},
};

const struct module mod_mam = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_mam",
    .doc = "Archives the messages of users and rooms (XEP-0313).",
    .options = options,
    .iqs = iqs,
    .hooks = hooks,
    .commands = mam_commands,
    .metrics = metrics,
    .user_features = mam_features,
    .user_slot = true,
    .session_slot = true,
    .start = on_start,
    .leave = on_leave,
    .reload = module_reload_nothing,
};
