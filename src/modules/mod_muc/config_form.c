/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/config_option.h"
#include "modules/mod_muc/muc.h"
#include "stanzad/form.h"

#define NS_ROOMCONFIG NS_MUC "#roomconfig"
#define PREFIX "muc#roomconfig_"
#define LANG_MAX 64
#define PUBSUB_MAX 4096
#define SECONDS_MAX INT32_MAX

/* How a word of an option is called. */
static const struct {
	const char *word, *label;
} labels[] = {
    {"anyone", "Anyone"},
    {"moderator", "Moderator"},
    {"moderators", "Moderators only"},
    {"nobody", "Nobody"},
    {"none", "Nobody"},
    {"participant", "Participant"},
    {"participants", "Those with voice"},
    {"visitor", "Visitor"},
};

static const int64_t room_sizes[] = {5, 10, 20, 30, 50, 100, 200, 500, 1000, 2000, 5000, 10000};

/* --- the form ------------------------------------------------------------------------------------------ */

static bool is_option(const struct room_option *option, const char *name)
{
	return str_is(str_of(option->name), name);
}

static bool is_offered(const struct room_option *option, const struct room_config_rules *rules)
{
	if (is_option(option, "mam"))
		return rules->can_archive;
	if (is_option(option, "logging"))
		return rules->can_log;
	if (is_option(option, "captcha_protected") || is_option(option, "captcha_whitelist"))
		return rules->can_captcha;
	return option->field[0] != '\0';
}

static void open_field(struct xml_writer *writer, const struct room_option *option, const char *type)
{
	xml_open(writer, "field", NULL);
	xml_put_attr(writer, "var", str_of(option->field));
	xml_put_attr(writer, "type", str_of(type));
	xml_put_attr(writer, "label", str_of(option->label));
}

static void put_value(struct xml_writer *writer, struct str value)
{
	xml_put_element(writer, "value", NULL, value);
}

static void put_choice(struct xml_writer *writer, struct str value, struct str label)
{
	xml_open(writer, "option", NULL);
	xml_put_attr(writer, "label", label);
	put_value(writer, value);
	xml_close(writer);
}

static void put_word_choice(struct xml_writer *writer, struct str word)
{
	struct str label = word;
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (str_is(word, labels[i].word))
			label = str_of(labels[i].label);
	put_choice(writer, word, label);
}

static void put_words(
    struct xml_writer *writer, const struct room_option *option, const struct room_config *config)
{
	struct str word;
	put_value(writer, room_words_at(option->words, *room_option_word(option, config)));
	for (unsigned i = 0; (word = room_words_at(option->words, i)).len; i++)
		put_word_choice(writer, word);
}

static void put_roles(struct xml_writer *writer, unsigned roles)
{
	for (enum room_role role = ROOM_MODERATOR; role > ROOM_NO_ROLE; role--)
		if (roles & ROOM_BROADCAST(role))
			put_value(writer, str_of(room_role_text(role)));
	for (enum room_role role = ROOM_MODERATOR; role > ROOM_NO_ROLE; role--)
		put_word_choice(writer, str_of(room_role_text(role)));
}

static void put_jids(struct xml_writer *writer, struct str list)
{
	for (struct str word = room_words_cut(&list); word.len; word = room_words_cut(&list))
		put_value(writer, word);
}

static struct str number_text(int64_t number, char buf[24])
{
	snprintf(buf, 24, "%lld", (long long)number);
	return number == OPTION_INFINITE ? STR("none") : str_of(buf);
}

static void put_size(struct xml_writer *writer, int64_t size)
{
	char buf[24];
	struct str text = number_text(size, buf);
	put_choice(writer, text, size == OPTION_INFINITE ? STR("As many as the service lets in") : text);
}

/* The usual sizes up to the service's bound, and what there is now. */
static void put_sizes(struct xml_writer *writer, int64_t now, int64_t bound)
{
	bool listed = false;
	char buf[24];
	now = now > bound ? bound : now;
	put_value(writer, number_text(now, buf));
	for (size_t i = 0; i < sizeof(room_sizes) / sizeof(room_sizes[0]) && room_sizes[i] < bound; i++) {
		if (!listed && now < room_sizes[i])
			put_size(writer, now);
		listed |= now <= room_sizes[i];
		put_size(writer, room_sizes[i]);
	}
	if (!listed && now < bound)
		put_size(writer, now);
	put_size(writer, bound);
}

