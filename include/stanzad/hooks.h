/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks: the places where modules join in. Typed, all here; hooks.def lists them, docs/HOOKS.md tells more of
 * each. A function returns what happens next. The order within a hook is by stage; within a stage by name,
 * but behind the module that 'after' names.
 */
#pragma once

#include <sys/socket.h>

#include "stanzad/iq.h"
#include "stanzad/room.h"
#include "stanzad/roster.h"
#include "stanzad/store.h"

struct host;
struct module_instance;
struct user;
struct session;
struct stream_hold;

enum hook_verdict {
	HOOK_PASS,   /* go on with the next function */
	HOOK_STOP,   /* the event is dealt with: no further function, the core does nothing more (a stanza is
			dropped: say why in reason) */
	HOOK_BOUNCE, /* like HOOK_STOP, and who asked or sent gets the error in the arguments */
};

enum hook_stage { HOOK_FIRST, HOOK_EARLY, HOOK_NORMAL, HOOK_LATE, HOOK_LAST };

/* Which verdicts have a meaning. Another one, or one that does not exist, is logged and taken as HOOK_PASS. */
enum hook_kind {
	HOOK_IS_NOTICE,   /* every function is called: HOOK_PASS */
	HOOK_IS_QUESTION, /* HOOK_PASS, HOOK_STOP: the first one that stops it has answered */
	HOOK_IS_REQUEST,  /* the same, and HOOK_BOUNCE: refused with the error */
	HOOK_IS_STANZA,   /* struct hook_stanza: HOOK_PASS, HOOK_STOP, HOOK_BOUNCE, and hook_replace */
	HOOK_IS_DEED,     /* the same, but to decide and to do are one: see 'explains' in hook_entry */
	HOOK_IS_CHECK,    /* struct hook_stanza: HOOK_PASS, HOOK_STOP, HOOK_BOUNCE; nothing is replaced */
};

/* Where it runs. On workers and for MAIN nothing may block. */
enum hook_thread {
	HOOK_ON_HOME,     /* the worker that is the home of the user or room */
	HOOK_ON_STREAM,   /* the worker that has the connection; of a session it is the home of its user */
	HOOK_ON_WORKER,   /* whichever worker it happens on */
	HOOK_ON_MAIN,     /* worker 0 */
	HOOK_ON_STORAGE,  /* a storage thread, in a transaction: may use the db of the event, nothing else */
	HOOK_ON_EXECUTOR, /* an executor thread or that of a command: may block */
};

/* --- the server and its hosts --------------------------------------------------------------------------- */

/* A module sees these for its own host, a global function for each host. One that is started while the server
 * runs has its .start for that. */
struct hook_host {
	struct host *host;
};
#define hook_host_up hook_host
#define hook_server_started hook_host
#define hook_config_reloaded hook_host
#define hook_server_stopping hook_host
#define hook_host_down hook_host

/* --- streams -------------------------------------------------------------------------------------------- */

struct hook_c2s_stream_features {
	struct xml_writer *features; /* inside <stream:features/> */
	bool tls, authenticated;
	const struct sockaddr *address;
};

struct hook_c2s_unauthenticated_iq {
	struct stanza *stanza;
	struct host *host;
	const struct sockaddr *address;
	bool tls;
	/*
	 * HOOK_STOP: the module answers by calling reply once, now or later on the same worker, on the stream
	 * that hold stands for; reply with NULL gives it up. Until then the stream reads nothing more.
	 */
	struct stream_hold *hold;
	void (*reply)(struct stream_hold *hold, struct stanza *answer);
};

struct hook_c2s_auth_result {
	struct str user; /* as the client claimed it, prepared; may be empty */
	const char *mechanism;
	bool success;
	const struct sockaddr *address;
	bool disconnect; /* set: the stream is closed with policy-violation */
	/* Of the <user-agent/> of XEP-0388, a UUID and two short texts; empty: not given. */
	struct str client_id, client_software, client_device;
};

struct hook_c2s_connect {
	const struct sockaddr *address;
	const char *refuse_text; /* set with HOOK_STOP: closed with policy-violation and this text */
};

/* HOOK_STOP: the element was understood. Otherwise the stream ends with unsupported-stanza-type. */
struct hook_c2s_element {
	const struct xml *element;
	struct host *host;
	const struct jid *user;  /* bare */
	struct session *session; /* NULL: no resource is bound yet */
	struct xml_writer *answer; /* what is written here goes out on the stream behind what is queued */
};

