/* SPDX-License-Identifier: Apache-2.0 */
/* Stream errors: RFC 6120 4.9. */
#pragma once

#include "stanzad/str.h"

enum stream_condition {
#define STREAM_CONDITION(token, name) STREAM_##token,
#include "stream/stream_errors.def"
#undef STREAM_CONDITION
	STREAM_CONDITIONS
};

const char *stream_condition_name(enum stream_condition condition);
/* By its element name; undefined-condition for another word. */
enum stream_condition stream_condition_of(const char *name);
/* The condition for a failure of xml_stream_next. */
enum stream_condition stream_condition_of_xml(int xml_result);
/* <stream:error>…</stream:error>; text NULL: none. */
void stream_error_write(struct strbuf *out, enum stream_condition condition, const char *text);
/* With an application-specific condition (RFC 6120 4.9.4), serialised; empty: none. */
void stream_error_write_with(
    struct strbuf *out, enum stream_condition condition, const char *text, struct str application);
