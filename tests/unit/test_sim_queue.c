/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that do not read: whoever sends to them is slowed down, nothing is lost silently, and there is an
 * end. */
#include "sim.h"
#include "stanzad/user.h"
#include "stream/c2s.h"

#define BODY 50000 /* about 20 of these fill a client's output queue */
#define MESSAGES 40

static struct sim_client *alice, *bob;
static unsigned seen[MESSAGES + 1]; /* how often a message came to somebody, or came back */

static void begin(const char *listener, const char *rest)
{
	sim_start(listener, rest);
	alice = sim_login("alice@sim.example/desk");
	bob = sim_login("bob@sim.example/desk");
	sim_send(alice, "<presence/>");
	sim_send(bob, "<presence/>");
	sim_settle();
	sim_skip(alice);
	sim_skip(bob);
	memset(seen, 0, sizeof(seen));
}

/* Messages whose bodies end in their number. */
static void send_messages(struct sim_client *client, const char *to, unsigned count, int size)
{
	for (unsigned i = 1; i <= count; i++)
		sim_sendf(client, "<message to='%s' type='chat'><body>%0*u</body></message>", to, size, i);
}

static void pass(unsigned ms)
{
	for (unsigned passed = 0; passed < ms; passed += 50)
		sim_advance(50);
}

static unsigned number_of(struct str body)
{
	uint64_t number = 0;

	if (body.len > 4)
		str_to_u64((struct str){body.ptr + body.len - 4, 4}, &number);
	return (unsigned)number;
}

/* Marks the messages that came, and says how many. Numbers must grow from 'last' on. */
static unsigned read_messages(struct sim_client *client, unsigned last)
{
	unsigned count = 0;

	for (; sim_has(client, "</body>"); count++) {
		unsigned number = number_of(sim_between(client, "<body>", "</body>"));
		if (number <= last || number > MESSAGES)
			return 1000 + number;
		seen[number]++;
		last = number;
	}
	return count;
}

static bool each_seen_once(void)
{
	for (unsigned i = 1; i <= MESSAGES; i++)
		if (seen[i] != 1)
			return printf("# message %u was seen %u times\n", i, seen[i]) < 0;
	return true;
}

/* --- senders ----------------------------------------------------------------------------------------- */

static void test_sender_is_slowed(void)
{
	begin("", "");
	sim_deaf(bob, true);
	send_messages(alice, "bob@sim.example/desk", MESSAGES, BODY);
	size_t before = sim_unsent(alice);
	ok(before > 30 * BODY);
	sim_advance(49);
	is_int(sim_unsent(alice), before);
	/* A stanza every 50 ms; what it is in is read in pieces of 64 KiB. */
	pass(500);
	size_t passed = before - sim_unsent(alice);
	ok(passed > 8 * BODY && passed < 12 * BODY);
	nothing(alice);
	/* When the recipient reads again, nobody is slowed down any more. */
	sim_deaf(bob, false);
	pass(1000);
	is_int(sim_unsent(alice), 0);
	is_int(read_messages(bob, 0), MESSAGES);
	ok(each_seen_once());
	sim_stop();
}

/* Others are not held up by the two. */
static void test_bystanders_go_on(void)
{
	begin("", "");
	struct sim_client *carol = sim_login("carol@sim.example/desk"),
			  *dave = sim_login("dave@sim.example/desk");
	sim_deaf(bob, true);
	send_messages(alice, "bob@sim.example/desk", MESSAGES, BODY);
	pass(200);
	send_messages(carol, "dave@sim.example/desk", MESSAGES, 1000);
	is_int(read_messages(dave, 0), MESSAGES);
	sim_stop();
}

/* --- nothing is lost silently ------------------------------------------------------------------------ */

/* More than a queue may ever hold. */
static void fill_queue(void)
{
	sim_deaf(bob, true);
	send_messages(alice, "bob@sim.example/desk", MESSAGES, 4 * BODY);
	for (unsigned second = 0; second < MESSAGES; second++)
		sim_advance(1000);
	is_int(sim_unsent(alice), 0);
}

static void test_full_queue_bounces(void)
{
	begin(", send_timeout: 10 min", "");
	fill_queue();
	ok(sim_has(alice, "<resource-constraint "));
	unsigned bounced = sim_count(alice, "type='error'");
	sim_deaf(bob, false);
	unsigned delivered = read_messages(bob, 0);
	ok(bounced > 10);
	is_int(bounced + delivered, MESSAGES);
	sim_stop();
}

static void test_full_queue_is_kept(void)
{
	begin(", send_timeout: 10 min", "modules: {mod_offline: {}}\n");
	fill_queue();
	nothing(alice);
	sim_deaf(bob, false);
	is_int(read_messages(bob, 0), MESSAGES);
	ok(each_seen_once());
	sim_stop();
}

