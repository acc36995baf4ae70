/* SPDX-License-Identifier: Apache-2.0 */
/* Carbons where it depends on lists, on the moment, and on what happens to a connection: XEP-0280. */
#include "modules/mod_carboncopy/carbons.h"
#include "sim.h"

#define BODY 50000
#define CONFIGURATION "modules: {mod_carboncopy: {im_routing_ng: true}, mod_offline: {}, mod_lists: {}}\n"
#define BIND "<bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:carbons:2'/></bind>"
#define ENABLE "<iq type='set' id='c1'><enable xmlns='urn:xmpp:carbons:2'/></iq>"

static struct sim_client *phone, *desk, *juliet;

/* --- mod_lists: refuses what has to do with juliet, for one resource ------------------------------------ */

static const char *refusing; /* resource; NULL: nobody */

static enum hook_verdict on_check(struct module_instance *instance, struct hook_stanza *event)
{
	const struct jid *other = event->direction == HOOK_OUT ? event->to : event->from;
	if (refusing && event->session && str_is(jid_resource(session_jid(event->session)), refusing) &&
	    str_starts(jid_full(other), "juliet@"))
		return HOOK_STOP;
	return HOOK_PASS;
}

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(privacy_check, on_check, HOOK_NORMAL, NULL),
    {0},
};

static const struct module mod_lists = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_lists",
    .hooks = hooks,
    .reload = module_reload_nothing,
};
static const struct module *const modules[] = {&mod_lists, NULL};

/* --- the scene ------------------------------------------------------------------------------------------ */

static struct sim_client *device(const char *jid)
{
	struct sim_client *client = sim_login(jid);
	sim_send(client, ENABLE "<presence/>");
	expect(client, "id='c1'");
	return client;
}

static void begin(void)
{
	refusing = NULL;
	sim_start("", CONFIGURATION);
	phone = device("romeo@sim.example/phone");
	desk = device("romeo@sim.example/desk");
	juliet = sim_login("juliet@sim.example/test");
	sim_send(juliet, "<presence/>");
	sim_advance(10);
	sim_skip(phone);
	sim_skip(desk);
	sim_skip(juliet);
}

static struct session *session_of(const char *resource)
{
	struct user *user = user_find(STR("romeo@sim.example"));
	return user ? user_session(user, str_of(resource)) : NULL;
}

static void say(struct sim_client *client, const char *to, const char *body)
{
	sim_sendf(client, "<message to='%s' type='chat'><body>%s</body></message>", to, body);
}

/* --- lists ---------------------------------------------------------------------------------------------- */

static void lists_of_who_gets_a_copy(void)
{
	begin();
	refusing = "desk";
	say(juliet, "romeo@sim.example/phone", "hi");
	expect(phone, "<body>hi</body>");
	nothing(desk);
	/* Another device's conversation is not this one's. */
	say(phone, "juliet@sim.example", "hello");
	expect(desk, "<sent xmlns='urn:xmpp:carbons:2'>");
	sim_stop();
}

static void lists_of_who_is_addressed(void)
{
	begin();
	refusing = "phone";
	say(juliet, "romeo@sim.example/phone", "hi");
	say(phone, "juliet@sim.example", "hello");
	nothing(desk);
	nothing(juliet);
	sim_stop();
}

/* --- what a dead connection did not pass on ------------------------------------------------------------- */

static unsigned fill(const char *to)
{
	unsigned count = 20;
	sim_deaf(phone, true);
	for (unsigned i = 0; i < count; i++)
		sim_sendf(juliet, "<message to='%s' type='chat'><body>%0*u</body></message>", to, BODY, i);
	for (unsigned passed = 0; passed < 3000; passed += 50)
		sim_advance(50);
	is_int(sim_unsent(juliet), 0);
	return count;
}

static void no_copy_and_message(const char *to)
{
	begin();
	sim_send(phone, "<presence><priority>5</priority></presence>");
	sim_settle();
	sim_skip(desk);
	unsigned count = fill(to);
	is_int(sim_count(desk, "<received xmlns='urn:xmpp:carbons:2'>"), count);
	sim_cut(phone);
	sim_settle();
	is_int(sim_count(desk, "</body>"), 0);
	nothing(juliet);
	sim_stop();
}

/* A device that came later has no copies: it gets what the first one did not. */
static void nothing_is_lost(void)
{
	begin();
	sim_send(desk, "</stream:stream>");
	sim_settle();
	unsigned count = fill("romeo@sim.example/phone");
	sim_advance(10);
	desk = device("romeo@sim.example/desk");
	sim_skip(desk);
	sim_cut(phone);
	sim_settle();
	unsigned got = sim_count(desk, "</body>");
	ok(got > 10 && got <= count);
	sim_stop();
}

