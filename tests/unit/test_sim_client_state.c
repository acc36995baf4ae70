/* SPDX-License-Identifier: Apache-2.0 */
/* What waits while a client is inactive, what does not, and in which order all of it arrives: XEP-0352. */
#include "modules/mod_client_state/client_state.h"
#include "sim.h"

#define MODULES "mod_carboncopy: {}, mod_offline: {}, mod_ping: {}, mod_roster: {}"
#define INACTIVE "<inactive xmlns='urn:xmpp:csi:0'/>"
#define ACTIVE "<active xmlns='urn:xmpp:csi:0'/>"
#define STATE(name) "<" name " xmlns='http://jabber.org/protocol/chatstates'/>"
#define AUTH "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHJvbWVvAHNlY3JldA==</auth>"
#define EVENT(node, items) \
	"<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='" node "'>" items "</items></event>"
#define STAMP "<delay xmlns='urn:xmpp:delay' from='sim.example' stamp='2026-01-01T00:00:"

static struct sim_client *phone;

static void begin(const char *options)
{
	struct strbuf rest = {0};
	strbuf_printf(&rest, "modules: {mod_client_state: {%s}, " MODULES "}\n", options);
	char *text = strbuf_take(&rest);
	sim_start("", text);
	free(text);
	phone = sim_login("romeo@sim.example/phone");
	sim_send(phone, "<presence/>");
	sim_settle();
	sim_skip(phone);
	sim_send(phone, INACTIVE);
	nothing(phone);
}

/* A stanza from anywhere, for the phone. */
static void arrive(const char *from, const char *text)
{
	struct err err;
	struct arena arena = {0};
	struct jid sender, to;
	struct stanza *stanza = stanza_parse(str_of(text), &xml_limits_default, &err);
	ok(jid_parse(str_of(from), &arena, &sender, &err) == 0);
	ok(jid_parse(STR("romeo@sim.example/phone"), &arena, &to, &err) == 0);
	route(&sender, &to, stanza);
	stanza_unref(&stanza);
	arena_fini(&arena);
	sim_settle();
}

static struct session *session_here(void)
{
	return user_session(user_find(STR("romeo@sim.example")), STR("phone"));
}

static void is_unread(const char *text)
{
	sim_settle();
	is_text(sim_unread(phone), text);
	sim_skip(phone);
}

/* --- 3.1, 4.1 ------------------------------------------------------------------------------------------- */

static void announced(void)
{
	begin("");
	struct sim_client *client = sim_client();
	sim_send(client, SIM_HEADER);
	expect(client, "<stream:features>");
	ok(!sim_has(client, "urn:xmpp:csi:0"));
	sim_send(client, AUTH);
	expect(client, "<success ");
	sim_send(client, SIM_HEADER);
	expect(client, "<csi xmlns='urn:xmpp:csi:0'/>");
	/* Before a resource is bound there is nothing to hold back. */
	sim_send(client, INACTIVE ACTIVE);
	ok(!sim_closed(client));
	sim_stop();
}

/* --- presence ------------------------------------------------------------------------------------------- */

static void presence_folds(void)
{
	begin("");
	arrive("a@x.example/1", "<presence><show>away</show></presence>");
	sim_advance(1000);
	arrive("b@x.example/1", "<presence/>");
	arrive("a@x.example/2", "<presence/>");
	sim_advance(1000);
	arrive("a@x.example/1", "<presence type='unavailable'/>");
	nothing(phone);
	sim_send(phone, ACTIVE);
	is_unread(
	    "<presence from='b@x.example/1' to='romeo@sim.example/phone'>" STAMP "01.000000Z'/></presence>"
	    "<presence from='a@x.example/2' to='romeo@sim.example/phone'>" STAMP "01.000000Z'/></presence>"
	    "<presence from='a@x.example/1' to='romeo@sim.example/phone' type='unavailable'>" STAMP
	    "02.000000Z'/></presence>");
	arrive("a@x.example/1", "<presence/>");
	expect(phone, "<presence from='a@x.example/1' to='romeo@sim.example/phone'/>");
	sim_stop();
}

