/* SPDX-License-Identifier: Apache-2.0 */
/* Looking up the tokens of names and namespaces. */
#pragma once

#include "stanzad/str.h"
#include "stanzad/xml_tokens.h"

/* The texts; empty for XNS_OTHER and XNS_NONE. */
extern const struct str xml_ns_strs[XNS_COUNT];

enum xml_name xml_name_find(struct str text);
/* XNS_NONE for the empty string. */
enum xml_ns xml_ns_find(struct str text);
