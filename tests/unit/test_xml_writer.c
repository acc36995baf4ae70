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

int main(void)
{
	run(test_elements);
	run(test_escapes);
	run(test_put);
	run(test_write);
	run(test_deep);
	return tap_done();
}
