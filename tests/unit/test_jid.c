/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/jid.h"

#include <stdlib.h>

#include "tap.h"

static struct arena arena;

static struct str repeat(const char *what, size_t times)
{
	size_t len = strlen(what);
	char *text = arena_alloc(&arena, len * times + 1);

	for (size_t i = 0; i < times; i++)
		memcpy(text + i * len, what, len);
	return (struct str){text, len * times};
}

static struct str glue(struct str a, const char *middle, struct str b)
{
	return str_of(arena_printf(&arena, "%.*s%s%.*s", STR_FMT(a), middle, STR_FMT(b)));
}

/* What is made of it, "(none)" when it is no JID; a prepared JID must stay what it is. */
static struct str prepared(struct str text)
{
	struct jid jid, again, made;
	struct err err = {""};

	if (jid_parse(text, &arena, &jid, &err) < 0)
		return err.text[0] ? STR("(none)") : STR("(no reason)");
	if (jid_parse(jid_full(&jid), &arena, &again, &err) < 0 || !jid_eq(&jid, &again))
		return STR("(changes again)");
	if (again.text != jid.text)
		return STR("(prepared text was copied)");
	if (jid_make(jid_local(&jid), jid_domain(&jid), jid_resource(&jid), &arena, &made, &err) < 0 ||
	    !jid_eq(&jid, &made))
		return STR("(not the same from its parts)");
	return jid_full(&jid);
}

struct pair {
	const char *text;
	const char *want; /* NULL: as text */
};

static void check_pairs(const struct pair *pairs, size_t count)
{
	for (size_t i = 0; i < count; i++)
		is_text(prepared(str_of(pairs[i].text)), pairs[i].want ? pairs[i].want : pairs[i].text);
}

static void check_refused(const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!is_text(prepared(str_of(texts[i])), "(none)"))
			printf("# text %zu: %s\n", i, texts[i]);
	}
}

#define PAIRS(...)                                                                                           \
	static const struct pair pairs[] = {__VA_ARGS__};                                                    \
	check_pairs(pairs, sizeof(pairs) / sizeof(pairs[0]))
#define REFUSED(...)                                                                                         \
	static const char *const refused[] = {__VA_ARGS__};                                                  \
	check_refused(refused, sizeof(refused) / sizeof(refused[0]))

/* RFC 7622 3.5 table 1 */
static void test_rfc_valid(void)
{
	PAIRS({"juliet@example.com"}, {"juliet@example.com/foo"}, {"juliet@example.com/foo bar"},
	    {"juliet@example.com/foo@bar"}, {"foo\\20bar@example.com"}, {"fussball@example.com"},
	    {"fu\u00dfball@example.com"}, {"\u03c0@example.com"},
	    {"\u03a3@example.com/foo", "\u03c3@example.com/foo"}, {"\u03c3@example.com/foo"},
	    {"\u03c2@example.com/foo"}, {"king@example.com/\u265a"}, {"example.com"}, {"example.com/foobar"},
	    {"a.example.com/b@example.net"});
}

/* Table 2, but for its row 18: OpaqueString has nothing against a leading space. */
static void test_rfc_invalid(void)
{
	REFUSED("\"juliet\"@example.com", "foo bar@example.com", "@example.com/", "henry\u2163@example.com",
	    "\u265a@example.com", "juliet@", "/foobar");
	is_text(prepared(STR("juliet@example.com/ foo")), "juliet@example.com/ foo");
}

static void test_parts(void)
{
	struct jid jid;

	ok(jid_parse(STR("a@b.c/d@e/f"), &arena, &jid, NULL) == 0);
	is_text(jid_local(&jid), "a");
	is_text(jid_domain(&jid), "b.c");
	is_text(jid_resource(&jid), "d@e/f");
	is_text(jid_bare(&jid), "a@b.c");
	is_text(jid_full(&jid), "a@b.c/d@e/f");
	ok(jid_parse(STR("b.c/d"), &arena, &jid, NULL) == 0);
	is_int(jid_local(&jid).len, 0);
	is_text(jid_bare(&jid), "b.c");
	is_text(jid_resource(&jid), "d");
	jid = jid_to_bare(&jid);
	is_text(jid_full(&jid), "b.c");
	REFUSED("", "@", "/", "@/", "a@/b", "a@b/", "b/", "a@b@c", "@b", "a b", "a@b c", "a@b\tc", "a@b/\n");
}

