/* SPDX-License-Identifier: Apache-2.0 */
/* Hooks: each runs where and when it says. */
#include "hook_probe.h"
#include "loop/executor.h"
#include "route/account.h"
#include "route/host_events.h"
#include "route/hosts.h"

static const struct module *const modules[] = {&mod_probe, NULL};

/* --- each hook runs ------------------------------------------------------------------------------------ */

static void server_and_hosts(void)
{
	forget();
	sim_start("", MODULES);
	is_int(calls[HOOK_host_up], 1);
	is_int(calls[HOOK_server_started], 1);
	is_int(calls[HOOK_config_reloaded], 0);
	is_text(hook_text(HOOK_host_up), "sim.example");
	sim_reload("", MODULES "language: de\n");
	is_int(calls[HOOK_config_reloaded], 1);
	is_int(calls[HOOK_host_up], 1);
	is_int(calls[HOOK_server_stopping], 0);
	sim_stop();
	is_int(calls[HOOK_server_stopping], 1);
	is_int(calls[HOOK_host_down], 1);
	is_int(calls[HOOK_server_started], 1);
}

static void serve(const char *hosts)
{
	struct strbuf text = {0};
	struct conf_report report = {0};
	struct conf *conf = NULL;
	struct err err;
	strbuf_printf(&text, "hosts: [%s]\nlisten: [{port: 5222, module: ejabberd_c2s}]\n" MODULES, hosts);
	ok(conf_load_text(strbuf_view(&text), "hosts", &conf, &report) == 0);
	ok(hosts_apply(conf, &err) == 0);
	conf = conf_install(conf);
	host_events_in_force();
	host_events_reloaded();
	sim_settle();
	conf_unref(&conf);
	conf_report_fini(&report);
	strbuf_fini(&text);
}

static void hosts_come_and_go(void)
{
	begin();
	serve("sim.example, second.example");
	is_int(calls[HOOK_host_up], 1);
	is_text(hook_text(HOOK_host_up), "second.example");
	is_int(calls[HOOK_config_reloaded], 2);
	serve("sim.example");
	is_int(calls[HOOK_host_down], 1);
	is_text(hook_text(HOOK_host_down), "second.example");
	serve("sim.example, second.example");
	is_int(calls[HOOK_host_up], 2);
	sim_stop();
	is_int(calls[HOOK_host_down], 3);
}

static void streams(void)
{
	begin();
	sim_send(alice, "<look xmlns='urn:test'/>");
	expect(alice, "<seen xmlns='urn:test'>alice@sim.example</seen>");
	is_text(hook_text(HOOK_c2s_element), "look alice@sim.example/desk");
	sim_send(alice, "<look xmlns='urn:other'/>");
	expect(alice, "<unsupported-stanza-type ");
	is_text(hook_text(HOOK_c2s_closed), "alice@sim.example bound unsupported-stanza-type ");
	is_int(calls[HOOK_c2s_closed], 1);
	is_int(calls[HOOK_session_closed], 1);
	sim_send(bob, "</stream:stream>");
	is_text(hook_text(HOOK_c2s_closed), "bob@sim.example bound - the client closed it");
	is_int(calls[HOOK_c2s_closed], 2);
	struct sim_client *nobody = sim_client();
	sim_send(nobody, SIM_HEADER);
	expect(nobody, "</stream:features>");
	is_int(calls[HOOK_c2s_connect], 1);
	is_int(calls[HOOK_c2s_stream_features], 1);
	sim_cut(nobody);
	ok(str_starts(hook_text(HOOK_c2s_closed), "nobody unbound - "));
	is_int(calls[HOOK_c2s_closed], 3);
	sim_stop();
}

/* The end of a stream that nobody gave a host is nobody's. */
static void stream_without_host(void)
{
	begin();
	struct sim_client *client = sim_client();
	sim_send(client, "<nonsense/>");
	closed(client);
	is_int(calls[HOOK_c2s_closed], 0);
	sim_stop();
}

static void way_of_a_message(void)
{
	begin();
	sim_send(alice, HELLO);
	expect(bob, "<body>hi</body>");
	is_text(hook_text(HOOK_user_send), "message m1");
	is_text(hook_text(HOOK_filter), "message m1");
	is_text(hook_text(HOOK_user_inbound), "message m1");
	is_text(hook_text(HOOK_user_receive), "message m1");
	is_cstr(asked, "out message chat bob@sim.example session; in message chat alice@sim.example/desk session; ");
	is_int(calls[HOOK_message_offline], 0);
	is_text(hook_text(HOOK_message_delivered), "by priority 0");
	is_int(calls[HOOK_message_delivered], 1);
	sim_send(bob, "<presence type='unavailable'/>");
	sim_settle();
	forget();
	sim_send(alice, HELLO);
	is_text(hook_text(HOOK_message_offline), "message m1");
	is_int(calls[HOOK_message_delivered], 0);
	is_cstr(asked, "out message chat bob@sim.example session; in message chat alice@sim.example/desk user; ");
	sim_stop();
}

