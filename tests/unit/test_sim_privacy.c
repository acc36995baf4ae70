/* SPDX-License-Identifier: Apache-2.0 */
/* Privacy lists: every form of item, with every kind, on every stanza in both directions; and what a session
 * keeps. */
#include "sim.h"

#define ALICE "alice@sim.example"
#define BOB "bob@sim.example"
#define SET "<iq type='set' id='l'><query xmlns='jabber:iq:privacy'>"
#define LIST(items) SET "<list name='x'>" items "</list></query></iq>"
#define ACTIVE(name) "<iq type='set' id='a'><query xmlns='jabber:iq:privacy'><active" name "/></query></iq>"
#define MODULES "modules: {mod_roster: {}, mod_privacy: {}, mod_blocking: {}, mod_offline: {}}\n"

static struct sim_client *alice, *bob;

static void add_contact(const char *jid, const char *group)
{
	sim_sendf(alice,
	    "<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='%s'><group>%s</group></item>"
	    "</query></iq>",
	    jid, group);
	sim_settle();
	sim_skip(alice);
}

static void begin(void)
{
	sim_start("", MODULES);
	alice = sim_login(ALICE "/desk");
	bob = sim_login(BOB "/phone");
	sim_send(alice, "<presence/>");
	sim_send(bob, "<presence/>");
	sim_befriend(alice, ALICE, bob, BOB);
	add_contact(BOB, "Enemies");
	add_contact("carol@sim.example", "Friends");
	sim_skip(alice);
	sim_skip(bob);
}

/* --- the matrix ----------------------------------------------------------------------------------------- */

static const struct {
	const char *type, *value;
	bool is_bob;
} forms[] = {
    {"jid", BOB "/phone", true},
    {"jid", BOB, true},
    {"jid", "sim.example", true},
    {"jid", BOB "/other", false},
    {"jid", "sim.example/phone", false},
    {"jid", "other.example", false},
    {"jid", "carol@sim.example", false},
    {"group", "Enemies", true},
    {"group", "Friends", false},
    {"subscription", "both", true},
    {"subscription", "to", false},
    {"subscription", "from", false},
    {"subscription", "none", false},
    {NULL, NULL, true},
};

enum { MESSAGE = 1, IQ = 2, PRESENCE_IN = 4, PRESENCE_OUT = 8, EACH = 15, ALL = 31 };

static const struct {
	const char *xml;
	unsigned kinds;
} kinds[] = {
    {"", ALL},
    {"<message/>", MESSAGE},
    {"<iq/>", IQ},
    {"<presence-in/>", PRESENCE_IN},
    {"<presence-out/>", PRESENCE_OUT},
    {"<message/><iq/><presence-in/><presence-out/>", EACH},
};

#define OTHER 16 /* nothing but an item for all kinds stops it */