static void presence_that_does_not_wait(void)
{
	begin("");
	arrive("a@x.example", "<presence type='subscribe'/>");
	expect(phone, "type='subscribe'");
	arrive("room@x.example/me",
	    "<presence><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>");
	expect(phone, "code='110'");
	arrive("a@x.example/1", "<presence type='error'/>");
	expect(phone, "type='error'");
	sim_stop();
}

/* Of the user's own devices, too. */
static void presence_of_own_devices(void)
{
	begin("");
	struct sim_client *desk = sim_login("romeo@sim.example/desk");
	sim_send(desk, "<presence/><presence><show>dnd</show></presence>");
	nothing(phone);
	sim_send(phone, ACTIVE);
	expect(phone, "<presence from='romeo@sim.example/desk'");
	expect(phone, "<show>dnd</show>");
	ok(!sim_has(phone, "<presence"));
	sim_stop();
}

/* --- chat states ---------------------------------------------------------------------------------------- */

static void chat_states_fold(void)
{
	begin("");
	arrive("a@x.example/1", "<message type='chat'>" STATE("composing") "<thread>t</thread></message>");
	arrive("b@x.example/1", "<message type='chat'>" STATE("active") "</message>");
	arrive("a@x.example/1",
	    "<message type='chat'>" STATE("paused") "<no-store xmlns='urn:xmpp:hints'/></message>");
	nothing(phone);
	sim_send(phone, ACTIVE);
	expect(phone, "from='b@x.example/1'");
	expect(phone, "from='a@x.example/1' to='romeo@sim.example/phone' type='chat'><paused ");
	ok(!sim_has(phone, "<message"));
	sim_stop();
}

static void chat_states_in_carbons(void)
{
	begin("");
	struct sim_client *desk = sim_login("romeo@sim.example/desk");
	sim_send(phone, "<iq type='set' id='c1'><enable xmlns='urn:xmpp:carbons:2'/></iq>");
	expect(phone, "id='c1'");
	sim_send(desk, "<message to='a@x.example' type='chat'>" STATE("composing") "</message>"
		       "<message to='a@x.example' type='chat'>" STATE("paused") "</message>");
	sim_settle();
	ok(!sim_has(phone, "<paused"));
	sim_send(desk, "<message to='a@x.example' type='chat'><body>hi</body></message>");
	expect(phone, "<paused ");
	expect(phone, "<body>hi</body>");
	sim_stop();
}

/* --- personal eventing ---------------------------------------------------------------------------------- */

static void events_fold(void)
{
	begin("");
	arrive("a@x.example", "<message type='headline'>" EVENT("tune", "<item id='1'/>") "</message>");
	arrive("a@x.example", "<message type='headline'>" EVENT("mood", "<item id='2'/>") "</message>");
	arrive("b@x.example", "<message type='headline'>" EVENT("tune", "<item id='3'/>") "</message>");
	arrive("a@x.example", "<message type='headline'>" EVENT("tune", "<item id='4'/>") "</message>");
	nothing(phone);
	sim_send(phone, ACTIVE);
	expect(phone, "<item id='2'/>");
	expect(phone, "<item id='3'/>");
	expect(phone, "<item id='4'/>");
	ok(!sim_has(phone, "<item "));
	sim_stop();
}

