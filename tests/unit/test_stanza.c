/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/stanza.h"

#include "tap.h"
#include "xml/stream.h"

static struct arena arena;

static struct stanza *parse(const char *text)
{
	struct err err = {""};
	struct stanza *stanza = stanza_parse(str_of(text), &xml_limits_default, &err);

	if (!stanza) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	return stanza;
}

/* As it is written, in memory that lives until the program ends. */
static struct str written(const struct stanza *stanza, const char *from, const char *to)
{
	struct strbuf out = {0};
	struct jid from_jid, to_jid;
	struct str text;

	if (from)
		jid_parse(str_of(from), &arena, &from_jid, NULL);
	if (to)
		jid_parse(str_of(to), &arena, &to_jid, NULL);
	stanza_write(&out, stanza, from ? &from_jid : NULL, to ? &to_jid : NULL);
	text = arena_str(&arena, strbuf_view(&out));
	strbuf_fini(&out);
	return text;
}

static const struct {
	const char *text;
	enum stanza_kind kind;
	enum stanza_type type;
	const char *word;
} types[] = {
    {"<message/>", STANZA_MESSAGE, MESSAGE_NORMAL, ""},
    {"<message type='normal'/>", STANZA_MESSAGE, MESSAGE_NORMAL, ""},
    {"<message type='nonsense'/>", STANZA_MESSAGE, MESSAGE_NORMAL, ""},
    {"<message type='get'/>", STANZA_MESSAGE, MESSAGE_NORMAL, ""},
    {"<message type='chat'/>", STANZA_MESSAGE, MESSAGE_CHAT, "chat"},
    {"<message type='groupchat'/>", STANZA_MESSAGE, MESSAGE_GROUPCHAT, "groupchat"},
    {"<message type='headline'/>", STANZA_MESSAGE, MESSAGE_HEADLINE, "headline"},
    {"<message type='error'/>", STANZA_MESSAGE, STANZA_ERROR, "error"},
    {"<presence/>", STANZA_PRESENCE, PRESENCE_AVAILABLE, ""},
    {"<presence type=''/>", STANZA_PRESENCE, STANZA_TYPE_INVALID, ""},
    {"<presence type='available'/>", STANZA_PRESENCE, STANZA_TYPE_INVALID, ""},
    {"<presence type='unavailable'/>", STANZA_PRESENCE, PRESENCE_UNAVAILABLE, "unavailable"},
    {"<presence type='subscribe'/>", STANZA_PRESENCE, PRESENCE_SUBSCRIBE, "subscribe"},
    {"<presence type='subscribed'/>", STANZA_PRESENCE, PRESENCE_SUBSCRIBED, "subscribed"},
    {"<presence type='unsubscribe'/>", STANZA_PRESENCE, PRESENCE_UNSUBSCRIBE, "unsubscribe"},
    {"<presence type='unsubscribed'/>", STANZA_PRESENCE, PRESENCE_UNSUBSCRIBED, "unsubscribed"},
    {"<presence type='probe'/>", STANZA_PRESENCE, PRESENCE_PROBE, "probe"},
    {"<presence type='error'/>", STANZA_PRESENCE, STANZA_ERROR, "error"},
    {"<iq type='get'/>", STANZA_IQ, IQ_GET, "get"},
    {"<iq type='set'/>", STANZA_IQ, IQ_SET, "set"},
    {"<iq type='result'/>", STANZA_IQ, IQ_RESULT, "result"},
    {"<iq type='error'/>", STANZA_IQ, STANZA_ERROR, "error"},
    {"<iq/>", STANZA_IQ, STANZA_TYPE_INVALID, ""},
    {"<iq type='chat'/>", STANZA_IQ, STANZA_TYPE_INVALID, ""},
};

static void test_types(void)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct stanza *stanza = parse(types[i].text);

		if (!is_int(stanza->kind, types[i].kind) || !is_int(stanza->type, types[i].type))
			printf("# %s\n", types[i].text);
		is_cstr(stanza_type_text(stanza->type), types[i].word);
		ok(stanza_is_request(stanza) == (stanza->type == IQ_GET || stanza->type == IQ_SET));
		stanza_unref(&stanza);
		ok(stanza == NULL);
	}
	is_cstr(stanza_kind_text(STANZA_MESSAGE), "message");
	is_cstr(stanza_kind_text(STANZA_PRESENCE), "presence");
	is_cstr(stanza_kind_text(STANZA_IQ), "iq");
	stanza_unref(&(struct stanza *){NULL});
}

static void test_no_stanza(void)
{
	struct err err;

	ok(!stanza_parse(STR("<foo/>"), &xml_limits_default, &err));
	is_cstr(err.text, "neither message, presence nor iq in jabber:client");
	ok(!stanza_parse(STR("<message xmlns='jabber:server'/>"), &xml_limits_default, &err));
	ok(!stanza_parse(STR("<message>"), &xml_limits_default, &err));
	ok(!stanza_parse(STR(""), &xml_limits_default, NULL));
}

