/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/config.h"

#include "conf_load.h"
#include "modules/mod_muc/config_option.h"
#include "modules/mod_muc/muc.h"
#include "stanzad/form.h"

static struct room_config config;
static struct err err;
static const struct room_config_rules all = {
    .may_persist = true,
    .may_archive = true,
    .may_log = true,
    .can_archive = true,
    .can_log = true,
    .can_captcha = true,
    .max_users = 200,
    .max_name = 10,
    .max_desc = OPTION_INFINITE,
    .max_password = 8,
    .max_whitelist = 20,
};

static void fresh(void)
{
	room_config_fini(&config);
	room_config_init_plain(&config);
}

/* --- by name --- */

static void put_pair(void *arg, const char *name, struct str value)
{
	strbuf_printf(arg, "%s=%.*s\n", name, STR_FMT(value));
}

static void is_all(const char *want)
{
	struct strbuf out = {0};
	room_config_each(&config, put_pair, &out);
	is_text(strbuf_view(&out), want);
	strbuf_fini(&out);
}

static void set_ok(const char *name, const char *value)
{
	if (!ok(room_config_set(&config, str_of(name), str_of(value), &err) == 0))
		printf("# %s %s: %s\n", name, value, err.text);
}

static void set_fails(const char *name, const char *value, const char *want)
{
	ok(room_config_set(&config, str_of(name), str_of(value), &err) < 0);
	is_cstr(err.text, want);
}

static const char plain[] =
    "title=\ndescription=\nlang=\npersistent=false\npublic=true\npublic_list=true\npassword_protected=false\n"
    "password=\nmax_users=200\nanonymous=true\nmembers_only=false\nmoderated=true\nmembers_by_default=true\n"
    "allow_change_subj=true\nallowpm=anyone\nallow_private_messages_from_visitors=anyone\nallow_query_users="
    "true\n"
    "allow_user_invites=false\nallow_visitor_status=true\nallow_visitor_nickchange=true\n"
    "allow_voice_requests=true\nvoice_request_min_interval=1800\ncaptcha_protected=false\nmam=false\n"
    "logging=false\nallow_subscription=false\nenable_hats=true\npubsub=\nvcard=\nvcard_xupdate=undefined\n"
    "presence_broadcast=moderator,participant,visitor\ncaptcha_whitelist=\n";

static const char other[] =
    "title=A\ndescription=B "
    "c\nlang=de\npersistent=true\npublic=false\npublic_list=false\npassword_protected=true\n"
    "password=p\nmax_users=none\nanonymous=false\nmembers_only=true\nmoderated=false\nmembers_by_default="
    "false\n"
    "allow_change_subj=false\nallowpm=moderators\nallow_private_messages_from_visitors=nobody\n"
    "allow_query_users=false\nallow_user_invites=true\nallow_visitor_status=false\n"
    "allow_visitor_nickchange=false\nallow_voice_requests=false\nvoice_request_min_interval=0\n"
    "captcha_protected=true\nmam=true\nlogging=true\nallow_subscription=true\nenable_hats=false\npubsub=xmpp:"
    "x\n"
    "vcard=<vCard/"
    ">\nvcard_xupdate=abc\npresence_broadcast=moderator,visitor\ncaptcha_whitelist=a@b,c.example\n";

static void test_names(void)
{
	fresh();
	is_all(plain);
	struct str rest = STR(other);
	while (rest.len) {
		struct str value, name = str_cut(str_cut(rest, '\n', &rest), '=', &value);
		if (!ok(room_config_set(&config, name, value, &err) == 0))
			printf("# %s\n", err.text);
	}
	is_all(other);
	struct room_config copy = {0};
	room_config_copy(&copy, &config);
	fresh();
	is_all(plain);
	room_config_copy(&config, &copy);
	room_config_copy(&config, &config);
	is_all(other);
	room_config_fini(&copy);
}

