/* SPDX-License-Identifier: Apache-2.0 */
/* Rooms and time: intervals, rooms that leave memory, rooms that nobody configures, clients that do not come back. */
#include "sim.h"
#include "stanzad/room.h"
#include "stanzad/store.h"

#define ROOM "hall@conference.sim.example"
#define ENTER "<x xmlns='http://jabber.org/protocol/muc'/>"
#define OWNER "http://jabber.org/protocol/muc#owner"
#define ADMIN "http://jabber.org/protocol/muc#admin"
#define MINUTE_MS 60000

static struct sim_client *alice, *bob;

static void begin(const char *modules)
{
	sim_start("", modules);
	alice = sim_login("alice@sim.example/desk");
	bob = sim_login("bob@sim.example/desk");
}

static void skip_all(void)
{
	sim_settle();
	sim_skip(alice);
	sim_skip(bob);
}

static void enter(struct sim_client *client, const char *nick)
{
	sim_sendf(client, "<presence to='" ROOM "/%s'>" ENTER "</presence>", nick);
	sim_settle();
}

static void leave(struct sim_client *client, const char *nick)
{
	sim_sendf(client, "<presence type='unavailable' to='" ROOM "/%s'/>", nick);
	sim_settle();
}

static void say(struct sim_client *client, const char *body)
{
	sim_sendf(client, "<message type='groupchat' to='" ROOM "' id='%s'><body>%s</body></message>", body, body);
}

static void configure(const char *fields)
{
	sim_sendf(alice,
	    "<iq type='set' id='conf' to='" ROOM "'><query xmlns='" OWNER "'><x xmlns='jabber:x:data' type='submit'>"
	    "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>%s</x></query>"
	    "</iq>",
	    fields);
	expect(alice, "type='result' id='conf'");
}

static void change(const char *item)
{
	sim_sendf(alice, "<iq type='set' id='adm' to='" ROOM "'><query xmlns='" ADMIN "'>%s</query></iq>", item);
	expect(alice, "type='result' id='adm'");
}

#define FIELD(name, value) "<field var='muc#roomconfig_" name "'><value>" value "</value></field>"

/* Both are in a new room. */
static void fill(const char *fields)
{
	enter(alice, "A");
	configure(fields);
	enter(bob, "B");
	skip_all();
}

static bool is_loaded(void)
{
	return room_find(STR(ROOM)) != NULL;
}

/* --- intervals ------------------------------------------------------------------------------------------ */

static void show(const char *status)
{
	sim_sendf(bob, "<presence to='" ROOM "/B'><status>%s</status></presence>", status);
}

static void test_min_presence_interval(void)
{
	begin("modules: {mod_muc: {min_presence_interval: 10 s}}\n");
	fill("");
	show("one");
	expect(alice, "<status>one</status>");
	expect(alice, "</presence>");
	show("two");
	sim_advance(5000);
	show("three");
	nothing(alice);
	sim_advance(4999);
	nothing(alice);
	sim_advance(1);
	expect(alice, "<status>three</status>");
	expect(alice, "</presence>");
	nothing(alice);
	sim_advance(10000);
	show("four");
	expect(alice, "<status>four</status>");
	sim_stop();
}

/* What is beyond the rate waits with the client: the server reads nothing more of it meanwhile. */
static void test_message_shaper(const char *option)
{
	char modules[300];
	snprintf(modules, sizeof(modules),
	    "shaper: {slow: {rate: 100, burst_size: 100}}\nshaper_rules: {talk: {none: [{user: alice}], slow: all}}\n"
	    "modules: {mod_muc: {%s: talk}}\n", option);
	begin(modules);
	fill("");
	say(bob, "first");
	say(bob, "second");
	say(bob, "third");
	sim_settle();
	expect(alice, "<body>first</body>");
	expect(alice, "</message>");
	nothing(alice);
	sim_advance(MINUTE_MS);
	expect(alice, "<body>second</body>");
	sim_advance(MINUTE_MS);
	expect(alice, "<body>third</body>");
	for (int i = 0; i < 5; i++)
		say(alice, "free");
	sim_settle();
	for (int i = 0; i < 5; i++)
		expect(bob, "<body>free</body>");
	sim_stop();
}

static void test_shapers(void)
{
	test_message_shaper("user_message_shaper");
	test_message_shaper("room_shaper");
}

