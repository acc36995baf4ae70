/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/xml.h"

#include "tap.h"

static struct xml_tree *parse(const char *text, const char *ns)
{
	size_t offset;

	return xml_parse(str_of(text), str_of(ns), &xml_limits_default, &offset, NULL);
}

static void test_elements(void)
{
	struct xml_writer writer = {.default_ns = STR("jabber:client")};

	xml_open(&writer, "iq", "jabber:client");
	xml_put_attr(&writer, "type", STR("result"));
	xml_put_attr(&writer, "id", STR_NULL);
	xml_put_attr(&writer, "to", STR(""));
	xml_open(&writer, "query", "jabber:iq:roster");
	xml_put_attr_u64(&writer, "ver", 18446744073709551615u);
	xml_put_element(&writer, "item", NULL, STR("a<b"));
	xml_put_element(&writer, "none", "", STR(""));
	xml_put_element(&writer, "item", "jabber:iq:roster", STR_NULL);
	xml_close(&writer);
	xml_put_element(&writer, "x", NULL, STR(""));
	xml_close(&writer);
	is_text(strbuf_view(&writer.buf),
	    "<iq type='result' to=''><query xmlns='jabber:iq:roster' "
	    "ver='18446744073709551615'><item>a&lt;b</item><none xmlns=''/><item/></query><x/></iq>");
	xml_writer_fini(&writer);
}

static void test_escapes(void)
{
	struct xml_writer writer = {0};
	struct strbuf out = {0};
	struct xml_tree *tree;

	xml_escape(&out, STR("a&<>'\"\r\xc3\xa9\x01\xff\t\n"));
	is_text(strbuf_view(&out), "a&amp;&lt;&gt;&apos;&quot;&#13;\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\t\n");
	strbuf_fini(&out);
	xml_open(&writer, "a", NULL);
	xml_put_attr(&writer, "b", STR("1\t2\n3\r4 '\"<>&"));
	xml_put_attr(&writer, "xml:lang", STR("en"));
	xml_put_text(&writer, STR("1\t2\n3\r4 '\"]]>&"));
	xml_close(&writer);
	tree = parse(writer.buf.ptr, "");
	is_text(xml_attr(tree->root, "b"), "1\t2\n3\r4 '\"<>&");
	is_text(xml_lang(tree->root), "en");
	is_text(tree->root->children->name, "1\t2\n3\r4 '\"]]>&");
	xml_tree_unref(&tree);
	xml_writer_fini(&writer);
}

static void test_put(void)
{
	struct xml_writer writer = {.default_ns = STR("jabber:client")};
	struct xml_tree *tree = parse("<a z='1'><b/>t</a>", "urn:a");

	xml_open(&writer, "m", NULL);
	xml_put(&writer, tree->root);
	xml_put(&writer, tree->root->children);
	xml_put(&writer, tree->root->children->next);
	xml_open(&writer, "n", "urn:a");
	xml_put(&writer, tree->root);
	xml_close(&writer);
	xml_put_raw(&writer, STR("<raw/>"));
	xml_open(&writer, "e", NULL);
	xml_put_raw(&writer, STR(""));
	xml_put_text(&writer, STR(""));
	xml_close(&writer);
	xml_close(&writer);
	is_text(strbuf_view(&writer.buf),
	    "<m><a xmlns='urn:a' z='1'><b/>t</a><b xmlns='urn:a'/>t<n xmlns='urn:a'>"
	    "<a z='1'><b/>t</a></n><raw/><e/></m>");
	xml_tree_unref(&tree);
	xml_writer_fini(&writer);
}

static void is_written(const char *text, const char *ns, const char *want)
{
	struct xml_tree *tree = parse(text, ns);
	struct strbuf out = {0};

	xml_write(&out, tree->root, STR("jabber:client"));
	is_text(strbuf_view(&out), want);
	strbuf_fini(&out);
	xml_tree_unref(&tree);
}

