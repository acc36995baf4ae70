/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/owner_lists.h"

#include <stdlib.h>

#include "stanzad/mem.h"

static bool refuse(struct stanza_error *error_r, enum stanza_condition condition, const char *text)
{
	*error_r = (struct stanza_error){.condition = condition, .text = text};
	return false;
}

static bool names_domain(const struct jid *jids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!jids[i].local_len)
			return true;
	return false;
}

bool owner_lists_check(
    const struct room *room, const struct room_form_people *people, struct stanza_error *error_r)
{
	if (names_domain(people->admins, people->admin_count) ||
	    names_domain(people->owners, people->owner_count))
		return refuse(error_r, SE_not_acceptable, "a whole domain cannot be that");
	if (people->owners_given && !people->owner_count)
		return refuse(error_r, SE_conflict, "a room has at least one owner");
	if (room->affiliates.count + people->admin_count + people->owner_count > ROOM_AFFILIATES_MAX)
		return refuse(error_r, SE_resource_constraint, "the room has too many affiliations");
	return true;
}

/* --- making it so --------------------------------------------------------------------------------------- */

/* Whoever was that and is not on the list: an owner stays an admin, an admin stays in the room (10.7). */
static enum room_affiliation what_is_left(const struct room *room, enum room_affiliation before)
{
	if (before == ROOM_OWNER)
		return ROOM_ADMIN;
	return room->config.members_only ? ROOM_MEMBER : ROOM_NONE;
}

static void index_list(struct map *map, struct jid *jids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		map_put(map, jid_full(&jids[i]), &jids[i]);
}

/* Those with that affiliation who are not on the list: copies, as what follows removes them. */
static size_t collect_others(const struct room *room, enum room_affiliation affiliation,
    const struct map *listed, struct jid **others_r)
{
	const struct room_affiliate *at;
	uint32_t position = 0;
	size_t count = 0;
	struct jid *others = mem_alloc((room->affiliates.count + 1) * sizeof(*others));
	while ((at = map_next(&room->affiliates, &position, NULL)))
		if (at->affiliation == affiliation && !map_get(listed, jid_full(&at->jid)))
			others[count++] = jid_dup_heap(&at->jid);
	*others_r = others;
	return count;
}

static void lower_others(
    struct room *room, enum room_affiliation affiliation, const struct map *listed, const struct jid *by)
{
	struct jid *others;
	size_t count = collect_others(room, affiliation, listed, &others);
	for (size_t i = 0; i < count; i++) {
		room_set_affiliation(room, &others[i], what_is_left(room, affiliation), by, STR_NULL);
		free((char *)others[i].text);
	}
	free(others);
}

/* Nobody loses by it: whoever is more stays that. */
static void raise_all(struct room *room, const struct jid *jids, size_t count,
    enum room_affiliation affiliation, const struct jid *by)
{
	for (size_t i = 0; i < count; i++) {
		const struct room_affiliate *affiliate = room_affiliate(room, jid_full(&jids[i]));
		if (!affiliate || affiliate->affiliation < affiliation)
			room_set_affiliation(room, &jids[i], affiliation, by, STR_NULL);
	}
}

/* Whoever is on both lists is an owner. */
void owner_lists_apply(struct room *room, const struct room_form_people *people, const struct jid *by)
{
	struct map owners = {0}, admins = {0};
	index_list(&owners, people->owners, people->owner_count);
	index_list(&admins, people->admins, people->admin_count);
	raise_all(room, people->owners, people->owner_count, ROOM_OWNER, by);
	if (people->owners_given)
		lower_others(room, ROOM_OWNER, &owners, by);
	if (people->admins_given)
		lower_others(room, ROOM_ADMIN, &admins, by);
	raise_all(room, people->admins, people->admin_count, ROOM_ADMIN, by);
	map_fini(&owners);
	map_fini(&admins);
}
