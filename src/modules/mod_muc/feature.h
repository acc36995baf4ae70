/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Features of rooms that are more than XEP-0045: each is a folder-mate with one struct, listed in room_features.def.
 * Everything is on the room's home worker, and every function may be NULL.
 */
#pragma once

#include "modules/mod_muc/room.h"

struct room_iq {
	const char *ns; /* of the payload; NULL ends the list */
	const char *name; /* of the payload; NULL: any */
	enum iq_verdict (*handler)(struct room *room, struct iq *iq);
	bool announce; /* ns is a feature of the room */
};

struct room_feature {
	const char *name;
	const struct room_iq *iqs; /* IQs to the room's bare JID */
	const char *const *features; /* further disco#info features of rooms, NULL-terminated */
	/* What was just sent to all, as they see it. */
	void (*said)(struct room *room, const struct jid *as, struct stanza *sent);
	/* Elements for the presence of an occupant that others see, serialised under jabber:client. */
	void (*presence)(const struct room *room, const struct occupant *occupant, struct strbuf *tail);
	/* A client was let in, by that presence: before anything is sent to it. */
	void (*welcome)(struct room *room, struct room_client *client, const struct stanza *presence);
	/* Elements for <x/> in its own presence that tells it so, serialised. */
	void (*own_presence)(const struct room *room, const struct room_client *client, const struct stanza *presence,
	    struct strbuf *extra);
	void (*entered)(struct room *room, struct room_client *client);
	void (*affiliation)(struct room *room, const struct jid *jid, enum room_affiliation now);
	void (*configured)(struct room *room, const struct room_config *before);
	/* disco#info of the room, inside <query/>; and fields in its form muc#roominfo. */
	void (*disco)(struct room *room, struct xml_writer *reply);
	void (*info)(struct room *room, struct xml_writer *form);
	/* Storage: what of struct room_saved.others is this feature's is read from there on a load, taken out of the
	 * list with term.h; written behind the others on a save. */
	void (*load)(struct room *room, struct strbuf *others);
	void (*save)(const struct room *room, struct strbuf *others);
	/* On a storage thread while the room is loaded or removed: tables of its own. word: handed on to loaded. */
	int (*load_db)(struct muc *muc, struct db *db, const struct jid *room, struct arena *arena, void **word,
	    struct err *err);
	void (*loaded)(struct room *room, void *word);
	int (*remove_db)(struct muc *muc, struct db *db, const struct jid *room, struct err *err);
	/* The room leaves memory: frees its slot. */
	void (*unload)(struct room *room);
	/* Whether it keeps an empty room from being put to sleep or ended. */
	bool (*busy)(const struct room *room);
};

enum room_feature_row {
#define ROOM_FEATURE(name) ROOM_FEATURE_##name,
#include "modules/mod_muc/room_features.def"
#undef ROOM_FEATURE
	ROOM_FEATURE_COUNT
};
/* In the order of room_features.def, NULL-terminated. */
extern const struct room_feature *const room_features[];

void *room_slot(const struct room *room, enum room_feature_row row);
void room_set_slot(struct room *room, enum room_feature_row row, void *state);
