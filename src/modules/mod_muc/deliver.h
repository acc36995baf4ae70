/* SPDX-License-Identifier: Apache-2.0 */
/* A stanza that reached its room. made: the room was made for it. */
#pragma once

#include "modules/mod_muc/room.h"

void room_deliver(
    struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza, bool made);
