/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_mam/room.h"
#include "modules/mod_muc/feature.h"
#include "modules/mod_muc/key.h"
#include "modules/mod_muc/rooms.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/receipt.h"

struct load_client {
	struct load_client *next;
	struct str jid, nick, presence;
	int64_t role;
};

struct load_message {
	struct load_message *next;
	int64_t id;
	struct str xml;
};

/* --- on a storage thread -------------------------------------------------------------------------------- */

static int read_opts(struct room_load *load, struct db *db, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err, "SELECT opts FROM muc_room WHERE {host=} name = ? AND host = ?",
	    DB_P_TEXT(load->host), DB_P_TEXT(jid_local(&load->jid)), DB_P_TEXT(jid_domain(&load->jid)));
	int rc = db_next(rows, err);
	if (rc > 0)
		load->opts = arena_str(&load->arena, db_text(rows, 0));
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

static int read_clients(struct room_load *load, struct db *db, struct err *err)
{
	struct db_rows *rows =
	    DB_QUERY(db, err, "SELECT jid, nick, role, presence FROM mod_muc_client WHERE {host=} room = ?",
		DB_P_TEXT(load->host), DB_P_TEXT(jid_full(&load->jid)));
	int rc;
	while ((rc = db_next(rows, err)) > 0) {
		struct load_client *client = arena_zalloc(&load->arena, sizeof(*client));
		client->jid = arena_str(&load->arena, db_text(rows, 0));
		client->nick = arena_str(&load->arena, db_text(rows, 1));
		client->role = db_int(rows, 2);
		client->presence = arena_str(&load->arena, db_text(rows, 3));
		*load->clients_end = client;
		load->clients_end = &client->next;
	}
	db_end(&rows);
	return rc;
}

static void take_message(void *arg, int64_t id, struct str xml)
{
	struct room_load *load = arg;
	struct load_message *message = arena_zalloc(&load->arena, sizeof(*message));
	message->id = id;
	message->xml = arena_str(&load->arena, xml);
	*load->messages_end = message;
	load->messages_end = &message->next;
}

static int read_features(struct room_load *load, struct db *db, struct err *err)
{
	load->words = arena_zalloc(&load->arena, (ROOM_FEATURE_COUNT + 1) * sizeof(void *));
	void **word = load->words;
	for (const struct room_feature *const *feature = room_features; *feature; feature++, word++)
		if ((*feature)->load_db &&
		    (*feature)->load_db(load->muc, db, &load->jid, &load->arena, word, err) < 0)
			return -1;
	return 0;
}

static int load_run(struct store_op *op, struct db *db, struct err *err)
{
	struct room_load *load = list_entry(op, struct room_load, op);
	if (muc_key_ensure(load->muc, db, err) < 0 || muc_nicks_ensure(load->muc, db, err) < 0 ||
	    read_opts(load, db, err) < 0)
		return -1;
	if (!load->opts.ptr)
		return 0;
	if (read_clients(load, db, err) < 0 || read_features(load, db, err) < 0)
		return -1;
	return load->has_mam && load->history_size
	           ? mam_room_history(db, load->host, jid_full(&load->jid), load->history_size, &load->arena,
		     take_message, load, err)
	           : 0;
}

/* --- on the worker -------------------------------------------------------------------------------------- */

static void load_done(struct store_op *op, int result, const struct err *err)
{
	struct room_load *load = list_entry(op, struct room_load, op);
	struct module_instance *instance = load->muc->instance;
	load->done(load, result, err);
	arena_fini(&load->arena);
	free((char *)load->jid.text);
	free(load);
	module_release(instance);
}

void room_load_begin(struct muc *muc, const struct jid *jid,
    void (*done)(struct room_load *load, int result, const struct err *err))
{
	struct room_load *load = mem_zalloc(sizeof(*load));
	struct receipt *before;
	struct host *host = module_host(muc->instance);
	load->muc = muc;
	load->jid = jid_dup_heap(jid);
	load->host = arena_str(&load->arena, host_name(host));
	load->has_mam = host_module(host, "mod_mam") != NULL;
	load->history_size = (unsigned)module_option(muc->instance, "history_size")->integer;
	load->clients_end = &load->clients;
	load->messages_end = &load->messages;
	load->done = done;
	load->op.kind = __atomic_load_n(&muc->key_known, __ATOMIC_ACQUIRE) ? STORE_READ : STORE_WRITE;
	load->op.key = jid_full(&load->jid);
	load->op.run = load_run;
	load->op.done = load_done;
	module_hold(muc->instance);
	receipt_enter(NULL, &before);
	store_submit(&load->op);
	receipt_leave(before);
}

