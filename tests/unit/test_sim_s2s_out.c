/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams to another server that the test plays, on a fake clock: what happens when it is silent, when it goes
 * away, and what becomes of the stanzas. The other server is an address, so that no DNS is needed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "route/s2s.h"
#include "sim.h"
#include "stream/dialback.h"
#include "stream/peer.h"
#include "stream/s2s_out.h"
#include "stream/s2s_stream.h"

#define HEADER                                                                                               \
	"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "              \
	"xmlns:db='jabber:server:dialback' id='s1' version='1.0'>"
#define FEATURES(inner) "<stream:features>" inner "</stream:features>"
#define DIALBACK "<dialback xmlns='urn:xmpp:features:dialback'/>"
#define SM "<sm xmlns='urn:xmpp:sm:3'/>"
#define VALID "<db:result from='127.0.0.1' to='sim.example' type='valid'/>"
#define ROUNDS 200 /* of settling, until the kernel has handed on what it was given */

static struct sim_client *alice;
static int listening = -1, stream = -1;
static struct strbuf came;

/* --- the other server ----------------------------------------------------------------------------------- */

static unsigned other_listens(void)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (bind(listening, (struct sockaddr *)&address, len) < 0 || listen(listening, 5) < 0 ||
	    getsockname(listening, (struct sockaddr *)&address, &len) < 0)
		printf("Bail out! listen: %s\n", strerror(errno));
	return ntohs(address.sin_port);
}

static bool other_accepts(void)
{
	for (unsigned i = 0; i < ROUNDS && stream < 0; i++) {
		sim_settle();
		stream = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	}
	strbuf_reset(&came);
	return stream >= 0;
}

static void other_says(const char *text)
{
	if (send(stream, text, strlen(text), MSG_NOSIGNAL) < 0)
		printf("# send: %s\n", strerror(errno));
	for (unsigned i = 0; i < 5; i++)
		sim_settle();
}

/* Reads; whether text came, which is then read with all that was before it. */
static bool other_hears(const char *text)
{
	char bytes[4096];
	for (unsigned i = 0; i < ROUNDS; i++) {
		char *found = came.len ? memmem(came.ptr, came.len, text, strlen(text)) : NULL;
		if (found) {
			size_t done = (size_t)(found - came.ptr) + strlen(text);
			memmove(came.ptr, came.ptr + done, came.len - done);
			came.len -= done;
			return true;
		}
		sim_settle();
		ssize_t n = recv(stream, bytes, sizeof(bytes), 0);
		if (n > 0)
			strbuf_add(&came, bytes, (size_t)n);
	}
	printf("# instead of %s came: %.*s\n", text, STR_FMT(strbuf_view(&came)));
	return false;
}

static void other_closes(void)
{
	close(stream);
	stream = -1;
	for (unsigned i = 0; i < 20; i++)
		sim_settle();
}

#define hears(text) tap_check(other_hears(text), __FILE__, __LINE__, "the other server hears " #text)

/* --- around each test ----------------------------------------------------------------------------------- */

static void begin(const char *more)
{
	char rest[600];
	snprintf(rest, sizeof(rest),
	    "outgoing_s2s_port: %u\ns2s_allow_literal_addresses: true\ns2s_use_starttls: optional\n"
	    "s2s_timeout: 600 s\nmodules: {mod_s2s_dialback: {}}\n%s",
	    other_listens(), more);
	s2s_set_opener(&s2s_out_opener);
	sim_start("", rest);
	alice = sim_login("alice@sim.example/desk");
}

static void end(void)
{
	if (stream >= 0)
		other_closes();
	peers_close(STREAM_reset, NULL);
	sim_advance(5000);
	s2s_fini(NULL);
	s2s_streams_fini(NULL);
	peers_close(STREAM_reset, NULL);
	sim_advance(5000);
	s2s_set_opener(NULL);
	sim_stop();
	close(listening);
	strbuf_fini(&came);
}

static void say(const char *id)
{
	sim_sendf(alice, "<message to='bob@127.0.0.1' id='%s'><body>hi</body></message>", id);
	sim_settle();
}

/* A stream that is authenticated by dialback. */
static void open_stream(const char *features)
{
	ok(other_accepts());
	hears("<stream:stream ");
	other_says(HEADER);
	other_says(features);
	hears("</db:result>");
	other_says(VALID);
}

/* --- silence -------------------------------------------------------------------------------------------- */

static void late(const char *words)
{
	sim_advance(19000);
	nothing(alice);
	sim_advance(30000);
	for (unsigned i = 0; i < 20; i++)
		sim_settle();
	expect(alice, "<remote-server-timeout ");
	expect(alice, words);
}