/* Where every item counts, each is held; the same item of later is one. */
static void events_of_many_items(void)
{
	static const char *const own = "romeo@sim.example";
	begin("");
	arrive(own, "<message>" EVENT("urn:xmpp:bookmarks:1", "<item id='r1'/>") "</message>");
	arrive(own, "<message>" EVENT("urn:xmpp:bookmarks:1", "<item id='r2'/>") "</message>");
	arrive(own, "<message>" EVENT("urn:xmpp:bookmarks:1", "<retract id='r1'/>") "</message>");
	arrive("a@x.example", "<message>" EVENT("urn:xmpp:microblog:0", "<item id='p1'/>") "</message>");
	arrive("a@x.example", "<message>" EVENT("urn:xmpp:microblog:0", "<item id='p2'/>") "</message>");
	nothing(phone);
	sim_send(phone, ACTIVE);
	expect(phone, "<item id='r2'/>");
	expect(phone, "<retract id='r1'/>");
	expect(phone, "<item id='p1'/>");
	expect(phone, "<item id='p2'/>");
	ok(!sim_has(phone, "r1"));
	sim_stop();
}

static void events_that_do_not_wait(void)
{
	begin("");
	arrive("pubsub.x.example", "<message>" EVENT("n", "<item id='1'/>") "</message>");
	expect(phone, "<item id='1'/>");
	arrive("a@x.example/1", "<message>" EVENT("n", "<item id='2'/>") "</message>");
	expect(phone, "<item id='2'/>");
	arrive("a@x.example", "<message><body>hi</body>" EVENT("n", "<item id='3'/>") "</message>");
	expect(phone, "<item id='3'/>");
	arrive("a@x.example", "<message><event xmlns='http://jabber.org/protocol/pubsub#event'>"
			      "<purge node='n'/></event></message>");
	expect(phone, "<purge ");
	sim_stop();
}

/* --- what goes through ---------------------------------------------------------------------------------- */

static void everything_else_in_order(void)
{
	static const char *const passing[] = {
	    "<message type='chat'><body>hi</body></message>",
	    "<message type='chat'><body>hi</body>" STATE("active") "</message>",
	    "<message type='chat'/>",
	    "<message type='error'>" STATE("active") "</message>",
	    "<message><received xmlns='urn:xmpp:receipts' id='1'/></message>",
	    "<message><encrypted xmlns='urn:xmpp:omemo:2'/></message>",
	    "<iq type='get' id='1'><query xmlns='jabber:iq:version'/></iq>",
	    "<iq type='result' id='2'/>",
	};
	begin("");
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		arrive("a@x.example/1", "<presence/>");
		arrive("b@x.example/1", "<message type='chat'>" STATE("active") "</message>");
		nothing(phone);
		arrive("c@x.example/1", passing[i]);
		expect(phone, "from='a@x.example/1'");
		expect(phone, "from='b@x.example/1'");
		expect(phone, "from='c@x.example/1'");
		sim_skip(phone);
	}
	sim_stop();
}

/* 5.1 */
static void active_before_what_follows(void)
{
	begin("");
	arrive("a@x.example/1", "<presence/>");
	sim_send(phone, ACTIVE "<iq type='get' id='p1' to='sim.example'><ping xmlns='urn:xmpp:ping'/></iq>");
	expect(phone, "from='a@x.example/1'");
	expect(phone, "id='p1'/>");
	nothing(phone);
	sim_stop();
}

/* --- bounds --------------------------------------------------------------------------------------------- */

static void full(void)
{
	char from[32];
	begin("");
	for (unsigned i = 1; i <= CLIENT_STATE_STANZAS; i++) {
		snprintf(from, sizeof(from), "a@x.example/%u", i);
		arrive(from, "<presence/>");
	}
	/* One that folds needs no room. */
	arrive(from, "<presence/>");
	nothing(phone);
	arrive("b@x.example/1", "<presence/>");
	is_int(sim_count(phone, "<presence "), CLIENT_STATE_STANZAS + 1);
	arrive("b@x.example/1", "<presence/>");
	nothing(phone);
	sim_stop();
}

