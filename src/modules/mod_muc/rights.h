/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what to whom: the tables of XEP-0045 5, and the errors that sections 7.8 and 8 to 10 name for
 * those who may not. Pure; any thread.
 */
#pragma once

#include "stanzad/room.h"

/* What somebody is to a room at present. Administrators of the service (access_admin) count as owners. */
struct room_standing {
	enum room_role role; /* ROOM_NO_ROLE: is not in it */
	enum room_affiliation affiliation;
};

/* Tables 5.1.1 and 5.2.1, but for what only entering and speaking ask. */
enum room_deed {
	ROOM_DEED_INVITE,         /* to a room that is open, when allow_user_invites says nothing */
	ROOM_DEED_INVITE_MEMBERS, /* the same to one that is for members only: it makes members */
	ROOM_DEED_MANAGE_VOICE,   /* 8: kicks, grants and revokes voice, sees who has it */
	ROOM_DEED_MANAGE_MODERATORS,
	ROOM_DEED_MANAGE_MEMBERS, /* 9: bans, members */
	ROOM_DEED_MANAGE_ADMINS,  /* 10.3 - 10.8: admins, owners */
	ROOM_DEED_CONFIGURE,
	ROOM_DEED_DESTROY,
};
bool room_right(enum room_deed deed, struct room_standing who);

enum room_verdict {
	ROOM_MAY,
	ROOM_FORBIDDEN,   /* forbidden: is not the one to ask that at all */
	ROOM_NOT_ALLOWED, /* not-allowed: may ask it, but not of that one */
	ROOM_CONFLICT,    /* conflict: not of themself */
};

/* 5.1.3. self: it is their own role; to kick oneself is allowed (8.2). Whoever has the role already is asked
 * for, too: that takes the same right. */
enum room_verdict room_right_to_role(
    struct room_standing who, struct room_standing whom, enum room_role now, bool self);
/* 5.2.2. before: what the JID is to the room. That a room keeps an owner (10.2) is for the caller to see. */
enum room_verdict room_right_to_affiliation(
    struct room_standing who, enum room_affiliation before, enum room_affiliation now, bool self);

/* 8.5, 9.8: who has that role. */
bool room_right_to_see_role(struct room_standing who, enum room_role role);
/* 9.2, 9.5, 10.5, 10.8: who has that affiliation. anonymous: not all occupants may see real JIDs. */
bool room_right_to_see_affiliation(
    struct room_standing who, enum room_affiliation affiliation, bool anonymous, bool members_only);