static void test_types(void)
{
	fresh();
	ok(room_config_flag(&config, "anonymous") && room_config_flag(&config, "moderated"));
	set_ok("anonymous", "no");
	ok(!room_config_flag(&config, "anonymous"));
	is_text(room_config_text(&config, "anonymous"), "anyone");
	is_text(room_config_text(&config, "title"), "");
	set_ok("title", "T");
	is_text(room_config_text(&config, "title"), "T");
	is_text(room_config_text(&config, "vcard_xupdate"), "");
	set_ok("allow_private_messages", "false");
	is_text(room_config_text(&config, "allowpm"), "none");
	set_ok("presence_broadcast", "[visitor, participant]");
	is_int(config.presence_broadcast, ROOM_BROADCAST(ROOM_VISITOR) | ROOM_BROADCAST(ROOM_PARTICIPANT));
	set_ok("presence_broadcast", "[]");
	is_int(config.presence_broadcast, 0);
	set_ok("captcha_whitelist", "A@B.example/R, c.example");
	is_text(room_word(&config.captcha_whitelist), "a@b.example/R\nc.example");
	set_ok("captcha_whitelist", "");
	is_text(room_word(&config.captcha_whitelist), "");
}

static void test_wrong(void)
{
	fresh();
	set_fails("titel", "x", "a room has no option titel");
	set_fails("", "x", "a room has no option ");
	set_fails("persistent", "maybe", "option persistent of a room: wanted true or false");
	set_fails(
	    "allow_private_messages", "x", "option allow_private_messages of a room: wanted true or false");
	set_fails("anonymous", "anyone", "option anonymous of a room: wanted true or false");
	set_fails("allowpm", "all", "option allowpm of a room: wanted anyone|participants|moderators|none");
	set_fails("max_users", "0", "option max_users of a room: wanted a number from 1 on, or none");
	set_fails("max_users", "-1", "option max_users of a room: wanted a number from 1 on, or none");
	set_fails("voice_request_min_interval", "none",
	    "option voice_request_min_interval of a room: wanted a number from 0 on");
	set_fails("presence_broadcast", "moderator,king",
	    "option presence_broadcast of a room: wanted a list of moderator, participant, visitor");
	set_fails("title", "\xff", "option title of a room: wanted UTF-8");
	ok(room_config_set(&config, STR("captcha_whitelist"), STR("a@b,@@"), &err) < 0);
	ok(str_starts(str_of(err.text), "option captcha_whitelist of a room: @@: "));
	is_all(plain);
}

/* --- default_room_options --- */

static int read_options(const char *options)
{
	struct strbuf text = {0};
	strbuf_printf(
	    &text, "hosts: [localhost]\nmodules:\n  mod_muc:\n    default_room_options:\n%s", options);
	struct conf *conf = must_load(text.ptr);
	const struct conf_module *module = conf ? conf_module_find(conf, STR("localhost"), "mod_muc") : NULL;
	fresh();
	int result = module ? room_config_read_options(
				  &config, conf_module_get(module, "default_room_options")->node, &err)
			    : -2;
	conf_unref(&conf);
	strbuf_fini(&text);
	return result;
}

static void test_defaults(void)
{
	ok(read_options(
	       "      title: \"T\"\n      anonymous: false\n      max_users: 20\n      mam: true\n"
	       "      presence_broadcast:\n        - moderator\n        - visitor\n      vcard: {fn: X}\n"
	       "      captcha_whitelist: [a@b]\n      allowpm: participants\n      password: p\n") == 0);
	is_text(room_word(&config.title), "T");
	is_int(config.anonymous, ROOM_WHOIS_ANYONE);
	is_int(config.max_users, 20);
	is_int(config.allowpm, ROOM_PM_PARTICIPANTS);
	is_int(config.presence_broadcast, ROOM_BROADCAST(ROOM_VISITOR) | ROOM_BROADCAST(ROOM_MODERATOR));
	is_text(room_word(&config.captcha_whitelist), "a@b");
	is_text(room_word(&config.vcard), "");
	ok(config.mam && config.password_protected);
	ok(read_options("      password: p\n      password_protected: false\n      vcard: \"<vCard/>\"\n") ==
	    0);
	ok(!config.password_protected);
	is_text(room_word(&config.vcard), "<vCard/>");
	ok(read_options("      presence_broadcast: []\n") == 0);
	is_int(config.presence_broadcast, 0);
}