static void test_write(void)
{
	is_written("<a  b = \"1\" ><c  /></a >", "jabber:client", "<a b='1'><c  /></a>");
	is_written("<a></a>", "", "<a xmlns=''/>");
	is_written("<p:a xmlns:p='u'>x</p:a>", "", "<a xmlns='u'>x</a>");
	is_written("<a xmlns:p='u'><p:b p:c='1'><d/></p:b></a>", "jabber:client",
	    "<a><b xmlns='u' xmlns:n0='u' n0:c='1'><d xmlns='jabber:client'/></b></a>");
	is_written("<a xmlns:p='&lt;&#39;' p:b='' xml:c=''/>", "jabber:client",
	    "<a xmlns:n0='&lt;&apos;' n0:b='' xml:c=''/>");
	is_written("<p:a xmlns:p='u'><b/>\r\n</p:a>", "jabber:client",
	    "<a xmlns='u'><b xmlns='jabber:client'/>\n</a>");
	is_written("<xml:a><b/></xml:a>", "jabber:client", "<xml:a><b xmlns='jabber:client'/></xml:a>");
}

/* Namespaces on many levels: the stack of the writer moves while it is in use. */
static void test_deep(void)
{
	struct xml_writer writer = {.default_ns = STR("")};
	struct xml_tree *tree;
	char ns[32];

	for (int i = 0; i < 60; i++) {
		snprintf(ns, sizeof(ns), "urn:example:%d", i / 2);
		xml_open(&writer, "elem", i % 3 ? ns : NULL);
	}
	for (int i = 0; i < 60; i++)
		xml_close(&writer);
	tree = parse(writer.buf.ptr, "");
	ok(tree != NULL);
	is_int(writer.stack.len, 0);
	for (const struct xml *node = tree ? tree->root : NULL; node; node = node->children) {
		int level = node->depth % 3 ? node->depth : node->depth - 1;

		snprintf(ns, sizeof(ns), "urn:example:%d", level / 2);
		is_text(node->ns, node->depth == 0 ? "" : ns);
	}
	xml_tree_unref(&tree);
	xml_writer_fini(&writer);
}

/* What is wrong is remembered, writes nothing, and neither does what follows. */
static void is_misused(struct xml_writer *writer, const char *bytes, const char *why)
{
	struct err err = {{0}};

	xml_put_element(writer, "more", NULL, STR("x"));
	xml_put_text(writer, STR("x"));
	xml_put_raw(writer, STR("<x/>"));
	xml_put_attr_u64(writer, "x", 1);
	xml_close(writer);
	is_text(strbuf_view(&writer->buf), bytes);
	ok(!xml_writer_complete(writer));
	ok(xml_writer_check(writer, &err) < 0);
	is_cstr(err.text, why);
	xml_writer_reset(writer);
	ok(xml_writer_complete(writer));
	is_int(xml_writer_check(writer, &err), 0);
	is_int(writer->buf.len, 0);
	is_int(writer->stack.len, 0);
}

static void test_misplaced(void)
{
	struct xml_writer writer = {.default_ns = STR("jabber:client")};
	const char *attr = "xml_put_attr: not right after xml_open";

	xml_close(&writer);
	is_misused(&writer, "", "xml_close: nothing is open");
	xml_put_element(&writer, "a", NULL, STR_NULL);
	xml_close(&writer);
	is_misused(&writer, "<a/>", "xml_close: nothing is open");
	xml_put_attr(&writer, "b", STR("1"));
	is_misused(&writer, "", attr);
	xml_open(&writer, "a", NULL);
	xml_put_text(&writer, STR("t"));
	xml_put_attr(&writer, "b", STR("1"));
	is_misused(&writer, "<a>t", attr);
	xml_open(&writer, "a", NULL);
	xml_put_element(&writer, "b", NULL, STR(""));
	xml_put_attr_u64(&writer, "c", 1);
	is_misused(&writer, "<a><b/>", attr);
	xml_open(&writer, "a", NULL);
	xml_put_raw(&writer, STR("<b/>"));
	xml_put_attr(&writer, "c", STR_NULL);
	is_misused(&writer, "<a><b/>", attr);
	xml_open(&writer, "a", NULL);
	xml_put(&writer, NULL);
	is_misused(&writer, "<a", "xml_put: NULL for an element");
	xml_writer_fini(&writer);
}

