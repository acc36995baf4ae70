/* SPDX-License-Identifier: Apache-2.0 */
/* The XML declaration in front of a stream header (XML 1.0 2.8). */
#pragma once

#include <stdint.h>

#include "stanzad/str.h"

/*
 * bytes begin with "<?". TAPE_NEXT and its length in *used_r; TAPE_MORE; or a failure: XML_STREAM_RESTRICTED
 * for any other processing instruction, XML_STREAM_ENCODING for another encoding than UTF-8.
 */
int xml_prolog_read(struct str bytes, uint32_t *used_r);