static void defaults_fail(const char *options, const char *want)
{
	is_int(read_options(options), -1);
	is_cstr(err.text, want);
}

static void test_wrong_defaults(void)
{
	defaults_fail("      title: x\n      titel: x\n", "test:6:7: a room has no option titel");
	defaults_fail("      mam: 7\n", "test:5:7: option mam of a room: wanted true or false");
	defaults_fail("      mam: [true]\n", "test:5:7: option mam of a room: wanted one value");
	defaults_fail("      mam: {a: b}\n", "test:5:7: option mam of a room: wanted one value");
	defaults_fail("      titel: {a: b}\n", "test:5:7: a room has no option titel");
	defaults_fail("      titel: [a]\n", "test:5:7: a room has no option titel");
	defaults_fail("      presence_broadcast: {a: b}\n",
	    "test:5:7: option presence_broadcast of a room: wanted a list");
	defaults_fail("      presence_broadcast: [[a]]\n",
	    "test:5:7: option presence_broadcast of a room: wanted a list of words");
}

/* --- forms --- */

static struct xml_tree *parse(const char *text)
{
	struct xml_tree *tree = xml_parse(str_of(text), NS_CLIENT, &xml_limits_default, NULL, &err);
	if (!tree) {
		printf("Bail out! %s: %s\n", text, err.text);
		exit(1);
	}
	return tree;
}

#define FORM(fields)                                                                                         \
	"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'>"                                     \
	"<value>http://jabber.org/protocol/muc#roomconfig</value></field>" fields "</x>"
#define FIELD(var, value) "<field var='" var "'><value>" value "</value></field>"
#define CONFIG(name, value) FIELD("muc#roomconfig_" name, value)

static int submit_with(const char *form, const struct room_config_rules *rules, struct stanza_error *error)
{
	struct xml_tree *tree = parse(form);
	int result = room_config_read_form(tree->root, rules, &config, error);
	xml_tree_unref(&tree);
	return result;
}

static void submit(const char *form)
{
	struct stanza_error error = {0};
	if (!ok(submit_with(form, &all, &error) == 0))
		printf("# %s: %s\n", stanza_condition_text(error.condition), error.text);
}

static void is_refused(const char *form, const struct room_config_rules *rules, enum stanza_condition want)
{
	struct strbuf before = {0}, after = {0};
	struct stanza_error error = {0};
	room_config_each(&config, put_pair, &before);
	if (ok(submit_with(form, rules, &error) < 0))
		is_cstr(stanza_condition_text(error.condition), stanza_condition_text(want));
	room_config_each(&config, put_pair, &after);
	is_str(strbuf_view(&after), strbuf_view(&before));
	strbuf_fini(&before);
	strbuf_fini(&after);
}

