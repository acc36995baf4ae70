/* SPDX-License-Identifier: Apache-2.0 */
/* The life of CAPTCHA challenges: those of a service, and those of mod_block_strangers. */
#include "base/codec.h"
#include "modules/captcha/captcha.h"
#include "sim.h"

/* A picture that says what is on it. */
#define PROGRAM "captcha_cmd: \"sh -c 'printf GIF89a%s $0'\"\n"
#define GATE "captcha_url: 'https://sim.example/c/'\n" PROGRAM "modules: {mod_gate: {}}\n"
#define STRANGERS_WITH(more) \
	PROGRAM "modules: {mod_roster: {}, " more "mod_disco: {}, mod_block_strangers: {captcha: true, " \
		"allow_local_users: false}}\n"
#define STRANGERS STRANGERS_WITH("mod_offline: {}, ")
#define ENTER "<message to='gate.sim.example' id='in' xml:lang='de'><body>let me in</body></message>"

static struct sim_client *romeo, *juliet;

/* --- a service that asks -------------------------------------------------------------------------------- */

static struct captcha *latest;
static int outcome; /* -1: none */
static unsigned ended;
static struct stanza_error refusal;

static void on_ended(struct module_instance *instance, void *arg, enum captcha_outcome how)
{
	latest = NULL;
	outcome = (int)how;
	ended++;
}

static void deliver(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct captcha_wish wish = {.challenger = to,
	    .asked = from,
	    .sid = stanza->id,
	    .lang = stanza->lang,
	    .text = STR("Who are you?"),
	    .ended = on_ended};
	if (captcha_deliver(from, to, stanza) || stanza->kind != STANZA_MESSAGE || stanza->type == STANZA_ERROR)
		return;
	if (captcha_challenge(instance, &wish, &latest, &refusal) < 0)
		route_error(from, to, stanza, &refusal);
}

static int on_start(struct module_instance *instance, struct err *err)
{
	return module_add_route(instance, STR("gate.sim.example"), deliver, err);
}

static const struct module mod_gate = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_gate",
    .start = on_start,
    .leave = captcha_leave,
    .stop = captcha_stop,
};

/* --- who is asked --------------------------------------------------------------------------------------- */

static char id[64], cid[128], digits[32];

static void note(char *out, size_t size, struct str text)
{
	snprintf(out, size, "%.*s", STR_FMT(text));
}

/* Reads a challenge. */
static void be_asked(struct sim_client *client)
{
	struct strbuf picture = {0};
	note(id, sizeof(id), sim_between(client, "var='challenge' type='hidden'><value>", "</value>"));
	note(cid, sizeof(cid), sim_between(client, "<data xmlns='urn:xmpp:bob' cid='", "'"));
	is_int(base64_decode(&picture, sim_between(client, " max-age='0' type='image/gif'>", "</data>")), 0);
	ok(picture.len == 12 && str_starts(strbuf_view(&picture), "GIF89a"));
	note(digits, sizeof(digits), picture.len > 6 ? (struct str){picture.ptr + 6, picture.len - 6} : STR(""));
	expect(client, "</message>");
	strbuf_fini(&picture);
}

static void submit(struct sim_client *client, const char *to, const char *type, const char *more, const char *ocr)
{
	sim_sendf(client,
	    "<iq type='set' id='a' to='%s'><captcha xmlns='urn:xmpp:captcha'><x xmlns='jabber:x:data' type='%s'>"
	    "<field var='FORM_TYPE'><value>urn:xmpp:captcha</value></field>"
	    "<field var='challenge'><value>%s</value></field>%s"
	    "<field var='ocr'><value>%s</value></field></x></captcha></iq>",
	    to, type, id, more, ocr);
}

static void answer(struct sim_client *client, const char *to, const char *ocr)
{
	submit(client, to, "submit", "", ocr);
}

static const char *wrong(void)
{
	return str_is(str_of(digits), "000000") ? "111111" : "000000";
}

static void begin(void)
{
	sim_start("", GATE);
	outcome = -1;
	ended = 0;
	romeo = sim_login("romeo@sim.example/desk");
}

static void ask(void)
{
	sim_send(romeo, ENTER);
	be_asked(romeo);
}

/* --- challenges ----------------------------------------------------------------------------------------- */

