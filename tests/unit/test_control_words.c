/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

#include "tap.h"

/* The words with '|' behind each. */
static void is_words(const char *line, const char *want)
{
	struct strbuf joined = {0};
	struct err err = {""};
	json_t *words = words_split(str_of(line), &err), *word;
	size_t i;

	ok(words != NULL);
	json_array_foreach(words, i, word) strbuf_printf(&joined, "%s|", json_string_value(word));
	is_text(strbuf_view(&joined), want);
	json_decref(words);
	strbuf_fini(&joined);
}

static void is_refused(struct str line, const char *why)
{
	struct err err = {""};
	json_t *words = words_split(line, &err);

	ok(words == NULL);
	ok(strstr(err.text, why) != NULL);
	json_decref(words);
}

static void test_words(void)
{
	is_words("", "");
	is_words("  \t ", "");
	is_words("register bob localhost secret", "register|bob|localhost|secret|");
	is_words("  a\t b\r", "a|b|");
}

static void test_comments(void)
{
	is_words("# all of it", "");
	is_words("a #b c", "a|");
	is_words("a b#c '#d' \\#e", "a|b#c|#d|#e|");
}

static void test_quotes(void)
{
	is_words("'a b' \"c d\"", "a b|c d|");
	is_words("'' \"\"", "||");
	is_words("a'b c'd\"e f\"", "ab cde f|");
	is_words("'a\\' \"b\\\"c\\\\d\\e\"", "a\\|b\"c\\d\\e|");
	is_words("'it'\\''s'", "it's|");
}

static void test_backslash(void)
{
	is_words("a\\ b \\'c \\\\", "a b|'c|\\|");
}

static void test_refused(void)
{
	is_refused(STR("a 'b"), "not closed");
	is_refused(STR("a \"b\\\""), "not closed");
	is_refused(STR("a \\"), "backslash");
	is_refused(STR("a b\xff"), "word 2 is not text");
	is_refused(((struct str){"a\0b", 3}), "word 1");
}

int main(void)
{
	run(test_words);
	run(test_comments);
	run(test_quotes);
	run(test_backslash);
	run(test_refused);
	return tap_done();
}
