/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/xml.h"

#include "tap.h"

static struct xml_tree *parse(const char *text, const char *ns)
{
	struct err err = {{0}};
	size_t offset;
	struct xml_tree *tree = xml_parse(str_of(text), str_of(ns), &xml_limits_default, &offset, &err);

	if (!tree)
		printf("# %s at %zu of %s\n", err.text, offset, text);
	return tree;
}

/* The offset at which parsing fails; -1 when it does not. */
static int failure(const char *text, const struct xml_limits *limits)
{
	struct err err = {{0}};
	size_t offset = 0;
	struct xml_tree *tree = xml_parse(str_of(text), STR("jabber:client"), limits, &offset, &err);
	bool failed = !tree && err.text[0];

	xml_tree_unref(&tree);
	return failed ? (int)offset : -1;
}

static bool rejected(const char *text)
{
	return failure(text, &xml_limits_default) >= 0;
}

static void test_accessors(void)
{
	struct xml_tree *tree = parse(" <message to='a@b' xml:lang='de' xmlns:p='urn:p' "
				      "p:to='c'>\n<body>1</body><body xmlns='urn:q'>2</body>"
				      "x<body>3</body></message>\n",
	    "jabber:client");
	const struct xml *root = tree->root, *body;
	struct strbuf buf = {0};

	ok(xml_is(root, "message", "jabber:client"));
	is_int(root->name_token, XN_message);
	is_int(root->ns_token, XNS_CLIENT);
	is_int(root->depth, 0);
	is_int(root->attr_count, 3);
	is_text(xml_attr(root, "to"), "a@b");
	is_text(xml_attr_ns(root, "urn:p", "to"), "c");
	is_text(xml_lang(root), "de");
	ok(xml_attr(root, "lang").ptr == NULL);
	ok(root->parent == NULL && root->next == NULL);
	body = xml_child(root, "body", NULL);
	ok(body && body == xml_child_token(root, XN_body, XNS_CLIENT) && body->parent == root);
	is_int(body->depth, 1);
	is_text(xml_text(body, &buf), "1");
	body = xml_next(body, "body", NULL);
	is_text(xml_text(body, &buf), "3");
	ok(xml_next(body, "body", NULL) == NULL);
	body = xml_child(root, "body", "urn:q");
	is_int(body->ns_token, XNS_OTHER);
	ok(xml_next_element(xml_first_element(root)) == body);
	ok(xml_child(root, "subject", NULL) == NULL && xml_child_token(root, XN_subject, XNS_CLIENT) == NULL);
	is_text(xml_text(root, &buf), "\nx");
	is_text(xml_child_text(root, "body", &buf), "1");
	is_text(xml_child_text(root, "thread", &buf), "");
	is_text(root->inner, "\n<body>1</body><body xmlns='urn:q'>2</body>x<body>3</body>");
	strbuf_fini(&buf);
	xml_tree_unref(&tree);
	ok(tree == NULL);
	xml_tree_unref(&tree);
}

static void test_references(void)
{
	struct xml_tree *tree = parse("<a/>", ""), *other = xml_tree_ref(tree);

	xml_tree_unref(&tree);
	ok(tree == NULL);
	is_text(other->root->name, "a");
	is_int(other->root->ns_token, XNS_NONE);
	is_int(other->head_room, 0);
	ok(other->root->children == NULL && other->root->attrs == NULL);
	xml_tree_unref(&other);
}

static void is_text_of(const char *xml, const char *want)
{
	struct xml_tree *tree = parse(xml, "");
	struct strbuf buf = {0};

	is_text(xml_text(tree->root, &buf), want);
	strbuf_fini(&buf);
	xml_tree_unref(&tree);
}

static void test_text(void)
{
	is_text_of("<a>&lt;&gt;&amp;&apos;&quot;</a>", "<>&'\"");
	is_text_of("<a>&#65;&#x42;&#x000043;&#x1F600;</a>", "ABC\xf0\x9f\x98\x80");
	is_text_of("<a>1\r\n2\r3\n4&#13;\n</a>", "1\n2\n3\n4\r\n");
	is_text_of("<a>x<![CDATA[<&]]>y</a>", "x<&y");
	is_text_of("<a><![CDATA[]]]]><![CDATA[>]]></a>", "]]>");
	is_text_of("<a><![CDATA[\r\n]]></a>", "\n");
	is_text_of("<a>\r<![CDATA[\n]]></a>", "\n\n");
	is_text_of("<a><![CDATA[]]></a>", "");
	is_text_of("<a>]] > ]]&gt; > ]</a>", "]] > ]]> > ]");
	is_text_of("<a>\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf</a>",
	    "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf");
}