static void is_bad_attr(struct xml_writer *writer, const char *name)
{
	xml_open(writer, "a", NULL);
	xml_put_attr(writer, name, STR("1"));
	is_misused(writer, "<a", "xml_put_attr: the name is not one for an attribute");
}

static void test_names(void)
{
	static const char *const bad[] = {NULL, "", "a b", "a:b", "1", "-a", "a>", "a/", "\xff", "a\xc3", "\xcc\x81"};
	struct xml_writer writer = {.default_ns = STR("jabber:client")};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		xml_open(&writer, bad[i], NULL);
		is_misused(&writer, "", "xml_open: the name is not an XML name");
		is_bad_attr(&writer, bad[i]);
	}
	is_bad_attr(&writer, "xmlns");
	is_bad_attr(&writer, "xmlns:a");
	is_bad_attr(&writer, "xml:space");
	xml_open(&writer, "\xd0\xb6-1.\xc2\xb7", "");
	xml_put_attr(&writer, "xml", STR("1"));
	xml_put_attr(&writer, "_", STR("2"));
	xml_close(&writer);
	ok(xml_writer_complete(&writer));
	is_text(strbuf_view(&writer.buf), "<\xd0\xb6-1.\xc2\xb7 xmlns='' xml='1' _='2'/>");
	xml_writer_fini(&writer);
}

static void test_same_attribute(void)
{
	const char *twice = "xml_put_attr: the element has that attribute already";
	struct xml_writer writer = {.default_ns = STR("jabber:client")};

	xml_open(&writer, "a", "b='");
	xml_put_attr(&writer, "lang", STR("b='1' b= c"));
	xml_put_attr(&writer, "xml:lang", STR("en"));
	xml_put_attr(&writer, "bb", STR(" b='2'"));
	xml_put_attr(&writer, "b", STR_NULL);
	xml_put_attr(&writer, "b", STR(""));
	xml_put_attr(&writer, "a", STR("3"));
	xml_open(&writer, "b", NULL);
	xml_put_attr(&writer, "b", STR("4"));
	ok(!writer.misuse);
	xml_put_attr_u64(&writer, "b", 5);
	is_misused(&writer,
	    "<a xmlns='b=&apos;' lang='b=&apos;1&apos; b= c' xml:lang='en' bb=' b=&apos;2&apos;' b='' "
	    "a='3'><b b='4'",
	    twice);
	xml_open(&writer, "a", NULL);
	xml_put_attr(&writer, "xml:lang", STR("en"));
	xml_put_attr(&writer, "xml:lang", STR("de"));
	is_misused(&writer, "<a xml:lang='en'", twice);
	xml_writer_fini(&writer);
}

static void test_bad_namespaces(void)
{
	static const char *const bad[] = {
	    "\x01", "urn:\xff", "http://www.w3.org/XML/1998/namespace", "http://www.w3.org/2000/xmlns/"};
	struct xml_writer writer = {.default_ns = STR("jabber:client")};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		xml_open(&writer, "a", bad[i]);
		is_misused(&writer, "", "xml_open: the namespace is not one");
	}
	xml_writer_fini(&writer);
}

static void test_unclosed(void)
{
	struct xml_writer writer = {.default_ns = STR("jabber:client")};
	struct err err = {{0}};

	ok(xml_writer_complete(&writer));
	xml_open(&writer, "a", NULL);
	ok(!xml_writer_complete(&writer));
	xml_open(&writer, "b", NULL);
	ok(xml_writer_check(&writer, &err) < 0);
	is_cstr(err.text, "elements left open: 2");
	xml_close(&writer);
	ok(!xml_writer_complete(&writer));
	xml_close(&writer);
	ok(xml_writer_complete(&writer));
	is_int(xml_writer_check(&writer, &err), 0);
	xml_writer_fini(&writer);
}

