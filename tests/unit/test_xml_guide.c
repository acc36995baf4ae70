/* SPDX-License-Identifier: Apache-2.0 */
/* What docs/XML.md promises: its examples as they are printed there, then the edges of each function. */
#include "stanzad/xml.h"

#include "tap.h"

static const char text[] =
    "<message to='juliet@localhost' id='' xml:lang='en'>"
    "<body>Good <![CDATA[night]]>!</body>"
    "<x xmlns='jabber:x:data' type='form'>such <field var='sweet'/>&amp; sorrow</x>"
    "</message>";

static struct xml_tree *tree;
static const struct xml *message, *x;
static struct strbuf buf;

static void begin(void)
{
	tree = xml_parse(STR(text), STR("jabber:client"), &xml_limits_default, NULL, NULL);
	message = tree->root;
	x = xml_subtag(message, "x");
}

static void end(void)
{
	xml_tree_unref(&tree);
	strbuf_fini(&buf);
}

static struct xml_tree *parse(const char *xml)
{
	return xml_parse(str_of(xml), STR(""), &xml_limits_default, NULL, NULL);
}

/* --- as printed ----------------------------------------------------------------------------------------- */

static void test_table(void)
{
	begin();
	char *string = xml_to_string(x);
	is_cstr(string, "<x xmlns='jabber:x:data' type='form'>such <field var='sweet'/>&amp; sorrow</x>");
	free(string);

	xml_escape(&buf, STR("<'&'>"));
	is_text(strbuf_view(&buf), "&lt;&apos;&amp;&apos;&gt;");

	struct xml_tree *bare = xml_without_text(x);
	is_text(bare->root->inner, "<field var='sweet'/>");
	xml_tree_unref(&bare);

	is_text(xml_path(message, &buf, XML_ELEM("x"), XML_ATTR("type")).text, "form");
	ok(xml_path(message, &buf, XML_ELEM("x")).elem == x);
	is_text(xml_path(message, &buf, XML_ELEM("body"), XML_CDATA).text, "Good night!");
	is_text(xml_path(message, &buf, XML_LANG).text, "en");

	is_text(xml_list_text(x->children, &buf), "such & sorrow");
	is_text(xml_text(x, &buf), "such & sorrow");
	is_text(xml_child_text(message, "body", &buf), "Good night!");

	ok(xml_attrs_get(x->attrs, x->attr_count, "form").ptr == NULL);
	is_text(xml_attrs_get_s(x->attrs, x->attr_count, "type"), "form");
	is_text(xml_attr(message, "to"), "juliet@localhost");
	is_text(xml_attr_s(message, "from"), "");

	ok(xml_subtag(message, "x") == x);
	ok(xml_child(message, "x", "jabber:x:data") == x);
	end();
}

static void test_path_example(void)
{
	begin();
	struct str type = xml_path(message, &buf, XML_ELEM("x"), XML_ATTR("type")).text;
	static const struct xml_step steps[] = {XML_ELEM("x"), XML_ELEM("field"), XML_ATTR("var"), XML_END};
	struct str var = xml_path_steps(message, &buf, steps).text;
	is_text(type, "form");
	is_text(var, "sweet");
	end();
}

static void test_parse_example(void)
{
	struct str input = STR("<iq type='get'>\n  <query></iq>");
	struct err err;
	size_t offset;
	unsigned line, column;

	struct xml_tree *parsed = xml_parse(input, STR(""), &xml_limits_default, &offset, &err);
	ok(parsed == NULL);
	xml_position(input, offset, &line, &column);
	is_int(offset, 25);
	is_int(line, 2);
	is_int(column, 10);
	is_cstr(err.text, "not well-formed XML");
}

static void test_elements_example(void)
{
	int count = 0;

	begin();
	for (const struct xml *child = xml_first_element(x); child; child = xml_next_element(child))
		count++;
	end();
	is_int(count, 1);
}