/* XEP-0045 10.1.3 */
static void test_example(void)
{
	fresh();
	submit(FORM(CONFIG("roomname", "Dark Cave") CONFIG("roomdesc", "The place for all good witches!")
		CONFIG("enablelogging", "0") CONFIG("changesubject", "0") CONFIG("allowinvites", "1")
		    CONFIG("allowpm", "moderators") CONFIG("maxusers", "10") CONFIG("publicroom", "0") CONFIG(
			"persistentroom", "true") CONFIG("moderatedroom", "false") CONFIG("membersonly", "1")
			CONFIG("passwordprotectedroom", "1") CONFIG("roomsecret", "cauldron")
			    CONFIG("whois", "anyone") FIELD("muc#maxhistoryfetch", "50") CONFIG("roomadmins",
				"wiccarocks@shakespeare.lit") CONFIG("getmemberlist", "moderator")));
	is_text(room_word(&config.title), "Dark Cave");
	is_text(room_word(&config.password), "cauldron");
	is_int(config.allowpm, ROOM_PM_MODERATORS);
	is_int(config.max_users, 10);
	is_int(config.anonymous, ROOM_WHOIS_ANYONE);
	ok(!config.allow_change_subj && config.allow_user_invites && !config.public && config.persistent);
	ok(!config.moderated && config.members_only && config.password_protected && !config.logging);
	ok(config.public_list && config.enable_hats);
}

static void test_names_of_fields(void)
{
	fresh();
	submit(FORM(FIELD("mam", "1") FIELD("muc#roomconfig_public_list", "0") FIELD("enable_hats", "0")
		CONFIG("allow_visitor_status", "0") FIELD("allow_visitor_nickchange", "0")
		    CONFIG("allowvoicerequests", "0") FIELD("voice_request_min_interval", "7")
			FIELD("captcha_protected", "1") FIELD("allow_private_messages", "0") FIELD("x", "y")
			    FIELD("muc#other", "z")));
	ok(config.mam && !config.public_list && !config.enable_hats && !config.allow_visitor_status);
	ok(!config.allow_visitor_nickchange && !config.allow_voice_requests && config.captcha_protected);
	is_int(config.voice_request_min_interval, 7);
	is_int(config.allowpm, ROOM_PM_NONE);
	submit(FORM(CONFIG("enablearchiving", "0") FIELD("mam", "0")));
	ok(!config.mam);
}

static void test_lists(void)
{
	fresh();
	submit(FORM(
	    "<field "
	    "var='muc#roomconfig_presencebroadcast'><value>visitor</value><value>moderator</value></field>"
	    "<field var='muc#roomconfig_captcha_whitelist'><value>A@b</value><value> "
	    "</value><value>c.example</value>"
	    "</field>"));
	is_int(config.presence_broadcast, ROOM_BROADCAST(ROOM_VISITOR) | ROOM_BROADCAST(ROOM_MODERATOR));
	is_text(room_word(&config.captcha_whitelist), "a@b\nc.example");
	submit(FORM("<field var='muc#roomconfig_presencebroadcast'/><field var='captcha_whitelist'/>"));
	is_int(config.presence_broadcast, 0);
	is_text(room_word(&config.captcha_whitelist), "");
}

static void test_sizes(void)
{
	struct room_config_rules rules = all;
	struct stanza_error error;
	fresh();
	submit(FORM(CONFIG("maxusers", "10")));
	submit(FORM(CONFIG("maxusers", "")));
	is_int(config.max_users, 200);
	config.max_users = 300;
	submit(FORM(CONFIG("maxusers", "300")));
	is_int(config.max_users, 300);
	is_refused(FORM(CONFIG("maxusers", "201")), &all, SE_not_acceptable);
	is_refused(FORM(CONFIG("maxusers", "0")), &all, SE_not_acceptable);
	is_refused(FORM(CONFIG("maxusers", "-1")), &all, SE_bad_request);
	is_refused(FORM(CONFIG("maxusers", "many")), &all, SE_bad_request);
	is_refused(FORM(CONFIG("maxusers", "99999999999999999999")), &all, SE_bad_request);
	rules.max_users = OPTION_INFINITE;
	ok(submit_with(FORM(CONFIG("maxusers", "none")), &rules, &error) == 0);
	is_int(config.max_users, OPTION_INFINITE);
}

