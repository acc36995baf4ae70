/* SPDX-License-Identifier: Apache-2.0 */
#include "base/term.h"
#include "tap.h"

static struct arena arena;

static const struct term *read_ok(const char *text)
{
	const struct term *term = NULL;
	struct err err = {""};
	if (!ok(term_read(str_of(text), &term_limits_default, &arena, &term, &err) == 0)) {
		printf("# %s: %s\n", text, err.text);
		exit(1);
	}
	return term;
}

/* What is read is written as that. */
static void becomes(const char *text, const char *want)
{
	struct strbuf out = {0};
	term_put(&out, read_ok(text));
	is_text(strbuf_view(&out), want);
	strbuf_fini(&out);
}

static void stays(const char *text)
{
	becomes(text, text);
}

static void bytes_are(const char *text, struct str want)
{
	struct str bytes = STR_NULL;
	ok(term_bytes(read_ok(text), &bytes));
	is_str(bytes, want);
}

static void is_refused(struct str text, const char *want)
{
	const struct term *term = NULL;
	struct err err = {""};
	ok(term_read(text, &term_limits_default, &arena, &term, &err) < 0);
	ok(term == NULL);
	is_cstr(err.text, want);
}

static void test_kinds(void)
{
	stays("[]");
	stays("{}");
	stays("#{}");
	stays("<<>>");
	stays("\"\"");
	stays("[a,{b,[c|d]},#{e=>1,<<\"f\">>=>{}}]");
	stays("[[],[[]],{{},{}}]");
}

static void test_space(void)
{
	becomes(" [ a , { b\t, c } % a comment: }}\n, << 1 , \"a\" >> , #{ a => b } ]\r\n. ",
	    "[a,{b,c},<<1,97>>,#{a=>b}]");
	becomes("[a|b]", "[a|b]");
	becomes("[a,b|[c]]", "[a,b|[c]]");
}

static void test_numbers(void)
{
	int64_t number = 0;
	stays("[0,-1,1.5,-2.0e-10,1.0E+3,123456789012345678901234567890]");
	ok(term_int(read_ok("-9223372036854775808"), &number));
	is_int(number, INT64_MIN);
	ok(term_int(read_ok("+12"), &number));
	is_int(number, 12);
	ok(!term_int(read_ok("9223372036854775808"), &number));
	ok(!term_int(read_ok("1.0"), &number));
	ok(!term_int(NULL, &number));
	is_int(read_ok("1.0e5")->kind, TERM_FLOAT);
	is_int(read_ok("1.")->kind, TERM_INTEGER);
}

static void test_atoms(void)
{
	stays("[a,'B',aB_1@x,'a b','','\\'','\\\\','case','a\\nb','a\\x{1}b']");
	becomes("'plain'", "plain");
	becomes("'\\x{e9}'", "'\xc3\xa9'");
	ok(term_is_atom(read_ok("'true'"), "true"));
	ok(!term_is_atom(read_ok("<<\"true\">>"), "true"));
	bool value = false;
	ok(term_bool(read_ok("true"), &value) && value);
	ok(term_bool(read_ok("false"), &value) && !value);
	ok(!term_bool(read_ok("undefined"), &value));
}

static void test_binaries(void)
{
	bytes_are("<<\"a\\\"b\\\\c\\n\\x{e9}\\351\\xE9\\^A\\s\">>", STR("a\"b\\c\n\xe9\xe9\xe9\x01 "));
	bytes_are("<<\"\xc3\xa9\">>", STR("\xc3\xa9"));
	bytes_are("<<\"\xc3\xa9\\x{65e5}\\x{e9}\"/utf8>>", STR("\xc3\xa9\xe6\x97\xa5\xc3\xa9"));
	bytes_are("<<230,151,165>>", STR("\xe6\x97\xa5"));
	bytes_are("<<\"ab\" \"cd\",101,\"f\"/utf8>>", STR("abcdef"));
	bytes_are("<<0>>", STR("\0"));
	becomes("<<230,151,165>>", "<<230,151,165>>");
	becomes("<<195,169>>", "<<\"\xc3\xa9\">>");
	becomes("<<97,0>>", "<<97,0>>");
	stays("<<\"line\\ntwo\\ttab\\\"\\\\'\">>");
}

