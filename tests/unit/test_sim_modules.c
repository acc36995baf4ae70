/* SPDX-License-Identifier: Apache-2.0 */
/* What modules and the session manager do as time passes. */
#include "base/clock.h"
#include "sim.h"
#include "stanzad/user.h"
#include "stream/c2s.h"

#define DAY_MS UINT64_C(86400000)
#define HOUR_US INT64_C(3600000000)

static struct sim_client *alice, *bob;

static void begin(const char *rest)
{
	sim_start("", rest);
	alice = sim_login("alice@sim.example/desk");
	bob = sim_login("bob@sim.example/desk");
	sim_send(alice, "<presence/>");
	sim_send(bob, "<presence/>");
	sim_settle();
	sim_skip(alice);
	sim_skip(bob);
}

static void begin_as_friends(const char *rest)
{
	begin(rest);
	sim_befriend(alice, "alice@sim.example", bob, "bob@sim.example");
	sim_settle();
	sim_skip(alice);
}

static void leave(struct sim_client *client)
{
	sim_send(client, "</stream:stream>");
	sim_closed(client);
}

static bool in_memory(const char *bare)
{
	sim_settle();
	return user_find(str_of(bare)) != NULL;
}

static void last_is(const char *seconds)
{
	sim_skip(alice);
	sim_send(alice, "<iq type='get' id='l' to='bob@sim.example'><query xmlns='jabber:iq:last'/></iq>");
	struct str got = sim_between(alice, "seconds='", "'");
	is_text(got, seconds);
}

/* --- mod_ping: XEP-0199 ------------------------------------------------------------------------------ */

static int64_t counted(const char *module, unsigned metric)
{
	return metric_value(host_module(host_find(STR("sim.example")), module), metric);
}

static void answer_ping(struct sim_client *client)
{
	struct str id = sim_between(client, "id='", "'");
	sim_sendf(client, "<iq type='result' to='sim.example' id='%.*s'/>", STR_FMT(id));
	expect(client, "<ping xmlns='urn:xmpp:ping'/></iq>");
	nothing(client);
}

static void test_ping_the_silent(void)
{
	begin("modules: {mod_ping: {send_pings: true, timeout_action: kill}}\n");
	sim_advance(30000);
	/* An element is a sign of life. */
	sim_send(alice, "<message to='alice@sim.example/nowhere' type='error'/>");
	sim_advance(29999);
	nothing(bob);
	sim_advance(1);
	answer_ping(bob);
	nothing(alice);
	sim_advance(29999);
	nothing(alice);
	sim_advance(1);
	answer_ping(alice);
	/* Whoever answers is asked again after the interval, and stays. */
	for (unsigned minute = 0; minute < 5; minute++) {
		sim_advance(30000);
		answer_ping(bob);
		sim_advance(30000);
		answer_ping(alice);
	}
	is_int(c2s_count(), 2);
	sim_stop();
}

