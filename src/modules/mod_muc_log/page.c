/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc_log/page.h"

#include <stdlib.h>

#include "modules/mod_muc_log/text.h"

static const char *const months[] = {"January", "February", "March", "April", "May", "June", "July", "August",
    "September", "October", "November", "December"};
static const char *const days[] = {
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

void muclog_put_gap(struct strbuf *out, size_t at, size_t more)
{
	size_t used = (at + out->len) % MUCLOG_BLOCK;
	if (used + more > MUCLOG_BLOCK)
		strbuf_printf(out, "%*s", (int)(MUCLOG_BLOCK - used), "");
}

void muclog_put_next(struct strbuf *out, const struct muclog_settings *settings, struct muclog_day next)
{
	strbuf_cstr(out, "<a rel=\"next\" href=\"");
	muclog_put_way(out, settings, next);
	strbuf_printf(out, "\">%04d-%02d-%02d \xe2\x96\xb6</a>", next.year, next.month, next.day);
}

void muclog_put_next_place(struct strbuf *out, const struct muclog_settings *settings)
{
	struct strbuf link = {0};
	muclog_put_next(&link, settings, (struct muclog_day){2000, 1, 1});
	strbuf_cstr(out, "<!--next");
	strbuf_printf(out, "%*s-->", (int)link.len - 11, "");
	strbuf_fini(&link);
}

/* "UTC", "CET, UTC+01:00" */
static void put_zone(struct strbuf *out, const struct muclog_settings *settings, const struct tm *tm)
{
	long offset = tm->tm_gmtoff / 60;
	if (settings->universal || (offset == 0 && str_is(str_of(tm->tm_zone), "UTC"))) {
		strbuf_cstr(out, "UTC");
		return;
	}
	muclog_put_plain(out, str_of(tm->tm_zone), 0);
	strbuf_printf(out, ", UTC%c%02ld:%02ld", offset < 0 ? '-' : '+', labs(offset) / 60, labs(offset) % 60);
}

static void put_date(struct strbuf *out, const struct tm *tm)
{
	strbuf_printf(out, "%s, %d %s %d", days[tm->tm_wday], tm->tm_mday, months[tm->tm_mon], tm->tm_year + 1900);
}

static struct str title_of(const struct muclog_head *head)
{
	return head->title.len ? head->title : jid_bare(&head->room);
}

/* A tag of letters, digits and hyphens: RFC 5646. */
static bool is_language(struct str lang)
{
	for (size_t i = 0; i < lang.len; i++) {
		char c = lang.ptr[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (i && ((c >= '0' && c <= '9') || c == '-'))))
			return false;
	}
	return lang.len >= 2 && lang.len <= 35;
}

/* xmpp:room@service?join, RFC 5122 */
static void put_room_link(struct strbuf *out, const struct muclog_head *head)
{
	strbuf_cstr(out, "<p class=\"jid\"><a href=\"xmpp:");
	muclog_put_url_part(out, jid_bare(&head->room));
	strbuf_cstr(out, "?join\">");
	muclog_put_html(out, jid_bare(&head->room));
	strbuf_cstr(out, "</a></p>\n");
}

