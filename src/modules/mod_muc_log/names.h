/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a day of a room is: OUTDIR/ROOM/2026/11/22.html, or OUTDIR/ROOM/2026-11-22.html. Pure; any thread.
 *
 * The name of a room is chosen by a peer. Its folder has that name where it can be one: never "." or "..", no dot
 * in front, no slash, no control character (these, and '%', are written as %2F), and no more than 220 bytes: what is
 * longer than 200 ends in a hash. Different names make different folders.
 */
#pragma once

#include <time.h>

#include "modules/mod_muc_log/settings.h"

/* A day in the time zone of the logs. */
struct muclog_day {
	int year, month, day; /* 2026, 1..12, 1..31 */
};

/* Broken-down time as the settings want it. */
void muclog_time(const struct muclog_settings *settings, int64_t real_us, struct tm *tm_r);
struct muclog_day muclog_day_of(const struct muclog_settings *settings, int64_t real_us);
/* Less than 0: a is earlier; 0: the same. */
int muclog_day_compare(struct muclog_day a, struct muclog_day b);

/* Appends the folder of a room below outdir: one name. */
void muclog_put_folder(struct strbuf *out, const struct muclog_settings *settings, const struct jid *room);
/* Appends the file of a day below the room's folder: "2026/11/22.html". */
void muclog_put_file(struct strbuf *out, const struct muclog_settings *settings, struct muclog_day day);
/* Appends the way from one day's page to another's: always as long, whatever the day. */
void muclog_put_way(struct strbuf *out, const struct muclog_settings *settings, struct muclog_day day);
/* The day whose file has that name below the room's folder; false: none has. */
bool muclog_file_day(const struct muclog_settings *settings, struct str name, struct muclog_day *day_r);
/* Appends text as a part of a URL's path. */
void muclog_put_url_part(struct strbuf *out, struct str text);
