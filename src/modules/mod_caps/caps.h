/* SPDX-License-Identifier: Apache-2.0 */
/* The verification string of entity capabilities: XEP-0115 5. Pure. */
#pragma once

#include "stanzad/xml.h"

#define CAPS_VER_SIZE 29 /* base64 of a SHA-1, and a NUL */

/* The string S of XEP-0115 5.1 of a disco#info <query/>. */
void caps_verification_string(const struct xml *query, struct strbuf *out);
/* Its SHA-1 in base64; empty when there is no SHA-1 to be had. */
void caps_ver(const struct xml *query, char ver[CAPS_VER_SIZE]);
