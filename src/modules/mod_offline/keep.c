/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/message.h"
#include "modules/mod_offline/offline.h"
#include "stanzad/clock.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

/* --- which messages: XEP-0160 3, XEP-0334 4 --------------------------------------------------- */

static bool keeps_without_body(const struct stanza *stanza, const struct offline_rules *rules)
{
	switch (rules->store_empty_body) {
	case STORE_EMPTY_NEVER:
		return false;
	case STORE_EMPTY_ALWAYS:
		return true;
	default:
		return !message_is_chat_state(stanza);
	}
}

enum offline_fate offline_fate(const struct stanza *stanza, const struct offline_rules *rules)
{
	if (stanza->type == STANZA_ERROR || stanza->type == MESSAGE_HEADLINE)
		return OFFLINE_DROP;
	if (stanza->type == MESSAGE_GROUPCHAT && !rules->store_groupchat)
		return rules->bounce_groupchat ? OFFLINE_BOUNCE : OFFLINE_DROP;
	if (message_has_hint(stanza, "no-store"))
		return OFFLINE_DROP;
	bool keep = message_has_body(stanza) || message_has_hint(stanza, "store") ||
		    keeps_without_body(stanza, rules);
	return keep ? OFFLINE_KEEP : OFFLINE_DROP;
}

/* --- writing ---------------------------------------------------------------------------------- */

enum { KEPT, KEEP_FULL = 1 };

struct keep {
	struct store_op op;
	struct user *user;   /* held */
	struct jid from, to; /* heap */
	struct stanza *stanza;
	struct strbuf xml;
	int64_t limit;
	bool check; /* the number of rows is not known in memory */
};

static int count_rows(struct keep *keep, struct db *db, int64_t *count_r, struct err *err)
{
	const struct jid *jid = user_jid(keep->user);
	struct db_rows *rows = DB_QUERY(db, err, "SELECT COUNT(*) FROM spool WHERE {host=} username = ?",
	    DB_P_TEXT(jid_domain(jid)), DB_P_TEXT(jid_local(jid)));
	int rc = rows ? db_next(rows, err) : -1;
	if (rc > 0)
		*count_r = db_int(rows, 0);
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

static int keep_run(struct store_op *op, struct db *db, struct err *err)
{
	struct keep *keep = list_entry(op, struct keep, op);
	const struct jid *jid = user_jid(keep->user);
	int64_t count = 0;
	if (keep->check && count_rows(keep, db, &count, err) < 0)
		return -1;
	if (count >= keep->limit)
		return KEEP_FULL;
	int64_t rows = DB_EXEC(db, err, "INSERT INTO spool ({host,} username, xml) VALUES ({?,} ?, ?)",
	    DB_P_TEXT(jid_domain(jid)), DB_P_TEXT(jid_local(jid)), DB_P_TEXT(strbuf_view(&keep->xml)));
	return rows < 0 ? -1 : KEPT;
}

static void tell_sender(struct keep *keep, int result)
{
	struct stanza_error error = {
	    .condition = SE_service_unavailable, .text = "the message could not be kept"};
	if (result == KEEP_FULL)
		error = (struct stanza_error){.condition = SE_resource_constraint,
		    .text = "too many messages wait for this user already"};
	route_error(&keep->from, &keep->to, keep->stanza, &error);
}

static void keep_done(struct store_op *op, int result, const struct err *err)
{
	struct keep *keep = list_entry(op, struct keep, op);
	struct offline *offline = user_slot(keep->user, &mod_offline); /* NULL: the module left meanwhile */
	if (result < 0)
		LOG_ERROR("offline.not_kept", LOG_STR("user", jid_bare(user_jid(keep->user))),
		    LOG_CSTR("reason", err->text));
	if (result == KEPT) {
		offline_counted(keep->user, OFFLINE_METRIC_KEPT);
		hook_run_message_kept(user_host(keep->user),
		    &(struct hook_message_kept){keep->user, &keep->from, &keep->to, keep->stanza});
	} else {
		if (offline && offline->count > 0)
			offline->count--;
		tell_sender(keep, result);
	}
	user_release(keep->user);
	free((char *)keep->from.text);
	free((char *)keep->to.text);
	stanza_unref(&keep->stanza);
	strbuf_fini(&keep->xml);
	free(keep);
}

/* As ejabberd writes it, so that either can read what the other kept. */
static void write_row(struct keep *keep)
{
	struct stanza *stamped =
	    stanza_with_delay(keep->stanza, jid_domain(user_jid(keep->user)), clock_real_us());
	stanza_write(&keep->xml, stamped, &keep->from, &keep->to);
	stanza_unref(&stamped);
}

void offline_keep(
    struct user *user, const struct jid *from, const struct jid *to, struct stanza *stanza, int64_t limit)
{
	struct offline *offline = offline_of(user);
	struct keep *keep = mem_zalloc(sizeof(*keep));
	keep->user = user;
	user_hold(user);
	keep->from = jid_dup_heap(from);
	keep->to = jid_dup_heap(to);
	keep->stanza = stanza_ref(stanza);
	keep->limit = limit;
	keep->check = offline_count(offline) == OFFLINE_UNKNOWN;
	write_row(keep);
	if (!keep->check)
		offline->count++;
	offline->kept_since++;
	keep->op.kind = STORE_WRITE;
	keep->op.single = true;
	keep->op.key = jid_bare(user_jid(user));
	keep->op.run = keep_run;
	keep->op.done = keep_done;
	store_submit(&keep->op);
}