static void test_build_example(void)
{
	struct xml_writer writer = {.default_ns = STR("jabber:client")};
	struct err err;

	xml_open(&writer, "query", "jabber:iq:version");
	xml_put_attr(&writer, "id", STR("1 & 2"));
	xml_put_element(&writer, "name", NULL, STR("stanzad"));
	xml_open(&writer, "os", NULL);
	xml_put_text(&writer, STR("GNU/Linux"));
	xml_close(&writer);
	xml_close(&writer);
	ok(xml_writer_complete(&writer));
	is_int(xml_writer_check(&writer, &err), 0);
	is_text(strbuf_view(&writer.buf),
	    "<query xmlns='jabber:iq:version' id='1 &amp; 2'>"
	    "<name>stanzad</name><os>GNU/Linux</os></query>");
	xml_writer_fini(&writer);
}

/* --- xml:element_to_string ------------------------------------------------------------------------------ */

static void is_string(const struct xml *elem, const char *want)
{
	char *string = xml_to_string(elem);

	is_cstr(string, want);
	free(string);
}

static void test_element_to_string(void)
{
	struct xml_tree *other;

	begin();
	is_string(message->children,
	    "<body xmlns='jabber:client'>Good <![CDATA[night]]>!</body>");
	is_string(message->children->children, "Good night!");
	is_string(x->children->next->next, "&amp; sorrow");
	end();
	other = parse("<a><b></b><p:c xmlns:p='u' p:d='&lt;\"&#10;'/></a>");
	is_string(other->root, "<a><b></b><p:c xmlns:p='u' p:d='&lt;\"&#10;'/></a>");
	is_string(other->root->children, "<b/>");
	is_string(other->root->children->next, "<c xmlns='u' xmlns:n0='u' n0:d='&lt;&quot;&#10;'/>");
	xml_tree_unref(&other);
	other = parse("<p:a xmlns:p='u'><p:b><c/></p:b></p:a>");
	is_string(other->root, "<a xmlns='u'><b><c xmlns=''/></b></a>");
	is_string(other->root->children, "<b xmlns='u'><c xmlns=''/></b>");
	xml_tree_unref(&other);
}

/* A string that stands alone means the same when it is read again. */
static void test_string_and_back(void)
{
	static const char hard[] = "<a xmlns='u' xmlns:p='v' p:b='1'><p:c p:d='&#13;&#10;&apos;'>]]&gt;<e xmlns=''/>"
				   "<![CDATA[<&]]>\xc3\xa9</p:c></a>";
	struct xml_tree *one = parse(hard), *two;
	char *string = xml_to_string(one->root), *again;
	const struct xml *c;

	two = parse(string);
	c = two->root->children;
	ok(xml_is(c, "c", "v"));
	is_text(xml_attr_ns(two->root, "v", "b"), "1");
	is_text(xml_attr_ns(c, "v", "d"), "\r\n'");
	is_text(xml_text(c, &buf), "]]><&\xc3\xa9");
	ok(xml_is(xml_first_element(c), "e", ""));
	again = xml_to_string(two->root);
	is_cstr(again, string);
	free(again);
	free(string);
	strbuf_fini(&buf);
	xml_tree_unref(&one);
	xml_tree_unref(&two);
}

/* --- xml:crypt ------------------------------------------------------------------------------------------ */

static void test_crypt(void)
{
	xml_escape(&buf, STR(""));
	is_int(buf.len, 0);
	xml_escape(&buf, STR("a \xc3\xa9"));
	xml_escape(&buf, STR("&amp;"));
	xml_escape(&buf, STR("]]>\""));
	is_text(strbuf_view(&buf), "a \xc3\xa9&amp;amp;]]&gt;&quot;");
	strbuf_fini(&buf);
}

/* --- xml:remove_cdata ----------------------------------------------------------------------------------- */

