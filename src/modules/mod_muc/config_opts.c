/* SPDX-License-Identifier: Apache-2.0 */
#include "base/term.h"
#include "modules/mod_muc/config_option.h"
#include "stanzad/room.h"

/* Affiliations of what is no JID here: kept among the others while they are in memory, written where they
 * were. */
#define KEPT_AFFILIATIONS "unread_affiliations"
/* What allowpm was until it had more words than true and false. */
#define OLD_ALLOWPM "allow_private_messages"

/* --- writing ------------------------------------------------------------------------------------------- */

static void put_key(struct strbuf *out, const char *key)
{
	strbuf_cstr(out, out->len && out->ptr[out->len - 1] == '}' ? ",{" : "{");
	strbuf_cstr(out, key);
	strbuf_char(out, ',');
}

static void put_bool(struct strbuf *out, bool value)
{
	strbuf_cstr(out, value ? "true" : "false");
}

/* "local@domain" as {<<"local">>,<<"domain">>,<<>>}. */
static void put_jid(struct strbuf *out, struct str text)
{
	struct str rest, bare = str_cut(text, '/', &rest), domain, local = str_cut(bare, '@', &domain);
	bool has_local = local.len < bare.len;
	strbuf_char(out, '{');
	term_put_binary(out, has_local ? local : STR_NULL);
	strbuf_char(out, ',');
	term_put_binary(out, has_local ? domain : bare);
	strbuf_char(out, ',');
	term_put_binary(out, rest);
	strbuf_char(out, '}');
}

static void put_jids(struct strbuf *out, struct str list)
{
	const char *between = "";
	strbuf_char(out, '[');
	while (list.len) {
		struct str line = str_cut(list, '\n', &list);
		strbuf_cstr(out, between);
		put_jid(out, line);
		between = ",";
	}
	strbuf_char(out, ']');
}

static void put_roles(struct strbuf *out, unsigned roles)
{
	const char *between = "";
	strbuf_char(out, '[');
	for (enum room_role role = ROOM_MODERATOR; role > ROOM_NO_ROLE; role--) {
		if (!(roles & ROOM_BROADCAST(role)))
			continue;
		strbuf_cstr(out, between);
		strbuf_cstr(out, room_role_text(role));
		between = ",";
	}
	strbuf_char(out, ']');
}

static bool is_hash(const struct room_option *option)
{
	return str_is(str_of(option->name), "vcard_xupdate");
}

static void put_text(struct strbuf *out, const struct room_option *option, struct str text)
{
	if (is_hash(option) && text.len == 0)
		strbuf_cstr(out, "undefined");
	else if (is_hash(option) && str_is(text, "external"))
		strbuf_cstr(out, "external");
	else
		term_put_binary(out, text);
}

static void put_number(struct strbuf *out, int64_t number)
{
	if (number == OPTION_INFINITE)
		strbuf_cstr(out, "none");
	else
		strbuf_u64(out, (uint64_t)number);
}

static bool is_anonymous(const struct room_option *option)
{
	return str_is(str_of(option->name), "anonymous");
}

static void put_value(struct strbuf *out, const struct room_option *option, const struct room_config *config)
{
	if (option->kind == ROOM_OPTION_BOOL)
		put_bool(out, *room_option_bool(option, config));
	else if (option->kind == ROOM_OPTION_TEXT)
		put_text(out, option, room_word(room_option_text(option, config)));
	else if (option->kind == ROOM_OPTION_NUMBER)
		put_number(out, *room_option_number(option, config));
	else if (option->kind == ROOM_OPTION_ROLES)
		put_roles(out, *room_option_word(option, config));
	else if (option->kind == ROOM_OPTION_JIDS)
		put_jids(out, room_word(room_option_text(option, config)));
	else if (is_anonymous(option))
		put_bool(out, config->anonymous == ROOM_WHOIS_MODERATORS);
	else
		strbuf_str(out, room_words_at(option->words, *room_option_word(option, config)));
}

static void put_affiliation(struct strbuf *out, const struct room_saved_affiliation *one)
{
	strbuf_char(out, '{');
	put_jid(out, one->jid);
	strbuf_printf(out, ",{%s,", room_affiliation_text(one->affiliation));
	term_put_binary(out, one->reason);
	strbuf_cstr(out, "}}");
}

