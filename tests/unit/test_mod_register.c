/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "modules/mod_register/register.h"
#include "tap.h"

static struct register_request request;
static struct arena arena;

static void read_query(enum stanza_type type, const char *inside)
{
	struct strbuf text = {0};
	struct err err = {""};
	size_t offset;
	strbuf_printf(&text, "<query xmlns='jabber:iq:register'>%s</query>", inside);
	struct xml_tree *tree =
	    xml_parse(strbuf_view(&text), STR("jabber:client"), &xml_limits_default, &offset, &err);
	if (!tree) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	register_read(type, tree->root, &arena, &request);
	xml_tree_unref(&tree);
	strbuf_fini(&text);
}

static void test_fields(void)
{
	read_query(IQ_GET, "");
	is_int(request.wish, REGISTER_FIELDS);
	read_query(IQ_SET, "<username>bill</username><password>Call&amp;iope</password><email>x</email>");
	is_int(request.wish, REGISTER_ACCOUNT);
	is_text(request.user, "bill");
	is_text(request.password, "Call&iope");
	read_query(IQ_SET, "<username/>");
	is_int(request.wish, REGISTER_ACCOUNT);
	is_int(request.user.len, 0);
	is_int(request.password.len, 0);
}

static void test_remove(void)
{
	read_query(IQ_SET, "<remove/>");
	is_int(request.wish, REGISTER_REMOVE);
	read_query(IQ_SET, " <remove/> ");
	is_int(request.wish, REGISTER_REMOVE);
	read_query(IQ_SET, "<remove/><username>bill</username>");
	is_int(request.wish, REGISTER_MALFORMED);
	read_query(IQ_SET, "<username>bill</username><remove/>");
	is_int(request.wish, REGISTER_MALFORMED);
	read_query(IQ_SET, "<remove/><remove/>");
	is_int(request.wish, REGISTER_MALFORMED);
}

#define FORM(type, form_type, fields)                                                                        \
	"<x xmlns='jabber:x:data' type='" type "'><field var='FORM_TYPE'><value>" form_type                  \
	"</value></field>" fields "</x>"
#define FIELD(var, value) "<field var='" var "'><value>" value "</value></field>"

/* XEP-0077 4: the form counts more than the fields beside it. */
static void test_form(void)
{
	read_query(IQ_SET, FORM("submit", "jabber:iq:register",
			       FIELD("username", "a")
				   FIELD("password", "b")) "<username>c</username><password>d</password>");
	is_int(request.wish, REGISTER_ACCOUNT);
	is_text(request.user, "a");
	is_text(request.password, "b");
	read_query(IQ_SET, FORM("cancel", "jabber:iq:register", ""));
	is_int(request.wish, REGISTER_CANCEL);
	read_query(IQ_SET, FORM("submit", "urn:other", FIELD("username", "a") FIELD("password", "b")));
	is_int(request.wish, REGISTER_MALFORMED);
	read_query(IQ_SET, FORM("form", "jabber:iq:register", FIELD("username", "a") FIELD("password", "b")));
	is_int(request.wish, REGISTER_MALFORMED);
	read_query(IQ_SET, FORM("submit", "jabber:iq:register", ""));
	is_int(request.wish, REGISTER_ACCOUNT);
	is_int(request.user.len, 0);
}

static void test_without_secrets(void)
{
	struct err err;
	struct strbuf text = {0};
	struct stanza *stanza =
	    stanza_parse(STR("<iq type='set' id='a&apos;b'><query "
			     "xmlns='jabber:iq:register'><password>x</password></query></iq>"),
		&xml_limits_default, &err);
	struct stanza *clean = register_without_secrets(stanza);
	is_int(clean->type, IQ_SET);
	is_text(clean->id, "a'b");
	stanza_write(&text, clean, NULL, NULL);
	is_text(strbuf_view(&text), "<iq type='set' id='a&apos;b'><query xmlns='jabber:iq:register'/></iq>");
	strbuf_fini(&text);
	stanza_unref(&clean);
	stanza_unref(&stanza);
}

/* Length times the logarithm of the alphabet: 10, 26, 26, 32, 128. */
static void test_strength(void)
{
	is_int(register_strength(STR("")), 0);
	is_int(register_strength(STR("1")), 3321);
	is_int(register_strength(STR("12345678")), 8 * 3321);
	is_int(register_strength(STR("abcdefgh")), 8 * 4700);
	is_int(register_strength(STR("abcdEFGH")), 8 * 5700);
	is_int(register_strength(STR("aB3$")), 4 * 6554);
	is_int(register_strength(STR("\xc3\xa9")), 7000);
}

static void test_recent(void)
{
	ok(recent_enter(STR("192.0.2.1"), 1000));
	ok(!recent_enter(STR("192.0.2.1"), 1000));
	ok(recent_enter(STR("192.0.2.2"), 1000));
	clock_fake_advance(999);
	ok(!recent_enter(STR("192.0.2.1"), 1000));
	clock_fake_advance(1);
	ok(recent_enter(STR("192.0.2.1"), 1000));
	recent_leave(STR("192.0.2.1"));
	ok(recent_enter(STR("192.0.2.1"), 1000));
	recent_leave(STR("192.0.2.3"));
}

int main(void)
{
	clock_fake(INT64_C(1800000000000000));
	run(test_fields);
	run(test_remove);
	run(test_form);
	run(test_without_secrets);
	run(test_strength);
	run(test_recent);
	recent_fini();
	arena_fini(&arena);
	return tap_done();
}
