/* SPDX-License-Identifier: Apache-2.0 */
/* Components: the handshake, what may be sent, and where stanzas go when components come and go. */
#include <openssl/sha.h>

#include "base/codec.h"
#include "route/component.h"
#include "sim.h"

#define HEADER(domain)                                                                                       \
	"<stream:stream xmlns='jabber:component:accept' "                                                    \
	"xmlns:stream='http://etherx.jabber.org/streams' to='" domain "'>"
#define IRC "irc.sim.example"
/* Listeners behind the one for clients, which ends here. */
#define LISTENERS                                                                                            \
	"}, {port: 5275, module: ejabberd_service, send_timeout: 600 s, hosts: {" IRC ": {password: x}, "    \
	"two.sim.example: {password: x}, other.sim.example: {password: y}}}, "                               \
	"{port: 5276, module: ejabberd_service, password: any, check_from: false"
#define NARROW                                                                                               \
	"}, {port: 5275, module: ejabberd_service, global_routes: false, "                                   \
	"hosts: {" IRC ": {password: x}, two.sim.example: {password: x}}"
#define SUBJECTS 40

static struct sim_client *alice;

/* --- what hooks are told ----------------------------------------------------------------------------- */

static struct strbuf seen;

static enum hook_verdict on_connected(struct module_instance *instance, struct hook_component *event)
{
	strbuf_printf(&seen, "+%.*s ", STR_FMT(event->domain));
	return HOOK_PASS;
}

static enum hook_verdict on_disconnected(struct module_instance *instance, struct hook_component *event)
{
	strbuf_printf(&seen, "-%.*s%s ", STR_FMT(event->domain), event->reason ? "" : " for no reason");
	return HOOK_PASS;
}

static const struct hook_entry watch_hooks[] = {
    HOOK_ENTRY(component_connected, on_connected, HOOK_NORMAL, NULL),
    HOOK_ENTRY(component_disconnected, on_disconnected, HOOK_NORMAL, NULL),
    {0},
};
static const struct option no_options[] = {{0}};
static const struct module mod_watch = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_watch",
    .options = no_options,
    .hooks = watch_hooks,
};

static struct sim_client *dial(size_t listener, const char *header)
{
	struct sim_client *client = sim_client_at(listener);

	sim_send(client, header);
	return client;
}

/* Answers the server's header as one who knows the password. */
static void shake(struct sim_client *client, const char *password)
{
	struct str id = sim_between(client, " id='", "'");
	struct strbuf text = {0};
	unsigned char hash[20];

	strbuf_str(&text, id);
	strbuf_cstr(&text, password);
	SHA1((const unsigned char *)text.ptr, text.len, hash);
	strbuf_reset(&text);
	hex_encode(&text, hash, sizeof(hash));
	sim_sendf(client, "<handshake>%.*s</handshake>", STR_FMT(strbuf_view(&text)));
	strbuf_fini(&text);
}

static struct sim_client *component(size_t listener, const char *header, const char *password)
{
	struct sim_client *client = dial(listener, header);

	shake(client, password);
	expect(client, "<handshake/>");
	return client;
}

static void begin_with(const char *listeners, const char *rest)
{
	sim_start(listeners, rest);
	alice = sim_login("alice@sim.example/desk");
	sim_send(alice, "<presence/>");
	sim_settle();
	sim_skip(alice);
}

static void begin(void)
{
	begin_with(LISTENERS, "modules: {mod_disco: {}}\n");
}

static void is_refused(struct sim_client *client, const char *condition)
{
	char text[80];

	snprintf(text, sizeof(text), "<stream:error><%s ", condition);
	expect(client, text);
	expect(client, "</stream:stream>");
	closed(client);
}

/* --- the handshake ----------------------------------------------------------------------------------- */

static void test_handshake(void)
{
	begin();
	struct sim_client *irc = dial(1, HEADER(IRC));
	expect(irc, "xmlns='jabber:component:accept'");
	expect(irc, "from='" IRC "'");
	sim_stop();
	begin();
	irc = component(1, HEADER(IRC), "x");
	sim_send(alice, "<message to='#room@" IRC "/nick' id='1'><body>hi</body></message>");
	expect(irc, "<message from='alice@sim.example/desk' to='#room@" IRC "/nick' id='1'><body>hi</body>");
	sim_send(irc, "<message from='#room@" IRC "/nick' to='alice@sim.example/desk'><body>ho</body></message>");
	expect(alice, "<message from='#room@" IRC "/nick' to='alice@sim.example/desk'><body>ho</body>");
	sim_send(irc, "</stream:stream>");
	expect(irc, "</stream:stream>");
	sim_cut(irc);
	sim_send(alice, "<message to='" IRC "' id='2'><body>hi</body></message>");
	expect(alice, "<service-unavailable");
	sim_stop();
}

