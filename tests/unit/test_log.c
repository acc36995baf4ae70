/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_sink.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "tap.h"

#define STAMP "2023-11-14T22:13:20.007Z"

static char folder[] = "/tmp/test_log.XXXXXX";
static char path[64], old_path[64];

static struct strbuf file_text(const char *name)
{
	struct strbuf text = {0};
	FILE *file = fopen(name, "r");
	size_t got;

	strbuf_reserve(&text, 0);
	while (file && (got = fread(strbuf_reserve(&text, 4096), 1, 4096, file)) > 0)
		text.len += got;
	if (file)
		fclose(file);
	return text;
}

/* What the log holds, and from now on holds no more. */
static struct strbuf drain(void)
{
	struct strbuf text = file_text(path);

	if (truncate(path, 0) < 0)
		abort();
	return text;
}

static void is_logged(const char *want)
{
	struct strbuf text = drain();

	is_text(strbuf_view(&text), want);
	strbuf_fini(&text);
}

static void test_logfmt(void)
{
	log_set_format(LOG_FORMAT_LOGFMT);
	LOG_INFO("c2s.bound");
	is_logged("time=" STAMP " level=info event=c2s.bound\n");
	LOG_ERROR(
	    "a.b", LOG_CSTR("jid", "a@b/c"), LOG_INT("n", -5), LOG_BOOL("tls", true), LOG_BOOL("sm", 0));
	is_logged("time=" STAMP " level=error event=a.b jid=a@b/c n=-5 tls=true sm=false\n");
	LOG_INFO(
	    "q", LOG_CSTR("a", ""), LOG_STR("b", STR_NULL), LOG_CSTR("c", "x y"), LOG_CSTR("d", "x=\"\\"));
	is_logged("time=" STAMP " level=info event=q a=\"\" b=\"\" c=\"x y\" d=\"x=\\\"\\\\\"\n");
	LOG_INFO("e", LOG_STR("a", STR("1\n\r\t\0\x1b\x7f")), LOG_CSTR("b", "\xc3\xa9\xff\xc3"));
	is_logged("time=" STAMP
		  " level=info event=e a=\"1\\n\\r\\t\\u0000\\u001b\\u007f\" b=\"\xc3\xa9\\xff\\xc3\"\n");
	LOG_INFO("bidi", LOG_CSTR("a", "\xe2\x80\xae\xe2\x80\xa8\xc2\x85"));
	is_logged("time=" STAMP " level=info event=bidi a=\"\\u202e\\u2028\\u0085\"\n");
}

static void test_json(void)
{
	log_set_format(LOG_FORMAT_JSON);
	LOG_WARNING("a.b", LOG_CSTR("jid", "a@b/c"), LOG_INT("n", INT64_MIN), LOG_BOOL("tls", true));
	is_logged("{\"time\":\"" STAMP "\",\"level\":\"warning\",\"event\":\"a.b\",\"jid\":\"a@b/c\","
		  "\"n\":-9223372036854775808,\"tls\":true}\n");
	LOG_INFO("e", LOG_STR("a", STR("\"\\\n\0")), LOG_CSTR("b", "\xc3\xa9\xff"));
	is_logged("{\"time\":\"" STAMP "\",\"level\":\"info\",\"event\":\"e\",\"a\":\"\\\"\\\\\\n\\u0000\","
		  "\"b\":\"\xc3\xa9\\\\xff\"}\n");
	log_set_format(LOG_FORMAT_LOGFMT);
}

static void test_long_values(void)
{
	static char value[2051];
	struct strbuf text;

	memset(value, 'x', 2050);
	LOG_INFO("cut", LOG_STR("v", ((struct str){value, 2048})));
	text = drain();
	ok(str_ends(strbuf_view(&text), "xxx\n"));
	strbuf_fini(&text);
	LOG_INFO("cut", LOG_CSTR("v", value));
	text = drain();
	ok(str_ends(strbuf_view(&text), "xxx...[+2 bytes]\"\n"));
	strbuf_fini(&text);
	memcpy(value + 2047, "\xc3\xa9", 2);
	LOG_INFO("cut", LOG_CSTR("v", value));
	text = drain();
	ok(str_ends(strbuf_view(&text), "xxx...[+3 bytes]\"\n"));
	strbuf_fini(&text);
}