static void put_field(struct xml_writer *writer, const struct room_option *option,
    const struct room_config *config, const struct room_config_rules *rules)
{
	char buf[24];
	bool is_size = room_option_is_bound(option);
	open_field(writer, option, is_size ? "list-single" : option->type);
	if (option->kind == ROOM_OPTION_BOOL)
		put_value(writer, *room_option_bool(option, config) ? STR("1") : STR("0"));
	else if (option->kind == ROOM_OPTION_TEXT)
		put_value(writer, room_word(room_option_text(option, config)));
	else if (option->kind == ROOM_OPTION_WORD)
		put_words(writer, option, config);
	else if (option->kind == ROOM_OPTION_ROLES)
		put_roles(writer, *room_option_word(option, config));
	else if (option->kind == ROOM_OPTION_JIDS)
		put_jids(writer, room_word(room_option_text(option, config)));
	else if (is_size)
		put_sizes(writer, *room_option_number(option, config), rules->max_users);
	else
		put_value(writer, number_text(*room_option_number(option, config), buf));
	xml_close(writer);
}

void room_config_put_form(struct xml_writer *writer, const struct room_config *config,
    const struct room_config_rules *rules, struct str title)
{
	form_open(writer, FORM_FORM, NULL);
	xml_put_element(writer, "title", NULL, title);
	form_put1(writer, "FORM_TYPE", "hidden", STR(NS_ROOMCONFIG));
	for (const struct room_option *option = room_options; option->name; option++)
		if (is_offered(option, rules))
			put_field(writer, option, config, rules);
	xml_close(writer);
}

/* --- 16.5.4 -------------------------------------------------------------------------------------------- */

static void put_flag(struct xml_writer *writer, const char *var, bool flag)
{
	form_put1(writer, var, "boolean", flag ? STR("1") : STR("0"));
}

static void put_text(struct xml_writer *writer, const char *var, const struct room_word *word)
{
	if (word->len)
		form_put1(writer, var, "text-single", room_word(word));
}

void room_config_put_info(struct xml_writer *writer, const struct room_config *config)
{
	form_put1(writer, PREFIX "roomname", "text-single", room_word(&config->title));
	form_put1(writer, "muc#roominfo_description", "text-single", room_word(&config->description));
	put_text(writer, "muc#roominfo_lang", &config->lang);
	put_text(writer, "muc#roominfo_pubsub", &config->pubsub);
	put_text(writer, PREFIX "pubsub", &config->pubsub);
	put_flag(writer, PREFIX "changesubject", config->allow_change_subj);
	put_flag(writer, "muc#roominfo_changesubject", config->allow_change_subj);
	put_flag(writer, "muc#roominfo_subjectmod", config->allow_change_subj);
	put_flag(writer, PREFIX "allowinvites", config->allow_user_invites);
	put_flag(writer, PREFIX "allow_query_users", config->allow_query_users);
	form_put1(writer, PREFIX "allowpm", "list-single", room_config_text(config, "allowpm"));
}

/* --- a submitted form ---------------------------------------------------------------------------------- */

bool room_form_next(const struct xml *field, const struct xml **value, struct str *text_r)
{
	const struct xml *next = *value ? xml_next_element(*value) : xml_first_element(field);
	while (next && !xml_is(next, "value", NS_DATA))
		next = xml_next_element(next);
	if (!next)
		return false;
	*text_r = next->children && next->children->kind == XML_TEXT ? next->children->name : STR("");
	*value = next;
	return true;
}

struct reading {
	const struct room_config_rules *rules;
	const struct room_config *before;
	struct room_config now;
	const struct xml *seen[ROOM_OPTION_COUNT];
	struct stanza_error *error;
};

static int refuse(struct reading *reading, enum stanza_condition condition, const char *text)
{
	*reading->error = (struct stanza_error){.condition = condition, .text = text};
	return -1;
}

static struct str without_prefix(struct str var)
{
	size_t len = str_starts(var, PREFIX) ? strlen(PREFIX) : 0;
	return (struct str){var.ptr + len, var.len - len};
}

/* Fields of other servers and of former versions of ejabberd. */
static struct str current_name(struct str name)
{
	if (str_is(name, "enablearchiving"))
		return STR("mam");
	return str_is(name, "allow_private_messages") ? STR("allowpm") : name;
}

