/* SPDX-License-Identifier: Apache-2.0 */
/* Streams that other servers open: who may say what. The authoritative servers are played by the test. */
#include "base/clock.h"
#include "route/s2s.h"
#include "route/session.h"
#include "sim.h"
#include "stream/s2s_in.h"

#define MODULES "modules: {mod_s2s_dialback: {}, mod_s2s_bidi: {}}\n"
#define VERIFIED "<db:result from='sim.example' to='other.example' type='valid'/>"
#define KEY(from, to) "<db:result from='" from "' to='" to "'>0123abcd</db:result>"
#define MESSAGE(from, to, id)                                                                                \
	"<message from='" from "' to='" to "' id='" id "' type='chat'><body>hi</body></message>"

static struct sim_client *alice, *peer;

/* --- authoritative servers ------------------------------------------------------------------------------ */

#define CHECKS_MAX 400

struct dialback_check {
	void (*done)(void *arg, enum dialback_outcome outcome, const char *text);
	void *arg;
	char words[300]; /* "local remote key" */
	bool open;
};
static struct dialback_check checks[CHECKS_MAX];
static unsigned asked, cancelled;

static struct dialback_check *play_check(struct str local, struct str remote, struct str stream_id,
    struct str key, void (*done)(void *arg, enum dialback_outcome outcome, const char *text), void *arg)
{
	struct dialback_check *check = &checks[asked++];
	check->done = done;
	check->arg = arg;
	check->open = true;
	snprintf(check->words, sizeof(check->words), "%.*s %.*s %.*s", STR_FMT(local), STR_FMT(remote),
	    STR_FMT(key));
	return check;
}

static void play_cancel(struct dialback_check **check)
{
	if (*check) {
		(*check)->open = false;
		cancelled++;
	}
	*check = NULL;
}

static const struct s2s_in_checker play_checker = {play_check, play_cancel};

static void outcome(unsigned index, enum dialback_outcome outcome)
{
	sim_settle();
	if (index >= asked || !checks[index].open) {
		ok(false);
		return;
	}
	checks[index].open = false;
	checks[index].done(checks[index].arg, outcome, "as the test says");
	sim_settle();
}

/* --- the other way -------------------------------------------------------------------------------------- */

static unsigned opens;

static void *play_open(struct s2s_link *link)
{
	opens++;
	return link;
}

static void play_open_cancel(void *opening)
{
}

static const struct s2s_opener play_opener = {play_open, play_open_cancel};

/* --- around each test ----------------------------------------------------------------------------------- */

static void begin(const char *rest)
{
	memset(checks, 0, sizeof(checks));
	asked = cancelled = opens = 0;
	s2s_in_set_checker(&play_checker);
	s2s_set_opener(&play_opener);
	sim_start("", rest);
	alice = sim_login("alice@sim.example/desk");
	sim_send(alice, "<presence/>");
	sim_skip(alice);
	peer = sim_peer();
}

static void end(void)
{
	sim_stop();
	s2s_in_set_checker(NULL);
	s2s_set_opener(NULL);
}

static void authenticate(struct sim_client *who)
{
	sim_send(who, SIM_PEER_HEADER KEY("other.example", "sim.example"));
	sim_settle();
	outcome(asked - 1, DIALBACK_VALID);
	expect(who, VERIFIED);
}

/* --- stream headers ------------------------------------------------------------------------------------- */

static void header_is_answered(void)
{
	begin(MODULES);
	sim_send(peer, SIM_PEER_HEADER);
	expect(peer, "xmlns='jabber:server'");
	expect(peer, "from='sim.example' to='other.example' id='");
	expect(peer, "<stream:features><dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>");
	expect(peer, "<bidi xmlns='urn:xmpp:features:bidi'/><sm xmlns='urn:xmpp:sm:3'/>");
	expect(peer, "<max-bytes>16384</max-bytes>");
	expect(peer, "</stream:features>");
	nothing(peer);
	end();
}

static void header_that_is_refused(const char *attributes, const char *condition)
{
	begin(MODULES);
	sim_sendf(peer, "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' %s>", attributes);
	expect(peer, "<stream:error>");
	expect(peer, condition);
	closed(peer);
	end();
}

