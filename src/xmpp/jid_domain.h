/* SPDX-License-Identifier: Apache-2.0 */
/* The domain part of a JID: RFC 7622 3.2. Any thread. */
#pragma once

#include "stanzad/err.h"
#include "stanzad/str.h"

/*
 * Appends the prepared form of text, which is a name of U-labels and ASCII labels, an IPv4 address or an IPv6
 * address in brackets. A-labels become U-labels, upper case lower, fullwidth forms usual ones, ideographic
 * full stops dots; the final dot goes. IPv6 addresses take the form of RFC 5952. Beyond the RFC, ASCII labels
 * may hold underscores and two hyphens anywhere within, for such hosts exist. < 0 with a reason; out is then
 * unchanged.
 */
int jid_domain_prepare(struct strbuf *out, struct str text, struct err *err);