static void is_without(const char *xml, const char *want)
{
	struct xml_tree *whole = parse(xml), *bare = xml_without_text(whole->root);

	is_string(bare->root, want);
	is_int(bare->root->depth, 0);
	ok(!bare->root->parent && !bare->root->next);
	xml_tree_unref(&whole);
	is_string(bare->root, want);
	xml_tree_unref(&bare);
}

static void test_remove_cdata(void)
{
	struct xml_tree *whole, *bare;

	is_without("<a/>", "<a/>");
	is_without("<a>x</a>", "<a/>");
	is_without("<a>\n <b>keep</b>\n <c/><![CDATA[x]]></a>", "<a><b>keep</b><c/></a>");
	is_without("<a xmlns='u' b='&lt;' xml:lang='en'> <c xmlns=''> </c> </a>",
	    "<a xmlns='u' b='&lt;' xml:lang='en'><c xmlns=''> </c></a>");
	is_without("<p:a xmlns:p='u' p:b='1'>x<p:c/><d/></p:a>",
	    "<a xmlns='u' xmlns:n0='u' n0:b='1'><c/><d xmlns=''/></a>");
	is_without("<xml:a>x<b/></xml:a>", "<xml:a><b xmlns=''/></xml:a>");
	whole = parse("<a><b>1<c>2</c>3</b></a>");
	ok(xml_without_text(whole->root->children->children) == NULL);
	bare = xml_without_text(whole->root->children);
	is_string(bare->root, "<b><c>2</c></b>");
	xml_tree_unref(&bare);
	xml_tree_unref(&whole);
}

static void test_remove_cdata_iteration(void)
{
	struct xml_tree *whole = parse("<a>1<b/>2<![CDATA[3]]><c/><d/>4</a>");
	const struct xml *child = xml_first_element(whole->root);

	is_text(child->name, "b");
	child = xml_next_element(child);
	is_text(child->name, "c");
	child = xml_next_element(child);
	is_text(child->name, "d");
	ok(xml_next_element(child) == NULL);
	ok(xml_first_element(child) == NULL);
	ok(xml_next_element(whole->root->children) == xml_first_element(whole->root));
	xml_tree_unref(&whole);
}

/* --- xml:get_path_s ------------------------------------------------------------------------------------- */

static bool finds_nothing(struct xml_found found)
{
	return !found.elem && found.text.ptr && found.text.len == 0;
}

static void test_path_elements(void)
{
	struct xml_tree *whole = parse("<a xmlns='u'>t<b n='1'/><b xmlns='v' n='2'><c/></b><b n='3'><d/></b></a>");
	const struct xml *a = whole->root;

	ok(xml_path(a, NULL).elem == a);
	ok(xml_path(a, NULL).text.ptr && xml_path(a, NULL).text.len == 0);
	ok(xml_path(a, NULL, XML_ELEM("b")).elem == xml_first_element(a));
	is_text(xml_path(a, NULL, XML_ELEM_NS("b", "v"), XML_ATTR("n")).text, "2");
	is_text(xml_path(a, NULL, XML_ELEM_NS("b", "v"), XML_ELEM("c")).elem->name, "c");
	ok(finds_nothing(xml_path(a, NULL, XML_ELEM_NS("b", ""))));
	ok(finds_nothing(xml_path(a, NULL, XML_ELEM("a"))));
	ok(finds_nothing(xml_path(a, NULL, XML_ELEM("t"))));
	/* The first <b/> has no children: there is no going back. */
	ok(finds_nothing(xml_path(a, NULL, XML_ELEM("b"), XML_ELEM("d"))));
	ok(finds_nothing(xml_path(a, NULL, XML_ELEM("x"), XML_ELEM("y"), XML_ELEM("z"))));
	ok(finds_nothing(xml_path(a, NULL, XML_ELEM(""))));
	ok(finds_nothing(xml_path(NULL, NULL)));
	ok(finds_nothing(xml_path(NULL, NULL, XML_ELEM("b"), XML_ATTR("n"))));
	ok(finds_nothing(xml_path(a->children, NULL, XML_ELEM("b"))));
	xml_tree_unref(&whole);
}