struct hook_c2s_closed {
	struct host *host;
	const struct jid *user;  /* bare; NULL: it was not authenticated */
	struct session *session; /* NULL: no resource was bound. session_closed comes behind this */
	const struct sockaddr *address;
	const char *condition; /* of the stream error that we sent; NULL: there was none */
	const char *reason;    /* for people */
};

/* --- stanzas -------------------------------------------------------------------------------------------- */

enum hook_direction { HOOK_OUT, HOOK_IN };

/*
 * All stanza hooks have this one: user_send, filter, user_inbound, user_receive, message_offline, the
 * presence and subscription hooks, privacy_check. The event lends everything in it until the function
 * returns; who keeps a stanza takes a reference of it.
 */
struct hook_stanza {
	const struct jid *from, *to; /* to is NULL in presence_out */
	struct stanza *stanza;       /* hook_replace puts another in its place */
	struct session *session;     /* user_send, presence_*, subscription_out: the sender's, NULL: by a command;
					user_receive: the recipient's; privacy_check: whose list counts, NULL: the
					user as a whole; else NULL */
	struct user *user;           /* whose hook it is; NULL in filter */
	struct stanza *previous;     /* presence_out: session_presence before; NULL: initial presence */
	enum hook_direction direction; /* privacy_check, seen from the user */
	bool explain; /* the stanza is only being explained: decide, and do nothing that lasts */
	bool unasked; /* private: a function was left out of an explanation */
	struct stanza_error error; /* HOOK_BOUNCE; service-unavailable unless it is set */
	const char *reason;        /* HOOK_STOP: why it was dropped, for explain and the log; static */
};
#define hook_user_send hook_stanza
#define hook_s2s_receive hook_stanza
#define hook_privacy_check hook_stanza
#define hook_presence_out hook_stanza
#define hook_presence_directed hook_stanza
/* subscription_out: to is bare; subscription_in: both are */
#define hook_subscription_out hook_stanza
#define hook_filter hook_stanza
#define hook_user_inbound hook_stanza
#define hook_subscription_in hook_stanza
#define hook_presence_in hook_stanza
#define hook_message_offline hook_stanza
#define hook_user_receive hook_stanza

/* Puts another stanza in place of the event's, for the functions behind this one and for the core. Takes the
 * reference of 'stanza' over; NULL changes nothing. */
void hook_replace(struct hook_stanza *event, struct stanza *stanza);
/* The same two, for a return: return hook_drop(event, "no body"). reason, text: literals. */
enum hook_verdict hook_drop(struct hook_stanza *event, const char *reason);
enum hook_verdict hook_bounce(struct hook_stanza *event, enum stanza_condition condition, const char *text);

/* --- users and sessions --------------------------------------------------------------------------------- */

struct hook_user_load_db {
	struct db *db;
	struct str host, user;
	struct arena *arena; /* what is loaded lives here until user_loaded has run */
	void **loaded;       /* this module's own word, handed on to user_loaded */
	int result;          /* set < 0 with err: the user cannot be loaded now */
	struct err *err;
};

struct hook_user_loaded {
	struct user *user;
	void *loaded; /* from user_load_db of the same module */
};

struct hook_user {
	struct user *user;
};
#define hook_user_unload hook_user
#define hook_user_gone hook_user

struct hook_session {
	struct session *session;
};
#define hook_session_opened hook_session
/* session_closed: it is not found by others any more; its presence is still there */
#define hook_session_closed hook_session
#define hook_session_drained hook_session
#define hook_session_hibernated hook_session
#define hook_session_resumed hook_session

/*
 * A message went to the resource that it is addressed to, or to all that are available with at least that
 * priority; those whose lists refused it count as well. Not for what is only being explained.
 */
struct hook_message_delivered {
	struct user *user;
	const struct jid *from, *to;
	struct stanza *stanza;
	const struct session *session; /* the one that is addressed; NULL: by priority */
	int priority;
};

/* Run by the module that kept it in message_offline, when it is durable. */
struct hook_message_kept {
	struct user *user;
	const struct jid *from, *to;
	struct stanza *stanza;
};

/*
 * A session ended, or was not resumed, before its client had the message: it is about to be delivered anew, as if it
 * came now. HOOK_STOP: it is not, the devices of the user have it by other ways.
 */
struct hook_message_undelivered {
	struct user *user;
	const struct jid *from, *to;
	struct stanza *stanza;
	uint64_t delivered_ms; /* clock_mono_ms, when the session got it */
};

struct hook_session_waits {
	struct session *session;
	const struct jid *from, *to;
	struct stanza *stanza;
};