/* --- onto a room ---------------------------------------------------------------------------------------- */

static void apply_affiliations(struct room *room, const struct room_saved *saved)
{
	for (size_t i = 0; i < saved->affiliation_count; i++) {
		const struct room_saved_affiliation *one = &saved->affiliations[i];
		struct arena arena = {0};
		struct jid jid;
		struct err err = {0};
		if (jid_parse(one->jid, &arena, &jid, &err) == 0)
			room_affiliate_put(room, &jid, one->affiliation, one->reason);
		else
			LOG_WARNING("muc.affiliation_malformed", LOG_STR("room", jid_full(&room->jid)),
			    LOG_STR("jid", one->jid), LOG_CSTR("reason", err.text));
		arena_fini(&arena);
	}
}

static void apply_client(struct room *room, const struct load_client *client)
{
	struct arena arena = {0};
	struct err err = {0};
	struct jid jid;
	struct stanza *presence = stanza_parse(client->presence, &xml_limits_default, &err);
	if (presence && jid_parse(client->jid, &arena, &jid, &err) == 0 && jid.resource_len &&
	    !room_client(room, &jid) && client->role > ROOM_NO_ROLE && client->role <= ROOM_MODERATOR) {
		struct occupant *there = room_occupant(room, client->nick);
		if (!there || jid_bare_eq(&there->real, &jid))
			room_add_client(room, &jid, client->nick, (enum room_role)client->role, presence)
			    ->occupant->shown = true;
	}
	stanza_unref(&presence);
	arena_fini(&arena);
}

static void apply_message(struct room *room, const struct load_message *message)
{
	struct arena arena = {0};
	struct err err = {0};
	struct jid as;
	struct stanza *stanza = stanza_parse(message->xml, &xml_limits_default, &err);
	if (stanza && jid_parse(xml_attr_s(stanza->root, "from"), &arena, &as, &err) == 0)
		room_history_add(room, &as, stanza, message->id);
	else
		LOG_WARNING("muc.history_malformed", LOG_STR("room", jid_full(&room->jid)),
		    LOG_CSTR("reason", err.text));
	stanza_unref(&stanza);
	arena_fini(&arena);
}

static void apply_others(struct room_load *load, struct room *room, struct str others)
{
	struct strbuf rest = {0};
	strbuf_str(&rest, others);
	void **word = load->words;
	for (const struct room_feature *const *feature = room_features; *feature; feature++, word++) {
		if ((*feature)->load)
			(*feature)->load(room, &rest);
		if ((*feature)->loaded)
			(*feature)->loaded(room, *word);
	}
	if (rest.len)
		room->others = strbuf_take(&rest);
	strbuf_fini(&rest);
}

bool room_load_apply(struct room_load *load, struct room *room)
{
	struct room_saved saved;
	struct err err = {0};
	struct room_config defaults;
	room_config_init(&defaults, room->instance);
	int rc = room_saved_read(load->opts, &defaults, &load->arena, &saved, &err);
	if (rc == 0) {
		room_config_copy(&room->config, &saved.config);
		room->stored = true;
		apply_affiliations(room, &saved);
		room_word_set(&room->subject.text, saved.subject);
		room_word_set(&room->subject.author, saved.subject_author);
		apply_others(load, room, saved.others);
		for (const struct load_client *client = load->clients; client; client = client->next)
			apply_client(room, client);
		for (const struct load_message *message = load->messages; message && room->config.mam;
		     message = message->next)
			apply_message(room, message);
	} else {
		LOG_ERROR("muc.room_damaged", LOG_STR("room", jid_full(&room->jid)), LOG_CSTR("reason", err.text));
	}
	room_config_fini(&saved.config);
	room_config_fini(&defaults);
	return rc == 0;
}