static void test_path_strings(void)
{
	struct xml_tree *whole = parse("<a b='' xmlns:p='u' p:b='1'>x<c/>&lt;<d>y<![CDATA[&]]></d><e/></a>");
	const struct xml *a = whole->root;
	struct xml_found found = xml_path(a, NULL, XML_ATTR("b"));

	ok(finds_nothing(found));
	ok(finds_nothing(xml_path(a, NULL, XML_ATTR("none"))));
	ok(finds_nothing(xml_path(a, NULL, XML_ATTR("xmlns"))));
	ok(finds_nothing(xml_path(a, NULL, XML_LANG)));
	is_text(xml_path(a, NULL, XML_ATTR_NS("b", "u")).text, "1");
	is_text(xml_path(a, &buf, XML_CDATA).text, "x<");
	is_text(xml_path(a, &buf, XML_ELEM("d"), XML_CDATA).text, "y&");
	ok(finds_nothing(xml_path(a, &buf, XML_ELEM("e"), XML_CDATA)));
	ok(finds_nothing(xml_path(a, &buf, XML_ELEM("none"), XML_CDATA)));
	ok(finds_nothing(xml_path(NULL, &buf, XML_CDATA)));
	ok(finds_nothing(xml_path(a, &buf, XML_ATTR_NS("b", "u"), XML_CDATA)));
	ok(finds_nothing(xml_path(a, &buf, XML_CDATA, XML_CDATA)));
	ok(finds_nothing(xml_path(a, &buf, XML_CDATA, XML_ELEM("d"))));
	strbuf_fini(&buf);
	xml_tree_unref(&whole);
}

static void test_path_array(void)
{
	static const struct xml_step steps[] = {XML_ELEM("b"), XML_ELEM("c"), XML_CDATA, XML_END};
	static const struct xml_step none[] = {XML_END};
	struct xml_tree *whole = parse("<a><b><c>1</c></b></a>");

	is_text(xml_path_steps(whole->root, &buf, steps).text, "1");
	ok(xml_path_steps(whole->root, &buf, none).elem == whole->root);
	strbuf_fini(&buf);
	xml_tree_unref(&whole);
}

static void test_path_deep(void)
{
	struct xml_step steps[65] = {[64] = XML_END};
	struct strbuf xml = {0};
	struct xml_tree *whole;

	for (int i = 0; i < 64; i++) {
		strbuf_cstr(&xml, "<e><f/>");
		steps[i] = (struct xml_step)XML_ELEM("e");
	}
	strbuf_cstr(&xml, "deep");
	for (int i = 0; i < 64; i++)
		strbuf_cstr(&xml, "</e>");
	whole = xml_parse(strbuf_view(&xml), STR(""),
	    &(struct xml_limits){.max_bytes = 4096, .max_depth = 65, .max_elements = 128}, NULL, NULL);
	ok(finds_nothing(xml_path_steps(whole->root, &buf, steps)));
	steps[63] = (struct xml_step)XML_CDATA;
	is_text(xml_path_steps(whole->root, &buf, steps).text, "deep");
	steps[63] = (struct xml_step)XML_END;
	is_int(xml_path_steps(whole->root, &buf, steps).elem->depth, 63);
	strbuf_fini(&xml);
	xml_tree_unref(&whole);
}

/* --- xml:get_cdata, xml:get_tag_cdata ------------------------------------------------------------------- */

static void test_get_cdata(void)
{
	struct xml_tree *whole = parse("<a>1<b>no</b>&amp;<![CDATA[<2>]]><c/>3</a>");
	const struct xml *one = whole->root->children;

	is_text(xml_list_text(NULL, &buf), "");
	ok(xml_list_text(NULL, &buf).ptr != NULL);
	is_text(xml_list_text(one, &buf), "1&<2>3");
	is_text(xml_list_text(one->next, &buf), "&<2>3");
	is_text(xml_list_text(one->next->next->next, &buf), "3");
	is_text(xml_list_text(one->next->children, &buf), "no");
	xml_tree_unref(&whole);
	strbuf_fini(&buf);
}

