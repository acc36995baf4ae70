/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of XEP-0045 5 cell by cell, written down here once more in the way that the XEP draws them. */
#include "modules/mod_muc/rights.h"
#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char letters[] = {
    [ROOM_MAY] = '+', [ROOM_FORBIDDEN] = 'f', [ROOM_NOT_ALLOWED] = 'n', [ROOM_CONFLICT] = 'c'};

static bool row_is(const char *got, const char *want)
{
	bool same = strcmp(got, want) == 0;
	if (!same)
		printf("#  got %s\n# want %s\n", got, want);
	return same;
}

/* --- affiliations --------------------------------------------------------------------------------------- */

struct affiliation_row {
	enum room_affiliation who, before;
	const char *verdicts; /* for outcast, none, member, admin, owner */
};

static void check_affiliations(const struct affiliation_row *rows, size_t count, enum room_role role)
{
	for (size_t i = 0; i < count; i++) {
		char got[6] = "";
		for (int now = ROOM_OUTCAST; now <= ROOM_OWNER; now++)
			got[now] =
			    letters[room_right_to_affiliation((struct room_standing){role, rows[i].who},
				rows[i].before, (enum room_affiliation)now, false)];
		if (!ok(row_is(got, rows[i].verdicts)))
			printf("# who %d, before %d\n", rows[i].who, rows[i].before);
	}
}

static void test_affiliations(void)
{
	static const struct affiliation_row rows[] = {
	    {ROOM_ADMIN, ROOM_OUTCAST, "+++ff"},
	    {ROOM_ADMIN, ROOM_NONE, "+++ff"},
	    {ROOM_ADMIN, ROOM_MEMBER, "+++ff"},
	    {ROOM_ADMIN, ROOM_ADMIN, "nnnff"},
	    {ROOM_ADMIN, ROOM_OWNER, "nnnff"},
	    {ROOM_OWNER, ROOM_OUTCAST, "+++++"},
	    {ROOM_OWNER, ROOM_NONE, "+++++"},
	    {ROOM_OWNER, ROOM_MEMBER, "+++++"},
	    {ROOM_OWNER, ROOM_ADMIN, "+++++"},
	    {ROOM_OWNER, ROOM_OWNER, "+++++"},
	};
	check_affiliations(rows, COUNT(rows), ROOM_NO_ROLE);
	check_affiliations(rows, COUNT(rows), ROOM_MODERATOR);
}

static void test_affiliations_of_others(void)
{
	for (int who = ROOM_OUTCAST; who <= ROOM_MEMBER; who++)
		for (int before = ROOM_OUTCAST; before <= ROOM_OWNER; before++) {
			struct affiliation_row row = {
			    (enum room_affiliation)who, (enum room_affiliation)before, "fffff"};
			check_affiliations(&row, 1, ROOM_MODERATOR);
		}
}

static void test_affiliation_of_oneself(void)
{
	struct room_standing admin = {ROOM_MODERATOR, ROOM_ADMIN}, owner = {ROOM_NO_ROLE, ROOM_OWNER};
	struct room_standing member = {ROOM_MODERATOR, ROOM_MEMBER};
	is_int(room_right_to_affiliation(admin, ROOM_ADMIN, ROOM_OUTCAST, true), ROOM_CONFLICT);
	is_int(room_right_to_affiliation(owner, ROOM_OWNER, ROOM_OUTCAST, true), ROOM_CONFLICT);
	is_int(room_right_to_affiliation(member, ROOM_MEMBER, ROOM_OUTCAST, true), ROOM_FORBIDDEN);
	is_int(room_right_to_affiliation(owner, ROOM_OWNER, ROOM_NONE, true), ROOM_MAY);
	is_int(room_right_to_affiliation(admin, ROOM_ADMIN, ROOM_OWNER, true), ROOM_FORBIDDEN);
}

/* --- roles ---------------------------------------------------------------------------------------------- */

struct role_row {
	struct room_standing who, whom;
	const char *verdicts; /* for none, visitor, participant, moderator */
};

static void check_roles(const struct role_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char got[5] = "";
		for (int now = ROOM_NO_ROLE; now <= ROOM_MODERATOR; now++)
			got[now] = letters[room_right_to_role(
			    rows[i].who, rows[i].whom, (enum room_role)now, false)];
		if (!ok(row_is(got, rows[i].verdicts)))
			printf("# row %zu\n", i);
	}
}