static void test_copies(void)
{
	struct jid jid, copy, other;
	struct err err;

	ok(jid_parse(STR("A@B/C"), &arena, &jid, &err) == 0);
	is_text(jid_full(&jid), "a@b/C");
	copy = jid_dup(&jid, &arena);
	ok(copy.text != jid.text && jid_eq(&copy, &jid));
	copy = jid_dup_heap(&jid);
	is_cstr(copy.text, "a@b/C");
	free((char *)copy.text);
	other = jid_with_resource(&jid, STR("D"), &arena);
	is_text(jid_full(&other), "a@b/D");
	ok(jid_bare_eq(&jid, &other) && !jid_eq(&jid, &other));
	other = jid_with_resource(&jid, STR(""), &arena);
	is_text(jid_full(&other), "a@b");
	ok(jid_make(STR(""), STR("Host"), STR("r"), &arena, &jid, &err) == 0);
	is_text(jid_full(&jid), "host/r");
	ok(jid_make(STR("a@b"), STR("host"), STR(""), &arena, &jid, &err) < 0);
	ok(jid_make(STR("a"), STR(""), STR("x"), &arena, &jid, &err) < 0);
	ok(jid_make(STR("a"), STR("b/c"), STR("x"), &arena, &jid, &err) < 0);
}

static void test_local(void)
{
	/* fullwidth, capitals, composition, capital sharp s; Final_Sigma as toLowerCase has it */
	PAIRS({"JULIET@x", "juliet@x"}, {"\uff21\uff42\uff11@x", "ab1@x"}, {"A\u030a@x", "\u00e5@x"},
	    {"\u00c5@x", "\u00e5@x"}, {"\u1e9e@x", "\u00df@x"}, {"\u039f\u03a3@x", "\u03bf\u03c2@x"},
	    {"\uff76\uff9e@x", "\u30ac@x"}, {"!#$%()*+,-.;=?[\\]^_`{|}~@x"}, {"\u5f20\u4f1f@x"},
	    {"\u0130@x", "i\u0307@x"});
	REFUSED("a&b@x", "a'b@x", "a:b@x", "a<b@x", "a>b@x", "a\"b@x", "a b@x", "a\x7f@x", "\uff20@x",
	    "a\uff1ab@x", "\ufb01@x", "\u00a0@x", "\u2126@x", "a\u00ad@x", "\u0378@x", "\ufdd0@x",
	    "\U000e0061@x", "\u1100@x", "\u0640@x", "\u00a9@x", "\ue000@x", "\U0001f600@x");
}

static void test_context(void)
{
	PAIRS({"l\u00b7l@x"}, {"\u0375\u03b1@x"}, {"\u05d0\u05f3@x"}, {"\u05d0\u05f4@x"}, {"\u30ab\u30fb@x"},
	    {"\u4e00\u30fb@x"}, {"\u0915\u094d\u200d\u0937@x"}, {"\u0915\u094d\u200c\u0937@x"},
	    {"\u0628\u200c\u0628@x"}, {"\u0627\u0661@x"}, {"\u0627\u06f1@x"});
	REFUSED("a\u00b7b@x", "l\u00b7@x", "\u00b7@x", "\u0375@x", "\u0375a@x", "\u05f3@x", "a\u05f4@x",
	    "a\u30fb@x", "a\u200db@x", "a\u200cb@x", "x/\u200d", "x/a\u200cb", "\u0627\u0661\u06f1@x",
	    "x/\u0661\u06f1");
}

