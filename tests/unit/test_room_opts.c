/* SPDX-License-Identifier: Apache-2.0 */
/* The column opts of muc_room. The rows are what ejabberd 23.01 wrote, or what newer ones write. */
#include "modules/mod_muc/config.h"
#include "tap.h"

#define DEFAULTS                                                                                             \
	"{title,<<>>},{description,<<>>},{lang,<<>>},{persistent,false},{public,true},{public_list,true},"   \
	"{password_protected,false},{password,<<>>},{max_users,200},{anonymous,true},{members_only,false},"  \
	"{moderated,true},{members_by_default,true},{allow_change_subj,true},{allow_private_messages,true}," \
	"{allowpm,anyone},{allow_private_messages_from_visitors,anyone},{allow_query_users,true},"           \
	"{allow_user_invites,false},{allow_visitor_status,true},{allow_visitor_nickchange,true},"            \
	"{allow_voice_requests,true},{voice_request_min_interval,1800},{captcha_protected,false},{mam,"      \
	"false},"                                                                                            \
	"{logging,false},{allow_subscription,false},{enable_hats,true},{pubsub,<<>>},{vcard,<<>>},"          \
	"{vcard_xupdate,undefined},{presence_broadcast,[moderator,participant,visitor]},{captcha_whitelist," \
	"[]}"

static const char odd[] =
    "[{title,<<\"Ti\\\"t\\\\le \xc3\xa9\">>},{description,<<230,151,165,230,156,172,232,170,158>>},"
    "{allow_change_subj,false},{allow_query_users,true},{allow_private_messages,false},"
    "{allow_private_messages_from_visitors,nobody},{allow_visitor_status,true},{allow_visitor_nickchange,"
    "true},"
    "{public,false},{public_list,true},{persistent,true},{moderated,false},{members_by_default,true},"
    "{members_only,true},{allow_user_invites,false},{password_protected,true},{captcha_protected,true},"
    "{password,<<\"sec\">>},{anonymous,false},{logging,false},{max_users,12},{allow_voice_requests,true},"
    "{allow_subscription,true},{mam,true},{presence_broadcast,moderator},{voice_request_min_interval,7},"
    "{vcard,<<\"<vCard xmlns='vcard-temp'><FN>x</FN></vCard>\">>},{vcard_xupdate,external},"
    "{pubsub,<<\"xmpp:x\">>},{enable_hats,false},{lang,<<\"de\">>},{captcha_whitelist,[]},"
    "{affiliations,[{{<<>>,<<\"x.example\">>,<<>>},{member,<<>>}},{{<<\"a\">>,<<\"localhost\">>,<<>>},{owner,"
    "<<>>}},"
    "{{<<\"b\">>,<<\"x.example\">>,<<>>},{outcast,<<\"be\\\"cause\">>}},{{<<\"c\">>,<<\"x.example\">>,<<>>},"
    "admin}]},"
    "{roles,[{{<<>>,<<\"x.example\">>,<<>>},participant}]},{subject,[]},{subject_author,<<>>},{hats_users,[]}"
    ","
    "{hibernation_time,undefined}]";

static struct arena arena;
static struct room_config defaults;
static struct room_saved saved;

static int read_text(const char *text, struct err *err)
{
	room_config_fini(&saved.config);
	return room_saved_read(str_of(text), &defaults, &arena, &saved, err);
}

static void read_ok(const char *text)
{
	struct err err = {""};
	if (!ok(read_text(text, &err) == 0))
		printf("# %s\n", err.text);
}

static void writes(const char *want)
{
	struct strbuf out = {0};
	room_saved_write(&out, &saved);
	is_text(strbuf_view(&out), want);
	strbuf_fini(&out);
}

/* Read once more from what is written. */
static void read_again(void)
{
	struct strbuf out = {0}, again = {0};
	room_saved_write(&out, &saved);
	read_ok(out.ptr);
	room_saved_write(&again, &saved);
	is_str(strbuf_view(&again), strbuf_view(&out));
	strbuf_fini(&out);
	strbuf_fini(&again);
}

static void check_affiliation(
    size_t index, const char *jid, enum room_affiliation affiliation, const char *reason)
{
	is_text(saved.affiliations[index].jid, jid);
	is_int(saved.affiliations[index].affiliation, affiliation);
	is_text(saved.affiliations[index].reason, reason);
}

