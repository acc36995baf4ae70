/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/room.h"

#include <stdlib.h>

#include "stanzad/mem.h"

const struct room_affiliate *room_affiliate(const struct room *room, struct str jid)
{
	return map_get(&room->affiliates, jid);
}

static void affiliate_free(struct room_affiliate *affiliate)
{
	free((char *)affiliate->jid.text);
	free(affiliate->reason.ptr);
	free(affiliate);
}

static void forget(struct room *room, struct str jid)
{
	struct room_affiliate *affiliate = map_remove(&room->affiliates, jid);
	if (affiliate)
		affiliate_free(affiliate);
}

void room_affiliate_put(
    struct room *room, const struct jid *jid, enum room_affiliation affiliation, struct str reason)
{
	struct jid bare = jid_to_bare(jid);
	struct room_affiliate *affiliate = map_get(&room->affiliates, jid_full(&bare));
	if (affiliation == ROOM_NONE) {
		forget(room, jid_full(&bare));
		return;
	}
	if (!affiliate) {
		affiliate = mem_zalloc(sizeof(*affiliate));
		affiliate->jid = jid_dup_heap(&bare);
		map_put(&room->affiliates, jid_full(&affiliate->jid), affiliate);
	}
	affiliate->affiliation = affiliation;
	room_word_set(&affiliate->reason, reason);
}

void room_affiliates_fini(struct room *room)
{
	uint32_t position = 0;
	struct room_affiliate *affiliate;
	while ((affiliate = map_next(&room->affiliates, &position, NULL)))
		affiliate_free(affiliate);
	map_fini(&room->affiliates);
}

unsigned room_affiliates_count(const struct room *room, enum room_affiliation affiliation)
{
	uint32_t position = 0;
	unsigned count = 0;
	const struct room_affiliate *affiliate;
	while ((affiliate = map_next(&room->affiliates, &position, NULL)))
		count += affiliate->affiliation == affiliation;
	return count;
}

/* 9.2: the bare JID, and then the domain. */
enum room_affiliation room_affiliation_of(const struct room *room, const struct jid *jid)
{
	const struct room_affiliate *affiliate = room_affiliate(room, jid_bare(jid));
	if (!affiliate && jid->local_len)
		affiliate = room_affiliate(room, jid_domain(jid));
	return affiliate ? affiliate->affiliation : ROOM_NONE;
}

enum room_affiliation room_privilege(const struct room *room, const struct jid *jid)
{
	return muc_allows(room->instance, "access_admin", jid) ? ROOM_OWNER : room_affiliation_of(room, jid);
}

struct room_standing room_standing_of(const struct room *room, const struct jid *jid)
{
	const struct occupant *occupant = jid->resource_len ? room_occupant_of(room, jid) : NULL;
	return (struct room_standing){occupant ? occupant->role : ROOM_NO_ROLE, room_privilege(room, jid)};
}
