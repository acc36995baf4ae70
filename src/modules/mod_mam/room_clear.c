/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_mam/query.h"
#include "modules/mod_mam/room_archive.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/receipt.h"

#define STEP_ROWS 500

struct clearing {
	struct store_op op;
	struct mam_purge purge;
	bool begun;
	int count; /* of the latest step */
	char text[];
};

static int begin(struct clearing *clearing, struct db *db, struct err *err)
{
	struct mam_ends ends = {0};
	if (mam_ends_find(clearing->purge.host, clearing->purge.username, db, &ends, err) < 0)
		return -1;
	clearing->purge.before = ends.any ? ends.last + 1 : 0;
	clearing->begun = true;
	return 0;
}

static int step(struct store_op *op, struct db *db, struct err *err)
{
	struct clearing *clearing = list_entry(op, struct clearing, op);
	if (!clearing->begun && begin(clearing, db, err) < 0)
		return -1;
	clearing->count =
	    clearing->purge.before ? mam_purge_step(&clearing->purge, STEP_ROWS, db, err) : 0;
	return clearing->count < 0 ? -1 : 0;
}

static void step_done(struct store_op *op, int result, const struct err *err)
{
	struct clearing *clearing = list_entry(op, struct clearing, op);
	if (result < 0)
		LOG_ERROR("mam.not_cleared", LOG_STR("archive", op->key), LOG_CSTR("reason", err->text));
	if (result == 0 && clearing->count == STEP_ROWS)
		store_submit(op);
	else
		free(clearing);
}

/* Nobody's message waits for it. What it deletes is what the first step finds: a room of that name that is made
 * meanwhile writes behind it. */
void mam_room_clear(struct str host, struct str bare)
{
	struct clearing *clearing = mem_alloc(sizeof(*clearing) + host.len + bare.len);
	struct receipt *before;
	*clearing = (struct clearing){.purge = {.host = {clearing->text, host.len},
					  .username = {clearing->text + host.len, bare.len}}};
	memcpy(clearing->text, host.ptr, host.len);
	memcpy(clearing->text + host.len, bare.ptr, bare.len);
	clearing->op.kind = STORE_WRITE;
	clearing->op.key = clearing->purge.username;
	clearing->op.run = step;
	clearing->op.done = step_done;
	receipt_enter(NULL, &before);
	store_submit(&clearing->op);
	receipt_leave(before);
}