/* Whoever enters meanwhile sees what the others see; what waits ends with whoever leaves. */
static void test_presence_that_waits(void)
{
	begin("modules: {mod_muc: {min_presence_interval: 10 s}}\n");
	fill("");
	show("one");
	show("two");
	leave(alice, "A");
	skip_all();
	enter(alice, "A");
	expect(alice, "<status>one</status>");
	sim_advance(10000);
	expect(alice, "<status>two</status>");
	show("three");
	leave(bob, "B");
	expect(alice, "type='unavailable'");
	sim_advance(20000);
	is_int(sim_count(alice, "three"), 0);
	sim_stop();
}

static void test_min_message_interval(void)
{
	begin("modules: {mod_muc: {min_message_interval: 2 s}}\n");
	fill("");
	say(bob, "one");
	expect(alice, "<body>one</body>");
	expect(bob, "<body>one</body>");
	sim_advance(1999);
	say(bob, "two");
	expect(bob, "id='two'");
	expect(bob, "resource-constraint");
	sim_send(bob, "<message type='chat' to='" ROOM "/A' id='three'><body>three</body></message>");
	expect(bob, "id='three'");
	expect(bob, "resource-constraint");
	is_int(sim_count(alice, "<body>"), 0);
	say(alice, "mine");
	expect(bob, "<body>mine</body>");
	sim_advance(1);
	say(bob, "four");
	expect(alice, "<body>four</body>");
	sim_stop();
}

static void ask_for_voice(void)
{
	sim_send(bob, "<message to='" ROOM "' id='v'><x xmlns='jabber:x:data' type='submit'>"
		      "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field>"
		      "<field var='muc#role'><value>participant</value></field></x></message>");
}

static void test_voice_request_interval(void)
{
	begin("modules: {mod_muc: {}}\n");
	fill(FIELD("moderatedroom", "1") FIELD("voicerequestmininterval", "600"));
	change("<item nick='B' role='visitor'/>");
	skip_all();
	ask_for_voice();
	expect(alice, "muc#roomnick");
	sim_advance(599999);
	skip_all();
	ask_for_voice();
	expect(bob, "resource-constraint");
	nothing(alice);
	sim_advance(1);
	ask_for_voice();
	expect(alice, "muc#roomnick");
	sim_stop();
}

/* --- rooms that leave memory ---------------------------------------------------------------------------- */

static void furnish(void)
{
	change("<item affiliation='member' jid='bob@sim.example'><reason>a friend</reason></item>");
	sim_send(alice, "<message type='groupchat' to='" ROOM "'><subject>Furniture</subject></message>");
	say(alice, "one");
	expect(bob, "<body>one</body>");
	leave(bob, "B");
	leave(alice, "A");
	skip_all();
}