static void test_attributes(void)
{
	struct stanza *stanza =
	    parse("<message xmlns:n='urn:n' n:id='no' n:type='chat' n:lang='no' lang='no' id='a&amp;b'"
		  " xml:lang='de'><body>x</body></message>");

	is_text(stanza->id, "a&b");
	is_text(stanza->lang, "de");
	is_int(stanza->type, MESSAGE_NORMAL);
	is_str(stanza->tail, STR(""));
	stanza_unref(&stanza);
	stanza = parse("<message id=''/>");
	ok(stanza->id.ptr && stanza->id.len == 0);
	ok(stanza->lang.ptr == NULL);
	stanza_unref(&stanza);
	stanza = parse("<message/>");
	ok(stanza->id.ptr == NULL);
	stanza_unref(&stanza);
}

static void test_write(void)
{
	struct stanza *stanza =
	    parse("<message to='old@x' from='older@x' id='1' type='chat' xml:lang='en' other='o'>"
		  "<body>a &lt; b</body><x xmlns='urn:x'/></message>");

	is_text(written(stanza, "a@b/c", "d@e"),
	    "<message from='a@b/c' to='d@e' type='chat' id='1' xml:lang='en' other='o'>"
	    "<body>a &lt; b</body><x xmlns='urn:x'/></message>");
	is_text(written(stanza, NULL, NULL), "<message type='chat' id='1' xml:lang='en' other='o'>"
					     "<body>a &lt; b</body><x xmlns='urn:x'/></message>");
	stanza_unref(&stanza);
	stanza = parse("<presence/>");
	is_text(written(stanza, NULL, "x"), "<presence to='x'/>");
	stanza_unref(&stanza);
	stanza = parse("<presence type='bogus'/>");
	is_text(written(stanza, NULL, NULL), "<presence type='bogus'/>");
	stanza_unref(&stanza);
	stanza = parse("<message type='normal'/>");
	is_text(written(stanza, NULL, NULL), "<message type='normal'/>");
	stanza_unref(&stanza);
	stanza = parse("<message type='bogus'/>");
	is_text(written(stanza, NULL, NULL), "<message type='bogus'/>");
	stanza_unref(&stanza);
}

static void test_write_escapes(void)
{
	struct stanza *stanza = parse("<iq type='get' id='&lt;&apos;&quot;&gt;&amp;&#9;&#10;&#13;'/>"),
		      *again;
	struct str text = written(stanza, NULL, "x/it's \"<&>\"");

	is_text(text, "<iq to='x/it&apos;s &quot;&lt;&amp;&gt;&quot;' type='get' "
		      "id='&lt;&apos;&quot;&gt;&amp;&#9;&#10;&#13;'/>");
	again = parse(text.ptr);
	is_str(again->id, stanza->id);
	is_text(xml_attr(again->root, "to"), "x/it's \"<&>\"");
	stanza_unref(&again);
	stanza_unref(&stanza);
}

static void test_write_foreign_attributes(void)
{
	struct stanza *stanza = parse(
			  "<message xmlns:n='urn:n&apos;' n:type='a' xml:space='preserve' n:b='&lt;'/>"),
		      *again;

	again = parse(written(stanza, NULL, NULL).ptr);
	is_text(xml_attr_ns(again->root, "urn:n'", "type"), "a");
	is_text(xml_attr_ns(again->root, "urn:n'", "b"), "<");
	is_text(xml_attr_ns(again->root, "http://www.w3.org/XML/1998/namespace", "space"), "preserve");
	is_int(again->root->attr_count, 3);
	stanza_unref(&again);
	stanza_unref(&stanza);
}

static bool is_named(const struct xml *child, void *arg)
{
	return str_is(child->name, arg);
}

static void test_without(void)
{
	struct stanza *base = parse(
			  "<message xmlns:n='urn:n' type='chat' id='&lt;' n:a='1'>x<n:b c='d'>y</n:b>&amp;"
			  "<body>z</body><n:b/></message>"),
		      *less = stanza_without(base, is_named, "b");

	stanza_unref(&base);
	is_int(less->type, MESSAGE_CHAT);
	is_str(less->id, STR("<"));
	is_str(xml_attr_ns(less->root, "urn:n", "a"), STR("1"));
	is_text(less->root->inner, "x&amp;<body>z</body>");
	base = stanza_without(less, is_named, "body");
	is_text(base->root->inner, "x&amp;");
	stanza_unref(&less);
	stanza_unref(&base);
}

static void test_prefixes(void)
{
	struct stanza *stanza = parse("<message xmlns:n='urn:n'><n:x a='1'/><body>b</body></message>"),
		      *again;

	again = parse(written(stanza, NULL, NULL).ptr);
	ok(xml_child(again->root, "x", "urn:n") != NULL);
	ok(xml_child(again->root, "body", NULL) != NULL);
	stanza_unref(&again);
	stanza_unref(&stanza);
}

