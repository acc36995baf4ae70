/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_offline/offline.h"
#include "stanzad/form.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

#define HEADERS_PAGE 100 /* rows of one query, so that not all messages are in memory at once */

/* --- questions that one storage operation answers --------------------------------------------- */

enum { ASK_DONE, ASK_NO_SUCH_MESSAGE };

struct ask {
	struct store_op op;
	struct user *user; /* held */
	struct iq *iq;
	int64_t *wanted; /* remove; NULL: purge */
	size_t wanted_count;
	int64_t count; /* rows that there are */
};

static int count_rows(struct ask *ask, struct db *db, struct err *err)
{
	const struct jid *jid = user_jid(ask->user);
	struct db_rows *rows = DB_QUERY(db, err, "SELECT COUNT(*) FROM spool WHERE {host=} username = ?",
	    DB_P_TEXT(jid_domain(jid)), DB_P_TEXT(jid_local(jid)));
	int rc = rows ? db_next(rows, err) : -1;
	if (rc > 0)
		ask->count = db_int(rows, 0);
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

static void open_query(struct ask *ask, const char *ns)
{
	xml_open(ask->iq->reply, "query", ns);
	xml_put_attr(ask->iq->reply, "node", STR(NS_OFFLINE));
}

/* 2.2 */
static int number_run(struct store_op *op, struct db *db, struct err *err)
{
	struct ask *ask = list_entry(op, struct ask, op);
	struct xml_writer *reply = ask->iq->reply;
	struct strbuf number = {0};
	if (count_rows(ask, db, err) < 0)
		return -1;
	open_query(ask, "http://jabber.org/protocol/disco#info");
	xml_open(reply, "identity", NULL);
	xml_put_attr(reply, "category", STR("automation"));
	xml_put_attr(reply, "type", STR("message-list"));
	xml_close(reply);
	xml_open(reply, "feature", NULL);
	xml_put_attr(reply, "var", STR(NS_OFFLINE));
	xml_close(reply);
	strbuf_u64(&number, (uint64_t)ask->count);
	form_open(reply, FORM_RESULT, NS_OFFLINE);
	form_put1(reply, "number_of_messages", "text-single", strbuf_view(&number));
	xml_close(reply);
	xml_close(reply);
	strbuf_fini(&number);
	return ASK_DONE;
}

static void put_header(struct ask *ask, const struct offline_row *row)
{
	struct offline_message message;
	struct xml_writer *reply = ask->iq->reply;
	struct err err;
	char node[OFFLINE_NODE_MAX];
	offline_node(node, row->seq);
	if (offline_message_read(row, &message, &err) == 0) {
		xml_open(reply, "item", NULL);
		xml_put_attr(reply, "jid", jid_bare(user_jid(ask->user)));
		xml_put_attr(reply, "node", str_of(node));
		xml_put_attr(reply, "name", jid_full(&message.from));
		xml_close(reply);
	}
	offline_message_fini(&message);
}

/* How many rows there were behind *after; < 0 on failure. */
static int put_headers(struct ask *ask, struct db *db, int64_t *after, struct err *err)
{
	const struct jid *jid = user_jid(ask->user);
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT seq, xml, created_at FROM spool WHERE {host=} username = ? AND seq > ? ORDER BY seq "
	    "LIMIT ?",
	    DB_P_TEXT(jid_domain(jid)), DB_P_TEXT(jid_local(jid)), DB_P_INT(*after), DB_P_INT(HEADERS_PAGE));
	int rc = rows ? 1 : -1, count = 0;
	while (rc > 0 && (rc = db_next(rows, err)) > 0) {
		struct offline_row row = {db_int(rows, 0), db_text(rows, 1), db_text(rows, 2)};
		put_header(ask, &row);
		*after = row.seq;
		count++;
	}
	db_end(&rows);
	ask->count += count;
	return rc < 0 ? -1 : count;
}

/* 2.3 */
static int headers_run(struct store_op *op, struct db *db, struct err *err)
{
	struct ask *ask = list_entry(op, struct ask, op);
	int64_t after = 0;
	int count;
	open_query(ask, "http://jabber.org/protocol/disco#items");
	while ((count = put_headers(ask, db, &after, err)) > 0)
		;
	xml_close(ask->iq->reply);
	return count < 0 ? -1 : ASK_DONE;
}

/* 2.5, 2.7 */
static int remove_run(struct store_op *op, struct db *db, struct err *err)
{
	struct ask *ask = list_entry(op, struct ask, op);
	const struct jid *jid = user_jid(ask->user);
	bool missing = false;
	if (!ask->wanted && DB_EXEC(db, err, "DELETE FROM spool WHERE {host=} username = ?",
				DB_P_TEXT(jid_domain(jid)), DB_P_TEXT(jid_local(jid))) < 0)
		return -1;
	for (size_t i = 0; i < ask->wanted_count; i++) {
		int64_t changed = DB_EXEC(db, err, "DELETE FROM spool WHERE {host=} username = ? AND seq = ?",
		    DB_P_TEXT(jid_domain(jid)), DB_P_TEXT(jid_local(jid)), DB_P_INT(ask->wanted[i]));
		if (changed < 0)
			return -1;
		missing |= changed == 0;
	}
	return missing ? ASK_NO_SUCH_MESSAGE : ASK_DONE;
}