/* What a connection that dies did not take comes with the next log-in. */
static void test_unsent_is_kept(void)
{
	begin(", send_timeout: 5 s", "modules: {mod_offline: {}}\n");
	sim_deaf(bob, true);
	send_messages(alice, "bob@sim.example/desk", MESSAGES, BODY / 4);
	pass(50 * MESSAGES);
	is_int(sim_unsent(alice), 0);
	sim_advance(5000);
	is_int(c2s_count(), 1);
	sim_deaf(bob, false);
	unsigned delivered = read_messages(bob, 0);
	closed(bob);
	bob = sim_login("bob@sim.example/desk");
	sim_send(bob, "<presence/>");
	is_int(read_messages(bob, delivered) + delivered, MESSAGES);
	ok(each_seen_once());
	nothing(alice);
	sim_stop();
}

/* --- send_timeout ------------------------------------------------------------------------------------ */

static void befriend(void)
{
	sim_befriend(alice, "alice@sim.example", bob, "bob@sim.example");
	sim_settle();
	sim_skip(alice);
}

static void test_send_timeout(void)
{
	begin(", send_timeout: 5 s", "modules: {mod_roster: {}, mod_offline: {}}\n");
	befriend();
	sim_deaf(bob, true);
	send_messages(alice, "bob@sim.example/desk", MESSAGES, BODY);
	pass(50 * MESSAGES);
	sim_advance(4999 - 50 * MESSAGES);
	ok(user_first_session(user_find(STR("bob@sim.example"))) != NULL);
	nothing(alice);
	/* It is looked at once a second. */
	sim_advance(1001);
	ok(user_first_session(user_find(STR("bob@sim.example"))) == NULL);
	expect(alice, "<presence from='bob@sim.example/desk'");
	expect(alice, "type='unavailable'/>");
	is_int(c2s_count(), 1);
	sim_stop();
}

/* However little it is that a client does not take. */
static void test_send_timeout_of_little(void)
{
	begin(", send_timeout: 5 s", "modules: {mod_roster: {}}\n");
	befriend();
	sim_deaf(bob, true);
	send_messages(alice, "bob@sim.example/desk", 1, 60000);
	sim_advance(1000);
	send_messages(alice, "bob@sim.example/desk", 1, 10);
	sim_advance(3999);
	nothing(alice);
	sim_advance(1001);
	expect(alice, "type='unavailable'/>");
	sim_stop();
}

/* A client that is slow, but reads, is left alone. */
static void test_slow_reader_stays(void)
{
	begin(", send_timeout: 5 s", "");
	sim_deaf(bob, true);
	send_messages(alice, "bob@sim.example/desk", MESSAGES / 4, BODY);
	for (unsigned second = 0; second < 28; second += 4) {
		pass(2000);
		sim_advance(2000);
		sim_hear(bob, 65536);
	}
	is_int(c2s_count(), 2);
	sim_deaf(bob, false);
	is_int(read_messages(bob, 0), MESSAGES / 4);
	sim_stop();
}

/* Both send, neither reads: that both are slowed down does not save them from the end. */
static void test_mutually_deaf(void)
{
	begin(", send_timeout: 5 s", "modules: {mod_offline: {}}\n");
	sim_deaf(alice, true);
	sim_deaf(bob, true);
	send_messages(alice, "bob@sim.example/desk", 200, 20000);
	send_messages(bob, "alice@sim.example/desk", 200, 20000);
	pass(4500);
	is_int(c2s_count(), 2);
	/* The second is read from, and so finds its own queue full, when the first is gone. */
	pass(1500);
	is_int(c2s_count(), 1);
	pass(9000);
	is_int(c2s_count(), 0);
	sim_stop();
}

/* The closing of a stream ends also when the client takes nothing of it. */
static void test_deaf_at_the_end(void)
{
	begin("", "");
	sim_deaf(bob, true);
	send_messages(alice, "bob@sim.example/desk", MESSAGES, BODY);
	pass(500);
	c2s_close_all("system-shutdown", NULL);
	expect(alice, "<system-shutdown ");
	sim_cut(alice);
	sim_advance(2999);
	is_int(c2s_count(), 1);
	sim_advance(1);
	is_int(c2s_count(), 0);
	sim_stop();
}

int main(void)
{
	run(test_sender_is_slowed);
	run(test_bystanders_go_on);
	run(test_full_queue_bounces);
	run(test_full_queue_is_kept);
	run(test_unsent_is_kept);
	run(test_send_timeout);
	run(test_send_timeout_of_little);
	run(test_slow_reader_stays);
	run(test_mutually_deaf);
	run(test_deaf_at_the_end);
	return tap_done();
}
