/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stanza that reached its room. made: the room was made for it.
 *
 * What is sent to an occupant can come back at once, as an error or because a session ends, while the room walks
 * through its occupants. It waits then, and so does what comes behind it, until the loop has turned (walk.c).
 */
#pragma once

#include "modules/mod_muc/room.h"

/* At once. */
void room_deliver_now(
    struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza, bool made);
/* Whether what arrives has to wait, and how it does. */
bool room_has_to_wait(const struct room *room);
void room_pend(struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza);

void room_deliver(
    struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza, bool made);
