/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/stream_error.h"

#include "stanzad/xml.h"
#include "xml/stream.h"

static const char *const names[] = {
#define STREAM_CONDITION(token, name) name,
#include "stream/stream_errors.def"
#undef STREAM_CONDITION
};

const char *stream_condition_name(enum stream_condition condition)
{
	return names[condition];
}

enum stream_condition stream_condition_of(const char *name)
{
	for (int i = 0; i < STREAM_CONDITIONS; i++)
		if (strcmp(names[i], name) == 0)
			return (enum stream_condition)i;
	return STREAM_undefined_condition;
}

enum stream_condition stream_condition_of_xml(int xml_result)
{
	switch (xml_result) {
	case XML_STREAM_RESTRICTED:
		return STREAM_restricted_xml;
	case XML_STREAM_BAD_PREFIX:
		return STREAM_bad_namespace_prefix;
	case XML_STREAM_ENCODING:
		return STREAM_unsupported_encoding;
	case XML_STREAM_TOO_LARGE:
	case XML_STREAM_TOO_DEEP:
	case XML_STREAM_TOO_MANY_ATTRS:
	case XML_STREAM_TOO_MANY_ELEMENTS:
		return STREAM_policy_violation;
	case XML_STREAM_STRAY_TEXT:
		return STREAM_bad_format;
	default:
		return STREAM_not_well_formed;
	}
}

void stream_error_write(struct strbuf *out, enum stream_condition condition, const char *text)
{
	stream_error_write_with(out, condition, text, STR_NULL);
}

void stream_error_write_with(
    struct strbuf *out, enum stream_condition condition, const char *text, struct str application)
{
	strbuf_printf(
	    out, "<stream:error><%s xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>", names[condition]);
	if (text) {
		strbuf_cstr(out, "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>");
		xml_escape(out, str_of(text));
		strbuf_cstr(out, "</text>");
	}
	strbuf_str(out, application);
	strbuf_cstr(out, "</stream:error>");
}