static void headers_are_checked(void)
{
	header_that_is_refused("xmlns='jabber:client' to='sim.example' version='1.0'", "<invalid-namespace ");
	header_that_is_refused("xmlns='jabber:server' version='1.0'", "<improper-addressing ");
	header_that_is_refused("xmlns='jabber:server' to='else.example' version='1.0'", "<host-unknown ");
	header_that_is_refused(
	    "xmlns='jabber:server' to='sim.example' from='sim.example' version='1.0'", "<invalid-from ");
	header_that_is_refused(
	    "xmlns='jabber:server' to='sim.example' from='a@@b' version='1.0'", "<invalid-from ");
}

static void access_denies(void)
{
	begin(MODULES "acl: {bad: {server: other.example}}\n"
		      "access_rules: {talk: {deny: bad, allow: all}}\n"
		      "s2s_access: talk\n");
	sim_send(peer, SIM_PEER_HEADER);
	expect(peer, "<policy-violation ");
	closed(peer);
	peer = sim_peer();
	sim_send(peer, "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
		       "xmlns:db='jabber:server:dialback' to='sim.example' version='1.0'>");
	sim_send(peer, KEY("other.example", "sim.example"));
	expect(peer, "type='error'><error type='cancel'><forbidden ");
	is_int(asked, 0);
	end();
}

/* --- dialback ------------------------------------------------------------------------------------------- */

static void dialback_lets_stanzas_in(void)
{
	begin(MODULES);
	authenticate(peer);
	is_cstr(checks[0].words, "sim.example other.example 0123abcd");
	sim_send(peer, MESSAGE("bob@other.example/x", "alice@sim.example", "1"));
	expect(alice, "from='bob@other.example/x'");
	expect(alice, "id='1'");
	expect(alice, "<body>hi</body></message>");
	nothing(peer);
	end();
}

static void keys_that_fail(void)
{
	begin(MODULES);
	sim_send(peer, SIM_PEER_HEADER KEY("other.example", "sim.example"));
	outcome(0, DIALBACK_NO_DOMAIN);
	expect(peer, "type='error'><error type='cancel'><remote-server-not-found ");
	sim_send(peer, KEY("other.example", "sim.example"));
	outcome(1, DIALBACK_NO_ANSWER);
	expect(peer, "<remote-server-timeout ");
	sim_send(peer, KEY("other.example", "sim.example"));
	outcome(2, DIALBACK_INVALID);
	expect(peer, "type='invalid'/></stream:stream>");
	closed(peer);
	end();
}

static void a_lie_does_not_harm_other_pairs(void)
{
	begin(MODULES);
	authenticate(peer);
	sim_send(peer, KEY("bank.example", "sim.example"));
	outcome(1, DIALBACK_INVALID);
	expect(peer, "from='sim.example' to='bank.example' type='error'><error type='cancel'><forbidden ");
	sim_send(peer, MESSAGE("bob@other.example", "alice@sim.example", "1"));
	expect(alice, "</message>");
	sim_send(peer, MESSAGE("boss@bank.example", "alice@sim.example", "2"));
	expect(peer, "<invalid-from ");
	closed(peer);
	nothing(alice);
	end();
}

static void domains_are_multiplexed(void)
{
	begin(MODULES);
	authenticate(peer);
	sim_send(peer, KEY("second.example", "sim.example"));
	sim_send(peer, KEY("third.example", "sim.example"));
	outcome(2, DIALBACK_VALID);
	outcome(1, DIALBACK_VALID);
	expect(peer, "to='third.example' type='valid'/>");
	expect(peer, "to='second.example' type='valid'/>");
	sim_send(peer, MESSAGE("a@second.example", "alice@sim.example", "2"));
	sim_send(peer, MESSAGE("a@third.example", "alice@sim.example", "3"));
	expect(alice, "id='2'");
	expect(alice, "id='3'");
	end();
}

static void keys_that_are_not_asked_about(void)
{
	begin(MODULES);
	authenticate(peer);
	sim_send(peer, KEY("other.example", "else.example"));
	expect(peer, "from='else.example' to='other.example' type='error'>");
	expect(peer, "<item-not-found ");
	sim_send(peer, KEY("sim.example", "sim.example"));
	expect(peer, "<forbidden ");
	sim_send(peer, "<db:result from='fourth.example' to='sim.example'/>");
	expect(peer, "<bad-request ");
	/* Proven already. */
	sim_send(peer, KEY("other.example", "sim.example"));
	expect(peer, VERIFIED);
	is_int(asked, 1);
	sim_send(peer, "<db:result from='other.example'>x</db:result>");
	expect(peer, "<improper-addressing ");
	closed(peer);
	end();
}