static void test_roles_by_moderators(void)
{
	static const struct role_row rows[] = {
	    {{ROOM_MODERATOR, ROOM_NONE}, {ROOM_VISITOR, ROOM_NONE}, "+++f"},
	    {{ROOM_MODERATOR, ROOM_NONE}, {ROOM_PARTICIPANT, ROOM_NONE}, "+++f"},
	    {{ROOM_MODERATOR, ROOM_NONE}, {ROOM_MODERATOR, ROOM_NONE}, "nfff"},
	    {{ROOM_MODERATOR, ROOM_NONE}, {ROOM_VISITOR, ROOM_MEMBER}, "n++f"},
	    {{ROOM_MODERATOR, ROOM_NONE}, {ROOM_PARTICIPANT, ROOM_MEMBER}, "nn+f"},
	    {{ROOM_MODERATOR, ROOM_NONE}, {ROOM_MODERATOR, ROOM_ADMIN}, "nnnf"},
	    {{ROOM_MODERATOR, ROOM_NONE}, {ROOM_MODERATOR, ROOM_OWNER}, "nnnf"},
	    {{ROOM_MODERATOR, ROOM_MEMBER}, {ROOM_PARTICIPANT, ROOM_NONE}, "+++f"},
	    {{ROOM_MODERATOR, ROOM_MEMBER}, {ROOM_PARTICIPANT, ROOM_MEMBER}, "+n+f"},
	    {{ROOM_MODERATOR, ROOM_MEMBER}, {ROOM_MODERATOR, ROOM_OWNER}, "nnnf"},
	};
	check_roles(rows, COUNT(rows));
}

static void test_roles_by_admins_and_owners(void)
{
	static const struct role_row rows[] = {
	    {{ROOM_NO_ROLE, ROOM_ADMIN}, {ROOM_VISITOR, ROOM_NONE}, "++++"},
	    {{ROOM_NO_ROLE, ROOM_ADMIN}, {ROOM_PARTICIPANT, ROOM_MEMBER}, "++++"},
	    {{ROOM_MODERATOR, ROOM_ADMIN}, {ROOM_MODERATOR, ROOM_NONE}, "++++"},
	    {{ROOM_MODERATOR, ROOM_ADMIN}, {ROOM_MODERATOR, ROOM_MEMBER}, "++++"},
	    {{ROOM_MODERATOR, ROOM_ADMIN}, {ROOM_MODERATOR, ROOM_ADMIN}, "+nn+"},
	    {{ROOM_MODERATOR, ROOM_ADMIN}, {ROOM_MODERATOR, ROOM_OWNER}, "nnn+"},
	    {{ROOM_MODERATOR, ROOM_OWNER}, {ROOM_MODERATOR, ROOM_ADMIN}, "+nn+"},
	    {{ROOM_MODERATOR, ROOM_OWNER}, {ROOM_MODERATOR, ROOM_OWNER}, "+nn+"},
	    {{ROOM_NO_ROLE, ROOM_OWNER}, {ROOM_PARTICIPANT, ROOM_NONE}, "++++"},
	};
	check_roles(rows, COUNT(rows));
}

static void test_roles_by_others(void)
{
	for (int role = ROOM_NO_ROLE; role <= ROOM_PARTICIPANT; role++)
		for (int affiliation = ROOM_OUTCAST; affiliation <= ROOM_MEMBER; affiliation++) {
			struct role_row row = {{(enum room_role)role, (enum room_affiliation)affiliation},
			    {ROOM_VISITOR, ROOM_NONE}, "ffff"};
			check_roles(&row, 1);
			row.whom = (struct room_standing){ROOM_MODERATOR, ROOM_OWNER};
			check_roles(&row, 1);
		}
}

static void test_kicking_oneself(void)
{
	struct room_standing moderator = {ROOM_MODERATOR, ROOM_NONE}, visitor = {ROOM_VISITOR, ROOM_NONE};
	is_int(room_right_to_role(moderator, moderator, ROOM_NO_ROLE, true), ROOM_MAY);
	is_int(room_right_to_role(visitor, visitor, ROOM_NO_ROLE, true), ROOM_FORBIDDEN);
	is_int(room_right_to_role(visitor, visitor, ROOM_PARTICIPANT, true), ROOM_FORBIDDEN);
}

