/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include "tap.h"

static void test_valid(void)
{
	ok(utf8_valid(STR_NULL));
	ok(utf8_valid(STR("\0\x7f")));
	ok(utf8_valid(STR("more than eight plain bytes, then \xc3\xa9 and then plain again")));
	ok(utf8_valid(STR("\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf")));
	ok(utf8_valid(STR("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")));
}

static void test_invalid(void)
{
	static const char *const wrong[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2 ",
	    "\xe0\x9f\xbf", "\xe2\x82", "\xe2\x82 ", "\xe2 \x82", "\xed\xa0\x80", "\xed\xbf\xbf",
	    "\xf0\x8f\xbf\xbf", "\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
	    "\xf8\x88\x80\x80\x80", "\xfe", "\xff", "\xc3\xa9\xa9"};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		ok(!utf8_valid(str_of(wrong[i])));
}

/* A bad byte is found wherever it lies among plain ones. */
static void test_every_place(void)
{
	char text[40];
	bool found = true;

	for (size_t len = 1; len <= sizeof(text); len++) {
		for (size_t at = 0; at < len; at++) {
			memset(text, 'x', sizeof(text));
			text[at] = (char)0x80;
			found = found && !utf8_valid((struct str){text, len}) &&
				utf8_valid((struct str){text, at});
		}
	}
	ok(found);
}

static void test_every_rune(void)
{
	bool good = true, prefixes = true, surrogates = true;

	for (uint32_t rune = 0; rune <= 0x10ffff; rune++) {
		char bytes[4];
		uint32_t back = UINT32_MAX;
		int len = utf8_put(bytes, rune);

		if (rune >= 0xd800 && rune < 0xe000) {
			surrogates = surrogates && utf8_next(bytes, bytes + 3, &back) < 0;
			continue;
		}
		good = good && utf8_next(bytes, bytes + len, &back) == len && back == rune;
		for (int part = 1; part < len; part++)
			prefixes = prefixes && utf8_next(bytes, bytes + part, &back) == 0;
	}
	ok(good);
	ok(prefixes);
	ok(surrogates);
}

static int next(const char *bytes, uint32_t *rune_r)
{
	return utf8_next(bytes, bytes + strlen(bytes), rune_r);
}

static void test_next(void)
{
	uint32_t rune = 7;

	ok(next("\xe0\x80", &rune) < 0);
	ok(next("\xed\xa0", &rune) < 0);
	ok(next("\xf4\x90", &rune) < 0);
	ok(next("\xe2\x82 ", &rune) < 0);
	is_int(next("\xe0", &rune), 0);
	is_int(rune, 7);
	is_int(next("\xe2\x82\xac!", &rune), 3);
	is_int(rune, 0x20ac);
}

int main(void)
{
	run(test_valid);
	run(test_invalid);
	run(test_every_place);
	run(test_every_rune);
	run(test_next);
	return tap_done();
}
