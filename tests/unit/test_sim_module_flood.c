/* SPDX-License-Identifier: Apache-2.0 */
/* Modules that send more than anybody can take, and services that answer each other. */
#include "sim.h"
#include "store/store_open.h"

#define FLOOD 100000
#define KEPT 12000 /* more than may wait for storage, which may keep up all the same */
#define ECHOES 20000
#define BODY "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"

static struct module_instance *instance;
static unsigned bounced, echoed;

static const struct jid service = {"flood.sim.example", 0, 17, 0};

static void take(
    struct module_instance *self, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	bounced += stanza->type == STANZA_ERROR;
}

/* Of two services, each sends back what it gets. */
static void echo(
    struct module_instance *self, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (++echoed < ECHOES)
		route(to, from, stanza);
}

static int on_start(struct module_instance *self, struct err *err)
{
	instance = self;
	if (module_add_route(self, STR("flood.sim.example"), take, err) < 0 ||
	    module_add_route(self, STR("ping.sim.example"), echo, err) < 0)
		return -1;
	return module_add_route(self, STR("pong.sim.example"), echo, err);
}

static const struct module mod_flood = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_flood",
    .start = on_start,
};

static struct stanza *message(void)
{
	struct err err;
	return stanza_parse(STR("<message type='chat' id='f'><body>" BODY "</body></message>"),
	    &xml_limits_default, &err);
}

static void flood(const struct jid *to, unsigned count)
{
	struct store_stats store;
	int64_t most = 0;
	struct stanza *stanza = message();
	bounced = 0;
	for (unsigned i = 0; i < count; i++) {
		route(&service, to, stanza);
		store_stats(&store);
		if ((int64_t)store.waiting > most)
			most = (int64_t)store.waiting;
	}
	stanza_unref(&stanza);
	ok(most <= 5001);
}

static struct sim_client *arrive(const char *jid)
{
	struct sim_client *client = sim_login(jid);
	sim_send(client, "<presence/>");
	sim_settle();
	sim_skip(client);
	return client;
}

static void others_go_on(void)
{
	struct sim_client *bob = arrive("bob@sim.example/desk");
	sim_send(bob, "<iq type='get' id='p' to='sim.example'><ping xmlns='urn:xmpp:ping'/></iq>");
	expect(bob, "id='p'");
}

/* What is not in her queue came back. */
static void a_client_that_does_not_read_is_flooded(void)
{
	static const struct jid alice_jid = {"alice@sim.example/desk", 5, 11, 4};
	sim_start(", send_timeout: 10 minutes", "modules: {mod_flood: {}, mod_ping: {}}\n");
	struct sim_client *alice = arrive("alice@sim.example/desk");
	sim_deaf(alice, true);
	flood(&alice_jid, FLOOD);
	others_go_on();
	unsigned back = bounced;
	ok(back > FLOOD * 3 / 4);
	sim_deaf(alice, false);
	unsigned got = sim_count(alice, "<message ");
	ok(got * (sizeof(BODY) + 100) < 6u * 1024 * 1024);
	is_int(got + back, FLOOD);
	sim_stop();
}

/* Messages are kept as long as storage keeps up; each is read, kept or came back. */
static void an_absent_user_is_flooded(void)
{
	static const struct jid carol_jid = {"carol@sim.example", 5, 11, 0};
	sim_start("",
	    "shaper_rules: {max_user_offline_messages: infinity}\n"
	    "modules: {mod_flood: {}, mod_ping: {}, mod_offline: {}}\n");
	struct sim_client *carol = sim_login("carol@sim.example/desk");
	sim_cut(carol);
	sim_settle();
	flood(&carol_jid, KEPT);
	others_go_on();
	unsigned back = bounced;
	ok(back < KEPT);
	carol = sim_login("carol@sim.example/hall");
	sim_send(carol, "<presence/>");
	is_int(sim_count(carol, "<message ") + back, KEPT);
	sim_stop();
}

static void services_that_answer_each_other_do_not_use_up_the_stack(void)
{
	static const struct jid ping = {"ping.sim.example", 0, 16, 0}, pong = {"pong.sim.example", 0, 16, 0};
	sim_start("", "modules: {mod_flood: {}, mod_ping: {}}\n");
	struct stanza *stanza = message();
	echoed = 0;
	route(&ping, &pong, stanza);
	stanza_unref(&stanza);
	others_go_on();
	is_int(echoed, ECHOES);
	sim_stop();
}

int main(void)
{
	static const struct module *const modules[] = {&mod_flood, NULL};
	sim_offer(modules);
	run(a_client_that_does_not_read_is_flooded);
	run(an_absent_user_is_flooded);
	run(services_that_answer_each_other_do_not_use_up_the_stack);
	return tap_done();
}