static void test_strings(void)
{
	bytes_are("\"a\\x{e9}\" \"b\\x{65e5}\"", STR("a\xe9"
						     "b\xe6\x97\xa5"));
	bytes_are("[]", STR(""));
	stays("\"a\\\"\\x{1}\\n\"");
	struct str bytes;
	ok(!term_bytes(read_ok("[97]"), &bytes));
	ok(!term_bytes(read_ok("a"), &bytes));
}

static void test_reading(void)
{
	const struct term *list = read_ok("[{a,1},{b,2},c,{a,3},{d},{a,4,5}]");
	int64_t number = 0;
	ok(term_int(term_find(list, "a"), &number));
	is_int(number, 3);
	ok(!term_find(list, "c"));
	ok(!term_find(read_ok("{a,b}"), "a"));
	is_int(list->count, 6);
	is_str(term_item(list, 5)->source, STR("{a,4,5}"));
	ok(!term_item(list, 6));
	ok(!term_item(NULL, 0));
	ok(term_is_list(list) && term_is_list(read_ok("\"\"")) && !term_is_list(read_ok("[a|b]")));
	ok(term_is_tuple(read_ok("{a,b}"), 2) && !term_is_tuple(read_ok("{a,b}"), 1) &&
	    !term_is_tuple(NULL, 0));
}

static void test_refused(void)
{
	static const char *const texts[] = {"", " ", "[", "{", "#{", "[a", "[a,", "[a,]", "{a,}", "[|a]",
	    "[a|b,c]", "[a|b|c]", "{a|b}", "#{a}", "#{a=>}", "#{a=>b,c}", "#{a,b}", "<<", "<<1", "<<1,",
	    "<<256>>", "<<-1>>", "<<a>>", "<<1:4>>", "<<\"a>>", "<<\"\\x{100}\">>", "<<\"\\x{d800}\"/utf8>>",
	    "<<\"\xe9\"/utf8>>", "<<\"\\x\">>", "<<\"\\x{}\">>", "<<\"\\x{110000}\"/utf8>>", "\"", "\"\\",
	    "\"\\x", "\"\\^", "'", "'a", "-", "+a", "A", "_", "#Fun<a.1>", "<0.1.0>", "a b", "a.b", "[a]]",
	    "..", "16#ff", "1..", "<<1/utf8>>"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const struct term *term = NULL;
		struct err err = {""};
		if (!ok(term_read(str_of(texts[i]), &term_limits_default, &arena, &term, &err) < 0))
			printf("# %s\n", texts[i]);
	}
	is_refused(STR("[a,b c]"), "neither a comma nor the end of what was opened at byte 5");
	is_refused(STR("[a\0]"), "a NUL in the text");
}

static void test_limits(void)
{
	struct term_limits limits = {.max_bytes = 12, .max_terms = 4, .max_depth = 2};
	const struct term *term = NULL;
	struct err err = {""};
	ok(term_read(STR("[a,b,c]"), &limits, &arena, &term, &err) == 0);
	ok(term_read(STR("[a,b,c,d]"), &limits, &arena, &term, &err) < 0);
	is_cstr(err.text, "too many terms at byte 7");
	ok(term_read(STR("[{a}]"), &limits, &arena, &term, &err) == 0);
	ok(term_read(STR("[{[]}]"), &limits, &arena, &term, &err) < 0);
	is_cstr(err.text, "too deep at byte 3");
	ok(term_read(STR("<<\"abcdefg\">>"), &limits, &arena, &term, &err) < 0);
	is_cstr(err.text, "more than 12 bytes");
	struct strbuf deep = {0};
	for (unsigned i = 0; i < 1000; i++)
		strbuf_char(&deep, '[');
	limits = (struct term_limits){.max_bytes = 4096, .max_terms = 4096, .max_depth = UINT32_MAX};
	ok(term_read(strbuf_view(&deep), &limits, &arena, &term, &err) < 0);
	is_cstr(err.text, "too deep at byte 256");
	strbuf_fini(&deep);
}

int main(void)
{
	run(test_kinds);
	run(test_space);
	run(test_numbers);
	run(test_atoms);
	run(test_binaries);
	run(test_strings);
	run(test_reading);
	run(test_refused);
	run(test_limits);
	arena_fini(&arena);
	return tap_done();
}
