/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc_log/text.h"

#include "base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"

static bool is_control(uint32_t rune)
{
	return (rune < ' ' && rune != '\t' && rune != '\n') || (rune >= 0x7f && rune < 0xa0);
}

/* Code points that HTML has no place for. */
static bool is_no_character(uint32_t rune)
{
	return (rune & 0xfffe) == 0xfffe || (rune >= 0xfdd0 && rune <= 0xfdef);
}

/* Ends a line, or turns the direction of what is behind it. */
static bool is_layout(uint32_t rune)
{
	return rune == 0x2028 || rune == 0x2029 || (rune >= 0x202a && rune <= 0x202e) ||
	       (rune >= 0x2066 && rune <= 0x2069);
}

/* One character; what is none is the length of a byte and U+FFFD. */
static size_t next_rune(struct str text, size_t at, uint32_t *rune_r)
{
	int len = utf8_next(text.ptr + at, text.ptr + text.len, rune_r);
	if (len > 0)
		return (size_t)len;
	*rune_r = 0xfffd;
	return 1;
}

static const char *entity(uint32_t rune)
{
	switch (rune) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return is_control(rune) || is_no_character(rune) || rune == 0xfffd ? REPLACEMENT : NULL;
	}
}

void muclog_put_html(struct strbuf *out, struct str text)
{
	uint32_t rune;
	for (size_t at = 0, len; at < text.len; at += len) {
		len = next_rune(text, at, &rune);
		const char *written = entity(rune);
		if (written)
			strbuf_cstr(out, written);
		else
			strbuf_add(out, text.ptr + at, len);
	}
}

void muclog_put_plain(struct strbuf *out, struct str text, unsigned indent)
{
	uint32_t rune;
	for (size_t at = 0, len; at < text.len; at += len) {
		len = next_rune(text, at, &rune);
		if (is_control(rune) || is_layout(rune) || is_no_character(rune) || rune == 0xfffd)
			strbuf_cstr(out, REPLACEMENT);
		else
			strbuf_add(out, text.ptr + at, len);
		if (rune == '\n')
			strbuf_printf(out, "%*s", (int)indent, "");
	}
}

/* --- links ---------------------------------------------------------------------------------------------- */

static const char *const schemes[] = {"https://", "http://", "ftp://", "xmpp:", "mailto:", NULL};

static bool is_word(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c >= 0x80;
}

/* How long a scheme is that begins here; 0: none does. */
static size_t scheme_len(struct str text)
{
	for (size_t i = 0; schemes[i]; i++) {
		size_t len = strlen(schemes[i]);
		if (text.len > len && str_ieq((struct str){text.ptr, len}, str_of(schemes[i])))
			return len;
	}
	return 0;
}

/* Of brackets: how many more are opened than closed. */
static int open_brackets(struct str url, const char *pair)
{
	int open = 0;
	for (size_t i = 0; i < url.len; i++)
		open += (url.ptr[i] == pair[0]) - (url.ptr[i] == pair[1]);
	return open;
}

/* Punctuation at the end is the sentence's; so is a bracket that was not opened in the URL. */
static size_t trimmed_len(struct str url, size_t least)
{
	int round = open_brackets(url, "()"), square = open_brackets(url, "[]");
	for (; url.len > least; url.len--) {
		char last = url.ptr[url.len - 1];
		if (!(last == ')' && round++ < 0) && !(last == ']' && square++ < 0) && !strchr(".,;:!?'*_", last))
			break;
	}
	return url.len;
}

/* The URL that begins here; empty: none does. */
static struct str url_at(struct str text)
{
	size_t scheme = scheme_len(text);
	struct str url = {text.ptr, scheme};
	if (!scheme)
		return STR_NULL;
	while (url.len < text.len && (unsigned char)text.ptr[url.len] > ' ' && !strchr("<>\"`\x7f", text.ptr[url.len]))
		url.len++;
	url.len = trimmed_len(url, scheme);
	return url.len > scheme ? url : STR_NULL;
}

static void put_link(struct strbuf *out, struct str url, bool nofollow)
{
	strbuf_cstr(out, "<a href=\"");
	muclog_put_html(out, url);
	strbuf_cstr(out, nofollow ? "\" rel=\"nofollow\">" : "\">");
	muclog_put_html(out, url);
	strbuf_cstr(out, "</a>");
}

void muclog_put_linked(struct strbuf *out, struct str text, bool nofollow)
{
	size_t plain = 0, at = 0;
	while (at < text.len) {
		struct str rest = {text.ptr + at, text.len - at};
		struct str url = at && is_word((unsigned char)text.ptr[at - 1]) ? STR_NULL : url_at(rest);
		bool line = text.ptr[at] == '\n';
		if (!url.len && !line) {
			at++;
			continue;
		}
		muclog_put_html(out, (struct str){text.ptr + plain, at - plain});
		if (line)
			strbuf_cstr(out, "<br>");
		else
			put_link(out, url, nofollow);
		at += line ? 1 : url.len;
		plain = at;
	}
	muclog_put_html(out, (struct str){text.ptr + plain, at - plain});
}
