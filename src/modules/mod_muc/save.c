/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_muc/feature.h"
#include "modules/mod_muc/rooms.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

#define AGAIN_MS 10000

struct saving {
	struct store_op op;
	struct muc *muc;
	uint64_t serial;
	struct jid jid; /* on the heap */
	char *host;
	char *opts; /* NULL: it is removed */
};

/* --- as text -------------------------------------------------------------------------------------------- */

static size_t collect_affiliations(const struct room *room, struct room_saved_affiliation *list)
{
	size_t count = 0;
	uint32_t at = 0;
	const struct room_affiliate *affiliate;
	while ((affiliate = map_next(&room->affiliates, &at, NULL)))
		list[count++] = (struct room_saved_affiliation){
		    jid_full(&affiliate->jid), affiliate->affiliation, room_word(&affiliate->reason)};
	return count;
}

void room_opts_write(const struct room *room, struct strbuf *out)
{
	struct room_saved_affiliation *list =
	    mem_zalloc((room->affiliates.count + 1) * sizeof(struct room_saved_affiliation));
	struct strbuf others = {0};
	if (room->others)
		strbuf_cstr(&others, room->others);
	for (const struct room_feature *const *feature = room_features; *feature; feature++)
		if ((*feature)->save)
			(*feature)->save(room, &others);
	struct room_saved saved = {.config = room->config,
	    .affiliations = list,
	    .affiliation_count = collect_affiliations(room, list),
	    .subject = room_word(&room->subject.text),
	    .subject_author = room_word(&room->subject.author),
	    .others = strbuf_view(&others)};
	room_saved_write(out, &saved);
	strbuf_fini(&others);
	free(list);
}

/* --- on a storage thread -------------------------------------------------------------------------------- */

static int delete_row(const struct saving *saving, struct db *db, struct err *err)
{
	return DB_EXEC(db, err, "DELETE FROM muc_room WHERE {host=} name = ? AND host = ?",
		   DB_P_TEXT(str_of(saving->host)), DB_P_TEXT(jid_local(&saving->jid)),
		   DB_P_TEXT(jid_domain(&saving->jid))) < 0
	           ? -1
	           : 0;
}

static int remove_all(const struct saving *saving, struct db *db, struct err *err)
{
	if (delete_row(saving, db, err) < 0 ||
	    DB_EXEC(db, err, "DELETE FROM mod_muc_client WHERE {host=} room = ?", DB_P_TEXT(str_of(saving->host)),
		DB_P_TEXT(jid_full(&saving->jid))) < 0)
		return -1;
	for (const struct room_feature *const *feature = room_features; *feature; feature++)
		if ((*feature)->remove_db && (*feature)->remove_db(saving->muc, db, &saving->jid, err) < 0)
			return -1;
	return 0;
}

static int save_run(struct store_op *op, struct db *db, struct err *err)
{
	struct saving *saving = list_entry(op, struct saving, op);
	if (!saving->opts)
		return remove_all(saving, db, err);
	int64_t changed = DB_EXEC(db, err, "UPDATE muc_room SET opts = ? WHERE {host=} name = ? AND host = ?",
	    DB_P_TEXT(str_of(saving->opts)), DB_P_TEXT(str_of(saving->host)), DB_P_TEXT(jid_local(&saving->jid)),
	    DB_P_TEXT(jid_domain(&saving->jid)));
	if (changed == 0)
		changed = DB_EXEC(db, err, "INSERT INTO muc_room ({host,} name, host, opts) VALUES ({?,} ?, ?, ?)",
		    DB_P_TEXT(str_of(saving->host)), DB_P_TEXT(jid_local(&saving->jid)),
		    DB_P_TEXT(jid_domain(&saving->jid)), DB_P_TEXT(str_of(saving->opts)));
	return changed < 0 ? -1 : 0;
}

/* --- on the worker -------------------------------------------------------------------------------------- */

static void on_again(struct module_instance *instance, void *arg)
{
	struct room *room = arg;
	(void)instance;
	if (room->unsaved)
		room_save(room);
}

/* What storage did not take is tried until it does. */
static void later(struct room *room)
{
	room->unsaved = true;
	if (!room->again)
		room->again = module_timer_new(room->instance, on_again, room);
	module_timer_start(room->again, AGAIN_MS);
}

static void save_done(struct store_op *op, int result, const struct err *err)
{
	struct saving *saving = list_entry(op, struct saving, op);
	struct room *room = room_find_same(jid_full(&saving->jid), saving->serial);
	if (result < 0)
		LOG_ERROR("muc.save_failed", LOG_STR("room", jid_full(&saving->jid)), LOG_CSTR("reason", err->text));
	if (room) {
		room->saving--;
		if (result < 0)
			later(room);
		room_settle(room);
	}
	free(saving->host);
	free(saving->opts);
	free((char *)saving->jid.text);
	module_release(saving->muc->instance);
	free(saving);
}

static void submit(struct room *room, char *opts)
{
	struct saving *saving = mem_zalloc(sizeof(*saving));
	saving->muc = room->muc;
	saving->serial = room->serial;
	saving->jid = jid_dup_heap(&room->jid);
	saving->host = str_dup(host_name(module_host(room->instance)));
	saving->opts = opts;
	saving->op.kind = STORE_WRITE;
	saving->op.key = jid_full(&saving->jid);
	saving->op.run = save_run;
	saving->op.done = save_done;
	room->saving++;
	module_hold(room->instance);
	store_submit(&saving->op);
}

void room_save(struct room *room)
{
	struct strbuf opts = {0};
	room->unsaved = false;
	if (!room->config.persistent) {
		if (room->stored)
			room_delete(room);
		return;
	}
	if (!room->stored)
		room_clients_write_all(room);
	room->stored = true;
	room_opts_write(room, &opts);
	submit(room, strbuf_take(&opts));
}

void room_delete(struct room *room)
{
	if (room->stored)
		submit(room, NULL);
	room->stored = false;
}