static void test_refused_headers(void)
{
	begin_with(LISTENERS ", access: {deny: {ip: 127.0.0.1}, allow: all}", "");
	is_refused(dial(1, HEADER("nobody.sim.example")), "host-unknown");
	is_refused(dial(1, HEADER("a..b")), "host-unknown");
	is_refused(dial(1, HEADER("sim.example")), "conflict");
	is_refused(dial(2, HEADER("sim.example")), "conflict");
	is_refused(dial(1, HEADER("")), "improper-addressing");
	is_refused(dial(1, "<stream:stream xmlns='jabber:client' "
			   "xmlns:stream='http://etherx.jabber.org/streams' to='" IRC "'>"),
	    "invalid-namespace");
	is_refused(
	    dial(1, "<stream xmlns='jabber:component:accept' to='" IRC "'>"), "invalid-namespace");
	is_refused(dial(1, "<!-- hello -->"), "restricted-xml");
	is_refused(dial(1, "hello"), "not-well-formed");
	sim_stop();
}

static void test_refused_handshakes(void)
{
	begin();
	struct sim_client *irc = dial(1, HEADER(IRC));
	shake(irc, "wrong");
	is_refused(irc, "not-authorized");
	irc = dial(1, HEADER(IRC) "<handshake/>");
	is_refused(irc, "not-authorized");
	irc = dial(1, HEADER(IRC) "<message from='" IRC "' to='alice@sim.example'/>");
	is_refused(irc, "not-authorized");
	irc = dial(1, HEADER(IRC) "<handshake>");
	for (unsigned i = 0; i < 400; i++)
		sim_send(irc, "0123456789012345678901234567890123456789012345678901234567890123456789");
	is_refused(irc, "policy-violation");
	irc = dial(1, HEADER(IRC));
	shake(irc, "y");
	is_refused(irc, "not-authorized");
	nothing(alice);
	irc = dial(1, HEADER(IRC));
	expect(irc, "'>");
	sim_advance(121000);
	is_refused(irc, "connection-timeout");
	sim_stop();
}

static void test_access(void)
{
	begin_with("}, {port: 5275, module: ejabberd_service, password: x, access: {allow: {server: " IRC "}}",
	    "");
	component(1, HEADER(IRC), "x");
	is_refused(dial(1, HEADER("two.sim.example")), "not-authorized");
	sim_stop();
}

/* --- domains ----------------------------------------------------------------------------------------- */

static void test_global_routes(void)
{
	begin();
	struct sim_client *irc = component(1, HEADER(IRC), "x");
	sim_send(alice, "<message to='two.sim.example' id='1'/>");
	expect(irc, "to='two.sim.example'");
	sim_send(irc, "<message from='two.sim.example' to='alice@sim.example/desk' id='2'/>");
	expect(alice, "id='2'");
	/* Nobody has shown to know the password of this one. */
	sim_send(alice, "<message to='other.sim.example' id='3'/>");
	expect(alice, "<service-unavailable");
	sim_stop();
	begin_with(NARROW, "");
	irc = component(1, HEADER(IRC), "x");
	sim_send(alice, "<message to='two.sim.example' id='1'/>");
	expect(alice, "<service-unavailable");
	sim_send(irc, "<message from='two.sim.example' to='alice@sim.example' id='2'/>");
	is_refused(irc, "invalid-from");
	sim_stop();
}

static void test_hooks(void)
{
	begin_with(LISTENERS, "modules: {mod_watch: {}}\n");
	is_refused(dial(1, HEADER("sim.example")), "conflict");
	struct sim_client *irc = component(1, HEADER(IRC), "x"), *far = component(2, HEADER("f.example"), "any");
	is_str(strbuf_view(&seen), STR("+" IRC " +two.sim.example +f.example "));
	strbuf_reset(&seen);
	sim_cut(irc);
	sim_send(far, "</stream:stream>");
	sim_settle();
	ok(strstr(seen.ptr, "-" IRC " -two.sim.example ") && strstr(seen.ptr, "-f.example "));
	sim_stop();
	strbuf_fini(&seen);
}

static void test_any_domain(void)
{
	begin();
	struct sim_client *far = component(2, HEADER("far.example"), "any");
	sim_send(alice, "<message to='b@far.example' id='1'/>");
	expect(far, "to='b@far.example'");
	sim_cut(far);
	sim_settle();
	sim_send(alice, "<message to='b@far.example' id='2'/>");
	expect(alice, "remote-server-not-found");
	sim_stop();
}

