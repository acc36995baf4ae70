/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of tests/conf: those with a NAME.expected beside them have exactly the problems that it lists;
 * the others load without an error.
 */
#include "conf_load.h"

#include <glob.h>
#include <unistd.h>

#include "conf/include.h"

static void check_expected(const char *file, const char *expected_file)
{
	struct conf_report report;
	struct conf *conf = NULL;
	struct str expected;
	char *problems;

	conf_load(file, &conf, &report);
	problems = problems_text(&report);
	if (ok(include_read_file(expected_file, &expected, NULL) == 0)) {
		if (!is_str(str_of(problems), expected))
			printf("# %s\n", file);
		free((char *)expected.ptr);
	}
	free(problems);
	conf_report_fini(&report);
	conf_unref(&conf);
}

static void check_loads(const char *file)
{
	struct conf_report report;
	struct conf *conf = NULL;

	if (!ok(conf_load(file, &conf, &report) == 0)) {
		char *problems = problems_text(&report);

		printf("# %s\n", problems);
		free(problems);
	}
	conf_report_fini(&report);
	conf_unref(&conf);
}

static void test_files(void)
{
	glob_t found = {0};

	ok(glob("*.yml", 0, NULL, &found) == 0 && found.gl_pathc > 10);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *file = found.gl_pathv[i];
		struct strbuf expected = {0};

		strbuf_printf(&expected, "%.*s.expected", (int)(strlen(file) - strlen(".yml")), file);
		if (access(expected.ptr, R_OK) == 0)
			check_expected(file, expected.ptr);
		else
			check_loads(file);
		strbuf_fini(&expected);
	}
	globfree(&found);
}

/* The packages' files name all that they should. */
static void test_stock(void)
{
	static const struct {
		const char *file;
		size_t modules, listeners;
	} files[] = {{"stock-master.yml", 38, 7}, {"stock-23.01.yml", 36, 7}, {"stock-debian-12.yml", 34, 6}};

	for (size_t i = 0; i < 3; i++) {
		struct conf_report report;
		struct conf *conf = NULL;

		if (ok(conf_load(files[i].file, &conf, &report) == 0)) {
			is_int(conf_module_count(conf, STR("localhost")), files[i].modules);
			is_int(conf_listener_count(conf), files[i].listeners);
		}
		conf_report_fini(&report);
		conf_unref(&conf);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1 && !ok(chdir(argv[1]) == 0))
		return tap_done();
	run(test_files);
	run(test_stock);
	return tap_done();
}