static void what_is_sent(void)
{
	begin();
	sim_send(romeo, ENTER);
	expect(romeo, "<message ");
	ok(sim_has(romeo, "from='gate.sim.example'"));
	ok(sim_has(romeo, "to='romeo@sim.example/desk'"));
	ok(sim_has(romeo, "xml:lang='de'"));
	expect(romeo, "<body>Who are you? Visit https://sim.example/c/");
	expect(romeo, "<x xmlns='jabber:x:oob'><url>https://sim.example/c/");
	expect(romeo, "<captcha xmlns='urn:xmpp:captcha'><x xmlns='jabber:x:data' type='form'>"
		      "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:captcha</value></field>"
		      "<field var='from' type='hidden'><value>gate.sim.example</value></field>");
	expect(romeo, "<field var='sid' type='hidden'><value>in</value></field><field var='ocr' ");
	expect(romeo, "<media xmlns='urn:xmpp:media-element'><uri type='image/gif'>https://sim.example/c/");
	expect(romeo, "/image</uri><uri type='image/gif'>cid:sha1+");
	expect(romeo, "<required/></field></x></captcha><data ");
	expect(romeo, "</message>");
	nothing(romeo);
	is_int(ended, 0);
	sim_stop();
}

static void passed(void)
{
	begin();
	ask();
	answer(romeo, "gate.sim.example", digits);
	expect(romeo, "type='result'");
	is_int(outcome, CAPTCHA_PASSED);
	answer(romeo, "gate.sim.example", digits);
	expect(romeo, "<service-unavailable ");
	sim_advance(CAPTCHA_LIFETIME_MS);
	is_int(ended, 1);
	sim_stop();
}

static void failed(void)
{
	begin();
	ask();
	answer(romeo, "gate.sim.example", wrong());
	expect(romeo, " type='cancel'><not-acceptable ");
	is_int(outcome, CAPTCHA_FAILED);
	answer(romeo, "gate.sim.example", digits);
	expect(romeo, "<service-unavailable ");
	is_int(ended, 1);
	/* Fields that were not asked for in this challenge. */
	ask();
	submit(romeo, "gate.sim.example", "submit", "<field var='sid'><value>other</value></field>", digits);
	expect(romeo, "<not-acceptable ");
	is_int(ended, 2);
	ask();
	submit(romeo, "gate.sim.example", "cancel", "", "");
	expect(romeo, "type='result'");
	is_int(outcome, CAPTCHA_FAILED);
	is_int(ended, 3);
	sim_stop();
}

static void timed_out(void)
{
	begin();
	ask();
	sim_advance(CAPTCHA_LIFETIME_MS - 1);
	is_int(ended, 0);
	sim_advance(1);
	is_int(outcome, CAPTCHA_TIMED_OUT);
	answer(romeo, "gate.sim.example", digits);
	expect(romeo, "<service-unavailable ");
	is_int(ended, 1);
	sim_stop();
}

static void came_back(void)
{
	begin();
	ask();
	sim_sendf(romeo, "<message type='error' to='gate.sim.example' id='%s'><error type='modify'/></message>", id);
	sim_settle();
	is_int(outcome, CAPTCHA_FAILED);
	nothing(romeo);
	sim_stop();
}

/* Nothing of it is anybody else's. */
static void of_others(void)
{
	begin();
	juliet = sim_login("juliet@sim.example/balcony");
	ask();
	answer(juliet, "gate.sim.example", digits);
	expect(juliet, "<service-unavailable ");
	sim_skip(juliet);
	sim_sendf(juliet, "<iq type='get' id='b' to='gate.sim.example'><data xmlns='urn:xmpp:bob' cid='%s'/></iq>",
	    cid);
	nothing(juliet); /* left to the service, which does nothing with it */
	answer(romeo, "other@gate.sim.example", digits);
	expect(romeo, "<service-unavailable ");
	sim_sendf(juliet, "<message type='error' to='gate.sim.example' id='%s'/>", id);
	sim_settle();
	is_int(ended, 0);
	sim_send(romeo, "<iq type='set' id='m' to='gate.sim.example'><captcha xmlns='urn:xmpp:captcha'/></iq>");
	expect(romeo, "<bad-request ");
	sim_send(romeo, "<iq type='get' id='g' to='gate.sim.example'><captcha xmlns='urn:xmpp:captcha'/></iq>");
	expect(romeo, "<bad-request ");
	answer(romeo, "gate.sim.example", digits);
	expect(romeo, "type='result'");
	is_int(outcome, CAPTCHA_PASSED);
	sim_stop();
}

static void the_picture_again(void)
{
	begin();
	ask();
	sim_sendf(romeo, "<iq type='get' id='b' to='gate.sim.example'><data xmlns='urn:xmpp:bob' cid='%s'/></iq>", cid);
	expect(romeo, "type='result'");
	expect(romeo, "max-age='0' type='image/gif'>");
	answer(romeo, "gate.sim.example", wrong());
	sim_skip(romeo);
	sim_sendf(romeo, "<iq type='get' id='b' to='gate.sim.example'><data xmlns='urn:xmpp:bob' cid='%s'/></iq>", cid);
	nothing(romeo);
	sim_stop();
}

