/* SPDX-License-Identifier: Apache-2.0 */
/* Archives on the fake clock: readers that do not read or go away, and what is deleted when it is old. */
#include "modules/mod_mam/query.h"
#include "sim.h"
#include "stanzad/list.h"

#define MODULES(options)                                                                                     \
	"modules: {mod_roster: {}, mod_ping: {}, mod_offline: {}, mod_mam: {default: always" options "}}\n"
#define BODY 50000
#define LARGE 120 /* of these are more than a client's queue takes */
#define QUERY(id, inside) "<iq type='set' id='" id "'><query xmlns='" NS_MAM "'>" inside "</query></iq>"
#define MAX(number) "<set xmlns='" NS_RSM "'><max>" number "</max></set>"
#define WORDS(words)                                                                                         \
	"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>" NS_MAM         \
	"</value></field><field var='" MAM_FIELD_FULLTEXT "'><value>" words "</value></field></x>"
#define HOUR_MS (3600u * 1000)

static struct sim_client *alice;

static void begin(const char *modules)
{
	sim_start(", max_stanza_size: 262144", modules);
	alice = sim_login("alice@sim.example/desk");
	sim_send(alice, "<presence/>");
	sim_settle();
	sim_skip(alice);
}

/* What goes to nobody comes back, and is in the sender's archive. */
static void archive(struct sim_client *client, unsigned count, int size)
{
	for (unsigned i = 1; i <= count; i++) {
		sim_sendf(client, "<message to='nobody@sim.example' type='chat'><body>%0*u</body></message>",
		    size, i);
		sim_settle();
		sim_skip(client);
	}
}

/* How many results came, at most that many, each with the number that is due; 1000 and more: another one. */
static unsigned read_results(struct sim_client *client, unsigned most)
{
	unsigned count = 0;
	for (; count < most && sim_has(client, "</body>"); count++) {
		struct str body = sim_between(client, "<body>", "</body>");
		uint64_t number = 0;
		str_to_u64((struct str){body.ptr + body.len - 4, 4}, &number);
		if (number != count + 1)
			return 1000 + (unsigned)number;
	}
	return count;
}

static unsigned results_now(struct sim_client *client)
{
	sim_skip(client);
	sim_send(client, QUERY("now", MAX("250")));
	sim_settle();
	ok(sim_has(client, "<fin "));
	return sim_count(client, "<result ");
}

/* The job waits with what it has, and goes on when the client reads. */
static void test_slow(void)
{
	begin(MODULES(""));
	archive(alice, LARGE, BODY);
	sim_deaf(alice, true);
	sim_send(alice, QUERY("q1", MAX("250")) QUERY("q2", MAX("2")));
	sim_settle();
	sim_advance(1000);
	sim_deaf(alice, false);
	sim_settle();
	is_int(read_results(alice, LARGE), LARGE);
	expect(alice, "id='q1'");
	is_int(read_results(alice, 2), 2);
	expect(alice, "id='q2'");
	sim_skip(alice);
	/* Nothing of it was taken for a message that is to be kept. */
	sim_send(alice, "<presence type='unavailable'/><presence/>");
	sim_settle();
	is_int(sim_count(alice, "<result "), 0);
	sim_stop();
}

static void test_order(void)
{
	begin(MODULES(""));
	archive(alice, 8, 4);
	sim_send(alice, QUERY("q1", MAX("3")) QUERY("q2", MAX("4")));
	sim_settle();
	is_int(sim_count(alice, "id='q2'"), 1);
	sim_send(alice, QUERY("q3", MAX("3")) QUERY("q4", MAX("4")));
	sim_settle();
	for (unsigned i = 0; i < 3; i++)
		expect(alice, "<result ");
	expect(alice, "id='q3'");
	for (unsigned i = 0; i < 4; i++)
		expect(alice, "<result ");
	ok(sim_count(alice, "id='q4'") == 1);
	sim_stop();
}

/* Wherever the job is, a client that goes away takes it along. */
static void test_gone(void)
{
	begin(MODULES(""));
	archive(alice, LARGE, BODY);
	for (unsigned deaf = 0; deaf < 2; deaf++) {
		struct sim_client *other = sim_login("alice@sim.example/phone");
		sim_deaf(other, deaf);
		if (!deaf)
			sim_hold_jobs();
		sim_send(other, QUERY("q1", MAX("250")) QUERY("q2", MAX("250")));
		sim_settle();
		sim_cut(other);
		sim_settle();
		sim_release_jobs();
		sim_settle();
	}
	is_int(results_now(alice), LARGE);
	sim_stop();
}

