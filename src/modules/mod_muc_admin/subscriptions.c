/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "modules/mod_muc/subscribers.h"
#include "modules/mod_muc_admin/muc_admin.h"

/* --- on the room's home, and durable -------------------------------------------------------------------- */

struct person {
	struct jid jid;
	struct str nick;
};

struct subscribing_task {
	const struct person *people;
	size_t count;
	unsigned nodes;
	bool ends; /* they are to be subscribers no more */
	pthread_mutex_t lock;
	pthread_cond_t over;
	unsigned pending;
	bool failed;
	const char *against; /* why one of them cannot be; NULL */
	enum stanza_condition condition;
};

static void on_written(void *arg, int result)
{
	struct subscribing_task *task = arg;
	pthread_mutex_lock(&task->lock);
	task->failed |= result < 0;
	task->pending--;
	pthread_cond_signal(&task->over);
	pthread_mutex_unlock(&task->lock);
}

static void begin_one(struct subscribing_task *task)
{
	pthread_mutex_lock(&task->lock);
	task->pending++;
	pthread_mutex_unlock(&task->lock);
}

/* The first one who cannot be a subscriber is the end of it. */
static void visit_room(void *arg, struct room *room)
{
	struct subscribing_task *task = arg;
	for (size_t i = 0; i < task->count && !task->against; i++) {
		const struct person *person = &task->people[i];
		struct subscribing subscribing = {
		    .jid = person->jid, .nick = person->nick, .nodes = task->nodes, .trusted = true};
		if (!task->ends)
			task->against = room_subscribe_check(room, &subscribing, &task->condition);
		if (task->against)
			return;
		begin_one(task);
		if (task->ends)
			room_unsubscribe(room, &person->jid, on_written, task);
		else
			room_subscribe(room, &subscribing, on_written, task);
	}
}

static enum command_outcome do_task(struct command_call *call, struct subscribing_task *task)
{
	pthread_mutex_init(&task->lock, NULL);
	pthread_cond_init(&task->over, NULL);
	enum command_outcome outcome = admin_visit(call, visit_room, task);
	pthread_mutex_lock(&task->lock);
	while (task->pending)
		pthread_cond_wait(&task->over, &task->lock);
	pthread_mutex_unlock(&task->lock);
	pthread_mutex_destroy(&task->lock);
	pthread_cond_destroy(&task->over);
	if (outcome == COMMAND_OK && task->against)
		outcome = command_say(
		    call, task->condition == SE_conflict ? COMMAND_CONFLICT : COMMAND_FAILED, "%s", task->against);
	if (outcome == COMMAND_OK && task->failed)
		outcome = command_say(call, COMMAND_FAILED, "it could not be written");
	return outcome;
}

/* --- arguments ------------------------------------------------------------------------------------------ */

static struct str json_text(const json_t *value)
{
	return (struct str){json_string_value(value), json_string_length(value)};
}

static enum command_outcome read_nodes(struct command_call *call, unsigned *nodes_r)
{
	const json_t *node;
	size_t i;
	*nodes_r = 0;
	json_array_foreach(command_list(call, "nodes"), i, node)
	{
		unsigned bit = subscription_node_read(json_text(node));
		if (!bit)
			return command_say(
			    call, COMMAND_USAGE, "nodes: there is no '%.*s'", STR_FMT(json_text(node)));
		*nodes_r |= bit;
	}
	return *nodes_r ? COMMAND_OK : command_say(call, COMMAND_USAGE, "nodes: there is none");
}

static enum command_outcome read_person(struct command_call *call, struct str user, struct str host,
    struct str nick, struct arena *arena, struct person *person_r)
{
	struct err err = {0};
	enum command_outcome outcome = admin_person(call, user, host, arena, &person_r->jid);
	if (outcome != COMMAND_OK)
		return outcome;
	if (!str_trim(nick).len || jid_prep_resource(nick, arena, &person_r->nick, &err) < 0)
		return command_say(call, COMMAND_USAGE, "nick: %s", err.text[0] ? err.text : "it is empty");
	return COMMAND_OK;
}

static json_t *node_names(unsigned nodes)
{
	json_t *names = json_array();
	for (unsigned node = 0; node < SUBSCRIPTION_NODES; node++)
		if (nodes & (1u << node))
			json_array_append_new(names, json_string(subscription_node_text(node)));
	return names;
}

/* --- commands ------------------------------------------------------------------------------------------- */

enum command_outcome admin_subscribe(struct command_call *call)
{
	struct arena arena = {0};
	struct person person;
	struct subscribing_task task = {.people = &person, .count = 1};
	enum command_outcome outcome = read_nodes(call, &task.nodes);
	if (outcome == COMMAND_OK)
		outcome = read_person(call, command_string(call, "user"), command_string(call, "host"),
		    command_string(call, "nick"), &arena, &person);
	if (outcome == COMMAND_OK)
		outcome = do_task(call, &task);
	if (outcome == COMMAND_OK)
		call->result = node_names(task.nodes);
	arena_fini(&arena);
	return outcome;
}

/* Whoever calls may name one service; how many at once is an option of the module, which is global or of its host. */
static int64_t most_at_once(struct command_call *call, struct arena *arena)
{
	struct str domain;
	struct muc *muc;
	if (jid_prep_domain(command_string(call, "service"), arena, &domain, NULL) < 0 ||
	    !(muc = muc_serving(domain)))
		return 0;
	struct module_instance *own = host_module(module_host(muc->instance), "mod_muc_admin");
	return own ? module_option(own, "subscribe_room_many_max_users")->integer : 50;
}

