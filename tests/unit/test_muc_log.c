/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "modules/mod_muc_log/files.h"
#include "modules/mod_muc_log/line.h"
#include "modules/mod_muc_log/paper.h"
#include "modules/mod_muc_log/text.h"
#include "tap.h"

#define NOON INT64_C(1767268800000000) /* 2026-01-01T12:00:00Z */
#define A_DAY INT64_C(86400000000)

static char folder[] = "/tmp/test-muc-log-XXXXXX";
static struct muclog_settings settings = {
    .outdir = folder, .nofollow = true, .universal = true, .mode = 0644, .group = (gid_t)-1};

static struct muclog_head head_of(const char *room, const char *title)
{
	const char *at = strchr(room, '@');
	size_t local = at ? (size_t)(at - room) : 0;
	return (struct muclog_head){
	    .room = {room, (uint16_t)local, (uint16_t)(strlen(room) - local - (at ? 1 : 0)), 0},
	    .title = str_of(title),
	};
}

static struct muclog_event event_of(enum muclog_kind kind, const char *nick, const char *text)
{
	return (struct muclog_event){.kind = kind, .at_us = NOON, .nick = str_of(nick), .text = str_of(text)};
}

static bool has(struct str text, const char *part)
{
	return memmem(text.ptr, text.len, part, strlen(part));
}

/* --- text -------------------------------------------------------------------------------------------------- */

static void is_linked(const char *text, const char *want)
{
	struct strbuf out = {0};
	muclog_put_linked(&out, str_of(text), true);
	is_text(strbuf_view(&out), want);
	strbuf_fini(&out);
}

#define LINK(url) "<a href=\"" url "\" rel=\"nofollow\">" url "</a>"

