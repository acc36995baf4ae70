/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A room. All of it belongs to the home worker of its bare JID. room.c is its life; what happens in it is in a file
 * for each part of XEP-0045, and features that are more than that join in by rows of room_features.def (feature.h).
 *
 * Somebody in a room is an occupant: a nick, a bare JID, a role. An occupant has one or more clients (5.1, 17.1 of
 * multi-session nicks): full JIDs of the same bare JID.
 */
#pragma once

#include "base/map.h"
#include "modules/mod_muc/muc.h"
#include "modules/mod_muc/rights.h"
#include "stanzad/list.h"
#include "stanzad/timer.h"
#include "stanzad/work.h"

#define ROOM_OCCUPANT_ID 44 /* bytes of an occupant id as text, with its NUL */
#define ROOM_NICK_MAX 1023
#define ROOM_REASON_MAX 4096 /* bytes of a reason that is kept; more is refused */
#define ROOM_AFFILIATES_MAX 100000

/* One full JID in the room. */
struct room_client {
	struct occupant *occupant;
	struct jid jid;               /* full; on the heap */
	struct stanza *presence;      /* latest available one, without what is not for others */
	struct room_client *next;     /* of the same occupant, in the order of coming */
	struct list in_room;          /* room->clients */
};

struct occupant {
	struct room *room;
	struct jid jid;  /* room@service/nick; on the heap */
	struct jid real; /* bare; on the heap */
	enum room_role role;
	enum room_affiliation affiliation;
	struct room_client *clients; /* the first one's presence is the occupant's */
	struct list node;            /* room->occupants */
	char id[ROOM_OCCUPANT_ID];   /* XEP-0421 */
	struct room_pace *pace;      /* pace.c; NULL: nothing is counted */
	uint64_t voice_asked_ms; /* clock_mono_ms of the latest request for voice; 0: none */
	bool shown;              /* the others were told that they are here */
	struct stanza *told[2];  /* presence.c: what the others were told latest, without and with the real JID */
};

/* What somebody is to the room, whether they are in it or not. */
struct room_affiliate {
	struct jid jid; /* bare, or a domain; on the heap */
	enum room_affiliation affiliation;
	struct room_word reason;
};

struct room_subject {
	struct stanza *stanza; /* as it was sent, with its tail; NULL: there is none */
	struct room_word text;
	struct room_word author; /* nick */
	int64_t at_us;           /* real time */
};

struct room {
	uint32_t magic;
	uint64_t serial; /* no two rooms have the same while the server runs */
	struct jid jid;  /* bare; on the heap */
	struct muc *muc;
	struct module_instance *instance;
	struct room_config config;
	struct map affiliates; /* by jid */
	struct map by_nick;    /* struct occupant */
	struct map by_jid;     /* struct room_client, by full JID */
	struct list occupants, clients; /* in the order of their coming */
	unsigned occupant_count, client_count;
	struct room_subject subject;
	struct room_history *history; /* history.c */
	char *others; /* what storage has that is nobody's here (struct room_saved); NULL: nothing */
	bool locked;  /* 10.1: its owner has not configured it yet */
	bool kept;    /* made by a command: though temporary it stays until somebody was in it */
	bool ending;  /* being destroyed: nobody enters */
	bool ended;   /* not in memory any more for others; freed when nobody holds it */
	bool stored;  /* storage has it, or is about to */
	bool unsaved; /* storage did not take it: it is tried again */
	unsigned saving; /* writes under way */
	unsigned walking; /* walk.c */
	bool posted, draining;
	struct room_pending *pending, *pending_end; /* what waits; NULL: nothing */
	struct room_clients *unsaved_clients; /* clients.c; NULL: none */
	bool clients_saving;
	uint64_t due_ms; /* pace.c: of room_shaper */
	unsigned holds;  /* room_hold */
	struct module_timer *again; /* for what storage did not take; NULL: none was needed */
	struct module_timer *idle;  /* hibernation, or the end of a locked room; NULL: none was needed */
	void **slots; /* of features, by their row in room_features.def; NULL: none was set */
};

/* --- rooms.c: the rooms of this worker --- */
/* Hands a stanza for a room's address to the room, which is loaded, or made by a presence, first. */
void rooms_deliver(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza);
/* Calls each for all rooms of the instance in memory on this worker; each may end its room. */
void rooms_each(struct muc *muc, void (*each)(void *arg, struct room *room), void *arg);
/* The server stops: temporary rooms end, of the others it is written who is in them. The module leaves; .stop. */
void rooms_stopping(struct muc *muc);
void rooms_leave(struct muc *muc);
void rooms_free(struct muc *muc);

