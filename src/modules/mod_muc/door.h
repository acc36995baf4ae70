/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rooms where strangers pass a CAPTCHA before they get in: options captcha_protected and captcha_whitelist,
 * XEP-0045 7.2, XEP-0158. On the room's home worker.
 */
#pragma once

#include "modules/mod_muc/room.h"

/* How many may be at the door of one room; those who have passed and did not get in yet are among them. */
#define DOOR_MOST 200

/*
 * Somebody is about to be let in by that presence, and nothing else is against it. False: they are challenged
 * first, or were refused. Whoever passes has room_enter called for them once more with the presence; whoever
 * fails gets not-authorized.
 */
bool room_door_opens(struct room *room, const struct jid *from, const struct jid *to, struct stanza *presence,
    enum room_affiliation affiliation);
/* The client does not want to come in any more. */
void room_door_leave(struct room *room, const struct jid *from);