/* Each module writes one element in a namespace of its own, or nothing; it gets the same element back. It is written
 * when the session can be resumed from now on, and again after session_state_changed. */
struct hook_session_save {
	struct session *session;
	struct xml_writer *state; /* inside an element of the core's */
};
struct hook_session_restore {
	struct session *session; /* session_opened was run for it */
	const struct xml *state; /* has the modules' elements as children */
};

struct hook_bind2_features {
	struct host *host;
	const struct jid *user; /* bare, as the stream header names it, not to be trusted; NULL: it does not */
	struct xml_writer *features; /* inside <inline/>: <feature var='...'/> */
};
struct hook_bind2_request {
	struct session *session;
	const struct xml *request; /* <bind/> with its children */
	struct xml_writer *answer; /* inside <bound/> */
};

/* --- rosters -------------------------------------------------------------------------------------------- */

/* Items that the user sees but that are not the user's own, such as those of shared groups. */
struct hook_roster_get {
	struct user *user;
	/* Adds a copy. An item of the user's own with the same JID keeps its name; groups and subscriptions are
	 * joined. */
	void (*add)(struct hook_roster_get *event, const struct roster_item *item);
	struct roster *roster; /* private */
};

/* Each function may set subscription; the user's own roster answers in HOOK_EARLY. */
struct hook_roster_subscription {
	struct user *user;
	const struct jid *contact;
	enum roster_subscription subscription;
};

struct hook_roster_item {
	struct user *user;
	struct roster_item *item; /* may be changed, but not its jid; ROSTER_REMOVE: it is to go */
	const struct roster_item *previous; /* NULL: it is new */
	struct arena *arena; /* for text that is put into the item */
	struct stanza_error error; /* HOOK_BOUNCE; not-allowed unless it is set. HOOK_STOP is the same here */
};

struct hook_roster_changed {
	const struct jid *jid; /* of the user, bare */
	struct user *user;     /* NULL: not in memory any more */
	const struct roster_item *item; /* as it is now; ROSTER_REMOVE: it is gone */
};

/* --- service discovery: XEP-0030 ------------------------------------------------------------------------ */

/* HOOK_STOP: nothing is added behind this. HOOK_BOUNCE: what was written is forgotten. */
struct hook_disco {
	const struct jid *from, *to;
	struct user *user;        /* NULL: the server itself */
	struct str node;          /* empty: none */
	struct xml_writer *reply; /* inside <query/>: stanzad/disco.h, forms */
	bool found;               /* set when the node is known */
	bool contact;             /* user: from is subscribed to the user's presence, or is the user */
	struct stanza_error error;
};
#define hook_disco_info hook_disco
#define hook_disco_items hook_disco

/* Of the nearest host above the domain, or else of the first one. */
struct hook_component {
	struct str domain;
	const struct sockaddr *address;
	const char *reason; /* component_disconnected: why, for people; else NULL */
};
#define hook_component_connected hook_component
#define hook_component_disconnected hook_component

/* --- accounts ------------------------------------------------------------------------------------------- */

/* host is a served domain, user a prepared local part. */
struct hook_user_registered {
	struct str host, user;
};
#define hook_password_changed hook_user_registered

struct hook_register_check {
	struct str host, user;
	struct err *err; /* set with HOOK_STOP: no account of that name is made, and this is why */
};

struct hook_user_removed {
	struct db *db;
	struct str host, user;
	int result; /* set < 0 with err: nothing is removed */
	struct err *err;
};

/* --- rooms: XEP-0045 ------------------------------------------------------------------------------------ */

/* All of these are for the host that the service is of, on the home of the room. */
struct hook_room {
	struct room *room;
};
#define hook_room_created hook_room
#define hook_room_loaded hook_room
#define hook_room_unload hook_room

struct hook_room_destroyed {
	struct room *room; /* its occupants are still there, and hear of it behind this */
	const struct jid *by; /* full or bare; NULL: the server */
	struct str reason;    /* may be empty */
};

/* Everything that the room itself asks for is fulfilled. */
struct hook_room_enter {
	struct room *room;
	const struct jid *from; /* full */
	struct str nick;
	enum room_affiliation affiliation;
	struct stanza_error error; /* HOOK_BOUNCE; forbidden unless it is set. HOOK_STOP is the same here */
};

struct hook_room_entered {
	struct room *room;
	struct occupant *occupant;
	const struct jid *from; /* full: which of their clients */
	bool first;             /* nobody was there under that nick */
};