static void results_that_nobody_asked_for(void)
{
	begin(MODULES);
	sim_send(peer, SIM_PEER_HEADER "<db:result from='other.example' to='sim.example' type='valid'/>"
				       "<db:verify from='other.example' to='sim.example' id='1' type='valid'/>");
	expect(peer, "</stream:features>");
	nothing(peer);
	sim_send(peer, MESSAGE("bob@other.example", "alice@sim.example", "1"));
	expect(peer, "<not-authorized ");
	closed(peer);
	nothing(alice);
	end();
}

static void tls_first(void)
{
	begin(MODULES "s2s_use_starttls: required\n");
	sim_send(peer, SIM_PEER_HEADER KEY("other.example", "sim.example"));
	expect(peer, "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
		     "<limits ");
	expect(peer, "type='error'><error type='cancel'><policy-violation ");
	is_int(asked, 0);
	sim_send(peer, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>");
	expect(peer, "<encryption-required/></failure>");
	sim_send(peer, MESSAGE("bob@other.example", "alice@sim.example", "1"));
	expect(peer, "<not-authorized ");
	closed(peer);
	end();
}

static void without_dialback(void)
{
	begin("");
	sim_send(peer, SIM_PEER_HEADER KEY("other.example", "sim.example"));
	expect(peer, "<stream:features><sm ");
	expect(peer, "<not-authorized ");
	sim_send(peer, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>");
	expect(peer, "<not-authorized/></failure>");
	sim_send(peer, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>=</auth>");
	expect(peer, "<invalid-mechanism/></failure>");
	is_int(asked, 0);
	end();
}

static void attempts_are_counted(void)
{
	begin("");
	sim_send(peer, SIM_PEER_HEADER);
	for (unsigned i = 0; i < 5; i++)
		sim_send(peer, "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>");
	sim_settle();
	expect(peer, "<policy-violation ");
	closed(peer);
	end();
}

static void own_keys_are_answered(void)
{
	char key[DIALBACK_KEY_SIZE];
	begin(MODULES);
	dialback_key(key, STR("other.example"), STR("sim.example"), STR("s1"));
	sim_sendf(peer,
	    SIM_PEER_HEADER "<db:verify from='other.example' to='sim.example' id='s1'>%s</db:verify>", key);
	expect(peer, "<db:verify from='sim.example' to='other.example' id='s1' type='valid'/>");
	sim_sendf(peer, "<db:verify from='other.example' to='sim.example' id='s2'>%s</db:verify>", key);
	expect(peer, "id='s2' type='invalid'/>");
	sim_sendf(peer, "<db:verify from='other.example' to='else.example' id='s1'>%s</db:verify>", key);
	expect(peer, "type='error'><error type='cancel'><item-not-found ");
	end();
}

/* --- floods --------------------------------------------------------------------------------------------- */

static void many_domains(void)
{
	begin(MODULES);
	authenticate(peer);
	for (unsigned i = 0; i < 11; i++)
		sim_sendf(peer, "<db:result from='d%u.example' to='sim.example'>0123abcd</db:result>", i);
	expect(peer, "to='d10.example' type='error'><error type='cancel'><resource-constraint ");
	is_int(asked, 11);
	for (unsigned i = 1; i < 11; i++)
		outcome(i, DIALBACK_VALID);
	for (unsigned i = 11; i < 100; i++) {
		sim_sendf(peer, "<db:result from='d%u.example' to='sim.example'>0123abcd</db:result>", i);
		outcome(i, DIALBACK_VALID);
	}
	sim_skip(peer);
	sim_send(peer, KEY("last.example", "sim.example"));
	expect(peer, "<resource-constraint ");
	is_int(asked, 100);
	/* Those that are in are not harmed. */
	sim_send(peer, MESSAGE("bob@d40.example", "alice@sim.example", "1"));
	expect(alice, "id='1'");
	for (unsigned i = 0; i < 30; i++)
		sim_send(peer, KEY("last.example", "sim.example"));
	expect(peer, "<policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>");
	closed(peer);
	end();
}

static void a_stream_that_ends_asks_no_more(void)
{
	begin(MODULES);
	sim_send(peer, SIM_PEER_HEADER KEY("other.example", "sim.example"));
	sim_settle();
	is_int(asked, 1);
	sim_cut(peer);
	sim_settle();
	is_int(cancelled, 1);
	end();
}

/* --- stanzas -------------------------------------------------------------------------------------------- */

static void stanza_that_is_refused(const char *stanza, const char *condition)
{
	begin(MODULES);
	authenticate(peer);
	sim_send(peer, stanza);
	expect(peer, "<stream:error>");
	expect(peer, condition);
	closed(peer);
	nothing(alice);
	is_int(opens, 0);
	end();
}

static void stanzas_are_checked(void)
{
	stanza_that_is_refused(
	    "<message to='alice@sim.example'><body>x</body></message>", "<improper-addressing ");
	stanza_that_is_refused(
	    "<message from='bob@other.example'><body>x</body></message>", "<improper-addressing ");
	stanza_that_is_refused(MESSAGE("boss@bank.example", "alice@sim.example", "1"), "<invalid-from ");
	stanza_that_is_refused(MESSAGE("alice@sim.example", "alice@sim.example", "1"), "<invalid-from ");
	stanza_that_is_refused(
	    MESSAGE("bob@sub.other.example", "alice@sim.example", "1"), "<invalid-from ");
	stanza_that_is_refused(MESSAGE("bob@other.example", "carol@third.example", "1"), "<host-unknown ");
	stanza_that_is_refused("<note from='bob@other.example' to='alice@sim.example'/>",
	    "<unsupported-stanza-type ");
	stanza_that_is_refused(
	    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'/>", "<unsupported-stanza-type ");
}

static void one_bad_address_does_not_end_the_stream(void)
{
	begin(MODULES);
	sim_send(peer, SIM_PEER_HEADER "<bidi xmlns='urn:xmpp:bidi'/>" KEY("other.example", "sim.example"));
	outcome(0, DIALBACK_VALID);
	expect(peer, VERIFIED);
	sim_send(peer, MESSAGE("bob@other.example", "a b@sim.example", "1"));
	expect(peer, "<message from='sim.example' to='bob@other.example' ");
	expect(peer, "<jid-malformed ");
	expect(peer, "</message>");
	sim_send(peer, MESSAGE("b b@other.example/x", "alice@sim.example", "2"));
	nothing(peer);
	nothing(alice);
	sim_send(peer, MESSAGE("bob@other.example", "alice@sim.example", "3"));
	expect(alice, "id='3'");
	sim_send(peer, MESSAGE("b b@bank.example", "alice@sim.example", "4"));
	expect(peer, "<invalid-from ");
	closed(peer);
	end();
}

static enum hook_verdict gate(struct module_instance *instance, struct hook_s2s_receive *event)
{
	if (str_is(event->stanza->id, "drop"))
		return HOOK_STOP;
	if (!str_is(event->stanza->id, "bounce"))
		return HOOK_PASS;
	event->error.condition = SE_policy_violation;
	return HOOK_BOUNCE;
}

static const struct hook_entry gate_hooks[] = {HOOK_ENTRY(s2s_receive, gate, HOOK_NORMAL, NULL), {0}};
static const struct module mod_gate = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_gate",
    .hooks = gate_hooks,
};
static const struct module *const offered[] = {&mod_gate, NULL};

static void modules_see_what_comes(void)
{
	begin("modules: {mod_s2s_dialback: {}, mod_s2s_bidi: {}, mod_gate: {}}\n");
	sim_send(peer, SIM_PEER_HEADER "<bidi xmlns='urn:xmpp:bidi'/>" KEY("other.example", "sim.example"));
	outcome(0, DIALBACK_VALID);
	expect(peer, VERIFIED);
	sim_send(peer, MESSAGE("bob@other.example", "alice@sim.example", "drop"));
	nothing(peer);
	sim_send(peer, MESSAGE("bob@other.example", "alice@sim.example", "bounce"));
	expect(peer, "id='bounce'");
	expect(peer, "<policy-violation ");
	nothing(alice);
	sim_send(peer, MESSAGE("bob@other.example", "alice@sim.example", "pass"));
	expect(alice, "id='pass'");
	end();
}

static void a_bad_peer_does_not_harm_another(void)
{
	begin(MODULES);
	struct sim_client *bad = sim_peer();
	authenticate(peer);
	sim_send(bad, SIM_PEER_HEADER MESSAGE("bob@other.example", "alice@sim.example", "0"));
	expect(bad, "<not-authorized ");
	closed(bad);
	sim_send(peer, MESSAGE("bob@other.example", "alice@sim.example", "1"));
	expect(alice, "id='1'");
	end();
}

static void stanzas_before_authentication_are_small(void)
{
	begin(MODULES);
	sim_send(peer, SIM_PEER_HEADER "<db:result from='other.example' to='sim.example'>");
	for (unsigned i = 0; i < 17; i++) {
		char kilobyte[1025];
		memset(kilobyte, 'a', sizeof(kilobyte) - 1);
		kilobyte[sizeof(kilobyte) - 1] = '\0';
		sim_send(peer, kilobyte);
	}
	expect(peer, "<policy-violation ");
	closed(peer);
	end();
}

static void who_asks_must_read(void)
{
	char question[1200];
	struct strbuf many = {0};
	begin(MODULES "negotiation_timeout: 1 hour\n");
	sim_send(peer, SIM_PEER_HEADER);
	sim_settle();
	sim_deaf(peer, true);
	snprintf(question, sizeof(question),
	    "<db:verify from='other.example' to='sim.example' id='%01000d'>00</db:verify>", 0);
	for (unsigned i = 0; i < 2500; i++)
		strbuf_cstr(&many, question);
	sim_send(peer, many.ptr);
	ok(sim_unsent(peer) > 500000);
	/* When it reads, it gets all of it. */
	sim_deaf(peer, false);
	is_int(sim_unsent(peer), 0);
	is_int(sim_count(peer, "type='invalid'"), 2500);
	sim_deaf(peer, true);
	sim_send(peer, many.ptr);
	sim_settle();
	for (unsigned i = 0; i < 18; i++)
		sim_advance(1000);
	sim_deaf(peer, false);
	closed(peer);
	strbuf_fini(&many);
	end();
}

/* --- time ----------------------------------------------------------------------------------------------- */

static void negotiation_ends_in_time(void)
{
	begin(MODULES "negotiation_timeout: 20 s\n");
	sim_send(peer, SIM_PEER_HEADER);
	expect(peer, "</stream:features>");
	sim_advance(19000);
	nothing(peer);
	sim_advance(1100);
	expect(peer, "<connection-timeout ");
	closed(peer);
	end();
}

static void idle_streams_close(void)
{
	begin(MODULES "negotiation_timeout: 20 s\ns2s_timeout: 60 s\n");
	authenticate(peer);
	sim_advance(50000);
	sim_send(peer, MESSAGE("bob@other.example", "alice@sim.example", "1"));
	expect(alice, "id='1'");
	sim_advance(50000);
	nothing(peer);
	sim_advance(11000);
	expect(peer, "</stream:stream>");
	closed(peer);
	end();
}

static void a_slow_recipient_slows_the_sender(void)
{
	const struct jid bob = {.text = "bob@other.example", .local_len = 3, .domain_len = 13};
	begin(MODULES);
	authenticate(peer);
	session_slow_sender(&bob, SESSION_SLOW_MS);
	sim_send(peer, MESSAGE("bob@other.example", "alice@sim.example", "1"));
	nothing(alice);
	sim_advance(60);
	expect(alice, "id='1'");
	sim_skip(alice);
	/* For as long it may be read now, whatever is asked. */
	session_slow_sender(&bob, SESSION_SLOW_MS);
	sim_send(peer, MESSAGE("bob@other.example", "alice@sim.example", "2"));
	expect(alice, "id='2'");
	end();
}

/* --- stream management: XEP-0198 ------------------------------------------------------------------------ */

static void stanzas_are_counted(void)
{
	begin(MODULES);
	sim_send(peer, SIM_PEER_HEADER "<enable xmlns='urn:xmpp:sm:3'/>");
	expect(peer, "<failed xmlns='urn:xmpp:sm:3'><unexpected-request ");
	sim_send(peer, KEY("other.example", "sim.example"));
	outcome(0, DIALBACK_VALID);
	sim_send(peer, "<enable xmlns='urn:xmpp:sm:3'/>");
	expect(peer, "<enabled xmlns='urn:xmpp:sm:3'/>");
	sim_send(peer, MESSAGE("bob@other.example", "alice@sim.example", "1")
		MESSAGE("bob@other.example", "alice@sim.example", "2") "<r xmlns='urn:xmpp:sm:3'/>");
	expect(peer, "<a xmlns='urn:xmpp:sm:3' h='2'/>");
	sim_send(peer, "<a xmlns='urn:xmpp:sm:3' h='1'/>");
	expect(peer, "<undefined-condition ");
	closed(peer);
	end();
}

#define RESUMABLE "<enable xmlns='urn:xmpp:sm:3' resume='true'/>"
#define NOT_FOUND "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>"

static void acknowledged_is_what_is_handled(void)
{
	begin("modules: {mod_s2s_dialback: {}, mod_s2s_bidi: {}, mod_offline: {}}\n");
	sim_free(sim_login("carol@sim.example"));
	authenticate(peer);
	sim_send(peer, RESUMABLE);
	expect(peer, "<enabled ");
	expect(peer, "/>");
	sim_hold_jobs();
	sim_send(peer, MESSAGE("bob@other.example", "carol@sim.example", "1")
		MESSAGE("bob@other.example", "alice@sim.example/desk", "2") "<r xmlns='urn:xmpp:sm:3'/>");
	expect(alice, "id='2'");
	nothing(peer);
	sim_advance(1600);
	expect(peer, "<a xmlns='urn:xmpp:sm:3' h='0'/>");
	sim_release_jobs();
	expect(peer, "<a xmlns='urn:xmpp:sm:3' h='2'/>");
	nothing(peer);
	end();
}

/* The id of a resumable stream that is enabled now. */
static const char *enable(struct sim_client *who, const char *element)
{
	static char id[64];
	sim_send(who, element);
	struct str between = sim_between(who, "<enabled xmlns='urn:xmpp:sm:3' id='", "'");
	snprintf(id, sizeof(id), "%.*s", STR_FMT(between));
	expect(who, "/>");
	return id;
}

static void resume(struct sim_client *who, unsigned h, const char *id)
{
	sim_sendf(who, "<resume xmlns='urn:xmpp:sm:3' h='%u' previd='%s'/>", h, id);
}

static void a_stream_is_resumed(void)
{
	begin(MODULES);
	authenticate(peer);
	const char *id = enable(peer, RESUMABLE);
	sim_send(peer, MESSAGE("bob@other.example", "alice@sim.example", "1"));
	expect(alice, "id='1'");
	sim_cut(peer);
	struct sim_client *again = sim_peer();
	authenticate(again);
	resume(again, 0, id);
	expect(again, "<resumed xmlns='urn:xmpp:sm:3' previd='");
	expect(again, "' h='1'/>");
	sim_send(again, MESSAGE("bob@other.example", "alice@sim.example", "2") "<r xmlns='urn:xmpp:sm:3'/>");
	expect(alice, "id='2'");
	expect(again, "<a xmlns='urn:xmpp:sm:3' h='2'/>");
	resume(again, 0, id);
	expect(again, "<unexpected-request ");
	end();
}

static void nobody_else_resumes_it(void)
{
	begin(MODULES);
	authenticate(peer);
	const char *id = enable(peer, RESUMABLE);
	sim_cut(peer);
	struct sim_client *thief = sim_peer();
	resume(thief, 0, id);
	sim_send(thief, SIM_PEER_HEADER);
	sim_cut(thief);
	thief = sim_peer();
	sim_send(thief, "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "
			"xmlns:db='jabber:server:dialback' from='thief.example' to='sim.example' version='1.0'>"
		KEY("thief.example", "sim.example"));
	sim_settle();
	outcome(asked - 1, DIALBACK_VALID);
	expect(thief, "type='valid'/>");
	resume(thief, 0, id);
	expect(thief, "<failed xmlns='urn:xmpp:sm:3'>" NOT_FOUND);
	struct sim_client *again = sim_peer();
	authenticate(again);
	resume(again, 0, id);
	expect(again, "<resumed ");
	end();
}

static void it_is_resumed_while_it_is_open(void)
{
	begin(MODULES);
	authenticate(peer);
	const char *id = enable(peer, RESUMABLE);
	sim_send(peer, MESSAGE("bob@other.example", "alice@sim.example", "1"));
	struct sim_client *again = sim_peer();
	authenticate(again);
	resume(again, 0, id);
	expect(again, "' h='1'/>");
	expect(peer, "<conflict ");
	closed(peer);
	sim_advance(5000);
	sim_send(again, MESSAGE("bob@other.example", "alice@sim.example", "2"));
	expect(alice, "id='2'");
	end();
}

static void it_waits_so_long_and_no_longer(void)
{
	begin(MODULES);
	authenticate(peer);
	sim_send(peer, "<enable xmlns='urn:xmpp:sm:3' resume='1' max='10'/>");
	struct str between = sim_between(peer, "<enabled xmlns='urn:xmpp:sm:3' id='", "' resume='true' max='10'/>");
	char id[64];
	snprintf(id, sizeof(id), "%.*s", STR_FMT(between));
	sim_cut(peer);
	sim_advance(9000);
	peer = sim_peer();
	authenticate(peer);
	resume(peer, 0, id);
	expect(peer, "<resumed ");
	sim_cut(peer);
	sim_advance(11000);
	peer = sim_peer();
	authenticate(peer);
	resume(peer, 0, id);
	expect(peer, "<failed xmlns='urn:xmpp:sm:3'>" NOT_FOUND);
	sim_send(peer, "<resume xmlns='urn:xmpp:sm:3' previd='x'/>");
	expect(peer, "<bad-request ");
	end();
}

static void what_is_being_handled_is_not_handled_twice(void)
{
	begin("modules: {mod_s2s_dialback: {}, mod_s2s_bidi: {}, mod_offline: {}}\n");
	sim_free(sim_login("carol@sim.example"));
	authenticate(peer);
	const char *id = enable(peer, RESUMABLE);
	sim_hold_jobs();
	sim_send(peer, MESSAGE("bob@other.example", "carol@sim.example", "1"));
	sim_settle();
	sim_cut(peer);
	struct sim_client *again = sim_peer();
	authenticate(again);
	resume(again, 0, id);
	nothing(again);
	sim_advance(1000);
	nothing(again);
	sim_advance(1100);
	expect(again, "' h='0'/>");
	sim_send(again, MESSAGE("bob@other.example", "carol@sim.example", "1") "<r xmlns='urn:xmpp:sm:3'/>");
	nothing(again);
	sim_release_jobs();
	expect(again, "<a xmlns='urn:xmpp:sm:3' h='1'/>");
	struct sim_client *carol = sim_login("carol@sim.example/desk");
	sim_send(carol, "<presence/>");
	is_int(sim_count(carol, "<message "), 1);
	end();
}

/* --- both ways: XEP-0288 -------------------------------------------------------------------------------- */

static void ours_go_the_other_way(void)
{
	begin(MODULES);
	sim_send(peer, SIM_PEER_HEADER "<bidi xmlns='urn:xmpp:bidi'/>" KEY("other.example", "sim.example"));
	outcome(0, DIALBACK_VALID);
	expect(peer, VERIFIED);
	sim_send(alice, "<message to='bob@other.example' id='1'><body>hi</body></message>");
	expect(peer, "<message ");
	expect(peer, "from='alice@sim.example/desk'");
	is_int(opens, 0);
	sim_send(alice, "<message to='bob@third.example' id='2'><body>hi</body></message>");
	sim_settle();
	is_int(opens, 1);
	sim_skip(peer);
	nothing(peer);
	end();
}

static void without_bidi_they_do_not(void)
{
	begin(MODULES);
	authenticate(peer);
	sim_send(alice, "<message to='bob@other.example' id='1'><body>hi</body></message>");
	nothing(peer);
	is_int(opens, 1);
	end();
}

static void what_was_not_acknowledged_goes_elsewhere(void)
{
	begin(MODULES);
	sim_send(peer, SIM_PEER_HEADER "<bidi xmlns='urn:xmpp:bidi'/>" KEY("other.example", "sim.example"));
	outcome(0, DIALBACK_VALID);
	sim_send(peer, "<enable xmlns='urn:xmpp:sm:3'/>");
	expect(peer, "<enabled ");
	sim_send(alice, "<message to='bob@other.example' id='1'><body>hi</body></message>");
	sim_send(alice, "<message to='bob@other.example' id='2'><body>hi</body></message>");
	expect(peer, "<r xmlns='urn:xmpp:sm:3'/>");
	sim_send(peer, "<a xmlns='urn:xmpp:sm:3' h='1'/>");
	sim_settle();
	is_int(opens, 0);
	sim_cut(peer);
	sim_settle();
	/* The second one waits for a stream that has to be opened. */
	is_int(opens, 1);
	end();
}

/* A stream for both ways with two of ours on it, of which the first is acknowledged; it is cut. */
static const char *cut_with_one_unacknowledged(void)
{
	begin(MODULES);
	sim_send(peer, SIM_PEER_HEADER "<bidi xmlns='urn:xmpp:bidi'/>" KEY("other.example", "sim.example"));
	outcome(0, DIALBACK_VALID);
	expect(peer, VERIFIED);
	const char *id = enable(peer, RESUMABLE);
	sim_send(alice, "<message to='bob@other.example' id='1'><body>hi</body></message>");
	sim_send(alice, "<message to='bob@other.example' id='2'><body>hi</body></message>");
	expect(peer, "id='2'");
	sim_send(peer, "<a xmlns='urn:xmpp:sm:3' h='1'/>");
	sim_settle();
	sim_cut(peer);
	sim_settle();
	sim_send(alice, "<message to='bob@other.example' id='3'><body>hi</body></message>");
	peer = sim_peer();
	sim_send(peer, SIM_PEER_HEADER "<bidi xmlns='urn:xmpp:bidi'/>" KEY("other.example", "sim.example"));
	outcome(1, DIALBACK_VALID);
	expect(peer, VERIFIED);
	/* They wait. */
	nothing(peer);
	is_int(opens, 0);
	return id;
}

static void ours_are_resumed(void)
{
	const char *id = cut_with_one_unacknowledged();
	resume(peer, 2, id);
	expect(peer, "' h='0'/>");
	expect(peer, "<message ");
	expect(peer, "id='3'");
	sim_send(peer, "<a xmlns='urn:xmpp:sm:3' h='3'/>");
	sim_send(alice, "<message to='bob@other.example' id='4'><body>hi</body></message>");
	expect(peer, "id='4'");
	is_int(opens, 0);
	end();
}

static void ours_are_sent_again(void)
{
	const char *id = cut_with_one_unacknowledged();
	resume(peer, 1, id);
	expect(peer, "' h='0'/>");
	expect(peer, "id='2'");
	expect(peer, "id='3'");
	is_int(opens, 0);
	end();
}

static void ours_go_to_a_stream_that_begins_anew(void)
{
	cut_with_one_unacknowledged();
	sim_send(peer, RESUMABLE);
	expect(peer, "<enabled ");
	expect(peer, "id='2'");
	expect(peer, "id='3'");
	end();
}

static void ours_do_not_wait_for_ever(void)
{
	cut_with_one_unacknowledged();
	sim_advance(59000);
	is_int(opens, 0);
	sim_advance(1100);
	is_int(opens, 1);
	end();
}

static void who_acknowledges_too_much_resumes_nothing(void)
{
	const char *id = cut_with_one_unacknowledged();
	resume(peer, 9, id);
	expect(peer, "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='9' send-count='2'/>");
	closed(peer);
	end();
}

/* --- reload --------------------------------------------------------------------------------------------- */

struct listed {
	unsigned count, authenticated;
};

static void on_about(void *arg, const struct s2s_about *about)
{
	struct listed *listed = arg;
	listed->count++;
	listed->authenticated += about->authentication == S2S_AUTH_DIALBACK && about->direction == S2S_IN &&
				 str_is(about->remote, "other.example");
}

static void streams_are_listed(void)
{
	struct listed listed = {0};
	begin(MODULES);
	sim_peer();
	authenticate(peer);
	s2s_streams_each(on_about, &listed);
	is_int(listed.count, 2);
	is_int(listed.authenticated, 1);
	end();
}

int main(void)
{
	sim_offer(offered);
	run(header_is_answered);
	run(headers_are_checked);
	run(access_denies);
	run(dialback_lets_stanzas_in);
	run(keys_that_fail);
	run(a_lie_does_not_harm_other_pairs);
	run(domains_are_multiplexed);
	run(keys_that_are_not_asked_about);
	run(results_that_nobody_asked_for);
	run(tls_first);
	run(without_dialback);
	run(attempts_are_counted);
	run(own_keys_are_answered);
	run(many_domains);
	run(a_stream_that_ends_asks_no_more);
	run(stanzas_are_checked);
	run(one_bad_address_does_not_end_the_stream);
	run(modules_see_what_comes);
	run(a_bad_peer_does_not_harm_another);
	run(stanzas_before_authentication_are_small);
	run(who_asks_must_read);
	run(negotiation_ends_in_time);
	run(idle_streams_close);
	run(a_slow_recipient_slows_the_sender);
	run(stanzas_are_counted);
	run(acknowledged_is_what_is_handled);
	run(a_stream_is_resumed);
	run(nobody_else_resumes_it);
	run(it_is_resumed_while_it_is_open);
	run(it_waits_so_long_and_no_longer);
	run(what_is_being_handled_is_not_handled_twice);
	run(ours_are_resumed);
	run(ours_are_sent_again);
	run(ours_go_to_a_stream_that_begins_anew);
	run(ours_do_not_wait_for_ever);
	run(who_acknowledges_too_much_resumes_nothing);
	run(ours_go_the_other_way);
	run(without_bidi_they_do_not);
	run(what_was_not_acknowledged_goes_elsewhere);
	run(streams_are_listed);
	return tap_done();
}
