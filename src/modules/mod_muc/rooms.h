/* SPDX-License-Identifier: Apache-2.0 */
/* Which rooms are in memory on a worker, and their way there: what arrives for one that is not waits (DESIGN 4). */
#pragma once

#include "modules/mod_muc/room.h"

/* The room leaves memory: it is not found any more. What arrives from now on loads it anew. */
void rooms_forget(struct room *room);

/* --- load.c: a room and what belongs to it, from storage --- */
struct room_load {
	struct store_op op;
	struct muc *muc; /* until .run has returned */
	struct jid jid;  /* on the heap */
	struct str host;
	bool has_mam;
	unsigned history_size;
	struct arena arena;
	struct str opts; /* ptr NULL: there is no such room */
	struct load_client *clients, **clients_end;
	struct load_message *messages, **messages_end;
	void **words; /* of features, by row; in the arena */
	void (*done)(struct room_load *load, int result, const struct err *err);
};
/* done is called on the same worker, later; what it gets is freed behind it. */
void room_load_begin(struct muc *muc, const struct jid *jid,
    void (*done)(struct room_load *load, int result, const struct err *err));
/* What was loaded, onto a room that room_new made. False: it is damaged, which is in the log. */
bool room_load_apply(struct room_load *load, struct room *room);

/* --- room.c --- */
struct room *room_new(struct muc *muc, const struct jid *jid);
void room_free(struct room **room);
/* It was put into memory. */
void room_is_there(struct room *room, bool made);

/* --- save.c --- */
void room_save(struct room *room);
/* Removes it, and what features keep of it, from storage. */
void room_delete(struct room *room);