static void test_bidi(void)
{
	PAIRS({"\u05d0\u05d1@x"}, {"\u05d01@x"}, {"\u0627\u0660@x"}, {"\u05d0\u05b0@x"}, {"\u05d0-1@x"},
	    {"x/a\u05d0", NULL});
	REFUSED("a\u05d0@x", "\u05d0a@x", "1\u05d0@x", "\u05d0-@x", "\u0660@x", "\u05d01\u0660@x");
}

static void test_resource(void)
{
	PAIRS({"x/A\u00a0b", "x/A b"}, {"x/\u3000", "x/ "}, {"x/\u1680\u2003", "x/  "},
	    {"x/A\u030a", "x/\u00c5"}, {"x/\u212b", "x/\u00c5"}, {"x/\u2163"}, {"x/\uff21"}, {"x/\U0001f600"},
	    {"x/ \"&'/:<>@"}, {"x/\u0b95\u0bcd"}, {"x/\ufb01"});
	REFUSED("x/\x7f", "x/\xc2\x85", "x/\u00ad", "x/\u200b", "x/\ufe0f", "x/\u2028", "x/\u0378",
	    "x/\uffff", "x/\ue000", "x/\U0001f468\u200d\U0001f469", "x/\u115f");
}

static void test_domain(void)
{
	PAIRS({"EXAMPLE.Com", "example.com"}, {"example.com.", "example.com"},
	    {"a@example.com./r", "a@example.com/r"}, {"\u00fc.example"}, {"\u00dc.Example", "\u00fc.example"},
	    {"u\u0308.example", "\u00fc.example"}, {"xn--tda.example", "\u00fc.example"},
	    {"XN--TDA.example", "\u00fc.example"}, {"fa\u00df.de"}, {"xn--fa-hia.de", "fa\u00df.de"},
	    {"\uff45\uff58.com", "ex.com"}, {"a\u3002b\uff0ec\uff61d", "a.b.c.d"}, {"\u4f8b\u3048.jp"},
	    {"\u05d0\u05d1.example"}, {"127.0.0.1"}, {"a_b.example"}, {"r3---sn.example"}, {"a-b.c-d"},
	    {"l\u00b7l.cat"}, {"\uff58\uff4e--tda.de", "\u00fc.de"}, {"\u13e3\u13b3\u13a9.example"},
	    {"\u03a3\u039f\u03a3.gr", "\u03c3\u03bf\u03c2.gr"}, {"\u212a.de", "k.de"});
	REFUSED(".", "..", ".a", "a..", "a..b", "-a", "a-", "a.-b.c", "a.b-.c", "a b", "a!b", "a:5222",
	    "xn--", "xn--a", "xn--zzzzzzzz99999", "xn--abc-.de", "\u2665.com", "a\u00adb.de", "\u0301a.de",
	    "a\u200db.de", "l\u00b7a.cat", "a\u05d0.de", "\u0378.de", "a\uff0fb", "a\uff20b");
}

static void test_addresses(void)
{
	PAIRS({"[::1]"}, {"a@[::1]/r"}, {"[2001:DB8:0:0::1]", "[2001:db8::1]"}, {"[::ffff:1.2.3.4]"});
	REFUSED("[", "[]", "[::1", "[::1].", "[::1]x", "[1.2.3.4]", "[fe80::1%eth0]", "[12345::]", "::1");
}

static void test_utf8(void)
{
	REFUSED("\x80@x", "a\xff@x", "a\xc3@x", "x/\xc0\x80", "x/\xed\xa0\x80", "x/\xf4\x90\x80\x80",
	    "x/\xe2\x82", "\xc3.de", "a\xc1\x81.de");
	is_text(prepared((struct str){"a\0b@x", 5}), "(none)");
	is_text(prepared((struct str){"x/a\0b", 5}), "(none)");
	is_text(prepared((struct str){"a\0b", 3}), "(none)");
	is_text(prepared((struct str){"\xc3\xbc\0b.de", 7}), "(none)");
	is_text(prepared((struct str){"[::1\0]", 6}), "(none)");
}