static void presence_and_subscriptions(void)
{
	forget();
	begin();
	sim_send(alice, "<presence id='p1'/>");
	is_text(hook_text(HOOK_presence_out), "presence p1");
	is_int(calls[HOOK_presence_in], 2); /* alice's own, and bob's */
	is_cstr(
	    asked, "out presence  bob@sim.example session; in presence  alice@sim.example/desk session; ");
	sim_send(alice, "<presence id='p2' to='carol@sim.example/x'/>");
	is_text(hook_text(HOOK_presence_directed), "presence p2");
	sim_send(alice, "<presence type='subscribe' id='p3' to='carol@sim.example'/>");
	is_text(hook_text(HOOK_subscription_out), "presence p3");
	is_int(calls[HOOK_subscription_in], 2); /* the answer for the missing carol, too */
	sim_stop();
}

static void probes_are_asked(void)
{
	begin();
	sim_send(bob, "<presence type='unavailable'/>");
	sim_settle();
	forget();
	sim_send(bob, "<presence/>");
	sim_settle();
	ok(strstr(asked, "out presence probe alice@sim.example session; "));
	ok(strstr(asked, "in presence probe bob@sim.example/desk user; "));
	ok(strstr(asked, "out presence  bob@sim.example/desk session; "));
	sim_stop();
}

static void close_ones_are_not_asked(void)
{
	begin();
	struct sim_client *phone = sim_login("alice@sim.example/phone");
	forget();
	sim_send(alice, "<message type='chat' to='alice@sim.example/phone'><body>me</body></message>"
			"<iq type='get' id='1' to='sim.example'><query "
			"xmlns='http://jabber.org/protocol/disco#info'/></iq>"
			"<iq type='get' id='2'><query xmlns='jabber:iq:roster'/></iq>");
	expect(phone, "<body>me</body>");
	expect(alice, "id='2'");
	is_cstr(asked, "");
	sim_stop();
}

struct call {
	struct job job;
	struct str user;
	enum auth_outcome outcome;
	struct err err;
	enum { REGISTER, SET_PASSWORD, REMOVE } what;
};

static void call_run(struct job *job)
{
	struct call *call = (struct call *)job;
	struct str host = STR("sim.example");
	if (call->what == REGISTER)
		call->outcome = account_register(host, call->user, STR("secret"), &call->err);
	else if (call->what == SET_PASSWORD)
		call->outcome = account_set_password(host, call->user, STR("other"), &call->err);
	else
		call->outcome = account_remove(host, call->user, &call->err);
}

static void call_done(struct job *job)
{
	(void)job;
}

static struct call call_of(int what, const char *user)
{
	struct call call = {.job = {.run = call_run, .done = call_done}, .user = str_of(user), .what = what};
	executor_submit(&call.job, NULL);
	sim_settle();
	return call;
}

static void accounts(void)
{
	begin();
	struct call call = call_of(REGISTER, "carol");
	is_int(call.outcome, AUTH_OK);
	is_int(calls[HOOK_register_check], 1);
	is_int(calls[HOOK_user_registered], 1);
	call = call_of(REGISTER, "admin1");
	is_int(call.outcome, AUTH_NOT_ALLOWED);
	is_cstr(call.err.text, "names that begin with admin are ours");
	is_int(calls[HOOK_user_registered], 1);
	call = call_of(SET_PASSWORD, "carol");
	is_int(call.outcome, AUTH_OK);
	is_text(hook_text(HOOK_password_changed), "carol");
	call = call_of(SET_PASSWORD, "nobody");
	is_int(call.outcome, AUTH_NO_USER);
	is_int(calls[HOOK_password_changed], 1);
	call = call_of(REMOVE, "carol");
	is_int(call.outcome, AUTH_OK);
	is_int(calls[HOOK_user_removed], 1);
	is_int(calls[HOOK_user_gone], 1);
	sim_stop();
}

static void registration_in_band(void)
{
	begin();
	struct sim_client *client = sim_client();
	sim_send(client, SIM_HEADER);
	expect(client, "</stream:features>");
	sim_send(client, "<iq type='set' id='r'><query xmlns='jabber:iq:register'><username>admin2</username>"
			 "<password>secret</password></query></iq>");
	expect(client, "<not-allowed ");
	expect(client, "names that begin with admin are ours");
	is_int(calls[HOOK_c2s_unauthenticated_iq], 1);
	sim_stop();
}