static void cancelled(void)
{
	begin();
	ask();
	captcha_cancel(&latest);
	ok(!latest);
	answer(romeo, "gate.sim.example", digits);
	expect(romeo, "<service-unavailable ");
	sim_skip(romeo);
	/* While the picture is being drawn. */
	sim_hold_jobs();
	sim_send(romeo, ENTER);
	sim_settle();
	captcha_cancel(&latest);
	sim_release_jobs();
	sim_settle();
	nothing(romeo);
	/* When the outcome is on its way. */
	ask();
	is_int(captcha_page_answer(str_of(id), str_of(digits)), CAPTCHA_PASSED);
	captcha_cancel(&latest);
	sim_advance(CAPTCHA_LIFETIME_MS);
	is_int(ended, 0);
	sim_stop();
}

static void by_page(void)
{
	struct strbuf picture = {0};
	const char *type = NULL;
	begin();
	ask();
	is_int(captcha_page_picture(str_of(id), &picture, &type), 0);
	is_cstr(type, "image/gif");
	is_int(picture.len, 12);
	ok(captcha_page_picture(STR("x"), &picture, &type) < 0);
	is_int(captcha_page_answer(STR("x"), str_of(digits)), CAPTCHA_TIMED_OUT);
	is_int(captcha_page_answer(str_of(id), str_of(wrong())), CAPTCHA_FAILED);
	is_int(captcha_page_answer(str_of(id), str_of(digits)), CAPTCHA_TIMED_OUT);
	sim_settle();
	is_int(outcome, CAPTCHA_FAILED);
	is_int(ended, 1);
	strbuf_fini(&picture);
	sim_stop();
}

static void no_picture(void)
{
	sim_start("", "captcha_cmd: /bin/false\nmodules: {mod_gate: {}}\n");
	ended = 0;
	romeo = sim_login("romeo@sim.example/desk");
	sim_send(romeo, ENTER);
	nothing(romeo);
	is_int(outcome, CAPTCHA_NO_PICTURE);
	is_int(ended, 1);
	sim_stop();
}

static void the_module_leaves(void)
{
	begin();
	ask();
	sim_hold_jobs();
	sim_send(romeo, ENTER);
	sim_settle();
	sim_reload("", "modules: {}\n");
	sim_release_jobs();
	sim_settle();
	is_int(outcome, CAPTCHA_GIVEN_UP);
	is_int(ended, 2);
	sim_advance(CAPTCHA_LIFETIME_MS);
	is_int(ended, 2);
	sim_stop();
}

static void limits(void)
{
	begin();
	for (int i = 0; i < CAPTCHA_MAX_JID; i++)
		ask();
	sim_send(romeo, ENTER);
	expect(romeo, " type='wait'><resource-constraint ");
	sim_skip(romeo);
	juliet = sim_login("juliet@sim.example/balcony");
	sim_send(juliet, ENTER);
	be_asked(juliet);
	sim_advance(CAPTCHA_LIFETIME_MS);
	is_int(ended, CAPTCHA_MAX_JID + 1);
	ask();
	sim_stop();
}

static void limit_of_a_minute(void)
{
	sim_start("", "captcha_limit: 2\n" GATE);
	romeo = sim_login("romeo@sim.example/desk");
	for (int i = 0; i < 2; i++) {
		ask();
		answer(romeo, "gate.sim.example", digits);
		expect(romeo, "type='result'");
	}
	sim_send(romeo, ENTER);
	expect(romeo, "<resource-constraint ");
	sim_advance(60000);
	ask();
	sim_stop();
}

/* --- strangers ------------------------------------------------------------------------------------------ */

static void begin_strangers_with(const char *rest)
{
	sim_start("", rest);
	juliet = sim_login("juliet@sim.example/balcony");
	sim_send(juliet, "<presence/>");
	romeo = sim_login("romeo@sim.example/desk");
	sim_send(romeo, "<presence/>");
	sim_skip(juliet);
	sim_skip(romeo);
}

static void begin_strangers(void)
{
	begin_strangers_with(STRANGERS);
}

static void say(const char *body)
{
	sim_sendf(romeo, "<message to='juliet@sim.example' type='chat' id='h'><body>%s</body></message>", body);
}

/* What came while the challenge was open comes when it is answered, in its order, and what is said later at once. */
static void a_stranger(void)
{
	begin_strangers();
	say("one");
	be_asked(romeo);
	say("two");
	sim_send(romeo, "<presence to='juliet@sim.example' type='subscribe'/>");
	nothing(juliet);
	nothing(romeo);
	answer(romeo, "juliet@sim.example", digits);
	expect(romeo, "type='result' id='a'/>");
	expect(juliet, "<body>one</body>");
	expect(juliet, "<delay xmlns='urn:xmpp:delay' from='sim.example'");
	expect(juliet, "<body>two</body>");
	expect(juliet, "type='subscribe'");
	say("three");
	expect(juliet, "<body>three</body>");
	nothing(romeo);
	sim_stop();
}

