/* SPDX-License-Identifier: Apache-2.0 */
/* Dates and times as XMPP writes them: XEP-0082. Always UTC when written. */
#pragma once

#include "stanzad/str.h"

#define DATETIME_MAX 32

/* "2026-11-22T10:09:08.123456Z"; digits (0, 3 or 6) of the fraction. out has DATETIME_MAX bytes,
 * NUL-terminated. */
void datetime_format(char *out, int64_t real_us, int digits);
/* A DateTime with any offset; < 0 when it is none. */
int datetime_parse(struct str text, int64_t *real_us_r);
/* <delay xmlns='urn:xmpp:delay'/> (XEP-0203), serialised; from is a JID text or empty, reason may be empty.
 */
void datetime_delay(struct strbuf *out, struct str from, int64_t real_us, struct str reason);
