/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc_log/names.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "base/codec.h"

#define NAME_MAX_PLAIN 200
#define NAME_KEPT 180
#define NAME_HASH 16 /* bytes */

void muclog_time(const struct muclog_settings *settings, int64_t real_us, struct tm *tm_r)
{
	time_t seconds = (time_t)(real_us / 1000000);
	if (settings->universal)
		gmtime_r(&seconds, tm_r);
	else
		localtime_r(&seconds, tm_r);
}

struct muclog_day muclog_day_of(const struct muclog_settings *settings, int64_t real_us)
{
	struct tm tm;
	muclog_time(settings, real_us, &tm);
	return (struct muclog_day){tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday};
}

int muclog_day_compare(struct muclog_day a, struct muclog_day b)
{
	if (a.year != b.year)
		return a.year - b.year;
	return a.month != b.month ? a.month - b.month : a.day - b.day;
}

static bool is_safe(unsigned char c, size_t at)
{
	return c > ' ' && c != 0x7f && c != '/' && c != '\\' && c != '%' && !(c == '.' && at == 0);
}

/* What is cut off is told apart by a hash of the whole. */
static void shorten(struct strbuf *out, size_t from, struct str name)
{
	unsigned char hash[EVP_MAX_MD_SIZE] = {0};
	size_t end = from + NAME_KEPT;
	EVP_Digest(name.ptr, name.len, hash, NULL, EVP_sha256(), NULL);
	while (((unsigned char)out->ptr[end] & 0xc0) == 0x80)
		end--;
	out->len = end;
	strbuf_char(out, '~');
	hex_encode(out, hash, NAME_HASH);
}

void muclog_put_folder(struct strbuf *out, const struct muclog_settings *settings, const struct jid *room)
{
	struct str name = settings->room_name && room->local_len ? jid_local(room) : jid_bare(room);
	size_t from = out->len;
	for (size_t i = 0; i < name.len; i++) {
		if (is_safe((unsigned char)name.ptr[i], i))
			strbuf_char(out, name.ptr[i]);
		else
			strbuf_printf(out, "%%%02X", (unsigned char)name.ptr[i]);
	}
	if (out->len - from > NAME_MAX_PLAIN)
		shorten(out, from, name);
}

void muclog_put_file(struct strbuf *out, const struct muclog_settings *settings, struct muclog_day day)
{
	const char *format = settings->plain_dirs ? "%04d-%02d-%02d" : "%04d/%02d/%02d";
	strbuf_printf(out, format, day.year, day.month, day.day);
	strbuf_cstr(out, settings->plain_text ? ".txt" : ".html");
}

void muclog_put_way(struct strbuf *out, const struct muclog_settings *settings, struct muclog_day day)
{
	strbuf_cstr(out, settings->plain_dirs ? "" : "../../");
	muclog_put_file(out, settings, day);
}

bool muclog_file_day(const struct muclog_settings *settings, struct str name, struct muclog_day *day_r)
{
	struct strbuf same = {0};
	struct muclog_day day;
	char text[32];
	snprintf(text, sizeof(text), "%.*s", STR_FMT(name));
	bool found = sscanf(text, settings->plain_dirs ? "%4d-%2d-%2d" : "%4d/%2d/%2d", &day.year, &day.month,
			 &day.day) == 3 &&
		     day.year >= 0 && day.month >= 1 && day.month <= 12 && day.day >= 1 && day.day <= 31;
	if (found) {
		muclog_put_file(&same, settings, day);
		found = str_eq(strbuf_view(&same), name);
	}
	strbuf_fini(&same);
	if (found)
		*day_r = day;
	return found;
}

void muclog_put_url_part(struct strbuf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    (c && strchr("-._~@", c)))
			strbuf_char(out, (char)c);
		else
			strbuf_printf(out, "%%%02X", c);
	}
}