static void a_stranger_who_cannot_read(void)
{
	begin_strangers();
	say("one");
	be_asked(romeo);
	say("two");
	answer(romeo, "juliet@sim.example", wrong());
	expect(romeo, "<not-acceptable ");
	is_int(sim_count(romeo, "<policy-violation "), 2);
	nothing(juliet);
	say("three");
	be_asked(romeo);
	sim_advance(CAPTCHA_LIFETIME_MS - 1);
	nothing(romeo);
	sim_advance(1);
	expect(romeo, "<body>three</body>");
	expect(romeo, "<policy-violation ");
	nothing(juliet);
	sim_stop();
}

/* Of a subscription alone; then nobody is at home, and the user is not in memory any more. */
static void a_stranger_is_remembered(void)
{
	begin_strangers();
	sim_send(romeo, "<presence to='juliet@sim.example' type='subscribe' id='s'/>");
	be_asked(romeo);
	nothing(juliet);
	answer(romeo, "juliet@sim.example", digits);
	expect(romeo, "type='result' id='a'/>");
	expect(juliet, "type='subscribe'");
	sim_cut(juliet);
	sim_advance(600000);
	say("later");
	nothing(romeo);
	juliet = sim_login("juliet@sim.example/balcony");
	sim_send(juliet, "<presence/>");
	expect(juliet, "<body>later</body>");
	sim_stop();
}

/* There is nobody to read the challenge, and it comes back. */
static void a_stranger_who_is_away(void)
{
	begin_strangers_with(STRANGERS_WITH(""));
	sim_send(romeo, "<presence type='unavailable'/>");
	sim_send(romeo, "<presence to='juliet@sim.example' type='subscribe' id='s'/>");
	nothing(juliet);
	sim_send(romeo, "<presence/>");
	sim_skip(romeo);
	sim_send(romeo, "<presence to='juliet@sim.example' type='subscribe' id='s'/>");
	be_asked(romeo);
	sim_stop();
}

static void what_is_held(void)
{
	begin_strangers();
	say("0");
	be_asked(romeo);
	for (int i = 1; i < 10; i++)
		say("more");
	nothing(romeo);
	say("too much");
	expect(romeo, "<body>too much</body>");
	expect(romeo, "<resource-constraint ");
	expect(romeo, "</message>");
	sim_send(romeo, "<message to='juliet@sim.example' type='groupchat'><body>x</body></message>");
	nothing(romeo);
	sim_reload("", "modules: {mod_roster: {}}\n");
	is_int(sim_count(romeo, "<policy-violation "), 10);
	nothing(juliet);
	sim_stop();
}

static void features(void)
{
	const char *query = "<iq type='get' id='d' to='juliet@sim.example'>"
			    "<query xmlns='http://jabber.org/protocol/disco#info'/></iq>";
	begin_strangers();
	sim_send(juliet, query);
	expect(juliet, "<feature var='urn:xmpp:bob'/>");
	expect(juliet, "<feature var='urn:xmpp:captcha'/>");
	sim_skip(juliet);
	sim_send(romeo, "<iq type='get' id='b' to='juliet@sim.example'><data xmlns='urn:xmpp:bob' cid='x'/></iq>");
	expect(romeo, "<item-not-found ");
	sim_reload("", "modules: {mod_roster: {}, mod_disco: {}, mod_block_strangers: {captcha: false, "
		       "allow_local_users: false}}\n");
	sim_send(juliet, query);
	expect(juliet, "type='result'");
	ok(!sim_has(juliet, "urn:xmpp:captcha"));
	sim_skip(juliet);
	say("x");
	expect(romeo, "<policy-violation ");
	sim_reload("", STRANGERS);
	say("y");
	be_asked(romeo);
	sim_stop();
}

int main(void)
{
	static const struct module *const mine[] = {&mod_gate, NULL};
	sim_offer(mine);
	run(what_is_sent);
	run(passed);
	run(failed);
	run(timed_out);
	run(came_back);
	run(of_others);
	run(the_picture_again);
	run(cancelled);
	run(by_page);
	run(no_picture);
	run(the_module_leaves);
	run(limits);
	run(limit_of_a_minute);
	run(a_stranger);
	run(a_stranger_who_cannot_read);
	run(a_stranger_is_remembered);
	run(a_stranger_who_is_away);
	run(what_is_held);
	run(features);
	return tap_done();
}
