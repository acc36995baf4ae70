/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "auth/digest.h"
#include "base/codec.h"
#include "modules/mod_muc/joined.h"
#include "modules/mod_muc/room.h"
#include "stanzad/mem.h"
#include "stanzad/metric.h"

#define KEY_BYTES 32

/* --- words ---------------------------------------------------------------------------------------------- */

static const char *const affiliations[] = {
    [ROOM_OUTCAST] = "outcast",
    [ROOM_NONE] = "none",
    [ROOM_MEMBER] = "member",
    [ROOM_ADMIN] = "admin",
    [ROOM_OWNER] = "owner",
};
static const char *const roles[] = {
    [ROOM_NO_ROLE] = "none",
    [ROOM_VISITOR] = "visitor",
    [ROOM_PARTICIPANT] = "participant",
    [ROOM_MODERATOR] = "moderator",
};

const char *room_affiliation_text(enum room_affiliation affiliation)
{
	return affiliations[affiliation];
}

const char *room_role_text(enum room_role role)
{
	return roles[role];
}

static int find_word(const char *const *words, int count, struct str text)
{
	for (int i = 0; i < count; i++)
		if (str_is(text, words[i]))
			return i;
	return -1;
}

int room_affiliation_read(struct str text, enum room_affiliation *affiliation_r)
{
	int found = find_word(affiliations, ROOM_OWNER + 1, text);
	if (found < 0)
		return -1;
	*affiliation_r = (enum room_affiliation)found;
	return 0;
}

int room_role_read(struct str text, enum room_role *role_r)
{
	int found = find_word(roles, ROOM_MODERATOR + 1, text);
	if (found < 0)
		return -1;
	*role_r = (enum room_role)found;
	return 0;
}

/* --- finding them --------------------------------------------------------------------------------------- */

struct occupant *room_occupant(const struct room *room, struct str nick)
{
	return map_get(&room->by_nick, nick);
}

struct room_client *room_client(const struct room *room, const struct jid *full)
{
	return map_get(&room->by_jid, jid_full(full));
}

struct occupant *room_occupant_of(const struct room *room, const struct jid *full)
{
	struct room_client *client = room_client(room, full);
	return client ? client->occupant : NULL;
}

static struct occupant *occupant_at(const struct room *room, const struct list *node)
{
	return node == &room->occupants ? NULL : list_entry(node, struct occupant, node);
}

struct occupant *room_first_occupant(const struct room *room)
{
	return occupant_at(room, room->occupants.next);
}

struct occupant *occupant_next(const struct occupant *occupant)
{
	return occupant_at(occupant->room, occupant->node.next);
}

unsigned room_occupant_count(const struct room *room)
{
	return room->occupant_count;
}

const struct jid *occupant_jid(const struct occupant *occupant)
{
	return &occupant->jid;
}

const struct jid *occupant_real(const struct occupant *occupant)
{
	return &occupant->real;
}

enum room_role occupant_role(const struct occupant *occupant)
{
	return occupant->role;
}

enum room_affiliation occupant_affiliation(const struct occupant *occupant)
{
	return occupant->affiliation;
}

/* --- what they may -------------------------------------------------------------------------------------- */

enum room_role room_default_role(const struct room *room, enum room_affiliation affiliation)
{
	switch (affiliation) {
	case ROOM_OUTCAST:
		return ROOM_NO_ROLE;
	case ROOM_ADMIN:
	case ROOM_OWNER:
		return ROOM_MODERATOR;
	case ROOM_MEMBER:
		return ROOM_PARTICIPANT;
	case ROOM_NONE:
		break;
	}
	if (room->config.members_only)
		return ROOM_NO_ROLE;
	return room->config.members_by_default ? ROOM_PARTICIPANT : ROOM_VISITOR;
}

bool room_shows_jids_to(const struct room *room, const struct occupant *viewer)
{
	return room->config.anonymous == ROOM_WHOIS_ANYONE || (viewer && viewer->role == ROOM_MODERATOR);
}

/* --- coming and going ----------------------------------------------------------------------------------- */

static struct jid nick_jid(const struct room *room, struct str nick)
{
	struct str bare = jid_full(&room->jid);
	char *text = mem_alloc(bare.len + 1 + nick.len + 1);
	memcpy(text, bare.ptr, bare.len);
	text[bare.len] = '/';
	memcpy(text + bare.len + 1, nick.ptr, nick.len);
	text[bare.len + 1 + nick.len] = '\0';
	return (struct jid){text, room->jid.local_len, room->jid.domain_len, (uint16_t)nick.len};
}