static void users(void)
{
	begin();
	sim_send(bob, "</stream:stream>");
	sim_settle();
	sim_advance(60000);
	is_int(calls[HOOK_session_closed], 1);
	is_int(calls[HOOK_user_unload], 1);
	bob = sim_login("bob@sim.example/desk");
	is_int(calls[HOOK_user_load_db], 1);
	is_int(calls[HOOK_user_loaded], 1);
	is_int(calls[HOOK_session_opened], 1);
	is_int(calls[HOOK_c2s_auth_result], 1);
	sim_stop();
}

/* --- rosters ------------------------------------------------------------------------------------------- */

#define SET(attributes, rest)                                                                                \
	"<iq type='set' id='s'><query xmlns='jabber:iq:roster'><item " attributes ">" rest "</item></query></iq>"
#define GET "<iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>"

static void roster_items(void)
{
	begin();
	sim_send(alice, SET("jid='carol@sim.example' name='Carol'", ""));
	expect(alice, "id='s'");
	is_text(hook_text(HOOK_roster_item), "new carol@sim.example none");
	is_text(hook_text(HOOK_roster_changed), "alice@sim.example carol@sim.example none");
	wish_for(HOOK_roster_item, HOOK_PASS);
	wish.tail = "Caroline";
	sim_send(alice, SET("jid='carol@sim.example' name='C'", ""));
	expect(alice, "id='s'");
	sim_skip(alice);
	sim_send(alice, GET);
	expect(alice, "name='Caroline'");
	wish_for(HOOK_roster_item, HOOK_BOUNCE);
	sim_skip(alice);
	sim_send(alice, SET("jid='dave@sim.example'", "") SET("jid='carol@sim.example' subscription='remove'", ""));
	expect(alice, "<not-allowed ");
	expect(alice, "because");
	expect(alice, "<not-allowed ");
	sim_skip(alice);
	sim_send(alice, "<presence id='p' type='subscribe' to='dave@sim.example'/>");
	expect(alice, "<not-allowed ");
	is_int(calls[HOOK_roster_changed], 0);
	forget();
	sim_send(alice, SET("jid='carol@sim.example' subscription='remove'", ""));
	expect(alice, "id='s'");
	is_text(hook_text(HOOK_roster_changed), "alice@sim.example carol@sim.example remove");
	sim_stop();
}

/* As shared groups would. */
static void roster_of_others(void)
{
	static const struct str groups[] = {{"Staff", 5}};
	static const struct roster_item erin = {
	    .jid = {"erin@sim.example", 16},
	    .name = {"Erin", 4},
	    .groups = groups,
	    .group_count = 1,
	    .subscription = ROSTER_BOTH,
	};
	begin();
	struct sim_client *client = sim_login("erin@sim.example/desk");
	sim_send(client, "<presence/>");
	sim_settle();
	shared = &erin;
	sim_send(alice, GET);
	expect(alice, "<item jid='erin@sim.example' name='Erin' subscription='both'><group>Staff</group></item>");
	sim_skip(client);
	sim_send(alice, "<presence><status>new</status></presence>");
	expect(client, "<status>new</status>");
	/* Erin may see alice: she is asked and tells. */
	sim_skip(client);
	sim_send(client, "<presence type='probe' to='alice@sim.example'/>");
	expect(client, "<status>new</status>");
	shared = NULL;
	sim_skip(client);
	sim_send(client, "<presence type='probe' to='alice@sim.example'/>");
	nothing(client);
	sim_stop();
}

/* An item of the user's own is joined with what others add. */
static void roster_joined(void)
{
	static const struct str groups[] = {{"Friends", 7}, {"Staff", 5}};
	static const struct roster_item more = {
	    .jid = {"dave@sim.example", 16},
	    .name = {"Shared", 6},
	    .groups = groups,
	    .group_count = 2,
	    .subscription = ROSTER_TO,
	};
	begin();
	sim_send(alice, SET("jid='dave@sim.example' name='Own'", "<group>Friends</group>"));
	expect(alice, "id='s'");
	sim_skip(alice);
	shared = &more;
	sim_send(alice, GET);
	expect(alice, "<item jid='dave@sim.example' name='Own' subscription='to'><group>Friends</group>"
		      "<group>Staff</group></item>");
	sim_stop();
}

int main(void)
{
	sim_offer(modules);
	run(server_and_hosts);
	run(hosts_come_and_go);
	run(streams);
	run(stream_without_host);
	run(way_of_a_message);
	run(presence_and_subscriptions);
	run(probes_are_asked);
	run(close_ones_are_not_asked);
	run(accounts);
	run(registration_in_band);
	run(users);
	run(roster_items);
	run(roster_of_others);
	run(roster_joined);
	return tap_done();
}