static void test_disco(void)
{
	begin();
	sim_send(alice, "<iq type='get' id='1' to='sim.example'>"
			"<query xmlns='http://jabber.org/protocol/disco#items'/></iq>");
	expect(alice, "<query xmlns='http://jabber.org/protocol/disco#items'/>");
	component(1, HEADER(IRC), "x");
	sim_send(alice, "<iq type='get' id='2' to='sim.example'>"
			"<query xmlns='http://jabber.org/protocol/disco#items'/></iq>");
	expect(alice, "<item jid='" IRC "'/>");
	sim_stop();
}

/* --- what it sends ----------------------------------------------------------------------------------- */

static void ends_with(const char *stanza, const char *condition)
{
	struct sim_client *irc = component(1, HEADER(IRC), "x");

	sim_send(irc, stanza);
	is_refused(irc, condition);
	nothing(alice);
}

static void test_addresses(void)
{
	begin();
	ends_with("<message to='alice@sim.example/desk'/>", "improper-addressing");
	ends_with("<message from='' to='alice@sim.example/desk'/>", "improper-addressing");
	ends_with("<message from='" IRC "'/>", "improper-addressing");
	ends_with("<message from='a@sim.example' to='alice@sim.example/desk'/>", "invalid-from");
	ends_with("<message from='a@sub." IRC "' to='alice@sim.example/desk'/>", "invalid-from");
	ends_with("<message from='@" IRC "' to='alice@sim.example/desk'/>", "invalid-from");
	ends_with("<wonder from='" IRC "' to='alice@sim.example/desk'/>", "unsupported-stanza-type");
	struct sim_client *irc = component(1, HEADER(IRC), "x");
	sim_send(irc, "<message from='a@" IRC "' to='@' id='1'/>");
	expect(irc, "<jid-malformed");
	sim_send(irc, "<iq from='a@" IRC "' to='sim.example' type='get' id='2'/>");
	expect(irc, "<bad-request");
	sim_send(irc, "<iq from='a@" IRC "' to='sim.example' type='get' id='3'><q xmlns='urn:no'/></iq>");
	expect(irc, "id='3'");
	expect(irc, "<service-unavailable");
	nothing(alice);
	sim_stop();
}

static void test_check_from_off(void)
{
	begin();
	struct sim_client *far = component(2, HEADER("far.example"), "any");
	sim_send(far, "<message from='juliet@elsewhere.example' to='alice@sim.example/desk' id='1'/>");
	expect(alice, "from='juliet@elsewhere.example'");
	sim_stop();
}

/* --- several, and their end -------------------------------------------------------------------------- */

static void send_subjects(const char *extra, int size)
{
	for (unsigned i = 0; i < SUBJECTS; i++)
		sim_sendf(alice, "<message to='u%u@" IRC "' id='s%u'%s><body>%0*u</body></message>", i, i, extra,
		    size, i);
}

static void test_balancing(void)
{
	begin_with(LISTENERS, "domain_balancing: {" IRC ": {type: bare_destination, component_number: 2}}\n");
	struct sim_client *one = component(1, HEADER(IRC), "x"), *other = component(1, HEADER(IRC), "x");
	struct sim_client *third = dial(1, HEADER(IRC));
	shake(third, "x");
	is_refused(third, "conflict");
	send_subjects("", 4);
	bool with_one = sim_has(one, "to='u0@");
	unsigned count = sim_count(one, "<message");
	ok(count > 0 && count < SUBJECTS);
	is_int(sim_count(other, "<message"), SUBJECTS - count);
	send_subjects("", 4);
	is_int(sim_has(one, "to='u0@"), with_one);
	is_int(sim_count(one, "<message"), count);
	sim_skip(other);
	/* One goes and comes back: it has the same share as before. */
	sim_cut(one);
	sim_settle();
	send_subjects("", 4);
	is_int(sim_count(other, "<message"), SUBJECTS);
	one = component(1, HEADER(IRC), "x");
	send_subjects("", 4);
	is_int(sim_count(one, "<message"), count);
	sim_stop();
}

static void test_reload_balancing(void)
{
	begin_with(LISTENERS, "");
	struct sim_client *one = component(1, HEADER(IRC), "x"), *other = component(1, HEADER(IRC), "x");
	sim_reload(LISTENERS, "domain_balancing: {" IRC ": {type: source}}\n");
	send_subjects("", 4);
	unsigned count = sim_count(one, "<message");
	ok(count == 0 || count == SUBJECTS);
	is_int(sim_count(other, "<message"), SUBJECTS - count);
	sim_stop();
}

static void pass(unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i++)
		sim_advance(1000);
}

