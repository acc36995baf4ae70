/* SPDX-License-Identifier: Apache-2.0 */
/* How the options of a room change: XEP-0045 10.2.1. room_configure is in room.h. */
#pragma once

#include "modules/mod_muc/room.h"

/* What this one may set, and what the service bounds. Administrators of the service may set all. */
void room_config_rules_for(const struct room *room, const struct jid *jid, struct room_config_rules *rules_r);
/* The status codes for what is another, 0 ends them: at most ROOM_CONFIG_CODES with it. */
#define ROOM_CONFIG_CODES 4
void room_config_codes(const struct room_config *before, const struct room_config *now, int *codes_r);
