/* SPDX-License-Identifier: Apache-2.0 */
/* What the verdicts of hooks do, and how explain tells of them. */
#include "hook_probe.h"
#include "route/trace.h"

static const struct module *const modules[] = {&mod_probe, NULL};

/* --- verdicts ------------------------------------------------------------------------------------------ */

static void each_replaces(void)
{
	static const enum hook_name hooks[] = {HOOK_user_send, HOOK_filter, HOOK_user_inbound, HOOK_user_receive};
	begin();
	for (unsigned i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		wish_for(hooks[i], HOOK_PASS);
		wish.tail = "<stamp xmlns='urn:test'/>";
		sim_send(alice, HELLO);
		expect(bob, "<body>hi</body><stamp xmlns='urn:test'/></message>");
		nothing(bob);
	}
	wish_for(HOOK_presence_out, HOOK_PASS);
	wish.tail = "<stamp xmlns='urn:test'/>";
	sim_send(alice, "<presence id='p1'/>");
	expect(bob, "<stamp xmlns='urn:test'/></presence>");
	wish_for(HOOK_presence_directed, HOOK_PASS);
	wish.tail = "<stamp xmlns='urn:test'/>";
	sim_send(alice, "<presence id='p2' to='bob@sim.example/desk'/>");
	expect(bob, "<stamp xmlns='urn:test'/></presence>");
	wish_for(HOOK_presence_in, HOOK_PASS);
	wish.tail = "<stamp xmlns='urn:other'/>";
	sim_send(alice, "<presence id='p3' to='bob@sim.example/desk'/>");
	expect(bob, "<stamp xmlns='urn:other'/></presence>");
	/* The presence that was broadcast is the one that others find. */
	forget();
	struct sim_client *phone = sim_login("alice@sim.example/phone");
	sim_send(phone, "<presence/>");
	expect(phone, "<stamp xmlns='urn:test'/></presence>");
	wish_for(HOOK_message_offline, HOOK_PASS);
	wish.tail = "<stamp xmlns='urn:kept'/>";
	sim_send(bob, "<presence type='unavailable'/>");
	sim_settle();
	sim_send(alice, HELLO);
	sim_settle();
	sim_skip(bob);
	sim_send(bob, "<presence/>");
	expect(bob, "<stamp xmlns='urn:kept'/>");
	sim_stop();
}

static void each_drops(void)
{
	static const enum hook_name hooks[] = {HOOK_user_send, HOOK_filter, HOOK_user_inbound, HOOK_user_receive,
	    HOOK_privacy_check};
	begin();
	for (unsigned i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		wish_for(hooks[i], HOOK_STOP);
		sim_send(alice, HELLO);
		nothing(bob);
		nothing(alice);
		ok(calls[hooks[i]] == 1);
	}
	sim_stop();
}

static void each_bounces(void)
{
	static const enum hook_name hooks[] = {HOOK_user_send, HOOK_filter, HOOK_user_inbound, HOOK_user_receive,
	    HOOK_privacy_check};
	begin();
	for (unsigned i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++) {
		wish_for(hooks[i], HOOK_BOUNCE);
		wish.tail = hooks[i] == HOOK_privacy_check ? NULL : "<stamp xmlns='urn:test'/>";
		sim_send(alice, HELLO);
		/* What comes back is what alice sent. */
		expect(alice, "<body>hi</body><error");
		expect(alice, "<policy-violation ");
		expect(alice, "because");
		nothing(bob);
		sim_skip(alice);
	}
	sim_stop();
}

/* A presence that a module refuses has not been. */
static void presence_refused(void)
{
	begin();
	struct sim_client *phone = sim_login("alice@sim.example/phone");
	wish_for(HOOK_presence_out, HOOK_BOUNCE);
	sim_send(phone, "<presence id='p'><priority>5</priority></presence>");
	expect(phone, "<policy-violation ");
	expect(phone, "</presence>");
	nothing(bob);
	forget();
	sim_send(bob, "<message type='chat' to='alice@sim.example'><body>hi</body></message>");
	expect(alice, "<body>hi</body>");
	nothing(phone);
	wish_for(HOOK_presence_out, HOOK_STOP);
	sim_send(phone, "<presence id='p'/>");
	nothing(bob);
	nothing(phone);
	sim_stop();
}

static void blocked(void)
{
	begin();
	wish_for(HOOK_privacy_check, HOOK_BOUNCE);
	wish.only_bob = true;
	wish.condition = SE_service_unavailable;
	/* Out. */
	sim_send(alice, "<message id='m' to='bob@sim.example/desk'/>");
	expect(alice, "<service-unavailable ");
	sim_send(alice, "<iq type='get' id='i' to='bob@sim.example'><query xmlns='jabber:iq:last'/></iq>");
	expect(alice, "<service-unavailable ");
	sim_skip(alice);
	sim_send(alice, "<presence><show>away</show></presence>");
	nothing(bob);
	sim_skip(alice);
	/* In. */
	sim_send(bob, "<message id='m' to='alice@sim.example/desk'/>");
	expect(bob, "<service-unavailable ");
	sim_send(bob, "<iq type='get' id='i' to='alice@sim.example'><query xmlns='jabber:iq:last'/></iq>");
	expect(bob, "<service-unavailable ");
	sim_skip(bob);
	wish.verdict = HOOK_STOP;
	sim_send(bob, "<presence><show>dnd</show></presence>");
	sim_send(bob, "<presence type='probe' to='alice@sim.example'/>");
	sim_send(bob, "<presence type='unsubscribe' to='alice@sim.example'/>");
	sim_settle();
	nothing(alice);
	sim_stop();
}