/* --- lists ---------------------------------------------------------------------------------------------- */

/* For outcast, none, member, admin, owner. */
static void check_lists(struct room_standing who, bool anonymous, bool members_only, const char *want)
{
	char got[6] = "";
	for (int list = ROOM_OUTCAST; list <= ROOM_OWNER; list++)
		got[list] =
		    room_right_to_see_affiliation(who, (enum room_affiliation)list, anonymous, members_only)
			? '+'
			: '-';
	ok(row_is(got, want));
}

static void test_lists_of_affiliations(void)
{
	struct room_standing owner = {ROOM_NO_ROLE, ROOM_OWNER}, admin = {ROOM_MODERATOR, ROOM_ADMIN};
	struct room_standing member = {ROOM_NO_ROLE, ROOM_MEMBER}, moderator = {ROOM_MODERATOR, ROOM_NONE};
	struct room_standing occupant = {ROOM_PARTICIPANT, ROOM_NONE}, nobody = {ROOM_NO_ROLE, ROOM_NONE};

	check_lists(owner, true, false, "+++++");
	check_lists(admin, true, false, "+++--");
	check_lists(admin, false, false, "+++++");
	check_lists(member, true, true, "-----");
	check_lists(member, false, true, "--+++");
	check_lists(member, false, false, "--+++");
	check_lists(moderator, true, false, "-----");
	check_lists(moderator, false, false, "-----");
	check_lists(occupant, false, true, "--+++");
	check_lists(nobody, false, true, "-----");
	check_lists((struct room_standing){ROOM_NO_ROLE, ROOM_OUTCAST}, false, true, "-----");
}

static void test_lists_of_roles(void)
{
	struct room_standing moderator = {ROOM_MODERATOR, ROOM_MEMBER}, admin = {ROOM_NO_ROLE, ROOM_ADMIN};
	struct room_standing participant = {ROOM_PARTICIPANT, ROOM_MEMBER};
	ok(room_right_to_see_role(moderator, ROOM_PARTICIPANT));
	ok(room_right_to_see_role(moderator, ROOM_VISITOR));
	ok(!room_right_to_see_role(moderator, ROOM_MODERATOR));
	ok(room_right_to_see_role(admin, ROOM_MODERATOR));
	ok(!room_right_to_see_role(participant, ROOM_PARTICIPANT));
}

static void test_deeds(void)
{
	/* moderator, admin, owner */
	static const char *const rows[] = {[ROOM_DEED_INVITE] = "+++",
	    [ROOM_DEED_INVITE_MEMBERS] = "-++",
	    [ROOM_DEED_MANAGE_VOICE] = "+++",
	    [ROOM_DEED_MANAGE_MODERATORS] = "-++",
	    [ROOM_DEED_MANAGE_MEMBERS] = "-++",
	    [ROOM_DEED_MANAGE_ADMINS] = "--+",
	    [ROOM_DEED_CONFIGURE] = "--+",
	    [ROOM_DEED_DESTROY] = "--+"};
	static const struct room_standing who[] = {
	    {ROOM_MODERATOR, ROOM_MEMBER}, {ROOM_NO_ROLE, ROOM_ADMIN}, {ROOM_NO_ROLE, ROOM_OWNER}};
	for (size_t deed = 0; deed < COUNT(rows); deed++) {
		char got[4] = "";
		for (size_t i = 0; i < COUNT(who); i++)
			got[i] = room_right((enum room_deed)deed, who[i]) ? '+' : '-';
		ok(row_is(got, rows[deed]));
		ok(!room_right((enum room_deed)deed, (struct room_standing){ROOM_PARTICIPANT, ROOM_MEMBER}));
	}
}

int main(void)
{
	run(test_affiliations);
	run(test_affiliations_of_others);
	run(test_affiliation_of_oneself);
	run(test_roles_by_moderators);
	run(test_roles_by_admins_and_owners);
	run(test_roles_by_others);
	run(test_kicking_oneself);
	run(test_lists_of_affiliations);
	run(test_lists_of_roles);
	run(test_deeds);
	return tap_done();
}
