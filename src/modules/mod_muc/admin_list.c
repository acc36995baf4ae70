/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/admin.h"

#include <stdlib.h>

#include "stanzad/mem.h"

static void put_occupant_attrs(struct xml_writer *writer, const struct occupant *occupant)
{
	xml_put_attr(writer, "nick", jid_resource(&occupant->jid));
	xml_put_attr(writer, "role", str_of(room_role_text(occupant->role)));
}

/* --- by role -------------------------------------------------------------------------------------------- */

static void put_occupant(struct xml_writer *writer, const struct occupant *occupant)
{
	xml_open(writer, "item", NULL);
	xml_put_attr(writer, "affiliation", str_of(room_affiliation_text(occupant->affiliation)));
	xml_put_attr(writer, "jid", jid_full(&occupant->clients->jid));
	put_occupant_attrs(writer, occupant);
	xml_close(writer);
}

static enum iq_verdict list_role(struct room *room, struct iq *iq, const struct xml *item)
{
	enum room_role role;
	if (room_role_read(xml_attr(item, "role"), &role) < 0 || role == ROOM_NO_ROLE)
		return iq_refuse(iq, SE_bad_request, "there is no list of that role");
	if (!room_right_to_see_role(room_standing_of(room, iq->from), role))
		return iq_refuse(iq, SE_forbidden, NULL);
	xml_open(iq->reply, "query", NS_MUC_ADMIN);
	for (const struct occupant *at = room_first_occupant(room); at; at = occupant_next(at))
		if (at->role == role)
			put_occupant(iq->reply, at);
	xml_close(iq->reply);
	return IQ_ANSWER;
}

/* --- by affiliation ------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	const struct room_affiliate *const *first = a, *const *second = b;
	return str_cmp(jid_full(&(*first)->jid), jid_full(&(*second)->jid));
}

/* In the order of their JIDs; the caller frees it. */
static const struct room_affiliate **sorted(
    const struct room *room, enum room_affiliation affiliation, size_t *count_r)
{
	const struct room_affiliate *at, **list;
	uint32_t position = 0;
	size_t count = 0;
	list = mem_alloc((room->affiliates.count + 1) * sizeof(struct room_affiliate *));
	while ((at = map_next(&room->affiliates, &position, NULL)))
		if (at->affiliation == affiliation)
			list[count++] = at;
	qsort(list, count, sizeof(struct room_affiliate *), compare);
	*count_r = count;
	return list;
}

static void put_affiliate(
    struct xml_writer *writer, const struct room_affiliate *affiliate, const struct occupant *occupant)
{
	xml_open(writer, "item", NULL);
	xml_put_attr(writer, "affiliation", str_of(room_affiliation_text(affiliate->affiliation)));
	xml_put_attr(writer, "jid", jid_full(&affiliate->jid));
	if (occupant)
		put_occupant_attrs(writer, occupant);
	if (affiliate->reason.len)
		xml_put_element(writer, "reason", NULL, room_word(&affiliate->reason));
	xml_close(writer);
}

/* Who is in the room, by bare JID: the first one of several. */
static void index_occupants(const struct room *room, struct map *present)
{
	for (struct occupant *at = room_first_occupant(room); at; at = occupant_next(at))
		if (!map_get(present, jid_full(&at->real)))
			map_put(present, jid_full(&at->real), at);
}

static void put_affiliates(struct room *room, struct xml_writer *writer, enum room_affiliation affiliation)
{
	struct map present = {0};
	size_t count;
	const struct room_affiliate **list = sorted(room, affiliation, &count);
	if (affiliation > ROOM_OUTCAST)
		index_occupants(room, &present);
	for (size_t i = 0; i < count; i++)
		put_affiliate(writer, list[i], map_get(&present, jid_full(&list[i]->jid)));
	map_fini(&present);
	free(list);
}

static enum iq_verdict list_affiliation(struct room *room, struct iq *iq, const struct xml *item)
{
	struct room_standing who = room_standing_of(room, iq->from);
	enum room_affiliation affiliation;
	if (room_affiliation_read(xml_attr(item, "affiliation"), &affiliation) < 0)
		return iq_refuse(iq, SE_bad_request, "there is no such affiliation");
	if (!room_right_to_see_affiliation(
		who, affiliation, room->config.anonymous == ROOM_WHOIS_MODERATORS, room->config.members_only))
		return iq_refuse(iq, SE_forbidden, NULL);
	xml_open(iq->reply, "query", NS_MUC_ADMIN);
	put_affiliates(room, iq->reply, affiliation);
	xml_close(iq->reply);
	return IQ_ANSWER;
}

enum iq_verdict admin_list(struct room *room, struct iq *iq)
{
	const struct xml *item = xml_child(iq->payload, "item", NULL);
	bool role = item && xml_attr(item, "role").ptr,
	     affiliation = item && xml_attr(item, "affiliation").ptr;
	if (role == affiliation || xml_next(item, "item", NULL))
		return iq_refuse(iq, SE_bad_request, "it takes one item with a role or an affiliation");
	return role ? list_role(room, iq, item) : list_affiliation(room, iq, item);
}
