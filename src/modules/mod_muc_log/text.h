/* SPDX-License-Identifier: Apache-2.0 */
/* What peers wrote, made harmless for a page or a line of plain text. Pure; any thread. */
#pragma once

#include "stanzad/str.h"

/* Escaped for content and for attribute values. Bytes that HTML does not have become U+FFFD. */
void muclog_put_html(struct strbuf *out, struct str text);
/* The same for running text: URLs (http, https, ftp, xmpp, mailto) are links, a newline is <br>. */
void muclog_put_linked(struct strbuf *out, struct str text, bool nofollow);
/*
 * For a line of plain text: control characters, those that end a line, and those that turn the direction of text
 * become U+FFFD. A newline stays one, and 'indent' spaces are in front of what follows it, so that nothing in a message
 * looks like a line of its own.
 */
void muclog_put_plain(struct strbuf *out, struct str text, unsigned indent);