static void check_odd(void)
{
	const struct room_config *config = &saved.config;
	is_str(room_word(&config->title), STR("Ti\"t\\le \xc3\xa9"));
	is_str(room_word(&config->description), STR("\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"));
	is_int(config->allowpm, ROOM_PM_NONE);
	is_int(config->allow_private_messages_from_visitors, ROOM_VISITOR_PM_NOBODY);
	is_int(config->presence_broadcast, ROOM_BROADCAST(ROOM_MODERATOR));
	is_int(config->anonymous, ROOM_WHOIS_ANYONE);
	is_int(config->max_users, 12);
	is_int(config->voice_request_min_interval, 7);
	is_str(room_word(&config->vcard_xupdate), STR("external"));
	is_str(room_word(&config->password), STR("sec"));
	is_str(room_word(&config->lang), STR("de"));
	ok(config->password_protected && config->mam && config->members_only && config->persistent);
	ok(!config->public && !config->moderated && !config->enable_hats && !config->allow_change_subj);
	is_int(saved.affiliation_count, 4);
	check_affiliation(0, "x.example", ROOM_MEMBER, "");
	check_affiliation(1, "a@localhost", ROOM_OWNER, "");
	check_affiliation(2, "b@x.example", ROOM_OUTCAST, "be\"cause");
	check_affiliation(3, "c@x.example", ROOM_ADMIN, "");
	is_str(saved.subject, STR(""));
	is_str(saved.subject_author, STR(""));
	is_int(saved.hibernated_us, 0);
	is_str(saved.others, STR("{roles,[{{<<>>,<<\"x.example\">>,<<>>},participant}]},{hats_users,[]}"));
}

static void test_odd(void)
{
	read_ok(odd);
	check_odd();
	read_again();
	check_odd();
}

static void test_few(void)
{
	read_ok("[{persistent,true}]");
	ok(saved.config.persistent && saved.config.public);
	is_int(saved.config.max_users, 200);
	read_ok("[]");
	writes("[" DEFAULTS
	       ",{affiliations,[]},{subject,[]},{subject_author,<<>>},{hibernation_time,undefined}]");
	read_again();
}

static void test_subject(void)
{
	read_ok("[{subject,[{text,<<>>,<<\"S "
		"\\\"q\\\"\">>}]},{subject_author,<<\"al\">>},{hibernation_time,17}]");
	is_str(saved.subject, STR("S \"q\""));
	is_str(saved.subject_author, STR("al"));
	is_int(saved.hibernated_us, 17);
	writes("[" DEFAULTS
	       ",{affiliations,[]},{subject,[{text,<<>>,<<\"S \\\"q\\\"\">>}]},{subject_author,<<\"al\">>},"
	       "{hibernation_time,17}]");
	read_ok("[{subject,<<\"old\">>},{subject_author,{<<\"nick\">>,{jid,<<\"a\">>,<<\"b\">>,<<>>,<<\"a\">>"
		",<<\"b\">>,"
		"<<>>}}}]");
	is_str(saved.subject, STR("old"));
	is_str(saved.subject_author, STR("nick"));
	read_ok("[{subject,[{text,<<\"de\">>,<<\"x\">>},{text,<<>>,<<\"y\">>}]}]");
	is_str(saved.subject, STR("y"));
	read_ok("[{subject,[{text,<<\"de\">>,<<\"x\">>},{text,<<\"en\">>,<<\"y\">>}]}]");
	is_str(saved.subject, STR("x"));
}

static void test_private_messages(void)
{
	read_ok("[{allow_private_messages,false}]");
	is_int(saved.config.allowpm, ROOM_PM_NONE);
	read_ok("[{allow_private_messages,true}]");
	is_int(saved.config.allowpm, ROOM_PM_ANYONE);
	read_ok("[{allowpm,moderators},{allow_private_messages,true}]");
	is_int(saved.config.allowpm, ROOM_PM_MODERATORS);
	read_again();
	is_int(saved.config.allowpm, ROOM_PM_MODERATORS);
}

static void test_bounds(void)
{
	read_ok("[{max_users,none},{presence_broadcast,[]},{vcard_xupdate,<<\"abc\">>}]");
	is_int(saved.config.max_users, OPTION_INFINITE);
	is_int(saved.config.presence_broadcast, 0);
	is_str(room_word(&saved.config.vcard_xupdate), STR("abc"));
	read_again();
	is_int(saved.config.max_users, OPTION_INFINITE);
	is_int(saved.config.presence_broadcast, 0);
}

