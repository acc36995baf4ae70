/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page: what is on top of a day, and how it ends. Pure; any thread.
 *
 * The way to the next day is not known when a page begins. A comment as long as that link keeps its place. This and the
 * end of a page lie within one page of memory, 4096 bytes, of the file, so that writing over them is done or not done,
 * even when the process is killed in between.
 */
#pragma once

#include "modules/mod_muc_log/event.h"
#include "modules/mod_muc_log/names.h"

#define MUCLOG_BLOCK 4096
/* Ends every HTML page. */
#define MUCLOG_FOOT "</ol>\n</main>\n</body>\n</html>\n"

/* Everything in front of the first line; out is empty before. previous: NULL: there is no earlier day. */
void muclog_put_head(struct strbuf *out, const struct muclog_settings *settings, const struct muclog_head *head,
    int64_t real_us, const struct muclog_day *previous);
/* What keeps the place of the link to the next day, and the link, both equally long. */
void muclog_put_next_place(struct strbuf *out, const struct muclog_settings *settings);
void muclog_put_next(struct strbuf *out, const struct muclog_settings *settings, struct muclog_day next);
/* Appends white space until 'more' bytes behind it, 'at' being where out begins in the file, are within one block. */
void muclog_put_gap(struct strbuf *out, size_t at, size_t more);

/* The style that is used when there is no cssfile. */
extern const char muclog_style[];