static void silence_after_the_connection(void)
{
	begin("");
	say("1");
	ok(other_accepts());
	late("does not answer with a stream");
	hears("<connection-timeout ");
	end();
}

static void silence_after_the_header(void)
{
	begin("");
	say("1");
	ok(other_accepts());
	other_says(HEADER);
	late("does not say what it offers");
	end();
}

static void silence_after_starttls(void)
{
	begin("");
	say("1");
	ok(other_accepts());
	other_says(HEADER FEATURES("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"));
	hears("<starttls ");
	late("does not answer to STARTTLS");
	end();
}

static void silence_after_dialback(void)
{
	begin("");
	say("1");
	ok(other_accepts());
	other_says(HEADER FEATURES(DIALBACK));
	hears("</db:result>");
	late("does not answer to dialback");
	end();
}

static void bytes_now_and_then_do_not_help(void)
{
	begin("");
	say("1");
	ok(other_accepts());
	for (unsigned i = 0; i < 5; i++) {
		other_says(" ");
		sim_advance(5000);
	}
	for (unsigned i = 0; i < 20; i++)
		sim_settle();
	expect(alice, "<remote-server-timeout ");
	end();
}

/* --- what was sent -------------------------------------------------------------------------------------- */

static void what_waits_is_sent_in_order(void)
{
	begin("");
	say("1");
	say("2");
	open_stream(FEATURES(DIALBACK));
	say("3");
	hears("id='1'");
	hears("id='2'");
	hears("id='3'");
	nothing(alice);
	end();
}

static void the_key_is_the_right_one(void)
{
	char key[DIALBACK_KEY_SIZE];
	begin("");
	say("1");
	ok(other_accepts());
	other_says(HEADER FEATURES(DIALBACK));
	dialback_key(key, STR("127.0.0.1"), STR("sim.example"), STR("s1"));
	hears("from='sim.example' to='127.0.0.1'>");
	hears(key);
	end();
}

static void what_is_not_acknowledged_is_sent_again(void)
{
	begin("");
	say("1");
	say("2");
	open_stream(FEATURES(DIALBACK SM));
	hears("<enable ");
	other_says("<enabled xmlns='urn:xmpp:sm:3'/>");
	hears("id='2'");
	other_says("<a xmlns='urn:xmpp:sm:3' h='1'/>");
	other_closes();
	say("3");
	open_stream(FEATURES(DIALBACK));
	hears("id='2'");
	hears("id='3'");
	nothing(alice);
	end();
}

