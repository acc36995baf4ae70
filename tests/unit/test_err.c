/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/err.h"

#include "tap.h"

static void test_words(void)
{
	struct err err;

	is_int(err_set(&err, "no such %s", "file"), -1);
	is_cstr(err.text, "no such file");
	is_int(err_prefix(&err, "opening %s", "x"), -1);
	is_cstr(err.text, "opening x: no such file");
	err_set(&err, "again: %s", err.text);
	is_cstr(err.text, "again: opening x: no such file");
	err_prefix(&err, "<%s>", err.text + 7);
	is_cstr(err.text, "<opening x: no such file>: again: opening x: no such file");
}

static void test_bounds(void)
{
	struct err err;

	is_int(err_set(NULL, "nobody listens"), -1);
	is_int(err_prefix(NULL, "nobody listens"), -1);
	err_set(&err, "%600d", 1);
	is_int(strlen(err.text), sizeof(err.text) - 1);
	err_prefix(&err, "first");
	is_int(strlen(err.text), sizeof(err.text) - 1);
	is_int(memcmp(err.text, "first:  ", 8), 0);
	err_prefix(&err, "%700d", 2);
	is_int(strlen(err.text), sizeof(err.text) - 1);
	err_set(&err, "one\r\nline\x7f");
	is_cstr(err.text, "one  line ");
}

int main(void)
{
	run(test_words);
	run(test_bounds);
	return tap_done();
}