static void test_empty(void)
{
	fresh();
	set_ok("title", "T");
	submit("<x xmlns='jabber:x:data' type='submit'/>");
	submit(FORM("<field var='muc#roomconfig_publicroom'/><field var='muc#roomconfig_whois'/>"
		    "<field var='muc#roomconfig_maxusers'/><field type='fixed'><value>x</value></field>"));
	is_text(room_word(&config.title), "T");
	is_int(config.max_users, 200);
	ok(config.public);
	submit(FORM("<field var='muc#roomconfig_roomname'/>"));
	is_all(plain);
}

static void test_malformed(void)
{
	fresh();
	is_refused("<x xmlns='jabber:x:data' type='form'/>", &all, SE_bad_request);
	is_refused("<x xmlns='jabber:x:data'/>", &all, SE_bad_request);
	is_refused("<x xmlns='jabber:x:data' type='submit'><field/></x>", &all, SE_bad_request);
	is_refused("<x xmlns='jabber:x:data' type='submit'>" FIELD("FORM_TYPE", "urn:x") "</x>", &all,
	    SE_bad_request);
	is_refused(FORM(CONFIG("moderatedroom", "yes")), &all, SE_bad_request);
	is_refused(FORM(CONFIG("moderatedroom", "")), &all, SE_bad_request);
	is_refused(FORM(CONFIG("roomname", "a") CONFIG("roomname", "a")), &all, SE_bad_request);
	is_refused(FORM(CONFIG("mam", "1") FIELD("mam", "0")), &all, SE_bad_request);
	is_refused(FORM("<field var='mam'><value>1</value><value>1</value></field>"), &all, SE_bad_request);
	is_refused(FORM(FIELD("voice_request_min_interval", "soon")), &all, SE_bad_request);
	is_refused(FORM(FIELD("captcha_whitelist", "@@@")), &all, SE_bad_request);
}

static void test_not_acceptable(void)
{
	fresh();
	is_refused(FORM(CONFIG("roomname", "a") CONFIG("nosuch", "1")), &all, SE_not_acceptable);
	is_refused(FORM(CONFIG("whois", "nobody")), &all, SE_not_acceptable);
	is_refused(FORM(CONFIG("whois", "")), &all, SE_not_acceptable);
	is_refused(FORM(CONFIG("allowpm", "all")), &all, SE_not_acceptable);
	is_refused(FORM(CONFIG("presencebroadcast", "none")), &all, SE_not_acceptable);
	is_refused(FORM(FIELD("voice_request_min_interval", "99999999999")), &all, SE_not_acceptable);
	is_refused(FORM(CONFIG("roomname", "12345678901")), &all, SE_not_acceptable);
	is_refused(FORM(CONFIG("roomsecret", "123456789")), &all, SE_not_acceptable);
	is_refused(FORM(FIELD("captcha_whitelist", "a@very.long.example.org")), &all, SE_not_acceptable);
	is_refused(FORM(CONFIG("passwordprotectedroom", "1")), &all, SE_not_acceptable);
	is_refused(
	    FORM(CONFIG("passwordprotectedroom", "1") CONFIG("roomsecret", "")), &all, SE_not_acceptable);
	submit(FORM(CONFIG("roomname", "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9")));
	submit(FORM(CONFIG("passwordprotectedroom", "1") CONFIG("roomsecret", "p")));
	is_refused(FORM(CONFIG("roomsecret", "")), &all, SE_not_acceptable);
}

