/* SPDX-License-Identifier: Apache-2.0 */
/* Components that answer in the place of the server, or ask in the name of users, and that say nothing. */
#include <openssl/sha.h>

#include "base/codec.h"
#include "sim.h"

#define GATE "gate.sim.example"
#define LISTENERS "}, {port: 5275, module: ejabberd_service, hosts: {" GATE ": {password: x}}"
#define MODULES                                                                                              \
	"access_rules: {gate: {allow: {server: " GATE "}}}\n"                                                  \
	"modules: {mod_ping: {}, mod_delegation: {namespaces: {'urn:x': {access: gate}}}, "                    \
	"mod_privilege: {iq: {'urn:y': {get: gate}}}}\n"

static struct sim_client *alice, *gate;

static void begin(void)
{
	struct strbuf text = {0};
	unsigned char hash[20];
	sim_start(LISTENERS, MODULES);
	alice = sim_login("alice@sim.example/desk");
	gate = sim_client_at(1);
	sim_send(gate, "<stream:stream xmlns='jabber:component:accept' "
		       "xmlns:stream='http://etherx.jabber.org/streams' to='" GATE "'>");
	strbuf_str(&text, sim_between(gate, " id='", "'"));
	strbuf_cstr(&text, "x");
	SHA1((const unsigned char *)text.ptr, text.len, hash);
	strbuf_reset(&text);
	hex_encode(&text, hash, sizeof(hash));
	sim_sendf(gate, "<handshake>%.*s</handshake>", STR_FMT(strbuf_view(&text)));
	strbuf_fini(&text);
	expect(gate, "<handshake/>");
	sim_settle();
	sim_skip(gate);
	sim_skip(alice);
}

static void a_delegate_that_says_nothing(void)
{
	begin();
	sim_send(alice, "<iq type='get' id='1'><q xmlns='urn:x'/></iq>");
	expect(gate, "<delegation xmlns='urn:xmpp:delegation:2'>");
	sim_advance(29000);
	nothing(alice);
	sim_advance(2000);
	expect(alice, "service-unavailable");
	sim_stop();
}

static void a_delegate_that_goes(void)
{
	begin();
	sim_send(alice, "<iq type='get' id='1'><q xmlns='urn:x'/></iq>");
	expect(gate, "<forwarded ");
	sim_send(gate, "</stream:stream>");
	sim_settle();
	expect(alice, "has gone</text></error></iq>");
	sim_advance(40000);
	nothing(alice);
	sim_stop();
}

static void a_server_that_stops_meanwhile(void)
{
	begin();
	sim_send(alice, "<iq type='get' id='1'><q xmlns='urn:x'/></iq>");
	expect(gate, "<forwarded ");
	sim_stop();
	ok(true);
}

static void one_who_is_asked_and_says_nothing(void)
{
	begin();
	sim_send(gate, "<iq type='get' id='2' from='" GATE "' to='alice@sim.example'>"
		       "<privileged_iq xmlns='urn:xmpp:privilege:2'><iq xmlns='jabber:client' type='get' id='i' "
		       "to='alice@sim.example/desk'><q xmlns='urn:y'/></iq></privileged_iq></iq>");
	expect(alice, "from='alice@sim.example'");
	sim_advance(49000);
	nothing(gate);
	sim_advance(2000);
	expect(gate, "remote-server-timeout");
	sim_stop();
}

int main(void)
{
	run(a_delegate_that_says_nothing);
	run(a_delegate_that_goes);
	run(a_server_that_stops_meanwhile);
	run(one_who_is_asked_and_says_nothing);
	return tap_done();
}
