/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc_log/line.h"

#include <stdlib.h>

#include "modules/mod_muc_log/names.h"
#include "modules/mod_muc_log/text.h"

#define NICK_COLOURS 12

/* %n: the nick, %b: by whom, %a: the affiliation. 'tail' is what leads over to the text. */
static const struct {
	const char *name; /* class of the line */
	const char *words, *unknown, *tail; /* unknown: when nobody is named */
} kinds[] = {
    [MUCLOG_MESSAGE] = {"say", "%n", "", ": "},
    [MUCLOG_SUBJECT] = {"subject", "%n set the subject", "The subject was set", ": "},
    [MUCLOG_JOIN] = {"join", "%n joined the room", NULL, ": "},
    [MUCLOG_LEAVE] = {"leave", "%n left the room", NULL, ": "},
    [MUCLOG_KICK] = {"kick", "%n was kicked", NULL, ": "},
    [MUCLOG_BAN] = {"kick", "%n was banned", NULL, ": "},
    [MUCLOG_NO_MEMBER] = {"kick", "%n had to leave, being no member", NULL, ": "},
    [MUCLOG_ERROR] = {"leave", "%n was lost", NULL, ": "},
    [MUCLOG_RENAME] = {"renamed", "%b is now known as %n", NULL, ": "},
    [MUCLOG_AFFILIATION] = {"role", "%n is now %a", NULL, ": "},
    [MUCLOG_CONFIGURED] = {"room", "", "The configuration was changed", ".\n"},
    [MUCLOG_CREATED] = {"room", "", "The room was created", ": "},
    [MUCLOG_DESTROYED] = {"room", "", "The room was destroyed", ": "},
    [MUCLOG_STARTED] = {"room", "", "The service was started", ": "},
    [MUCLOG_CLOSED] = {"room", "", "The room was closed by the service", ": "},
    [MUCLOG_LOST] = {"lost", "", "There was more than could be logged; not here", ": "},
};

static const char *const affiliations[] = {
    [ROOM_OUTCAST] = "banned",
    [ROOM_NONE] = "a guest",
    [ROOM_MEMBER] = "a member",
    [ROOM_ADMIN] = "an administrator",
    [ROOM_OWNER] = "an owner",
};

/* How words are put: one for pages, one for plain text. */
struct hand {
	void (*nick)(struct strbuf *out, struct str nick);
	void (*text)(struct strbuf *out, const struct muclog_settings *settings, struct str text);
};

static const char *words_of(const struct muclog_event *event)
{
	if (event->kind == MUCLOG_SUBJECT && !event->text.len)
		return event->nick.len ? "%n took the subject away" : "The subject was taken away";
	if (event->kind == MUCLOG_AFFILIATION && event->by.len)
		return "%b made %n %a";
	return event->nick.len && *kinds[event->kind].words ? kinds[event->kind].words : kinds[event->kind].unknown;
}

static void put_sentence(struct strbuf *out, const struct muclog_settings *settings,
    const struct muclog_event *event, const struct hand *hand)
{
	const char *words = words_of(event);
	for (const char *at = words ? words : ""; *at; at++) {
		if (*at != '%')
			strbuf_char(out, *at);
		else if (*++at == 'a')
			strbuf_cstr(out, affiliations[event->affiliation]);
		else
			hand->nick(out, *at == 'n' ? event->nick : event->by);
	}
	if (event->by.len && words && !strstr(words, "%b")) {
		strbuf_cstr(out, " by ");
		hand->nick(out, event->by);
	}
	if (event->text.len) {
		hand->text(out, settings, str_of(kinds[event->kind].tail));
		hand->text(out, settings, event->text);
	}
}

static bool is_action(const struct muclog_event *event)
{
	return event->kind == MUCLOG_MESSAGE && event->nick.len && str_starts(event->text, "/me ");
}

static struct str action_text(const struct muclog_event *event)
{
	return (struct str){event->text.ptr + 4, event->text.len - 4};
}

static void put_clock(struct strbuf *out, const struct tm *tm)
{
	strbuf_printf(out, "%02d:%02d:%02d", tm->tm_hour, tm->tm_min, tm->tm_sec);
}

