/* SPDX-License-Identifier: Apache-2.0 */
/* Nicks that are reserved in a room for somebody, by those who manage its members: XEP-0045 9.1, 9.3, 9.5. */
#pragma once

#include "modules/mod_muc/room.h"

/* nick: empty to take back what is reserved for that bare JID. It counts at once; when it cannot be written,
 * or somebody else has it in storage, none is reserved. */
void room_reserve_nick(struct room *room, const struct jid *jid, struct str nick);
