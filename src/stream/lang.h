/* SPDX-License-Identifier: Apache-2.0 */
/* Language tags (BCP 47), kept once per process: a stream's language outlives the stream in the stanzas it
 * sent. */
#pragma once

#include "stanzad/str.h"

/* The same tag for as long as the process lives. ptr NULL when it is no tag (letters, digits, hyphens, up to
 * 35) or when too many different ones were seen. Any thread. */
struct str lang_intern(struct str tag);
/* At the end of the process. */
void lang_fini(void);