/* A stream with 1 acknowledged, 2 sent and 3 that waits; it breaks, and there is another connection. */
static void break_it(const char *enabled)
{
	begin("");
	say("1");
	say("2");
	open_stream(FEATURES(DIALBACK SM));
	hears("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
	other_says(enabled);
	hears("id='2'");
	other_says("<a xmlns='urn:xmpp:sm:3' h='1'/>");
	other_closes();
	say("3");
	open_stream(FEATURES(DIALBACK SM));
}

#define ENABLED "<enabled xmlns='urn:xmpp:sm:3' id='old&amp;1' resume='true'/>"

static void what_arrived_is_not_sent_again(void)
{
	break_it(ENABLED);
	hears("<resume xmlns='urn:xmpp:sm:3' h='0' previd='old&amp;1'/>");
	other_says("<resumed xmlns='urn:xmpp:sm:3' h='2' previd='old&amp;1'/>");
	hears("<message ");
	ok(memmem(came.ptr, came.len, "id='3'", 6) != NULL);
	other_says("<a xmlns='urn:xmpp:sm:3' h='3'/>");
	say("4");
	hears("id='4'");
	nothing(alice);
	end();
}

static void what_did_not_arrive_is_sent_again(void)
{
	break_it(ENABLED);
	hears("<resume ");
	other_says("<resumed xmlns='urn:xmpp:sm:3' h='1' previd='old&amp;1'/>");
	hears("id='2'");
	hears("id='3'");
	nothing(alice);
	end();
}

static void a_resumption_that_fails_may_tell_what_arrived(void)
{
	break_it(ENABLED);
	hears("<resume ");
	other_says("<failed xmlns='urn:xmpp:sm:3' h='2'><item-not-found "
		   "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>");
	hears("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
	hears("<message ");
	ok(memmem(came.ptr, came.len, "id='3'", 6) != NULL);
	other_says("<enabled xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='1'/>");
	nothing(alice);
	end();
}

static void a_resumption_that_fails_may_tell_nothing(void)
{
	break_it(ENABLED);
	hears("<resume ");
	other_says("<failed xmlns='urn:xmpp:sm:3'/>");
	hears("<enable ");
	hears("id='2'");
	hears("id='3'");
	nothing(alice);
	end();
}

static void a_resumption_that_counts_too_much_is_refused(void)
{
	break_it(ENABLED);
	hears("<resume ");
	other_says("<resumed xmlns='urn:xmpp:sm:3' h='7' previd='old&amp;1'/>");
	hears("<handled-count-too-high xmlns='urn:xmpp:sm:3' h='7' send-count='2'/>");
	other_closes();
	sim_advance(1000);
	open_stream(FEATURES(DIALBACK SM));
	hears("<enable ");
	hears("id='2'");
	nothing(alice);
	end();
}

static void a_stream_that_breaks_again_is_resumed_again(void)
{
	break_it(ENABLED);
	hears("<resume ");
	other_closes();
	sim_advance(1000);
	open_stream(FEATURES(DIALBACK SM));
	hears("<resume ");
	other_says("<resumed xmlns='urn:xmpp:sm:3' h='2' previd='old&amp;1'/>");
	hears("id='3'");
	nothing(alice);
	end();
}

static void it_is_not_tried_for_ever(void)
{
	unsigned tries = 0;
	break_it(ENABLED);
	for (unsigned i = 0; i < 80 && !sim_has(alice, "<message "); i++) {
		if (stream >= 0)
			other_closes();
		sim_advance(1000);
		for (unsigned j = 0; j < 5 && stream < 0; j++) {
			sim_settle();
			stream = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		}
		tries += stream >= 0;
	}
	ok(tries > 8);
	expect(alice, "id='2'");
	expect(alice, "<remote-server-timeout ");
	expect(alice, "id='3'");
	end();
}

static void what_is_refused_acknowledgement_counts_as_sent(void)
{
	begin("");
	say("1");
	open_stream(FEATURES(DIALBACK SM));
	hears("<enable ");
	other_says("<failed xmlns='urn:xmpp:sm:3'/>");
	hears("id='1'");
	other_closes();
	say("2");
	open_stream(FEATURES(DIALBACK));
	hears("<message ");
	ok(memmem(came.ptr, came.len, "id='2'", 6) != NULL);
	nothing(alice);
	end();
}

static void acknowledgements_are_waited_for_for_a_minute(void)
{
	begin("");
	say("1");
	open_stream(FEATURES(DIALBACK SM));
	hears("<enable ");
	other_says("<enabled xmlns='urn:xmpp:sm:3'/>");
	hears("<r ");
	sim_advance(59000);
	say("2");
	hears("id='2'");
	sim_advance(2000);
	hears("<connection-timeout ");
	other_closes();
	open_stream(FEATURES(DIALBACK));
	hears("id='1'");
	hears("id='2'");
	nothing(alice);
	end();
}

static void a_peer_that_reads_nothing_costs_little(void)
{
	char text[3000];
	begin("");
	say("1");
	open_stream(FEATURES(DIALBACK));
	hears("id='1'");
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	for (unsigned i = 0; i < 3000; i++) {
		sim_sendf(alice, "<message to='bob@127.0.0.1' id='m%u'><body>%s</body></message>", i, text);
		if (i % 100 == 0)
			sim_advance(60);
	}
	/* What does not fit anywhere waits, and its senders with it: nothing is lost, nothing comes twice. */
	unsigned arrived = 0;
	while (arrived < 3000 && other_hears("<message ")) {
		if (++arrived % 50 == 0)
			for (unsigned i = 0; i < 50; i++)
				sim_advance(60);
	}
	is_int(arrived, 3000);
	nothing(alice);
	end();
}

/* --- the end of a stream -------------------------------------------------------------------------------- */

static void idle_streams_close(void)
{
	begin("");
	say("1");
	open_stream(FEATURES(DIALBACK));
	hears("id='1'");
	sim_advance(500000);
	say("2");
	hears("id='2'");
	sim_advance(500000);
	sim_advance(200000);
	hears("</stream:stream>");
	nothing(alice);
	end();
}

int main(void)
{
	run(silence_after_the_connection);
	run(silence_after_the_header);
	run(silence_after_starttls);
	run(silence_after_dialback);
	run(bytes_now_and_then_do_not_help);
	run(what_waits_is_sent_in_order);
	run(the_key_is_the_right_one);
	run(what_is_not_acknowledged_is_sent_again);
	run(what_arrived_is_not_sent_again);
	run(what_did_not_arrive_is_sent_again);
	run(a_resumption_that_fails_may_tell_what_arrived);
	run(a_resumption_that_fails_may_tell_nothing);
	run(a_resumption_that_counts_too_much_is_refused);
	run(a_stream_that_breaks_again_is_resumed_again);
	run(it_is_not_tried_for_ever);
	run(what_is_refused_acknowledgement_counts_as_sent);
	run(acknowledgements_are_waited_for_for_a_minute);
	run(a_peer_that_reads_nothing_costs_little);
	run(idle_streams_close);
	return tap_done();
}
