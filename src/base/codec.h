/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648, padded, strict) and lower-case hexadecimal. */
#pragma once

#include "stanzad/str.h"

void base64_encode(struct strbuf *out, const void *bytes, size_t len);
/* Strict: no white space, correct padding, no stray bits. < 0 when it is not base64 (out is then unchanged).
 */
int base64_decode(struct strbuf *out, struct str text);
void hex_encode(struct strbuf *out, const void *bytes, size_t len);
