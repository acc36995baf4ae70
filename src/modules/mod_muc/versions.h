/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Versions of what people are to a room: XEP-0463. They are counted from when somebody asks for them until
 * the room leaves memory; whoever comes with another version gets everything.
 */
#pragma once

#include "modules/mod_muc/room.h"

/* Something was changed, and is about to be told: appends the serialised <mav/> for <x/>, if there are
 * versions. */
void room_versions_next(struct room *room, const struct jid *jid, struct strbuf *out);
