/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks: the places where modules join in. Typed, all here. A function returns what happens next; the order
 * within a hook is by stage, then 'after', then by name. On the worker that is the home of the user or sender
 * unless hooks.def says otherwise.
 */
#pragma once

#include <sys/socket.h>

#include "stanzad/stanza.h"
#include "stanzad/store.h"

struct host;
struct module_instance;
struct user;
struct session;

enum hook_verdict {
	HOOK_PASS,   /* go on with the next function */
	HOOK_STOP,   /* the event is dealt with: no further function, the core does nothing more (a stanza is
			dropped) */
	HOOK_BOUNCE, /* stanza hooks: like HOOK_STOP, and the sender gets the error in the arguments */
};

enum hook_stage { HOOK_FIRST, HOOK_EARLY, HOOK_NORMAL, HOOK_LATE, HOOK_LAST };

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
};

struct hook_c2s_connect {
	const struct sockaddr *address;
	const char *refuse_text; /* set with HOOK_STOP: closed with policy-violation and this text */
};

/* user_send, s2s_receive, filter, user_receive */
struct hook_stanza {
	const struct jid *from, *to;
	struct stanza *stanza;     /* may be replaced: unref the old one, hand in a reference */
	struct session *session;   /* user_send: the sender's; user_receive: the recipient's; else NULL */
	struct stanza_error error; /* HOOK_BOUNCE */
	const char *reason;        /* HOOK_STOP: why it was dropped, for explain and the log */
};
#define hook_user_send hook_stanza
#define hook_s2s_receive hook_stanza
#define hook_filter hook_stanza
#define hook_user_receive hook_stanza
#define hook_message_offline hook_user_stanza

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

struct hook_presence_out {
	struct session *session;
	struct stanza *stanza;   /* type available or unavailable */
	struct stanza *previous; /* what session_presence was before; NULL for initial presence */
};

struct hook_presence_directed {
	struct session *session;
	const struct jid *to;
	struct stanza *stanza;
};

struct hook_subscription_out {
	struct session *session; /* NULL: by a command */
	struct user *user;
	const struct jid *to; /* bare */
	struct stanza *stanza;
	struct stanza_error error;
};

/* subscription_in, presence_in, message_offline */
struct hook_user_stanza {
	struct user *user;
	const struct jid *from, *to;
	struct stanza *stanza;
	struct stanza_error error; /* HOOK_BOUNCE */
};
#define hook_subscription_in hook_user_stanza
#define hook_presence_in hook_user_stanza

struct hook_disco {
	const struct jid *from, *to;
	struct user *user;        /* NULL: the server itself */
	struct str node;          /* empty: none */
	struct xml_writer *reply; /* inside <query/>: add identities, features, forms or items */
	bool found;               /* set when the node is known */
	bool contact;             /* user: from is subscribed to the user's presence, or is the user */
};
#define hook_disco_info hook_disco
#define hook_disco_items hook_disco

struct hook_user_registered {
	struct str host, user;
};

struct hook_user_removed {
	struct db *db;
	struct str host, user;
	int result; /* set < 0 with err: nothing is removed */
	struct err *err;
};

enum hook_name {
#define HOOK(name, what) HOOK_##name,
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
	const char *after; /* name of a module in the same stage that runs before this one */
	union {
		void (*untyped)(void);
#define HOOK(name, what)                                                                                     \
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

/* Runs a hook of a host: HOOK_PASS when nobody stopped it. */
#define HOOK(name, what) enum hook_verdict hook_run_##name(struct host *host, struct hook_##name *event);
#include "stanzad/hooks.def"
#undef HOOK
