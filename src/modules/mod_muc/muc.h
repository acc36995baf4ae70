/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service of rooms (XEP-0045): what comes for its domains, and which rooms there are. A room is in room.h.
 *
 * Rooms live on the home worker of their bare JID. What a stanza for one needs is done there; the list of all rooms
 * (directory.c) and the nicks that people registered (nicks.c) are known to all workers, behind a lock.
 */
#pragma once

#include "modules/mod_muc/config.h"
#include "stanzad/access.h"

#define NS_MUC "http://jabber.org/protocol/muc"
#define NS_MUC_USER NS_MUC "#user"
#define NS_MUC_ADMIN NS_MUC "#admin"
#define NS_MUC_OWNER NS_MUC "#owner"
#define NS_MUC_UNIQUE NS_MUC "#unique"
#define NS_MUC_REQUEST NS_MUC "#request"
#define NS_REGISTER "jabber:iq:register"
#define NS_CONFERENCE "jabber:x:conference"
#define NS_DISCO_INFO "http://jabber.org/protocol/disco#info"
#define NS_DISCO_ITEMS "http://jabber.org/protocol/disco#items"
#define NS_DATA "jabber:x:data"
#define NS_OCCUPANT_ID "urn:xmpp:occupant-id:0"

extern const struct module mod_muc;

struct directory;
struct joined;
struct muc_nicks;
struct muc_worker;

/* The state of an instance of mod_muc. */
struct muc {
	struct module_instance *instance;
	struct directory *directory;
	struct muc_nicks *nicks;
	struct joined *joined;
	struct lived_in *lived_in; /* wake.c; worker 0 */
	struct muc_worker **workers; /* by worker_index; each touched by its worker only */
	unsigned worker_count;
	unsigned char key[32]; /* what occupant ids are made with; kept in storage */
	bool key_known;        /* atomic */
	bool stopping;         /* atomic: the server stops */
};

struct muc *muc_of(const struct module_instance *instance);
/* Which one serves a domain; NULL: none. Any thread. */
struct muc *muc_serving(struct str domain);
/* Those of all hosts; returns how many. Any thread. */
size_t muc_all(struct muc **list, size_t most);

/* The rows of its metrics. */
enum { MUC_METRIC_ROOMS, MUC_METRIC_OCCUPANTS, MUC_METRIC_MESSAGES, MUC_METRIC_COPIES };

/* Whether the JID is allowed what an option of type OPTION_ACCESS says: access, access_admin, access_create, ... */
bool muc_allows(struct module_instance *instance, const char *option, const struct jid *jid);
/* Refuses a stanza, from the address that it was for. text: a literal or NULL. */
void muc_refuse(const struct jid *from, const struct jid *to, struct stanza *stanza, enum stanza_condition condition,
    const char *text);
void muc_refuse_with(
    const struct jid *from, const struct jid *to, struct stanza *stanza, const struct stanza_error *error);

/*
 * An IQ get or set for the service or a room: filled in for handlers. Lives for the call; after an answer of
 * IQ_LATER the handler has its copy of iq_later. muc_iq_end sends what the verdict says.
 */
void muc_iq_begin(struct iq *iq, struct module_instance *instance, const struct jid *from, const struct jid *to,
    struct stanza *stanza, struct xml_writer *reply);
void muc_iq_end(struct iq *iq, enum iq_verdict verdict);

/* --- service.c: what comes for a domain of the service itself --- */
void muc_service_deliver(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza);

/* --- names.c: which rooms may be made --- */
/* The option regexp_room_id. < 0: it is no regular expression. */
int muc_names_check(const struct module_instance *instance, struct err *err);
/* By max_room_id, regexp_room_id. */
bool muc_name_allowed(const struct module_instance *instance, struct str local);

/* --- directory.c: the rooms of an instance, in memory or only on storage, ordered by domain and then by local part.
 * Any thread --- */
struct directory_entry {
	struct str jid;   /* bare */
	struct str title; /* may be empty */
	unsigned occupants;
	bool public, members_only, persistent;
	bool public_list; /* how many are in it is for everybody to know */
	bool loaded;      /* in memory */
};
struct directory *directory_new(void);
void directory_free(struct directory **directory);
/* Puts or replaces the entry of that JID; what it points to is copied. */
void directory_put(struct directory *directory, const struct directory_entry *entry);
void directory_remove(struct directory *directory, struct str jid);
/* How many there are at a domain; domain empty: in all. */
size_t directory_count(struct directory *directory, struct str domain);
/* Calls each for every entry at a domain (empty: all) with a JID behind 'after' (empty: from the first on), in order,
 * until it says false. Under the lock: each must be quick, and call nothing here. */
void directory_each(struct directory *directory, struct str domain, struct str after,
    bool (*each)(void *arg, const struct directory_entry *entry), void *arg);
/* False: there is none. What entry_r points to lives in arena. */
bool directory_find(
    struct directory *directory, struct str jid, struct arena *arena, struct directory_entry *entry_r);

/* --- nicks.c: who registered which nick, with the service or with a room: table muc_registered --- */
struct muc_nicks *muc_nicks_new(void);
void muc_nicks_free(struct muc_nicks **nicks);
/* On a storage thread: reads the table if that was not done. */
int muc_nicks_ensure(struct muc *muc, struct db *db, struct err *err);
/* Any thread, after a room was loaded. where: the domain of a service or the bare JID of a room. The bare JID who
 * registered the nick there; the nick that a bare JID registered. ptr NULL: nobody, none. In arena. */
struct str muc_nicks_owner(struct muc *muc, struct str where, struct str nick, struct arena *arena);
struct str muc_nicks_of(struct muc *muc, struct str where, struct str bare, struct arena *arena);
/* On a storage thread, in a write: nick empty: takes the registration back. 1: somebody else has that nick there, at
 * the service, or in one of its rooms; nothing has changed. After the commit, muc_nicks_note makes it known. */
int muc_nicks_write(
    struct muc *muc, struct db *db, struct str where, struct str bare, struct str nick, struct err *err);
void muc_nicks_note(struct muc *muc, struct str where, struct str bare, struct str nick);
/* Of a room that is being removed: in memory, and on a storage thread, in a write. */
int muc_nicks_remove(struct muc *muc, struct db *db, struct str where, struct err *err);
void muc_nicks_forget(struct muc *muc, struct str where);
/* Somebody registered a nick there. Any thread, after a room was loaded. */
bool muc_nicks_any(struct muc *muc, struct str where);
