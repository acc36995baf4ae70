/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/config.h"

#include <assert.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "modules/mod_muc/config_option.h"
#include "stanzad/room.h"

#define MEMBER(name) offsetof(struct room_config, name)

const struct room_option room_options[] = {
#define ROOM_BOOL(name, def, field, label)                                                                   \
	{#name, ROOM_OPTION_BOOL, MEMBER(name), def, NULL, field, "boolean", label},
#define ROOM_TEXT(name, field, type, label)                                                                  \
	{#name, ROOM_OPTION_TEXT, MEMBER(name), 0, NULL, field, type, label},
#define ROOM_NUMBER(name, def, field, label)                                                                 \
	{#name, ROOM_OPTION_NUMBER, MEMBER(name), def, NULL, field, "text-single", label},
#define ROOM_WORD(name, words, def, field, label)                                                            \
	{#name, ROOM_OPTION_WORD, MEMBER(name), def, words, field, "list-single", label},
#include "modules/mod_muc/room_options.def"
#undef ROOM_BOOL
#undef ROOM_TEXT
#undef ROOM_NUMBER
#undef ROOM_WORD
    {"presence_broadcast", ROOM_OPTION_ROLES, MEMBER(presence_broadcast), ROOM_BROADCAST_ALL, NULL,
	"muc#roomconfig_presencebroadcast", "list-multi", "Roles whose presence all see"},
    {"captcha_whitelist", ROOM_OPTION_JIDS, MEMBER(captcha_whitelist), 0, NULL,
	"muc#roomconfig_captcha_whitelist", "jid-multi", "Who enters without a CAPTCHA"},
    {0},
};

_Static_assert(sizeof(room_options) / sizeof(room_options[0]) == ROOM_OPTION_COUNT + 1, "ROOM_OPTION_COUNT");

/* --- by rows ------------------------------------------------------------------------------------------- */

static void *member(const struct room_option *option, const struct room_config *config)
{
	return (char *)(uintptr_t)config + option->offset;
}

bool *room_option_bool(const struct room_option *option, const struct room_config *config)
{
	assert(option->kind == ROOM_OPTION_BOOL);
	return member(option, config);
}

int64_t *room_option_number(const struct room_option *option, const struct room_config *config)
{
	assert(option->kind == ROOM_OPTION_NUMBER);
	return member(option, config);
}

unsigned *room_option_word(const struct room_option *option, const struct room_config *config)
{
	assert(option->kind == ROOM_OPTION_WORD || option->kind == ROOM_OPTION_ROLES);
	return member(option, config);
}

static bool has_text(const struct room_option *option)
{
	return option->kind == ROOM_OPTION_TEXT || option->kind == ROOM_OPTION_JIDS;
}

struct room_word *room_option_text(const struct room_option *option, const struct room_config *config)
{
	assert(has_text(option));
	return member(option, config);
}

const struct room_option *room_option_find(struct str name)
{
	for (const struct room_option *option = room_options; option->name; option++)
		if (str_is(name, option->name))
			return option;
	return NULL;
}

bool room_option_is_bound(const struct room_option *option)
{
	return option->offset == MEMBER(max_users);
}

static bool is_anonymous(const struct room_option *option)
{
	return option->offset == MEMBER(anonymous);
}

/* --- words --------------------------------------------------------------------------------------------- */

struct str room_words_at(const char *words, unsigned index)
{
	struct str rest = str_of(words), word = str_cut(rest, '|', &rest);
	while (index-- && word.len)
		word = str_cut(rest, '|', &rest);
	return word.len ? word : STR_NULL;
}

int room_words_find(const char *words, struct str word, unsigned *index_r)
{
	struct str each;
	for (unsigned i = 0; (each = room_words_at(words, i)).len; i++) {
		if (!str_eq(each, word))
			continue;
		*index_r = i;
		return 0;
	}
	return -1;
}

struct str room_words_cut(struct str *rest)
{
	static const char between[] = ", \t\r\n";
	while (rest->len && strchr(between, rest->ptr[0]))
		*rest = (struct str){rest->ptr + 1, rest->len - 1};
	struct str word = {rest->ptr, 0};
	while (word.len < rest->len && !strchr(between, word.ptr[word.len]))
		word.len++;
	*rest = (struct str){rest->ptr + word.len, rest->len - word.len};
	return word;
}

unsigned room_broadcast_bit(struct str role)
{
	enum room_role value = ROOM_NO_ROLE;
	for (enum room_role each = ROOM_VISITOR; each <= ROOM_MODERATOR; each++)
		if (str_is(role, room_role_text(each)))
			value = each;
	return value == ROOM_NO_ROLE ? 0 : ROOM_BROADCAST(value);
}

void room_whitelist_add(struct strbuf *list, const struct jid *jid)
{
	if (list->len)
		strbuf_char(list, '\n');
	strbuf_str(list, jid_full(jid));
}

/* --- life ---------------------------------------------------------------------------------------------- */

void room_word_set(struct room_word *word, struct str text)
{
	char *old = word->ptr;
	*word = (struct room_word){text.len ? str_dup(text) : NULL, text.len};
	free(old);
}

static void set_plain(struct room_config *config, const struct room_option *option)
{
	if (option->kind == ROOM_OPTION_BOOL)
		*room_option_bool(option, config) = option->def;
	else if (option->kind == ROOM_OPTION_NUMBER)
		*room_option_number(option, config) = option->def;
	else if (!has_text(option))
		*room_option_word(option, config) = (unsigned)option->def;
}

void room_config_init_plain(struct room_config *config)
{
	*config = (struct room_config){0};
	for (const struct room_option *option = room_options; option->name; option++)
		set_plain(config, option);
}

void room_config_fini(struct room_config *config)
{
	for (const struct room_option *option = room_options; option->name; option++)
		if (has_text(option))
			room_word_set(room_option_text(option, config), STR_NULL);
}

void room_config_copy(struct room_config *config, const struct room_config *from)
{
	struct room_config copy = *from;
	if (config == from)
		return;
	for (const struct room_option *option = room_options; option->name; option++) {
		if (!has_text(option))
			continue;
		*room_option_text(option, &copy) = (struct room_word){0};
		room_word_set(room_option_text(option, &copy), room_word(room_option_text(option, from)));
	}
	room_config_fini(config);
	*config = copy;
}

/* --- by name ------------------------------------------------------------------------------------------- */

static void put_roles(struct strbuf *out, unsigned roles)
{
	for (enum room_role role = ROOM_MODERATOR; role > ROOM_NO_ROLE; role--) {
		if (!(roles & ROOM_BROADCAST(role)))
			continue;
		if (out->len)
			strbuf_char(out, ',');
		strbuf_cstr(out, room_role_text(role));
	}
}

static void put_list(struct strbuf *out, struct str list)
{
	for (struct str word = room_words_cut(&list); word.len; word = room_words_cut(&list)) {
		if (out->len)
			strbuf_char(out, ',');
		strbuf_str(out, word);
	}
}

static void put_number(struct strbuf *out, int64_t number)
{
	if (number == OPTION_INFINITE)
		strbuf_cstr(out, "none");
	else
		strbuf_u64(out, (uint64_t)number);
}

/* ejabberd's word for a hash that is not known. */
static bool may_be_undefined(const struct room_option *option)
{
	return option->offset == MEMBER(vcard_xupdate);
}

static void put_text(struct strbuf *out, const struct room_config *config, const struct room_option *option)
{
	struct str text = room_word(room_option_text(option, config));
	strbuf_str(out, text.len == 0 && may_be_undefined(option) ? STR("undefined") : text);
}

static void put_value(struct strbuf *out, const struct room_config *config, const struct room_option *option)
{
	switch (option->kind) {
	case ROOM_OPTION_BOOL:
		strbuf_cstr(out, *room_option_bool(option, config) ? "true" : "false");
		break;
	case ROOM_OPTION_TEXT:
		put_text(out, config, option);
		break;
	case ROOM_OPTION_NUMBER:
		put_number(out, *room_option_number(option, config));
		break;
	case ROOM_OPTION_WORD:
		if (is_anonymous(option))
			strbuf_cstr(out, config->anonymous == ROOM_WHOIS_MODERATORS ? "true" : "false");
		else
			strbuf_str(out, room_words_at(option->words, *room_option_word(option, config)));
		break;
	case ROOM_OPTION_ROLES:
		put_roles(out, *room_option_word(option, config));
		break;
	case ROOM_OPTION_JIDS:
		put_list(out, room_word(room_option_text(option, config)));
		break;
	}
}

void room_config_each(
    const struct room_config *config, void (*each)(void *arg, const char *name, struct str value), void *arg)
{
	struct strbuf value = {0};
	for (const struct room_option *option = room_options; option->name; option++) {
		strbuf_reset(&value);
		put_value(&value, config, option);
		each(arg, option->name, value.len ? strbuf_view(&value) : STR(""));
	}
	strbuf_fini(&value);
}

bool room_config_flag(const struct room_config *config, const char *name)
{
	const struct room_option *option = room_option_find(str_of(name));
	assert(option);
	return is_anonymous(option) ? config->anonymous == ROOM_WHOIS_MODERATORS
				    : *room_option_bool(option, config);
}

struct str room_config_text(const struct room_config *config, const char *name)
{
	const struct room_option *option = room_option_find(str_of(name));
	assert(option);
	if (option->kind == ROOM_OPTION_WORD)
		return room_words_at(option->words, *room_option_word(option, config));
	return room_word(room_option_text(option, config));
}

/* --- setting by name ----------------------------------------------------------------------------------- */

static int wrong(struct str name, struct err *err, const char *wanted)
{
	return err_set(err, "option %.*s of a room: wanted %s", STR_FMT(name), wanted);
}

static bool read_bool(struct str value, bool *bool_r)
{
	static const char *const words[] = {"false", "true", "off", "on", "no", "yes", "0", "1"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!str_ieq(value, str_of(words[i])))
			continue;
		*bool_r = i % 2;
		return true;
	}
	return false;
}

static int set_number(
    struct room_config *config, const struct room_option *option, struct str value, struct err *err)
{
	uint64_t number;
	bool endless = str_is(value, "none") || str_is(value, "infinity") || str_is(value, "infinite") ||
		       str_is(value, "unlimited");
	if (endless && room_option_is_bound(option)) {
		*room_option_number(option, config) = OPTION_INFINITE;
		return 0;
	}
	if (!str_to_u64(value, &number) || number > INT32_MAX || (!number && room_option_is_bound(option)))
		return wrong(str_of(option->name), err,
		    room_option_is_bound(option) ? "a number from 1 on, or none" : "a number from 0 on");
	*room_option_number(option, config) = (int64_t)number;
	return 0;
}

static int set_word(
    struct room_config *config, const struct room_option *option, struct str value, struct err *err)
{
	bool anonymous;
	if (is_anonymous(option)) {
		if (!read_bool(value, &anonymous))
			return wrong(str_of(option->name), err, "true or false");
		config->anonymous = anonymous ? ROOM_WHOIS_MODERATORS : ROOM_WHOIS_ANYONE;
		return 0;
	}
	if (room_words_find(option->words, value, room_option_word(option, config)) < 0)
		return wrong(str_of(option->name), err, option->words);
	return 0;
}

/* A list may stand in brackets. */
static struct str without_brackets(struct str value)
{
	value = str_trim(value);
	bool both = value.len > 1 && value.ptr[0] == '[' && value.ptr[value.len - 1] == ']';
	return both ? (struct str){value.ptr + 1, value.len - 2} : value;
}

static int set_roles(
    struct room_config *config, const struct room_option *option, struct str value, struct err *err)
{
	unsigned roles = 0;
	struct str rest = without_brackets(value);
	for (struct str word = room_words_cut(&rest); word.len; word = room_words_cut(&rest)) {
		unsigned bit = room_broadcast_bit(word);
		if (!bit)
			return wrong(str_of(option->name), err, "a list of moderator, participant, visitor");
		roles |= bit;
	}
	*room_option_word(option, config) = roles;
	return 0;
}

static int set_jids(
    struct room_config *config, const struct room_option *option, struct str value, struct err *err)
{
	struct arena arena = {0};
	struct strbuf list = {0};
	struct str rest = without_brackets(value);
	int result = 0;
	for (struct str word = room_words_cut(&rest); word.len && result == 0; word = room_words_cut(&rest)) {
		struct jid jid;
		result = jid_parse(word, &arena, &jid, err);
		if (result == 0)
			room_whitelist_add(&list, &jid);
		else
			err_prefix(err, "option %s of a room: %.*s", option->name, STR_FMT(word));
	}
	if (result == 0)
		room_word_set(room_option_text(option, config), strbuf_view(&list));
	strbuf_fini(&list);
	arena_fini(&arena);
	return result;
}

static int set_text(
    struct room_config *config, const struct room_option *option, struct str value, struct err *err)
{
	bool none = may_be_undefined(option) && str_is(value, "undefined");
	if (!utf8_valid(value))
		return wrong(str_of(option->name), err, "UTF-8");
	room_word_set(room_option_text(option, config), none ? STR_NULL : value);
	return 0;
}

static int set_bool(
    struct room_config *config, const struct room_option *option, struct str value, struct err *err)
{
	return read_bool(value, room_option_bool(option, config))
		   ? 0
		   : wrong(str_of(option->name), err, "true or false");
}

/* What allowpm was until it had more words than two. */
static int set_old_allowpm(struct room_config *config, struct str value, struct err *err)
{
	bool allowed;
	if (!read_bool(value, &allowed))
		return wrong(STR("allow_private_messages"), err, "true or false");
	config->allowpm = allowed ? ROOM_PM_ANYONE : ROOM_PM_NONE;
	return 0;
}

int room_config_set(struct room_config *config, struct str name, struct str value, struct err *err)
{
	static int (*const by_kind[])(
	    struct room_config *, const struct room_option *, struct str, struct err *) = {
	    [ROOM_OPTION_BOOL] = set_bool,
	    [ROOM_OPTION_TEXT] = set_text,
	    [ROOM_OPTION_NUMBER] = set_number,
	    [ROOM_OPTION_WORD] = set_word,
	    [ROOM_OPTION_ROLES] = set_roles,
	    [ROOM_OPTION_JIDS] = set_jids,
	};
	const struct room_option *option = room_option_find(name);
	if (str_is(name, "allow_private_messages"))
		return set_old_allowpm(config, value, err);
	if (!option)
		return err_set(err, "a room has no option %.*s", STR_FMT(name));
	return by_kind[option->kind](config, option, value, err);
}