/* What it has taken it has; each of the others comes back. */
static void test_loss(void)
{
	begin();
	struct sim_client *irc = component(1, HEADER(IRC), "x");
	sim_deaf(irc, true);
	send_subjects("", 20000);
	pass(40);
	nothing(alice);
	sim_hear(irc, 1);
	sim_deaf(irc, false);
	sim_cut(irc);
	sim_settle();
	/* The socket had taken some bytes, so the first message is neither. */
	unsigned bounced = sim_count(alice, "<service-unavailable");
	ok(bounced >= SUBJECTS - 20 && bounced < SUBJECTS);
	sim_stop();
}

static void test_loss_with_another(void)
{
	begin_with(LISTENERS, "domain_balancing: {" IRC ": {type: bare_source}}\n");
	struct sim_client *one = component(1, HEADER(IRC), "x"), *other = component(1, HEADER(IRC), "x");
	send_subjects("", 4);
	struct sim_client *chosen = sim_count(one, "<message") ? one : other;
	struct sim_client *spare = chosen == one ? other : one;
	sim_skip(spare);
	sim_deaf(chosen, true);
	send_subjects("", 20000);
	pass(40);
	nothing(alice);
	nothing(spare);
	sim_cut(chosen);
	/* From the first that was not taken up to the last, in order. */
	for (unsigned i = SUBJECTS - 20; i < SUBJECTS; i++) {
		char id[20];
		snprintf(id, sizeof(id), "id='s%u'", i);
		expect(spare, id);
	}
	nothing(alice);
	sim_send(alice, "<message to='b@" IRC "' id='later'/>");
	pass(2);
	expect(spare, "id='later'");
	sim_stop();
}

static void test_slow(void)
{
	begin();
	struct sim_client *irc = component(1, HEADER(IRC), "x"), *far = component(2, HEADER("f.example"), "any");
	sim_deaf(irc, true);
	for (unsigned i = 0; i < 6; i++)
		send_subjects("", 20000);
	size_t before = sim_unsent(alice);
	ok(before > 2000000);
	pass(10);
	ok(sim_unsent(alice) < before);
	pass(300);
	is_int(sim_unsent(alice), 0);
	ok(sim_has(alice, "type='wait'><resource-constraint"));
	unsigned refused = sim_count(alice, "<resource-constraint");
	ok(refused > 0 && refused < SUBJECTS * 6);
	/* Another component notices nothing. */
	sim_send(alice, "<message to='f.example' id='1'/>");
	pass(1);
	expect(far, "id='1'");
	sim_deaf(irc, false);
	sim_settle();
	is_int(sim_count(irc, "<message"), SUBJECTS * 6 - refused);
	sim_stop();
}

static void test_dead(void)
{
	begin_with("}, {port: 5275, module: ejabberd_service, password: x, send_timeout: 5 s", "");
	struct sim_client *irc = component(1, HEADER(IRC), "x");
	sim_deaf(irc, true);
	send_subjects("", 2000);
	pass(12);
	expect(alice, "<service-unavailable");
	sim_stop();
}

/* --- reload ------------------------------------------------------------------------------------------ */

static void test_reload(void)
{
	begin();
	struct sim_client *irc = component(1, HEADER(IRC), "x");
	sim_reload("}, {port: 5275, module: ejabberd_service, hosts: {" IRC ": {password: new}, "
		   "two.sim.example: {password: new}}",
	    "");
	sim_send(alice, "<message to='" IRC "' id='1'/>");
	expect(irc, "id='1'");
	struct sim_client *old = dial(1, HEADER(IRC));
	shake(old, "x");
	is_refused(old, "not-authorized");
	component(1, HEADER(IRC), "new");
	sim_reload("}, {port: 5275, module: ejabberd_service, hosts: {three.sim.example: {password: new}}", "");
	is_refused(irc, "host-gone");
	sim_cut(irc);
	sim_settle();
	sim_skip(alice);
	sim_send(alice, "<message to='" IRC "' id='2'/>");
	expect(alice, "remote-server-not-found");
	sim_stop();
}

int main(void)
{
	static const struct module *const modules[] = {&mod_watch, NULL};

	sim_offer(modules);
	run(test_handshake);
	run(test_refused_headers);
	run(test_refused_handshakes);
	run(test_access);
	run(test_global_routes);
	run(test_hooks);
	run(test_any_domain);
	run(test_disco);
	run(test_addresses);
	run(test_check_from_off);
	run(test_balancing);
	run(test_reload_balancing);
	run(test_loss);
	run(test_loss_with_another);
	run(test_slow);
	run(test_dead);
	run(test_reload);
	return tap_done();
}