static void test_forbidden(void)
{
	struct room_config_rules few = all;
	struct stanza_error error;
	few.may_persist = few.may_archive = few.may_log = false;
	fresh();
	is_refused(FORM(CONFIG("persistentroom", "1")), &few, SE_forbidden);
	is_refused(FORM(FIELD("mam", "1")), &few, SE_forbidden);
	is_refused(FORM(CONFIG("enablelogging", "1")), &few, SE_forbidden);
	ok(submit_with(FORM(CONFIG("persistentroom", "0") FIELD("mam", "0") CONFIG("enablelogging", "0")),
	       &few, &error) == 0);
	few = all;
	few.can_archive = few.can_log = few.can_captcha = false;
	is_refused(FORM(FIELD("mam", "1")), &few, SE_not_acceptable);
	is_refused(FORM(CONFIG("enablelogging", "1")), &few, SE_not_acceptable);
	is_refused(FORM(FIELD("captcha_protected", "1")), &few, SE_not_acceptable);
	config.mam = true;
	ok(submit_with(FORM(FIELD("mam", "1")), &few, &error) == 0);
	ok(submit_with(FORM(FIELD("mam", "0")), &few, &error) == 0);
	ok(!config.mam);
}

static void test_people(void)
{
	struct xml_tree *tree =
	    parse(FORM("<field var='muc#roomconfig_roomadmins'><value>A@b/r</value><value/>"
		       "<value>c@d</value></field><field var='muc#roomconfig_roomowners'/>"));
	struct room_form_people people;
	struct stanza_error error;
	struct arena arena = {0};
	ok(room_form_people_read(tree->root, &arena, &people, &error) == 0);
	ok(people.admins_given && people.owners_given);
	is_int(people.admin_count, 2);
	is_int(people.owner_count, 0);
	is_text(jid_full(&people.admins[0]), "a@b");
	is_text(jid_full(&people.admins[1]), "c@d");
	xml_tree_unref(&tree);
	tree = parse(FORM(CONFIG("roomowners", "@@")));
	ok(room_form_people_read(tree->root, &arena, &people, &error) < 0);
	is_int(error.condition, SE_bad_request);
	xml_tree_unref(&tree);
	tree = parse(FORM(""));
	ok(room_form_people_read(tree->root, &arena, &people, &error) == 0);
	ok(!people.admins_given && !people.owners_given);
	xml_tree_unref(&tree);
	arena_fini(&arena);
}

/* --- what is shown --- */

static struct xml_tree *form_of(const struct room_config_rules *rules)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	room_config_put_form(&writer, &config, rules, STR("Room"));
	ok(xml_writer_complete(&writer));
	struct xml_tree *tree = parse(writer.buf.ptr);
	xml_writer_fini(&writer);
	return tree;
}

/* "value|value|option|option" of a field; "-": there is no such field. */
static void field_is(const struct xml *x, const char *var, const char *want)
{
	struct strbuf out = {0};
	const struct xml *field = form_field(x, var);
	for (const struct xml *each = field ? xml_first_element(field) : NULL; each;
	     each = xml_next_element(each)) {
		bool option = xml_is(each, "option", NS_DATA);
		strbuf_printf(&out, "%s%s%.*s", out.len ? "|" : "", option ? "?" : "",
		    STR_FMT(option ? form_value_at(each, 0) : xml_text(each, NULL)));
	}
	is_text(field ? strbuf_view(&out) : STR("-"), want);
	strbuf_fini(&out);
}

