/* SPDX-License-Identifier: Apache-2.0 */
/* Stream management where it depends on time, on storage, and on numbers: XEP-0198. */
#include "route/session.h"
#include "sim.h"
#include "store/store_open.h"
#include "stream/mgmt.h"

#define SM "xmlns='urn:xmpp:sm:3'"
#define MODULES(options)                                                                                     \
	"modules: {mod_roster: {}, mod_offline: {}, mod_ping: {}, mod_stream_mgmt: {" options "}}\n"
#define ROMEO "romeo@sim.example"
#define JULIET "juliet@sim.example"

static struct sim_client *romeo, *juliet;
static char id[64];

static struct sim_client *managed(const char *jid, const char *attributes)
{
	struct sim_client *client = sim_login(jid);
	sim_send(client, "<presence/>");
	sim_advance(10);
	sim_skip(client);
	sim_sendf(client, "<enable " SM " %s/>", attributes);
	if (sim_has(client, "id='")) {
		struct str made = sim_between(client, "id='", "'");
		snprintf(id, sizeof(id), "%.*s", STR_FMT(made));
	}
	sim_skip(client);
	return client;
}

/* Romeo's stream is managed; id is what he resumes with. Juliet's is not. */
static void begin(const char *configuration)
{
	sim_start("", configuration);
	juliet = sim_login(JULIET "/desk");
	sim_send(juliet, "<presence/>");
	romeo = managed(ROMEO "/phone", "resume='true'");
	sim_skip(juliet);
}

static struct mgmt *mgmt_of(const char *bare)
{
	struct user *user = user_find(str_of(bare));
	struct session *session = user ? user_first_session(user) : NULL;
	return session ? session_holder(session, &mgmt_session_ops) : NULL;
}

static void say(struct sim_client *client, const char *to, const char *body)
{
	sim_sendf(client, "<message to='%s' type='chat'><body>%s</body></message>", to, body);
}

static struct sim_client *authenticated(void)
{
	struct sim_client *client = sim_client();
	sim_authenticate(client, "romeo", "secret");
	sim_send(client, SIM_HEADER);
	sim_skip(client);
	return client;
}

static struct sim_client *resume(unsigned h)
{
	struct sim_client *client = authenticated();
	sim_sendf(client, "<resume " SM " h='%u' previd='%s'/>", h, id);
	return client;
}

/* --- time ----------------------------------------------------------------------------------------------- */

static void a_client_that_does_not_acknowledge(void)
{
	begin(MODULES("ack_timeout: 10 s"));
	say(juliet, ROMEO, "one");
	expect(romeo, "<body>one</body>");
	expect(romeo, "<r xmlns='urn:xmpp:sm:3'/>");
	sim_advance(9900);
	ok(!sim_closed(romeo));
	sim_advance(200);
	closed(romeo);
	ok(mgmt_of(ROMEO) && session_hibernates(mgmt_of(ROMEO)->session));
	struct sim_client *again = resume(0);
	expect(again, "<resumed ");
	expect(again, "<body>one</body><delay ");
	sim_send(again, "<a " SM " h='1'/>");
	sim_advance(20000);
	ok(!sim_closed(again));
	sim_stop();
}

static void nobody_comes_back(void)
{
	begin(MODULES("resume_timeout: 60 s"));
	say(juliet, ROMEO, "unread");
	sim_cut(romeo);
	say(juliet, ROMEO "/phone", "late");
	sim_send(juliet, "<iq type='get' id='p' to='" ROMEO "/phone'><ping xmlns='urn:xmpp:ping'/></iq>");
	sim_advance(59000);
	nothing(juliet);
	sim_advance(2000);
	expect(juliet, "<service-unavailable");
	ok(!mgmt_of(ROMEO));
	struct sim_client *again = resume(0);
	expect(again, "<failed xmlns='urn:xmpp:sm:3' h='0'><item-not-found");
	struct sim_client *anew = sim_login(ROMEO "/phone");
	sim_send(anew, "<presence/>");
	expect(anew, "<body>unread</body><delay ");
	expect(anew, "<body>late</body><delay ");
	is_int(sim_count(anew, "<body>"), 0);
	sim_stop();
}

/* Of two devices that have a message, one acknowledges it. */
static void what_others_have_is_not_repeated(void)
{
	begin(MODULES(""));
	struct sim_client *desk = sim_login(ROMEO "/desk");
	sim_send(desk, "<presence/>");
	sim_advance(10);
	sim_skip(desk);
	say(juliet, ROMEO, "both");
	expect(desk, "<body>both</body>");
	sim_cut(romeo);
	sim_advance(301000);
	is_int(sim_count(desk, "<body>both</body>"), 0);
	sim_stop();
}

static void bounced(const char *configuration, bool with_other, bool comes_back)
{
	begin(configuration);
	if (with_other) {
		struct sim_client *desk = sim_login(ROMEO "/desk");
		sim_send(desk, "<presence><priority>-0</priority></presence>");
	}
	sim_skip(juliet);
	say(juliet, ROMEO "/phone", "one");
	sim_cut(romeo);
	sim_advance(301000);
	is_int(sim_count(juliet, "<service-unavailable"), comes_back);
	sim_stop();
}

static void resend_on_timeout(void)
{
	bounced(MODULES("resend_on_timeout: false"), false, true);
	bounced(MODULES("resend_on_timeout: if_offline"), false, false);
	bounced(MODULES("resend_on_timeout: if_offline"), true, true);
	bounced(MODULES("resend_on_timeout: true"), true, false);
}

/* --- bounds --------------------------------------------------------------------------------------------- */