/* A copy for a device is not for another one, nor for later. */
static void copies_do_not_go_astray(void)
{
	begin();
	struct sim_client *tablet = sim_login("romeo@sim.example/tablet");
	sim_send(tablet, "<presence/>");
	sim_settle();
	sim_skip(tablet);
	sim_deaf(phone, true);
	for (unsigned i = 0; i < 20; i++)
		sim_sendf(juliet, "<message to='romeo@sim.example/desk' type='chat'><body>%0*u</body></message>",
		    BODY, i);
	for (unsigned passed = 0; passed < 3000; passed += 50)
		sim_advance(50);
	is_int(sim_count(desk, "</body>"), 20);
	sim_cut(phone);
	sim_settle();
	nothing(tablet);
	nothing(desk);
	sim_send(desk, "</stream:stream>");
	sim_send(tablet, "</stream:stream>");
	desk = sim_login("romeo@sim.example/desk");
	sim_send(desk, "<presence/>");
	sim_settle();
	is_int(sim_count(desk, "</body>"), 0);
	sim_stop();
}

/* --- over a restart, with a bind ------------------------------------------------------------------------ */

static void saved_and_restored(void)
{
	begin();
	struct session *session = session_of("phone");
	struct xml_writer state = {.default_ns = NS_CLIENT};
	hook_run_session_save(user_host(session_user(session)), &(struct hook_session_save){session, &state});
	is_text(strbuf_view(&state.buf), "<enable xmlns='urn:xmpp:carbons:2'/>");
	struct strbuf text = {0};
	strbuf_printf(&text, "<state xmlns='urn:test'>%.*s</state>", STR_FMT(strbuf_view(&state.buf)));
	struct xml_tree *tree = xml_parse(strbuf_view(&text), NS_CLIENT, &xml_limits_default, NULL, NULL);
	carbon_set_mode(session, CARBON_OFF);
	say(juliet, "romeo@sim.example/desk", "one");
	nothing(phone);
	hook_run_session_restore(
	    user_host(session_user(session)), &(struct hook_session_restore){session, tree->root});
	say(juliet, "romeo@sim.example/desk", "two");
	expect(phone, "<body>two</body>");
	is_int(carbon_since(session), 0);
	xml_tree_unref(&tree);
	strbuf_fini(&text);
	xml_writer_fini(&state);
	sim_stop();
}

static void asked_for_with_a_bind(void)
{
	begin();
	struct session *session = session_of("phone");
	struct host *host = user_host(session_user(session));
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	hook_run_bind2_features(host, &(struct hook_bind2_features){host, session_jid(session), &writer});
	is_text(strbuf_view(&writer.buf), "<feature var='urn:xmpp:carbons:2'/>");
	carbon_set_mode(session, CARBON_OFF);
	struct xml_tree *tree = xml_parse(STR(BIND), NS_CLIENT, &xml_limits_default, NULL, NULL);
	xml_writer_reset(&writer);
	hook_run_bind2_request(host, &(struct hook_bind2_request){session, tree->root, &writer});
	is_int(carbon_mode(session), CARBON_COPIES);
	is_int(writer.buf.len, 0);
	xml_tree_unref(&tree);
	xml_writer_fini(&writer);
	sim_stop();
}

/* --- the module comes and goes -------------------------------------------------------------------------- */

static void unloaded_and_loaded(void)
{
	begin();
	say(juliet, "romeo@sim.example/desk", "one");
	expect(phone, "<body>one</body>");
	sim_skip(phone);
	sim_reload("", "modules: {mod_offline: {}, mod_lists: {}}\n");
	say(juliet, "romeo@sim.example/desk", "two");
	nothing(phone);
	sim_reload("", CONFIGURATION);
	say(juliet, "romeo@sim.example/desk", "three");
	nothing(phone);
	sim_send(phone, ENABLE);
	expect(phone, "id='c1'");
	say(juliet, "romeo@sim.example/desk", "four");
	expect(phone, "<body>four</body>");
	/* An option alone changes nothing for those who are there. */
	sim_reload("", "modules: {mod_carboncopy: {}, mod_offline: {}, mod_lists: {}}\n");
	say(juliet, "romeo@sim.example/desk", "five");
	expect(phone, "<body>five</body>");
	sim_send(phone, "<iq type='set' id='r1'><enable xmlns='urn:xmpp:im-ng:0'/></iq>");
	expect(phone, "<service-unavailable ");
	sim_stop();
}

int main(void)
{
	sim_offer(modules);
	run(lists_of_who_gets_a_copy);
	run(lists_of_who_is_addressed);
	no_copy_and_message("romeo@sim.example/phone");
	no_copy_and_message("romeo@sim.example");
	run(nothing_is_lost);
	run(copies_do_not_go_astray);
	run(saved_and_restored);
	run(asked_for_with_a_bind);
	run(unloaded_and_loaded);
	return tap_done();
}
