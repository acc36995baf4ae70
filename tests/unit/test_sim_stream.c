/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a client's stream over time: negotiation, resources, the end. */
#include "base/clock.h"
#include "sim.h"
#include "stream/c2s.h"

/* --- negotiation_timeout -------------------------------------------------------------------------------------- */

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

int main(void)
{
	run(test_silent_connection);
	run(test_slow_negotiation);
	run(test_no_timeout_after_login);
	return tap_done();
}