/* --- pages ---------------------------------------------------------------------------------------------- */

/* The same nick has the same colour on all pages: FNV-1a. */
static unsigned colour_of(struct str nick)
{
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < nick.len; i++)
		hash = (hash ^ (unsigned char)nick.ptr[i]) * 16777619u;
	return hash % NICK_COLOURS;
}

static void html_nick(struct strbuf *out, struct str nick)
{
	strbuf_printf(out, "<b class=\"nick n%u\"><bdi>", colour_of(nick));
	muclog_put_html(out, nick);
	strbuf_cstr(out, "</bdi></b>");
}

static void html_text(struct strbuf *out, const struct muclog_settings *settings, struct str text)
{
	muclog_put_linked(out, text, settings->nofollow);
}

static const struct hand html_hand = {html_nick, html_text};

static void put_stamp(struct strbuf *out, const struct muclog_event *event, const struct tm *tm)
{
	long offset = tm->tm_gmtoff / 60;
	strbuf_printf(out, "<a class=\"ts\" href=\"#t%lld\"><time datetime=\"%04d-%02d-%02dT", (long long)event->at_us,
	    tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday);
	put_clock(out, tm);
	strbuf_printf(out, "%c%02ld:%02ld\">", offset < 0 ? '-' : '+', labs(offset) / 60, labs(offset) % 60);
	put_clock(out, tm);
	strbuf_cstr(out, "</time></a> ");
}

static void put_body(struct strbuf *out, const struct muclog_settings *settings, const struct muclog_event *event)
{
	if (event->nick.len)
		html_nick(out, event->nick);
	strbuf_cstr(out, " <span class=\"text\" dir=\"auto\">");
	html_text(out, settings, is_action(event) ? action_text(event) : event->text);
	strbuf_cstr(out, "</span>");
	if (event->corrected)
		strbuf_cstr(out, " <small>corrected</small>");
}

void muclog_put_line(struct strbuf *out, const struct muclog_settings *settings, const struct muclog_event *event)
{
	struct tm tm;
	muclog_time(settings, event->at_us, &tm);
	strbuf_printf(out, "<li id=\"t%lld\" class=\"%s\">", (long long)event->at_us,
	    is_action(event) ? "me" : event->kind == MUCLOG_MESSAGE && !event->nick.len ? "say room" :
										      kinds[event->kind].name);
	put_stamp(out, event, &tm);
	if (event->kind == MUCLOG_MESSAGE) {
		put_body(out, settings, event);
	} else {
		strbuf_cstr(out, "<span class=\"text\">");
		put_sentence(out, settings, event, &html_hand);
		strbuf_cstr(out, "</span>");
	}
	strbuf_cstr(out, "</li>\n");
}

/* --- plain text ----------------------------------------------------------------------------------------- */

#define INDENT 11 /* "[10:09:08] " */

static void plain_nick(struct strbuf *out, struct str nick)
{
	muclog_put_plain(out, nick, INDENT);
}

static void plain_text(struct strbuf *out, const struct muclog_settings *settings, struct str text)
{
	muclog_put_plain(out, text, INDENT);
}

static const struct hand plain_hand = {plain_nick, plain_text};

void muclog_put_text_line(
    struct strbuf *out, const struct muclog_settings *settings, const struct muclog_event *event)
{
	struct tm tm;
	muclog_time(settings, event->at_us, &tm);
	strbuf_char(out, '[');
	put_clock(out, &tm);
	strbuf_cstr(out, "] ");
	if (event->kind != MUCLOG_MESSAGE) {
		strbuf_cstr(out, "*** ");
		put_sentence(out, settings, event, &plain_hand);
	} else {
		strbuf_cstr(out, is_action(event) ? "* " : "<");
		plain_nick(out, event->nick);
		strbuf_cstr(out, is_action(event) ? " " : "> ");
		plain_text(out, settings, is_action(event) ? action_text(event) : event->text);
	}
	strbuf_cstr(out, event->corrected ? " (corrected)\n" : "\n");
}
