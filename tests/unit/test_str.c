/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/str.h"

#include "tap.h"

static void test_compare(void)
{
	ok(str_eq(STR_NULL, STR("")));
	ok(!str_eq(STR("a"), STR("b")));
	ok(str_ieq(STR("StReam[@Z"), STR("sTrEAM[@z")));
	ok(!str_ieq(STR("@"), STR("`")));
	ok(!str_ieq(STR("\xc3\x89"), STR("\xc3\xa9")));
	ok(!str_ieq(STR("a"), STR("ab")));
	ok(str_ieq(STR_NULL, STR("")));
	is_int(str_cmp(STR("a"), STR("a")), 0);
	ok(str_cmp(STR("a"), STR("b")) < 0);
	ok(str_cmp(STR("ab"), STR("a")) > 0);
	ok(str_cmp(STR_NULL, STR("a")) < 0);
	ok(str_cmp(STR("\xff"), STR("a")) > 0);
	ok(str_eq_consttime(STR("secret"), STR("secret")));
	ok(!str_eq_consttime(STR("secret"), STR("secreT")));
	ok(!str_eq_consttime(STR("Secret"), STR("secret")));
	ok(!str_eq_consttime(STR("secret"), STR("secre")));
	ok(str_eq_consttime(STR_NULL, STR("")));
}

static void test_parts(void)
{
	struct str rest;

	ok(str_starts(STR("urn:xmpp"), "urn:"));
	ok(!str_starts(STR("ur"), "urn:"));
	ok(str_starts(STR_NULL, ""));
	ok(str_ends(STR("a.c"), ".c"));
	ok(!str_ends(STR("c"), ".c"));
	ok(str_ends(STR_NULL, ""));
	is_text(str_trim(STR(" \t\r\n a b \n")), "a b");
	is_text(str_trim(STR(" \t")), "");
	is_int(str_trim(STR_NULL).len, 0);
	is_text(str_cut(STR("a/b/c"), '/', &rest), "a");
	is_text(rest, "b/c");
	is_text(str_cut(STR("abc"), '/', &rest), "abc");
	is_text(rest, "");
	is_text(str_cut(STR("abc/"), '/', &rest), "abc");
	is_text(rest, "");
	is_text(str_cut(STR_NULL, '/', &rest), "");
	is_text(rest, "");
	rest = STR("x=y");
	is_text(str_cut(rest, '=', &rest), "x");
	is_text(rest, "y");
}

static void test_numbers(void)
{
	static const char *const wrong[] = {
	    "", "+1", " 1", "1 ", "0x1", "1a", "18446744073709551616", "99999999999999999999"};
	uint64_t value = 7;
	int64_t number = 7;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		ok(!str_to_u64(str_of(wrong[i]), &value));
		ok(!str_to_i64(str_of(wrong[i]), &number));
	}
	ok(!str_to_u64(STR("-1"), &value));
	ok(!str_to_i64(STR("-"), &number));
	ok(!str_to_i64(STR("--1"), &number));
	ok(!str_to_i64(STR("9223372036854775808"), &number));
	ok(!str_to_i64(STR("-9223372036854775809"), &number));
	is_int(value, 7);
	is_int(number, 7);
	ok(str_to_u64(STR("18446744073709551615"), &value) && value == UINT64_MAX);
	ok(str_to_u64(STR("007"), &value) && value == 7);
	ok(str_to_i64(STR("-9223372036854775808"), &number) && number == INT64_MIN);
	ok(str_to_i64(STR("9223372036854775807"), &number) && number == INT64_MAX);
	ok(str_to_i64(STR("-0"), &number) && number == 0);
}

static void test_dup(void)
{
	char *copy = str_dup((struct str){"juliet", 3});
	char *empty = str_dup(STR_NULL);

	is_cstr(copy, "jul");
	is_cstr(empty, "");
	free(copy);
	free(empty);
}

static void test_strbuf(void)
{
	struct strbuf buf = {0};

	strbuf_char(&buf, '<');
	strbuf_cstr(&buf, "iq");
	strbuf_str(&buf, STR(" id="));
	strbuf_str(&buf, STR_NULL);
	strbuf_u64(&buf, 0);
	strbuf_u64(&buf, UINT64_MAX);
	strbuf_printf(&buf, "%c%s", '/', ">");
	is_text(strbuf_view(&buf), "<iq id=018446744073709551615/>");
	is_int(buf.ptr[buf.len], 0);
	memcpy(strbuf_reserve(&buf, 3), "end", 3);
	buf.len += 3;
	is_cstr(buf.ptr, "<iq id=018446744073709551615/>end");
	strbuf_reset(&buf);
	is_int(buf.len, 0);
	is_cstr(buf.ptr, "");
	strbuf_fini(&buf);
	ok(!buf.ptr && !buf.cap);
	strbuf_reset(&buf);
	strbuf_add(&buf, NULL, 0);
	ok(!buf.ptr);
}

static void test_strbuf_growth(void)
{
	struct strbuf buf = {0};
	bool terminated = true;

	for (int i = 0; i < 5000; i++) {
		strbuf_char(&buf, (char)('a' + i % 26));
		terminated =
		    terminated && buf.len == (size_t)i + 1 && buf.ptr[buf.len] == '\0' && buf.len < buf.cap;
	}
	ok(terminated);
	is_int(buf.ptr[4999], 'a' + 4999 % 26);
	strbuf_printf(&buf, "%3000d", 1);
	is_int(buf.len, 8000);
	strbuf_fini(&buf);
	for (int width = 1; width < 70; width++) {
		strbuf_printf(&buf, "%*d", width, 1);
		terminated = terminated && buf.ptr[buf.len] == '\0' && buf.ptr[buf.len - 1] == '1';
	}
	ok(terminated);
	is_int(buf.len, 69 * 70 / 2);
	strbuf_fini(&buf);
}

static void test_strbuf_take(void)
{
	struct strbuf buf = {0};
	char *text = strbuf_take(&buf);

	is_cstr(text, "");
	free(text);
	strbuf_cstr(&buf, "mine");
	text = strbuf_take(&buf);
	is_cstr(text, "mine");
	ok(!buf.ptr && buf.len == 0);
	free(text);
}

int main(void)
{
	run(test_compare);
	run(test_parts);
	run(test_numbers);
	run(test_dup);
	run(test_strbuf);
	run(test_strbuf_growth);
	run(test_strbuf_take);
	return tap_done();
}
