/* SPDX-License-Identifier: Apache-2.0 */
/* What a stream header declared: nothing needs to be kept when it is what nearly every peer sends. */
#pragma once

#include "xml/tape.h"

struct xml_root {
	struct str name; /* as in the tag, with its prefix */
	struct str default_ns;
	enum xml_ns default_token;
	uint32_t prefix_count;
	struct xml_prefix prefixes[]; /* the strings are behind it */
};

/*
 * From the tape of a header. NULL when it is <stream:stream> in the usual namespace, with content_ns as the
 * default and no other prefix. free() it.
 */
struct xml_root *xml_root_new(const struct tape *header, enum xml_ns content_ns);
/* The scope of the stanzas; root may be NULL. */
struct xml_scope xml_root_scope(const struct xml_root *root, enum xml_ns content_ns);