static enum command_outcome read_people(
    struct command_call *call, struct arena *arena, struct person *people)
{
	const json_t *user;
	size_t i;
	json_array_foreach(command_list(call, "users"), i, user)
	{
		enum command_outcome outcome =
		    read_person(call, json_text(json_object_get(user, "user")),
			json_text(json_object_get(user, "host")), json_text(json_object_get(user, "nick")), arena,
			&people[i]);
		if (outcome != COMMAND_OK)
			return outcome;
	}
	return COMMAND_OK;
}

enum command_outcome admin_subscribe_many(struct command_call *call)
{
	struct arena arena = {0};
	struct subscribing_task task = {.count = json_array_size(command_list(call, "users"))};
	int64_t most = most_at_once(call, &arena);
	enum command_outcome outcome = read_nodes(call, &task.nodes);
	if (outcome == COMMAND_OK && most && task.count > (size_t)most)
		outcome = command_say(call, COMMAND_USAGE, "users: more than %lld", (long long)most);
	if (outcome == COMMAND_OK) {
		struct person *people = arena_zalloc(&arena, (task.count + 1) * sizeof(*people));
		task.people = people;
		outcome = read_people(call, &arena, people);
	}
	if (outcome == COMMAND_OK)
		outcome = do_task(call, &task);
	arena_fini(&arena);
	return outcome;
}

enum command_outcome admin_unsubscribe(struct command_call *call)
{
	struct arena arena = {0};
	struct person person = {0};
	struct subscribing_task task = {.people = &person, .count = 1, .ends = true};
	enum command_outcome outcome = admin_person(
	    call, command_string(call, "user"), command_string(call, "host"), &arena, &person.jid);
	if (outcome == COMMAND_OK)
		outcome = do_task(call, &task);
	arena_fini(&arena);
	return outcome;
}

static void list_subscribers(void *arg, struct room *room)
{
	for (struct subscriber *at = room_first_subscriber(room); at; at = subscriber_next(room, at))
		json_array_append_new(arg, admin_json(jid_full(&at->jid)));
}

enum command_outcome admin_subscribers(struct command_call *call)
{
	json_t *rows = json_array();
	enum command_outcome outcome = admin_visit(call, list_subscribers, rows);
	if (outcome == COMMAND_OK)
		call->result = json_incref(rows);
	json_decref(rows);
	return outcome;
}

/* --- of somebody ---------------------------------------------------------------------------------------- */

struct looking_up {
	struct str jid;
	json_t *rows;
};

static void add_row(void *arg, const struct subscription_row *row)
{
	struct looking_up *looking = arg;
	struct strbuf room = {0};
	if (!muc_serving(row->service))
		return;
	strbuf_printf(&room, "%.*s@%.*s", STR_FMT(row->room), STR_FMT(row->service));
	json_array_append_new(looking->rows,
	    json_pack("{s:o, s:o, s:o}", "roomjid", admin_json(strbuf_view(&room)), "usernick",
		admin_json(row->nick), "nodes", node_names(row->nodes)));
	strbuf_fini(&room);
}

static int look_up(void *arg, struct db *db, struct err *err)
{
	struct looking_up *looking = arg;
	json_array_clear(looking->rows);
	return subscriptions_of(db, looking->jid, STR_NULL, add_row, looking, err);
}

enum command_outcome admin_user_subscriptions(struct command_call *call)
{
	struct arena arena = {0};
	struct jid jid;
	struct err err = {0};
	struct looking_up looking = {.rows = json_array()};
	enum command_outcome outcome =
	    admin_person(call, command_string(call, "user"), command_string(call, "host"), &arena, &jid);
	if (outcome == COMMAND_OK) {
		looking.jid = jid_bare(&jid);
		if (store_call(STORE_READ, looking.jid, look_up, &looking, &err) < 0)
			outcome = command_say(call, COMMAND_FAILED, "%s", err.text);
	}
	if (outcome == COMMAND_OK)
		call->result = json_incref(looking.rows);
	json_decref(looking.rows);
	arena_fini(&arena);
	return outcome;
}

/* --- for rooms that are made ---------------------------------------------------------------------------- */

static int read_subscriber(struct room *room, struct str text, struct arena *arena, struct err *err)
{
	struct str rest, nick, jid = str_trim(str_cut(text, '=', &rest));
	struct subscribing subscribing = {0};
	nick = str_cut(rest, '=', &rest);
	if (jid_parse(jid, arena, &subscribing.jid, err) < 0 || !str_trim(nick).len ||
	    jid_prep_resource(nick, arena, &subscribing.nick, err) < 0)
		return err_set(err, "subscribers: '%.*s' is not JID=NICK=NODE", STR_FMT(text));
	while (rest.len) {
		struct str node = str_trim(str_cut(rest, '=', &rest));
		unsigned bit = subscription_node_read(node);
		if (!bit)
			return err_set(err, "subscribers: there is no node '%.*s'", STR_FMT(node));
		subscribing.nodes |= bit;
	}
	if (room && !room_subscriber_by_nick(room, subscribing.nick))
		room_subscribe(room, &subscribing, NULL, NULL);
	return 0;
}

int admin_read_subscribers(struct room *room, struct str list, struct err *err)
{
	int rc = 0;
	while (list.len && rc == 0) {
		struct arena arena = {0};
		struct str one = str_trim(str_cut(list, ';', &list));
		if (one.len)
			rc = read_subscriber(room, one, &arena, err);
		arena_fini(&arena);
	}
	return rc;
}