static void test_form(void)
{
	fresh();
	set_ok("title", "T");
	set_ok("captcha_whitelist", "a@b,c");
	set_ok("max_users", "25");
	struct xml_tree *tree = form_of(&all);
	const struct xml *x = tree->root;
	is_text(xml_attr(x, "type"), "form");
	is_text(form_namespace(x), "http://jabber.org/protocol/muc#roomconfig");
	field_is(x, "muc#roomconfig_roomname", "T");
	field_is(x, "muc#roomconfig_maxusers", "25|?5|?10|?20|?25|?30|?50|?100|?200");
	field_is(x, "muc#roomconfig_whois", "moderators|?moderators|?anyone");
	field_is(x, "muc#roomconfig_allowpm", "anyone|?anyone|?participants|?moderators|?none");
	field_is(x, "muc#roomconfig_presencebroadcast",
	    "moderator|participant|visitor|?moderator|?participant|?visitor");
	field_is(x, "muc#roomconfig_captcha_whitelist", "a@b|c");
	field_is(x, "muc#roomconfig_persistentroom", "0");
	field_is(x, "muc#roomconfig_voicerequestmininterval", "1800");
	field_is(x, "vcard", "-");
	is_text(xml_attr(form_field(x, "muc#roomconfig_maxusers"), "type"), "list-single");
	is_text(xml_attr(form_field(x, "muc#roomconfig_roomsecret"), "type"), "text-private");
	xml_tree_unref(&tree);
	struct room_config_rules few = all;
	few.can_archive = few.can_log = few.can_captcha = false;
	few.max_users = OPTION_INFINITE;
	config.max_users = OPTION_INFINITE;
	tree = form_of(&few);
	field_is(tree->root, "muc#roomconfig_mam", "-");
	field_is(tree->root, "muc#roomconfig_enablelogging", "-");
	field_is(tree->root, "muc#roomconfig_captcha_protected", "-");
	field_is(tree->root, "muc#roomconfig_captcha_whitelist", "-");
	field_is(tree->root, "muc#roomconfig_maxusers",
	    "none|?5|?10|?20|?30|?50|?100|?200|?500|?1000|?2000|?5000|?10000|?none");
	xml_tree_unref(&tree);
}

/* A form that is sent back as it came changes nothing. */
static void test_round(void)
{
	struct stanza_error error = {0};
	struct strbuf before = {0};
	fresh();
	for (struct str rest = STR(other); rest.len;) {
		struct str value, name = str_cut(str_cut(rest, '\n', &rest), '=', &value);
		room_config_set(&config, name, value, &err);
	}
	set_ok("max_users", "77");
	room_config_each(&config, put_pair, &before);
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	room_config_put_form(&writer, &config, &all, STR("Room"));
	char *submitted = strbuf_take(&writer.buf), *type = strstr(submitted, "type='form'");
	if (!type)
		type = strstr(submitted, "type=\"form\"");
	struct strbuf text = {0};
	strbuf_printf(
	    &text, "%.*stype='submit'%s", (int)(type - submitted), submitted, type + strlen("type='form'"));
	fresh();
	if (!ok(submit_with(text.ptr, &all, &error) == 0))
		printf("# %s: %s\n", text.ptr, error.text);
	set_ok("vcard", "<vCard/>");
	set_ok("vcard_xupdate", "abc");
	is_all(before.ptr);
	free(submitted);
	strbuf_fini(&before);
	strbuf_fini(&text);
	xml_writer_fini(&writer);
}

static void test_info(void)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	fresh();
	set_ok("description", "D");
	set_ok("pubsub", "xmpp:x");
	set_ok("allow_change_subj", "false");
	form_open(&writer, FORM_RESULT, "http://jabber.org/protocol/muc#roominfo");
	room_config_put_info(&writer, &config);
	xml_close(&writer);
	struct xml_tree *tree = parse(writer.buf.ptr);
	field_is(tree->root, "muc#roominfo_description", "D");
	field_is(tree->root, "muc#roominfo_lang", "-");
	field_is(tree->root, "muc#roominfo_pubsub", "xmpp:x");
	field_is(tree->root, "muc#roomconfig_changesubject", "0");
	field_is(tree->root, "muc#roominfo_subjectmod", "0");
	field_is(tree->root, "muc#roomconfig_allowpm", "anyone");
	xml_tree_unref(&tree);
	xml_writer_fini(&writer);
}

int main(void)
{
	run(test_names);
	run(test_types);
	run(test_wrong);
	run(test_defaults);
	run(test_wrong_defaults);
	run(test_example);
	run(test_names_of_fields);
	run(test_lists);
	run(test_sizes);
	run(test_empty);
	run(test_malformed);
	run(test_not_acceptable);
	run(test_forbidden);
	run(test_people);
	run(test_form);
	run(test_round);
	run(test_info);
	room_config_fini(&config);
	return tap_done();
}