/* kept: a list as text, or empty. */
static void put_affiliations(struct strbuf *out, const struct room_saved *saved, struct str kept)
{
	const char *between = "";
	put_key(out, "affiliations");
	strbuf_char(out, '[');
	for (size_t i = 0; i < saved->affiliation_count; i++) {
		strbuf_cstr(out, between);
		put_affiliation(out, &saved->affiliations[i]);
		between = ",";
	}
	if (kept.len > 2) {
		strbuf_cstr(out, between);
		strbuf_add(out, kept.ptr + 1, kept.len - 2);
	}
	strbuf_cstr(out, "]}");
}

static void put_subject(struct strbuf *out, const struct room_saved *saved)
{
	put_key(out, "subject");
	strbuf_char(out, '[');
	if (saved->subject.len) {
		strbuf_cstr(out, "{text,<<>>,");
		term_put_binary(out, saved->subject);
		strbuf_char(out, '}');
	}
	strbuf_cstr(out, "]}");
	put_key(out, "subject_author");
	term_put_binary(out, saved->subject_author);
	strbuf_char(out, '}');
	put_key(out, "hibernation_time");
	if (saved->hibernated_us)
		strbuf_u64(out, (uint64_t)saved->hibernated_us);
	else
		strbuf_cstr(out, "undefined");
	strbuf_char(out, '}');
}

static void put_options(struct strbuf *out, const struct room_config *config)
{
	for (const struct room_option *option = room_options; option->name; option++) {
		if (str_is(str_of(option->name), "allowpm")) {
			put_key(out, OLD_ALLOWPM);
			put_bool(out, config->allowpm != ROOM_PM_NONE);
			strbuf_char(out, '}');
		}
		put_key(out, option->name);
		put_value(out, option, config);
		strbuf_char(out, '}');
	}
}

void room_saved_write(struct strbuf *out, const struct room_saved *saved)
{
	struct strbuf others = {0};
	struct arena arena = {0};
	struct str kept = STR_NULL;
	strbuf_str(&others, saved->others);
	room_others_take(&others, KEPT_AFFILIATIONS, &arena, &kept);
	strbuf_char(out, '[');
	put_options(out, &saved->config);
	put_affiliations(out, saved, kept);
	put_subject(out, saved);
	if (others.len) {
		strbuf_char(out, ',');
		strbuf_str(out, strbuf_view(&others));
	}
	strbuf_char(out, ']');
	strbuf_fini(&others);
	arena_fini(&arena);
}

/* --- the others ---------------------------------------------------------------------------------------- */

static void add_other(struct strbuf *others, struct str tuple)
{
	if (others->len)
		strbuf_char(others, ',');
	strbuf_str(others, tuple);
}

void room_others_put(struct strbuf *others, const char *key, struct str value)
{
	if (others->len)
		strbuf_char(others, ',');
	strbuf_char(others, '{');
	term_put_atom(others, str_of(key));
	strbuf_char(others, ',');
	strbuf_str(others, value);
	strbuf_char(others, '}');
}

bool room_others_take(struct strbuf *others, const char *key, struct arena *arena, struct str *value_r)
{
	struct strbuf list = {0}, rest = {0};
	const struct term *term = NULL, *value = NULL;
	if (!others->len)
		return false;
	strbuf_char(&list, '[');
	strbuf_str(&list, strbuf_view(others));
	strbuf_char(&list, ']');
	if (term_read(strbuf_view(&list), &term_limits_default, arena, &term, NULL) == 0)
		value = term_find(term, key);
	for (const struct term *each = value ? term->items : NULL; each; each = each->next)
		if (!term_is_tuple(each, 2) || !term_is_atom(each->items, key))
			add_other(&rest, each->source);
	strbuf_fini(&list);
	if (!value)
		return false;
	*value_r = value->source;
	strbuf_fini(others);
	*others = rest;
	return true;
}

/* --- reading ------------------------------------------------------------------------------------------- */

struct reading {
	struct arena *arena;
	struct room_saved *saved;
	struct strbuf others, kept;
	const struct term *old_allowpm;
	bool has_allowpm;
};

