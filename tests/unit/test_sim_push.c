/* SPDX-License-Identifier: Apache-2.0 */
/* Push services that are silent, and how many notifications there are at most. */
#include <openssl/sha.h>

#include "base/codec.h"
#include "sim.h"

#define PUSH "push.sim.example"
#define LISTENERS "}, {port: 5275, module: ejabberd_service, hosts: {" PUSH ": {password: x}}"
#define MODULES "modules: {mod_roster: {}, mod_offline: {access_max_user_messages: 5000}, mod_push: {}}\n"
#define NOTIFICATION "<notification xmlns='urn:xmpp:push:0'>"

enum { USERS = 130, PENDING = 100 };

static struct sim_client *romeo, *push;

static void attach(void)
{
	struct strbuf text = {0};
	unsigned char hash[20];
	push = sim_client_at(1);
	sim_send(push, "<stream:stream xmlns='jabber:component:accept' "
		       "xmlns:stream='http://etherx.jabber.org/streams' to='" PUSH "'>");
	strbuf_str(&text, sim_between(push, " id='", "'"));
	strbuf_cstr(&text, "x");
	SHA1((const unsigned char *)text.ptr, text.len, hash);
	strbuf_reset(&text);
	hex_encode(&text, hash, sizeof(hash));
	sim_sendf(push, "<handshake>%.*s</handshake>", STR_FMT(strbuf_view(&text)));
	strbuf_fini(&text);
	expect(push, "<handshake/>");
	sim_settle();
	sim_skip(push);
}

/* Registered, and gone. */
static void away(const char *user)
{
	struct strbuf jid = {0};
	strbuf_printf(&jid, "%s@sim.example/phone", user);
	struct sim_client *phone = sim_login(jid.ptr);
	sim_sendf(phone, "<iq type='set' id='e'><enable xmlns='urn:xmpp:push:0' jid='" PUSH "' node='%s'/></iq>", user);
	expect(phone, "type='result'");
	sim_send(phone, "</stream:stream>");
	sim_settle();
	sim_free(phone);
	strbuf_fini(&jid);
}

static void begin(void)
{
	sim_start(LISTENERS, MODULES);
	attach();
	romeo = sim_login("romeo@sim.example/desk");
}

static void say(const char *user)
{
	sim_sendf(romeo, "<message to='%s@sim.example'><body>x</body></message>", user);
	sim_settle();
}

/* The result for the next notification; its message-count is returned. */
static unsigned answer(void)
{
	uint64_t count = 0;
	struct strbuf to = {0}, id = {0};
	struct str rest = sim_unread(push);
	const char *from = memmem(rest.ptr, rest.len, "from='", 6);
	const char *number = memmem(rest.ptr, rest.len, " id='", 5);
	if (!ok(from && number))
		return 0;
	strbuf_str(&to, str_cut((struct str){from + 6, (size_t)(rest.ptr + rest.len - from - 6)}, '\'', &rest));
	rest = sim_unread(push);
	strbuf_str(&id, str_cut((struct str){number + 5, (size_t)(rest.ptr + rest.len - number - 5)}, '\'', &rest));
	str_to_u64(sim_between(push, "var='message-count' type='text-single'><value>", "</value>"), &count);
	expect(push, "</iq>");
	sim_sendf(push, "<iq type='result' from='" PUSH "' to='%s' id='%s'/>", to.ptr, id.ptr);
	sim_settle();
	strbuf_fini(&to);
	strbuf_fini(&id);
	return (unsigned)count;
}

/* Five at once, then one a second, each with what there is. */
static void the_rate_of_one(void)
{
	begin();
	away("juliet");
	for (unsigned i = 1; i <= 5; i++) {
		say("juliet");
		is_int(answer(), i);
	}
	for (unsigned i = 0; i < 10; i++)
		say("juliet");
	nothing(push);
	sim_advance(999);
	nothing(push);
	sim_advance(1);
	is_int(answer(), 15);
	sim_advance(10000);
	nothing(push);
	say("juliet");
	is_int(answer(), 16);
	sim_stop();
}

/* One at a time, and what came meanwhile when the service has given up its answer. */
static void one_without_an_answer(void)
{
	begin();
	away("juliet");
	for (unsigned i = 0; i < 3; i++)
		say("juliet");
	is_int(sim_count(push, NOTIFICATION), 1);
	sim_advance(29999);
	is_int(sim_count(push, NOTIFICATION), 0);
	sim_advance(1);
	is_int(answer(), 3);
	sim_advance(60000);
	nothing(push);
	sim_stop();
}

static void a_service_without_answers(void)
{
	char user[16];
	begin();
	for (unsigned i = 0; i < USERS; i++) {
		snprintf(user, sizeof(user), "user%u", i);
		away(user);
	}
	for (unsigned i = 0; i < USERS; i++) {
		snprintf(user, sizeof(user), "user%u", i);
		say(user);
	}
	is_int(sim_count(push, NOTIFICATION), PENDING);
	nothing(romeo);
	/* Users who are long gone from memory do not wait any more. */
	sim_advance(29000);
	is_int(sim_count(push, NOTIFICATION), 0);
	sim_advance(2000);
	ok(sim_count(push, NOTIFICATION) <= USERS - PENDING);
	sim_stop();
}

static void a_server_that_stops_meanwhile(void)
{
	begin();
	away("juliet");
	for (unsigned i = 0; i < 3; i++)
		say("juliet");
	sim_stop();
	ok(true);
}

static void a_module_that_leaves_meanwhile(void)
{
	begin();
	away("juliet");
	for (unsigned i = 0; i < 3; i++)
		say("juliet");
	sim_reload(LISTENERS, "modules: {mod_roster: {}, mod_offline: {}}\n");
	sim_settle();
	sim_skip(push);
	say("juliet");
	nothing(push);
	sim_stop();
}

int main(void)
{
	run(the_rate_of_one);
	run(one_without_an_answer);
	run(a_service_without_answers);
	run(a_server_that_stops_meanwhile);
	run(a_module_that_leaves_meanwhile);
	return tap_done();
}
