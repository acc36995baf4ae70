/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a room is configured: plain values, on any thread but for what takes an instance (on a worker). The options are
 * rows of room_options.def. Forms are in config_form.c, the column opts of muc_room, which is a list of Erlang's, in
 * config_opts.c.
 */
#pragma once

#include "stanzad/module.h"

/* Text that belongs to its struct, on the heap; ptr NULL: empty. */
struct room_word {
	char *ptr;
	size_t len;
};
static inline struct str room_word(const struct room_word *word)
{
	return (struct str){word->ptr ? word->ptr : "", word->len};
}
void room_word_set(struct room_word *word, struct str text);

#define ROOM_BROADCAST(role) (1u << (role))
#define ROOM_BROADCAST_ALL \
	(ROOM_BROADCAST(ROOM_VISITOR) | ROOM_BROADCAST(ROOM_PARTICIPANT) | ROOM_BROADCAST(ROOM_MODERATOR))

enum { ROOM_WHOIS_MODERATORS, ROOM_WHOIS_ANYONE };
enum { ROOM_PM_ANYONE, ROOM_PM_PARTICIPANTS, ROOM_PM_MODERATORS, ROOM_PM_NONE };
enum { ROOM_VISITOR_PM_ANYONE, ROOM_VISITOR_PM_MODERATORS, ROOM_VISITOR_PM_NOBODY };

struct room_config {
#define ROOM_BOOL(name, def, field, label) bool name;
#define ROOM_TEXT(name, field, type, label) struct room_word name;
#define ROOM_NUMBER(name, def, field, label) int64_t name;
#define ROOM_WORD(name, words, def, field, label) unsigned name;
#include "modules/mod_muc/room_options.def"
#undef ROOM_BOOL
#undef ROOM_TEXT
#undef ROOM_NUMBER
#undef ROOM_WORD
	unsigned presence_broadcast; /* ROOM_BROADCAST of each role whose presence all others see */
	struct room_word captcha_whitelist; /* bare and full JIDs, and domains, one a line */
};

/* The defaults of room_options.def, then default_room_options of the instance. */
void room_config_init(struct room_config *config, const struct module_instance *instance);
/* The values of room_options.def alone. */
void room_config_init_plain(struct room_config *config);
void room_config_fini(struct room_config *config);
/* *config holds a configuration, which is freed, or is zeroed. */
void room_config_copy(struct room_config *config, const struct room_config *from);
/* default_room_options of a module: < 0 with file, line and column when something in it is no option of a room. */
int room_config_check_defaults(const struct module_instance *instance, struct err *err);

/* Calls each for all options in the order of the table: "true", "200", "anyone", ... */
void room_config_each(
    const struct room_config *config, void (*each)(void *arg, const char *name, struct str value), void *arg);
/* Sets one by its name, as default_room_options writes it (a list: words with commas between). anonymous is true or
 * false there. < 0 with err: there is no such option, or the value is none of it. */
int room_config_set(struct room_config *config, struct str name, struct str value, struct err *err);
/* By name, of their kind; the name must be one. */
bool room_config_flag(const struct room_config *config, const char *name);
struct str room_config_text(const struct room_config *config, const char *name);

/* --- config_form.c: XEP-0045 10.2, 16.5.3 --- */

/* Who configures, and what the service bounds. */
struct room_config_rules {
	bool may_persist, may_archive, may_log;
	bool can_archive, can_log, can_captcha; /* the module for it runs; otherwise there is no field */
	int64_t max_users, max_name, max_desc, max_password, max_whitelist; /* OPTION_INFINITE: no bound */
};
/* <x type='form'/> with the options as they are now. */
void room_config_put_form(struct xml_writer *writer, const struct room_config *config,
    const struct room_config_rules *rules, struct str title);
/*
 * Reads a submitted form onto *config, of which nothing has changed when it is refused: < 0 with error_r.
 *
 *   bad-request      the form is malformed, a value is not of its field's type, a field is there twice
 *   not-acceptable   a value is not allowed: unknown words, too long, a password is wanted but not given,
 *                    muc#roomconfig_* fields that there are not
 *   forbidden        a field that this one may not change, with another value
 *
 * Fields that are not in the form keep their values; those of other namespaces are passed over. A field goes by its
 * name in room_options.def or by the option's, each with muc#roomconfig_ or without. Lengths are in characters.
 *
 * muc#roomconfig_maxusers: "" and "none" stand for the service's bound; more than that is not acceptable.
 * muc#roomconfig_getmemberlist, which this server has not, and the lists of people are passed over here.
 */
int room_config_read_form(const struct xml *x, const struct room_config_rules *rules, struct room_config *config,
    struct stanza_error *error_r);
/* The lists of 10.2 in a submitted form: who is to be admin and owner, all of them, bare JIDs in arena. < 0 with
 * bad-request: what is in them is no JID. */
struct room_form_people {
	struct jid *admins, *owners;
	size_t admin_count, owner_count;
	bool admins_given, owners_given; /* false: there is no such field, and all stay what they are */
};
int room_form_people_read(const struct xml *x, struct arena *arena, struct room_form_people *people_r,
    struct stanza_error *error_r);
/* XEP-0045 16.5.4: muc#roominfo fields, inside the form of disco#info that the caller opens: what is to be said of the
 * options. Occupants, subject, contact addresses, logs and muc#maxhistoryfetch are the caller's. */
void room_config_put_info(struct xml_writer *writer, const struct room_config *config);

/* --- config_opts.c: the column opts of muc_room --- */

struct room_saved_affiliation {
	struct str jid; /* bare, or a domain */
	enum room_affiliation affiliation;
	struct str reason;
};
/*
 * What a room is on storage, as ejabberd writes it: [{title,<<"x">>},{affiliations,[...]},...]. Everything that it
 * does not know stays in 'others' as it was, and is written again: what other servers or features of a room put there
 * is lost by nobody.
 */
struct room_saved {
	struct room_config config; /* owned */
	struct room_saved_affiliation *affiliations;
	size_t affiliation_count;
	struct str subject;        /* its text */
	struct str subject_author; /* a nick; empty: none */
	int64_t hibernated_us;     /* real time; 0: it was not */
	struct str others;         /* tuples of the list with commas between, as text */
};
/* Appends the list. What is written is read by ejabberd of today and of before allowpm. */
void room_saved_write(struct strbuf *out, const struct room_saved *saved);
/* What is read lives in arena, but for config, whose fini is the caller's in any case; defaults: what is not in it. <
 * 0: it is no such list. */
int room_saved_read(struct str opts, const struct room_config *defaults, struct arena *arena,
    struct room_saved *saved_r, struct err *err);
/* For features of rooms: takes {key,value} out of others. false: it is not there, or is no such tuple. value_r: the
 * value as text, for term_read (base/term.h); in arena. */
bool room_others_take(struct strbuf *others, const char *key, struct arena *arena, struct str *value_r);
/* Puts {key,value} behind the others. value: a term as text; see term_put_binary and its like. */
void room_others_put(struct strbuf *others, const char *key, struct str value);
