/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rooms of Multi-User Chat (XEP-0045), as modules see them. A room in memory and its occupants belong to the worker
 * that is the home of the room's bare JID: all functions here run there, and what they give lives until the caller
 * returns to its loop, unless said otherwise. module_post with the room's bare JID leads there.
 */
#pragma once

#include "stanzad/stanza.h"

struct module_instance;
struct occupant; /* somebody under one nick, with one or more clients */
struct room;

/* 5.2, in the order of what they may do. */
enum room_affiliation { ROOM_OUTCAST, ROOM_NONE, ROOM_MEMBER, ROOM_ADMIN, ROOM_OWNER };
/* 5.1 */
enum room_role { ROOM_NO_ROLE, ROOM_VISITOR, ROOM_PARTICIPANT, ROOM_MODERATOR };

/* Why somebody is in a room no more. END: the room, or the service, ends. */
enum room_left { ROOM_LEFT, ROOM_LEFT_KICKED, ROOM_LEFT_BANNED, ROOM_LEFT_NO_MEMBER, ROOM_LEFT_ERROR, ROOM_LEFT_END };

/* "outcast", "none", ...; "none", "visitor", ... */
const char *room_affiliation_text(enum room_affiliation affiliation);
const char *room_role_text(enum room_role role);
/* < 0: there is no such word. */
int room_affiliation_read(struct str text, enum room_affiliation *affiliation_r);
int room_role_read(struct str text, enum room_role *role_r);

/* The room in memory with that bare JID, on its home; NULL. */
struct room *room_find(struct str bare);
/* Calls ready(arg, room) when the room is in memory: at once when it is. room NULL: there is no such room, or storage
 * failed, which is in the log. On the room's home. */
void room_load(const struct jid *jid, void (*ready)(void *arg, struct room *room), void *arg);

/* Bare; as long as the room. */
const struct jid *room_jid(const struct room *room);
/* The instance of mod_muc whose room it is. */
struct module_instance *room_instance(const struct room *room);
/* An option by its name in default_room_options: "mam", "anonymous", ... The name must be one; of its type. */
bool room_flag(const struct room *room, const char *option);
struct str room_text(const struct room *room, const char *option);
struct str room_subject(const struct room *room);
/* The nick of who set it; empty: nobody knows. */
struct str room_subject_author(const struct room *room);
/* What a bare or full JID is to the room: its own affiliation, or that of its domain. */
enum room_affiliation room_affiliation_of(const struct room *room, const struct jid *jid);

/* Who has that nick; NULL. */
struct occupant *room_occupant(const struct room *room, struct str nick);
/* Whose client this full JID is. */
struct occupant *room_occupant_of(const struct room *room, const struct jid *full);
/* In the order of their coming. */
struct occupant *room_first_occupant(const struct room *room);
struct occupant *occupant_next(const struct occupant *occupant);
unsigned room_occupant_count(const struct room *room);
/* room@service/nick; the bare JID behind it. */
const struct jid *occupant_jid(const struct occupant *occupant);
const struct jid *occupant_real(const struct occupant *occupant);
enum room_role occupant_role(const struct occupant *occupant);
enum room_affiliation occupant_affiliation(const struct occupant *occupant);

struct host;
/* Calls each for all rooms of a host that are in memory on this worker; module_post_workers leads to all workers. */
void room_each(struct host *host, void (*each)(void *arg, struct room *room), void *arg);
/*
 * Makes an occupant go, with all their clients, by the service: ROOM_LEFT_KICKED (status 307) or ROOM_LEFT_BANNED
 * (301); what they are to the room stays. The occupant is gone afterwards.
 */
void room_expel(struct room *room, struct occupant *occupant, enum room_left why, struct str reason);