struct hook_room_left {
	struct room *room;
	struct occupant *occupant; /* on its way out, with its last client */
	enum room_left why;
	struct str reason; /* of the one who made them leave, or their own status; may be empty */
	const struct occupant *by; /* NULL: nobody, or not an occupant */
};

struct hook_room_renamed {
	struct room *room;
	struct occupant *occupant;
	struct str before; /* the nick */
};

/* A message to all that may be sent, and is about to be. HOOK_STOP: it is not. */
struct hook_room_message {
	struct room *room;
	const struct occupant *occupant; /* NULL: by the service */
	const struct jid *from;          /* the real JID; full for occupants */
	const struct jid *as;            /* what the occupants see it come from */
	struct stanza *stanza;
	struct strbuf *tail; /* serialised elements that it gets, self-contained under jabber:client: may be added to */
	bool subject;              /* it sets the subject */
	int64_t id;                /* set by what archives it: its id there; 0: it is not archived */
	struct stanza_error error; /* HOOK_BOUNCE */
};

struct hook_room_configured {
	struct room *room;
	const struct jid *by; /* NULL: by a command */
};

struct hook_room_affiliation {
	struct room *room;
	const struct jid *jid; /* bare, or a domain */
	enum room_affiliation before, now;
	const struct jid *by; /* NULL: by a command */
	struct str reason;
};

/* An IQ get or set to the room itself, not answered by mod_muc. HOOK_STOP: verdict says how it is answered. */
struct hook_room_iq {
	struct room *room;
	const struct occupant *occupant; /* the asker; NULL: is none */
	struct iq *iq;                   /* .user is NULL; iq_later and iq_finish are as for handlers */
	enum iq_verdict verdict;
};

/* disco#info of a room: features and forms may be added. */
struct hook_room_disco {
	struct room *room;
	const struct jid *from;
	struct xml_writer *reply; /* inside <query/> */
	struct xml_writer *info;  /* inside its form muc#roominfo: fields, form_put */
};

/* --- joining in ----------------------------------------------------------------------------------------- */

enum hook_name {
#define HOOK(name, kind, thread, what) HOOK_##name,
#include "stanzad/hooks.def"
#undef HOOK
	HOOK_COUNT
};

/* What a module puts into its list of hooks: HOOK_ENTRY(user_send, on_user_send, HOOK_NORMAL, NULL), or with
 * _GLOBAL when it is for the events of every host; then module_host is the one of the instance, not of the
 * event. */
struct hook_entry {
	bool used;   /* false ends the list */
	bool global; /* called for the events of every host, by one of the module's instances */
	enum hook_name hook;
	enum hook_stage stage;
	const char *after; /* name of a module: behind its functions in the same stage; no matter if there are
			      none. A circle of these is refused */
	/* Hooks of the kind DEED: may be called for a stanza that is only being explained; then the event says
	 * so. Without it the function is left out there. */
	bool explains;
	union {
		void (*untyped)(void);
#define HOOK(name, kind, thread, what)                                                                       \
	enum hook_verdict (*name)(struct module_instance * instance, struct hook_##name * event);
#include "stanzad/hooks.def"
#undef HOOK
	} fn;
};
#define HOOK_ENTRY(name, function, stage_, after_)                                                           \
	{                                                                                                    \
		.used = true, .hook = HOOK_##name, .stage = (stage_), .after = (after_),                     \
		.fn.name = (function)                                                                        \
	}

#define HOOK_ENTRY_GLOBAL(name, function, stage_, after_)                                                    \
	{                                                                                                    \
		.used = true, .global = true, .hook = HOOK_##name, .stage = (stage_), .after = (after_),     \
		.fn.name = (function)                                                                        \
	}

/* --- running them --------------------------------------------------------------------------------------- */

/*
 * Runs a hook of a host: HOOK_PASS when nobody stopped it. On the thread that hooks.def says; those for
 * STORAGE and EXECUTOR are run by the core alone.
 */
#define HOOK(name, kind, thread, what)                                                                       \
	enum hook_verdict hook_run_##name(struct host *host, struct hook_##name *event);
#include "stanzad/hooks.def"
#undef HOOK
/* Whether anybody would be called. */
bool hook_is_used(const struct host *host, enum hook_name hook);
/* After running a hook with a struct hook_stanza: gives back what replaced the stanza that was lent to it. */
void hook_stanza_fini(struct hook_stanza *event, const struct stanza *lent);

struct hook_about {
	const char *name;
	enum hook_kind kind;
	enum hook_thread thread;
	const char *what;
};
/* The row of hooks.def. */
const struct hook_about *hook_about(enum hook_name hook);