static void test_too_deep(void)
{
	struct xml_writer writer = {.default_ns = STR("jabber:client")};

	for (int i = 0; i < XML_WRITER_MAX_DEPTH; i++)
		xml_open(&writer, "a", NULL);
	ok(!writer.misuse);
	xml_open(&writer, "a", NULL);
	ok(!xml_writer_complete(&writer));
	is_cstr(writer.misuse, "xml_open: too many elements are open");
	xml_writer_reset(&writer);
	for (int i = 0; i < XML_WRITER_MAX_DEPTH * 2; i++)
		xml_put_element(&writer, "a", NULL, STR(""));
	ok(xml_writer_complete(&writer));
	xml_writer_fini(&writer);
}

/* Whether the writer with these bytes put raw into an element and once more behind it may go out. */
static bool raw_passes(const char *bytes)
{
	struct xml_writer writer = {.default_ns = STR("jabber:client")};
	struct err err = {{0}};
	int result;

	xml_open(&writer, "a", NULL);
	xml_put_raw(&writer, str_of(bytes));
	xml_close(&writer);
	xml_put_raw(&writer, str_of(bytes));
	ok(xml_writer_complete(&writer));
	result = xml_writer_check(&writer, &err);
	if (result < 0)
		ok(str_starts(str_of(err.text), "xml_put_raw: "));
	xml_writer_fini(&writer);
	return result == 0;
}

static void test_raw(void)
{
	ok(raw_passes(""));
	ok(raw_passes("<b xmlns='u'>1</b>text<c/>"));
	ok(raw_passes("&amp;<p:b xmlns:p='u'/>"));
	ok(!raw_passes("<b>"));
	ok(!raw_passes("</b>"));
	ok(!raw_passes("<"));
	ok(!raw_passes("a & b"));
	ok(!raw_passes("<p:b/>"));
	ok(!raw_passes("<!-- -->"));
	ok(!raw_passes("\x01"));
	ok(!raw_passes("</x><x>"));
	ok(!raw_passes("<b c='1' c='2'/>"));
}

/* At the top the writer has no element of its own that would show it. */
static void test_raw_outside(void)
{
	struct xml_writer writer = {.default_ns = STR("jabber:client")};

	xml_put_raw(&writer, STR("</x><x>"));
	ok(xml_writer_check(&writer, NULL) < 0);
	xml_writer_reset(&writer);
	xml_put_raw(&writer, STR("</iq>"));
	ok(xml_writer_check(&writer, NULL) < 0);
	xml_writer_reset(&writer);
	xml_put_raw(&writer, STR("</iq><iq type='set'>"));
	ok(xml_writer_check(&writer, NULL) < 0);
	xml_writer_fini(&writer);
}

/* More than a peer may send is no mistake of an author. */
static void test_raw_big(void)
{
	struct xml_writer writer = {.default_ns = STR("jabber:client")};
	struct err err = {{0}};

	for (int i = 0; i < 40000; i++)
		xml_put_raw(&writer, STR("<item/>"));
	is_int(xml_writer_check(&writer, &err), 0);
	xml_writer_reset(&writer);
	ok(!writer.raw);
	is_text(writer.default_ns, "jabber:client");
	xml_writer_fini(&writer);
}

int main(void)
{
	run(test_elements);
	run(test_escapes);
	run(test_put);
	run(test_write);
	run(test_deep);
	run(test_misplaced);
	run(test_names);
	run(test_same_attribute);
	run(test_bad_namespaces);
	run(test_unclosed);
	run(test_too_deep);
	run(test_raw);
	run(test_raw_outside);
	run(test_raw_big);
	return tap_done();
}