/* The room in memory of that bare JID, if it is that very one; NULL. */
struct room *room_find_same(struct str bare, uint64_t serial);

/* --- walk.c: as long as somebody walks through clients or occupants, and sends, what arrives for the room waits, so
 * that nobody goes away meanwhile --- */
void room_walk_begin(struct room *room);
void room_walk_end(struct room *room);
void room_pending_fini(struct room *room);

/* --- room.c: life --- */
/* A new room of default options, in memory, owned by nobody. NULL: there is one, or it is being loaded. */
struct room *room_make(struct muc *muc, const struct jid *jid);
/* Keeps it in memory until the same number of room_release. */
void room_hold(struct room *room);
void room_release(struct room *room);
/* 10.9: tells all occupants, removes everything of it from memory and storage. alternate, by: NULL: none. The room is
 * gone afterwards (or with the last room_release). */
struct room_end {
	const struct jid *by;
	struct str reason, password;
	const struct jid *alternate;
	int status; /* 332: the service is shutting down; 0: destroyed */
};
void room_destroy(struct room *room, const struct room_end *end);
/* Only that: everybody leaves, and is told why. */
void room_send_all_away(struct room *room, const struct room_end *end);
/* What is saved of it has changed: a persistent one is written soon, what happens now is acknowledged when that is
 * durable. Also puts it into the directory. */
void room_changed(struct room *room);
/* The number of its occupants is another. */
void room_counted(struct room *room);
/* Nobody is in it, or its options changed: ends it when it is temporary, lets it sleep later. */
void room_settle(struct room *room);

/* --- occupants.c --- */
struct room_client *room_client(const struct room *room, const struct jid *full);
/* Adds a client under a nick that is free, or is that of an occupant of the same bare JID. presence: a reference of its
 * own is taken. */
struct room_client *room_add_client(struct room *room, const struct jid *full, struct str nick, enum room_role role,
    struct stanza *presence);
/* Takes it out, and its occupant with the last one: true: that was it, and *occupant is freed. Sends nothing. */
bool room_remove_client(struct room *room, struct room_client *client);
void occupant_rename(struct occupant *occupant, struct str nick);
/* XEP-0421: by what room and real say. */
void occupant_make_id(struct occupant *occupant);
/* What others see of them changed. */
void occupant_forget_told(struct occupant *occupant);
void room_occupants_fini(struct room *room);
/* The role of somebody with that affiliation who enters (5.1.2). */
enum room_role room_default_role(const struct room *room, enum room_affiliation affiliation);
/* May somebody see real JIDs: a moderator, or anybody in a room that is not anonymous. */
bool room_shows_jids_to(const struct room *room, const struct occupant *viewer);

/* --- affiliations.c: what is kept of people --- */
const struct room_affiliate *room_affiliate(const struct room *room, struct str jid);
/* Sets it without telling anybody; ROOM_NONE removes. Occupants keep theirs: see room_set_affiliation. */
void room_affiliate_put(struct room *room, const struct jid *jid, enum room_affiliation affiliation, struct str reason);
void room_affiliates_fini(struct room *room);
unsigned room_affiliates_count(const struct room *room, enum room_affiliation affiliation);
/* What somebody may do here: administrators of the service (access_admin) count as owners. */
enum room_affiliation room_privilege(const struct room *room, const struct jid *jid);
/* The same with the role that the full JID has, if any. */
struct room_standing room_standing_of(const struct room *room, const struct jid *jid);

/* --- cleanup.c: option cleanup_affiliations_on_start, for a room that was loaded --- */
void room_cleanup(struct room *room);