static void a_full_queue(void)
{
	begin(MODULES("max_ack_queue: 2"));
	for (int i = 0; i < 4; i++)
		say(juliet, ROMEO, "one of four");
	is_int(sim_count(romeo, "<body>"), 2);
	sim_send(romeo, "<a " SM " h='2'/>");
	sim_advance(1000);
	is_int(sim_count(romeo, "<body>"), 2);
	nothing(juliet);
	sim_stop();
}

/* --- acknowledging what clients send -------------------------------------------------------------------- */

/* The recipient's client is silent: its copy is in storage before the sender hears. */
static void a_silent_recipient(void)
{
	begin(MODULES(""));
	struct sim_client *ben = managed("ben@sim.example/phone", "");
	say(ben, ROMEO "/phone", "one");
	sim_send(ben, "<r " SM "/>");
	expect(romeo, "<body>one</body>");
	sim_advance(200);
	is_int(sim_count(ben, "<a "), 0);
	sim_advance(100);
	expect(ben, "<a xmlns='urn:xmpp:sm:3' h='1'/>");
	sim_stop();
}

static void a_recipient_that_acknowledges(void)
{
	begin(MODULES(""));
	struct sim_client *ben = managed("ben@sim.example/phone", "");
	say(ben, ROMEO "/phone", "one");
	sim_send(ben, "<r " SM "/>");
	expect(romeo, "<body>one</body>");
	nothing(ben);
	sim_send(romeo, "<a " SM " h='1'/>");
	expect(ben, "<a xmlns='urn:xmpp:sm:3' h='1'/>");
	sim_stop();
}

/* Storage takes its time: an answer comes late, then what it lacked. */
static void a_late_answer(void)
{
	begin(MODULES(""));
	sim_send(juliet, "<presence type='unavailable'/>");
	sim_settle();
	sim_hold_jobs();
	say(romeo, "away@sim.example", "one");
	sim_send(romeo, "<r " SM "/>");
	sim_advance(1400);
	is_int(sim_count(romeo, "<a "), 0);
	sim_advance(200);
	expect(romeo, "<a xmlns='urn:xmpp:sm:3' h='0'/>");
	sim_release_jobs();
	sim_advance(10);
	expect(romeo, "<a xmlns='urn:xmpp:sm:3' h='1'/>");
	sim_stop();
}

/* Storage takes nothing for a while. */
static void a_full_disk(void)
{
	begin(MODULES(""));
	struct sim_client *ben = managed("ben@sim.example/phone", "");
	say(ben, ROMEO "/phone", "one");
	sim_send(ben, "<r " SM "/>");
	store_fail_at(1);
	sim_advance(300);
	is_int(sim_count(ben, "<a "), 0);
	sim_advance(1100);
	expect(ben, "<a xmlns='urn:xmpp:sm:3' h='1'/>");
	expect(romeo, "<body>one</body>");
	ok(!sim_has(romeo, "<body>"));
	sim_stop();
}

static unsigned kept_for(const char *jid)
{
	struct sim_client *client = sim_login(jid);
	sim_send(client, "<presence/>");
	sim_advance(10);
	return sim_count(client, "<body>");
}

/* What was being handled still when the connection broke is sent again, and recognised; something else is not. */
static void repetitions(bool in_order)
{
	begin(MODULES(""));
	struct sim_client *again = authenticated();
	sim_free(sim_login("away@sim.example"));
	sim_advance(40000);
	sim_hold_jobs();
	say(romeo, "away@sim.example", "one");
	sim_settle();
	sim_cut(romeo);
	sim_sendf(again, "<resume " SM " h='0' previd='%s'/>", id);
	sim_advance(1900);
	is_int(sim_count(again, "<resumed"), 0);
	sim_advance(200);
	expect(again, "<resumed xmlns='urn:xmpp:sm:3' previd=");
	expect(again, "h='0'/>");
	if (in_order)
		say(again, "away@sim.example", "one");
	say(again, "away@sim.example", "two");
	sim_release_jobs();
	sim_send(again, "<r " SM "/>");
	sim_advance(10);
	expect(again, in_order ? "h='2'/>" : "h='1'/>");
	is_int(kept_for("away@sim.example/late"), 2);
	sim_stop();
}

/* --- numbers -------------------------------------------------------------------------------------------- */

static void numbers_roll_over(void)
{
	begin(MODULES(""));
	struct mgmt *mgmt = mgmt_of(ROMEO);
	mgmt->out.sent = mgmt->out.acked = UINT32_MAX - 1;
	mgmt->in.received = mgmt->in.handled = UINT32_MAX;
	for (int i = 0; i < 3; i++)
		say(juliet, ROMEO "/phone", "round");
	is_int(sim_count(romeo, "<body>round"), 3);
	sim_send(romeo, "<a " SM " h='1'/>");
	sim_settle();
	is_int(mgmt->out.count, 0);
	is_int(mgmt->out.acked == UINT64_C(0x100000001), 1);
	sim_send(romeo, "<a " SM " h='4294967295'/>");
	sim_send(romeo, "<iq type='get' id='p1'><ping xmlns='urn:xmpp:ping'/></iq><r " SM "/>");
	expect(romeo, "id='p1'");
	expect(romeo, "<a xmlns='urn:xmpp:sm:3' h='0'/>");
	sim_send(romeo, "<a " SM " h='9'/>");
	expect(romeo, "<handled-count-too-high xmlns='urn:xmpp:sm:3' h='9' send-count='2'/>");
	sim_stop();
}

int main(void)
{
	a_client_that_does_not_acknowledge();
	nobody_comes_back();
	what_others_have_is_not_repeated();
	resend_on_timeout();
	a_full_queue();
	a_silent_recipient();
	a_recipient_that_acknowledges();
	a_late_answer();
	a_full_disk();
	repetitions(true);
	repetitions(false);
	numbers_roll_over();
	return tap_done();
}
