/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archives of rooms (XEP-0313 6.1.2). A room has one while its option 'mam' is on. Its rows are in the table of
 * the users' archives, as ejabberd writes them: username is the room's bare JID, kind is groupchat, nick the sender's
 * nick, peer the sender's real JID. The message in column xml comes from room@service/nick, has no 'to', and has what
 * the room added to it but for the <stanza-id/> of this archive, whose id is the row's timestamp; in its <x/> of
 * muc#user is what the sender was to the room, without the JID. Who sees the JID is decided when it is read.
 *
 * Queries go the same way as those of users (query.h): room_query.c says who may ask, and is the asker.
 */
#pragma once

#include "modules/mod_mam/mam.h"

#define NS_MUC_USER "http://jabber.org/protocol/muc#user"
#define NS_OCCUPANT_ID "urn:xmpp:occupant-id:0"

struct mam_archived;
struct mam_query;

/* --- room.c: rooms while they are in memory, on their home worker --- */

/* What an archive has in memory: while its room is there, somebody asks, or storage works for it. */
struct mam_room;
/* Never NULL. */
struct mam_room *mam_room_of(struct module_instance *instance, const struct room *room);
/* The id of the next message. */
int64_t mam_room_next_id(struct mam_room *own);
/* Those who ask of it; see room_query.c. */
struct mam_room_askers **mam_room_askers(struct mam_room *own);
/* Nobody asks any more: it may be freed. */
void mam_room_settle(struct mam_room *own);
/* Any thread: an id that is in the archive of a room that is about to be loaded. */
void mam_room_note(struct str bare, int64_t id);
/* Worker 0, for .leave. */
void mam_rooms_leave(struct module_instance *instance);
/* Hooks of the module. */
enum hook_verdict mam_room_on_created(struct module_instance *instance, struct hook_room *event);
enum hook_verdict mam_room_on_loaded(struct module_instance *instance, struct hook_room *event);
enum hook_verdict mam_room_on_configured(struct module_instance *instance, struct hook_room_configured *event);
enum hook_verdict mam_room_on_destroyed(struct module_instance *instance, struct hook_room_destroyed *event);
enum hook_verdict mam_room_on_unload(struct module_instance *instance, struct hook_room *event);

/* --- room_archive.c: what is said --- */
enum hook_verdict mam_room_on_message(struct module_instance *instance, struct hook_room_message *event);

/* --- room_clear.c: an archive goes with its room --- */
/* Deletes all that was written so far, some at a time. */
void mam_room_clear(struct str host, struct str bare);

/* --- room_query.c: who may ask, and what --- */
struct mam_room_askers;
enum hook_verdict mam_room_on_iq(struct module_instance *instance, struct hook_room_iq *event);
enum hook_verdict mam_room_on_disco(struct module_instance *instance, struct hook_room_disco *event);
/* Ends everything that was asked; *askers is NULL afterwards. */
void mam_room_askers_end(struct mam_room_askers **askers, enum stanza_condition condition);

/* --- room_row.c: what a row says. Any thread --- */
/* Appends the message of a row as the asker of the query may see it. False: it is no message; nothing is appended. */
bool mam_room_row_write(const struct mam_archived *row, const struct mam_query *query, struct strbuf *out);
