/* SPDX-License-Identifier: Apache-2.0 */
/* Writing elements of trees. */
#pragma once

#include "stanzad/xml.h"

/*
 * Serialises root and everything in it for a place where its own namespace is the default, declaring each
 * prefix on the element that uses it, so that the bytes within every element mean the same wherever its
 * namespace is the default. False when that takes more than max bytes.
 */
bool xml_write_canonical(struct strbuf *out, const struct xml *root, size_t max);
/* False when there are bytes in it that xml_escape would replace. */
bool xml_can_carry(struct str text);
/* Character data: escapes what XML cannot have there. */
void xml_write_text(struct strbuf *out, struct str text);
/* An attribute value, without quotes; good in either kind. White space stays what it is. */
void xml_write_value(struct strbuf *out, struct str value);