/* The module leaves while a job waits: who asked is told. */
static void test_unloaded(void)
{
	begin(MODULES(""));
	archive(alice, 3, 4);
	sim_hold_jobs();
	sim_send(alice, QUERY("q1", "") QUERY("q2", ""));
	sim_settle();
	sim_reload("", "modules: {mod_roster: {}, mod_ping: {}}\n");
	sim_release_jobs();
	sim_settle();
	is_int(sim_count(alice, "<service-unavailable "), 2);
	sim_reload("", MODULES(""));
	is_int(results_now(alice), 3);
	sim_stop();
}

/* The server ends while a client does not read. */
static void test_stopped(void)
{
	begin(MODULES(""));
	archive(alice, LARGE, BODY);
	sim_deaf(alice, true);
	sim_send(alice, QUERY("q1", MAX("250")) QUERY("q2", WORDS("x")));
	sim_settle();
	sim_stop();
	ok(true);
}

/* --- retention ------------------------------------------------------------------------------------------ */

static void pass_hours(unsigned hours)
{
	for (unsigned i = 0; i < hours; i++)
		sim_advance(HOUR_MS);
	for (unsigned i = 0; i < 10; i++)
		sim_advance(100);
}

static void test_retention(void)
{
	begin(MODULES(", retention: 2 days"));
	archive(alice, 5, 4);
	pass_hours(24);
	archive(alice, 3, 4);
	is_int(results_now(alice), 8);
	pass_hours(26);
	is_int(results_now(alice), 3);
	pass_hours(24);
	is_int(results_now(alice), 0);
	sim_stop();
}

static void test_retention_of_users(void)
{
	begin("acl: {guest: {user: alice}, keeper: {user: bob}}\n"
	      "shaper_rules: {days: [1: guest, 100: keeper]}\n" MODULES(
		  ", retention: 2 days, retention_rule: days"));
	struct sim_client *bob = sim_login("bob@sim.example/desk");
	struct sim_client *carol = sim_login("carol@sim.example/desk");
	archive(alice, 2, 4);
	archive(bob, 3, 4);
	archive(carol, 4, 4);
	pass_hours(26);
	is_int(results_now(alice), 0);
	is_int(results_now(bob), 3);
	is_int(results_now(carol), 4);
	pass_hours(24);
	is_int(results_now(bob), 3);
	is_int(results_now(carol), 0);
	sim_stop();
}

static void test_kept(void)
{
	begin(MODULES(""));
	archive(alice, 2, 4);
	pass_hours(500);
	is_int(results_now(alice), 2);
	sim_stop();
}

/* --- words ---------------------------------------------------------------------------------------------- */

struct look {
	struct store_op op;
	bool behind, done;
	enum db_text_state state;
};

static int look_run(struct store_op *op, struct db *db, struct err *err)
{
	struct look *look = list_entry(op, struct look, op);
	return db_text_state(db, &look->state, err) < 0 ? -1 : mam_text_is_behind(db, &look->behind, err);
}

static void look_done(struct store_op *op, int result, const struct err *err)
{
	struct look *look = list_entry(op, struct look, op);
	look->done = result == 0;
}

static struct look look_now(void)
{
	struct look look = {.op = {.kind = STORE_READ, .run = look_run, .done = look_done}};
	store_submit(&look.op);
	sim_settle();
	ok(look.done);
	return look;
}

/* Nobody pays for an index that nobody uses; the first search makes it, and then it follows by itself. */
static void test_words(void)
{
	begin(MODULES(""));
	archive(alice, 3, 4);
	sim_advance(2 * 60000);
	is_int(look_now().state, DB_TEXT_CAN_BE);
	sim_send(alice, QUERY("q1", WORDS("0002")));
	sim_settle();
	is_int(sim_count(alice, "<result "), 1);
	is_int(look_now().state, DB_TEXT_THERE);
	ok(!look_now().behind);
	archive(alice, 2, 4);
	ok(look_now().behind);
	sim_advance(61000);
	ok(!look_now().behind);
	sim_send(alice, QUERY("q2", WORDS("0002")));
	sim_settle();
	is_int(sim_count(alice, "<result "), 2);
	sim_stop();
}

int main(void)
{
	run(test_order);
	run(test_slow);
	run(test_gone);
	run(test_unloaded);
	run(test_stopped);
	run(test_retention);
	run(test_retention_of_users);
	run(test_kept);
	run(test_words);
	return tap_done();
}