static void test_levels(void)
{
	enum log_level level = LOG_LEVEL_DEBUG;

	LOG_DEBUG("quiet");
	is_logged("");
	log_set_level(LOG_LEVEL_NONE);
	LOG_CRITICAL("quiet");
	is_logged("");
	log_set_level(LOG_LEVEL_DEBUG);
	errno = EPIPE;
	LOG_DEBUG("loud");
	is_int(errno, EPIPE);
	is_logged("time=" STAMP " level=debug event=loud\n");
	log_set_level(LOG_LEVEL_INFO);
	is_int(log_level_parse(STR("critical"), &level), 0);
	is_int(level, LOG_LEVEL_CRITICAL);
	is_int(log_level_parse(STR("4"), &level), 0);
	is_int(level, LOG_LEVEL_INFO);
	ok(log_level_parse(STR("6"), &level) < 0);
	ok(log_level_parse(STR(""), &level) < 0);
	ok(log_level_parse(STR("loud"), &level) < 0);
	is_int(level, LOG_LEVEL_INFO);
	is_cstr(log_level_name(LOG_LEVEL_NONE), "none");
}

static void test_before_1970(void)
{
	clock_fake(-1000);
	LOG_INFO("old");
	is_logged("time=1969-12-31T23:59:59.999Z level=info event=old\n");
	clock_fake(1700000000007999);
}

static void test_reopen(void)
{
	struct strbuf text;
	struct err err;

	LOG_INFO("before");
	ok(rename(path, old_path) == 0);
	LOG_INFO("between");
	is_int(log_reopen(&err), 0);
	LOG_INFO("after");
	is_logged("time=" STAMP " level=info event=after\n");
	text = file_text(old_path);
	ok(str_ends(strbuf_view(&text), "event=before\ntime=" STAMP " level=info event=between\n"));
	strbuf_fini(&text);
	ok(log_set_file("/nonexistent/log", &err) < 0);
	is_cstr(err.text, "opening the log /nonexistent/log: No such file or directory");
	LOG_INFO("still");
	is_logged("time=" STAMP " level=info event=still\n");
	is_int(log_set_file(NULL, &err), 0);
	is_int(log_reopen(&err), 0);
	LOG_INFO("stderr");
	is_logged("");
	is_int(log_set_file(path, &err), 0);
	LOG_INFO("back");
	is_logged("time=" STAMP " level=info event=back\n");
}

static void *write_many(void *unused)
{
	for (int i = 0; i < 200; i++)
		LOG_INFO("many", LOG_CSTR("text", "some words in a line"));
	return NULL;
}

static void test_threads(void)
{
	const char *line = "time=" STAMP " level=info event=many text=\"some words in a line\"";
	struct strbuf text;
	struct str rest;
	pthread_t threads[3];
	struct err err;
	int lines = 0;
	bool whole = true;

	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, write_many, NULL);
	for (int i = 0; i < 20; i++)
		log_reopen(&err);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	text = drain();
	for (rest = strbuf_view(&text); rest.len; lines++)
		whole = str_is(str_cut(rest, '\n', &rest), line) && whole;
	ok(whole);
	is_int(lines, 600);
	strbuf_fini(&text);
}

int main(void)
{
	struct err err;

	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/log", folder);
	snprintf(old_path, sizeof(old_path), "%s/log.1", folder);
	clock_fake(1700000000007999);
	is_int(log_set_file(path, &err), 0);
	run(test_logfmt);
	run(test_json);
	run(test_long_values);
	run(test_levels);
	run(test_before_1970);
	run(test_reopen);
	run(test_threads);
	unlink(path);
	unlink(old_path);
	rmdir(folder);
	return tap_done();
}
