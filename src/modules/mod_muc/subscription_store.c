/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/term.h"
#include "modules/mod_muc/subscribers.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/user.h"

struct writing {
	struct store_op op;
	struct module_instance *instance; /* held */
	struct arena arena;
	struct jid room, jid;
	struct str nick, nodes; /* nodes ptr NULL: it is removed */
	subscription_done *done;
	void *arg;
};

/* --- nodes as text -------------------------------------------------------------------------------------- */

static void put_nodes(struct strbuf *out, unsigned nodes)
{
	const char *separator = "";
	strbuf_char(out, '[');
	for (unsigned node = 0; node < SUBSCRIPTION_NODES; node++) {
		if (!(nodes & (1u << node)))
			continue;
		strbuf_cstr(out, separator);
		term_put_binary(out, str_of(subscription_node_text(node)));
		separator = ",";
	}
	strbuf_char(out, ']');
}

/* Nodes that this server has not are passed over. */
static unsigned read_nodes(struct str text, struct arena *arena)
{
	const struct term *term;
	struct str name;
	unsigned nodes = 0;
	if (term_read(text, &term_limits_default, arena, &term, NULL) < 0 || !term_is_list(term))
		return 0;
	for (const struct term *item = term_item(term, 0); item; item = item->next)
		if (term_bytes(item, &name))
			nodes |= subscription_node_read(name);
	return nodes;
}

/* --- one row -------------------------------------------------------------------------------------------- */

static int run(struct store_op *op, struct db *db, struct err *err)
{
	const struct writing *writing = list_entry(op, struct writing, op);
	struct db_param room = DB_P_TEXT(jid_local(&writing->room)), host = DB_P_TEXT(jid_domain(&writing->room));
	struct db_param jid = DB_P_TEXT(jid_full(&writing->jid));
	int64_t changed;
	if (!writing->nodes.ptr)
		changed = DB_EXEC(db, err, "DELETE FROM muc_room_subscribers WHERE room = ? AND host = ? AND jid = ?",
		    room, host, jid);
	else
		changed = DB_EXEC(db, err,
		    "UPDATE muc_room_subscribers SET nick = ?, nodes = ? WHERE room = ? AND host = ? AND jid = ?",
		    DB_P_TEXT(writing->nick), DB_P_TEXT(writing->nodes), room, host, jid);
	if (changed == 0 && writing->nodes.ptr)
		changed = DB_EXEC(db, err,
		    "INSERT INTO muc_room_subscribers (room, host, jid, nick, nodes) VALUES (?, ?, ?, ?, ?)", room,
		    host, jid, DB_P_TEXT(writing->nick), DB_P_TEXT(writing->nodes));
	return changed < 0 ? -1 : 0;
}

static void done(struct store_op *op, int result, const struct err *err)
{
	struct writing *writing = list_entry(op, struct writing, op);
	if (result < 0)
		LOG_ERROR("muc.subscription_not_written", LOG_STR("room", jid_full(&writing->room)),
		    LOG_STR("jid", jid_full(&writing->jid)), LOG_CSTR("reason", err->text));
	if (writing->done)
		writing->done(writing->arg, result);
	module_release(writing->instance);
	arena_fini(&writing->arena);
	free(writing);
}

static struct writing *writing_new(
    const struct room *room, const struct jid *jid, subscription_done *then, void *arg)
{
	struct writing *writing = mem_zalloc(sizeof(*writing));
	struct jid bare = jid_to_bare(jid);
	writing->instance = room->instance;
	module_hold(writing->instance);
	writing->room = jid_dup(&room->jid, &writing->arena);
	writing->jid = jid_dup(&bare, &writing->arena);
	writing->done = then;
	writing->arg = arg;
	writing->op = (struct store_op){
	    .kind = STORE_WRITE, .key = jid_full(&writing->room), .run = run, .done = done};
	return writing;
}

static void skip(subscription_done *then, void *arg)
{
	if (then)
		then(arg, 0);
}

void subscription_write(
    struct room *room, const struct subscriber *subscriber, subscription_done *then, void *arg)
{
	struct strbuf nodes = {0};
	if (!room->config.persistent) {
		skip(then, arg);
		return;
	}
	struct writing *writing = writing_new(room, &subscriber->jid, then, arg);
	put_nodes(&nodes, subscriber->nodes);
	writing->nodes = arena_str(&writing->arena, strbuf_view(&nodes));
	writing->nick = arena_str(&writing->arena, room_word(&subscriber->nick));
	strbuf_fini(&nodes);
	store_submit(&writing->op);
}