/* A message for several resources that all refuse it bounces once. */
static void refused_by_all(void)
{
	begin();
	struct sim_client *phone = sim_login("alice@sim.example/phone");
	sim_send(phone, "<presence/>");
	sim_settle();
	sim_skip(bob);
	wish_for(HOOK_privacy_check, HOOK_BOUNCE);
	wish.only_bob = true;
	sim_send(bob, "<message id='m' type='chat' to='alice@sim.example'><body>x</body></message>");
	is_int(sim_count(bob, "<error "), 1);
	sim_stop();
}

static void replaced_in_check(void)
{
	begin();
	wish_for(HOOK_privacy_check, HOOK_PASS);
	wish.tail = "<stamp xmlns='urn:test'/>";
	sim_send(alice, HELLO);
	expect(bob, "<body>hi</body></message>");
	sim_stop();
}

static void verdicts_without_meaning(void)
{
	begin();
	wish_for(HOOK_user_send, 77);
	sim_send(alice, HELLO);
	expect(bob, "<body>hi</body></message>");
	wish_for(HOOK_session_opened, HOOK_BOUNCE);
	struct sim_client *phone = sim_login("alice@sim.example/phone");
	is_int(calls[HOOK_session_opened], 1);
	ok(!sim_closed(phone));
	sim_stop();
}

static void disco_refuses_and_adds(void)
{
	begin();
	wish_for(HOOK_disco_info, HOOK_BOUNCE);
	sim_send(alice, "<iq type='get' id='d' to='sim.example'><query "
			"xmlns='http://jabber.org/protocol/disco#info'/></iq>");
	expect(alice, "<policy-violation ");
	wish_for(HOOK_disco_items, HOOK_PASS);
	sim_send(alice, "<iq type='get' id='e' to='sim.example'><query "
			"xmlns='http://jabber.org/protocol/disco#items'/></iq>");
	expect(alice, "<item jid='pub.sim.example' node='a&amp;b'/>");
	is_text(hook_text(HOOK_disco_items), "server");
	sim_stop();
}

/* --- explain ------------------------------------------------------------------------------------------- */

static char told[4000];

static void on_step(struct trace *trace, enum stage stage, struct str decision)
{
	size_t len = strlen(told);
	snprintf(told + len, sizeof(told) - len, "%s: %.*s\n", stage_word(stage), STR_FMT(decision));
}

static void on_end(struct trace *trace)
{
	strcat(told, "end");
}

static void explain(const char *text)
{
	struct trace trace = {.step = on_step, .end = on_end, .carriers = 1}, *before;
	struct arena arena = {0};
	struct err err;
	struct jid from, to;
	struct stanza *stanza = stanza_parse(str_of(text), &xml_limits_default, &err);
	jid_parse(xml_attr(stanza->root, "from"), &arena, &from, &err);
	jid_parse(xml_attr(stanza->root, "to"), &arena, &to, &err);
	told[0] = '\0';
	trace_enter(&trace, &before);
	route(&from, &to, stanza);
	trace_leave(before);
	sim_settle();
	stanza_unref(&stanza);
	arena_fini(&arena);
}

#define EXPLAINED "<message from='alice@sim.example/desk' to='bob@sim.example' type='chat'><body>x</body></message>"
#define told_is(text) ok(strstr(told, (text)) != NULL)

static void explain_names_the_module(void)
{
	begin();
	wish_for(HOOK_filter, HOOK_STOP);
	explain(EXPLAINED);
	told_is("dropped: by mod_probe in hook filter: because\nend");
	wish_for(HOOK_user_inbound, HOOK_BOUNCE);
	explain(EXPLAINED);
	told_is("inbound: mod_probe lets it bounce in hook user_inbound: policy-violation: because\n"
		"bounced: policy-violation: because\n");
	wish_for(HOOK_user_receive, HOOK_PASS);
	wish.tail = "<stamp xmlns='urn:test'/>";
	explain(EXPLAINED);
	told_is("receiving: mod_probe replaced it in hook user_receive\nwritten: ");
	wish_for(HOOK_privacy_check, HOOK_STOP);
	explain(EXPLAINED);
	told_is("dropped: by mod_probe in hook privacy_check: because\n");
	nothing(bob);
	nothing(alice);
	/* What is offline is only told. */
	sim_send(bob, "<presence type='unavailable'/>");
	sim_settle();
	forget();
	explain(EXPLAINED);
	told_is("offline: by mod_offline in hook message_offline: kept until the user is there\n");
	is_int(calls[HOOK_message_offline], 0);
	sim_skip(bob);
	sim_send(bob, "<presence/>");
	ok(!sim_has(bob, "<body>x</body>"));
	sim_stop();
}

int main(void)
{
	sim_offer(modules);
	run(each_replaces);
	run(each_drops);
	run(each_bounces);
	run(presence_refused);
	run(blocked);
	run(refused_by_all);
	run(replaced_in_check);
	run(verdicts_without_meaning);
	run(disco_refuses_and_adds);
	run(explain_names_the_module);
	return tap_done();
}
