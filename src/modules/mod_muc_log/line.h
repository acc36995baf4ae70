/* SPDX-License-Identifier: Apache-2.0 */
/* One event as a line of a page. Pure; any thread. */
#pragma once

#include "modules/mod_muc_log/event.h"
#include "modules/mod_muc_log/settings.h"

/* <li id='t1767225600000000'>: the stamp in it is a link to itself. */
void muclog_put_line(struct strbuf *out, const struct muclog_settings *settings, const struct muclog_event *event);
/* "[10:09:08] <nick> text", "[10:09:08] * nick does", "[10:09:08] *** nick joined the room"; with its newline. */
void muclog_put_text_line(
    struct strbuf *out, const struct muclog_settings *settings, const struct muclog_event *event);