static void test_escapes(void)
{
	is_linked("<script>alert(\"1\" & '2')</script>",
	    "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;");
	is_linked("a\nb\tc", "a<br>b\tc");
	is_linked("\x01\x7f\xc2\x85\xff\xef\xbf\xbe", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	is_linked("caf\xc3\xa9 \xf0\x9f\x98\x80", "caf\xc3\xa9 \xf0\x9f\x98\x80");
	is_linked("--></ol>", "--&gt;&lt;/ol&gt;");
}

static void test_links(void)
{
	is_linked("see https://example.org/a_(b)?c=d&e.", "see <a href=\"https://example.org/a_(b)?c=d&amp;e\" "
							   "rel=\"nofollow\">https://example.org/a_(b)?c=d&amp;e</a>.");
	is_linked("(http://example.org/)", "(" LINK("http://example.org/") ")");
	is_linked("HTTP://Example.org, xmpp:a@b?join!",
	    LINK("HTTP://Example.org") ", " LINK("xmpp:a@b?join") "!");
	is_linked("javascript:alert(1) data:text/html,x", "javascript:alert(1) data:text/html,x");
	is_linked("xhttp://no http:// https://...", "xhttp://no http:// https://...");
	is_linked("http://a\"onclick='x'", LINK("http://a") "&quot;onclick=&#39;x&#39;");
	is_linked("mailto:a@b<mailto:c@d>", LINK("mailto:a@b") "&lt;" LINK("mailto:c@d") "&gt;");
	is_linked("http://a\nhttp://b", LINK("http://a") "<br>" LINK("http://b"));
	struct strbuf out = {0};
	muclog_put_linked(&out, STR("http://a"), false);
	is_text(strbuf_view(&out), "<a href=\"http://a\">http://a</a>");
	strbuf_fini(&out);
}

/* What would take long if it were looked at again and again. */
static void test_hostile_links(void)
{
	struct strbuf text = {0}, out = {0};
	strbuf_cstr(&text, "http://x");
	for (int i = 0; i < 200000; i++)
		strbuf_cstr(&text, i % 2 ? ")" : "]");
	muclog_put_linked(&out, strbuf_view(&text), true);
	ok(str_starts(strbuf_view(&out), LINK("http://x") "])"));
	strbuf_fini(&text);
	strbuf_fini(&out);
}

static void test_plain(void)
{
	struct strbuf out = {0};
	muclog_put_plain(&out, STR("a\n[10:00:00] <b> c\r\x1b[2J\xe2\x80\xae\xe2\x80\xa8"), 2);
	is_text(strbuf_view(&out), "a\n  [10:00:00] <b> c\xef\xbf\xbd\xef\xbf\xbd[2J\xef\xbf\xbd\xef\xbf\xbd");
	strbuf_fini(&out);
}

/* --- lines ------------------------------------------------------------------------------------------------- */

static void is_line(struct muclog_event event, const char *want)
{
	struct strbuf out = {0};
	muclog_put_text_line(&out, &settings, &event);
	is_text(strbuf_view(&out), want);
	strbuf_fini(&out);
}

static void test_text_lines(void)
{
	struct muclog_event event = event_of(MUCLOG_KICK, "romeo", "enough");
	event.by = STR("juliet");
	is_line(event, "[12:00:00] *** romeo was kicked by juliet: enough\n");
	is_line(event_of(MUCLOG_MESSAGE, "romeo", "hi\nthere"), "[12:00:00] <romeo> hi\n           there\n");
	is_line(event_of(MUCLOG_MESSAGE, "romeo", "/me waves"), "[12:00:00] * romeo waves\n");
	is_line(event_of(MUCLOG_MESSAGE, "romeo", "/meow"), "[12:00:00] <romeo> /meow\n");
	is_line(event_of(MUCLOG_MESSAGE, "", "/me says"), "[12:00:00] <> /me says\n");
	is_line(event_of(MUCLOG_JOIN, "romeo", ""), "[12:00:00] *** romeo joined the room\n");
	is_line(event_of(MUCLOG_LEAVE, "romeo", "bye"), "[12:00:00] *** romeo left the room: bye\n");
	is_line(event_of(MUCLOG_SUBJECT, "romeo", "balconies"),
	    "[12:00:00] *** romeo set the subject: balconies\n");
	is_line(event_of(MUCLOG_SUBJECT, "romeo", ""), "[12:00:00] *** romeo took the subject away\n");
	is_line(event_of(MUCLOG_STARTED, "", ""), "[12:00:00] *** The service was started\n");
	event = event_of(MUCLOG_RENAME, "tybalt", "");
	event.by = STR("romeo");
	is_line(event, "[12:00:00] *** romeo is now known as tybalt\n");
	event = event_of(MUCLOG_AFFILIATION, "romeo", "");
	event.affiliation = ROOM_MEMBER;
	is_line(event, "[12:00:00] *** romeo is now a member\n");
	event = event_of(MUCLOG_MESSAGE, "romeo", "hi");
	event.corrected = true;
	is_line(event, "[12:00:00] <romeo> hi (corrected)\n");
}

#define STAMP                                                                                                \
	"<a class=\"ts\" href=\"#t1767268800000000\"><time datetime=\"2026-01-01T12:00:00+00:00\">12:00:00"      \
	"</time></a> "

static void is_html_line(struct muclog_event event, const char *want)
{
	struct strbuf out = {0};
	muclog_put_line(&out, &settings, &event);
	is_text(strbuf_view(&out), want);
	strbuf_fini(&out);
}

static void test_html_lines(void)
{
	is_html_line(event_of(MUCLOG_MESSAGE, "<romeo>", "a < b"),
	    "<li id=\"t1767268800000000\" class=\"say\">" STAMP
	    "<b class=\"nick n3\"><bdi>&lt;romeo&gt;</bdi></b> "
	    "<span class=\"text\" dir=\"auto\">a &lt; b</span></li>\n");
	is_html_line(event_of(MUCLOG_MESSAGE, "romeo", "/me waves"),
	    "<li id=\"t1767268800000000\" class=\"me\">" STAMP
	    "<b class=\"nick n1\"><bdi>romeo</bdi></b> <span class=\"text\" dir=\"auto\">waves</span></li>\n");
	is_html_line(event_of(MUCLOG_CONFIGURED, "", "One.\nTwo."),
	    "<li id=\"t1767268800000000\" class=\"room\">" STAMP
	    "<span class=\"text\">The configuration was changed.<br>One.<br>Two.</span></li>\n");
	is_html_line(event_of(MUCLOG_BAN, "romeo", "<b>"),
	    "<li id=\"t1767268800000000\" class=\"kick\">" STAMP
	    "<span class=\"text\"><b class=\"nick n1\"><bdi>romeo</bdi></b> was banned: &lt;b&gt;</span></li>\n");
}

/* --- names ------------------------------------------------------------------------------------------------- */

static void is_folder(const char *room, bool room_name, const char *want)
{
	struct muclog_settings other = {.room_name = room_name};
	struct muclog_head head = head_of(room, "");
	struct strbuf out = {0};
	muclog_put_folder(&out, &other, &head.room);
	is_text(strbuf_view(&out), want);
	strbuf_fini(&out);
}

static void test_folders(void)
{
	is_folder("hall@rooms.example", false, "hall@rooms.example");
	is_folder("hall@rooms.example", true, "hall");
	is_folder("..@rooms.example", true, "%2E.");
	is_folder(".@rooms.example", true, "%2E");
	is_folder("../../etc/x@rooms.example", false, "%2E.%2F..%2Fetc%2Fx@rooms.example");
	is_folder("a%2F\n\x7f@rooms.example", true, "a%252F%0A%7F");
	is_folder("k\xc3\xb6ln@rooms.example", true, "k\xc3\xb6ln");
}

static void test_long_folders(void)
{
	char room[1100];
	struct strbuf one = {0}, two = {0};
	memset(room, 'x', sizeof(room));
	snprintf(room + 1000, 100, "\xc3\xa4@rooms.example");
	memcpy(room + 179, "\xc3\xa4", 2);
	struct muclog_head head = head_of(room, "");
	muclog_put_folder(&one, &settings, &head.room);
	is_int(one.len, 179 + 1 + 32);
	room[999] = 'y';
	muclog_put_folder(&two, &settings, &head.room);
	is_int(two.len, one.len);
	ok(!str_eq(strbuf_view(&one), strbuf_view(&two)));
	strbuf_fini(&one);
	strbuf_fini(&two);
}

static void test_days(void)
{
	struct muclog_settings plain = {.plain_dirs = true, .plain_text = true};
	struct muclog_day day;
	ok(muclog_file_day(&settings, STR("2026/01/02.html"), &day) && day.day == 2);
	ok(!muclog_file_day(&settings, STR("2026/1/02.html"), &day));
	ok(!muclog_file_day(&settings, STR("2026/13/02.html"), &day));
	ok(!muclog_file_day(&settings, STR("2026/01/02.html~"), &day));
	ok(muclog_file_day(&plain, STR("2026-01-02.txt"), &day) && day.year == 2026);
	ok(!muclog_file_day(&plain, STR("2026-01-02.html"), &day));
	ok(!muclog_file_day(&plain, STR("index"), &day));
}

/* --- pages ------------------------------------------------------------------------------------------------- */

static void test_head(void)
{
	struct muclog_head head = head_of("hall@rooms.example", "<Hall> & \"more\"");
	struct muclog_day previous = {2025, 12, 30};
	struct strbuf out = {0}, place = {0}, link = {0};
	head.subject = STR("about </ol> http://example.org");
	head.author = STR("ro'meo");
	head.lang = STR("de\" onload=\"x");
	muclog_put_head(&out, &settings, &head, NOON, &previous);
	struct str page = strbuf_view(&out);
	ok(str_starts(page, "<!DOCTYPE html>\n"));
	ok(has(page, "<title>&lt;Hall&gt; &amp; &quot;more&quot; \xe2\x80\x93 2026-01-01</title>"));
	ok(has(page, "<a href=\"xmpp:hall@rooms.example?join\">hall@rooms.example</a>"));
	ok(has(page, "about &lt;/ol&gt; " LINK("http://example.org")));
	ok(has(page, "set by <bdi>ro&#39;meo</bdi>"));
	ok(has(page, "<a rel=\"prev\" href=\"../../2025/12/30.html\">"));
	ok(has(page, "Thursday, 1 January 2026</time> <small class=\"zone\">UTC</small>"));
	ok(!has(page, "onload"));
	muclog_put_next_place(&place, &settings);
	muclog_put_next(&link, &settings, (struct muclog_day){2026, 1, 2});
	is_int(place.len, link.len);
	ok(has(page, place.ptr));
	strbuf_fini(&out);
	strbuf_fini(&place);
	strbuf_fini(&link);
}

static void test_changes(void)
{
	struct muclog_head before = head_of("hall@rooms.example", "Hall"), now = before;
	struct strbuf out = {0};
	muclog_put_changes(&out, &before, &now);
	is_int(out.len, 0);
	now.title = STR("Big Hall");
	now.options = 1;
	muclog_put_changes(&out, &before, &now);
	is_text(strbuf_view(&out), "The title is now: Big Hall\nThe room stays when nobody is in it.");
	strbuf_reset(&out);
	muclog_put_changes(&out, &now, &before);
	is_text(strbuf_view(&out), "The title is now: Hall\nThe room ends when the last one leaves.");
	strbuf_fini(&out);
}

/* --- files ------------------------------------------------------------------------------------------------- */

static char *slurp(const char *path, struct strbuf *full)
{
	strbuf_reset(full);
	strbuf_printf(full, "%s/%s", folder, path);
	FILE *file = fopen(full->ptr, "r");
	struct strbuf text = {0};
	char chunk[4096];
	size_t len;
	while (file && (len = fread(chunk, 1, sizeof(chunk), file)))
		strbuf_add(&text, chunk, len);
	if (file)
		fclose(file);
	return strbuf_take(&text);
}

static int write_one(const struct muclog_head *head, const struct muclog_event *event, struct muclog_place *place)
{
	struct err err = {""};
	unsigned written;
	int result = muclog_files_write(&settings, head, event, 0, place, &written, &err);
	if (result < 0)
		printf("# %s\n", err.text);
	return result;
}

static void is_whole(const char *page)
{
	ok(str_starts(str_of(page), "<!DOCTYPE html>"));
	ok(str_ends(str_of(page), MUCLOG_FOOT));
	ok(strstr(page, MUCLOG_FOOT) == page + strlen(page) - strlen(MUCLOG_FOOT));
}

static void test_day_change(void)
{
	struct muclog_head head = head_of("hall@rooms.example", "Hall");
	struct muclog_event one = event_of(MUCLOG_MESSAGE, "romeo", "first"),
			    two = event_of(MUCLOG_MESSAGE, "romeo", "second"),
			    three = event_of(MUCLOG_MESSAGE, "romeo", "third");
	struct muclog_place place = {{0}};
	struct strbuf path = {0};
	one.next = &two;
	two.at_us += 1;
	two.next = &three;
	three.at_us += 40 * A_DAY;
	is_int(write_one(&head, &one, &place), 0);
	char *january = slurp("hall@rooms.example/2026/01/01.html", &path);
	char *february = slurp("hall@rooms.example/2026/02/10.html", &path);
	is_whole(january);
	is_whole(february);
	ok(strstr(january, "first") && strstr(january, "second") && !strstr(january, "third"));
	ok(strstr(january, "<a rel=\"next\" href=\"../../2026/02/10.html\">2026-02-10 "));
	ok(!strstr(january, "<!--"));
	ok(strstr(february, "<a rel=\"prev\" href=\"../../2026/01/01.html\">"));
	free(january);
	free(february);
	strbuf_fini(&path);
}

/* Ends and covers fall on all places of a block. */
static void test_many_lines(void)
{
	struct muclog_head head = head_of("many@rooms.example", "Many");
	struct muclog_place place = {{0}};
	struct strbuf path = {0}, text = {0};
	bool whole = true;
	for (int i = 0; i < 300; i++) {
		strbuf_reset(&text);
		strbuf_printf(&text, "line %d %*s!", i, i * 7 % 193, "");
		struct muclog_event event = event_of(MUCLOG_MESSAGE, "romeo", text.ptr);
		event.at_us += i;
		whole &= write_one(&head, &event, &place) == 0;
		char *page = slurp("many@rooms.example/2026/01/01.html", &path);
		const char *foot = strstr(page, MUCLOG_FOOT);
		whole &= foot && foot[strlen(MUCLOG_FOOT)] == '\0' && !strstr(strstr(page, "<main>"), "<!--");
		size_t at = strlen(page) - strlen(MUCLOG_FOOT);
		whole &= at / MUCLOG_BLOCK == (at + strlen(MUCLOG_FOOT) + 3) / MUCLOG_BLOCK;
		free(page);
	}
	ok(whole);
	char *page = slurp("many@rooms.example/2026/01/01.html", &path);
	int lines = 0;
	for (const char *at = page; (at = strstr(at, "</li>\n<li id=")); at++)
		lines++;
	ok(strstr(page, ">line 0 ") && strstr(page, ">line 299 "));
	free(page);
	strbuf_fini(&path);
	strbuf_fini(&text);
}

static void put_back(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ok(fd >= 0 && write(fd, text, len) == (ssize_t)len);
	close(fd);
}

/* A page that was cut short anywhere while a line was added is right after the next one. */
static void test_cut_short(void)
{
	struct muclog_head head = head_of("cut@rooms.example", "Cut");
	struct muclog_place place = {{0}};
	struct muclog_event one = event_of(MUCLOG_MESSAGE, "romeo", "first"),
			    three = event_of(MUCLOG_MESSAGE, "romeo", "third");
	struct strbuf path = {0}, covered = {0};
	is_int(write_one(&head, &one, &place), 0);
	char *before = slurp("cut@rooms.example/2026/01/01.html", &path);
	strbuf_cstr(&covered, before);
	strbuf_cstr(&covered, "<!--<li>second</li>\n" MUCLOG_FOOT);
	for (size_t len = strlen(before); len <= covered.len; len += 5) {
		put_back(path.ptr, covered.ptr, len + 5 > covered.len ? covered.len : len);
		place = (struct muclog_place){{0}};
		is_int(write_one(&head, &three, &place), 0);
		char *after = slurp("cut@rooms.example/2026/01/01.html", &path);
		is_whole(after);
		ok(strstr(after, "first") && strstr(after, "third") && !strstr(strstr(after, "<main>"), "<!--"));
		is_int(strstr(after, "second") != NULL, len + 5 > covered.len);
		free(after);
	}
	put_back(path.ptr, before, strlen(before) - 10);
	place = (struct muclog_place){{0}};
	is_int(write_one(&head, &three, &place), 0);
	char *after = slurp("cut@rooms.example/2026/01/01.html", &path);
	is_whole(after);
	ok(strstr(after, "first") && strstr(after, "third"));
	free(after);
	free(before);
	strbuf_fini(&path);
	strbuf_fini(&covered);
}

static void test_foreign_file(void)
{
	struct muclog_head head = head_of("cut@rooms.example", "Cut");
	struct muclog_place place = {{0}};
	struct muclog_event one = event_of(MUCLOG_MESSAGE, "romeo", "mine");
	struct strbuf path = {0};
	free(slurp("cut@rooms.example/2026/01/01.html", &path));
	put_back(path.ptr, "<html>other", 11);
	is_int(write_one(&head, &one, &place), 0);
	char *page = slurp("cut@rooms.example/2026/01/01.html", &path),
	     *aside = slurp("cut@rooms.example/2026/01/01.html~", &path);
	is_whole(page);
	is_cstr(aside, "<html>other");
	free(page);
	free(aside);
	strbuf_fini(&path);
}

/* The start of the service is only told where there is a log from before it. */
static void test_started(void)
{
	struct muclog_head head = head_of("start@rooms.example", "Start");
	struct muclog_place place = {{0}};
	struct muclog_event started = event_of(MUCLOG_STARTED, "", ""), one = event_of(MUCLOG_JOIN, "romeo", "");
	struct strbuf path = {0};
	struct err err = {""};
	unsigned written;
	is_int(muclog_files_write(&settings, &head, &started, INT64_MAX, &place, &written, &err), 0);
	strbuf_printf(&path, "%s/start@rooms.example", folder);
	ok(access(path.ptr, F_OK) < 0);
	is_int(write_one(&head, &one, &place), 0);
	is_int(write_one(&head, &started, &place), 0);
	char *page = slurp("start@rooms.example/2026/01/01.html", &path);
	ok(!strstr(page, "The service was started"));
	free(page);
	is_int(muclog_files_write(&settings, &head, &started, INT64_MAX, &place, &written, &err), 0);
	page = slurp("start@rooms.example/2026/01/01.html", &path);
	ok(strstr(page, "The service was started"));
	free(page);
	strbuf_fini(&path);
}

static void test_plain_files(void)
{
	struct muclog_settings kept = settings;
	struct muclog_head head = head_of("hall@rooms.example", "Hall\nmore");
	struct muclog_place place = {{0}};
	struct muclog_event one = event_of(MUCLOG_MESSAGE, "romeo", "first"), two = one;
	struct strbuf path = {0};
	struct stat stat_now;
	settings.plain_text = settings.plain_dirs = settings.room_name = true;
	settings.mode = 0640;
	two.at_us += A_DAY;
	is_int(write_one(&head, &one, &place), 0);
	is_int(write_one(&head, &one, &place), 0);
	is_int(write_one(&head, &two, &place), 0);
	char *page = slurp("hall/2026-01-01.txt", &path);
	ok(str_ends(str_of(page), "\n\n[12:00:00] <romeo> first\n[12:00:00] <romeo> first\n"));
	ok(strstr(page, "Room:          Hall\n               more\n"));
	put_back(path.ptr, page, strlen(page) - 3);
	free(page);
	place = (struct muclog_place){{0}};
	is_int(write_one(&head, &one, &place), 0);
	page = slurp("hall/2026-01-01.txt", &path);
	ok(str_ends(str_of(page), "\n\n[12:00:00] <romeo> first\n[12:00:00] <romeo> first\n"));
	free(page);
	page = slurp("hall/2026-01-02.txt", &path);
	ok(str_ends(str_of(page), "[12:00:00] <romeo> first\n"));
	ok(stat(path.ptr, &stat_now) == 0 && (stat_now.st_mode & 0777) == 0640);
	free(page);
	settings = kept;
	strbuf_fini(&path);
}

static void test_failure(void)
{
	struct muclog_settings kept = settings;
	struct muclog_head head = head_of("hall@rooms.example", "Hall");
	struct muclog_place place = {{0}};
	struct muclog_event one = event_of(MUCLOG_MESSAGE, "romeo", "first");
	settings.outdir = "/proc/nowhere";
	ok(write_one(&head, &one, &place) < 0);
	settings = kept;
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
	return remove(path);
}

int main(void)
{
	if (!mkdtemp(folder))
		return 1;
	run(test_escapes);
	run(test_links);
	run(test_hostile_links);
	run(test_plain);
	run(test_text_lines);
	run(test_html_lines);
	run(test_folders);
	run(test_long_folders);
	run(test_days);
	run(test_head);
	run(test_changes);
	run(test_day_change);
	run(test_many_lines);
	run(test_cut_short);
	run(test_foreign_file);
	run(test_started);
	run(test_plain_files);
	run(test_failure);
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return tap_done();
}