/* {<<"local">>,<<"domain">>,<<"resource">>}, of which the last may be missing. */
static bool read_jid(const struct term *term, struct arena *arena, struct jid *jid_r)
{
	struct str local, domain, resource = STR_NULL;
	if (!term_is_tuple(term, 3) && !term_is_tuple(term, 2))
		return false;
	return term_bytes(term_item(term, 0), &local) && term_bytes(term_item(term, 1), &domain) &&
	       (term->count == 2 || term_bytes(term_item(term, 2), &resource)) &&
	       jid_make(local, domain, resource, arena, jid_r, NULL) == 0;
}

static bool read_jids(const struct term *term, struct arena *arena, struct room_word *word)
{
	struct strbuf list = {0};
	struct jid jid;
	bool good = term_is_list(term);
	for (const struct term *item = good ? term->items : NULL; good && item; item = item->next) {
		good = read_jid(item, arena, &jid);
		if (good)
			room_whitelist_add(&list, &jid);
	}
	if (good)
		room_word_set(word, strbuf_view(&list));
	strbuf_fini(&list);
	return good;
}

static bool read_roles(const struct term *term, unsigned *roles_r)
{
	unsigned roles = 0;
	bool one = term->kind == TERM_ATOM;
	if (!one && !term_is_list(term))
		return false;
	for (const struct term *item = one ? term : term->items; item; item = one ? NULL : item->next) {
		unsigned bit = item->kind == TERM_ATOM ? room_broadcast_bit(item->text) : 0;
		if (!bit)
			return false;
		roles |= bit;
	}
	*roles_r = roles;
	return true;
}

static bool read_text(const struct room_option *option, const struct term *term, struct room_word *word)
{
	struct str text = STR("");
	bool known = term_is_atom(term, "undefined");
	if (is_hash(option) && term_is_atom(term, "external")) {
		text = term->text;
		known = true;
	}
	if (!known && !term_bytes(term, &text))
		return false;
	room_word_set(word, text);
	return true;
}

static bool read_number(const struct room_option *option, const struct term *term, int64_t *number_r)
{
	int64_t number;
	if (room_option_is_bound(option) && (term_is_atom(term, "none") || term_is_atom(term, "infinity"))) {
		*number_r = OPTION_INFINITE;
		return true;
	}
	if (!term_int(term, &number) || number < 0)
		return false;
	*number_r = number;
	return true;
}

static bool read_word(const struct room_option *option, const struct term *term, unsigned *word)
{
	bool anonymous;
	if (!is_anonymous(option))
		return term->kind == TERM_ATOM && room_words_find(option->words, term->text, word) == 0;
	if (!term_bool(term, &anonymous))
		return false;
	*word = anonymous ? ROOM_WHOIS_MODERATORS : ROOM_WHOIS_ANYONE;
	return true;
}

static bool read_option(struct reading *reading, const struct room_option *option, const struct term *term)
{
	const struct room_config *config = &reading->saved->config;
	switch (option->kind) {
	case ROOM_OPTION_BOOL:
		return term_bool(term, room_option_bool(option, config));
	case ROOM_OPTION_TEXT:
		return read_text(option, term, room_option_text(option, config));
	case ROOM_OPTION_NUMBER:
		return read_number(option, term, room_option_number(option, config));
	case ROOM_OPTION_ROLES:
		return read_roles(term, room_option_word(option, config));
	case ROOM_OPTION_JIDS:
		return read_jids(term, reading->arena, room_option_text(option, config));
	case ROOM_OPTION_WORD:
		break;
	}
	bool good = read_word(option, term, room_option_word(option, config));
	reading->has_allowpm |= good && str_is(str_of(option->name), "allowpm");
	return good;
}

/* {{<<"user">>,<<"host">>,<<>>},{owner,<<"reason">>}}, or owner alone. */
static bool read_affiliation(const struct term *term, struct arena *arena, struct room_saved_affiliation *one)
{
	const struct term *value = term_item(term, 1);
	struct jid jid;
	struct str word;
	if (!term_is_tuple(term, 2) || !read_jid(term->items, arena, &jid))
		return false;
	one->reason = STR("");
	if (term_is_tuple(value, 2)) {
		if (!term_bytes(term_item(value, 1), &one->reason))
			return false;
		value = value->items;
	}
	one->jid = jid_bare(&jid);
	word = value->kind == TERM_ATOM ? value->text : STR("");
	return room_affiliation_read(word, &one->affiliation) == 0;
}

