/* SPDX-License-Identifier: Apache-2.0 */
/* The archive's ids when the clock steps, and what people hear when it cannot be written. */
#include "base/clock.h"
#include "sim.h"
#include "store/store_open.h"

#define MODULES "modules: {mod_roster: {}, mod_mam: {default: always}}\n"
#define HOUR_US INT64_C(3600000000)
/* Statements of a write: begin, savepoint, insert. */
#define FAIL_INSERT 3

static struct sim_client *alice, *bob;

static void begin(const char *modules)
{
	sim_start("", modules);
	alice = sim_login("alice@sim.example/desk");
	bob = sim_login("bob@sim.example/desk");
	sim_send(alice, "<presence/>");
	sim_send(bob, "<presence/>");
	sim_settle();
	sim_skip(alice);
	sim_skip(bob);
}

/* The id under which the next message is in the archive of bob. */
static int64_t next_id(struct sim_client *client)
{
	int64_t id = 0;
	struct str text = sim_between(client, "by='bob@sim.example' id='", "'");
	ok(str_to_i64(text, &id));
	return id;
}

static int64_t archive(const char *body)
{
	sim_sendf(alice, "<message to='bob@sim.example' type='chat'><body>%s</body></message>", body);
	return next_id(bob);
}

static void test_clock_stands_still(void)
{
	begin(MODULES);
	int64_t first = archive("one");
	is_int(first, SIM_START_US);
	is_int(archive("two"), first + 1);
	is_int(archive("three"), first + 2);
	sim_advance(1);
	is_int(archive("four"), first + 1000);
	sim_stop();
}

static void test_clock_steps_back(void)
{
	begin(MODULES);
	int64_t first = archive("one");
	clock_fake(SIM_START_US - HOUR_US);
	is_int(archive("two"), first + 1);
	sim_advance(60000);
	is_int(archive("three"), first + 2);
	clock_fake(SIM_START_US + HOUR_US);
	is_int(archive("four"), SIM_START_US + HOUR_US);
	sim_stop();
}

static void leave(struct sim_client *client)
{
	sim_send(client, "</stream:stream>");
	sim_settle();
	sim_free(client);
}

/* A user who left memory goes on behind what is in the database. */
static void test_user_comes_back(void)
{
	begin(MODULES);
	int64_t first = archive("one");
	leave(bob);
	sim_advance(120000);
	clock_fake(SIM_START_US - HOUR_US);
	bob = sim_login("bob@sim.example/desk");
	sim_send(bob, "<presence/>");
	is_int(archive("two"), first + 1);
	sim_stop();
}

static void only_bob_archives(void)
{
	sim_send(alice, "<iq type='set' id='p'><prefs xmlns='urn:xmpp:mam:2' default='never'/></iq>");
	expect(alice, "type='result' id='p'");
	expect(alice, "</iq>");
}

static void test_not_written(void)
{
	begin(MODULES);
	only_bob_archives();
	store_fail_at(FAIL_INSERT);
	sim_send(alice, "<message to='bob@sim.example' type='chat' id='m1'><body>one</body></message>");
	expect(bob, "<body>one</body>");
	nothing(alice);
	store_fail_at(0);
	sim_stop();
}

/* Nobody is there, and nothing else keeps it: the archive was its only place. */
static void test_not_written_and_nobody_there(void)
{
	begin(MODULES);
	only_bob_archives();
	leave(bob);
	sim_send(alice, "<message to='bob@sim.example' type='chat' id='m1'><body>one</body></message>");
	nothing(alice);
	store_fail_at(FAIL_INSERT);
	sim_send(alice, "<message to='bob@sim.example' type='chat' id='m2'><body>two</body></message>");
	expect(alice, "id='m2'");
	expect(alice, "service-unavailable");
	store_fail_at(0);
	sim_stop();
}

int main(void)
{
	run(test_clock_stands_still);
	run(test_clock_steps_back);
	run(test_user_comes_back);
	run(test_not_written);
	run(test_not_written_and_nobody_there);
	return tap_done();
}
