/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_caps/caps.h"
#include "tap.h"

#define QUERY(inside) "<query xmlns='http://jabber.org/protocol/disco#info'>" inside "</query>"

static struct xml_tree *parse(const char *text)
{
	struct err err = {""};
	size_t offset;
	struct xml_tree *tree =
	    xml_parse(str_of(text), STR("jabber:client"), &xml_limits_default, &offset, &err);
	if (!tree) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	return tree;
}

static void is_string(const char *text, const char *want)
{
	struct xml_tree *tree = parse(text);
	struct strbuf string = {0};
	caps_verification_string(tree->root, &string);
	is_text(strbuf_view(&string), want);
	strbuf_fini(&string);
	xml_tree_unref(&tree);
}

static void is_ver(const char *text, const char *want)
{
	struct xml_tree *tree = parse(text);
	char ver[CAPS_VER_SIZE];
	caps_ver(tree->root, ver);
	is_cstr(ver, want);
	xml_tree_unref(&tree);
}

/* XEP-0115 5.2 */
static void test_simple(void)
{
	is_ver(QUERY("<identity category='client' type='pc' name='Exodus 0.9.1'/>"
		     "<feature var='http://jabber.org/protocol/muc'/>"
		     "<feature var='http://jabber.org/protocol/disco#items'/>"
		     "<feature var='http://jabber.org/protocol/caps'/>"
		     "<feature var='http://jabber.org/protocol/disco#info'/>"),
	    "QgayPKawpkPSDYmwT/WM94uAlu0=");
}

/* XEP-0115 5.3 */
static void test_complex(void)
{
	is_ver(
	    QUERY(
		"<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>"
		"<identity xml:lang='el' category='client' name='\xce\xa8 0.11' type='pc'/>"
		"<feature var='http://jabber.org/protocol/caps'/>"
		"<feature var='http://jabber.org/protocol/disco#info'/>"
		"<feature var='http://jabber.org/protocol/disco#items'/>"
		"<feature var='http://jabber.org/protocol/muc'/>"
		"<x xmlns='jabber:x:data' type='result'>"
		"<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>"
		"<field var='software'><value>Psi</value></field>"
		"<field var='ip_version' type='text-multi'><value>ipv6</value><value>ipv4</value></field>"
		"<field var='os_version'><value>10.5.1</value></field>"
		"<field var='software_version'><value>0.11</value></field>"
		"<field var='os'><value>Mac</value></field></x>"),
	    "q07IKJEyjvHSyhy//CH0CxmKi8w=");
}

static void test_parts(void)
{
	is_string(QUERY(""), "");
	is_string(QUERY("<identity category='a' type='b'/>"), "a/b//<");
	is_string(QUERY("<feature var='b'/><feature var='B'/><feature var='a'/>"), "B<a<b<");
	is_string(QUERY("<feature var='a&amp;lt;b'/>"), "a&lt;b<");
	/* What is not of service discovery does not count, nor does a form without a hidden type. */
	is_string(QUERY("<feature xmlns='urn:x' var='a'/>"), "");
	is_string(
	    QUERY("<x xmlns='jabber:x:data' type='result'><field var='a'><value>1</value></field></x>"), "");
}

static void test_forms(void)
{
#define FORM(type, fields)                                                                                   \
	"<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>" type           \
	"</value></field>" fields "</x>"
	is_string(QUERY(FORM("urn:b", "") FORM("urn:a", "<field var='v'/>")), "urn:a<v<urn:b<");
	is_string(QUERY(FORM("urn:a", "<field var='y'><value>2</value><value>1</value></field>"
				      "<field var='x'><value/></field>")),
	    "urn:a<x<<y<1<2<");
}

int main(void)
{
	run(test_simple);
	run(test_complex);
	run(test_parts);
	run(test_forms);
	return tap_done();
}