/* XEP-0421 3: the same for the same person in the same room, and telling nothing else. */
void occupant_make_id(struct occupant *occupant)
{
	const struct muc *muc = occupant->room->muc;
	struct str room = jid_full(&occupant->room->jid), real = jid_full(&occupant->real);
	unsigned char mac[DIGEST_SIZE_MAX];
	struct strbuf text = {0};
	struct hmac hmac;
	hmac_init(&hmac, AUTH_SHA256, muc->key, sizeof(muc->key));
	hmac_update(&hmac, room.ptr, room.len);
	hmac_update(&hmac, "", 1);
	hmac_update(&hmac, real.ptr, real.len);
	hmac_final(&hmac, mac);
	base64_encode(&text, mac, KEY_BYTES);
	memcpy(occupant->id, text.ptr, ROOM_OCCUPANT_ID - 1);
	occupant->id[ROOM_OCCUPANT_ID - 1] = '\0';
	strbuf_fini(&text);
}

static struct occupant *occupant_new(struct room *room, const struct jid *full, struct str nick)
{
	struct jid bare = jid_to_bare(full);
	struct occupant *occupant = mem_zalloc(sizeof(*occupant));
	occupant->room = room;
	occupant->jid = nick_jid(room, nick);
	occupant->real = jid_dup_heap(&bare);
	occupant_make_id(occupant);
	map_put(&room->by_nick, jid_resource(&occupant->jid), occupant);
	list_add_before(&room->occupants, &occupant->node);
	room->occupant_count++;
	joined_add(room->muc->joined, jid_full(&occupant->real));
	return occupant;
}

void occupant_forget_told(struct occupant *occupant)
{
	stanza_unref(&occupant->told[0]);
	stanza_unref(&occupant->told[1]);
}

static void occupant_free(struct occupant *occupant)
{
	struct room *room = occupant->room;
	joined_remove(room->muc->joined, jid_full(&occupant->real));
	map_remove(&room->by_nick, jid_resource(&occupant->jid));
	list_remove(&occupant->node);
	room->occupant_count--;
	occupant_forget_told(occupant);
	room_pace_free(&occupant->pace);
	free((char *)occupant->jid.text);
	free((char *)occupant->real.text);
	free(occupant);
}

struct room_client *room_add_client(
    struct room *room, const struct jid *full, struct str nick, enum room_role role, struct stanza *presence)
{
	struct occupant *occupant = room_occupant(room, nick);
	struct room_client *client = mem_zalloc(sizeof(*client)), **end;
	if (!occupant) {
		occupant = occupant_new(room, full, nick);
		occupant->role = role;
		occupant->affiliation = room_privilege(room, full);
	}
	client->occupant = occupant;
	client->jid = jid_dup_heap(full);
	client->presence = stanza_ref(presence);
	map_put(&room->by_jid, jid_full(&client->jid), client);
	list_add_before(&room->clients, &client->in_room);
	for (end = &occupant->clients; *end; end = &(*end)->next)
		;
	*end = client;
	room->client_count++;
	metric_add(room->instance, MUC_METRIC_OCCUPANTS, 1);
	room_client_dirty(room, client);
	room_counted(room);
	return client;
}

static void client_free(struct room *room, struct room_client *client)
{
	struct room_client **at = &client->occupant->clients;
	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	map_remove(&room->by_jid, jid_full(&client->jid));
	list_remove(&client->in_room);
	room->client_count--;
	metric_add(room->instance, MUC_METRIC_OCCUPANTS, -1);
	stanza_unref(&client->presence);
	free((char *)client->jid.text);
	free(client);
}

bool room_remove_client(struct room *room, struct room_client *client)
{
	struct occupant *occupant = client->occupant;
	room_client_gone(room, client);
	client_free(room, client);
	bool last = !occupant->clients;
	if (last)
		occupant_free(occupant);
	else
		occupant_forget_told(occupant);
	room_counted(room);
	return last;
}

void occupant_rename(struct occupant *occupant, struct str nick)
{
	struct room *room = occupant->room;
	map_remove(&room->by_nick, jid_resource(&occupant->jid));
	free((char *)occupant->jid.text);
	occupant->jid = nick_jid(room, nick);
	map_put(&room->by_nick, jid_resource(&occupant->jid), occupant);
	occupant_forget_told(occupant);
	for (struct room_client *client = occupant->clients; client; client = client->next)
		room_client_dirty(room, client);
}

void room_occupants_fini(struct room *room)
{
	while (!list_empty(&room->occupants)) {
		struct occupant *occupant = list_entry(room->occupants.next, struct occupant, node);
		while (occupant->clients)
			client_free(room, occupant->clients);
		occupant_free(occupant);
	}
	map_fini(&room->by_nick);
	map_fini(&room->by_jid);
}
