/* SPDX-License-Identifier: Apache-2.0 */
/* 7.8.2: an invitation to an address that there is not comes back, and the inviter is told. */
#include <stdlib.h>

#include "modules/mod_muc/feature.h"
#include "modules/mod_muc/invite.h"
#include "stanzad/mem.h"

#define INVITED_KEPT 128
#define NS_STANZAS "urn:ietf:params:xml:ns:xmpp-stanzas"

/* Hashes of the latest ones who were invited, so that nobody else makes the room tell of failures. 0: none.
 */
struct invited {
	uint64_t hashes[INVITED_KEPT];
	unsigned next;
};

void room_note_invited(struct room *room, const struct jid *jid)
{
	struct invited *invited = room_slot(room, ROOM_FEATURE_invites);
	if (!invited) {
		invited = mem_zalloc(sizeof(*invited));
		room_set_slot(room, ROOM_FEATURE_invites, invited);
	}
	invited->hashes[invited->next++ % INVITED_KEPT] = map_hash(jid_bare(jid));
}

/* Once for each invitation. */
static bool take_invited(const struct room *room, const struct jid *jid)
{
	struct invited *invited = room_slot(room, ROOM_FEATURE_invites);
	uint64_t hash = map_hash(jid_bare(jid));
	for (unsigned i = 0; invited && i < INVITED_KEPT; i++)
		if (invited->hashes[i] == hash) {
			invited->hashes[i] = 0;
			return true;
		}
	return false;
}

static void on_unload(struct room *room)
{
	free(room_slot(room, ROOM_FEATURE_invites));
	room_set_slot(room, ROOM_FEATURE_invites, NULL);
}

/* RFC 6121 8.5.1: a server says of nobody and of somebody who takes nothing that the service is not there. */
static bool means_nobody(const struct stanza *stanza)
{
	static const char *const words[] = {"gone", "item-not-found", "jid-malformed",
	    "remote-server-not-found", "remote-server-timeout", "service-unavailable", NULL};
	const struct xml *error = xml_child(stanza->root, "error", NULL);
	for (const char *const *word = words; error && *word; word++)
		if (xml_child(error, *word, NS_STANZAS))
			return true;
	return false;
}

static struct stanza *make_error(const struct room *room, const struct jid *invited, struct str id)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "message", NULL);
	xml_put_attr(&writer, "id", id);
	xml_put_attr(&writer, "type", STR("error"));
	xml_open(&writer, "x", NS_MUC_USER);
	xml_open(&writer, "invite", NULL);
	xml_put_attr(&writer, "to", jid_bare(invited));
	xml_close(&writer);
	xml_close(&writer);
	xml_open(&writer, "error", NULL);
	xml_put_attr(&writer, "by", jid_full(&room->jid));
	xml_put_attr(&writer, "type", STR("cancel"));
	xml_put_element(&writer, "item-not-found", NS_STANZAS, STR_NULL);
	xml_close(&writer);
	xml_close(&writer);
	struct stanza *made = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return made;
}

/* The client that invited, as long as it is here: the error holds what was sent (RFC 6120 8.3.1). */
static const struct room_client *find_inviter(const struct room *room, const struct stanza *stanza)
{
	const struct xml *x = xml_child(stanza->root, "x", NS_MUC_USER);
	const struct xml *invite = x ? xml_child(x, "invite", NULL) : NULL;
	struct arena arena = {0};
	struct jid jid;
	const struct room_client *client = NULL;
	if (invite && jid_parse(xml_attr_s(invite, "from"), &arena, &jid, NULL) == 0 && jid.resource_len)
		client = room_client(room, &jid);
	arena_fini(&arena);
	return client;
}

void room_invitation_failed(struct room *room, const struct jid *from, const struct stanza *stanza)
{
	const struct room_client *inviter = find_inviter(room, stanza);
	if (!inviter || !means_nobody(stanza) || !take_invited(room, from))
		return;
	struct stanza *error = make_error(room, from, stanza->id);
	if (error)
		route(&room->jid, &inviter->jid, error);
	stanza_unref(&error);
}

const struct room_feature room_feature_invites = {.name = "invites", .unload = on_unload};