static void test_tail(void)
{
	struct stanza *base = parse("<message id='1'><body>b</body></message>"), *one, *two;

	one = stanza_with_tail(base, STR("<a xmlns='urn:a'/>"));
	two = stanza_with_tail(one, STR("<b xmlns='urn:b'/>"));
	stanza_unref(&base);
	stanza_unref(&one);
	is_text(two->tail, "<a xmlns='urn:a'/><b xmlns='urn:b'/>");
	is_text(two->id, "1");
	is_text(written(two, NULL, NULL),
	    "<message id='1'><body>b</body><a xmlns='urn:a'/><b xmlns='urn:b'/></message>");
	ok(xml_child(two->root, "body", NULL) != NULL);
	stanza_unref(&two);
	base = parse("<presence/>");
	one = stanza_with_tail(base, STR("<x/>"));
	is_text(written(one, NULL, NULL), "<presence><x/></presence>");
	is_text(written(base, NULL, NULL), "<presence/>");
	stanza_unref(&one);
	one = stanza_with_tail(base, STR_NULL);
	is_text(written(one, NULL, NULL), "<presence/>");
	stanza_unref(&one);
	stanza_unref(&base);
}

static void test_long_chain(void)
{
	struct stanza *stanza = parse("<presence/>");

	for (int i = 0; i < 100000; i++) {
		struct stanza *next = stanza_with_type(stanza, PRESENCE_UNAVAILABLE, STR("id"));
		stanza_unref(&stanza);
		stanza = next;
	}
	is_text(written(stanza, NULL, NULL), "<presence type='unavailable' id='id'/>");
	stanza_unref(&stanza);
}

static void test_with_type(void)
{
	struct stanza *base = parse("<message type='chat' id='1' xml:lang='de'><body>b</body></message>"),
		      *other;

	other = stanza_with_type(base, MESSAGE_HEADLINE, STR("2'"));
	is_int(other->kind, STANZA_MESSAGE);
	is_text(written(other, NULL, NULL),
	    "<message type='headline' id='2&apos;' xml:lang='de'><body>b</body></message>");
	ok(other->root == base->root);
	stanza_unref(&other);
	other = stanza_with_type(base, MESSAGE_NORMAL, STR_NULL);
	ok(other->id.ptr == NULL);
	is_text(written(other, NULL, NULL), "<message xml:lang='de'><body>b</body></message>");
	stanza_unref(&base);
	stanza_unref(&other);
}

static void test_take(void)
{
	static const char bytes[] =
	    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
	    "<message id='1'><body>b</body></message><other/>";
	const char *p = bytes, *end = bytes + strlen(bytes);
	struct xml_stream *stream = xml_stream_new(XNS_CLIENT, &xml_limits_default);
	struct xml_tree *tree = NULL;
	struct stanza *stanza, *derived;

	is_int(stanza_head_room % 16, 0);
	is_int(xml_stream_next(stream, &p, end, stanza_head_room, &tree), XML_STREAM_OPENED);
	xml_tree_unref(&tree);
	is_int(xml_stream_next(stream, &p, end, stanza_head_room, &tree), XML_STREAM_ELEMENT);
	stanza = stanza_take(&tree);
	ok(stanza && !tree);
	derived = stanza_with_tail(stanza, STR("<x/>"));
	stanza_unref(&stanza);
	is_text(written(derived, NULL, NULL), "<message id='1'><body>b</body><x/></message>");
	stanza = stanza_ref(derived);
	stanza_unref(&derived);
	is_text(stanza->id, "1");
	stanza_unref(&stanza);
	is_int(xml_stream_next(stream, &p, end, stanza_head_room, &tree), XML_STREAM_ELEMENT);
	stanza = stanza_take(&tree);
	ok(!stanza && !tree);
	xml_stream_free(&stream);
}

static void test_from_writer(void)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	struct stanza *stanza;

	for (int i = 0; i < 2; i++) {
		xml_open(&writer, "message", NULL);
		xml_put_attr(&writer, "type", STR("chat"));
		xml_put_element(&writer, "body", NULL, STR("<hi>"));
		xml_close(&writer);
		stanza = stanza_from_writer(&writer);
		is_int(stanza->type, MESSAGE_CHAT);
		is_text(
		    written(stanza, NULL, NULL), "<message type='chat'><body>&lt;hi&gt;</body></message>");
		stanza_unref(&stanza);
	}
	xml_writer_fini(&writer);
}

static void test_payload(void)
{
	struct stanza *stanza = parse("<iq type='get'> <ping xmlns='urn:xmpp:ping'/> </iq>");

	ok(xml_is(stanza_payload(stanza), "ping", "urn:xmpp:ping"));
	stanza_unref(&stanza);
	stanza = parse("<iq type='get'><a xmlns='urn:a'/><b xmlns='urn:b'/></iq>");
	ok(!stanza_payload(stanza));
	stanza_unref(&stanza);
	stanza = parse("<iq type='get'>text</iq>");
	ok(!stanza_payload(stanza));
	stanza_unref(&stanza);
}

int main(void)
{
	run(test_types);
	run(test_no_stanza);
	run(test_attributes);
	run(test_write);
	run(test_write_escapes);
	run(test_write_foreign_attributes);
	run(test_without);
	run(test_prefixes);
	run(test_tail);
	run(test_long_chain);
	run(test_with_type);
	run(test_take);
	run(test_from_writer);
	run(test_payload);
	arena_fini(&arena);
	return tap_done();
}