static const struct room_option *option_of(struct str var)
{
	struct str name = current_name(without_prefix(var));
	for (const struct room_option *option = room_options; option->name; option++)
		if (option->field[0] &&
		    (str_is(name, option->name) || str_eq(name, without_prefix(str_of(option->field)))))
			return option;
	return NULL;
}

/* What 16.5.3 has, and is not for here. */
static bool is_passed_over(struct str name)
{
	return str_is(name, "getmemberlist") || str_is(name, "roomadmins") || str_is(name, "roomowners");
}

static size_t characters(struct str text)
{
	size_t count = 0;
	for (size_t i = 0; i < text.len; i++)
		count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
	return count;
}

static int64_t longest(const struct room_option *option, const struct room_config_rules *rules)
{
	if (is_option(option, "title"))
		return rules->max_name;
	if (is_option(option, "description"))
		return rules->max_desc;
	if (is_option(option, "password"))
		return rules->max_password;
	if (is_option(option, "captcha_whitelist"))
		return rules->max_whitelist;
	return is_option(option, "lang") ? LANG_MAX : PUBSUB_MAX;
}

static int set_text(struct reading *reading, const struct room_option *option, struct str text)
{
	int64_t most = longest(option, reading->rules);
	if (most != OPTION_INFINITE && characters(text) > (uint64_t)most)
		return refuse(reading, SE_not_acceptable, "a text is too long");
	room_word_set(room_option_text(option, &reading->now), text);
	return 0;
}

static bool read_bool(struct str value, bool *value_r)
{
	*value_r = str_is(value, "1") || str_is(value, "true");
	return *value_r || str_is(value, "0") || str_is(value, "false");
}

/* XEP-0045 has allowpm as a list of words; a boolean is what came before. */
static int set_word(struct reading *reading, const struct room_option *option, struct str value)
{
	unsigned *word = room_option_word(option, &reading->now);
	bool flag;
	if (room_words_find(option->words, value, word) == 0)
		return 0;
	if (!is_option(option, "allowpm") || !read_bool(value, &flag))
		return refuse(reading, SE_not_acceptable, "a word that the form does not offer");
	*word = flag ? ROOM_PM_ANYONE : ROOM_PM_NONE;
	return 0;
}

static int set_size(struct reading *reading, const struct room_option *option, struct str value)
{
	int64_t bound = reading->rules->max_users, *size = room_option_number(option, &reading->now);
	uint64_t number;
	if (value.len == 0 || str_is(value, "none")) {
		*size = bound;
		return 0;
	}
	if (!str_to_u64(value, &number))
		return refuse(reading, SE_bad_request, "the size of the room is no number");
	if (number == (uint64_t)*size)
		return 0;
	if (number == 0 || number > INT32_MAX || (bound != OPTION_INFINITE && number > (uint64_t)bound))
		return refuse(reading, SE_not_acceptable, "the service has no rooms of that size");
	*size = (int64_t)number;
	return 0;
}

static int set_number(struct reading *reading, const struct room_option *option, struct str value)
{
	uint64_t number;
	if (room_option_is_bound(option))
		return set_size(reading, option, value);
	if (!str_to_u64(value, &number))
		return refuse(reading, SE_bad_request, "a value is no number");
	if (number > SECONDS_MAX)
		return refuse(reading, SE_not_acceptable, "a number is too large");
	*room_option_number(option, &reading->now) = (int64_t)number;
	return 0;
}

static int set_bool(struct reading *reading, const struct room_option *option, struct str value)
{
	if (!read_bool(value, room_option_bool(option, &reading->now)))
		return refuse(reading, SE_bad_request, "a value is neither true nor false");
	return 0;
}

static int set_roles(struct reading *reading, const struct room_option *option, const struct xml *field)
{
	unsigned roles = 0;
	const struct xml *value = NULL;
	struct str role;
	while (room_form_next(field, &value, &role)) {
		if (!room_broadcast_bit(role))
			return refuse(reading, SE_not_acceptable, "a role that there is not");
		roles |= room_broadcast_bit(role);
	}
	*room_option_word(option, &reading->now) = roles;
	return 0;
}

