/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a client's stream over time: negotiation, resources, the end. */
#include "base/clock.h"
#include "sim.h"
#include "stream/c2s.h"

/* --- negotiation_timeout ----------------------------------------------------------------------------- */

static void test_silent_connection(void)
{
	sim_start("", "negotiation_timeout: 30 s\n");
	struct sim_client *client = sim_client();
	sim_advance(29999);
	nothing(client);
	ok(!sim_closed(client));
	sim_advance(1);
	/* RFC 6120 4.9.1.2: an error before our header is preceded by the header. */
	expect(client, "<stream:stream ");
	expect(client, "<connection-timeout xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
	expect(client, "</stream:stream>");
	closed(client);
	/* The client does not close its side: nobody waits for it for ever. */
	is_int(c2s_count(), 1);
	sim_advance(3000);
	is_int(c2s_count(), 0);
	sim_stop();
}

/* The time is for all of the negotiation: what a client says in between does not prolong it. */
static void test_slow_negotiation(void)
{
	sim_start("", "negotiation_timeout: 30 s\n");
	struct sim_client *client = sim_client();
	sim_advance(10000);
	sim_send(client, SIM_HEADER);
	expect(client, "</stream:features>");
	sim_advance(10000);
	sim_send(client, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>");
	expect(client, "<not-authorized/>");
	sim_advance(9999);
	ok(!sim_closed(client));
	sim_advance(1);
	expect(client, "<connection-timeout ");
	closed(client);
	sim_stop();
}

static void test_no_timeout_after_login(void)
{
	sim_start("", "negotiation_timeout: 30 s\n");
	struct sim_client *alice = sim_login("alice@sim.example/desk");
	struct sim_client *unbound = sim_login("bob@sim.example");
	sim_advance(29999);
	nothing(unbound);
	sim_advance(1);
	expect(unbound, "<connection-timeout ");
	sim_advance(86400000);
	nothing(alice);
	ok(!sim_closed(alice));
	sim_send(alice, "<iq type='get' id='1' to='sim.example'><nonsense xmlns='x'/></iq>");
	expect(alice, "type='error'");
	sim_stop();
}

/* --- two streams, one resource: RFC 6120 7.7.2.2 ----------------------------------------------------- */

static void test_conflict_closes_old(void)
{
	sim_start("", "modules: {mod_roster: {}}\n");
	struct sim_client *old = sim_login("alice@sim.example/desk");
	struct sim_client *phone = sim_login("alice@sim.example/phone");
	sim_send(phone, "<presence/>");
	sim_send(old, "<presence/>");
	expect(phone, "from='alice@sim.example/desk'");
	sim_skip(phone);
	sim_login("alice@sim.example/desk");
	expect(old, "<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
	closed(old);
	expect(phone, "<presence from='alice@sim.example/desk'");
	expect(phone, "type='unavailable'/>");
	nothing(phone);
	sim_stop();
}

static struct sim_client *bind_desk_again(void)
{
	struct sim_client *second = sim_login("alice@sim.example");
	sim_send(second, "<iq type='set' id='b2'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
			 "<resource>desk</resource></bind></iq>");
	return second;
}

static void test_conflict_refuses_new(void)
{
	sim_start("", "resource_conflict: closenew\nnegotiation_timeout: 30 s\n");
	struct sim_client *old = sim_login("alice@sim.example/desk");
	struct sim_client *second = bind_desk_again();
	expect(second, "type='error'");
	expect(second, "<conflict ");
	nothing(old);
	/* RFC 6120 7.7.2.2: it may try another one, within the time that it has. */
	sim_advance(29999);
	sim_send(second, "<iq type='set' id='b3'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
			 "<resource>sofa</resource></bind></iq>");
	expect(second, "<jid>alice@sim.example/sofa</jid></bind></iq>");
	sim_advance(60000);
	nothing(second);
	sim_stop();
}

static void test_conflict_gives_another(void)
{
	sim_start("", "resource_conflict: setresource\n");
	struct sim_client *old = sim_login("alice@sim.example/desk");
	struct sim_client *second = bind_desk_again();
	expect(second, "<jid>alice@sim.example/");
	is_int(sim_count(second, "desk"), 0);
	nothing(old);
	sim_stop();
}

static void test_session_limit(void)
{
	sim_start("", "shaper_rules: {max_user_sessions: 2}\n");
	struct sim_client *first = sim_login("alice@sim.example/1");
	sim_advance(1000);
	struct sim_client *second = sim_login("alice@sim.example/2");
	struct sim_client *bob = sim_login("bob@sim.example/1");
	nothing(first);
	struct sim_client *third = sim_login("alice@sim.example/3");
	expect(first, "<policy-violation ");
	closed(first);
	sim_login("alice@sim.example/3");
	expect(third, "<conflict ");
	nothing(second);
	nothing(bob);
	sim_login("alice@sim.example/4");
	expect(second, "<policy-violation ");
	sim_stop();
}

/* --- shaper ------------------------------------------------------------------------------------------ */

static void send_kilobytes(struct sim_client *client, unsigned count)
{
	static const char start[] = "<message to='bob@sim.example/desk'><body>", end[] = "</body></message>";
	int padding = 1000 - (int)strlen(start) - (int)strlen(end);
	while (count--)
		sim_sendf(client, "%s%0*d%s", start, padding, 0, end);
}

static void test_shaper(void)
{
	sim_start(", shaper: slow", "shaper: {slow: {rate: 1000, burst_size: 4000}}\n");
	struct sim_client *bob = sim_login("bob@sim.example/desk");
	struct sim_client *alice = sim_login("alice@sim.example/desk");
	send_kilobytes(alice, 10);
	is_int(sim_count(bob, "<body>"), 4);
	for (unsigned second = 0; second < 6; second++) {
		for (unsigned tenth = 0; tenth < 9; tenth++)
			sim_advance(100);
		is_int(sim_count(bob, "<body>"), 0);
		sim_advance(100);
		is_int(sim_count(bob, "<body>"), 1);
	}
	/* What was saved up in a day is the burst, not more. */
	sim_advance(86400000);
	send_kilobytes(alice, 10);
	is_int(sim_count(bob, "<body>"), 4);
	/* Nothing is lost at the end of a stream that is read slowly. */
	sim_send(alice, "</stream:stream>");
	for (unsigned tenth = 0; tenth < 61; tenth++)
		sim_advance(100);
	is_int(sim_count(bob, "<body>"), 6);
	closed(alice);
	sim_stop();
}

/* --- the end of the server --------------------------------------------------------------------------- */

static void test_all_streams_close(void)
{
	sim_start("", "modules: {mod_roster: {}}\n");
	struct sim_client *silent = sim_client();
	struct sim_client *unbound = sim_login("bob@sim.example");
	struct sim_client *alice = sim_login("alice@sim.example/desk");
	struct sim_client *deaf = sim_login("alice@sim.example/phone");
	sim_send(alice, "<presence/>");
	sim_send(deaf, "<presence/>");
	sim_settle();
	sim_deaf(deaf, true);
	is_int(c2s_count(), 4);
	sim_skip(alice);
	c2s_close_all("system-shutdown", "good night");
	expect(alice, "<system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
	expect(alice, "good night");
	expect(alice, "</stream:stream>");
	closed(alice);
	expect(unbound, "<system-shutdown ");
	expect(silent, "<stream:stream ");
	expect(silent, "<system-shutdown ");
	closed(silent);
	sim_cut(silent);
	sim_cut(alice);
	sim_settle();
	is_int(c2s_count(), 2);
	/* Nobody waits longer for those that do not close their side. */
	sim_advance(2999);
	is_int(c2s_count(), 2);
	sim_advance(1);
	is_int(c2s_count(), 0);
	sim_stop();
}

int main(void)
{
	run(test_silent_connection);
	run(test_slow_negotiation);
	run(test_no_timeout_after_login);
	run(test_conflict_closes_old);
	run(test_conflict_refuses_new);
	run(test_conflict_gives_another);
	run(test_session_limit);
	run(test_shaper);
	run(test_all_streams_close);
	return tap_done();
}