static void test_text_nodes(void)
{
	struct xml_tree *tree = parse("<a>1<![CDATA[2]]>3<b/><![CDATA[]]><c/>4</a>", "");
	const struct xml *node = tree->root->children;

	is_int(node->kind, XML_TEXT);
	is_text(node->name, "123");
	is_text(node->next->name, "b");
	is_text(node->next->next->name, "c");
	is_text(node->next->next->next->name, "4");
	ok(node->next->next->next->next == NULL);
	is_text(tree->root->inner, "1<![CDATA[2]]>3<b/><![CDATA[]]><c/>4");
	xml_tree_unref(&tree);
}

static void test_values(void)
{
	struct xml_tree *tree = parse("<a b='x\ty\r\nz\n' c=\"'&quot;&#10;&#9;\" d = '>'\n/>", "");

	is_text(xml_attr(tree->root, "b"), "x y z ");
	is_text(xml_attr(tree->root, "c"), "'\"\n\t");
	is_text(xml_attr(tree->root, "d"), ">");
	xml_tree_unref(&tree);
}

static void test_names(void)
{
	struct xml_tree *tree = parse("<\xd0\xb4:\xd0\xb6 xmlns:\xd0\xb4='u' a\xcc\x81='1'/>", "");

	is_text(tree->root->name, "\xd0\xb6");
	is_text(tree->root->ns, "u");
	is_text(xml_attr(tree->root, "a\xcc\x81"), "1");
	xml_tree_unref(&tree);
	ok(rejected("<\xcc\x81/>"));
	ok(rejected("<1/>"));
	ok(rejected("<-a/>"));
	ok(rejected("<:a xmlns='b'/>"));
	ok(rejected("<a:/>"));
	ok(rejected("<x:a:b xmlns:x='u'/>"));
	ok(rejected("<x:1 xmlns:x='u'/>"));
	ok(rejected("<a\xf0\x9f\x98\x80/>"));
	ok(rejected("<a\xc3\x97/>"));
}

static void test_not_well_formed(void)
{
	static const char *const bad[] = {
	    "",
	    " ",
	    "x",
	    "<",
	    "<a",
	    "<a>",
	    "<a></b>",
	    "<a></a",
	    "</a>",
	    "<a/>x",
	    "<a/><b/>",
	    "<a b/>",
	    "<a b=/>",
	    "<a b=c/>",
	    "<a b='1'c='2'/>",
	    "<a b='<'/>",
	    "<a b='1' b='2'/>",
	    "<a / >",
	    "<a>&</a>",
	    "<a>&;</a>",
	    "<a>&#;</a>",
	    "<a>&#x;</a>",
	    "<a>&#X41;</a>",
	    "<a>&#65</a>",
	    "<a>&#0;</a>",
	    "<a>&#xD800;</a>",
	    "<a>&#xFFFE;</a>",
	    "<a>&#x110000;</a>",
	    "<a>&#4294967361;</a>",
	    "<a>&nbsp;</a>",
	    "<a>]]></a>",
	    "<a>\x01</a>",
	    "<a b='\x01'/>",
	    "<a>\xc0\x80</a>",
	    "<a>\xed\xa0\x80</a>",
	    "<a>\xef\xbf\xbf</a>",
	    "<a>\xf4\x90\x80\x80</a>",
	    "<a>\xff</a>",
	    "<a>\xe2\x82</a>",
	    "<a><![CDATA[x]></a>",
	    "<a><![cdata[x]]></a>",
	    "<![CDATA[x]]>",
	    "<a><!-- --></a>",
	    "<a><?x?></a>",
	    "<?xml version='1.0'?><a/>",
	    "<!DOCTYPE a><a/>",
	    "<a></a b='1'>",
	    "< a/>",
	    "<a></ a>",
	    "<a><b></a></b>",
	    "\xef\xbb\xbf<a/>",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!rejected(bad[i]))
			printf("# accepted: %s\n", bad[i]);
		ok(rejected(bad[i]));
	}
	is_int(failure("  <a><b/><c></b></a>", &xml_limits_default), 12);
	is_int(failure("<a/> x", &xml_limits_default), 5);
}