/* Empty lines of a jid-multi are nothing. */
static int set_jids(struct reading *reading, const struct room_option *option, const struct xml *field)
{
	struct arena arena = {0};
	struct strbuf list = {0};
	const struct xml *value = NULL;
	struct str text;
	int result = 0;
	while (result == 0 && room_form_next(field, &value, &text)) {
		struct jid jid;
		text = str_trim(text);
		if (text.len && jid_parse(text, &arena, &jid, NULL) < 0)
			result = refuse(reading, SE_bad_request, "a value is no JID");
		else if (text.len)
			room_whitelist_add(&list, &jid);
	}
	if (result == 0)
		result = set_text(reading, option, strbuf_view(&list));
	strbuf_fini(&list);
	arena_fini(&arena);
	return result;
}

/* A field without a value is one that was not filled in: a text is empty then, all else stays. */
static int set_single(struct reading *reading, const struct room_option *option, const struct xml *field)
{
	struct str value = form_value_at(field, 0);
	if (form_value_at(field, 1).ptr)
		return refuse(reading, SE_bad_request, "a field has more than one value");
	if (option->kind == ROOM_OPTION_TEXT)
		return set_text(reading, option, value);
	if (!value.ptr)
		return 0;
	if (option->kind == ROOM_OPTION_BOOL)
		return set_bool(reading, option, value);
	return option->kind == ROOM_OPTION_WORD ? set_word(reading, option, value)
						: set_number(reading, option, value);
}

/* Once by each name is enough, and both must say the same. */
static int note_field(struct reading *reading, const struct room_option *option, const struct xml *field)
{
	const struct xml **seen = &reading->seen[option - room_options];
	if (*seen && (str_eq(xml_attr(*seen, "var"), xml_attr(field, "var")) ||
			 !str_eq(form_value_at(*seen, 0), form_value_at(field, 0))))
		return refuse(reading, SE_bad_request, "a field is there twice");
	*seen = field;
	return 0;
}

static int read_field(struct reading *reading, const struct xml *field)
{
	struct str var = xml_attr_s(field, "var");
	const struct room_option *option = option_of(var);
	if (!option && str_starts(var, PREFIX) && !is_passed_over(without_prefix(var)))
		return refuse(reading, SE_not_acceptable, "a field that the form does not have");
	if (!option)
		return 0;
	if (note_field(reading, option, field) < 0)
		return -1;
	if (option->kind == ROOM_OPTION_ROLES)
		return set_roles(reading, option, field);
	return option->kind == ROOM_OPTION_JIDS ? set_jids(reading, option, field)
						: set_single(reading, option, field);
}

/* What cannot be here may stay or be taken back, and no more. */
static int check_allowed(struct reading *reading)
{
	const struct room_config_rules *rules = reading->rules;
	const struct room_config *before = reading->before, *now = &reading->now;
	bool more_archive = now->mam && !before->mam, more_log = now->logging && !before->logging;
	bool more_captcha = now->captcha_protected && !before->captcha_protected;
	if ((now->persistent != before->persistent && !rules->may_persist) ||
	    (now->mam != before->mam && !rules->may_archive) ||
	    (now->logging != before->logging && !rules->may_log))
		return refuse(reading, SE_forbidden, "this is not for you to change");
	if ((more_archive && !rules->can_archive) || (more_log && !rules->can_log) ||
	    (more_captcha && !rules->can_captcha))
		return refuse(reading, SE_not_acceptable, "the service does not do that");
	if (now->password_protected && now->password.len == 0)
		return refuse(reading, SE_not_acceptable, "there is no password");
	return 0;
}

static int read_fields(struct reading *reading, const struct xml *x)
{
	for (const struct xml *field = xml_first_element(x); field; field = xml_next_element(field))
		if (xml_is(field, "field", NS_DATA) && read_field(reading, field) < 0)
			return -1;
	return check_allowed(reading);
}

int room_config_read_form(const struct xml *x, const struct room_config_rules *rules,
    struct room_config *config, struct stanza_error *error_r)
{
	struct reading reading = {.rules = rules, .before = config, .error = error_r};
	enum form_type type;
	if (form_type(x, &type, NULL) < 0 || type != FORM_SUBMIT)
		return refuse(&reading, SE_bad_request, "this is no submitted form");
	if (form_namespace(x).len && !str_is(form_namespace(x), NS_ROOMCONFIG))
		return refuse(&reading, SE_bad_request, "this form is for something else");
	room_config_copy(&reading.now, config);
	int result = read_fields(&reading, x);
	if (result == 0)
		room_config_copy(config, &reading.now);
	room_config_fini(&reading.now);
	return result;
}