static void ask_done(struct store_op *op, int result, const struct err *err)
{
	struct ask *ask = list_entry(op, struct ask, op);
	struct offline *offline = offline_of(ask->user);
	if (result < 0) {
		LOG_ERROR("offline.retrieval_failed", LOG_STR("user", jid_bare(user_jid(ask->user))),
		    LOG_CSTR("reason", err->text));
		iq_finish(&ask->iq, iq_refuse(ask->iq, SE_internal_server_error, NULL));
	} else {
		if (ask->op.kind == STORE_WRITE)
			offline->count = OFFLINE_UNKNOWN;
		iq_finish(
		    &ask->iq, result == ASK_DONE ? IQ_ANSWER : iq_refuse(ask->iq, SE_item_not_found, NULL));
	}
	user_release(ask->user);
	free(ask->wanted);
	free(ask);
}

static void ask_submit(struct user *user, struct iq *later, enum store_kind kind,
    int (*run)(struct store_op *op, struct db *db, struct err *err), int64_t *wanted, size_t wanted_count)
{
	struct ask *ask = mem_zalloc(sizeof(*ask));
	ask->user = user;
	user_hold(user);
	ask->iq = later;
	ask->wanted = wanted;
	ask->wanted_count = wanted_count;
	ask->op.kind = kind;
	ask->op.key = jid_bare(user_jid(user));
	ask->op.run = run;
	ask->op.done = ask_done;
	store_submit(&ask->op);
}

static void now_flexible(struct user *user, const struct jid *from)
{
	struct session *session = user_session(user, jid_resource(from));
	if (session)
		offline_set_flexible(session);
}

/* --- <offline/> ------------------------------------------------------------------------------- */

/* The nodes of all items, which must have that action. False: something else is in it. */
static bool nodes_of(const struct xml *offline, const char *action, int64_t **wanted_r, size_t *count_r)
{
	int64_t *wanted = NULL;
	size_t count = 0;
	bool good = true;
	for (const struct xml *item = xml_first_element(offline); item && good;
	     item = xml_next_element(item)) {
		int64_t seq = INT64_MAX; /* which no message has */
		good = xml_is(item, "item", NS_OFFLINE) && str_is(xml_attr(item, "action"), action) &&
		       xml_attr(item, "node").ptr;
		if (!good)
			break;
		offline_node_parse(xml_attr(item, "node"), &seq);
		wanted = mem_realloc_array(wanted, count + 1, sizeof(*wanted));
		wanted[count++] = seq;
	}
	if (!good || !count) {
		free(wanted);
		return false;
	}
	*wanted_r = wanted;
	*count_r = count;
	return true;
}

static bool stands_alone(const struct xml *offline, const char *name)
{
	const struct xml *child = xml_first_element(offline);
	return child && xml_is(child, name, NS_OFFLINE) && !xml_next_element(child);
}

enum iq_verdict offline_on_iq(struct iq *iq)
{
	int64_t *wanted = NULL;
	size_t count = 0;
	bool get = iq->type == IQ_GET;
	if (!xml_is(iq->payload, "offline", NS_OFFLINE))
		return iq_refuse(iq, SE_bad_request, NULL);
	if (!stands_alone(iq->payload, get ? "fetch" : "purge") &&
	    !nodes_of(iq->payload, get ? "view" : "remove", &wanted, &count))
		return iq_refuse(iq, SE_bad_request,
		    get ? "get holds <fetch/> or items to view" : "set holds <purge/> or items to remove");
	now_flexible(iq->user, iq->from);
	if (!get)
		offline_unmark(offline_of(iq->user));
	if (get)
		offline_show(iq->user, iq_later(iq), wanted, count);
	else
		ask_submit(iq->user, iq_later(iq), STORE_WRITE, remove_run, wanted, count);
	return IQ_LATER;
}

/* --- the node http://jabber.org/protocol/offline ---------------------------------------------- */

static bool is_ours(const struct hook_stanza *event, const struct xml **query_r)
{
	const struct stanza *stanza = event->stanza;
	if (stanza->kind != STANZA_IQ || stanza->type != IQ_GET || !stanza->id.ptr || event->to->resource_len)
		return false;
	const struct xml *query = stanza_payload(stanza);
	if (!query || (query->ns_token != XNS_DISCO_INFO && query->ns_token != XNS_DISCO_ITEMS))
		return false;
	*query_r = query;
	return str_is(xml_attr(query, "node"), NS_OFFLINE) && jid_bare_eq(event->from, event->to);
}

enum hook_verdict offline_on_send(struct module_instance *instance, struct hook_stanza *event)
{
	const struct xml *query;
	if (!is_ours(event, &query))
		return HOOK_PASS;
	event->reason = "mod_offline answers it";
	if (event->explain)
		return HOOK_STOP;
	struct user *user = session_user(event->session);
	struct iq iq = {
	    .from = event->from,
	    .to = event->to,
	    .type = IQ_GET,
	    .payload = query,
	    .stanza = event->stanza,
	    .host = module_host(instance),
	    .instance = instance,
	    .own = true,
	};
	offline_set_flexible(event->session);
	bool headers = query->ns_token == XNS_DISCO_ITEMS;
	ask_submit(user, iq_later(&iq), STORE_READ, headers ? headers_run : number_run, NULL, 0);
	return HOOK_STOP;
}