static void test_namespaces(void)
{
	ok(rejected("<p:a/>"));
	ok(rejected("<a p:b='1'/>"));
	ok(rejected("<a><b xmlns:p='u'/><p:c/></a>"));
	ok(rejected("<a xmlns:p=''/>"));
	ok(rejected("<a xmlns:xml='u'/>"));
	ok(rejected("<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>"));
	ok(rejected("<a xmlns='http://www.w3.org/XML/1998/namespace'/>"));
	ok(rejected("<a xmlns:xmlns='u'/>"));
	ok(rejected("<a xmlns='http://www.w3.org/2000/xmlns/'/>"));
	ok(rejected("<xmlns:a/>"));
	ok(rejected("<a xmlns='u' xmlns='u'/>"));
	ok(rejected("<a xmlns:p='u' xmlns:p='v'/>"));
	ok(rejected("<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>"));
	ok(!rejected("<a xmlns:p='u' xmlns:q='v' p:b='1' q:b='2' b='3'/>"));
	ok(!rejected("<a xmlns:xml='http://www.w3.org/XML/1998/namespace'/>"));
	ok(!rejected("<a xmlnsb='1' xml:b='2'/>"));
}

static void test_scopes(void)
{
	struct xml_tree *tree = parse("<a xmlns='u'><b xmlns=''><c/></b><d/><e xmlns='&#x76;'/></a>", "w");
	const struct xml *b = tree->root->children;

	is_text(tree->root->ns, "u");
	is_text(b->ns, "");
	is_text(b->children->ns, "");
	is_int(b->ns_token, XNS_NONE);
	is_text(b->next->ns, "u");
	is_text(b->next->next->ns, "v");
	xml_tree_unref(&tree);
	tree = parse("<a><b/></a>", "w");
	is_text(tree->root->ns, "w");
	is_text(tree->root->children->ns, "w");
	xml_tree_unref(&tree);
}

static void test_limits(void)
{
	struct xml_limits limits = {.max_bytes = 20, .max_depth = 2, .max_attrs = 2, .max_elements = 3};

	is_int(failure("<a><b/>123456789</a>", &limits), -1);
	ok(failure("<a><b/>1234567890</a>", &limits) >= 0);
	is_int(failure("   <a><b/>123456789</a>   ", &limits), -1);
	ok(failure("<a><b><c/></b></a>", &limits) >= 0);
	is_int(failure("<a b='' c=''/>", &limits), -1);
	limits.max_bytes = 100;
	ok(failure("<a b='' c='' d=''/>", &limits) >= 0);
	ok(failure("<a xmlns='' xmlns:c='c' d=''/>", &limits) >= 0);
	is_int(failure("<a><b/><b/></a>", &limits), -1);
	ok(failure("<a><b/><b/><b/></a>", &limits) >= 0);
}

/* More than what the parser has at hand before it allocates. */
static void test_big(void)
{
	struct strbuf text = {0}, buf = {0};
	struct xml_tree *tree;
	int count = 0;

	strbuf_cstr(&text, "<a>");
	for (int i = 0; i < 1000; i++)
		strbuf_printf(&text, "<b c%d='&amp;%d' xmlns='urn:%d'>&lt;%d</b>", i, i, i, i);
	strbuf_cstr(&text, "</a>");
	tree = parse(text.ptr, "");
	for (const struct xml *b = tree->root->children; b; b = b->next, count++) {
		char name[16], want[16];

		snprintf(name, sizeof(name), "c%d", count);
		snprintf(want, sizeof(want), "&%d", count);
		if (!str_is(xml_attr(b, name), want))
			break;
		snprintf(want, sizeof(want), "<%d", count);
		if (!str_is(xml_text(b, &buf), want))
			break;
		snprintf(want, sizeof(want), "urn:%d", count);
		if (!str_is(b->ns, want))
			break;
	}
	is_int(count, 1000);
	xml_tree_unref(&tree);
	strbuf_fini(&text);
	strbuf_fini(&buf);
}

static void test_tokens(void)
{
	is_cstr(xml_name_text(XN_message), "message");
	is_cstr(xml_name_text(XN_OTHER), "");
	is_cstr(xml_ns_text(XNS_CLIENT), "jabber:client");
	is_cstr(xml_ns_text(XNS_NONE), "");
	for (int token = XN_OTHER + 1; token < XN_COUNT; token++) {
		struct strbuf text = {0};
		struct xml_tree *tree;

		strbuf_printf(&text, "<a %s=''/>", xml_name_text(token));
		tree = parse(text.ptr, "");
		is_int(tree->root->attrs[0].name_token, token);
		xml_tree_unref(&tree);
		strbuf_fini(&text);
	}
	for (int token = XNS_NONE + 1; token < XNS_COUNT; token++) {
		struct xml_tree *tree = parse("<a/>", xml_ns_text(token));

		is_int(tree->root->ns_token, token);
		xml_tree_unref(&tree);
	}
}

int main(void)
{
	run(test_accessors);
	run(test_references);
	run(test_text);
	run(test_text_nodes);
	run(test_values);
	run(test_names);
	run(test_not_well_formed);
	run(test_namespaces);
	run(test_scopes);
	run(test_limits);
	run(test_big);
	run(test_tokens);
	return tap_done();
}