static void is_furnished(bool with_history)
{
	enter(alice, "A");
	expect(alice, "affiliation='owner'");
	if (with_history)
		expect(alice, "<body>one</body>");
	expect(alice, "from='" ROOM "/A'");
	expect(alice, "<subject>Furniture</subject>");
	sim_send(alice, "<iq type='get' id='list' to='" ROOM "'><query xmlns='" ADMIN "'><item affiliation='member'/>"
			"</query></iq>");
	expect(alice, "bob@sim.example");
	expect(alice, "a friend");
	sim_send(alice,
	    "<iq type='get' id='info' to='" ROOM "'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	expect(alice, "The Hall");
	expect(alice, "muc_persistent");
}

#define KEPT FIELD("persistentroom", "1") FIELD("roomname", "The Hall")

/* It has what was said in memory alone, which is gone then. */
static void test_hibernation_timeout(void)
{
	begin("modules: {mod_muc: {hibernation_timeout: 5 m}}\n");
	fill(KEPT);
	furnish();
	sim_advance(5 * MINUTE_MS - 1);
	ok(is_loaded());
	sim_advance(1);
	ok(!is_loaded());
	is_furnished(false);
	ok(is_loaded());
	sim_advance(30 * MINUTE_MS);
	ok(is_loaded());
	sim_stop();
}

static void test_no_hibernation_when_something_is_lost(void)
{
	begin("modules: {mod_muc: {}}\n");
	fill(KEPT);
	furnish();
	sim_advance(600 * MINUTE_MS);
	ok(is_loaded());
	is_furnished(true);
	sim_stop();
}

static void test_nothing_to_lose(void)
{
	begin("modules: {mod_muc: {}, mod_mam: {}}\n");
	fill(KEPT FIELD("mam", "1"));
	furnish();
	sim_advance(MINUTE_MS - 1);
	ok(is_loaded());
	sim_advance(1);
	ok(!is_loaded());
	is_furnished(true);
	sim_stop();
}

/* Somebody comes before the time: it begins anew when they have left. */
static void test_visited_meanwhile(void)
{
	begin("modules: {mod_muc: {hibernation_timeout: 30 s}}\n");
	fill(KEPT);
	furnish();
	sim_advance(20000);
	enter(bob, "B");
	sim_advance(20000);
	ok(is_loaded());
	leave(bob, "B");
	sim_advance(29999);
	ok(is_loaded());
	sim_advance(1);
	ok(!is_loaded());
	sim_stop();
}

/* --- rooms that nobody configures ----------------------------------------------------------------------- */

static void test_locked_room_ends(void)
{
	begin("modules: {mod_muc: {}}\n");
	enter(alice, "A");
	expect(alice, "201");
	enter(bob, "B");
	expect(bob, "item-not-found");
	skip_all();
	sim_advance(30 * MINUTE_MS - 1);
	nothing(alice);
	ok(is_loaded());
	sim_advance(1);
	expect(alice, "type='unavailable'");
	expect(alice, "<destroy");
	ok(!is_loaded());
	enter(bob, "B");
	expect(bob, "201");
	sim_stop();
}

static void test_configured_room_stays(void)
{
	begin("modules: {mod_muc: {}}\n");
	enter(alice, "A");
	sim_advance(29 * MINUTE_MS);
	configure("");
	skip_all();
	sim_advance(60 * MINUTE_MS);
	nothing(alice);
	ok(is_loaded());
	sim_stop();
}

/* --- who was in a room when the server crashed ------------------------------------------------------------ */

static int write_clients(struct store_op *op, struct db *db, struct err *err)
{
	static const char *const people[][2] = {{"alice@sim.example/desk", "A"}, {"bob@sim.example/desk", "B"}};
	(void)op;
	for (int i = 0; i < 2; i++)
		if (DB_EXEC(db, err,
			"INSERT INTO mod_muc_client ({host,} room, jid, nick, role, presence) "
			"VALUES ({?,} ?, ?, ?, 2, ?)",
			DB_P_TEXT(STR("sim.example")), DB_P_TEXT(STR(ROOM)), DB_P_TEXT(str_of(people[i][0])),
			DB_P_TEXT(str_of(people[i][1])), DB_P_TEXT(STR("<presence xmlns='jabber:client'/>"))) < 0)
			return -1;
	return 0;
}

static void on_written(struct store_op *op, int result, const struct err *err)
{
	(void)op;
	(void)err;
	ok(result >= 0);
}

/* Both are in the room by what storage says, and bob has no session. */
static void crash(void)
{
	static struct store_op op;
	begin("modules: {mod_muc: {}, mod_ping: {}}\n");
	fill(KEPT);
	sim_reload("", "modules: {mod_ping: {}}\n");
	sim_cut(bob);
	op = (struct store_op){.kind = STORE_WRITE, .key = STR(ROOM), .run = write_clients, .done = on_written};
	store_submit(&op);
	skip_all();
	sim_reload("", "modules: {mod_muc: {}, mod_ping: {}}\n");
}

static void test_who_does_not_come_back(void)
{
	crash();
	sim_advance(14999);
	nothing(alice);
	sim_advance(1);
	expect(alice, "from='" ROOM "/B'");
	expect(alice, "type='unavailable'");
	say(alice, "alone");
	expect(alice, "<body>alone</body>");
	expect(alice, "</message>");
	nothing(alice);
	sim_stop();
}

/* A message finds out before that. */
static void test_ghost_is_found(void)
{
	crash();
	say(alice, "anybody");
	expect(alice, "<body>anybody</body>");
	expect(alice, "from='" ROOM "/B'");
	expect(alice, "333");
	sim_stop();
}

int main(void)
{
	run(test_min_presence_interval);
	run(test_shapers);
	run(test_presence_that_waits);
	run(test_min_message_interval);
	run(test_voice_request_interval);
	run(test_hibernation_timeout);
	run(test_no_hibernation_when_something_is_lost);
	run(test_nothing_to_lose);
	run(test_visited_meanwhile);
	run(test_locked_room_ends);
	run(test_configured_room_stays);
	run(test_who_does_not_come_back);
	run(test_ghost_is_found);
	return tap_done();
}
