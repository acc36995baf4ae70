/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_client_access/client.h"
#include "stanzad/clock.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/timer.h"
#include "stanzad/work.h"

#define PURGE_MS 3600000 /* how often what is too old is removed */

/* --- log-ins -------------------------------------------------------------------------------------- */

struct login {
	struct store_op op;
	struct jid user; /* bare; in the arena */
	struct client client;
	struct arena arena;
};

static int login_run(struct store_op *op, struct db *db, struct err *err)
{
	struct login *login = list_entry(op, struct login, op);
	return client_write(db, &login->user, &login->client, err);
}

static void login_done(struct store_op *op, int result, const struct err *err)
{
	struct login *login = list_entry(op, struct login, op);
	if (result < 0)
		LOG_ERROR("client_access.write_failed", LOG_STR("user", jid_bare(&login->user)),
		    LOG_CSTR("reason", err->text));
	arena_fini(&login->arena);
	free(login);
}

static unsigned proof_of(const char *mechanism)
{
	if (str_starts(str_of(mechanism), "HT-"))
		return 0;
	return strcmp(mechanism, "EXTERNAL") == 0 ? CLIENT_BY_CERTIFICATE : CLIENT_BY_PASSWORD;
}

static enum hook_verdict on_auth_result(struct module_instance *instance, struct hook_c2s_auth_result *event)
{
	bool names = module_option(instance, "keep_names")->boolean;
	struct err err;
	if (!event->success || !event->client_id.len || strcmp(event->mechanism, "ANONYMOUS") == 0)
		return HOOK_PASS;
	struct login *login = mem_zalloc(sizeof(*login));
	if (jid_make(event->user, host_name(module_host(instance)), STR_NULL, &login->arena, &login->user,
		&err) < 0) {
		arena_fini(&login->arena);
		free(login);
		return HOOK_PASS;
	}
	login->client = (struct client){
	    .id = arena_str(&login->arena, event->client_id),
	    .software = names ? arena_str(&login->arena, event->client_software) : STR(""),
	    .device = names ? arena_str(&login->arena, event->client_device) : STR(""),
	    .last_seen = clock_real_us() / 1000000,
	    .proofs = proof_of(event->mechanism),
	};
	login->op = (struct store_op){
	    .kind = STORE_WRITE, .key = jid_bare(&login->user), .run = login_run, .done = login_done};
	store_submit(&login->op);
	return HOOK_PASS;
}

/* --- forgetting ------------------------------------------------------------------------------------- */

static int password_run(void *arg, struct db *db, struct err *err)
{
	const struct hook_password_changed *event = arg;
	return DB_EXEC(db, err, "UPDATE mod_client_access SET proofs = 0 WHERE {host=} username = ?",
		   DB_P_TEXT(event->host), DB_P_TEXT(event->user)) < 0
		   ? -1
		   : 0;
}

/* Nobody is known to know the new one. */
static enum hook_verdict on_password(struct module_instance *instance, struct hook_password_changed *event)
{
	struct strbuf key = {0};
	struct err err = {0};
	strbuf_printf(&key, "%.*s@%.*s", STR_FMT(event->user), STR_FMT(event->host));
	if (store_call(STORE_WRITE, strbuf_view(&key), password_run, event, &err) < 0)
		LOG_ERROR("client_access.write_failed", LOG_STR("user", strbuf_view(&key)),
		    LOG_CSTR("reason", err.text));
	strbuf_fini(&key);
	return HOOK_PASS;
}

static enum hook_verdict on_removed(struct module_instance *instance, struct hook_user_removed *event)
{
	if (DB_EXEC(event->db, event->err, "DELETE FROM mod_client_access WHERE {host=} username = ?",
		DB_P_TEXT(event->host), DB_P_TEXT(event->user)) < 0)
		event->result = -1;
	return HOOK_PASS;
}

struct purge {
	struct str host;
	int64_t before;
};

static int purge_run(void *arg, struct db *db, struct err *err)
{
	const struct purge *purge = arg;
	return DB_EXEC(db, err, "DELETE FROM mod_client_access WHERE {host=} last_seen < ?",
		   DB_P_TEXT(purge->host), DB_P_INT(purge->before)) < 0
		   ? -1
		   : 0;
}

static void run_purge(struct module_instance *instance, void *arg)
{
	int64_t keep_ms = module_option(instance, "keep_for")->integer;
	struct purge purge = {
	    .host = host_name(module_host(instance)),
	    .before = (clock_real_us() / 1000 - keep_ms) / 1000,
	};
	struct err err = {0};
	if (keep_ms == OPTION_INFINITE)
		return;
	if (store_call(STORE_WRITE, STR_NULL, purge_run, &purge, &err) < 0)
		LOG_ERROR(
		    "client_access.purge_failed", LOG_STR("host", purge.host), LOG_CSTR("reason", err.text));
}

static void on_purge(struct module_instance *instance, void *arg)
{
	module_run(instance, run_purge, NULL, NULL);
}

static int on_start(struct module_instance *instance, struct err *err)
{
	module_timer_repeat(module_timer_new(instance, on_purge, NULL), PURGE_MS);
	return 0;
}

/* --- the module ------------------------------------------------------------------------------------- */

static const struct option options[] = {
    {"keep_for", OPTION_DURATION, "90 days", "How long a client is remembered that does not come back.", NULL,
	1000, INT64_C(86400000) * 3650, .flags = OPTION_INFINITY},
    {"keep_names", OPTION_BOOL, "true", "Remember what a client says of its software and its device."},
    {0},
};

static const struct db_column columns[] = {
    {"username", DB_TYPE_KEY},
    {"client", DB_TYPE_KEY},
    {"software", DB_TYPE_TEXT},
    {"device", DB_TYPE_TEXT},
    {"first_seen", DB_TYPE_INT},
    {"last_seen", DB_TYPE_INT},
    {"proofs", DB_TYPE_INT},
    {0},
};

static const struct db_table tables[] = {
    {"mod_client_access", columns, "{host,} username, client"},
    {0},
};

static const struct db_schema schema = {.version = 1, .tables = tables};

static const struct module_iq iqs[] = {
    {.ns = "urn:xmpp:cam:0",
	.component = IQ_SM,
	.handler = client_iq,
	.needs_user = true,
	.owner_only = true,
	.announce = true},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(c2s_auth_result, on_auth_result, HOOK_LATE, NULL),
    HOOK_ENTRY(password_changed, on_password, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_removed, on_removed, HOOK_NORMAL, NULL),
    {0},
};

const struct module mod_client_access = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_client_access",
    .doc = "Shows users which clients have access to their accounts, and lets them revoke it (XEP-0494).",
    .options = options,
    .iqs = iqs,
    .hooks = hooks,
    .commands = client_commands,
    .schema = &schema,
    .start = on_start,
    .reload = module_reload_nothing,
};