static bool read_affiliations(struct reading *reading, const struct term *list)
{
	struct room_saved *saved = reading->saved;
	if (!term_is_list(list))
		return false;
	saved->affiliations = arena_alloc(reading->arena, (list->count + 1) * sizeof(*saved->affiliations));
	saved->affiliation_count = 0;
	strbuf_reset(&reading->kept);
	for (const struct term *item = list->items; item; item = item->next)
		if (read_affiliation(item, reading->arena, &saved->affiliations[saved->affiliation_count]))
			saved->affiliation_count++;
		else
			add_other(&reading->kept, item->source);
	return true;
}

/* [{text,<<"lang">>,<<"...">>},...], of which the one without a language comes first; before, a binary alone.
 */
static bool read_subject(struct room_saved *saved, const struct term *term)
{
	struct str lang, text, best = STR("");
	if (term_bytes(term, &saved->subject))
		return true;
	if (!term_is_list(term))
		return false;
	for (const struct term *item = term->items; item; item = item->next) {
		if (!term_is_tuple(item, 3) || !term_bytes(term_item(item, 1), &lang) ||
		    !term_bytes(term_item(item, 2), &text))
			return false;
		if (item == term->items || lang.len == 0)
			best = text;
	}
	saved->subject = best;
	return true;
}

/* <<"nick">>, or {<<"nick">>,their JID}. */
static bool read_author(struct room_saved *saved, const struct term *term)
{
	return term_bytes(term_is_tuple(term, 2) ? term->items : term, &saved->subject_author);
}

static bool read_hibernation(struct room_saved *saved, const struct term *term)
{
	if (term_is_atom(term, "undefined"))
		return true;
	return term_int(term, &saved->hibernated_us);
}

static bool read_known(struct reading *reading, struct str key, const struct term *value)
{
	const struct room_option *option = room_option_find(key);
	if (option)
		return read_option(reading, option, value);
	if (str_is(key, OLD_ALLOWPM)) {
		reading->old_allowpm = value;
		return true;
	}
	if (str_is(key, "affiliations"))
		return read_affiliations(reading, value);
	if (str_is(key, "subject"))
		return read_subject(reading->saved, value);
	if (str_is(key, "subject_author"))
		return read_author(reading->saved, value);
	return str_is(key, "hibernation_time") && read_hibernation(reading->saved, value);
}

static void finish(struct reading *reading)
{
	bool allowed;
	if (reading->old_allowpm && !reading->has_allowpm && term_bool(reading->old_allowpm, &allowed))
		reading->saved->config.allowpm = allowed ? ROOM_PM_ANYONE : ROOM_PM_NONE;
	if (!reading->kept.len)
		return;
	struct strbuf list = {0};
	strbuf_char(&list, '[');
	strbuf_str(&list, strbuf_view(&reading->kept));
	strbuf_char(&list, ']');
	room_others_put(&reading->others, KEPT_AFFILIATIONS, strbuf_view(&list));
	strbuf_fini(&list);
}

static void read_list(struct reading *reading, const struct term *list)
{
	for (const struct term *item = list->items; item; item = item->next)
		if (!term_is_tuple(item, 2) || item->items->kind != TERM_ATOM ||
		    !read_known(reading, item->items->text, item->items->next))
			add_other(&reading->others, item->source);
	finish(reading);
}

int room_saved_read(struct str opts, const struct room_config *defaults, struct arena *arena,
    struct room_saved *saved_r, struct err *err)
{
	struct reading reading = {.arena = arena, .saved = saved_r};
	const struct term *list = NULL;
	*saved_r = (struct room_saved){0};
	room_config_copy(&saved_r->config, defaults);
	if (term_read(opts, &term_limits_default, arena, &list, err) < 0)
		return err_prefix(err, "options of a room");
	if (!term_is_list(list))
		return err_set(err, "options of a room: no list");
	read_list(&reading, list);
	saved_r->others = arena_str(arena, strbuf_view(&reading.others));
	strbuf_fini(&reading.others);
	strbuf_fini(&reading.kept);
	return 0;
}
