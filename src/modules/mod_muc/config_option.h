/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of room_options.def as data, with the two options that have no row there. For config*.c. */
#pragma once

#include "modules/mod_muc/config.h"

enum room_option_kind {
	ROOM_OPTION_BOOL,
	ROOM_OPTION_TEXT,
	ROOM_OPTION_NUMBER,
	ROOM_OPTION_WORD,
	ROOM_OPTION_ROLES, /* presence_broadcast */
	ROOM_OPTION_JIDS,  /* captcha_whitelist */
};

struct room_option {
	const char *name;
	enum room_option_kind kind;
	size_t offset;     /* of the member */
	int64_t def;       /* of a bool, a number, a word by its index, roles */
	const char *words; /* of a word: "anyone|moderators"; NULL */
	const char *field; /* "": it is in no form */
	const char *type, *label;
};

/* In the order of room_options.def; name NULL ends them. */
extern const struct room_option room_options[];
#define ROOM_OPTION_COUNT 32

/* NULL: there is none of that name. */
const struct room_option *room_option_find(struct str name);
bool *room_option_bool(const struct room_option *option, const struct room_config *config);
int64_t *room_option_number(const struct room_option *option, const struct room_config *config);
unsigned *room_option_word(const struct room_option *option, const struct room_config *config);
struct room_word *room_option_text(const struct room_option *option, const struct room_config *config);
/* Numbers that may be none: max_users. */
bool room_option_is_bound(const struct room_option *option);
/* The index-th of words "a|b|c"; ptr NULL: there are not so many. */
struct str room_words_at(const char *words, unsigned index);
/* < 0: it is none of them. */
int room_words_find(const char *words, struct str word, unsigned *index_r);
/* The next of the words in *rest, which commas, spaces and line ends part; empty: there is no more. */
struct str room_words_cut(struct str *rest);
/* The bit of a role in presence_broadcast; 0: there is no such role. */
unsigned room_broadcast_bit(struct str role);
/* Adds a JID as a line of a captcha_whitelist. */
void room_whitelist_add(struct strbuf *list, const struct jid *jid);
/* default_room_options onto *config; options NULL: there are none. < 0 with file, line and column; *config is
 * then half written. */
int room_config_read_options(struct room_config *config, const struct option_node *options, struct err *err);
/* The values of a field, one after the other: *value is NULL before the first one. */
bool room_form_next(const struct xml *field, const struct xml **value, struct str *text_r);