static void test_ping_unanswered(void)
{
	begin_as_friends("modules: {mod_roster: {}, mod_ping: {send_pings: true, timeout_action: kill}}\n");
	sim_advance(60000);
	answer_ping(alice);
	expect(bob, "<ping ");
	sim_advance(31999);
	nothing(alice);
	ok(!sim_closed(bob));
	sim_advance(1);
	expect(bob, "<connection-timeout xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
	closed(bob);
	expect(alice, "<presence from='bob@sim.example/desk'");
	expect(alice, "type='unavailable'/>");
	nothing(alice);
	is_int(counted("mod_ping", 0), 2);
	is_int(counted("mod_ping", 1), 1);
	sim_stop();
}

static void test_ping_without_action(void)
{
	begin("modules: {mod_ping: {send_pings: true, ping_interval: 10 s, ping_ack_timeout: 5 s}}\n");
	sim_advance(10000);
	expect(bob, "<ping xmlns='urn:xmpp:ping'/></iq>");
	sim_advance(5000);
	ok(!sim_closed(bob));
	/* The answer that is too late is nobody's. */
	sim_send(bob, "<iq type='result' to='sim.example' id='0.late'/>");
	sim_advance(9999);
	nothing(bob);
	sim_advance(1);
	expect(bob, "<ping ");
	/* It leaves while an answer is awaited; so does the whole server. */
	sim_cut(bob);
	sim_advance(5000);
	sim_advance(DAY_MS);
	expect(alice, "<ping ");
	sim_stop();
}

/* An administrator corrects the clock: who is silent is pinged as ever. */
static void test_ping_and_a_clock_set_back(void)
{
	begin("modules: {mod_ping: {send_pings: true, timeout_action: kill}}\n");
	sim_advance(30000);
	clock_fake(clock_real_us() - HOUR_US);
	sim_advance(30000);
	answer_ping(alice);
	answer_ping(bob);
	sim_advance(59999);
	nothing(alice);
	sim_advance(1);
	answer_ping(alice);
	expect(bob, "<ping ");
	sim_advance(32000);
	expect(bob, "<connection-timeout ");
	sim_stop();
}

static void test_ping_options_change(void)
{
	begin("modules: {mod_ping: {send_pings: true, timeout_action: kill}}\n");
	sim_advance(50000);
	sim_reload("", "modules: {mod_ping: {send_pings: true, ping_interval: 90 s}}\n");
	sim_advance(39999);
	nothing(alice);
	sim_advance(1);
	answer_ping(alice);
	expect(bob, "<ping xmlns='urn:xmpp:ping'/></iq>");
	sim_advance(32000);
	ok(!sim_closed(bob));
	sim_reload("", "modules: {mod_ping: {}}\n");
	sim_advance(DAY_MS);
	nothing(alice);
	nothing(bob);
	sim_stop();
}

/* The module goes, and some of those that it watches, while it waits for their answers. */
static void test_ping_goes(void)
{
	begin("modules: {mod_ping: {send_pings: true, timeout_action: kill}}\n");
	sim_advance(60000);
	answer_ping(alice);
	expect(bob, "<ping xmlns='urn:xmpp:ping'/></iq>");
	sim_reload("", "modules: {}\n");
	struct sim_client *carol = sim_login("carol@sim.example/desk");
	leave(alice);
	sim_advance(32000);
	ok(!sim_closed(bob));
	leave(bob);
	sim_advance(DAY_MS);
	nothing(carol);
	sim_stop();
}

/* --- modules come while people are there ------------------------------------------------------------- */

static void test_modules_come(void)
{
	begin("modules: {}\n");
	sim_reload(
	    "", "modules: {mod_roster: {}, mod_offline: {}, mod_last: {}, mod_ping: {send_pings: true}}\n");
	sim_send(alice, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
	expect(alice, "<query xmlns='jabber:iq:roster'");
	expect(alice, "</iq>");
	sim_befriend(alice, "alice@sim.example", bob, "bob@sim.example");
	leave(bob);
	expect(alice, "type='unavailable'/>");
	last_is("0");
	sim_send(alice, "<message to='bob@sim.example' type='chat'><body>hi</body></message>");
	bob = sim_login("bob@sim.example/desk");
	sim_send(bob, "<presence/>");
	expect(bob, "<body>hi</body>");
	sim_stop();
}

/* While its messages are read, and others wait behind them. */
static void test_offline_goes(void)
{
	begin("modules: {mod_offline: {}}\n");
	leave(bob);
	sim_send(alice, "<message to='bob@sim.example' type='chat'><body>kept</body></message>");
	bob = sim_login("bob@sim.example/desk");
	sim_hold_jobs();
	sim_send(bob, "<presence/>");
	sim_settle();
	sim_skip(bob);
	sim_send(alice, "<message to='bob@sim.example' type='chat'><body>live</body></message>");
	nothing(bob);
	sim_reload("", "modules: {}\n");
	sim_release_jobs();
	expect(bob, "<body>live</body>");
	expect(bob, "</message>");
	nothing(bob);
	sim_reload("", "modules: {mod_offline: {}}\n");
	sim_send(bob, "<presence type='unavailable'/><presence/>");
	expect(bob, "<body>kept</body>");
	leave(bob);
	sim_advance(30000);
	ok(!in_memory("bob@sim.example"));
	sim_stop();
}

/* Options that change disturb nobody. */
static void test_offline_options_change(void)
{
	begin("modules: {mod_offline: {}}\n");
	leave(bob);
	sim_send(alice, "<message to='bob@sim.example' type='chat'><body>kept</body></message>");
	bob = sim_login("bob@sim.example/desk");
	sim_hold_jobs();
	sim_send(bob, "<presence/>");
	sim_settle();
	sim_send(alice, "<message to='bob@sim.example' type='chat'><body>live</body></message>");
	sim_reload("", "modules: {mod_offline: {store_groupchat: true}}\n");
	sim_release_jobs();
	expect(bob, "<body>kept</body>");
	expect(bob, "<body>live</body>");
	sim_stop();
}

/* --- users in memory --------------------------------------------------------------------------------- */

static void test_idle_users_are_forgotten(void)
{
	begin_as_friends("modules: {mod_roster: {}}\n");
	leave(bob);
	sim_advance(29999);
	ok(in_memory("bob@sim.example"));
	sim_advance(1);
	ok(!in_memory("bob@sim.example"));
	ok(in_memory("alice@sim.example"));
	bob = sim_login("bob@sim.example/desk");
	sim_send(bob, "<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>");
	expect(bob, "jid='alice@sim.example'");
	ok(sim_has(bob, "subscription='both'"));
	expect(bob, "</iq>");
	sim_send(bob, "<presence/>");
	expect(bob, "<presence from='alice@sim.example/desk'");
	expect(alice, "<presence from='bob@sim.example/desk'");
	sim_advance(DAY_MS);
	ok(in_memory("bob@sim.example"));
	sim_stop();
}

/* What is needed within the time stays for another 30 s. */
static void test_use_keeps_in_memory(void)
{
	begin_as_friends("modules: {mod_roster: {}, mod_offline: {}}\n");
	leave(bob);
	sim_advance(20000);
	sim_send(alice, "<message to='bob@sim.example' type='chat'><body>hi</body></message>");
	sim_advance(29999);
	ok(in_memory("bob@sim.example"));
	sim_advance(1);
	ok(!in_memory("bob@sim.example"));
	/* From storage, for a single message. */
	sim_send(alice, "<message to='bob@sim.example' type='chat'><body>ho</body></message>");
	ok(in_memory("bob@sim.example"));
	sim_advance(30000);
	ok(!in_memory("bob@sim.example"));
	/* Nobody is kept in memory for names that do not exist. */
	sim_send(alice, "<message to='nobody@sim.example' type='chat'><body>ho</body></message>");
	expect(alice, "<service-unavailable ");
	ok(!in_memory("nobody@sim.example"));
	bob = sim_login("bob@sim.example/desk");
	sim_send(bob, "<presence/>");
	expect(bob, "<body>hi</body>");
	expect(bob, "<body>ho</body>");
	sim_stop();
}

/* --- mod_last: XEP-0012 ------------------------------------------------------------------------------ */

static void test_last_activity(void)
{
	begin_as_friends("modules: {mod_roster: {}, mod_last: {}}\n");
	last_is("0");
	leave(bob);
	last_is("0");
	sim_advance(999);
	last_is("0");
	sim_advance(1);
	last_is("1");
	sim_advance(DAY_MS - 1000);
	last_is("86400");
	sim_advance(365 * DAY_MS);
	last_is("31622400");
	/* Nobody was there in the future. */
	clock_fake(SIM_START_US - HOUR_US);
	last_is("0");
	sim_stop();
}

/* --- mod_offline: XEP-0160, XEP-0203 ----------------------------------------------------------------- */

static void test_delay_stamps(void)
{
	begin("modules: {mod_offline: {}}\n");
	leave(bob);
	sim_advance(3600000);
	sim_send(alice, "<message to='bob@sim.example' type='chat'><body>one</body></message>");
	sim_advance(DAY_MS);
	sim_send(alice, "<message to='bob@sim.example' type='chat'><body>two</body></message>");
	/* The order is that of coming, whatever the clock said. */
	sim_settle();
	clock_fake(SIM_START_US - HOUR_US);
	sim_send(alice, "<message to='bob@sim.example' type='chat'><body>three</body></message>");
	sim_advance(DAY_MS);
	bob = sim_login("bob@sim.example/desk");
	sim_send(bob, "<presence/>");
	expect(bob, "<body>one</body>");
	expect(bob, "<delay xmlns='urn:xmpp:delay' from='sim.example' stamp='2026-01-01T01:00:00");
	expect(bob, "<body>two</body>");
	expect(bob, "stamp='2026-01-02T01:00:00");
	expect(bob, "<body>three</body>");
	expect(bob, "stamp='2025-12-31T23:00:00");
	expect(bob, "</message>");
	sim_send(alice, "<message to='bob@sim.example' type='chat'><body>now</body></message>");
	expect(bob, "<body>now</body></message>");
	is_int(counted("mod_offline", 0), 3);
	is_int(counted("mod_offline", 1), 3);
	sim_stop();
}

/* --- mod_fail2ban ------------------------------------------------------------------------------------ */

static struct sim_client *fail_to_log_in(const char *address)
{
	struct sim_client *client = sim_client_from(address);
	sim_authenticate(client, "alice", "wrong");
	expect(client, "<not-authorized/>");
	return client;
}

static void is_refused(const char *address, const char *until)
{
	struct sim_client *client = sim_client_from(address);
	sim_send(client, SIM_HEADER);
	expect(client, "<policy-violation ");
	expect(client, until);
	closed(client);
}

static void is_welcome(const char *address)
{
	struct sim_client *client = sim_client_from(address);
	sim_send(client, SIM_HEADER);
	expect(client, "</stream:features>");
}

static void test_ban_is_lifted(void)
{
	begin("modules: {mod_fail2ban: {c2s_max_auth_failures: 2, c2s_auth_ban_lifetime: 10 min}}\n");
	struct sim_client *client = fail_to_log_in("192.0.2.7");
	ok(!sim_closed(client));
	is_welcome("192.0.2.7");
	sim_advance(60000);
	client = fail_to_log_in("192.0.2.7");
	expect(client, "<policy-violation ");
	closed(client);
	is_refused("192.0.2.7", "2026-01-01T00:11:00Z");
	is_welcome("192.0.2.8");
	sim_advance(599999);
	/* Trying does not make it longer, and the calendar does not count. */
	is_refused("192.0.2.7", "2026-01-01T00:1");
	clock_fake(clock_real_us() - HOUR_US);
	is_refused("192.0.2.7", "2025-12-31T23:1");
	sim_advance(1);
	is_welcome("192.0.2.7");
	/* With a clean sheet. */
	client = fail_to_log_in("192.0.2.7");
	ok(!sim_closed(client));
	is_int(counted("mod_fail2ban", 0), 1);
	is_int(counted("mod_fail2ban", 1), 3);
	sim_stop();
}

/* --- registration_timeout: XEP-0077 ------------------------------------------------------------------ */

static struct sim_client *ask_for_account(const char *address, const char *name)
{
	struct sim_client *client = sim_client_from(address);
	sim_send(client, SIM_HEADER);
	expect(client, "</stream:features>");
	sim_sendf(client,
	    "<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>%s</username>"
	    "<password>secret</password></query></iq>",
	    name);
	return client;
}

static void test_registration_timeout(void)
{
	sim_start("", "registration_timeout: 5 min\nmodules: {mod_register: {}}\n");
	expect(ask_for_account("192.0.2.1", "one"), "type='result'");
	expect(ask_for_account("192.0.2.1", "two"), "<resource-constraint ");
	expect(ask_for_account("192.0.2.2", "two"), "type='result'");
	expect(ask_for_account("2001:db8::1", "three"), "type='result'");
	expect(ask_for_account("2001:db8::2:3:4", "four"), "<resource-constraint ");
	expect(ask_for_account("2001:db8:0:1::1", "four"), "type='result'");
	sim_advance(299999);
	expect(ask_for_account("192.0.2.1", "five"), "<resource-constraint ");
	/* To set the clock forward does not help. */
	clock_fake(clock_real_us() + HOUR_US);
	expect(ask_for_account("192.0.2.1", "five"), "<resource-constraint ");
	sim_advance(1);
	expect(ask_for_account("192.0.2.1", "five"), "type='result'");
	/* A name that is taken does not use up the turn. */
	expect(ask_for_account("192.0.2.2", "five"), "<conflict ");
	expect(ask_for_account("192.0.2.2", "six"), "type='result'");
	is_int(counted("mod_register", 0), 6);
	sim_stop();
}

/* --- the clock --------------------------------------------------------------------------------------- */

/* Timers run on a clock that nobody sets. */
static void test_clock_set_back_and_forth(void)
{
	sim_start("", "negotiation_timeout: 30 s\nmodules: {mod_roster: {}}\n");
	struct sim_client *silent = sim_client();
	alice = sim_login("alice@sim.example/desk");
	sim_advance(10000);
	clock_fake(SIM_START_US - 365 * 24 * HOUR_US);
	sim_advance(10000);
	ok(!sim_closed(silent));
	clock_fake(SIM_START_US + 365 * 24 * HOUR_US);
	sim_advance(9999);
	nothing(silent);
	sim_advance(1);
	expect(silent, "<connection-timeout ");
	bob = sim_login("bob@sim.example/desk");
	sim_send(alice, "<message to='bob@sim.example/desk'><body>hi</body></message>");
	expect(bob, "<body>hi</body>");
	leave(bob);
	clock_fake(SIM_START_US);
	sim_advance(29999);
	ok(in_memory("bob@sim.example"));
	sim_advance(1);
	ok(!in_memory("bob@sim.example"));
	sim_stop();
}

/* The session that asked for it is ended a second later; a server that stops before that owes nothing. */
static void test_stop_behind_a_removal(void)
{
	sim_start("", "modules: {mod_register: {}}\n");
	struct sim_client *leaver = sim_login("carol@sim.example/desk");
	sim_send(leaver, "<iq type='set' id='r'><query xmlns='jabber:iq:register'><remove/></query></iq>");
	expect(leaver, "type='result'");
	ok(!sim_closed(leaver));
	sim_stop();
}

int main(void)
{
	run(test_ping_the_silent);
	run(test_ping_unanswered);
	run(test_ping_without_action);
	run(test_ping_and_a_clock_set_back);
	run(test_ping_options_change);
	run(test_ping_goes);
	run(test_modules_come);
	run(test_offline_goes);
	run(test_offline_options_change);
	run(test_idle_users_are_forgotten);
	run(test_use_keeps_in_memory);
	run(test_last_activity);
	run(test_delay_stamps);
	run(test_ban_is_lifted);
	run(test_registration_timeout);
	run(test_clock_set_back_and_forth);
	run(test_stop_behind_a_removal);
	return tap_done();
}
