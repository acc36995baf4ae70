/* SPDX-License-Identifier: Apache-2.0 */
/* The archives of rooms, for the rooms themselves. See room_archive.h. */
#pragma once

#include "stanzad/store.h"

/*
 * On a storage thread: what is said to one who enters after the room was not in memory, the last messages with a body,
 * at most that many, oldest first. host: the one that the service is of; room_bare: prepared. xml is the message as it
 * was sent to all, of the namespace jabber:client: from the occupant's JID, without 'to' and without anybody's real
 * JID, with the <stanza-id/> that it had; id is also when it was sent, in microseconds since 1970. xml lives in arena.
 * What was retracted is not among them. < 0 with err.
 */
int mam_room_history(struct db *db, struct str host, struct str room_bare, unsigned most, struct arena *arena,
    void (*each)(void *arg, int64_t id, struct str xml), void *arg, struct err *err);
/* On a storage thread: 1 when the room's archive has a message of that id, 0 when it has none. */
int mam_room_has(struct db *db, struct str host, struct str room_bare, int64_t id, struct err *err);
