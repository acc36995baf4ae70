/* SPDX-License-Identifier: Apache-2.0 */
/* Mediated invitations and how they are declined: XEP-0045 7.8.2, 9.5. */
#pragma once

#include "modules/mod_muc/room.h"

#define ROOM_INVITES_MAX 100 /* of one message */

struct room_invitation {
	const struct jid *from; /* who invites */
	const struct jid *to;
	struct str id;     /* of the message; ptr NULL: none */
	struct str reason; /* may be empty */
	bool goes_on;      /* <continue/>: 7.9 */
	struct str thread; /* of <continue/>; ptr NULL: none */
};
/* Sends it, with the password of the room if there is one. Asks nothing. */
void room_invite(struct room *room, const struct room_invitation *invitation);

/* What is in <x xmlns='...muc#user'/> of a message to the room: everything in it or nothing. False with
 * error_r. */
bool room_take_invites(struct room *room, const struct jid *from, const struct stanza *stanza,
    const struct xml *x, struct stanza_error *error_r);
/* invite_failed.c. The room keeps in mind whom it has invited; and a message of its own came back from
 * somebody. */
void room_note_invited(struct room *room, const struct jid *jid);
void room_invitation_failed(struct room *room, const struct jid *from, const struct stanza *stanza);
bool room_take_decline(struct room *room, const struct jid *from, const struct stanza *stanza,
    const struct xml *decline, struct stanza_error *error_r);
