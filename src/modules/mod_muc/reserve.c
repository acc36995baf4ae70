/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/reserve.h"

#include <stdlib.h>

#include "stanzad/log.h"
#include "stanzad/mem.h"

struct reserving {
	struct store_op op;
	struct muc *muc;
	struct arena arena;
	struct str where, bare, nick;
};

static int run(struct store_op *op, struct db *db, struct err *err)
{
	struct reserving *reserving = (struct reserving *)op;
	if (muc_nicks_ensure(reserving->muc, db, err) < 0)
		return -1;
	return muc_nicks_write(reserving->muc, db, reserving->where, reserving->bare, reserving->nick, err);
}

static void done(struct store_op *op, int result, const struct err *err)
{
	struct reserving *reserving = (struct reserving *)op;
	if (result < 0)
		LOG_ERROR("muc.nick_not_written", LOG_STR("room", reserving->where),
		    LOG_STR("jid", reserving->bare), LOG_CSTR("reason", err->text));
	/* Somebody else has it since, or it could not be written: nobody is to be kept from it. */
	muc_nicks_note(
	    reserving->muc, reserving->where, reserving->bare, result ? STR_NULL : reserving->nick);
	arena_fini(&reserving->arena);
	module_release(reserving->muc->instance);
	free(reserving);
}

static bool has_reserved(const struct room *room, const struct jid *jid)
{
	struct arena arena = {0};
	bool has = muc_nicks_of(room->muc, jid_full(&room->jid), jid_bare(jid), &arena).ptr != NULL;
	arena_fini(&arena);
	return has;
}

void room_reserve_nick(struct room *room, const struct jid *jid, struct str nick)
{
	if (!nick.len && !has_reserved(room, jid))
		return;
	struct reserving *reserving = mem_zalloc(sizeof(*reserving));
	reserving->muc = room->muc;
	reserving->where = arena_str(&reserving->arena, jid_full(&room->jid));
	reserving->bare = arena_str(&reserving->arena, jid_bare(jid));
	reserving->nick = arena_str(&reserving->arena, nick);
	reserving->op =
	    (struct store_op){.kind = STORE_WRITE, .key = reserving->where, .run = run, .done = done};
	muc_nicks_note(room->muc, reserving->where, reserving->bare, reserving->nick);
	module_hold(room->instance);
	store_submit(&reserving->op);
}
