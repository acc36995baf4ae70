/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program.h"

#include "tap.h"

static struct program program;
static struct err err;

static void test_words(void)
{
	is_int(program_parse(STR(" /bin/sh  -c 'a \"b\\' \"c\\\"d e\" f\\ g '' $HOME\t*\n"), &program, &err), 0);
	is_int(program.count, 8);
	is_cstr(program.path, "/bin/sh");
	is_cstr(program.words[0], "/bin/sh");
	is_cstr(program.words[1], "-c");
	is_cstr(program.words[2], "a \"b\\");
	is_cstr(program.words[3], "c\"d e");
	is_cstr(program.words[4], "f g");
	is_cstr(program.words[5], "");
	is_cstr(program.words[6], "$HOME");
	is_cstr(program.words[7], "*");
	ok(!program.words[8]);
	program_fini(&program);
}

static void test_in_path(void)
{
	is_int(program_parse(STR("sh x"), &program, &err), 0);
	ok(str_ends(str_of(program.path), "/sh"));
	is_cstr(program.words[0], "sh");
	program_fini(&program);
}

static void fails(struct str line, const char *text)
{
	is_int(program_parse(line, &program, &err), -1);
	ok(strstr(err.text, text));
	ok(!program.words && !program.path && !program.count);
}

static void test_failures(void)
{
	fails(STR(""), "no program");
	fails(STR(" \t"), "no program");
	fails(STR("/bin/sh 'open"), "not closed");
	fails(STR("/bin/sh \"open"), "not closed");
	fails(STR("/bin/sh a\0b"), "NUL");
	fails(STR("/no/such/file"), "No such file");
	fails(STR("/etc/passwd"), "cannot be run");
	fails(STR("/tmp"), "cannot be run");
	fails(STR("no-such-program-anywhere"), "PATH");
}

int main(void)
{
	run(test_words);
	run(test_in_path);
	run(test_failures);
	return tap_done();
}