static void test_lengths(void)
{
	struct str most = repeat("a", JID_PART_MAX), more = repeat("a", JID_PART_MAX + 1);
	struct str label = repeat("a", 63), wide = repeat("\u00fc", 512);
	struct str domain = glue(repeat("a.", JID_PART_MAX / 2), "a", STR(""));

	is_str(prepared(glue(most, "@x", STR(""))), glue(most, "@x", STR("")));
	is_text(prepared(glue(more, "@x", STR(""))), "(none)");
	is_str(prepared(glue(STR("x"), "/", most)), glue(STR("x"), "/", most));
	is_text(prepared(glue(STR("x"), "/", more)), "(none)");
	is_int(prepared(glue(STR("x"), "/", wide)).len, 6); /* "(none)": 1024 bytes */
	wide.len -= 2;
	is_int(prepared(glue(STR("x"), "/", wide)).len, 2 + 1022);
	is_int(domain.len, JID_PART_MAX);
	is_str(prepared(domain), domain);
	is_text(prepared(glue(domain, "a", STR(""))), "(none)");
	is_text(prepared(glue(domain, ".a", STR(""))), "(none)");
	is_str(prepared(label), label);
	is_text(prepared(glue(label, "a", STR(""))), "(none)");
	is_text(prepared(glue(label, "a.de", STR(""))), "(none)");
	is_text(prepared(repeat("a", 100000)), "(none)");
	is_text(prepared(repeat("\u00fc", 100000)), "(none)");
	/* long before preparation, short after it */
	is_int(prepared(glue(repeat("\uff21", 1023), "@x", STR(""))).len, 1025);
}

static void test_prep(void)
{
	struct str part, text = STR("juliet"), spaces = STR("a\u00a0b");

	ok(jid_prep_local(text, &arena, &part, NULL) == 0 && part.ptr == text.ptr);
	ok(jid_prep_local(STR("Ju"), &arena, &part, NULL) == 0);
	is_text(part, "ju");
	ok(jid_prep_local(STR("a@b"), &arena, &part, NULL) < 0);
	ok(jid_prep_local(STR(""), &arena, &part, NULL) < 0);
	ok(jid_prep_domain(STR("Ex.Com."), &arena, &part, NULL) == 0);
	is_text(part, "ex.com");
	ok(jid_prep_domain(STR_NULL, &arena, &part, NULL) < 0);
	ok(jid_prep_resource(spaces, &arena, &part, NULL) == 0);
	is_text(part, "a b");
	ok(jid_prep_resource(STR_NULL, &arena, &part, NULL) < 0);
	ok(jid_prep_password(spaces, &arena, &part, NULL) == 0);
	is_text(part, "a b");
	ok(jid_prep_password(STR("\x01"), &arena, &part, NULL) < 0);
	ok(jid_prep_password(STR(""), &arena, &part, NULL) < 0);
	ok(jid_prep_password(repeat("t", 4000), &arena, &part, NULL) == 0);
	is_int(part.len, 4000);
}

static void test_reason(void)
{
	struct err err;
	struct jid jid;

	ok(jid_parse(STR("a b@x"), &arena, &jid, &err) < 0);
	is_cstr(err.text, "local part: U+0020 is not allowed");
	ok(jid_parse(STR("x/\u0378"), &arena, &jid, &err) < 0);
	is_cstr(err.text, "resource part: U+0378 is not assigned");
	ok(jid_parse(STR("a@x/"), &arena, &jid, &err) < 0);
	is_cstr(err.text, "resource part: empty");
}

int main(void)
{
	run(test_rfc_valid);
	run(test_rfc_invalid);
	run(test_parts);
	run(test_copies);
	run(test_local);
	run(test_context);
	run(test_bidi);
	run(test_resource);
	run(test_domain);
	run(test_addresses);
	run(test_utf8);
	run(test_lengths);
	run(test_prep);
	run(test_reason);
	arena_fini(&arena);
	return tap_done();
}
