/* SPDX-License-Identifier: Apache-2.0 */
/* Names and namespaces that the server knows, as small integers: one row each in xml_names.def and
 * xml_namespaces.def. */
#pragma once

#include <stdint.h>

enum xml_name {
	XN_OTHER,
#define XML_NAME(token, text) XN_##token,
#include "stanzad/xml_names.def"
#undef XML_NAME
	XN_COUNT
};

enum xml_ns {
	XNS_OTHER,
	XNS_NONE, /* no namespace */
#define XML_NAMESPACE(token, text) XNS_##token,
#include "stanzad/xml_namespaces.def"
#undef XML_NAMESPACE
	XNS_COUNT
};

/* The text of a token; for XNS_OTHER, XN_OTHER and XNS_NONE the empty string. */
const char *xml_name_text(enum xml_name token);
const char *xml_ns_text(enum xml_ns token);