static const char opening[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"script-src 'none'; object-src 'none'; "
    "base-uri 'none'; form-action 'none'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<meta name=\"generator\" content=\"stanzad\">\n<title>";

static void put_document_head(struct strbuf *out, const struct muclog_settings *settings,
    const struct muclog_head *head, struct muclog_day day)
{
	strbuf_cstr(out, opening);
	muclog_put_html(out, title_of(head));
	strbuf_printf(out, " \xe2\x80\x93 %04d-%02d-%02d</title>\n", day.year, day.month, day.day);
	if (settings->css_url) {
		strbuf_cstr(out, "<link rel=\"stylesheet\" href=\"");
		muclog_put_html(out, str_of(settings->css_url));
		strbuf_cstr(out, "\">\n");
	} else {
		strbuf_cstr(out, "<style>\n");
		strbuf_cstr(out, settings->css ? settings->css : muclog_style);
		strbuf_cstr(out, "</style>\n");
	}
	strbuf_cstr(out, "</head>\n<body>\n");
}

static void put_navigation(
    struct strbuf *out, const struct muclog_settings *settings, const struct muclog_day *previous)
{
	struct strbuf place = {0};
	strbuf_cstr(out, "<nav aria-label=\"Days\">\n<span class=\"days\">");
	if (previous) {
		strbuf_cstr(out, "<a rel=\"prev\" href=\"");
		muclog_put_way(out, settings, *previous);
		strbuf_printf(
		    out, "\">\xe2\x97\x80 %04d-%02d-%02d</a> ", previous->year, previous->month, previous->day);
	}
	strbuf_cstr(out, "<a rel=\"up\" href=\"./\">\xe2\x96\xb2 Up</a> ");
	muclog_put_next_place(&place, settings);
	muclog_put_gap(out, 0, place.len);
	strbuf_str(out, strbuf_view(&place));
	strbuf_fini(&place);
	strbuf_cstr(out, "</span>\n");
	if (settings->top_url) {
		strbuf_cstr(out, "<a class=\"top\" href=\"");
		muclog_put_html(out, str_of(settings->top_url));
		strbuf_cstr(out, "\">");
		muclog_put_html(out, str_of(settings->top_text));
		strbuf_cstr(out, "</a>\n");
	}
	strbuf_cstr(out, "</nav>\n");
}

static void put_subject(struct strbuf *out, const struct muclog_settings *settings, const struct muclog_head *head)
{
	if (head->description.len) {
		strbuf_cstr(out, "<p class=\"description\" dir=\"auto\">");
		muclog_put_linked(out, head->description, settings->nofollow);
		strbuf_cstr(out, "</p>\n");
	}
	if (!head->subject.len)
		return;
	strbuf_cstr(out, "<p class=\"topic\"><span dir=\"auto\">");
	muclog_put_linked(out, head->subject, settings->nofollow);
	strbuf_cstr(out, "</span>");
	if (head->author.len) {
		strbuf_cstr(out, " <small>set by <bdi>");
		muclog_put_html(out, head->author);
		strbuf_cstr(out, "</bdi></small>");
	}
	strbuf_cstr(out, "</p>\n");
}

static void put_configuration(struct strbuf *out, const struct muclog_head *head)
{
	strbuf_cstr(out, "<details>\n<summary>Room configuration</summary>\n<ul>\n");
	for (unsigned i = 0; muclog_options[i].name; i++)
		strbuf_printf(out, "<li>%s</li>\n",
		    head->options & 1u << i ? muclog_options[i].yes : muclog_options[i].no);
	strbuf_cstr(out, "</ul>\n</details>\n");
}

static void put_html_head(struct strbuf *out, const struct muclog_settings *settings,
    const struct muclog_head *head, const struct tm *tm, const struct muclog_day *previous)
{
	struct muclog_day day = {tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday};
	put_document_head(out, settings, head, day);
	put_navigation(out, settings, previous);
	strbuf_cstr(out, "<header>\n<h1 dir=\"auto\">");
	muclog_put_html(out, title_of(head));
	strbuf_cstr(out, "</h1>\n");
	put_room_link(out, head);
	put_subject(out, settings, head);
	put_configuration(out, head);
	strbuf_printf(out, "</header>\n<main>\n<h2><time datetime=\"%04d-%02d-%02d\">", day.year, day.month, day.day);
	put_date(out, tm);
	strbuf_cstr(out, "</time> <small class=\"zone\">");
	put_zone(out, settings, tm);
	strbuf_cstr(out, "</small></h2>\n<ol class=\"log\"");
	if (is_language(head->lang))
		strbuf_printf(out, " lang=\"%.*s\"", STR_FMT(head->lang));
	strbuf_cstr(out, ">\n");
}

static void put_text_row(struct strbuf *out, const char *name, struct str text)
{
	if (!text.len)
		return;
	strbuf_printf(out, "%-15s", name);
	muclog_put_plain(out, text, 15);
	strbuf_char(out, '\n');
}

static void put_text_head(struct strbuf *out, const struct muclog_settings *settings,
    const struct muclog_head *head, const struct tm *tm)
{
	put_text_row(out, "Room:", title_of(head));
	put_text_row(out, "Address:", jid_bare(&head->room));
	put_text_row(out, "Description:", head->description);
	put_text_row(out, "Subject:", head->subject);
	put_text_row(out, "Set by:", head->author);
	strbuf_printf(out, "%-15s", "Day:");
	put_date(out, tm);
	strbuf_printf(out, "\n%-15s", "Time zone:");
	put_zone(out, settings, tm);
	strbuf_cstr(out, "\nConfiguration:\n");
	for (unsigned i = 0; muclog_options[i].name; i++)
		strbuf_printf(out, "  %s\n", head->options & 1u << i ? muclog_options[i].yes : muclog_options[i].no);
	strbuf_char(out, '\n');
}

void muclog_put_head(struct strbuf *out, const struct muclog_settings *settings, const struct muclog_head *head,
    int64_t real_us, const struct muclog_day *previous)
{
	struct tm tm;
	muclog_time(settings, real_us, &tm);
	if (settings->plain_text)
		put_text_head(out, settings, head, &tm);
	else
		put_html_head(out, settings, head, &tm, previous);
}