/* --- presence.c --- */
/* What is told of an occupant. Zeroed, and then what there is to say. */
struct room_telling {
	struct occupant *occupant;
	struct stanza *presence; /* whose children are sent on; NULL: none */
	bool unavailable;
	bool standing; /* it is about the role or the affiliation, which are others now */
	enum room_affiliation affiliation;
	enum room_role role;
	int status[6];    /* codes for all, 0 ends them */
	int own_status[6]; /* further codes for the occupant's own clients; 110 comes by itself */
	struct str nick;   /* 303: the new one; ptr NULL: none */
	const struct occupant *by; /* <actor/>; NULL: none */
	const struct jid *by_jid;  /* the same for those who may see it */
	struct str reason;
	struct str extra; /* serialised, in <x/>: <destroy/> */
	struct str own_extra; /* the same for the occupant's own clients */
	const struct room_client *client; /* unavailable: only this one of several goes; NULL: all of them */
	struct stanza *answers;  /* the presence that this answers: its id goes to that client; NULL */
};
/* Telling with what the occupant is now. */
void room_telling_init(struct room_telling *telling, struct occupant *occupant);
/* To everybody who is to know, each as they may see it; to the occupant's own clients last. */
void room_tell(struct room *room, const struct room_telling *telling);
/* To one client only. */
void room_tell_one(struct room *room, const struct room_telling *telling, const struct room_client *to);
/* Everybody else's presence for one who enters (7.2.2). */
void room_tell_all_to(struct room *room, const struct room_client *to);
/* The occupant's role or affiliation is another one: tells it with these. */
void room_tell_change(struct room *room, struct occupant *occupant, const struct occupant *by, struct str reason);
/* Unavailable presence of a nick that nobody has, or that is not that of whoever hears it. codes: 0 ends them. */
void room_tell_nobody(const struct jid *as, const struct jid *to, const int *codes, struct str reason);
/* 7.2.18: a client thinks that it is in the room, or knows groupchat 1.0 only. */
bool room_knows_way_in(const struct module_instance *instance, const struct stanza *presence);
void room_not_in(const struct jid *from, const struct jid *to);
/* Too many to tell all of everybody (max_users_presence). */
bool room_is_crowded(const struct room *room);

/* --- enter.c: 7.2, presence of somebody who is not in the room. made: the room was made for it --- */
void room_enter(struct room *room, const struct jid *from, const struct jid *to, struct stanza *presence, bool made);
/* The client is let in, after everything was checked, with what <x/> asked for. */
void room_let_in(struct room *room, const struct jid *from, struct str nick, struct stanza *presence, bool made);

/* A client that is inside enters once more, and gets everything anew. */
void room_come_again(struct room *room, struct room_client *client, struct stanza *presence);
/* Somebody else reserved the nick, here or at the service. */
bool room_nick_is_reserved(const struct room *room, struct str nick, const struct jid *who);

/* --- leave.c: 7.14, and whenever somebody has to go --- */
struct room_leaving {
	enum room_left why;
	int status; /* 301, 307, 321, 322, 332, 333; 0: none */
	const struct occupant *by;
	const struct jid *by_jid;
	struct str reason;
	struct str extra; /* as in struct room_telling */
	struct stanza *presence; /* what the client sent; NULL */
};
/* One client, which may be the last. The occupant may be freed. */
void room_client_leaves(struct room *room, struct room_client *client, const struct room_leaving *leaving);
/* With all clients, and nobody else hears of it. */
void room_occupant_ends(struct room *room, struct occupant *occupant, const struct room_leaving *leaving);
/* With all clients; the occupant is freed. */
void room_occupant_leaves(struct room *room, struct occupant *occupant, const struct room_leaving *leaving);

/* --- update.c: 7.6, 7.7: presence of an occupant --- */
void room_update(
    struct room *room, struct room_client *client, const struct jid *to, struct stanza *presence);

/* The client's presence is this one now, and is told. */
void room_show(struct room *room, struct room_client *client, struct stanza *presence);

/* --- message.c: 7.4; subject.c: 8.1 --- */
void room_groupchat(struct room *room, const struct jid *from, struct stanza *stanza);
/* By the service or a command: as is seen come from (room, or room/nick). False: somebody refused it. */
bool room_say(struct room *room, const struct jid *as, const struct jid *by, struct stanza *stanza);
/* A stanza to every client; to: NULL, or says who gets it. */
void room_broadcast(struct room *room, const struct jid *as, struct stanza *stanza,
    bool (*to)(const struct room_client *client, void *arg), void *arg);
/* <message type='groupchat'/> by the room with status codes of muc#user (0 ends them), to all. */
void room_broadcast_status(struct room *room, const int *codes);
/* That message; the caller unrefs it. */
struct stanza *room_status_message(const int *codes);
bool room_is_subject(const struct stanza *message);
bool room_may_set_subject(const struct room *room, const struct occupant *occupant);
void room_subject_set(struct room *room, const struct occupant *occupant, struct stanza *sent);
void room_subject_tell(struct room *room, const struct room_client *to);
void room_subject_fini(struct room *room);

