/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/form.h"

#include "tap.h"

static struct xml_tree *tree;

/* The form of a <x/> with these attributes and contents. */
static const struct xml *form_of(const char *attrs, const char *inside)
{
	struct strbuf text = {0};
	struct err err = {""};
	size_t offset;

	xml_tree_unref(&tree);
	strbuf_printf(&text, "<x xmlns='jabber:x:data' %s>%s</x>", attrs, inside);
	tree = xml_parse(strbuf_view(&text), STR("jabber:client"), &xml_limits_default, &offset, &err);
	strbuf_fini(&text);
	if (!tree) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	return tree->root;
}

static void test_type(void)
{
	static const char *const words[] = {"type='form'", "type='submit'", "type='cancel'", "type='result'"};
	enum form_type type = FORM_FORM;
	struct err err;
	size_t offset;

	for (int i = 0; i < 4; i++) {
		ok(form_type(form_of(words[i], ""), &type, &err) == 0);
		is_int(type, i);
	}
	ok(form_type(form_of("", ""), &type, &err) < 0);
	is_cstr(err.text, "the form has no type");
	ok(form_type(form_of("type='Form'", ""), &type, &err) < 0);
	is_cstr(err.text, "the form has an unknown type");
	ok(form_type(form_of("type='submit'", "<field><value>a</value></field>"), &type, &err) < 0);
	is_cstr(err.text, "a field of the form has no var");
	ok(form_type(form_of("type='form'", "<field type='fixed'><value>a</value></field>"), &type, &err) ==
	    0);
	ok(form_type(NULL, &type, &err) < 0);
	xml_tree_unref(&tree);
	tree = xml_parse(STR("<x type='form'/>"), STR("jabber:client"), &xml_limits_default, &offset, &err);
	ok(form_type(tree->root, &type, &err) < 0);
}

static void test_namespace(void)
{
	static const char hidden[] = "<field var='FORM_TYPE' type='hidden'><value>urn:x</value></field>";
	static const char bare[] = "<field var='FORM_TYPE'><value>urn:x</value></field>";

	is_text(form_namespace(form_of("type='form'", hidden)), "urn:x");
	is_text(form_namespace(form_of("type='submit'", hidden)), "urn:x");
	is_text(form_namespace(form_of("type='submit'", bare)), "urn:x");
	is_text(form_namespace(form_of("type='form'", bare)), "");
	is_text(form_namespace(form_of("type='result'", bare)), "");
	is_text(form_namespace(form_of("type='submit'", "")), "");
	is_text(form_namespace(form_of("type='submit'", "<field var='FORM_TYPE'/>")), "");
}

static void test_values(void)
{
	const struct xml *x = form_of("type='submit'",
	    "<title>t</title> <field var='a'><value>1</value> <desc/><value>2 &amp; 3</value><value/></field>"
	    "<field var='a'><value>later</value></field><field var='none'/>"
	    "<field xmlns='urn:other' var='b'><value>no</value></field>"
	    "<field var='c'><value xmlns='urn:other'>no</value><value>yes</value></field>"
	    "<field var='d'><value><b/>text</value></field>");
	const struct xml *a = form_field(x, "a");

	is_text(form_value(x, "a"), "1");
	is_text(form_value_at(a, 1), "2 & 3");
	is_text(form_value_at(a, 2), "");
	ok(form_value_at(a, 2).ptr != NULL);
	ok(form_value_at(a, 3).ptr == NULL);
	ok(form_value(x, "none").ptr == NULL);
	ok(form_field(x, "none") != NULL);
	ok(form_field(x, "b") == NULL);
	ok(form_value(x, "b").ptr == NULL);
	is_text(form_value(x, "c"), "yes");
	is_text(form_value(x, "d"), "");
	ok(form_field(form_of("type='submit'", ""), "a") == NULL);
}

static void test_bool(void)
{
	static const struct {
		const char *text;
		int result;
		bool value;
	} samples[] = {{"1", 0, true}, {"true", 0, true}, {"0", 0, false}, {"false", 0, false},
	    {"TRUE", -1, false}, {"yes", -1, false}, {"", -1, false}, {"10", -1, false}};
	char inside[80];
	bool value = false;

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		snprintf(inside, sizeof(inside), "<field var='a'><value>%s</value></field>", samples[i].text);
		value = !samples[i].value;
		is_int(form_value_bool(form_of("type='submit'", inside), "a", &value), samples[i].result);
		ok(value == (samples[i].result == 0 ? samples[i].value : !samples[i].value));
	}
	value = true;
	is_int(form_value_bool(form_of("type='submit'", ""), "a", &value), 1);
	is_int(form_value_bool(form_of("type='submit'", "<field var='a'/>"), "a", &value), 1);
	ok(value);
}

static void test_write(void)
{
	static const struct form_field admins = {"muc#admins", "jid-multi", "Who's in", true};
	static const struct str values[] = {{"a@b", 3}, {"<&>", 3}};
	struct xml_writer writer = {.default_ns = STR("jabber:client")};
	const struct xml *field, *x;
	enum form_type type = FORM_FORM;
	size_t offset;

	form_open(&writer, FORM_RESULT, "urn:x");
	form_put(&writer, &admins, values, 2);
	form_put1(&writer, "single", "text-single", STR("v"));
	xml_close(&writer);
	xml_tree_unref(&tree);
	tree = xml_parse(strbuf_view(&writer.buf), writer.default_ns, &xml_limits_default, &offset, NULL);
	x = tree->root;
	ok(form_type(x, &type, NULL) == 0 && type == FORM_RESULT);
	is_text(form_namespace(x), "urn:x");
	field = form_field(x, "muc#admins");
	is_text(xml_attr(field, "type"), "jid-multi");
	is_text(xml_attr(field, "label"), "Who's in");
	ok(xml_child(field, "required", NULL) != NULL);
	is_text(form_value_at(field, 0), "a@b");
	is_text(form_value_at(field, 1), "<&>");
	ok(form_value_at(field, 2).ptr == NULL);
	field = form_field(x, "single");
	ok(xml_attr(field, "label").ptr == NULL && !xml_child(field, "required", NULL));
	is_text(form_value(x, "single"), "v");
	xml_writer_fini(&writer);
}

static void test_write_bare(void)
{
	struct xml_writer writer = {.default_ns = STR("jabber:client")};

	form_open(&writer, FORM_CANCEL, NULL);
	xml_close(&writer);
	is_text(strbuf_view(&writer.buf), "<x xmlns='jabber:x:data' type='cancel'/>");
	xml_writer_fini(&writer);
}

int main(void)
{
	run(test_type);
	run(test_namespace);
	run(test_values);
	run(test_bool);
	run(test_write);
	run(test_write_bare);
	xml_tree_unref(&tree);
	return tap_done();
}