static void test_get_tag_cdata(void)
{
	struct xml_tree *whole = parse("<a>1<b>no</b> 2<c/><d><![CDATA[]]></d></a>");
	const struct xml *a = whole->root;

	is_text(xml_text(a, &buf), "1 2");
	is_text(xml_text(xml_subtag(a, "b"), &buf), "no");
	is_text(xml_text(xml_subtag(a, "c"), &buf), "");
	is_text(xml_text(xml_subtag(a, "d"), &buf), "");
	is_text(xml_child_text(a, "b", &buf), "no");
	is_text(xml_child_text(a, "x", &buf), "");
	xml_tree_unref(&whole);
	strbuf_fini(&buf);
}

/* --- xml:get_attr, get_attr_s, get_tag_attr, get_tag_attr_s --------------------------------------------- */

static void test_get_attr(void)
{
	struct xml_tree *whole = parse("<a empty='' one='&quot;1' p:two='2' xmlns:p='u' xml:lang='en'/>");
	const struct xml_attr *attrs = whole->root->attrs;
	size_t count = whole->root->attr_count;

	is_text(xml_attrs_get(attrs, count, "one"), "\"1");
	ok(xml_attrs_get(attrs, count, "empty").ptr && xml_attrs_get(attrs, count, "empty").len == 0);
	ok(!xml_attrs_get(attrs, count, "none").ptr);
	ok(!xml_attrs_get(attrs, count, "two").ptr);
	ok(!xml_attrs_get(attrs, count, "lang").ptr);
	ok(!xml_attrs_get(attrs, count, "ONE").ptr);
	ok(!xml_attrs_get(NULL, 0, "one").ptr);
	xml_tree_unref(&whole);
}

static void test_get_attr_s(void)
{
	struct xml_tree *whole = parse("<a empty='' one='1'/>");
	const struct xml_attr *attrs = whole->root->attrs;

	is_text(xml_attrs_get_s(attrs, 2, "one"), "1");
	is_text(xml_attrs_get_s(attrs, 2, "empty"), "");
	is_text(xml_attrs_get_s(attrs, 2, "none"), "");
	ok(xml_attrs_get_s(attrs, 2, "none").ptr != NULL);
	ok(xml_attrs_get_s(NULL, 0, "one").ptr != NULL);
	xml_tree_unref(&whole);
}

static void test_get_tag_attr(void)
{
	struct xml_tree *whole = parse("<a empty='' one='1' xmlns='u' xml:lang='en'>t</a>");
	const struct xml *a = whole->root;

	is_text(xml_attr(a, "one"), "1");
	ok(xml_attr(a, "empty").ptr && xml_attr(a, "empty").len == 0);
	ok(!xml_attr(a, "none").ptr);
	/* A namespace is not an attribute here. */
	ok(!xml_attr(a, "xmlns").ptr);
	is_text(a->ns, "u");
	is_text(xml_lang(a), "en");
	ok(!xml_attr(a->children, "one").ptr);
	xml_tree_unref(&whole);
}

static void test_get_tag_attr_s(void)
{
	struct xml_tree *whole = parse("<a empty='' one='1'><b/></a>");
	const struct xml *a = whole->root;

	is_text(xml_attr_s(a, "one"), "1");
	is_text(xml_attr_s(a, "empty"), "");
	ok(xml_attr_s(a, "none").ptr && xml_attr_s(a, "none").len == 0);
	ok(xml_attr_s(NULL, "one").ptr && xml_attr_s(NULL, "one").len == 0);
	is_text(xml_attr_s(xml_subtag(a, "c"), "one"), "");
	xml_tree_unref(&whole);
}

