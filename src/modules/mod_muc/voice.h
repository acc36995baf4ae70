/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for voice and what becomes of them: XEP-0045 7.13, 8.6. */
#pragma once

#include "modules/mod_muc/room.h"

/* x: a form of muc#request in a message to the room: a request, or the answer of a moderator. False with
 * error_r. */
bool room_take_voice(
    struct room *room, const struct jid *from, const struct xml *x, struct stanza_error *error_r);
