/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_privacy/save.h"

#include <stdlib.h>

#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

/* --- filling -------------------------------------------------------------------------------------------- */

static void keep_active(const struct privacy_lists *lists, struct session *session, struct str name)
{
	struct privacy_list *list = privacy_list_find(lists, name);
	if (list)
		privacy_session_of(session)->active = privacy_list_ref(list);
}

static void put_rows(struct privacy_lists *lists, const struct privacy_rows *rows)
{
	if (!rows)
		return;
	lists->lists = mem_alloc(rows->count * sizeof(lists->lists[0]));
	for (uint32_t i = 0; i < rows->count; i++) {
		const struct privacy_row_list *row = &rows->lists[i];
		struct privacy_list *list = privacy_list_new(row->name, row->items, row->count);
		lists->lists[lists->count++] = list;
		if (row->standard)
			lists->standard = list;
	}
}

void privacy_lists_fill(struct user *user, const struct privacy_rows *rows)
{
	struct privacy_lists *lists = privacy_lists_make(user);
	struct strbuf names = {0};
	size_t at = 0;
	for (struct session *session = user_first_session(user); session; session = session_next(session)) {
		const struct privacy_session *own = privacy_session_of(session);
		struct str name = own && own->active ? own->active->name : STR("");
		strbuf_add(&names, &name.len, sizeof(name.len));
		strbuf_str(&names, name);
	}
	privacy_lists_clear(user);
	put_rows(lists, rows);
	for (struct session *session = user_first_session(user); session; session = session_next(session)) {
		struct str name;
		memcpy(&name.len, names.ptr + at, sizeof(name.len));
		name.ptr = names.ptr + at + sizeof(name.len);
		at += sizeof(name.len) + name.len;
		if (name.len)
			keep_active(lists, session, name);
	}
	strbuf_fini(&names);
}

/* --- after a write that failed -------------------------------------------------------------------------- */

/* One for a user at a time. */
struct privacy_reread {
	struct store_op op;
	struct jid user; /* heap */
	struct arena arena;
	struct privacy_rows *rows;
	uint32_t changes; /* of the lists when this reading began */
};

static int reread_run(struct store_op *op, struct db *db, struct err *err)
{
	struct privacy_reread *reread = list_entry(op, struct privacy_reread, op);
	return privacy_rows_read(
	    db, jid_domain(&reread->user), jid_local(&reread->user), &reread->arena, &reread->rows, err);
}

static void reread_submit(struct privacy_reread *reread, const struct privacy_lists *lists)
{
	arena_fini(&reread->arena);
	reread->arena = (struct arena){0};
	reread->rows = NULL;
	reread->changes = lists->changes;
	store_submit(&reread->op);
}

/* What has changed meanwhile may or may not be in what was read: once more. */
static void reread_done(struct store_op *op, int result, const struct err *err)
{
	struct privacy_reread *reread = list_entry(op, struct privacy_reread, op);
	struct user *user = user_find(jid_bare(&reread->user));
	struct privacy_lists *lists = user ? privacy_lists_of(user) : NULL;
	bool current = lists && lists->reread == reread;
	if (current && result >= 0 && lists->changes != reread->changes) {
		reread_submit(reread, lists);
		return;
	}
	if (current)
		lists->reread = NULL;
	if (result < 0)
		LOG_ERROR("privacy.read_failed", LOG_STR("user", jid_bare(&reread->user)),
		    LOG_CSTR("reason", err->text));
	else if (current)
		privacy_lists_fill(user, reread->rows);
	arena_fini(&reread->arena);
	free((char *)reread->user.text);
	free(reread);
}

static void undo(struct user *user)
{
	struct privacy_lists *lists = user ? privacy_lists_of(user) : NULL;
	if (!lists || lists->memory_only || lists->reread)
		return;
	struct privacy_reread *reread = mem_zalloc(sizeof(*reread));
	reread->user = jid_dup_heap(user_jid(user));
	reread->op = (struct store_op){
	    .kind = STORE_READ,
	    .key = jid_bare(&reread->user),
	    .run = reread_run,
	    .done = reread_done,
	};
	lists->reread = reread;
	reread_submit(reread, lists);
}

/* --- writing -------------------------------------------------------------------------------------------- */

struct write {
	struct store_op op;
	struct jid user; /* heap */
	struct privacy_list *before, *after;
	bool standard;     /* the default list is to be written */
	char *standard_is; /* heap; empty: none */
	privacy_saved *saved;
	void *arg;
};

static int write_run(struct store_op *op, struct db *db, struct err *err)
{
	const struct write *write = list_entry(op, struct write, op);
	if (write->before != write->after &&
	    privacy_list_write(db, &write->user, write->before, write->after, err) < 0)
		return -1;
	if (write->standard && privacy_standard_write(db, &write->user, str_of(write->standard_is), err) < 0)
		return -1;
	return 0;
}

static void write_done(struct store_op *op, int result, const struct err *err)
{
	struct write *write = list_entry(op, struct write, op);
	struct user *user = user_find(jid_bare(&write->user));
	if (result < 0) {
		LOG_ERROR("privacy.write_failed", LOG_STR("user", jid_bare(&write->user)),
		    LOG_CSTR("reason", err->text));
		undo(user);
	}
	if (write->saved)
		write->saved(write->arg, user, result < 0 ? -1 : 0);
	privacy_list_unref(&write->before);
	privacy_list_unref(&write->after);
	free(write->standard_is);
	free((char *)write->user.text);
	free(write);
}

/* The default list is named in a table of its own: it is written when it becomes another one or none. */
void privacy_save(struct user *user, const struct privacy_edit *edit, privacy_saved *saved, void *arg)
{
	const struct privacy_lists *lists = privacy_lists_of(user);
	if (lists->memory_only) {
		if (saved)
			saved(arg, user, 0);
		return;
	}
	struct write *write = mem_zalloc(sizeof(*write));
	write->user = jid_dup_heap(user_jid(user));
	write->before = edit->before ? privacy_list_ref(edit->before) : NULL;
	write->after = edit->after ? privacy_list_ref(edit->after) : NULL;
	write->standard = edit->standard != STANDARD_STAYS || !lists->standard;
	write->standard_is = str_dup(lists->standard ? lists->standard->name : STR(""));
	write->saved = saved;
	write->arg = arg;
	write->op = (struct store_op){
	    .kind = STORE_WRITE,
	    .key = jid_bare(&write->user),
	    .run = write_run,
	    .done = write_done,
	};
	store_submit(&write->op);
}