/* --- xml:get_subtag ------------------------------------------------------------------------------------- */

static void test_get_subtag(void)
{
	struct xml_tree *whole = parse("<a xmlns='u'>b<c><b n='0'/></c><b xmlns='v' n='1'/><b n='2'/></a>");
	const struct xml *a = whole->root;

	is_text(xml_attr(xml_subtag(a, "b"), "n"), "1");
	is_text(xml_attr(xml_child(a, "b", NULL), "n"), "2");
	is_text(xml_attr(xml_child(a, "b", "v"), "n"), "1");
	ok(xml_subtag(a, "a") == NULL);
	ok(xml_subtag(a, "") == NULL);
	ok(xml_subtag(xml_subtag(a, "b"), "b") == NULL);
	ok(xml_subtag(a->children, "b") == NULL);
	xml_tree_unref(&whole);
}

/* --- xml_stream:parse_element --------------------------------------------------------------------------- */

static void is_wrong_at(const char *xml, unsigned line, unsigned column)
{
	struct err err = {{0}};
	size_t offset = 0;
	unsigned got_line = 0, got_column = 0;

	ok(xml_parse(str_of(xml), STR(""), &xml_limits_default, &offset, &err) == NULL && err.text[0]);
	xml_position(str_of(xml), offset, &got_line, &got_column);
	is_int(got_line, line);
	is_int(got_column, column);
}

static void test_parse_element(void)
{
	struct xml_tree *whole = parse(" \n<a><b/></a>\r\n");

	is_string(whole->root, "<a><b/></a>");
	xml_tree_unref(&whole);
	ok(parse("<a") == NULL);
	is_wrong_at("", 1, 1);
	is_wrong_at("\n\n x", 3, 2);
	is_wrong_at("<a/>\n<b/>", 2, 1);
	is_wrong_at("<a>\r\n<b>\r\n</c></b></a>", 3, 1);
	is_wrong_at("<a>\xc3\xa9\xe2\x82\xac</b>", 1, 6);
	is_wrong_at("<a>\n<b", 2, 1);
	is_wrong_at("<!DOCTYPE a><a/>", 1, 1);
	is_wrong_at("<a>\n<!-- --></a>", 2, 1);
	is_wrong_at("<a><?b?></a>", 1, 4);
	is_wrong_at("<a><p:b/></a>", 1, 4);
}

static void is_position(const char *xml, size_t offset, unsigned line, unsigned column)
{
	unsigned got_line = 0, got_column = 0;

	xml_position(str_of(xml), offset, &got_line, &got_column);
	is_int(got_line, line);
	is_int(got_column, column);
}

static void test_position(void)
{
	is_position("", 0, 1, 1);
	is_position("ab", 1, 1, 2);
	is_position("ab", 2, 1, 3);
	is_position("ab", 99, 1, 3);
	is_position("a\nb", 2, 2, 1);
	is_position("a\n\nb", 3, 3, 1);
	is_position("a\rb", 2, 2, 1);
	is_position("a\r\nb", 3, 2, 1);
	is_position("a\r", 2, 2, 1);
	is_position("\xf0\x9f\x98\x80x", 4, 1, 2);
}

int main(void)
{
	run(test_table);
	run(test_path_example);
	run(test_parse_example);
	run(test_elements_example);
	run(test_build_example);
	run(test_element_to_string);
	run(test_string_and_back);
	run(test_crypt);
	run(test_remove_cdata);
	run(test_remove_cdata_iteration);
	run(test_path_elements);
	run(test_path_strings);
	run(test_path_array);
	run(test_path_deep);
	run(test_get_cdata);
	run(test_get_tag_cdata);
	run(test_get_attr);
	run(test_get_attr_s);
	run(test_get_tag_attr);
	run(test_get_tag_attr_s);
	run(test_get_subtag);
	run(test_parse_element);
	run(test_position);
	return tap_done();
}
