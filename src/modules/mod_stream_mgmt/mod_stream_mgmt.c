/* SPDX-License-Identifier: Apache-2.0 */
/* Options, tables and announcement of stream management; src/stream/mgmt*.c is its work. */
#include "stanzad/module.h"
#include "stream/mgmt_restore.h"

static const struct option options[] = {
    {"ack_timeout", OPTION_DURATION, "1 minute",
	"A client that was asked to acknowledge and does not for so long has lost its connection.",
	.flags = OPTION_INFINITY},
    {"max_ack_queue", OPTION_INT, "5000",
	"How many stanzas are kept for a client that does not acknowledge. Further messages become offline "
	"messages.",
	.flags = OPTION_INFINITY},
    {"resume_timeout", OPTION_DURATION, "5 minutes",
	"How long a session waits for a client that lost its connection; 0: not at all."},
    {"max_resume_timeout", OPTION_DURATION, NULL,
	"How long a client may ask for; the value of `resume_timeout` when it is not set."},
    {"resend_on_timeout", OPTION_ENUM, "true",
	"What becomes of messages that a client did not acknowledge before its session ended: `true`: they "
	"go to other resources or become offline messages; `if_offline`: the same, but when other resources "
	"are there they are bounced; `false`: they are bounced.",
	"false|true|if_offline"},
    {"location", OPTION_STRING, "''",
	"Where a client should connect to resume: `host:port`; empty: as ever."},
    {"cache_life_time", OPTION_DURATION, "48 hours",
	"How long it is remembered how far a session had come that was not resumed in time.",
	.flags = OPTION_INFINITY},
    {"cache_size", OPTION_INT, NULL, "Of how many such sessions that is remembered.",
	.flags = OPTION_INFINITY},
    {"queue_type", OPTION_ENUM, NULL, "Without effect: memory first, the database when it takes long.",
	"ram|file", .flags = OPTION_IGNORED},
    {0},
};

static const struct db_column session_columns[] = {
    {"id", DB_TYPE_KEY},
    {"username", DB_TYPE_KEY},
    {"resource", DB_TYPE_TEXT},
    {"slot", DB_TYPE_INT},
    {"state", DB_TYPE_TEXT},
    {"resume_ms", DB_TYPE_INT},
    {0},
};

static const struct db_column queue_columns[] = {
    {"id", DB_TYPE_KEY},
    {"number", DB_TYPE_INT},
    {"username", DB_TYPE_KEY},
    {"created", DB_TYPE_INT},
    {"xml", DB_TYPE_TEXT},
    {0},
};

static const struct db_table tables[] = {
    {"mod_stream_mgmt", session_columns, .key = "{host,} id"},
    {"mod_stream_mgmt_queue", queue_columns, .key = "{host,} id, number"},
    {0},
};

static const struct db_schema schema = {.version = 1, .tables = tables};

static enum hook_verdict on_host_up(struct module_instance *instance, struct hook_host *event)
{
	mgmt_restore_start(event->host);
	return HOOK_PASS;
}

static enum hook_verdict on_features(struct module_instance *instance, struct hook_c2s_stream_features *event)
{
	if (!event->authenticated)
		return HOOK_PASS;
	xml_put_element(event->features, "sm", "urn:xmpp:sm:2", STR_NULL);
	xml_put_element(event->features, "sm", "urn:xmpp:sm:3", STR_NULL);
	return HOOK_PASS;
}

static enum hook_verdict on_removed(struct module_instance *instance, struct hook_user_removed *event)
{
	if (DB_EXEC(event->db, event->err, "DELETE FROM mod_stream_mgmt_queue WHERE {host=} username = ?",
		DB_P_TEXT(event->host), DB_P_TEXT(event->user)) < 0 ||
	    DB_EXEC(event->db, event->err, "DELETE FROM mod_stream_mgmt WHERE {host=} username = ?",
		DB_P_TEXT(event->host), DB_P_TEXT(event->user)) < 0)
		event->result = -1;
	return HOOK_PASS;
}

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(host_up, on_host_up, HOOK_NORMAL, NULL),
    HOOK_ENTRY(c2s_stream_features, on_features, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_removed, on_removed, HOOK_NORMAL, NULL),
    {0},
};

const struct module mod_stream_mgmt = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_stream_mgmt",
    .doc = "Acknowledges stanzas, and lets clients resume their session after the connection was lost "
	   "(XEP-0198).",
    .options = options,
    .schema = &schema,
    .hooks = hooks,
    .reload = module_reload_nothing,
};