static const struct {
	bool out;
	unsigned kind;
	const char *text;   /* with the address, and the mark that tells it */
	const char *answer; /* what the sender hears when it is stopped; NULL: nothing */
} stanzas[] = {
    {false, MESSAGE, "<message to='%s' id='%u'><body>x</body></message>", "service-unavailable"},
    {false, MESSAGE, "<message to='%s' id='%u' type='groupchat'><body>x</body></message>", NULL},
    {false, MESSAGE, "<message to='%s' id='%u' type='error'/>", NULL},
    {false, IQ, "<iq to='%s' id='%u' type='get'><x xmlns='urn:x'/></iq>", "service-unavailable"},
    {false, IQ, "<iq to='%s' id='%u' type='set'><x xmlns='urn:x'/></iq>", "service-unavailable"},
    {false, IQ, "<iq to='%s' id='%u' type='result'/>", NULL},
    {false, PRESENCE_IN, "<presence to='%s' id='%u'/>", NULL},
    {false, PRESENCE_IN, "<presence to='%s' id='%u' type='unavailable'/>", NULL},
    {false, OTHER, "<presence to='%s' id='%u' type='error'><error type='cancel'/></presence>", NULL},
    {true, OTHER, "<message to='%s' id='%u'><body>x</body></message>", "not-acceptable"},
    {true, OTHER, "<iq to='%s' id='%u' type='get'><x xmlns='urn:x'/></iq>", "not-acceptable"},
    {true, OTHER, "<iq to='%s' id='%u' type='result'/>", NULL},
    {true, PRESENCE_OUT, "<presence to='%s' id='%u'/>", "not-acceptable"},
    {true, PRESENCE_OUT, "<presence to='%s' id='%u' type='unavailable'/>", "not-acceptable"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static unsigned number; /* of the stanzas that were sent: tells them apart */

static void try(size_t form, size_t kind, size_t stanza, const char *action)
{
	struct sim_client *from = stanzas[stanza].out ? alice : bob, *to = stanzas[stanza].out ? bob : alice;
	bool stopped = strcmp(action, "deny") == 0 && forms[form].is_bob &&
		       (kinds[kind].kinds == ALL || kinds[kind].kinds & stanzas[stanza].kind);
	char mark[32];
	snprintf(mark, sizeof(mark), "id='%u'", ++number);
	sim_sendf(from, stanzas[stanza].text, stanzas[stanza].out ? BOB "/phone" : ALICE "/desk", number);
	sim_settle();
	bool arrived = sim_has(to, mark);
	bool answered = stanzas[stanza].answer && sim_has(from, stanzas[stanza].answer);
	if (arrived == stopped || answered != (stopped && stanzas[stanza].answer))
		printf("# %s %s %s %s: %s\n", action, forms[form].type ? forms[form].type : "anybody",
		    forms[form].value ? forms[form].value : "", kinds[kind].xml, stanzas[stanza].text);
	ok(arrived == !stopped);
	ok(answered == (stopped && stanzas[stanza].answer));
	sim_skip(alice);
	sim_skip(bob);
}

static void set_item(size_t form, size_t kind, const char *action)
{
	struct strbuf item = {0};
	strbuf_printf(&item, "<item action='%s' order='1'", action);
	if (forms[form].type)
		strbuf_printf(&item, " type='%s' value='%s'", forms[form].type, forms[form].value);
	strbuf_printf(&item, ">%s</item>", kinds[kind].xml);
	sim_sendf(alice, LIST("%s"), item.ptr);
	expect(alice, "type='result' id='l'");
	sim_skip(alice);
	sim_skip(bob);
	strbuf_fini(&item);
}

static void matrix(const char *use)
{
	begin();
	sim_send(alice, LIST("<item action='allow' order='1'/>"));
	sim_sendf(
	    alice, "<iq type='set' id='u'><query xmlns='jabber:iq:privacy'><%s name='x'/></query></iq>", use);
	expect(alice, "type='result' id='u'");
	for (size_t form = 0; form < COUNT(forms); form++)
		for (size_t kind = 0; kind < COUNT(kinds); kind++) {
			set_item(form, kind, "deny");
			for (size_t stanza = 0; stanza < COUNT(stanzas); stanza++)
				try(form, kind, stanza, "deny");
		}
	set_item(0, 0, "allow");
	for (size_t stanza = 0; stanza < COUNT(stanzas); stanza++)
		try(0, 0, stanza, "allow");
	sim_stop();
}

static void active_list(void)
{
	matrix("active");
}

static void default_list(void)
{
	matrix("default");
}

/* --- what is kept of a session -------------------------------------------------------------------------- */

static struct session *session_of(const char *bare, const char *resource)
{
	struct user *user = user_find(str_of(bare));
	return user ? user_session(user, str_of(resource)) : NULL;
}

static void save(struct session *session, struct xml_writer *state)
{
	struct hook_session_save event = {session, state};
	xml_open(state, "state", "urn:test");
	hook_run_session_save(user_host(session_user(session)), &event);
	xml_close(state);
}

static void restore(struct session *session, struct str text)
{
	struct err err;
	struct xml_tree *tree = xml_parse(text, STR_NULL, &xml_limits_default, NULL, &err);
	struct hook_session_restore event = {session, tree->root};
	hook_run_session_restore(user_host(session_user(session)), &event);
	xml_tree_unref(&tree);
}

static void restored(void)
{
	struct xml_writer state = {0}, none = {0};
	begin();
	struct sim_client *pocket = sim_login(ALICE "/pocket");
	save(session_of(ALICE, "pocket"), &none);
	ok(strstr(none.buf.ptr, "stanzad") == NULL);
	sim_send(alice, LIST("<item action='deny' order='1'><message/></item>") ACTIVE(" name='x'"));
	sim_send(alice, "<iq type='get' id='b'><blocklist xmlns='urn:xmpp:blocking'/></iq>");
	expect(alice, "id='b'");
	save(session_of(ALICE, "desk"), &state);
	restore(session_of(ALICE, "pocket"), strbuf_view(&state.buf));
	sim_skip(pocket);
	sim_send(pocket, "<iq type='get' id='p'><query xmlns='jabber:iq:privacy'/></iq>");
	expect(pocket, "<active name='x'/>");
	sim_send(bob, "<message to='" ALICE "/pocket'><body>x</body></message>");
	expect(bob, "service-unavailable");
	sim_skip(pocket);
	sim_send(alice,
	    "<iq type='set' id='c'><block xmlns='urn:xmpp:blocking'><item jid='a@b.example'/></block></iq>");
	expect(pocket, "<block xmlns='urn:xmpp:blocking'><item jid='a@b.example'/></block>");
	xml_writer_fini(&state);
	xml_writer_fini(&none);
	sim_stop();
}

/* Of a list that went meanwhile, and of a state that somebody else wrote. */
static void restored_without_the_list(void)
{
	begin();
	restore(session_of(ALICE, "desk"),
	    STR("<s xmlns='urn:test'><privacy xmlns='urn:stanzad:privacy' active='gone'/><privacy/></s>"));
	restore(session_of(BOB, "phone"), STR("<s xmlns='urn:test'/>"));
	sim_send(alice, "<iq type='get' id='p'><query xmlns='jabber:iq:privacy'/></iq>");
	expect(alice, "<query xmlns='jabber:iq:privacy'/>");
	sim_send(bob, "<message to='" ALICE "/desk'><body>x</body></message>");
	expect(alice, "<body>x</body>");
	sim_stop();
}

/* --- modules that come and go --------------------------------------------------------------------------- */

static void unloaded_and_loaded(void)
{
	begin();
	sim_send(alice, LIST("<item action='deny' order='1'/>") ACTIVE(" name='x'"));
	sim_send(
	    alice, "<iq type='set' id='d'><query xmlns='jabber:iq:privacy'><default name='x'/></query></iq>");
	expect(alice, "id='d'");
	sim_reload("", "modules: {mod_roster: {}, mod_offline: {}}\n");
	sim_skip(bob);
	sim_send(bob, "<message to='" ALICE "/desk'><body>1</body></message>");
	expect(alice, "<body>1</body>");
	sim_reload("", MODULES);
	sim_settle();
	sim_send(bob, "<message to='" ALICE "/desk'><body>2</body></message>");
	expect(bob, "service-unavailable");
	sim_send(alice, "<iq type='get' id='p'><query xmlns='jabber:iq:privacy'/></iq>");
	expect(alice, "<default name='x'/><list name='x'/>");
	sim_stop();
}

/* What is set counts at once, before it is in the database. */
static void requests_in_a_row(void)
{
	begin();
	sim_hold_jobs();
	sim_send(alice, LIST("<item action='deny' order='1'><message/></item>") ACTIVE(" name='x'"));
	sim_send(
	    alice, "<iq type='get' id='g'><query xmlns='jabber:iq:privacy'><list name='x'/></query></iq>");
	sim_settle();
	sim_send(bob, "<message to='" ALICE "/desk'><body>x</body></message>");
	expect(bob, "service-unavailable");
	sim_release_jobs();
	expect(alice, "<item action='deny' order='1'><message/></item>");
	sim_stop();
}

int main(void)
{
	run(active_list);
	run(default_list);
	run(restored);
	run(restored_without_the_list);
	run(unloaded_and_loaded);
	run(requests_in_a_row);
	return tap_done();
}