static void full_of_bytes(void)
{
	begin("");
	struct strbuf text = {0};
	strbuf_printf(&text, "<presence><status>%0*u</status></presence>", (int)CLIENT_STATE_BYTES / 3, 1);
	arrive("a@x.example/1", text.ptr);
	arrive("a@x.example/1", text.ptr);
	arrive("a@x.example/2", text.ptr);
	nothing(phone);
	arrive("a@x.example/3", text.ptr);
	is_int(sim_count(phone, "<presence "), 3);
	strbuf_fini(&text);
	sim_stop();
}

/* --- options, ends -------------------------------------------------------------------------------------- */

static void options(void)
{
	begin("queue_presence: false, queue_chat_states: false, queue_pep: false");
	arrive("a@x.example/1", "<presence/>");
	expect(phone, "<presence from='a@x.example/1' to='romeo@sim.example/phone'/>");
	arrive("a@x.example/1", "<message type='chat'>" STATE("composing") "</message>");
	expect(phone, "<composing ");
	arrive("a@x.example", "<message>" EVENT("n", "<item id='1'/>") "</message>");
	expect(phone, "<item id='1'/>");
	sim_stop();
}

static void twice_and_again(void)
{
	begin("");
	arrive("a@x.example/1", "<presence/>");
	sim_send(phone, INACTIVE);
	nothing(phone);
	sim_send(phone, ACTIVE ACTIVE);
	is_int(sim_count(phone, "<presence "), 1);
	sim_send(phone, INACTIVE);
	nothing(phone);
	arrive("a@x.example/1", "<presence/>");
	nothing(phone);
	sim_cut(phone);
	sim_settle();
	sim_stop();
}

/* 5.2 */
static void resumed(void)
{
	begin("");
	arrive("a@x.example/1", "<presence/>");
	struct session *session = session_here();
	hook_run_session_resumed(user_host(session_user(session)), &(struct hook_session){session});
	expect(phone, "from='a@x.example/1'");
	arrive("b@x.example/1", "<presence/>");
	expect(phone, "from='b@x.example/1'");
	sim_stop();
}

static void asked_for_with_a_bind(void)
{
	begin("");
	sim_send(phone, ACTIVE);
	sim_settle();
	struct session *session = session_here();
	struct host *host = user_host(session_user(session));
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	hook_run_bind2_features(host, &(struct hook_bind2_features){host, session_jid(session), &writer});
	ok(strstr(writer.buf.ptr, "<feature var='urn:xmpp:csi:0'/>"));
	struct xml_tree *tree =
	    xml_parse(STR("<bind xmlns='urn:xmpp:bind:0'><inactive xmlns='urn:xmpp:csi:0'/></bind>"), NS_CLIENT,
		&xml_limits_default, NULL, NULL);
	xml_writer_reset(&writer);
	hook_run_bind2_request(host, &(struct hook_bind2_request){session, tree->root, &writer});
	arrive("a@x.example/1", "<presence/>");
	nothing(phone);
	xml_tree_unref(&tree);
	xml_writer_fini(&writer);
	sim_stop();
}

/* The module goes: nothing that it holds is of any use to anybody later. */
static void unloaded(void)
{
	begin("");
	arrive("a@x.example/1", "<presence/>");
	sim_reload("", "modules: {" MODULES "}\n");
	arrive("b@x.example/1", "<presence/>");
	expect(phone, "from='b@x.example/1'");
	sim_send(phone, ACTIVE);
	expect(phone, "<unsupported-stanza-type ");
	sim_stop();
}

int main(void)
{
	run(announced);
	run(presence_folds);
	run(presence_that_does_not_wait);
	run(presence_of_own_devices);
	run(chat_states_fold);
	run(chat_states_in_carbons);
	run(events_fold);
	run(events_of_many_items);
	run(events_that_do_not_wait);
	run(everything_else_in_order);
	run(active_before_what_follows);
	run(full);
	run(full_of_bytes);
	run(options);
	run(twice_and_again);
	run(resumed);
	run(asked_for_with_a_bind);
	run(unloaded);
	return tap_done();
}
