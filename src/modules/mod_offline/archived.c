/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_mam/mam.h"
#include "modules/mod_offline/offline.h"
#include "stanzad/datetime.h"
#include "stanzad/mem.h"

#define BATCH_BYTES (128u * 1024)

/* --- keeping ---------------------------------------------------------------------------------- */

bool offline_archived_has(struct user *user, const struct stanza *stanza)
{
	struct offline *offline = offline_of(user);
	struct mam_user *mam = mam_user_of(user);
	/* While messages are handed over nobody knows how long the marker will be there. What comes back from a lost
	 * connection may be older than it. */
	if (!offline->marked || offline->pumps || !mam || offline_count(offline) == OFFLINE_UNKNOWN ||
	    mam_stanza_id_kept(stanza, jid_bare(user_jid(user))) <= offline->marked)
		return false;
	mam_archive_owes(mam, stanza);
	offline->count++;
	return true;
}

void offline_archived_mark(struct user *user, const struct stanza *stanza)
{
	struct offline *offline = offline_of(user);
	if (mam_user_of(user) && !offline->marked && !offline->pumps)
		offline->marked = mam_stanza_id_kept(stanza, jid_bare(user_jid(user)));
}

/* --- handing over ----------------------------------------------------------------------------- */

void offline_archived_start(struct offline_archived *archived, struct user *user)
{
	struct module_instance *instance = host_module(user_host(user), "mod_offline");
	const struct mam_user *mam = mam_user_of(user);
	if (!mam || !instance || !module_option(instance, "use_mam_for_storage")->boolean)
		return;
	archived->used = true;
	archived->upto = mam->last_id;
}

void offline_archived_fini(struct offline_archived *archived)
{
	free(archived->rows);
	archived->rows = NULL;
}

bool offline_archived_keeps(
    struct offline_archived *archived, const struct jid *user, int64_t seq, const struct stanza *stanza)
{
	int64_t id = archived->used ? mam_stanza_id_kept(stanza, jid_bare(user)) : 0;
	if (!id)
		return false;
	if (!archived->marker) {
		archived->marker = seq;
		archived->after = id;
		return true;
	}
	archived->rows = mem_realloc_array(archived->rows, archived->row_count + 1, sizeof(*archived->rows));
	archived->rows[archived->row_count++] = id;
	return false;
}

static bool has_row(const struct offline_archived *archived, int64_t id)
{
	for (size_t i = 0; i < archived->row_count; i++)
		if (archived->rows[i] == id)
			return true;
	return false;
}

void offline_archived_stamp(struct offline_message *message, const struct jid *user, int64_t id)
{
	char stanza_id[MAM_STANZA_ID_MAX];
	size_t len = mam_stanza_id_write(stanza_id, jid_bare(user), id);
	struct stanza *plain = message->stanza;
	message->stanza = stanza_with_tail(plain, (struct str){stanza_id, len});
	stanza_unref(&plain);
}

/* --- on a storage thread ---------------------------------------------------------------------- */

/* The marker is the first message that is left, as it would have been kept. */
static int move_marker(const struct offline_archived *archived, const struct jid *user,
    const struct offline_row *row, struct db *db, struct err *err)
{
	struct offline_message message;
	struct strbuf xml = {0};
	int64_t rows = -1;
	if (offline_message_read(row, &message, err) == 0) {
		offline_archived_stamp(&message, user, row->seq);
		stanza_write(&xml, message.stanza, &message.from, &message.to);
		rows = DB_EXEC(db, err, "UPDATE spool SET xml = ? WHERE {host=} username = ? AND seq = ?",
		    DB_P_TEXT(strbuf_view(&xml)), DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)),
		    DB_P_INT(archived->marker));
	}
	strbuf_fini(&xml);
	offline_message_fini(&message);
	return rows < 0 ? -1 : 0;
}

static int delete_marker(
    const struct offline_archived *archived, const struct jid *user, struct db *db, struct err *err)
{
	return DB_EXEC(db, err, "DELETE FROM spool WHERE {host=} username = ? AND seq = ?",
		   DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)), DB_P_INT(archived->marker)) < 0
		   ? -1
		   : 0;
}

struct reading {
	const struct offline_archived *archived;
	const struct jid *user;
	struct arena *arena;
	struct offline_row *rows;
	size_t count, room, bytes;
};

/* It came in, and has no row of its own. */
static bool was_missed(const struct reading *reading, const struct offline_row *row)
{
	struct offline_message message = {0};
	struct err err;
	bool missed = !has_row(reading->archived, row->seq) && offline_message_read(row, &message, &err) == 0;
	if (missed)
		missed = !jid_bare_eq(&message.from, reading->user) &&
			 message.stanza->type != MESSAGE_HEADLINE;
	offline_message_fini(&message);
	return missed;
}

static bool add_row(void *arg, int64_t id, struct str xml)
{
	struct reading *reading = arg;
	char created[DATETIME_MAX];
	datetime_format(created, id, 6);
	struct offline_row row = {id, xml, {created, strlen(created) - 1}};
	if (!was_missed(reading, &row))
		return true;
	row.xml = arena_str(reading->arena, xml);
	row.created = arena_str(reading->arena, row.created);
	reading->rows[reading->count++] = row;
	reading->bytes += xml.len;
	return reading->count < reading->room && reading->bytes < BATCH_BYTES;
}

int offline_archived_read(struct offline_archived *archived, const struct jid *user, struct db *db,
    struct arena *arena, struct offline_row *rows, size_t room, struct err *err)
{
	struct reading reading = {archived, user, arena, rows, 0, room, 0};
	struct mam_range range = {jid_domain(user), jid_local(user), archived->after, archived->upto};
	if (mam_read_range(db, &range, add_row, &reading, err) < 0)
		return -1;
	int rc = reading.count ? move_marker(archived, user, &rows[0], db, err)
			       : delete_marker(archived, user, db, err);
	return rc < 0 ? -1 : (int)reading.count;
}
