/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/rights.h"

#define AFFILIATIONS (ROOM_OWNER + 1)
#define ROLES (ROOM_MODERATOR + 1)

/* One of both is enough. */
struct need {
	enum room_role role; /* NOBODY: no role is enough */
	enum room_affiliation affiliation;
};

#define NOBODY (ROOM_MODERATOR + 1)
#define MODERATORS                                                                                           \
	{                                                                                                    \
		ROOM_MODERATOR, ROOM_ADMIN                                                                   \
	}
#define ADMINS                                                                                               \
	{                                                                                                    \
		NOBODY, ROOM_ADMIN                                                                           \
	}
#define OWNERS                                                                                               \
	{                                                                                                    \
		NOBODY, ROOM_OWNER                                                                           \
	}

static const struct need deeds[] = {
    [ROOM_DEED_INVITE] = MODERATORS,
    [ROOM_DEED_INVITE_MEMBERS] = ADMINS,
    [ROOM_DEED_MANAGE_VOICE] = MODERATORS,
    [ROOM_DEED_MANAGE_MODERATORS] = ADMINS,
    [ROOM_DEED_MANAGE_MEMBERS] = ADMINS,
    [ROOM_DEED_MANAGE_ADMINS] = OWNERS,
    [ROOM_DEED_CONFIGURE] = OWNERS,
    [ROOM_DEED_DESTROY] = OWNERS,
};

/* clang-format off */
/* Table 5.1.3: from the row to the column. Nobody gets a role from here who is not in the room. */
static const struct need role_chart[ROLES][ROLES] = {
    /*                     none        visitor     participant moderator */
    [ROOM_VISITOR] =     { MODERATORS, MODERATORS, MODERATORS, ADMINS },
    [ROOM_PARTICIPANT] = { MODERATORS, MODERATORS, MODERATORS, ADMINS },
    [ROOM_MODERATOR] =   { ADMINS,     ADMINS,     ADMINS,     ADMINS },
};

#define A ROOM_ADMIN
#define O ROOM_OWNER
/* Table 5.2.2. */
static const enum room_affiliation affiliation_chart[AFFILIATIONS][AFFILIATIONS] = {
    /*                 outcast none member admin owner */
    [ROOM_OUTCAST] = { A,      A,   A,     O,    O },
    [ROOM_NONE] =    { A,      A,   A,     O,    O },
    [ROOM_MEMBER] =  { A,      A,   A,     O,    O },
    [ROOM_ADMIN] =   { O,      O,   O,     O,    O },
    [ROOM_OWNER] =   { O,      O,   O,     O,    O },
};
/* clang-format on */

static bool meets(struct need need, struct room_standing who)
{
	return who.role >= need.role || who.affiliation >= need.affiliation;
}

bool room_right(enum room_deed deed, struct room_standing who)
{
	return meets(deeds[deed], who);
}

/* 8.4: at or above the level of a moderator who is at one. */
static bool keeps_voice_before(struct room_standing who, struct room_standing whom)
{
	return whom.affiliation > who.affiliation ||
	       (whom.affiliation == who.affiliation && whom.affiliation >= ROOM_MEMBER);
}

/* What 8.2, 8.4 and 9.7 protect, whatever the chart allows. */
static bool is_protected(struct room_standing who, struct room_standing whom, enum room_role now)
{
	if (now >= whom.role)
		return false;
	if (now == ROOM_NO_ROLE)
		return whom.affiliation > who.affiliation;
	return whom.affiliation >= ROOM_ADMIN || (now == ROOM_VISITOR && keeps_voice_before(who, whom));
}

enum room_verdict room_right_to_role(
    struct room_standing who, struct room_standing whom, enum room_role now, bool self)
{
	if (!room_right(ROOM_DEED_MANAGE_VOICE, who))
		return ROOM_FORBIDDEN;
	if (self && now == ROOM_NO_ROLE)
		return ROOM_MAY;
	if (is_protected(who, whom, now))
		return ROOM_NOT_ALLOWED;
	if (meets(role_chart[whom.role][now], who))
		return ROOM_MAY;
	return now == ROOM_NO_ROLE ? ROOM_NOT_ALLOWED : ROOM_FORBIDDEN;
}

enum room_verdict room_right_to_affiliation(
    struct room_standing who, enum room_affiliation before, enum room_affiliation now, bool self)
{
	if (!room_right(ROOM_DEED_MANAGE_MEMBERS, who))
		return ROOM_FORBIDDEN;
	if (self && now == ROOM_OUTCAST)
		return ROOM_CONFLICT;
	if (who.affiliation >= affiliation_chart[before][now])
		return ROOM_MAY;
	return now >= ROOM_ADMIN ? ROOM_FORBIDDEN : ROOM_NOT_ALLOWED;
}

bool room_right_to_see_role(struct room_standing who, enum room_role role)
{
	return room_right(role == ROOM_MODERATOR ? ROOM_DEED_MANAGE_MODERATORS : ROOM_DEED_MANAGE_VOICE, who);
}

bool room_right_to_see_affiliation(
    struct room_standing who, enum room_affiliation affiliation, bool anonymous, bool members_only)
{
	if (room_right(affiliation >= ROOM_ADMIN ? ROOM_DEED_MANAGE_ADMINS : ROOM_DEED_MANAGE_MEMBERS, who))
		return true;
	if (anonymous || affiliation < ROOM_MEMBER)
		return false;
	return who.affiliation >= ROOM_MEMBER || (members_only && who.role > ROOM_NO_ROLE);
}