/* --- history.c: 7.2.13 --- */
void room_history_add(struct room *room, const struct jid *as, struct stanza *sent, int64_t at_us);
/* What x (NULL: nothing was asked) wants of it, to one who enters. */
void room_history_tell(struct room *room, const struct room_client *to, const struct xml *x);
/* Oldest first. */
void room_history_each(const struct room *room,
    void (*each)(void *arg, const struct jid *as, struct stanza *stanza, int64_t at_us), void *arg);
void room_history_free(struct room *room);
/* Takes out what an occupant said under that id (stanza-id by the room): XEP-0425. */
void room_history_forget(struct room *room, struct str stanza_id);
/* The same, if an occupant with that id (XEP-0421) said it. */
void room_history_forget_of(struct room *room, struct str stanza_id, const char *occupant_id);

/* --- private.c: 7.5, and IQs to occupants --- */
void room_private_message(struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza);
void room_occupant_iq(struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza);

/* --- roles.c: changes of what people may do, with everything that follows from them, for whoever may --- */
/* 8, 9: tells the occupants; those who lose their place go. by: NULL: a command. */
void room_set_role(struct room *room, struct occupant *occupant, enum room_role role, const struct occupant *by,
    struct str reason);
void room_set_affiliation(struct room *room, const struct jid *jid, enum room_affiliation affiliation,
    const struct jid *by, struct str reason);

/* --- admin.c: muc#admin; owner.c: muc#owner. Handlers of room IQs --- */
enum iq_verdict room_admin_on_iq(struct room *room, struct iq *iq);
enum iq_verdict room_owner_on_iq(struct room *room, struct iq *iq);
/* The options become these; tells the occupants what changed (10.2.1), makes those go who may not stay. by: NULL: a
 * command. */
void room_configure(struct room *room, const struct room_config *config, const struct jid *by);

/* --- registration.c: 7.10; jabber:iq:register to a room --- */
enum iq_verdict room_register_on_iq(struct room *room, struct iq *iq);
enum iq_verdict muc_register_on_iq(struct iq *iq);
/* The room comes to its end: what was registered with it is forgotten. */
void room_registrations_drop(struct room *room);

/* --- request.c: messages to the room itself that are not groupchat: invitations 7.8, declines, voice requests 7.13,
 * their approval 8.6. Refuses what it does not know. --- */
void room_request(struct room *room, const struct jid *from, const struct jid *to, struct stanza *stanza);

/* deliver.c: the namespaces of IQs to a room that disco#info tells. */
void room_announce_iqs(void (*each)(void *arg, const char *feature), void *arg);

/* --- disco.c: 6.4, 6.5, 6.7 --- */
enum iq_verdict room_disco_info_on_iq(struct room *room, struct iq *iq);
enum iq_verdict room_disco_items_on_iq(struct room *room, struct iq *iq);

/* --- tail.c: what the room adds to stanzas --- */
/* Serialised <occupant-id/> (XEP-0421). */
void room_put_occupant_id(struct strbuf *out, const struct occupant *occupant);
/* The stanza without what only a room may say: muc, muc#user, occupant-id, stanza-id by it. The caller unrefs. */
struct stanza *room_without_claims(const struct room *room, struct stanza *stanza);
/* The stanza with more elements (as stanza_with_tail), but among its children, for all who look there on its way. The
 * caller unrefs. */
struct stanza *room_with_elements(struct stanza *base, struct str elements);

/* --- pace.c: min_message_interval, min_presence_interval, shapers --- */
/* NULL: the message may be sent now. Otherwise why not: a literal. */
const char *room_pace_message(struct room *room, struct occupant *occupant, const struct stanza *message);
/* True: the presence is told now. False: later, or another one that comes before that. */
bool room_pace_presence(struct room *room, struct room_client *client, struct stanza *presence);
/* False: it changed too often of late. */
bool room_pace_nick(struct occupant *occupant);
void room_pace_free(struct room_pace **pace);

/* --- clients.c: who is in a persistent room, for a restart of the server; table mod_muc_client --- */
/* The client is new, or something of it changed; it is about to be removed. Written within a second. */
void room_client_dirty(struct room *room, struct room_client *client);
void room_client_gone(struct room *room, struct room_client *client);
/* Now. */
void room_clients_flush(struct room *room);
/* All of them: the room is persistent from now on. */
void room_clients_write_all(struct room *room);
void room_clients_fini(struct room *room);

/* --- save.c: storage --- */
/* The state as text for the column opts. */
void room_opts_write(const struct room *room, struct strbuf *out);