void subscription_remove(struct room *room, const struct jid *jid, subscription_done *then, void *arg)
{
	if (room->stored || room->config.persistent)
		store_submit(&writing_new(room, jid, then, arg)->op);
	else
		skip(then, arg);
}

void subscriptions_write_all(struct room *room)
{
	for (struct subscriber *at = room_first_subscriber(room); at; at = subscriber_next(room, at))
		subscription_write(room, at, NULL, NULL);
}

/* --- with the room -------------------------------------------------------------------------------------- */

struct loaded {
	struct loaded *next;
	struct str jid, nick;
	unsigned nodes;
};

int subscriptions_load_db(
    struct muc *muc, struct db *db, const struct jid *room, struct arena *arena, void **word, struct err *err)
{
	struct loaded **end = (struct loaded **)word;
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT jid, nick, nodes FROM muc_room_subscribers WHERE room = ? AND host = ? ORDER BY created_at, jid",
	    DB_P_TEXT(jid_local(room)), DB_P_TEXT(jid_domain(room)));
	int rc;
	(void)muc;
	while ((rc = db_next(rows, err)) > 0) {
		struct loaded *loaded = arena_zalloc(arena, sizeof(*loaded));
		loaded->jid = arena_str(arena, db_text(rows, 0));
		loaded->nick = arena_str(arena, db_text(rows, 1));
		loaded->nodes = read_nodes(db_text(rows, 2), arena);
		*end = loaded;
		end = &loaded->next;
	}
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

void subscriptions_loaded(struct room *room, void *word)
{
	for (const struct loaded *at = word; at; at = at->next) {
		struct arena arena = {0};
		struct err err = {0};
		struct jid jid;
		if (jid_parse(at->jid, &arena, &jid, &err) < 0)
			LOG_WARNING("muc.subscriber_malformed", LOG_STR("room", jid_full(&room->jid)),
			    LOG_STR("jid", at->jid), LOG_CSTR("reason", err.text));
		else if (at->nick.len && at->nick.len <= ROOM_NICK_MAX)
			room_subscriber_put(room, &jid, at->nick, at->nodes);
		arena_fini(&arena);
	}
}

int subscriptions_remove_db(struct muc *muc, struct db *db, const struct jid *room, struct err *err)
{
	(void)muc;
	return DB_EXEC(db, err, "DELETE FROM muc_room_subscribers WHERE room = ? AND host = ?",
		   DB_P_TEXT(jid_local(room)), DB_P_TEXT(jid_domain(room))) < 0
	           ? -1
	           : 0;
}

/* --- of somebody ---------------------------------------------------------------------------------------- */

int subscriptions_of(struct db *db, struct str jid, struct str service,
    void (*each)(void *arg, const struct subscription_row *row), void *arg, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT room, host, nick, nodes FROM muc_room_subscribers WHERE jid = ? ORDER BY host, room",
	    DB_P_TEXT(jid));
	int rc;
	while ((rc = db_next(rows, err)) > 0) {
		struct arena arena = {0};
		struct subscription_row row = {.room = db_text(rows, 0),
		    .service = db_text(rows, 1),
		    .nick = db_text(rows, 2),
		    .nodes = read_nodes(db_text(rows, 3), &arena)};
		if (!service.len || str_eq(row.service, service))
			each(arg, &row);
		arena_fini(&arena);
	}
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

/* --- of an account that is no more ---------------------------------------------------------------------- */

enum hook_verdict subscriptions_on_removed(struct module_instance *instance, struct hook_user_removed *event)
{
	struct strbuf jid = {0};
	strbuf_printf(&jid, "%.*s@%.*s", STR_FMT(event->user), STR_FMT(event->host));
	if (DB_EXEC(event->db, event->err, "DELETE FROM muc_room_subscribers WHERE jid = ?",
		DB_P_TEXT(strbuf_view(&jid))) < 0)
		event->result = -1;
	strbuf_fini(&jid);
	(void)instance;
	return HOOK_PASS;
}

static void forget(void *arg, struct room *room)
{
	room_unsubscribe(room, arg, NULL, NULL);
}

static void forget_here(struct module_instance *instance, void *arg)
{
	rooms_each(muc_of(instance), forget, arg);
}

static void forgotten(struct module_instance *instance, void *arg)
{
	(void)instance;
	struct jid *jid = arg;
	free((char *)jid->text);
	free(jid);
}

enum hook_verdict subscriptions_on_gone(struct module_instance *instance, struct hook_user *event)
{
	struct jid *jid = mem_alloc(sizeof(*jid));
	*jid = jid_dup_heap(user_jid(event->user));
	module_post_workers(instance, forget_here, forgotten, jid);
	return HOOK_PASS;
}