static void test_whitelist(void)
{
	read_ok("[{captcha_whitelist,[{<<>>,<<\"c.example\">>,<<>>},{<<\"a\">>,<<\"b\">>,<<\"r/s@t\">>}]}]");
	is_str(room_word(&saved.config.captcha_whitelist), STR("c.example\na@b/r/s@t"));
	read_again();
	is_str(room_word(&saved.config.captcha_whitelist), STR("c.example\na@b/r/s@t"));
	read_ok("[{captcha_whitelist,{1,{{<<>>,<<\"c\">>,<<>>},nil,nil}}}]");
	is_str(room_word(&saved.config.captcha_whitelist), STR(""));
	is_str(saved.others, STR("{captcha_whitelist,{1,{{<<>>,<<\"c\">>,<<>>},nil,nil}}}"));
}

/* What is of no use here is there again when the row is written. */
static void test_kept(void)
{
	read_ok("[{title,odd},{x,#{a=>[b|c]}},plain,{a,b,c},{affiliations,[{{<<\"a "
		"b\">>,<<\"c\">>,<<>>},{owner,<<>>}},"
		"{{<<\"d\">>,<<\"e\">>,<<>>},{member,<<\"r\">>}},{{<<\"f\">>,<<\"g\">>,<<>>},king}]},{hats_"
		"defs,[1]}]");
	is_int(saved.affiliation_count, 1);
	check_affiliation(0, "d@e", ROOM_MEMBER, "r");
	is_text(saved.others,
	    "{title,odd},{x,#{a=>[b|c]}},plain,{a,b,c},{hats_defs,[1]},{unread_affiliations,["
	    "{{<<\"a b\">>,<<\"c\">>,<<>>},{owner,<<>>}},{{<<\"f\">>,<<\"g\">>,<<>>},king}]}");
	writes("[" DEFAULTS ",{affiliations,[{{<<\"d\">>,<<\"e\">>,<<>>},{member,<<\"r\">>}},"
	       "{{<<\"a b\">>,<<\"c\">>,<<>>},{owner,<<>>}},{{<<\"f\">>,<<\"g\">>,<<>>},king}]},{subject,[]},"
	       "{subject_author,<<>>},{hibernation_time,undefined},{title,odd},{x,#{a=>[b|c]}},plain,{a,b,c},"
	       "{hats_defs,[1]}]");
	read_again();
}

static void test_refused(void)
{
	static const char *const texts[] = {"", "{}", "[", "[{title,<<\"x\">>}", "[a|b]", "a", "[<0.1.0>]"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct err err = {""};
		if (!ok(read_text(texts[i], &err) < 0))
			printf("# %s\n", texts[i]);
		ok(str_starts(str_of(err.text), "options of a room: "));
	}
	is_int(saved.config.max_users, 200);
}

static void test_others(void)
{
	struct strbuf others = {0};
	struct str value = STR_NULL;
	ok(!room_others_take(&others, "a", &arena, &value));
	room_others_put(&others, "a", STR("[1]"));
	room_others_put(&others, "b c", STR("<<\"x\">>"));
	room_others_put(&others, "d", STR("{}"));
	is_text(strbuf_view(&others), "{a,[1]},{'b c',<<\"x\">>},{d,{}}");
	ok(room_others_take(&others, "b c", &arena, &value));
	is_text(value, "<<\"x\">>");
	is_text(strbuf_view(&others), "{a,[1]},{d,{}}");
	ok(!room_others_take(&others, "b c", &arena, &value));
	ok(room_others_take(&others, "a", &arena, &value));
	ok(room_others_take(&others, "d", &arena, &value));
	is_text(value, "{}");
	is_int(others.len, 0);
	strbuf_fini(&others);
}

int main(void)
{
	room_config_init_plain(&defaults);
	run(test_odd);
	run(test_few);
	run(test_subject);
	run(test_private_messages);
	run(test_bounds);
	run(test_whitelist);
	run(test_kept);
	run(test_refused);
	run(test_others);
	room_config_fini(&saved.config);
	room_config_fini(&defaults);
	arena_fini(&arena);
	return tap_done();
}
