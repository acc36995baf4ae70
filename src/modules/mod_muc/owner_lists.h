/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of admins and owners that a configuration form may have: XEP-0045 10.2. */
#pragma once

#include "modules/mod_muc/room.h"

/* Whether the room can be like that. False with error_r. */
bool owner_lists_check(
    const struct room *room, const struct room_form_people *people, struct stanza_error *error_r);
/* Makes it so. */
void owner_lists_apply(struct room *room, const struct room_form_people *people, const struct jid *by);
